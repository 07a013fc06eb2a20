"""The rate of a station's messages."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.ocpp.close_codes import POLICY

MESSAGE = 4096
"""Bytes of a message that count as one: a longer one counts as several, but never as more than may come at once."""


class Rate:
    """A leaky bucket in one number, the time at which it is empty: `limit` messages a second (0: any number).

    `end` lets a station go that says more, with a close code and the reason.
    """

    __slots__ = ("_burst", "_each", "_empty", "_end", "_limit", "_most")

    def __init__(self, limit: float, burst: int, end: Callable[[int, str], None]) -> None:
        self._end = end
        self._limit = limit
        self._burst = burst
        self._each = 1 / limit if limit else 0.0
        self._most = (burst + 0.5) * self._each  # half a message for rounding
        self._empty = 0.0

    def allows(self, now: float, size: int = 0) -> bool:
        """Count one message, or frame, of `size` bytes; return whether it may still come: else its station is let go.

        A message that was compressed has the size that it was inflated to.
        """
        each = self._each if size <= MESSAGE else self._each * min(size / MESSAGE, self._burst)
        self._empty = (self._empty if self._empty > now else now) + each
        if self._empty - now <= self._most:
            return True
        self._end(POLICY, f"More than {self._limit:g} messages a second")
        return False
