"""The rate of a station's messages."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.ocpp.close_codes import POLICY


class Rate:
    """A leaky bucket in one number, the time at which it is empty: `limit` messages a second (0: any number).

    `end` lets a station go that says more, with a close code and the reason.
    """

    __slots__ = ("_burst", "_empty", "_end", "_limit")

    def __init__(self, limit: float, burst: int, end: Callable[[int, str], None]) -> None:
        self._end = end
        self._limit = limit
        self._burst = burst
        self._empty = 0.0

    def allows(self, now: float) -> bool:
        """Count one message; return whether it may still come: else its station is let go."""
        if not self._limit:
            return True
        self._empty = max(self._empty, now) + 1 / self._limit
        if self._empty - now <= (self._burst + 0.5) / self._limit:  # half a message for rounding
            return True
        self._end(POLICY, f"More than {self._limit:g} messages a second")
        return False
