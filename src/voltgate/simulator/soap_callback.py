"""The callback: one HTTP server for a whole fleet, which receives commands to its stations, each at its own path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote

from voltgate.ocpp.soap.writing import CONTENT_TYPE
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.soap_http import MalformedHttp, Message, Reader, answer

PATIENCE = 60.0
"""Seconds that a connection may be silent, and that a command may take."""

_PLAIN = "text/plain; charset=utf-8"

Serve: TypeAlias = Callable[[str, Message, "HttpReply"], None]
"""Takes a message for the station with this identity, and answers it through the reply."""


@dataclass(slots=True)
class HttpReply:
    """The reply to one command. Only the first of its calls has an effect, and none after the connection."""

    _connection: _Connection | None
    _keep_alive: bool

    def send(self, status: int, envelope: bytes) -> None:
        """Answer with an envelope."""
        self._write(answer(status, CONTENT_TYPE, envelope, keep_alive=self._keep_alive))

    def refuse(self, status: int, why: str) -> None:
        """Answer without an envelope."""
        self._write(answer(status, _PLAIN, f"{why}\n".encode(), keep_alive=self._keep_alive))

    def cut(self) -> None:
        """Close the connection without an answer: the station is offline."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, data: bytes) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.write(data, self._keep_alive)


class _Connection(asyncio.Protocol):
    """One connection of a backend. Its requests are served one after the other, in their order."""

    __slots__ = ("_busy", "_callback", "_last_activity", "_reader", "_transport", "_waiting")

    def __init__(self, callback: Callback) -> None:
        self._callback = callback
        self._reader = Reader("request")
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Message] = []
        self._busy = False
        self._last_activity = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._callback.opened(self)
        self._last_activity = self._callback.clock()
        self._callback.wheel.at(self._last_activity + PATIENCE, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._callback.closed(self)

    def data_received(self, data: bytes) -> None:
        self._last_activity = self._callback.clock()
        try:
            self._waiting.extend(self._reader.feed(data))
        except MalformedHttp as problem:
            self._callback.malformed(str(problem))
            self._end(f"{problem}\n".encode())
            return
        if self._reader.expects_continue and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._reader.expects_continue = False
        if len(self._waiting) > self._callback.most_waiting:
            self._callback.malformed(f"more than {self._callback.most_waiting} requests ahead of their answers")
            self.close()
            return
        self._next()

    def _end(self, why: bytes) -> None:
        """Answer an unreadable request, unless the answer to the one before it is still due."""
        self._waiting.clear()
        if self._busy:
            self.close()
        else:
            self.write(answer(400, _PLAIN, why, keep_alive=False), keep_alive=False)

    def _next(self) -> None:
        if self._waiting and not self._busy and self._transport is not None:
            self._busy = True
            message = self._waiting.pop(0)
            self._callback.serve(message, HttpReply(self, message.keep_alive))

    def write(self, data: bytes, keep_alive: bool) -> None:
        """Send an answer; the next request is served then."""
        if self._transport is None:
            return
        self._busy = False
        self._last_activity = self._callback.clock()
        self._transport.write(data)
        if keep_alive:
            self._next()
        else:
            self._transport.close()

    def close(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, now: float) -> None:
        """End a connection that is silent, or whose command is not answered."""
        if self._transport is None:
            return
        if now - self._last_activity >= PATIENCE:
            self.close()
        else:
            self._callback.wheel.at(self._last_activity + PATIENCE, self._watch)


class Callback:
    """The server. `take` is called with every request that names a station, `stray` with a description of any other.

    At most `most` connections are open at a time; more are cut. `report` is called with failures of the simulator.
    """

    most_waiting = 16

    def __init__(
        self,
        take: Serve,
        stray: Callable[[str], None],
        wheel: Wheel,
        clock: Callable[[], float],
        report: Callable[[BaseException], None],
        *,
        most: int = 1000,
    ) -> None:
        self._take = take
        self._stray = stray
        self._report = report
        self._most = most
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.wheel = wheel
        self.clock = clock
        self.host = ""
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 is any that is free. Raise OSError when the address is not available."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), host, port)
        self.host = f"[{host}]" if ":" in host else host
        self.port = self._server.sockets[0].getsockname()[1]

    def address(self, identity: str) -> str:
        """Return the URL for commands to a station."""
        return f"http://{self.host}:{self.port}/{quote(identity, safe='')}"

    async def close(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.close()
            await self._server.wait_closed()
            self._server = None

    def opened(self, connection: _Connection) -> None:
        """Add a connection; it is cut when there are too many."""
        self._connections.add(connection)
        if len(self._connections) > self._most:
            self._stray(f"more than {self._most} connections to the callback at a time")
            connection.close()

    def closed(self, connection: _Connection) -> None:
        """Remove a connection."""
        self._connections.discard(connection)

    def malformed(self, why: str) -> None:
        """Report a request that cannot be read."""
        self._stray(why)

    def serve(self, message: Message, reply: HttpReply) -> None:
        """Pass a request on to the station named by its path."""
        if message.method != "POST":
            self._stray(f"{message.method[:20]} to the callback, where only POST is served")
            reply.refuse(405, "Only POST is served here.")
            return
        identity = unquote(message.target.partition("?")[0].removeprefix("/"))
        try:
            self._take(identity, message, reply)
        except Exception as fault:
            reply.refuse(500, "The simulator failed.")
            self._report(fault)
