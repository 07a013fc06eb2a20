"""How many rows of each kind a station may have: what it tells beyond that takes the place of what it told first.

A station that makes up a name for each thing that it says, or says something all day, would fill the database of all.
Its transactions, with what they have charged, are bounded by nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from voltgate.csms.model import Connector, Note, Profile, Report, Row, SigningRequest, StatusChange, Variable
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import Shape, shape
from voltgate.store.csms.speech import listed, quoted, wanted

log = structlog.get_logger("voltgate.csms")

MOST = 20_000
_MOST_CONNECTORS = 1000
"""They are read with each call of their station."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The rows of a kind with the same `of` may be so many; those that are first by `by` go first."""

    of: tuple[str, ...]
    by: str
    most: int = 2**31


_OF_STATION = ("station",)
_BOUNDS: dict[type[Row], _Bound] = {
    Connector: _Bound(_OF_STATION, "at", _MOST_CONNECTORS),
    Note: _Bound(("station", "kind"), "received"),  # of each kind: nobody hides a security event behind others
    Profile: _Bound(_OF_STATION, "at"),
    Report: _Bound(_OF_STATION, "received"),
    SigningRequest: _Bound(_OF_STATION, "number"),
    StatusChange: _Bound(_OF_STATION, "received"),
    Variable: _Bound(_OF_STATION, "at"),
}


class Bounds:
    """Deletes what is too much. `most` gives how many rows of a kind a station may have.

    It is looked when this process has written a tenth of that: so many more there may be.
    """

    def __init__(self, most: Callable[[], int] = lambda: MOST) -> None:
        self.most = most
        self._written: Counter[tuple[type[Row], Any]] = Counter()

    async def hold(self, link: Link, rows: Iterable[Row]) -> int:
        """Delete what is too much after rows were written; return how many rows that were."""
        dropped = 0
        for kind, those in self._due(rows).items():
            columns = [list(column) for column in zip(*those, strict=True)]
            found = await link.read(_dropping(link.driver, shape(kind), self._most(kind)), *columns)
            dropped += len(found)
            for station in sorted({row[0] for row in found}):
                log.warning("a station has told more than is kept of it", station=station, kind=kind.__name__)
        return dropped

    def _due(self, rows: Iterable[Row]) -> dict[type[Row], set[tuple[Any, ...]]]:
        """Count rows, and return whose are to be looked at, by kind."""
        due: dict[type[Row], set[tuple[Any, ...]]] = {}
        for row in rows:
            kind = type(row)
            if kind not in _BOUNDS:
                continue
            key = tuple(getattr(row, name) for name in _BOUNDS[kind].of)
            self._written[kind, key] += 1
            if self._written[kind, key] >= max(1, self._most(kind) // 10):
                del self._written[kind, key]
                due.setdefault(kind, set()).add(key)
        return due

    def _most(self, kind: type[Row]) -> int:
        return min(self.most(), _BOUNDS[kind].most)


@cache
def _dropping(driver: str, mine: Shape[Any], most: int) -> str:
    """Return what deletes all but the last rows of some stations, and gives the station of each that it has deleted."""
    bound = _BOUNDS[mine.kind]
    equal = " AND ".join(f"t.{quoted(name)} = wanted.{quoted(name)}" for name in bound.of)
    place = f"row_number() OVER (PARTITION BY {listed(bound.of, 't')} ORDER BY coalesce(t.{quoted(bound.by)}, 0) DESC)"
    source = f"{wanted(driver, mine.table, bound.of)} CROSS JOIN {mine.table.name} AS t WHERE {equal}"
    ranked = f"SELECT {listed(mine.keys, 't')}, {place} AS place FROM {source}"  # noqa: S608
    these = f"SELECT {listed(mine.keys)} FROM ({ranked}) AS ranked WHERE place > {most}"  # noqa: S608
    return f"DELETE FROM {mine.table.name} WHERE ({listed(mine.keys)}) IN ({these}) RETURNING station"  # noqa: S608
