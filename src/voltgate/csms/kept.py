"""What a job keeps of the answer of one station: as much as 100,000 of them have room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from voltgate.csms.commands.outcome import Fields, Outcome

MOST_KEPT = 32 << 10
"""Bytes of a result that are kept, as JSON: a station's whole configuration takes about 15 KiB."""
MOST_TEXT = 1000
"""Characters of a station's own word, and of the sentence about it, that are kept."""


def kept(outcome: Outcome) -> Outcome:
    """Return what is kept of an outcome. What is left out of its result is said in `info`."""
    info, status = _text(outcome.info), _text(outcome.status)
    size = _size(outcome.result)
    if size <= MOST_KEPT:
        return replace(outcome, status=status, info=info)
    result, left_out = _cut(outcome.result)
    said = f"Of this result {_size(result):,} of {size:,} bytes are kept: {', '.join(left_out)} are left out"
    return replace(outcome, status=status, info=f"{info}. {said}" if info else said, result=result)


def _cut(result: Fields) -> tuple[Fields, list[str]]:
    """Return what there is room for, the small first, of lists the first items; and what is left out."""
    there = _size({})
    cut: Fields = {}
    left_out: list[str] = []
    for name, value in sorted(result.items(), key=lambda field: _size(field[1])):
        there += _size(name) + 2
        if there + _size(value) <= MOST_KEPT:
            cut[name] = value
            there += _size(value)
        elif isinstance(value, list):
            cut[name] = few = _first(value, MOST_KEPT - there - 2)
            there += _size(few)
            left_out.append(f"{len(value) - len(few):,} of {name}")
        else:
            left_out.append(name)
    return cut, left_out


def _first(items: list[Any], room: int) -> list[Any]:
    """Return the first items that there is room for, in bytes."""
    for number, item in enumerate(items):
        room -= _size(item) + 1
        if room < 0:
            return items[:number]
    return items


def _size(value: object) -> int:
    return len(msgspec.json.encode(value))


def _text(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"
