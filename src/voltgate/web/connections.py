"""A connection to the API's port: bounded before authentication, as it shares its process with the stations."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST = 1000
"""Connections at a time at most."""
LARGEST_HEAD = 64 << 10
"""Bytes of a request besides its body; for small chunks, eight times their content."""
PATIENCE = 15.0
"""Seconds that a connection may be open without a request complete enough to be answered."""


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, closed if no request arrives in time, or if a head is too large."""

    patience = PATIENCE
    most = MOST
    _looking: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _overhead = 0
    _carried = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, unless there are too many."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._look()

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

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > _UNREAD or len(self.frames) > _FRAGMENTS:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve, then see to it that nothing is left."""
        await super().run_asgi()
        self.loop.call_later(_LINGER, self.transport.abort)
