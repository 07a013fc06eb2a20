"""The context of a trace (W3C Trace Context): what goes with a call, where its carrier has a place for it.

It is set while a call of a station runs through the relay: that is one callback, from the bytes of one socket to those
of the other. What waits on the way has none.
"""

from __future__ import annotations

from typing import Protocol

from voltgate.ocpp.messages import Call

NAME = "traceparent"
"""The header, or property, that it stands in (W3C Trace Context, section 3.2)."""


class Running:
    """The call that runs now: `context` is its value, None if it is not traced, or no call runs."""

    __slots__ = ("context",)

    def __init__(self) -> None:
        self.context: str | None = None


RUNNING = Running()
"""There is one event loop, and a call runs in one callback of it: a context variable would live on in timers."""


class Tracer(Protocol):
    """Decides which calls are traced."""

    def context_of(self, station: str, call: Call) -> str | None:
        """Return the context of a call of a station; None if it is not traced."""
