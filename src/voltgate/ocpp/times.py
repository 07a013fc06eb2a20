"""Times as messages and the API spell them (RFC 3339), to seconds since 1970 and back; and time zones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST = 0.0
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The first and the last second that are written."""


def stamp(seconds: float, to: Literal["milliseconds", "seconds"] = "milliseconds") -> str:
    """Return seconds since 1970 in UTC, with a Z: "2026-01-15T08:10:00.000Z".

    What no calendar has is written as the first or the last second that there is: a row that somebody's clock has
    spoilt keeps nobody from those beside it.
    """
    at = datetime.fromtimestamp(min(max(seconds, FIRST), LAST), UTC)
    return at.isoformat(timespec=to).replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Return a time as seconds since 1970; without an offset it is in UTC. Raise ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def zone_of(name: str) -> str:
    """Return the name of a time zone that this machine knows. Raise ValueError for others."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone that this machine knows; they look like Europe/Berlin') from None
