"""Times and durations as the API reads and writes them."""

from __future__ import annotations

from datetime import UTC, datetime

_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def stamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC, with milliseconds.

    What no calendar has is written as the first or the last second that there is: a row that somebody's clock has
    spoilt keeps nobody from those beside it.
    """
    return (
        datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def stamp_or_none(seconds: float | None) -> str | None:
    """Return a time that may be unknown."""
    return None if seconds is None else stamp(seconds)


def seconds_of(text: str) -> float:
    """Return an RFC 3339 time, or the beginning of a day in UTC ("2026-11-21"), as seconds since 1970.

    A time without an offset is in UTC; a blank stands for the "+" of one, as URLs have it. Raise ValueError.
    """
    at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if seconds < 0:
        raise ValueError("before 1970")
    return seconds


def milliseconds(seconds: float) -> float:
    """Return a latency in milliseconds, to the microsecond."""
    return round(seconds * 1000, 3)
