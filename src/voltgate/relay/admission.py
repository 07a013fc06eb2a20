"""Admission: a backend that comes back is not stormed with all that it is owed, but sent so much of it a second."""

from __future__ import annotations

from typing import Protocol

from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.wheel import Wheel


class Overdue(Protocol):
    """Whoever has an overdue message to send."""

    def admitted(self, now: float) -> None:
        """Send one now."""


class Admission:
    """Who may send one backend an overdue message, one after the other in the order in which they asked.

    Whoever leaves the line holds up nobody behind.
    """

    __slots__ = ("_every", "_free_at", "_line", "_wheel")

    def __init__(self) -> None:
        self._every = 0.0
        self._free_at = -FOREVER
        self._line: dict[Overdue, None] = {}
        self._wheel: Wheel | None = None

    def ask(self, who: Overdue, now: float, rate: float, wheel: Wheel) -> bool:
        """Return whether `who` may send one now; else it is told when its turn comes. `rate` is messages a second."""
        self._every, self._wheel = 1 / rate, wheel
        if not self._line and self._free_at <= now:
            self._free_at = now + self._every
            return True
        if not self._line:
            wheel.at(self._free_at, self._go_on)
        self._line[who] = None
        return False

    def leave(self, who: Overdue) -> None:
        """Wait no more."""
        self._line.pop(who, None)

    def _go_on(self, now: float) -> None:
        while self._line and self._free_at <= now:
            first = next(iter(self._line))
            del self._line[first]
            self._free_at += self._every
            first.admitted(now)
        if self._line and self._wheel is not None:
            self._wheel.at(self._free_at, self._go_on)
