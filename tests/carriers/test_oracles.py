"""Oracles: the carrier against websockets that others wrote, as their server and as their client."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from aiohttp import web
from websockets.asyncio.server import ServerConnection

from tests.carriers.echo import Echo, house, tick, until
from voltgate.carriers.websocket.dial import dial
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.carriers.websocket.listener import ListenerSettings, context_of
from voltgate.carriers.websocket.tls import Certificate
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.carrier import Verdict

TEXTS = ["", "a", "é漢🚗", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536, "é" * 300_000]
PLAIN = ListenerSettings("test", "127.0.0.1", 0, link=LinkSettings(ping=0))
PACKED = ListenerSettings("test", "127.0.0.1", 0, link=LinkSettings(ping=0, compress=True))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost, made for this run."""
    folder = tmp_path_factory.mktemp("tls")
    return make_certificate(folder, "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def make_certificate(folder: Path, kind: str, *options: str) -> Certificate:
    """Make a certificate with its key."""
    chain, key = folder / f"{kind}.crt", folder / f"{kind}.key"
    command = ["openssl", "req", "-x509", "-newkey", kind, *options, "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)
    return Certificate(str(chain), str(key))


# Their clients at our door.


@pytest.mark.parametrize("packed", [False, True])
async def test_a_client_of_websockets(packed: bool) -> None:
    """Every size comes back, whole or in fragments, compressed if both want it; pings and the close are answered."""
    async with house(PACKED if packed else PLAIN) as home:
        compression = "deflate" if packed else None
        uri = f"ws://{home.address}/CP1"
        async with websockets.connect(uri, subprotocols=["ocpp1.6"], compression=compression, max_size=None) as link:
            assert link.subprotocol == "ocpp1.6"
            for text in TEXTS:
                await link.send(text)
                assert await link.recv() == text
            await link.send(["frag", "", "ments"])
            assert await link.recv() == "fragments"
            await (await link.ping(b"hello"))
            await link.close(4000, "bye")
            assert link.close_code == 4000
        assert await home.echoes[0].ended == (4000, "bye")
        assert home.faults == []


@pytest.mark.parametrize("packed", [False, True])
async def test_a_client_of_aiohttp(packed: bool) -> None:
    """The same with another implementation."""
    async with house(PACKED if packed else PLAIN) as home, aiohttp.ClientSession() as session:
        uri = f"ws://{home.address}/CP1"
        async with session.ws_connect(
            uri, protocols=["ocpp2.0.1"], compress=15 if packed else 0, max_msg_size=0
        ) as link:
            assert link.protocol == "ocpp2.0.1"
            for text in TEXTS:
                await link.send_str(text)
                assert (await link.receive()).data == text
            await link.ping(b"x")
            await link.close(code=1000, message=b"done")
        assert await home.echoes[0].ended == (1000, "done")


async def test_what_a_client_sends_can_go_on_as_it_came() -> None:
    """An uncompressed text keeps the very frame that it came in, also when several come in one read."""
    async with house(PLAIN) as home, websockets.connect(f"ws://{home.address}/CP1", compression=None) as link:
        for number in range(50):
            await link.send(f'[2,"{number}","Heartbeat",{{}}]')
        for number in range(50):
            assert await link.recv() == f'[2,"{number}","Heartbeat",{{}}]'
        frames = home.echoes[0].frames
        assert all(frame is not None and frame[0] == 0x81 and frame[1] & 0x80 for frame in frames)


async def test_a_fault_of_ours_closes_with_1011() -> None:
    """An exception behind the link is reported, the link is closed, the next one is served."""
    async with house(PLAIN) as home:
        async with websockets.connect(f"ws://{home.address}/CP1") as link:
            await link.send("fail")
            with pytest.raises(websockets.ConnectionClosed):
                await link.recv()
            assert link.close_code == 1011
        assert len(home.faults) == 1
        async with websockets.connect(f"ws://{home.address}/CP1") as link:
            await link.send("x")
            assert await link.recv() == "x"


# Our dial to their servers.


@contextlib.asynccontextmanager
async def dialling(url: str, **more: Any) -> AsyncIterator[tuple[Link | Verdict, Echo]]:
    """Dial with a wheel that turns."""
    wheel = Wheel(time.monotonic(), 0.02)
    ticking = asyncio.ensure_future(tick(wheel))
    how: dict[str, Any] = {
        "offer": ("ocpp1.6",),
        "headers": (),
        "ssl": None,
        "settings": LinkSettings(ping=0),
        "timeout": 10.0,
    }

    def report(fault: Exception, link: Link) -> None:
        raise AssertionError(fault)

    result = await dial(url, wheel=wheel, clock=time.monotonic, report=report, **(how | more))
    echo = Echo(answers=False)
    try:
        yield result, echo
    finally:
        if isinstance(result, Link):
            result.abort("the test is over")
        await asyncio.sleep(0.05)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


async def _echo(link: ServerConnection) -> None:
    async for text in link:
        await link.send(text)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_server_of_websockets(packed: bool) -> None:
    """Every size comes back; their pings are answered; our close is finished by them."""
    compression = "deflate" if packed else None
    async with websockets.serve(
        _echo, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=compression, max_size=None, ping_interval=0.05
    ) as server:
        port = server.sockets[0].getsockname()[1]
        settings = LinkSettings(ping=0, compress=packed)
        async with dialling(f"ws://127.0.0.1:{port}/CP1", settings=settings) as (link, echo):
            assert isinstance(link, Link)
            assert link.subprotocol == "ocpp1.6"
            link.start(echo)
            for text in TEXTS:
                link.send(text.encode())
            await until(lambda: len(echo.heard) == len(TEXTS), "every echo")
            assert echo.heard == [text.encode() for text in TEXTS]
            await asyncio.sleep(0.2)
            link.close(1001, "leaving")
            assert (await asyncio.wait_for(echo.ended, 10))[0] == 1001


async def test_a_server_of_aiohttp() -> None:
    """The same with another implementation."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        link = web.WebSocketResponse(protocols=["ocpp1.6"], max_msg_size=0)
        await link.prepare(request)
        async for message in link:
            await link.send_str(message.data)
        return link

    app = web.Application()
    app.router.add_get("/{station}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        async with dialling(f"ws://127.0.0.1:{port}/CP1") as (link, echo):
            assert isinstance(link, Link)
            link.start(echo)
            for text in TEXTS:
                link.send(text.encode())
            await until(lambda: len(echo.heard) == len(TEXTS), "every echo")
            assert echo.heard == [text.encode() for text in TEXTS]
            link.close(1000, "")
            await asyncio.wait_for(echo.ended, 10)
    finally:
        await runner.cleanup()


async def test_what_a_server_says_at_once_is_kept() -> None:
    """A message that comes with the 101 waits until somebody listens."""

    async def hasty(link: ServerConnection) -> None:
        await link.send("early")
        await link.wait_closed()

    async with websockets.serve(hasty, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        port = server.sockets[0].getsockname()[1]
        async with dialling(f"ws://127.0.0.1:{port}/CP1") as (link, echo):
            assert isinstance(link, Link)
            await asyncio.sleep(0.1)
            link.start(echo)
            await until(lambda: echo.heard == [b"early"], "the early message")


# TLS.


async def test_both_sides_of_tls(certificate: Certificate) -> None:
    """Their client at our wss door, our dial to it, with trust of its own; without trust there is a verdict."""
    settings = ListenerSettings("test", "127.0.0.1", 0, certificates=(certificate,), link=LinkSettings(ping=0))
    trust = ssl.create_default_context(cafile=certificate.chain)
    async with house(settings) as home:
        uri = f"wss://localhost:{home.listener.port}/CP1"
        async with websockets.connect(uri, ssl=trust, max_size=None) as link:
            for text in TEXTS:
                await link.send(text)
                assert await link.recv() == text
        assert home.knocks[0].secure
        async with dialling(uri, ssl=trust) as (ours, echo):
            assert isinstance(ours, Link)
            ours.start(echo)
            for text in TEXTS:
                ours.send(text.encode())
            await until(lambda: len(echo.heard) == len(TEXTS), "every echo over TLS")
            ours.close(1000, "")
            await asyncio.wait_for(echo.ended, 10)
        async with dialling(uri, ssl=ssl.create_default_context()) as (refused, _):
            assert isinstance(refused, Verdict)
            assert refused.status is None


@pytest.mark.parametrize(
    "cipher",
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES256-GCM-SHA384"],
)
async def test_the_four_cipher_suites(cipher: str, certificate: Certificate, tmp_path: Path) -> None:
    """With an RSA and an ECDSA certificate a door speaks the four suites that OCPP demands."""
    rsa = make_certificate(tmp_path, "rsa:2048")
    settings = ListenerSettings("test", "127.0.0.1", 0, certificates=(rsa, certificate), link=LinkSettings(ping=0))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(cipher)
    async with house(settings) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.listener.port, ssl=client)
        assert writer.get_extra_info("cipher")[0] == cipher
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
        assert reader is not None


async def test_old_tls_is_refused(certificate: Certificate) -> None:
    """TLS 1.1 and older get no handshake."""
    settings = ListenerSettings("test", "127.0.0.1", 0, certificates=(certificate,), link=LinkSettings(ping=0))
    async with house(settings) as home:
        command = ["openssl", "s_client", "-connect", home.address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 20)
        assert b"Cipher is (NONE)" in said


async def test_a_renewed_certificate_is_shown(certificate: Certificate, tmp_path: Path) -> None:
    """After a change of settings new connections get the new certificate, and the old ones go on."""
    first = make_certificate(tmp_path, "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    settings = ListenerSettings("test", "127.0.0.1", 0, certificates=(first,), link=LinkSettings(ping=0))
    async with house(settings) as home:
        uri = f"wss://localhost:{home.listener.port}/CP1"
        async with websockets.connect(uri, ssl=ssl.create_default_context(cafile=first.chain)) as old:
            Path(first.chain).write_bytes(Path(certificate.chain).read_bytes())
            Path(first.key).write_bytes(Path(certificate.key).read_bytes())
            home.listener.change(settings, context_of(settings))
            async with websockets.connect(uri, ssl=ssl.create_default_context(cafile=certificate.chain)) as new:
                for link in (old, new):
                    await link.send("x")
                    assert await link.recv() == "x"


# Verdicts.


async def _answer(text: bytes, *, close: bool = True) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        with contextlib.suppress(OSError):
            await writer.drain()
            if not close:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwhy?", 401, "401"),
        (b"HTTP/1.1 404 No\r\n\r\n", 404, "404"),
        (b"HTTP/1.1 302 Go\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, "302"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5000, 503, "503"),
        (b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", 101, ""),
        (b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\n\r\n", None, ""),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None, ""),
        (b"", None, "closed"),
        (b"HTTP/1.1 200 Ok\r\nX: " + b"x" * 100_000, None, "longer"),
    ],
)
async def test_what_a_backend_says_instead_is_a_verdict(answer: bytes, status: int | None, words: str) -> None:
    """Refusals, redirects, broken handshakes, other protocols: a value with the status, never an exception."""
    server, port = await _answer(answer)
    async with server, dialling(f"ws://127.0.0.1:{port}/CP1") as (verdict, _):
        assert isinstance(verdict, Verdict)
        assert verdict.status == status
        assert words in verdict.reason
        assert len(verdict.body) <= 1024


async def test_a_backend_that_is_silent_or_absent_is_a_verdict() -> None:
    """Nobody there, or nobody answers: the reason says which."""
    server, port = await _answer(b"", close=False)
    async with server, dialling(f"ws://127.0.0.1:{port}/CP1", timeout=0.3) as (verdict, _):
        assert isinstance(verdict, Verdict)
        assert (verdict.status, verdict.reason) == (None, "no answer within 0.3 s")
    async with dialling(f"ws://127.0.0.1:{port}/CP1") as (verdict, _):
        assert isinstance(verdict, Verdict)
        assert "cannot connect" in verdict.reason


async def test_a_version_that_was_not_offered_is_refused() -> None:
    """A server that chooses what nobody offered has broken the handshake."""
    async with websockets.serve(
        _echo, "127.0.0.1", 0, subprotocols=["ocpp2.1"], select_subprotocol=lambda *_: "ocpp2.1"
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with dialling(f"ws://127.0.0.1:{port}/CP1") as (verdict, _):
            assert isinstance(verdict, Verdict)
