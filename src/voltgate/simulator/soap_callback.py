"""The callback: one HTTP server for a whole fleet, where commands to its stations arrive, each at its own path."""

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

Serve: TypeAlias = Callable[[str, Message, "Reply"], None]
"""Takes a message for the station with this identity; whoever serves it answers through the reply."""


@dataclass(slots=True)
class Reply:
    """The way back of one command; `send` and `cut` have no effect after the first of them, or after the connection."""

    _connection: _Connection | None
    _keep_alive: bool

    def send(self, status: int, envelope: bytes) -> None:
        """Answer with an envelope."""
        self._write(answer(status, CONTENT_TYPE, envelope, keep_alive=self._keep_alive))

    def refuse(self, status: int, why: str) -> None:
        """Answer without an envelope."""
        self._write(answer(status, _PLAIN, f"{why}\n".encode(), keep_alive=self._keep_alive))

    def cut(self) -> None:
        """Answer nothing: the station is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, data: bytes) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.write(data, self._keep_alive)


class _Connection(asyncio.Protocol):
    """One connection of a backend. Its requests are served one after the other, in their order."""

    __slots__ = ("_busy", "_callback", "_reader", "_seen", "_transport", "_waiting")

    def __init__(self, callback: Callback) -> None:
        self._callback = callback
        self._reader = Reader("request")
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Message] = []
        self._busy = False
        self._seen = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._callback.opened(self)
        self._seen = self._callback.clock()
        self._callback.wheel.at(self._seen + PATIENCE, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._callback.closed(self)

    def data_received(self, data: bytes) -> None:
        self._seen = self._callback.clock()
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
        """Answer what cannot be read, unless the answer to what came before it is still due."""
        self._waiting.clear()
        if self._busy:
            self.close()
        else:
            self.write(answer(400, _PLAIN, why, keep_alive=False), keep_alive=False)

    def _next(self) -> None:
        if self._waiting and not self._busy and self._transport is not None:
            self._busy = True
            message = self._waiting.pop(0)
            self._callback.serve(message, Reply(self, message.keep_alive))

    def write(self, data: bytes, keep_alive: bool) -> None:
        """Send an answer; the next request is served then."""
        if self._transport is None:
            return
        self._busy = False
        self._seen = self._callback.clock()
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
        """End a connection that is silent, or whose command nobody answers."""
        if self._transport is None:
            return
        if now - self._seen >= PATIENCE:
            self.close()
        else:
            self._callback.wheel.at(self._seen + PATIENCE, self._watch)


class Callback:
    """The server. `take` is handed every request that names a station; `noise` hears what is no HTTP request of ours.

    `most` connections are held at a time; beyond that they are cut. `report` hears of faults of the simulator itself.
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
        """Listen; port 0 is any that is free. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), host, port)
        self.host = f"[{host}]" if ":" in host else host
        self.port = self._server.sockets[0].getsockname()[1]

    def address(self, identity: str) -> str:
        """Give the URL at which commands to a station arrive."""
        return f"http://{self.host}:{self.port}/{quote(identity, safe='')}"

    async def close(self) -> None:
        """Listen no longer, and cut what is open."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.close()
            await self._server.wait_closed()
            self._server = None

    def opened(self, connection: _Connection) -> None:
        """Count a connection in."""
        self._connections.add(connection)
        if len(self._connections) > self._most:
            self._stray(f"more than {self._most} connections to the callback at a time")
            connection.close()

    def closed(self, connection: _Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)

    def malformed(self, why: str) -> None:
        """Hear of a request that cannot be read."""
        self._stray(why)

    def serve(self, message: Message, reply: Reply) -> None:
        """Pass a request on to the station that its path names."""
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
