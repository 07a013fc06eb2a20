"""Timestamps of stations, in every spelling that is common in the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"[.,](\d+)")
_LONGEST = 40


def moment(text: object) -> float | None:
    """Return the seconds since 1970 of a timestamp; None if it is none. Without an offset it is UTC.

    RFC 3339 (1.6 section 3.15, 2.x Part 2 dateTime), also with a space for the T, a comma, more digits of a fraction
    than there is use for, no seconds, or lower-case letters.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    spelt = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text.strip().upper().replace(" +", "+"), 1)
    try:
        read = datetime.fromisoformat(spelt.replace(" Z", "Z"))
        return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def written(seconds: float) -> str:
    """Return a time as OCPP has it: UTC, with milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
