"""The calls that a node has been handed, by their keys: a call that comes again is not made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

_REMEMBERED = 300.0
"""Seconds for which an answer is given again."""
_MOST = 50_000
_MOST_BYTES = 64 << 20


class Given(NamedTuple):
    """An answer that was given: the item that it was, and when."""

    item: bytes
    at: float


@dataclass(slots=True)
class Repeats:
    """The last answers, bounded in number, bytes and time; the oldest are forgotten first."""

    most: int = _MOST
    most_bytes: int = _MOST_BYTES
    _given: dict[str, Given] = field(default_factory=dict)
    _bytes: int = 0

    def find(self, key: str, now: float) -> bytes | None:
        """Return the answer that a call with this key was given a short while ago."""
        given = self._given.get(key)
        return None if given is None or now - given.at >= _REMEMBERED else given.item

    def remember(self, key: str, item: bytes, now: float) -> None:
        """Remember an answer, and forget the oldest ones that it leaves no room for."""
        before = self._given.pop(key, None)
        self._bytes += len(item) - (0 if before is None else len(before.item))
        self._given[key] = Given(item, now)
        while len(self._given) > self.most or self._bytes > self.most_bytes or self._oldest(now):
            self._bytes -= len(self._given.pop(next(iter(self._given))).item)

    def _oldest(self, now: float) -> bool:
        return now - next(iter(self._given.values())).at >= _REMEMBERED
