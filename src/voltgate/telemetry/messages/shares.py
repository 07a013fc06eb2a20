"""Shares: how fast one station may fill a log that is full, so that it does not push out what all others said."""

from __future__ import annotations

from voltgate.telemetry.messages.segments import PARTS, Bounds

_HOURS = 64
"""Hours in which one station may push out everything, at the earliest."""
_SLOWEST = 1024
"""Bytes a second that a station may always write, however small the log."""
_MOST = 100_000
"""Stations that are remembered."""


class Shares:
    """What each station has written lately. `bounds` are those of the log.

    A station may write a sixteenth of the log at once, and its 64th part each hour. Where there is room for more, or
    nobody else is recorded, it may.
    """

    def __init__(self) -> None:
        self._levels: dict[str, float] = {}
        """When each station will have made good what it has written, on the clock."""

    def takes(self, station: str, size: int, now: float, bounds: Bounds, *, is_full: bool) -> bool:
        """Return whether a record of so many bytes is written, and note it."""
        rate = max(_SLOWEST, bounds.most_bytes / _HOURS / 3600)
        most = now + bounds.most_bytes / PARTS / rate
        before = max(now, self._levels.get(station, now))
        level = before + size / rate
        is_alone = len(self._levels) == (station in self._levels)
        if is_full and level > most and before > now and not is_alone:
            return False
        self._levels[station] = min(most, level)
        if len(self._levels) > _MOST:
            self._levels = {name: level for name, level in self._levels.items() if level > now}
        return True
