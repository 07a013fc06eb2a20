"""The store of the management system: one transaction of the database for the calls of many stations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from voltgate.csms.model import Row
from voltgate.csms.ports import Decide, Needs
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.csms.finding import find, find_stations
from voltgate.store.csms.links import Again, Link, linked
from voltgate.store.csms.numbers import take_numbers
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.speech import writing
from voltgate.store.csms.tariffs import TariffReader
from voltgate.store.reach import Reach

__all__ = ["CsmsStore"]

T = TypeVar("T")

_TRIES = 5
"""How often a round is tried that another node's round is in the way of."""
_AT_ONCE = 500
"""Stations of which is written with one commit when they were seen."""


class CsmsStore:
    """Reads and writes what rounds need and change, by way of a `database` that was opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reach = Reach(database.there, database.patience)
        self._numbers: list[int] = []
        self._tariffs = TariffReader()

    @property
    def away(self) -> str:
        """Why nothing can be read or written now; "" if it can."""
        return self._database.state.reason or ""

    async def round(self, needs: Needs, decide: Decide) -> None:
        """Read, decide and write in one transaction; it is on disk when this returns.

        `decide` is called again, with what is read anew, when another node was in the way. Raise StoreAway; Unfit for
        rows that cannot be written: nothing is, then.
        """

        async def work(link: Link) -> list[int]:
            found = await find(link, needs)
            found.numbers = left = list(numbers)
            if needs.running:
                found.tariffs = await self._tariffs.read(link)
            await write_rows(link, decide(found))
            return left

        async with self._reach.in_time():
            numbers = await self._take(needs.numbers)
            self._numbers += await self._repeated(work)

    async def _take(self, many: int) -> list[int]:
        """Take numbers out of those of this process; what fails may have used them, and does not give them back."""
        if len(self._numbers) < many:
            self._numbers = await take_numbers(self._database.there(), many) + self._numbers
        at = len(self._numbers) - many
        taken, self._numbers = self._numbers[at:], self._numbers[:at]
        return taken

    async def seen(self, stations: dict[str, float]) -> None:
        """Write down when stations were heard last, by key. Raise StoreAway."""
        left = iter(sorted(stations.items()))
        while few := dict(islice(left, _AT_ONCE)):

            async def work(link: Link, few: dict[str, float] = few) -> None:
                found = await find_stations(link, few)
                for key, station in found.items():
                    station.seen = max(station.seen or 0.0, few[key])
                await write_rows(link, found.values())

            async with self._reach.in_time():
                await self._repeated(work)

    async def _repeated(self, work: Callable[[Link], Awaitable[T]]) -> T:
        """Do something in a transaction; again, when another node is in the way."""
        for _ in range(_TRIES):
            with suppress(Again):
                async with linked(self._database.there(), self._database.patience) as link:
                    return await work(link)
        raise StoreAway("other nodes were in the way, again and again")


async def write_rows(link: Link, rows: Iterable[Row]) -> None:
    """Write rows in place of those with the same keys; of two with the same key the last one."""
    by_kind: dict[type[Row], dict[Any, Row]] = {}
    for row in rows:
        by_kind.setdefault(type(row), {})[shape(type(row)).key(row)] = row
    for kind, kept in by_kind.items():
        mine = shape(kind)
        await link.write(writing(link.driver, mine), *mine.written(kept.values()))
