"""What a station has said: one call of it, as handlers see it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from voltgate.csms.times import read_time
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import plain_fields
from voltgate.ocpp.messages import Call


@dataclass(frozen=True, slots=True)
class Said:
    """One call of a station. `now` is when it came, in seconds since 1970; `fields` its payload, `{}` if it is none."""

    station: str
    """The key of the station."""
    identity: str
    version: str
    action: str
    """Without the suffix of a signed message."""
    id: str
    fields: dict[str, Any]
    now: float
    requested: bool = False
    """Whether the station was asked for it, and may say it before it is accepted."""
    holder: str = ""
    """Who holds the connection that it came by; "" if nobody need know."""
    sent: float = 0.0
    """When it was sent, by the clock of the holder, in seconds since 1970."""
    size: int = 0
    """The bytes that it came as."""

    @property
    def modern(self) -> bool:
        """Whether it is of OCPP 2.x."""
        return is_modern(self.version)

    def text(self, name: str) -> str:
        """Return a field that is a text, or a number in its place; "" if it is anything else."""
        return text_of(self.fields.get(name))

    def whole(self, name: str) -> int | None:
        """Return a field that is a whole number, also one that is written as a text; None if it is none."""
        return whole_of(self.fields.get(name))

    def number(self, name: str) -> float | None:
        """Return a field that is a number, also one that is written as a text; None if it is none."""
        return number_of(self.fields.get(name))

    def at(self, name: str) -> float:
        """Return a field that is a time; when the call came, if the station does not say it or has no clock."""
        at = read_time(self.fields.get(name))
        return self.now if at is None else at

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return the objects in a field that is a list."""
        return objects_of(self.fields.get(name))

    def part(self, name: str) -> dict[str, Any]:
        """Return a field that is an object; `{}` if it is none."""
        return part_of(self.fields.get(name))


def fields_of(call: Call) -> dict[str, Any]:
    """Return what a call says.

    A number that nobody can hold, or half a character, makes nothing else of a transaction message unreadable.
    """
    fields = plain_fields(call)
    if fields or not is_transaction(call.action):
        return fields
    try:
        said = json.loads(bytes(call.payload), parse_float=_finite)
        whole = json.dumps(said, ensure_ascii=False).encode(errors="replace")
        return part_of(json.loads(whole))
    except (ValueError, RecursionError):
        return fields


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


_LARGEST = 2**53
_LONGEST_NUMBER = 50
_LONGEST_NAME = 150
"""Characters of what something is known by, which is part of a key: names of OCPP have 50, two of them here."""


def text_of(value: object) -> str:
    """Return a text, or a number as text; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def whole_of(value: object) -> int | None:
    """Return a whole number, also one written as a text or with a zero fraction; None for anything else."""
    if isinstance(value, str):
        value = int(value) if len(value) < 18 and value.removeprefix("-").isdecimal() else None
    if isinstance(value, float):
        value = int(value) if abs(value) < _LARGEST and value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def number_of(value: object) -> float | None:
    """Return a finite number, also one written as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:_LONGEST_NUMBER] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _LARGEST else None


def name_of(value: object) -> str:
    """Return a text that something is known by; one that is too long for a key by its beginning and its digest.

    Without NUL, which stations leave behind texts that end before, and no database takes.
    """
    text = text_of(value).replace("\0", "")
    if len(text) <= _LONGEST_NAME:
        return text
    return text[:_LONGEST_NAME] + blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; `[]` for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def part_of(value: object) -> dict[str, Any]:
    """Return an object; `{}` for anything else."""
    return value if isinstance(value, dict) else {}
