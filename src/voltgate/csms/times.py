"""Timestamps as stations write them."""

from __future__ import annotations

from datetime import UTC, datetime

from voltgate.ocpp.times import seconds_of

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC).timestamp()
"""What lies before comes from a clock that was never set: stations write 1970 or the year 1 then."""
LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""What lies behind cannot be written in every zone, and is no time of a station either."""

AHEAD = 600.0
"""Seconds by which a time may be later than the message that tells it: clocks differ, those of other zones by more."""

_DATE_ONLY = len("2026-01-15")
_LONGEST = 64


def read_time(said: object) -> float | None:
    """Return a timestamp of a station as seconds since 1970; None if it has none to give.

    Every common form is read: RFC 3339, fractions of any length, with a point or a comma, offsets as `+02`, `+0200` or
    `+02:00`, a blank before them, no seconds, and no offset, which is UTC (1.6 section 3.15, 2.x Part 2 section 3.1). A
    date without a time of day tells no moment, and neither does a clock that was never set (`EARLIEST`) or is past all
    calendars (`LATEST`).
    """
    if not isinstance(said, str) or len(said) > _LONGEST:
        return None
    text = said.strip()
    if len(text) <= _DATE_ONLY:
        return None
    try:
        seconds = seconds_of(text.replace("z", "Z"))
    except ValueError:
        return None
    return seconds if EARLIEST <= seconds < LATEST else None


def is_older(at: float, known: float | None, now: float) -> bool:
    """Return whether a time is before one that is known, by the clock of their station.

    A clock that was ahead and is not any more has been set: what it tells is newer.
    """
    return known is not None and at < known and not at <= now + AHEAD < known
