"""The HTTP client of SOAP: posts envelopes, by connections that are kept for the next one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import httptools

from voltgate.carriers.soap.coding import Misencoded, decoded
from voltgate.carriers.soap.target import LENGTH, Target, head_of
from voltgate.carriers.websocket.http_head import Headers
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.soap.names import Edition
from voltgate.relay.tracing import NAME, RUNNING

_AT_ONCE = 256
"""Connections to one server; more posts wait for their turn."""
_MOST_AROUND = 64 << 10
"""Bytes of an answer's head, and of what is around its body besides."""
_MOST_WAITING = 10_000
"""Posts that wait for a connection to one server."""
_LOOK = 0.5
"""Seconds between two looks at deadlines."""
_FRESH = 4.0
"""Seconds that an idle connection is kept: many servers close theirs after five."""


_BOUNDING = frozenset((b"content-length", b"transfer-encoding"))


class Unreachable(Exception):  # noqa: N818 - it says what is the matter
    """There is no connection, or it was lost before the answer came; `sent` says whether the request went out."""

    def __init__(self, reason: str, *, sent: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent


class NoAnswer(Exception):  # noqa: N818 - it says what is the matter
    """What came is no answer that can be read, or is too large."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, unpacked."""

    status: int
    content_type: str
    body: bytes


Outcome: TypeAlias = Response | Unreachable | NoAnswer | TimeoutError
Then: TypeAlias = Callable[[Outcome], None]
"""Called once with the answer, or with what kept it from coming."""


class _Connection(asyncio.Protocol):
    """One connection to a server, for one post at a time.

    `freed` is called when it may be used again, `gone` when it ends while an answer is still to come, or with it, and
    `silent` when an answer did not come in time.
    """

    __slots__ = (
        "_body", "_coding", "_content_type", "_freed", "_gone", "_has_head", "_is_bounded", "_keeps", "_largest",
        "_parser", "_seen", "_size", "_status", "_then", "deadline", "idle_since", "silent", "transport",
    )  # fmt: skip

    def __init__(
        self,
        freed: Callable[[_Connection], None],
        gone: Callable[[_Connection], None],
        silent: Callable[[], None],
    ) -> None:
        self.silent = silent
        self._largest = 0
        self._freed = freed
        self._gone = gone
        self._then: Then | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None
        self.deadline = 0.0
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._body: list[bytes] = []
        self._seen = self._size = 0
        self._coding = self._content_type = ""
        self._is_bounded = False
        self._has_head = False
        self._status = 0
        self._keeps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    @property
    def is_open(self) -> bool:
        """Return whether another post may go by it."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_busy(self) -> bool:
        """Return whether an answer is still to come."""
        return self._then is not None

    def post(self, request: bytes, then: Then, deadline: float, largest: int) -> None:
        """Send a request; `then` hears its answer, of at most `largest` bytes."""
        if self.transport is None:
            then(Unreachable("the connection was lost"))
            return
        self._then, self.deadline, self._largest = then, deadline, largest
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._then is None:
            self.close()  # nobody asked
            return
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._keeps = False
            if not self._status:
                self.fail(NoAnswer(f"the answer is not HTTP: {type(problem).__name__}"))
                return
        if self._size > self._largest:
            self.fail(NoAnswer(f"the answer is longer than {self._largest} bytes"))
        elif self._status:
            self._complete(self._status, keeps=self._keeps)
        elif self._seen - self._size > _MOST_AROUND + (self._largest if self._has_head else 0):
            self.fail(NoAnswer("there is more around the answer than in it"))

    def on_message_begin(self) -> None:
        """Note that an answer begins; a second one to the same request is nobody's."""
        if self._status:
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the headers that count."""
        if self._has_head:
            return
        low = name.lower()
        if low in _BOUNDING:
            self._is_bounded = True
        elif low == b"content-type":
            self._content_type = value.decode("latin-1")
        elif low == b"content-encoding":
            self._coding = value.decode("latin-1").strip().lower()

    def on_headers_complete(self) -> None:
        """Note that the body begins."""
        self._has_head = True

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if self._status:
            return
        self._size += len(part)
        if self._size <= self._largest:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Take the whole answer; a 100 goes before the one that counts."""
        status = self._parser.get_status_code()
        if self._status:
            return
        if 100 <= status < 200:
            seen = self._seen
            self._clear()
            self._seen = seen
        else:
            self._status, self._keeps = status, self._parser.should_keep_alive()

    def _complete(self, status: int, *, keeps: bool) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        outcome: Outcome
        try:
            unpacked = decoded(body, self._coding, self._largest) if self._coding else body
            outcome = Response(status, self._content_type, unpacked)
        except Misencoded as problem:
            outcome, keeps = NoAnswer(str(problem)), False
        self._clear()
        then, self._then = self._then, None
        if keeps:
            self._freed(self)
        else:
            self._end()
        if then is not None:
            then(outcome)

    def _end(self) -> None:
        self.close()
        self._gone(self)

    def fail(self, problem: Unreachable | NoAnswer | TimeoutError) -> None:
        """Give up what was asked, and the connection with it."""
        then, self._then = self._then, None
        self._end()
        if then is not None:
            then(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if exc is None and self._has_head and not self._is_bounded:
            self._complete(self._parser.get_status_code(), keeps=False)  # its end is that of the connection
        self.fail(Unreachable("the connection was lost before the answer came", sent=True))

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.abort()


@dataclass(frozen=True, slots=True)
class _Post:
    """A post that waits for a connection."""

    to: Target
    request: bytes
    then: Then
    deadline: float
    connect: float


class _Server:
    """The connections to one server: some idle, some busy, and posts that wait for one."""

    def __init__(self) -> None:
        self.idle: list[_Connection] = []
        self.busy: set[_Connection] = set()
        self.opening = 0
        self.waiting: deque[_Post] = deque()

    @property
    def is_full(self) -> bool:
        """Return whether no other connection may be opened."""
        return len(self.busy) + self.opening >= _AT_ONCE


class Client:
    """Posts envelopes. `largest` bounds answers, in bytes; `user_agent` is how we call ourselves."""

    def __init__(
        self,
        largest: int,
        user_agent: str,
        clock: Callable[[], float] = time.monotonic,
        names: Resolver | None = None,
    ) -> None:
        self.largest = largest
        self._agent = user_agent
        self._clock = clock
        self._names = names or Resolver()
        self._servers: dict[tuple[str, str, int, bool], _Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._is_closed = False

    def post(
        self,
        to: Target,
        body: bytes,
        action: str,
        headers: Headers,
        connect: float,
        patience: float,
        then: Then,
        edition: Edition = "1.2",
    ) -> None:
        """Post an envelope; `then` hears the answer, maybe before this returns.

        `connect` and `patience` are the seconds that the connection and all of it may take.
        """
        head = to.http_head.get((action, edition, headers))
        if head is None:
            head = to.http_head[action, edition, headers] = head_of(to, edition, action, headers, self._agent)
        context = RUNNING.context
        if context is not None:
            head = b"%s%s: %s\r\n%s" % (head[: -len(LENGTH)], NAME.encode(), context.encode(), LENGTH)
        request = b"%s%d\r\n\r\n%s" % (head, len(body), body)
        deadline = self._clock() + patience
        server = self._server(to)
        connection = self._kept(server)
        if connection is not None:
            server.busy.add(connection)
            connection.post(request, then, deadline, self.largest)
        elif len(server.waiting) < _MOST_WAITING:
            server.waiting.append(_Post(to, request, then, deadline, connect))
            if not server.is_full:
                self._open(server, to, connect)
        else:
            then(Unreachable("too many posts wait for a connection"))
        self._look_out()

    def _server(self, to: Target) -> _Server:
        server = self._servers.get(to.server)
        if server is None:
            server = self._servers[to.server] = _Server()
        return server

    def _kept(self, server: _Server) -> _Connection | None:
        now = self._clock()
        while server.idle:
            connection = server.idle.pop()
            if connection.is_open and now - connection.idle_since < _FRESH:
                return connection
            connection.close()
        return None

    def _freed(self, server: _Server, connection: _Connection) -> None:
        """Use a connection for the next that waits, or keep it."""
        server.busy.discard(connection)
        if server.waiting:
            post = server.waiting.popleft()
            server.busy.add(connection)
            connection.post(post.request, post.then, post.deadline, self.largest)
            return
        connection.idle_since = self._clock()
        server.idle.append(connection)
        if len(server.idle) > _AT_ONCE:
            server.idle.pop(0).close()

    def _gone(self, server: _Server, connection: _Connection) -> None:
        """Open another connection in the place of one that ended, for those that wait."""
        server.busy.discard(connection)
        if server.waiting and not server.is_full and not self._is_closed:
            post = server.waiting[0]
            self._open(server, post.to, post.connect)

    def _open(self, server: _Server, to: Target, connect: float) -> None:
        server.opening += 1
        task = asyncio.get_running_loop().create_task(self._opened(server, to, connect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _opened(self, server: _Server, to: Target, connect: float) -> None:
        try:
            connection = await self._connected(server, to, connect)
        except Unreachable as problem:
            if not server.busy:
                waiting, server.waiting = server.waiting, deque()
                for post in waiting:
                    post.then(problem)
        else:
            self._freed(server, connection)
        finally:
            server.opening -= 1

    async def _connected(self, server: _Server, to: Target, connect: float) -> _Connection:
        attempt = Attempt(self._names, to.host, to.port, to.secure)
        connection = _Connection(partial(self._freed, server), partial(self._gone, server), attempt.failed)
        try:
            async with asyncio.timeout(connect):
                await attempt.connect(lambda: connection, connect)
        except TimeoutError:
            attempt.failed()
            raise Unreachable(f"no connection within {connect:g} s") from None
        except OSError as problem:
            attempt.failed()
            raise Unreachable(f"cannot connect: {problem.strerror or problem}") from None
        return connection

    async def reach(self, to: Target, connect: float) -> None:
        """See that there is a server, and keep the connection. Raises Unreachable."""
        server = self._server(to)
        connection = self._kept(server)
        self._look_out()
        server.opening += 1  # else it would be forgotten while it connects
        try:
            self._freed(server, connection or await self._connected(server, to, connect))
        finally:
            server.opening -= 1

    # Deadlines: one look for all of them.

    def _look_out(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        """Give up what is past its deadline, and connections that nobody has used for long."""
        self._looking = None
        if self._servers:
            self._look_out()  # first: whatever somebody makes of it, the others are looked at again
        now = self._clock()
        for key, server in list(self._servers.items()):
            server.busy = {connection for connection in server.busy if connection.is_busy}
            for connection in [connection for connection in server.busy if connection.deadline <= now]:
                connection.silent()
                connection.fail(TimeoutError())
            for post in [post for post in server.waiting if post.deadline <= now]:
                server.waiting.remove(post)
                post.then(TimeoutError())
            while server.idle and now - server.idle[0].idle_since > _FRESH:
                server.idle.pop(0).close()
            if not (server.busy or server.idle or server.waiting or server.opening):
                del self._servers[key]

    def close(self) -> None:
        """End every connection; who waits hears that nobody was reached."""
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
        for task in self._tasks:
            task.cancel()
        for server in self._servers.values():
            for connection in (*server.busy, *server.idle):
                connection.fail(Unreachable("Voltgate is about to stop"))
