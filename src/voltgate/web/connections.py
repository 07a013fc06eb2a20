"""A connection to the API's port: bounded before authentication, as it shares its process with the stations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from voltgate.ocpp.networks import network_of

MOST = 1000
"""Connections at a time at most."""
MOST_OF_ONE_ADDRESS = 500
"""Those of them that come from one address, or one /64 of IPv6; addresses of proxies that are believed bring more."""
LARGEST_HEAD = 64 << 10
"""Bytes of a request besides its body; for small chunks, eight times their content."""
PATIENCE = 15.0
"""Seconds that a connection may be open without a request complete enough to be answered."""


HERE = ("127.0.0.1", 0)
"""Whoever asks at a unix socket."""

Proxied: TypeAlias = Callable[[str], bool]
"""Tells whether an address is that of a proxy whose word counts."""


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, closed if no request arrives in time, or if a head is too large.

    Where there are too many, the one goes that has waited longest without a whole request: whoever says nothing keeps
    nobody out, least of all who asks for health.
    """

    patience = PATIENCE
    most = MOST
    most_of_one = MOST_OF_ONE_ADDRESS
    _looking: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _network = ""
    _overhead = 0
    _carried = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, unless there are too many."""
        super().connection_made(transport)
        self.client = self.client or HERE
        self._idle_since = self.loop.time()
        self._network = network_of(self.client[0])
        if self._makes_room():
            self._look()
        else:
            transport.abort()

    def _makes_room(self) -> bool:
        """Close the connection that has waited longest, if there are too many; False if none waits."""
        others = [each for each in self.connections if isinstance(each, Connection) and each is not self]
        near = [each for each in others if each._network == self._network]
        if len(near) >= self.most_of_one and not self._is_proxys():
            return _longest(near)
        return len(self.connections) <= self.most or _longest(others)

    def _is_proxys(self) -> bool:
        is_proxy: Proxied | None = getattr(getattr(self.app, "state", None), "is_proxy", None)
        return is_proxy is not None and self.client is not None and is_proxy(self.client[0])

    def _waits(self) -> bool:
        """Return whether no whole request has come that is not answered yet."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: what has become a websocket has deadlines of its own."""
        if self._looking is not None:
            self._looking.cancel()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > LARGEST_HEAD + 8 * self._carried:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request: the bytes so far belong to what was before it."""
        self._overhead = self._carried = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body."""
        self._overhead -= len(body)
        self._carried += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _look(self) -> None:
        """Close a connection whose request is not complete in time; uvicorn's own timer ends at the first byte."""
        is_served = self.cycle is not None and not self.cycle.response_complete
        if not is_served and self.loop.time() - self._idle_since > self.patience:
            self.transport.abort()
        else:
            self._looking = self.loop.call_later(self.patience / 3, self._look)


def _longest(connections: list[Connection]) -> bool:
    """Close the connection of these that has waited longest; False if none waits."""
    waiting = [each for each in connections if each._waits() and not each.transport.is_closing()]
    if not waiting:
        return False
    min(waiting, key=lambda each: each._idle_since).transport.abort()
    return True


LARGEST_MESSAGE = 160 << 10
"""Bytes of a message of a client at most: 500 identities, however long."""
_UNREAD = 4 << 20
"""Bytes that a client may leave unread: it sends pings and does not read what they are answered by."""
_FRAGMENTS = 1000
"""Frames of one message at most."""
_LINGER = 15.0
"""Seconds after its end after which a websocket is gone, whether or not the client has read all of it."""


class Websocket(WebSocketsSansIOProtocol):
    """Uvicorn's websocket, cut off if the client takes more than its share."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection over."""
        super().connection_made(transport)
        self.client = self.client or HERE

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > _UNREAD or len(self.frames) > _FRAGMENTS:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve, then see to it that nothing is left."""
        await super().run_asgi()
        self.loop.call_later(_LINGER, self.transport.abort)
