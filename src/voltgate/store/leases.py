"""Leases: which process may deliver what is owed of a station. PostgreSQL decides, by its own clock.

One row a station: `holder` names the process, `epoch` rises each time that another one takes the lease, `until` is when
it ends. A lease that was given back, or has ended, keeps its row: its epoch must not start again.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import Float, bindparam, case, cast, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.store.address import POSTGRESQL, SQLITE
from voltgate.store.holder import Holder
from voltgate.store.tables import leases

_LONGEST = 7260.0
"""Seconds that a lease of any gateway may last: two answers of an hour, and a minute."""
_BURIED_EVERY = 2.0
"""Seconds between two looks at which processes are dead."""
_CHUNK = 500
"""Stations that are asked for with one statement."""


class Undivided:
    """The leases of a process that has its database to itself: all, and nobody writes them down."""

    async def take(self, connection: AsyncConnection, stations: Collection[str], seconds: float) -> dict[str, int]:
        """Take or renew leases for `seconds`; return those that are this process's now, each with its epoch."""
        return dict.fromkeys(stations, 1)

    async def release(self, connection: AsyncConnection, stations: Collection[str]) -> None:
        """Give leases back, as far as they are this process's."""

    async def bury(self, connection: AsyncConnection) -> int:
        """End the leases of processes that are known to be dead; return how many processes these are."""
        return 0


class Leases(Undivided):
    """The leases of one process among several on a PostgreSQL."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._bury_at = 0.0
        self._clock = clock_of(POSTGRESQL)
        self._taking = _taking(self._clock)
        self._release = (
            update(leases)
            .where(leases.c.station == bindparam("one"), leases.c.holder == holder.text)
            .values(until=self._clock)
        )

    async def take(self, connection: AsyncConnection, stations: Collection[str], seconds: float) -> dict[str, int]:
        """Take or renew leases for `seconds`; return those that are this process's now, each with its epoch."""
        ours = await self._take_free(connection, stations, seconds)
        if len(ours) < len(stations) and await self.bury(connection):
            ours |= await self._take_free(connection, [each for each in stations if each not in ours], seconds)
        return ours

    async def _take_free(
        self, connection: AsyncConnection, stations: Collection[str], seconds: float
    ) -> dict[str, int]:
        ours: dict[str, int] = {}
        # in the same order everywhere, so that two processes never wait for each other
        for few in _batched(sorted(stations)):
            rows = [{"station": each, "holder": self._holder.text, "seconds": seconds} for each in few]
            await connection.execute(self._taking, rows)
            mine = leases.c.station.in_(few), leases.c.holder == self._holder.text
            held = await connection.execute(select(leases.c.station, leases.c.epoch).where(*mine))
            ours.update((station, epoch) for station, epoch in held)
        return ours

    async def release(self, connection: AsyncConnection, stations: Collection[str]) -> None:
        """Give leases back, as far as they are this process's."""
        if stations:
            await connection.execute(self._release, [{"one": each} for each in sorted(stations)])

    async def bury(self, connection: AsyncConnection) -> int:
        """End the leases of processes that are known to be dead; return how many processes these are.

        It looks once in a few seconds.
        """
        if time.monotonic() < self._bury_at:
            return 0
        self._bury_at = time.monotonic() + _BURIED_EVERY
        of_this_place = leases.c.holder.startswith(self._holder.place, autoescape=True)
        held = select(leases.c.holder).where(leases.c.until > self._clock, of_this_place).distinct()
        dead = [each for each in (await connection.execute(held)).scalars() if self._holder.outlives(each)]
        for each in dead:
            ending = update(leases).where(leases.c.holder == each, leases.c.until > self._clock)
            await connection.execute(ending.values(until=self._clock))
        return len(dead)


def clock_of(driver: str) -> Any:
    """Return the expression for the database's own time, in seconds since 1970."""
    if driver == SQLITE:
        return (func.julianday("now", type_=Float) - 2440587.5) * 86400.0
    return cast(extract("epoch", func.clock_timestamp()), Float(53))


def _taking(clock: Any) -> Any:
    """Make the statement that takes a lease which is free, or this process's already."""
    until = clock + bindparam("seconds", type_=Float(53))
    values = insert(leases).values(station=bindparam("station"), holder=bindparam("holder"), epoch=1, until=until)
    given = values.excluded
    is_ours = leases.c.holder == given.holder
    return values.on_conflict_do_update(
        index_elements=[leases.c.station],
        set_={
            "holder": given.holder,
            "epoch": case((is_ours, leases.c.epoch), else_=leases.c.epoch + 1),
            "until": given.until,
        },
        # one that ends later than any may was taken before the clock was set back
        where=or_(is_ours, leases.c.until <= clock, leases.c.until > clock + _LONGEST),
    )


def _batched(stations: list[str]) -> list[list[str]]:
    return [stations[start : start + _CHUNK] for start in range(0, len(stations), _CHUNK)]
