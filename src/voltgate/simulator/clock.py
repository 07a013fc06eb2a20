"""The simulator's clock: one source for durations and for timestamps in payloads."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable


class Clock:
    """A monotonic clock (`now`, in seconds: the event loop's, or a test's) that is turned into timestamps.

    `epoch` is the Unix time at which `now` stood at 0. The last second is remembered: at full load thousands of
    timestamps share it. `millisecond` of `stamp` replaces the fraction of the second.
    """

    __slots__ = ("_prefix", "_second", "epoch", "now")

    def __init__(self, now: Callable[[], float], epoch: float | None = None) -> None:
        self.now = now
        self.epoch = time.time() - now() if epoch is None else epoch
        self._second = -1
        self._prefix = ""

    def stamp(self, now: float, millisecond: int | None = None) -> str:
        """Return a time in UTC with three decimals and "Z" (2.1 Part 2 section 3.1)."""
        unix = self.epoch + now
        second = int(unix)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        fraction = int((unix - second) * 1000) if millisecond is None else millisecond
        return f"{self._prefix}{fraction:03d}Z"


def mark(identity: str) -> int:
    """Return the milliseconds by which the simulated backend marks the time that it tells a station."""
    return zlib.crc32(identity.encode()) % 1000
