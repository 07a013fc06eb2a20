"""What was changed between two legs, in a line: which field, from what to what, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from voltgate.relay.tap import DIRECTIONS

_NUMBERS = frozenset(
    {"transactionId", "reservationId", "requestId", "chargingProfileId", "chargingProfile", "remoteStartId", "id"}
)
"""Fields that hold numbers which backends mint."""
_MOST, _LONGEST = 8, 60
"""Fields that are named, and characters of a value that are shown."""


def change_of(was: bytes, made: bytes, direction: int) -> str:
    """Return what makes the difference between two payloads; "" if there is none that can be told."""
    try:
        pairs = list(_differences("", msgspec.json.decode(was), msgspec.json.decode(made)))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    shown = [f"{name} {_short(old)} → {_short(new)} ({_why(name, direction)})" for name, old, new in pairs[:_MOST]]
    more = [f"and {len(pairs) - _MOST} more"] if len(pairs) > _MOST else []
    return "; ".join(shown + more)


def _differences(name: str, was: Any, made: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(made, dict):
        for key in dict.fromkeys((*was, *made)):
            yield from _differences(f"{name}.{key}" if name else key, was.get(key), made.get(key))
    elif isinstance(was, list) and isinstance(made, list) and len(was) == len(made):
        for number, (old, new) in enumerate(zip(was, made, strict=True)):
            yield from _differences(f"{name}[{number}]", old, new)
    elif was != made:
        yield name, was, made


def _why(name: str, direction: int) -> str:
    if name.rpartition(".")[2].partition("[")[0] in _NUMBERS:
        return "number"
    return "permit" if DIRECTIONS[direction] in ("from_backend", "to_station") else "gateway"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
