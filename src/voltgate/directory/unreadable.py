"""Rows of the register that cannot be read: they stay as they are until what they said has been said again."""

from __future__ import annotations

from collections.abc import Iterable

from voltgate.directory.claims import part_of
from voltgate.relay.records import RegisterRecord

CLAIMS, CLAIMANT, ACCEPTED, KEY, FORMER = "claims", "claimant", "accepted", "key", "former key"
"""The kinds of records of the register."""


class UnreadableRows:
    """The rows, by their keys, and what depends on them: the lists of `backends`, and stations."""

    __slots__ = ("_parts", "backends", "rows")

    def __init__(self) -> None:
        self.rows: dict[tuple[str | int, ...], RegisterRecord] = {}
        self.backends: frozenset[str] = frozenset()
        """Those of whose lists a part, or the time, cannot be read: only a whole list takes their place."""
        self._parts: frozenset[int] = frozenset()

    def take(self, record: RegisterRecord) -> None:
        """Remember a row."""
        self.rows[record.key] = record
        self._index()

    def forget(self, records: Iterable[RegisterRecord]) -> None:
        """Forget rows in whose place others were written."""
        if self.rows:
            for record in records:
                self.rows.pop(record.key, None)
            self._index()

    def of(self, records: Iterable[RegisterRecord]) -> list[RegisterRecord]:
        """Return the rows in whose place these records come."""
        return [self.rows[record.key] for record in records if record.key in self.rows]

    def may_name(self, key: str) -> bool:
        """Return whether a station may be one that a row speaks of."""
        return bool(self.rows) and (part_of(key) in self._parts or (ACCEPTED, key) in self.rows)

    def _index(self) -> None:
        """Note what depends on the rows. A part of a list is named by its backend and number."""
        parts = [row.name.rpartition("/") for row in self.rows.values() if row.kind == CLAIMS]
        times = [row.name for row in self.rows.values() if row.kind == CLAIMANT]
        self.backends = frozenset([*(backend for backend, _, _ in parts), *times])
        self._parts = frozenset(int(number) for _, _, number in parts if number.isdecimal())
