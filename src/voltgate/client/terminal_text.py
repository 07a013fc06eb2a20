"""Words for a terminal: what chargers and backends wrote, without what a terminal would obey."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any


def clean(text: str) -> str:
    """Give `text` with what does not print written out: nobody's identity moves the cursor or changes a colour."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _written(letter) for letter in text)


def _written(letter: str) -> str:
    return {"\n": " ", "\t": " "}.get(letter) or letter.encode("unicode_escape").decode()


def word(value: object) -> str:
    """Give a value of a JSON document as a cell of a table: nothing for null, yes and no, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(word(part) for part in value)
    if isinstance(value, dict):
        return clean(compact(value))
    return clean(str(value))


def compact(value: Any) -> str:
    """Write JSON on one line, for people."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def moment(value: object) -> str:
    """Give an RFC 3339 time as local date and time, as people read it; what is no time, as it is."""
    at = _read(value)
    return word(value) if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(value: object) -> str:
    """Give an RFC 3339 time as local time of day with milliseconds; what is no time, as it is."""
    at = _read(value)
    return word(value) if at is None else at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def _read(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def counted(number: int, noun: str) -> str:
    """Say how many: "1 station", "2,000 stations"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(parts: Iterable[str]) -> str:
    """Join what is said of several things: "a, b and c"."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
