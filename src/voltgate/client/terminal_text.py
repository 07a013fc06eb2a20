"""Text for a terminal: what stations and backends wrote, without control sequences."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any


def clean(text: str) -> str:
    """Return `text` with characters that do not print escaped: no identity moves the cursor or changes a colour."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _written(letter) for letter in text)


def _written(letter: str) -> str:
    return {"\n": " ", "\t": " "}.get(letter) or letter.encode("unicode_escape").decode()


def word(value: object) -> str:
    """Return a JSON value as a cell of a table: "" for null, yes and no for booleans, lists with commas."""
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
    """Return JSON on one line, for people."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def moment(value: object) -> str:
    """Return an RFC 3339 time as local date and time; a value that is no time, unchanged."""
    at = _read(value)
    return word(value) if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(value: object) -> str:
    """Return an RFC 3339 time as local time of day with milliseconds; a value that is no time, unchanged."""
    at = _read(value)
    return word(value) if at is None else at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def _read(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 station", "2,000 stations"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(parts: Iterable[str]) -> str:
    """Return the parts joined: "a, b and c"."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
