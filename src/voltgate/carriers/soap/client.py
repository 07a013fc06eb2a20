"""The HTTP client of SOAP: posts envelopes, by connections that are kept for the next one."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

from voltgate.carriers.soap.coding import Misencoded, decoded
from voltgate.carriers.websocket import tls
from voltgate.carriers.websocket.heads import Headers
from voltgate.ocpp.soap.writing import CONTENT_TYPE

_KEPT = 64
"""Idle connections that are kept to one server."""
_AT_ONCE = 256
"""Posts under way to one server; more wait for their turn."""
_FRESH = 4.0
"""Seconds that an idle connection is kept: many servers close theirs after five."""


class Unreachable(Exception):  # noqa: N818 - it says what is the matter
    """There is no connection, or it was lost before the answer came."""


class NoAnswer(Exception):  # noqa: N818 - it says what is the matter
    """What came is no answer that can be read, or is too large."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post to: a URL, taken apart. `secure` is the context for https."""

    url: str
    host: str
    port: int
    path: str
    authority: str
    secure: ssl.SSLContext | None = field(default=None, compare=False, repr=False)

    @property
    def server(self) -> tuple[str, int, bool]:
        """What connections are kept for."""
        return self.host, self.port, self.secure is not None


def target(url: str, context: ssl.SSLContext | None = None) -> Target:
    """Take a URL apart (http or https). Raises ValueError for one that is neither."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a URL of http or https")
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = (context or ssl.create_default_context()) if is_secure else None
    return Target(url, parts.hostname, port, path, parts.netloc.rpartition("@")[2], secure)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, unpacked."""

    status: int
    content_type: str
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection to a server, for one post at a time."""

    __slots__ = (
        "_body", "_coding", "_content_type", "_has_head", "_is_bounded", "_largest", "_parser", "_size", "_waiter",
        "idle_since", "transport",
    )  # fmt: skip

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._waiter: asyncio.Future[Response] | None = None
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._size = 0
        self._coding = self._content_type = ""
        self._is_bounded = False
        self._has_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    @property
    def is_open(self) -> bool:
        """Tell whether another post may go by it."""
        return self.transport is not None and not self.transport.is_closing()

    async def post(self, request: bytes) -> Response:
        """Send a request and wait for its answer. Raises Unreachable and NoAnswer."""
        if self.transport is None:
            raise Unreachable("the connection was lost")
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fail(NoAnswer(f"the answer is not HTTP: {type(problem).__name__}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the headers that count."""
        match name.lower():
            case b"content-encoding":
                self._coding = value.decode("latin-1").strip().lower()
            case b"content-type":
                self._content_type = value.decode("latin-1")
            case b"content-length" | b"transfer-encoding":
                self._is_bounded = True

    def on_headers_complete(self) -> None:
        """Hear that the body begins."""
        self._has_head = True

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._size += len(part)
        if self._size > self._largest:
            self._fail(NoAnswer(f"the answer is longer than {self._largest} bytes"))
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Take the whole answer; a 100 goes before the one that counts."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._clear()
            return
        self._complete(status, keeps=self._parser.should_keep_alive())

    def _complete(self, status: int, *, keeps: bool) -> None:
        content_type, coding, body = self._content_type, self._coding, b"".join(self._body)
        self._clear()
        try:
            response = Response(status, content_type, decoded(body, coding, self._largest))
        except Misencoded as problem:
            self._fail(NoAnswer(str(problem)))
            return
        if not keeps:
            self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(response)

    def _fail(self, problem: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(problem)
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if exc is None and self._has_head and not self._is_bounded:
            self._complete(self._parser.get_status_code(), keeps=False)  # its end is that of the connection
        self._fail(Unreachable("the connection was lost before the answer came"))

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.abort()


class Client:
    """Posts envelopes. `largest` bounds answers, in bytes; `user_agent` is how we call ourselves."""

    def __init__(self, largest: int, user_agent: str) -> None:
        self._largest = largest
        self._agent = user_agent
        self._idle: dict[tuple[str, int, bool], deque[_Connection]] = {}
        self._gates: dict[tuple[str, int, bool], asyncio.Semaphore] = {}

    async def post(
        self,
        to: Target,
        body: bytes,
        action: str,
        headers: tuple[tuple[str, str], ...],
        connect: float,
        patience: float,
    ) -> Response:
        """Post an envelope and give the answer. Raises Unreachable, NoAnswer and TimeoutError.

        `connect` and `patience` are the seconds that the connection and all of it may take.
        """
        gate = self._gates.get(to.server)
        if gate is None:
            gate = self._gates[to.server] = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.timeout(patience), gate:
            connection = self._kept(to) or await self._connected(to, connect)
            try:
                response = await connection.post(_request(to, body, action, headers, self._agent))
            except BaseException:
                connection.close()
                raise
            self._keep(to, connection)
            return response

    async def reach(self, to: Target, connect: float) -> None:
        """See that there is a server, and keep the connection. Raises Unreachable."""
        if (connection := self._kept(to)) is None:
            connection = await self._connected(to, connect)
        self._keep(to, connection)

    def _kept(self, to: Target) -> _Connection | None:
        idle = self._idle.get(to.server)
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if connection.is_open and now - connection.idle_since < _FRESH:
                return connection
            connection.close()
        return None

    async def _connected(self, to: Target, connect: float) -> _Connection:
        connection = _Connection(self._largest)
        try:
            async with asyncio.timeout(connect):
                await tls.connect(lambda: connection, to.host, to.port, to.secure, to.host, connect)
        except TimeoutError:
            raise Unreachable(f"no connection within {connect:g} s") from None
        except OSError as problem:
            raise Unreachable(f"cannot connect: {problem.strerror or problem}") from None
        return connection

    def _keep(self, to: Target, connection: _Connection) -> None:
        if not connection.is_open:
            return
        idle = self._idle.setdefault(to.server, deque())
        connection.idle_since = asyncio.get_running_loop().time()
        idle.append(connection)
        if len(idle) > _KEPT:
            idle.popleft().close()

    def close(self) -> None:
        """End every connection that is idle."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


def _request(to: Target, body: bytes, action: str, headers: Headers, agent: str) -> bytes:
    lines = [
        f"POST {to.path} HTTP/1.1",
        f"Host: {to.authority}",
        f'Content-Type: {CONTENT_TYPE}; action="{action}"',
        f"Content-Length: {len(body)}",
        "Accept: application/soap+xml",
        "Accept-Encoding: gzip, deflate",
        *(() if any(name == "User-Agent" for name, _ in headers) else (f"User-Agent: {agent}",)),
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + body
