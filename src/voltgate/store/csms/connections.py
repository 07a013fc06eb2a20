"""Who holds which station, as rows of stations say it: read beside the rounds."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, not_, select

from voltgate.csms.model import Station
from voltgate.store import Database
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.tables import IS_RUNNING, stations, transactions
from voltgate.store.reach import Reach

__all__ = ["StoredConnections"]

_AT_ONCE = 500
"""Stations that are read at a time."""


class StoredConnections:
    """Reads by way of a `database` that was opened. Everything raises StoreAway."""

    def __init__(self, database: Database) -> None:
        self._reach = Reach(database.there, database.patience)

    async def holders(self) -> set[str]:
        """Return who holds connected stations."""
        wanted = select(stations.c.holder).where(stations.c.connected).distinct()
        async with self._reach.read() as connection:
            return set((await connection.execute(wanted)).scalars())

    async def held_by(self, holder: str) -> list[Station]:
        """Return stations that a holder has, some at a time."""
        return await self._stations(and_(stations.c.connected, stations.c.holder == holder))

    async def away_since(self, before: float) -> list[Station]:
        """Return stations that went before a time, and are not marked yet, some at a time."""
        is_away = and_(not_(stations.c.connected), stations.c.holder != "")
        return await self._stations(and_(is_away, stations.c.since <= before))

    async def charging(self, holders: str, after: str) -> list[Station]:
        """Return stations with transactions that run, whose holder's name begins so: some at a time, `after` a key."""
        is_theirs = and_(stations.c.connected, stations.c.holder.startswith(holders, autoescape=True))
        is_charging = stations.c.key.in_(select(transactions.c.station).where(IS_RUNNING))
        return await self._stations(and_(stations.c.key > after, is_theirs, is_charging))

    async def station(self, key: str) -> Station | None:
        """Return a station."""
        found = await self._stations(stations.c.key == key)
        return found[0] if found else None

    async def _stations(self, condition: ColumnElement[bool]) -> list[Station]:
        columns = (stations.c[name] for name in shape(Station).own)
        wanted = select(*columns).where(condition).order_by(stations.c.key)
        async with self._reach.read() as connection:
            rows = (await connection.execute(wanted.limit(_AT_ONCE))).all()
        return [Station(*row) for row in rows]
