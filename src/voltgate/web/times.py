"""Times and durations as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(seconds: float) -> float:
    """Return a latency in milliseconds, to the microsecond."""
    return round(seconds * 1000, 3)
