"""Times and durations as the API reads and writes them."""

from __future__ import annotations

from voltgate.ocpp import times
from voltgate.ocpp.times import stamp

__all__ = ["milliseconds", "seconds_of", "stamp", "stamp_or_none"]


def stamp_or_none(seconds: float | None) -> str | None:
    """Return a time that may be unknown."""
    return None if seconds is None else stamp(seconds)


def seconds_of(text: str) -> float:
    """Return an RFC 3339 time, or the beginning of a day in UTC ("2026-11-21"), as seconds since 1970.

    A time without an offset is in UTC; a blank stands for the "+" of one, as URLs have it. Raise ValueError.
    """
    seconds = times.seconds_of(text.replace(" ", "+") if "T" in text else text)
    if seconds < 0:
        raise ValueError("before 1970")
    return seconds


def milliseconds(seconds: float) -> float:
    """Return a latency in milliseconds, to the microsecond."""
    return round(seconds * 1000, 3)
