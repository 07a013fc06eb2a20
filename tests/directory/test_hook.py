"""The password hook: one POST to a real HTTP server, of which only the status counts, and never too long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from tests.harness import free_port, within
from tests.keypair import write_pair
from voltgate.carriers.websocket import reaching
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.directory import asking as module
from voltgate.directory.asking import Undecided
from voltgate.directory.hook import Hook

REACH = partial(Attempt, Resolver())


@dataclass
class Server:
    """An HTTP server that answers as it is told, and keeps what it was asked."""

    port: int = field(default_factory=free_port)
    status: int = 204
    delay: float = 0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one question."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        await asyncio.sleep(self.delay)
        self.at_once -= 1
        return web.Response(status=self.status)

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        """Give the URL of the server."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"


@contextlib.asynccontextmanager
async def serving(server: Server, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a server."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", server.port, ssl_context=context)
    await site.start()
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that runs."""
    async with serving(Server()) as running:
        yield running


async def ask(url: str, hook: Hook | None = None) -> bool:
    """Ask about one station."""
    return await within((hook or Hook(REACH)).ask(url, "CP-1", "192.0.2.1", b"Basic QTpi"), "the hook's verdict")


async def test_what_is_asked(server: Server) -> None:
    """One POST of a JSON object with station, address and the header as it came, any bytes included."""
    assert await Hook(REACH).ask(server.url("/a/hook?x=1&y="), "Zoë", "2001:db8::1", b"Basic \xff")
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/a/hook?x=1&y=")
    assert json.loads(body) == {"station": "Zoë", "address": "2001:db8::1", "authorization": "Basic \xff"}
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize(
    ("path", "asked"), [("", "/"), ("/", "/"), ("?x=1", "/?x=1"), ("//a//b", "//a//b"), ("/a%20b", "/a%20b")]
)
async def test_the_path_is_kept(server: Server, path: str, asked: str) -> None:
    """The path is asked for as it was written, also where there is none."""
    assert await ask(server.url(path))
    assert server.asked[0][1] == asked


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, True), (204, True), (299, True), (401, False), (403, False), (404, False)],
)
async def test_the_status_is_the_verdict(server: Server, status: int, verdict: bool) -> None:
    """2xx lets a station in; 401, 403 and 404 refuse it."""
    server.status = status
    assert await ask(server.url()) is verdict


@pytest.mark.parametrize("status", [301, 302, 400, 405, 429, 500, 503])
async def test_any_other_status_decides_nothing(server: Server, status: int) -> None:
    """A redirection, a fault and the like are no verdict; where it leads to is not followed."""
    server.status = status
    with pytest.raises(Undecided, match=f"answered {status}"):
        await ask(server.url())
    assert len(server.asked) == 1


async def test_a_server_that_is_slow(server: Server) -> None:
    """A hook that takes too long has decided nothing."""
    server.delay = 30
    with pytest.raises(Undecided, match=r"did not answer within 0\.2 s"):
        await ask(server.url(), Hook(REACH, patience=0.2))
    server.delay = 0
    assert await ask(server.url())


async def test_a_server_that_is_away() -> None:
    """A hook that cannot be reached, or whose name leads nowhere, has decided nothing."""
    with pytest.raises(Undecided):
        await ask(f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(Undecided):
        await ask("http://a..b/")


async def test_only_so_many_are_asked_at_once(server: Server) -> None:
    """A hook is asked a bounded number of questions at a time; those that wait are asked within their patience."""
    server.delay = 0.05
    hook = Hook(REACH, at_once=2)
    assert all(await asyncio.gather(*(ask(server.url(), hook) for _ in range(8))))
    assert server.most_at_once <= 2
    assert len(server.asked) == 8


async def test_the_wait_for_a_turn_counts(server: Server) -> None:
    """Waiting behind others uses up the same patience: nobody waits longer than that in all."""
    server.delay = 30
    hook = Hook(REACH, patience=0.3, at_once=1)
    verdicts = await asyncio.gather(*(ask(server.url(), hook) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(verdict, Undecided) for verdict in verdicts)


async def test_a_hook_that_hangs_leaves_room_for_others(server: Server) -> None:
    """Each has its own number of questions at a time: those of another do not wait behind it."""
    hook, asked = Hook(REACH, patience=20, at_once=1), asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with talking(hang) as hung:
        waiting = asyncio.ensure_future(ask(hung, hook))
        await within(asked.wait(), "the first hook is asked")
        assert await ask(server.url(), hook)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_hook_with_an_address_that_is_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question that met it is not decided; the next one goes to the other address of the name."""
    monkeypatch.setattr(reaching, "_DELAY", 600.0)  # however long it takes to accept
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", server.port))
        silent.listen(16)
        names = Resolver(look_up=lambda host, port: ["127.0.0.2", "127.0.0.1"])
        url = f"http://hook.test:{server.port}/"
        with pytest.raises(Undecided, match="did not answer within"):
            await ask(url, Hook(partial(Attempt, names), patience=0.2))
        assert await ask(url, Hook(partial(Attempt, names), patience=20))


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """Run a server that says something by hand once it was asked."""

    guests: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guests.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
            await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            writer.transport.abort()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()
        for guest in guests:
            guest.cancel()
        await asyncio.gather(*guests, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed by the loop's next turn


def saying(data: bytes) -> Talk:
    """Say this, and end."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return talk


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc Nonsense\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"x" * 100_000,
        b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 100_000,
        b"\xff\x00\n",
    ],
)
async def test_what_is_no_answer(data: bytes) -> None:
    """Something that speaks no HTTP, breaks off, or never ends its line has decided nothing."""
    async with talking(saying(data)) as url:
        with pytest.raises(Undecided):
            await ask(url)


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"HTTP/1.0 200 OK\n\n", True),
        (b"HTTP/1.1 403\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe rest never comes", True),
    ],
)
async def test_answers_of_plain_servers(data: bytes, verdict: bool) -> None:
    """Old and terse servers, interim responses, and bodies that never end: the status is enough."""
    async with talking(saying(data)) as url:
        assert await ask(url) is verdict


async def test_a_server_that_talks_for_ever() -> None:
    """Interim responses without end are ended by the patience."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with talking(talk) as url:
        with pytest.raises(Undecided, match="did not answer"):
            await ask(url, Hook(REACH, patience=0.2))


async def test_https_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook by https must show a certificate that is trusted."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_pair(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serving(Server(), context) as server:
        with pytest.raises(Undecided, match="certificate"):
            await ask(server.url(scheme="https"))
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(module, "trust", lambda: trusting)
        assert await ask(f"https://localhost:{server.port}/")
        assert len(server.asked) == 1
