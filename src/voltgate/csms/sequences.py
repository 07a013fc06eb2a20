"""Sequence numbers: which parts of a report or events of a transaction have come, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass

_MOST = 500
"""Numbers that are remembered as missing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come: the highest number (-1: none), and the numbers below it that have not, with blanks between."""

    highest: int = -1
    missing: str = ""

    def has(self, number: int) -> bool:
        """Return whether a number has come."""
        return number <= self.highest and number not in self._missing()

    def plus(self, number: int) -> Heard:
        """Return what has come with one number more."""
        missing = self._missing()
        missing.discard(number)
        missing.update(range(max(self.highest + 1, number - _MOST, 0), number))
        return Heard(max(self.highest, number), " ".join(map(str, sorted(missing)[-_MOST:])))

    def _missing(self) -> set[int]:
        return {int(each) for each in self.missing.split()}
