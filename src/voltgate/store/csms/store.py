"""The store of the management system: one transaction of the database for the calls of many stations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from voltgate.csms.model import Row
from voltgate.csms.ports import Decide, Found, Needs
from voltgate.store import Database
from voltgate.store.csms.bounds import Bounds
from voltgate.store.csms.finding import find, find_stations, unused
from voltgate.store.csms.links import Link
from voltgate.store.csms.numbers import take_numbers
from voltgate.store.csms.tariffs import TariffReader
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import Write, write, write_rows, writes

__all__ = ["CsmsStore"]

_AT_ONCE = 500
"""Stations of which is written with one commit when they were seen."""


_ROUNDS = 2
"""Rounds of one process that are under way at once on PostgreSQL: one is decided on while it works for the other."""
_LARGE = 1 << 16
"""Bytes of calls on which is decided in a thread: the loop must not wait for what some hundred calls say, or one."""

T = TypeVar("T")


class CsmsStore:
    """Reads and writes what rounds need and change, by way of a `database` that was opened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._work = Work(database)
        self._numbers: list[int] = []
        self._tariffs = TariffReader()
        self.bounds = Bounds()
        """How many rows of each kind a station may have."""

    @property
    def away(self) -> str:
        """Why nothing can be read or written now; "" if it can."""
        return self._database.state.reason or ""

    @property
    def at_once(self) -> int:
        """How many rounds are worth doing at a time: to SQLite only one can write."""
        return _ROUNDS if self._database.is_shared else 1

    async def round(self, needs: Needs, decide: Decide) -> int:
        """Read, decide and write in one transaction; it is on disk when this returns.

        Return how many rows were dropped, since their stations have told more than is kept of a station.
        `decide` is called again, with what is read anew, when another node was in the way. Raise StoreAway; Unfit for
        rows that cannot be written: nothing is, then.
        """
        while (dropped := await self._round(needs, decide)) is None:
            pass  # with other numbers
        return dropped

    async def _round(self, needs: Needs, decide: Decide) -> int | None:
        """Return how many rows were dropped.

        None: nothing was done, as a transaction has one of the numbers, since its station brought it.
        """
        numbers = await self._take(needs.numbers)

        async def read(link: Link) -> Found:
            found = await find(link, needs)
            found.numbers = await unused(link, numbers)
            if needs.running:
                found.tariffs = await self._tariffs.read(link)
            return found

        async def work(link: Link) -> tuple[list[int], int] | None:
            found = await link.together(read)
            if len(found.numbers) < len(numbers):
                return None

            def decided() -> tuple[list[Row], list[Write]]:
                rows = list(decide(found))
                return rows, list(writes(link.driver, rows))

            rows, written = await _apart(decided) if needs.size > _LARGE else decided()
            await write(link, written)
            return found.numbers, await self.bounds.hold(link, rows)

        done = await self._work.transact(work)
        if done is None:
            mine, self._numbers = self._numbers + numbers, []
            left = await self._work.transact(lambda link: unused(link, mine))
            self._numbers += left
            return None
        left, dropped = done
        self._numbers += left
        return dropped

    async def _take(self, many: int) -> list[int]:
        """Take numbers out of those of this process; what fails may have used them, and does not give them back."""
        if len(self._numbers) < many:
            async with self._work.reach.in_time():
                more = await take_numbers(self._database.there(), many)
            self._numbers = more + self._numbers
        at = len(self._numbers) - many
        taken, self._numbers = self._numbers[at:], self._numbers[:at]
        return taken

    async def seen(self, stations: dict[str, float]) -> list[str]:
        """Write down when stations were heard last, by key; return those that are taken for gone. Raise StoreAway."""
        left, gone = iter(sorted(stations.items())), list[str]()
        while few := dict(islice(left, _AT_ONCE)):

            async def write(link: Link, few: dict[str, float] = few) -> list[str]:
                found = await find_stations(link, few)
                for key, station in found.items():
                    station.seen = max(station.seen or 0.0, few[key])
                await write_rows(link, found.values())
                return [key for key, station in found.items() if not station.connected]

            gone += await self._work.transact(write)
        return gone


async def _apart(work: Callable[[], T]) -> T:
    """Do something in a thread, and to its end: nobody looks at what it changes before."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait({doing})
        raise
