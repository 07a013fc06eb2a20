"""The seam between the relay and a carrier: one connection that takes and brings whole text messages."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """One open connection, as a carrier offers it. Nothing here blocks or raises; after the end nothing has effect."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one text message. `frame` is a complete frame of the same text that may be written verbatim."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the connection is cut when the far end does not finish it in time."""

    def pause(self) -> None:
        """Stop reading. Pauses are counted: reading goes on when each has been undone."""

    def resume(self) -> None:
        """Undo one `pause`."""


class Receiver(Protocol):
    """Whoever a connection brings its messages to. Called by the carrier, inside one callback of the event loop."""

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = ...) -> None:
        """Take one text message (valid UTF-8), of use `until` then; `frame` is it if that may be sent on verbatim."""

    def lost(self, code: int, reason: str) -> None:
        """Take note that the connection has ended: exactly once, with the far end's close code (1006: none came)."""

    def writable(self, yes: bool) -> None:
        """Take note that the connection's write buffer ran full (False) or has drained again (True)."""
