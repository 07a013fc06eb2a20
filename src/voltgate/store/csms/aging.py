"""What the management system keeps for some time only: meter values, and what stations have reported.

On PostgreSQL the meter values of a day of the stations' calendar are a partition, which is made before the day comes,
and dropped when it is old. What is of no such day, as a station's clock may say anything, goes by when it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.calendar import EARLIEST, Calendar
from voltgate.store.address import POSTGRESQL
from voltgate.store.csms.tables import meter_values, notes, status_changes
from voltgate.store.database import Database
from voltgate.store.failures import words
from voltgate.store.reach import Reach

log = structlog.get_logger("voltgate.store")

_A_DAY = 86400
_AHEAD = 3
"""Days for which there are partitions before they come."""
_AT_ONCE = 1000
"""Rows that are deleted with one commit."""
_PATIENCE = 30.0
"""Seconds that a partition may take, with what came of its day before it was there."""
_TENDING = int.from_bytes(b"csmstend")
"""The number of the lock that whoever changes partitions has: of several nodes one does."""
_IN_THE_WAY = ("55P03", "42P07", "42P01")
"""SQLSTATE: a lock was not had in time; another node has just made, or dropped, the same partition."""

_NAME = f"{meter_values.name}_%Y%m%d"
_REST = f"{meter_values.name}_rest"


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many seconds things are kept."""

    meter_values: float
    history: float
    """Status changes and notes."""


class Aging:
    """Has a database hold what is to come, and deletes what is too old, by a calendar that is steady."""

    def __init__(self, database: Database, wall: Calendar) -> None:
        self._database = database
        self._reach = Reach(database.there, database.patience)
        self._wall = wall

    async def tend(self, keep: Keep) -> None:
        """Do what is due: to be called at the start, and every hour or so. Raise StoreAway."""
        shared = self._database.there().dialect.name == POSTGRESQL
        now = self._wall()
        if shared:
            await self._tend_partitions(now, now - keep.meter_values if self._wall.is_steady else None)
        await self._delete(_REST if shared else meter_values.name, now - keep.meter_values)
        await self._delete(status_changes.name, now - keep.history)
        await self._delete(notes.name, now - keep.history)

    async def _tend_partitions(self, now: float, old: float | None) -> None:
        """Make the partitions of the days to come, and drop those that ended before a time, if one is given.

        It stops when others do that, or when nobody would get at the table meanwhile: it comes again.
        """
        async with self._reach.read() as connection:
            there = await _partitions(connection)
        today = int(now // _A_DAY)
        changes = [_making(day) for day in range(today - 1, today + _AHEAD + 1) if day not in there]
        if old is not None:
            changes += [(f"DROP TABLE {_name(day)}",) for day in sorted(there) if (day + 1) * _A_DAY <= old]
        for statements in changes:
            async with self._reach.in_time(_PATIENCE):
                try:
                    await self._change(statements)
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
                        raise
                    log.info("partitions of the meter values are left for later", reason=words(error))
                    return

    async def _change(self, statements: Iterable[str]) -> None:
        async with self._database.there().begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_TENDING})"))
            for statement in statements:
                await connection.execute(text(statement))

    async def _delete(self, name: str, before: float) -> None:
        """Delete what came before a time, a little at a time; not what came while the clock was wrong."""
        row = "ctid" if self._database.there().dialect.name == POSTGRESQL else "rowid"
        old = f"SELECT {row} FROM {name} WHERE received >= :earliest AND received < :before LIMIT {_AT_ONCE}"  # noqa: S608
        statement = text(f"DELETE FROM {name} WHERE {row} IN ({old})")  # noqa: S608
        jumps, deleted = self._wall.jumps, _AT_ONCE
        while deleted >= _AT_ONCE and self._wall.is_steady and self._wall.jumps == jumps:
            async with self._reach.write() as connection:
                done = await connection.execute(statement, {"earliest": EARLIEST, "before": before})
                deleted = done.rowcount


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * _A_DAY, UTC).strftime(_NAME)


async def _partitions(connection: AsyncConnection) -> set[int]:
    """Return the days that have a partition, counted from 1970."""
    found = await connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)"),
        {"parent": meter_values.name},
    )
    names = [name for (name,) in found if name != _REST]
    return {int(datetime.strptime(name, _NAME).replace(tzinfo=UTC).timestamp()) // _A_DAY for name in names}


def _making(day: int) -> tuple[str, ...]:
    """Return the statements that make the partition of a day, with what came of that day before."""
    name, first, end = _name(day), day * _A_DAY, (day + 1) * _A_DAY
    moved = f"DELETE FROM {_REST} WHERE at >= {first} AND at < {end} RETURNING *"  # noqa: S608
    return (
        f"CREATE TABLE {name} (LIKE {meter_values.name} INCLUDING ALL)",
        f"LOCK TABLE {_REST} IN ACCESS EXCLUSIVE MODE",
        f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved",  # noqa: S608
        f"ALTER TABLE {meter_values.name} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
    )
