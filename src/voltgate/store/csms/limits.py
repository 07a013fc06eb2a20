"""The limits of stations in the database: read before a command, and kept when a station tells them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, tuple_

from voltgate.csms.commands.target import Facts
from voltgate.csms.limits import PLACES, limits_of
from voltgate.csms.model import Variable
from voltgate.store.csms.bounds import Bounds
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.tables import variables
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import write_rows

_SHAPE = shape(Variable)


class Limits:
    """Reads and keeps what stations told, within `bounds`. Everything raises StoreAway."""

    def __init__(self, work: Work, bounds: Bounds | None = None) -> None:
        self._work = work
        self._bounds = bounds or Bounds()

    async def of(self, station: str) -> Facts:
        """Return what is known of the limits of a station."""
        places = tuple_(variables.c.component, variables.c.variable).in_(sorted(PLACES))
        reading = select(*_SHAPE.columns).where(variables.c.station == station, places)
        async with self._work.reach.read() as connection:
            return limits_of([Variable(*row) for row in await connection.execute(reading)])

    async def keep(self, rows: Sequence[Variable]) -> int:
        """Keep what a station told, in place of what it told before. Raise Unfit for what no column can hold.

        Return how many rows were dropped, since it has told more than is kept of it.
        """

        async def write(link: Link) -> int:
            await write_rows(link, rows)
            return await self._bounds.hold(link, rows)

        return await self._work.transact(write) if rows else 0
