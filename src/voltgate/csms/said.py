"""What a station has said: one call of it, as handlers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voltgate.ocpp.dialect import is_modern


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
    holder: str = ""
    """Who holds the connection that it came by; "" if nobody need know."""
    sent: float = 0.0
    """When it was sent, by the clock of the holder, in seconds since 1970."""

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

    def part(self, name: str) -> dict[str, Any]:
        """Return a field that is an object; `{}` if it is none."""
        return part_of(self.fields.get(name))


_LARGEST = 2**53


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


def part_of(value: object) -> dict[str, Any]:
    """Return an object; `{}` for anything else."""
    return value if isinstance(value, dict) else {}
