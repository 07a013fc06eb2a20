"""The rate of a station's messages, and that of a backend's commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one backend may ask of one station: calls and bytes of them a second, and at once (0: any number)."""

    calls: float = 0.0
    burst: int = 0
    bytes: float = 0.0
    bytes_burst: int = 0


class Bucket:
    """A leaky bucket in one number, the time at which it is empty: `rate` a second (0: any number), `burst` at once."""

    __slots__ = ("_burst", "_empty", "_rate")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._empty = 0.0

    def allows(self, now: float, amount: float = 1.0) -> bool:
        """Return whether so much more may come, and count it if so; into an empty bucket goes whatever comes."""
        if not self._rate:
            return True
        empty = max(self._empty, now) + amount / self._rate
        if self._empty > now and empty - now > (self._burst + 0.5) / self._rate:  # half a call for rounding
            return False
        self._empty = empty
        return True
