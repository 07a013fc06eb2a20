"""The store of the management system: one transaction of the database for the calls of many stations."""

from __future__ import annotations

from itertools import islice

from voltgate.csms.ports import Decide, Found, Needs
from voltgate.store import Database
from voltgate.store.csms.finding import find, find_stations, unused
from voltgate.store.csms.links import Link
from voltgate.store.csms.numbers import take_numbers
from voltgate.store.csms.tariffs import TariffReader
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import write_rows

__all__ = ["CsmsStore"]

_AT_ONCE = 500
"""Stations of which is written with one commit when they were seen."""


class CsmsStore:
    """Reads and writes what rounds need and change, by way of a `database` that was opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._work = Work(database)
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
        while not await self._round(needs, decide):
            pass  # with other numbers

    async def _round(self, needs: Needs, decide: Decide) -> bool:
        """Return whether it was done: not if a transaction has one of the numbers, since its station brought it."""
        numbers = await self._take(needs.numbers)

        async def read(link: Link) -> Found:
            found = await find(link, needs)
            found.numbers = await unused(link, numbers)
            if needs.running:
                found.tariffs = await self._tariffs.read(link)
            return found

        async def work(link: Link) -> list[int] | None:
            found = await link.together(read)
            if len(found.numbers) < len(numbers):
                return None
            await write_rows(link, decide(found))
            return found.numbers

        left = await self._work.transact(work)
        if left is None:
            mine, self._numbers = self._numbers + numbers, []
            left = await self._work.transact(lambda link: unused(link, mine))
            self._numbers += left
            return False
        self._numbers += left
        return True

    async def _take(self, many: int) -> list[int]:
        """Take numbers out of those of this process; what fails may have used them, and does not give them back."""
        if len(self._numbers) < many:
            async with self._work.reach.in_time():
                more = await take_numbers(self._database.there(), many)
            self._numbers = more + self._numbers
        at = len(self._numbers) - many
        taken, self._numbers = self._numbers[at:], self._numbers[:at]
        return taken

    async def seen(self, stations: dict[str, float]) -> None:
        """Write down when stations were heard last, by key. Raise StoreAway."""
        left = iter(sorted(stations.items()))
        while few := dict(islice(left, _AT_ONCE)):

            async def write(link: Link, few: dict[str, float] = few) -> None:
                found = await find_stations(link, few)
                for key, station in found.items():
                    station.seen = max(station.seen or 0.0, few[key])
                await write_rows(link, found.values())

            await self._work.transact(write)
