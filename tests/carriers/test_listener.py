"""The door: its limits, each with a clear refusal, and what becomes of peers that stall, vanish or flood."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from dataclasses import replace

import pytest
import websockets

from tests.carriers.echo import Echo, house, until
from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.carriers.websocket.limits import ListenerLimits
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.carriers.websocket.listener import ListenerSettings
from voltgate.ocpp.wheel import Wheel

HEAD = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def settings(*, link: LinkSettings | None = None, **limits: float) -> ListenerSettings:
    """A door on a free port with these limits."""
    bounds = ListenerLimits(**limits)  # type: ignore[arg-type]
    return ListenerSettings("test", "127.0.0.1", 0, limits=bounds, link=link or LinkSettings(ping=0))


async def say(address: str, data: bytes | str) -> bytes:
    """Send bytes and give everything that comes back until the end."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data if isinstance(data, bytes) else data.encode())
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except OSError:
        return b""
    finally:
        await shut(writer)


async def shut(writer: asyncio.StreamWriter) -> None:
    """Hang up, whatever has become of the connection."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def head(path: str = "/CP1", *more: str) -> str:
    return HEAD.format(path=path) + "".join(f"{line}\r\n" for line in more) + "\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("GET /CP1 HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (head().replace("13", "8"), 426),
        (head().replace("GET", "POST"), 405),
        (head().replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
        (head().replace("Sec-WebSocket-Key", "X-Key"), 400),
        ("rubbish\r\n\r\n", 400),
        (head("/CP1", "X: " + "y" * 20_000), 431),
        (head("/CP1", *(f"X{number}: y" for number in range(200))), 431),
    ],
)
async def test_bad_requests_get_their_status_and_a_reason(data: str, status: int) -> None:
    """Before the upgrade, with the right status and a sentence, and then the connection ends."""
    async with house(settings()) as home:
        answer = await say(home.address, data)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        body = answer.partition(b"\r\n\r\n")[2]
        assert len(body) > 10
        assert home.knocks == []
        if status == 426:
            assert b"\r\nupgrade: websocket" in answer.lower()


async def test_a_head_that_does_not_come_is_not_waited_for() -> None:
    """A slow head gets 408 when its time is over."""
    async with house(settings(head_time=0.2)) as home:
        assert (await say(home.address, "GET /CP1 HTT")).startswith(b"HTTP/1.1 408 ")


async def test_too_many_handshakes_a_second() -> None:
    """Beyond the rate there is 429, with the seconds to wait."""
    async with house(settings(handshakes=0.5, burst=2)) as home:
        answers = [websockets.connect(f"ws://{home.address}/CP{number}") for number in range(2)]
        links = [await answer for answer in answers]
        refused = await say(home.address, head())
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nretry-after: " in refused.lower()
        assert home.listener.refusals["handshakes"] == 1
        for link in links:
            await link.close()


async def test_too_many_connections() -> None:
    """In all there is 503, from one address 429; when one leaves another may come."""
    async with house(settings(connections=2)) as home:
        first, _second = [await websockets.connect(f"ws://{home.address}/CP{number}") for number in range(2)]
        assert (await say(home.address, head())).startswith(b"HTTP/1.1 503 ")
        await first.close()
        await until(lambda: home.listener.links == 1, "the link has gone")
        await (await websockets.connect(f"ws://{home.address}/CP3")).close()
    async with house(settings(per_address=1)) as home, websockets.connect(f"ws://{home.address}/CP1"):
        refused = await say(home.address, head())
        assert refused.startswith(b"HTTP/1.1 429 ")


async def test_a_limit_for_one_address_that_comes_and_goes() -> None:
    """Connections count for their address whether there is a limit or not: a reload may set one, or take it away."""
    async with house(settings()) as home:
        off, on = home.listener.settings, replace(home.listener.settings, limits=ListenerLimits(per_address=2))
        links = [await websockets.connect(f"ws://{home.address}/CP{number}") for number in range(2)]
        home.listener.change(on)
        assert (await say(home.address, head())).startswith(b"HTTP/1.1 429 ")
        await links[0].close()
        await asyncio.wait_for(home.echoes[0].ended, 20)
        async with websockets.connect(f"ws://{home.address}/CP2"):
            home.listener.change(off)
            await links[1].close()
        await until(lambda: home.listener.links == 0, "every link has gone")
        home.listener.change(on)
        for number in range(2):
            await websockets.connect(f"ws://{home.address}/CP{number}")
        assert (await say(home.address, head())).startswith(b"HTTP/1.1 429 ")


async def test_a_slow_decision_holds_up_nobody_else() -> None:
    """One station's backend takes its time: others come in, and in the end there is 503."""
    decided: list[str] = []

    async def admit(handshake: Handshake) -> Admitted | Refused:
        if handshake.identity == "SLOW":
            await asyncio.sleep(60)
        decided.append(handshake.identity or "")
        return Admitted("ocpp1.6", Echo)

    async with house(settings(admission_time=0.5)) as home:
        home.listener._decide = admit
        slow = asyncio.ensure_future(say(home.address, head("/SLOW")))
        for number in range(5):
            await (await websockets.connect(f"ws://{home.address}/CP{number}", subprotocols=["ocpp1.6"])).close()
        assert (await slow).startswith(b"HTTP/1.1 503 ")
        assert decided == [f"CP{number}" for number in range(5)]


async def test_a_client_that_goes_away_cancels_its_admission() -> None:
    """Nobody is dialled any longer for a station that has hung up."""
    cancelled = asyncio.Event()

    async def admit(handshake: Handshake) -> Admitted | Refused:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Refused(503, "never")

    async with house(settings()) as home:
        home.listener._decide = admit
        host, port = home.address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head().encode())
        await until(lambda: home.listener.handshakes == 1, "the handshake")
        await shut(writer)
        await asyncio.wait_for(cancelled.wait(), 10)


async def test_a_fault_in_the_decision_is_500() -> None:
    """A fault of ours is reported, and the station hears 500."""

    async def admit(handshake: Handshake) -> Admitted | Refused:
        raise RuntimeError("a fault")

    async with house(settings()) as home:
        home.listener._decide = admit
        assert (await say(home.address, head())).startswith(b"HTTP/1.1 500 ")
        assert len(home.faults) == 1


# Where a station comes from.


async def test_forwarded_addresses_count_from_trusted_proxies_only() -> None:
    """X-Forwarded-For of a stranger is ignored; of a trusted proxy the rightmost address that is not trusted counts."""
    lines = ("X-Forwarded-For: 6.6.6.6, 10.1.2.3, 127.0.0.9", "X-Real-IP: 7.7.7.7")
    for trusted, address in (((), "127.0.0.1"), (LOOPBACK, "10.1.2.3")):
        listener = ListenerSettings("test", "127.0.0.1", 0, trusted=trusted, link=LinkSettings(ping=0))
        async with house(listener, lambda handshake: Refused(404, "seen")) as home:
            await say(home.address, head("/CP1", *lines))
            assert home.knocks[0].address == address
            assert home.knocks[0].peer == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (b"PROXY TCP4 10.9.8.7 10.0.0.1 1000 9000\r\n", "10.9.8.7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([10, 9, 8, 7, 10, 0, 0, 1]) + b"\x03\xe8\x23\x28",
            "10.9.8.7",
        ),
        (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "127.0.0.1"),
    ],
)
async def test_the_proxy_protocol(header: bytes, address: str) -> None:
    """Versions 1 and 2, from a trusted proxy, name the station's address."""
    listener = ListenerSettings(
        "test", "127.0.0.1", 0, trusted=LOOPBACK, proxy_protocol=True, link=LinkSettings(ping=0)
    )
    async with house(listener, lambda handshake: Refused(404, "seen")) as home:
        await say(home.address, header + head().encode())
        assert home.knocks[0].address == address


async def test_rubbish_in_place_of_a_proxy_header_ends_the_connection() -> None:
    """A trusted proxy that sends none is not served."""
    listener = ListenerSettings(
        "test", "127.0.0.1", 0, trusted=LOOPBACK, proxy_protocol=True, link=LinkSettings(ping=0)
    )
    async with house(listener) as home:
        assert await say(home.address, head()) == b""
        assert home.listener.refusals["proxy header"] == 1


# Peers that stall.


async def test_a_silent_peer_is_found() -> None:
    """Pinged, silent for its misses, cut and reported; a peer that answers pings stays."""
    quick = LinkSettings(ping=0.1, misses=2)
    async with house(settings(link=quick)) as home:
        host, port = home.address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head().encode())
        async with websockets.connect(f"ws://{home.address}/CP2") as alive:
            await until(lambda: home.echoes and home.echoes[0].ended.done(), "the silent one is found")
            code, reason = home.echoes[0].ended.result()
            assert code == 1006
            assert "no sign of life" in reason
            await alive.send("x")
            assert await alive.recv() == "x"
        await shut(writer)


async def test_a_peer_that_does_not_read_is_told_to_nobody_and_bounded() -> None:
    """Its buffer runs full, the receiver hears so; beyond the hard bound it is cut."""
    link = LinkSettings(ping=0, write_high=64 << 10, write_bound=1 << 20)
    async with house(settings(link=link)) as home:
        host, port = home.address.split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(head().encode())
        await until(lambda: home.echoes, "the link")
        echo = home.echoes[0]
        assert echo.link is not None
        for _ in range(400):
            echo.link.send(b"x" * 60_000)
            await asyncio.sleep(0)
        await until(echo.ended.done, "the cut")
        assert not echo.writable_now
        assert home.listener.counts.overflows == 1
        await shut(writer)


async def test_a_pause_stops_reading_and_is_no_silence() -> None:
    """While we do not read, the peer's bytes wait in its own buffers, and it is not taken for dead. Pauses count."""
    async with house(settings(link=LinkSettings(ping=0.1, misses=2))) as home:
        peer = await websockets.connect(f"ws://{home.address}/CP1")
        async with peer:
            await until(lambda: home.echoes, "the link")
            echo = home.echoes[0]
            assert echo.link is not None
            echo.link.pause()
            echo.link.pause()
            await peer.send("held")
            await asyncio.sleep(0.8)
            echo.link.resume()
            await asyncio.sleep(0.1)
            assert echo.heard == []
            assert not echo.ended.done()
            echo.link.resume()
            assert await peer.recv() == "held"


async def test_a_peer_that_does_not_finish_the_close_is_cut() -> None:
    """We close, it says nothing: after the time-out the connection ends."""
    async with house(settings(link=LinkSettings(ping=0, close_timeout=0.2))) as home:
        host, port = home.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head().encode())
        await until(lambda: home.echoes, "the link")
        link = home.echoes[0].link
        assert link is not None
        link.close(1001, "leaving")
        link.close(1000, "again")
        said = await asyncio.wait_for(reader.read(), 10)
        assert b"\x88\x09\x03\xe9leaving" in said
        assert (await home.echoes[0].ended)[0] == 1006
        await shut(writer)


async def test_a_link_whose_peer_is_gone_before_it_starts_still_ends() -> None:
    """`lost` comes exactly once, also when the connection ended before anybody listened."""
    left, right = socket.socketpair()
    left.setblocking(False)
    wheel = Wheel(time.monotonic())
    loop = asyncio.get_running_loop()
    from voltgate.carriers.websocket.link import LinkCounts, Role

    link = Link(
        Role.SERVER, None, LinkSettings(ping=0), wheel, time.monotonic, report=lambda *_: None, counts=LinkCounts()
    )
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, left)
    link.attach(transport)
    transport.abort()
    await asyncio.sleep(0.05)
    right.close()
    echo = Echo()
    link.start(echo)
    assert (await asyncio.wait_for(echo.ended, 5))[0] == 1006
    link.send(b"nobody hears")
    link.close(1000, "")
    link.abort()
