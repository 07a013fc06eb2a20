"""Whether the clock of a station is right, by the times that its messages bear.

A message that was kept while the station was offline bears an old time, and 1.6 does not say which those are. So a
clock is behind only when two messages, some time apart, say so by the same number of seconds; ahead, by one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from voltgate.relay.context import Context
from voltgate.relay.events import ClockRight, ClockWrong

TOLERANCE = 60.0
"""Seconds by which a clock may be wrong: messages wait, and travel."""
_ALIKE = 10.0
"""Seconds by which two messages may differ in what they say of a clock that is behind."""
_APART = 30.0
"""Seconds between such two, at least: what was kept is sent in one go."""
_LONGEST = 40
_FACT = "clock"


def instant(text: Any) -> float | None:
    """Return a time of a message in seconds since 1970; None if it is none. Without a zone it is UTC."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def look(context: Context, timestamp: Any) -> None:
    """Look at the time of a message that has just been sent, unless it says otherwise."""
    at = instant(timestamp)
    if at is None:
        return
    off = at - context.ledger.wall()
    if abs(off) <= TOLERANCE:
        context.learnt.behind = None
        if context.ledger.fact(_FACT) == "wrong":
            context.ledger.note(_FACT, "right")
            context.emit(ClockRight(context.station))
    elif (off > 0 or _is_behind(context, off)) and context.ledger.fact(_FACT) != "wrong":
        context.ledger.note(_FACT, "wrong")
        context.emit(ClockWrong(context.station, off))


def _is_behind(context: Context, off: float) -> bool:
    now, learnt = context.now(), context.learnt
    if learnt.behind is None or abs(learnt.behind[0] - off) > _ALIKE:
        learnt.behind = (off, now)
    return now - learnt.behind[1] >= _APART
