"""A connection to the API's port: bounded before authentication, as it shares its process with the stations."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
