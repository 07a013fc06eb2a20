"""What is known of stations' security, in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from itertools import islice
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.directory.security import SecurityRecord
from voltgate.store.address import POSTGRESQL
from voltgate.store.notices import SECURITY, announce
from voltgate.store.reach import Reach
from voltgate.store.tables import station_security as table

_AT_ONCE = 400
"""Rows that are read with one statement."""


class SecurityTable:
    """The table. Everything raises StoreAway when the database does not do it in time.

    On PostgreSQL other nodes than `node` are told of what has changed.
    """

    def __init__(self, reach: Reach, node: str = "") -> None:
        self._reach = reach
        self._node = node

    async def read(self, stations: Collection[str] | None) -> list[SecurityRecord]:
        """Return the records of some stations, None: all."""
        async with self._reach.read() as connection:
            if stations is None:
                return [SecurityRecord(*row) for row in await connection.execute(select(table))]
            found: list[SecurityRecord] = []
            left = iter(stations)
            while few := list(islice(left, _AT_ONCE)):
                rows = await connection.execute(select(table).where(table.c.station.in_(few)))
                found += [SecurityRecord(*row) for row in rows]
            return found

    async def came(self, records: Sequence[SecurityRecord]) -> None:
        """Write with which profile stations have come, unless it is lower than what is written, and until when."""
        async with self._writing([each.station for each in records]) as connection:
            insert = _insert(connection)
            new = insert.excluded
            upsert = insert.on_conflict_do_update(
                index_elements=["station"],
                set_={name: new[name] for name in ("identity", "profile", "at", "by", "until")},
                where=table.c.profile <= new.profile,
            )
            await connection.execute(upsert, [asdict(each) for each in records])

    async def change(self, record: SecurityRecord, columns: Mapping[str, Any]) -> None:
        """Write some columns of a record, as they are in it, or all of it if there is none."""
        async with self._writing([record.station]) as connection:
            insert = _insert(connection)
            upsert = insert.on_conflict_do_update(
                index_elements=["station"], set_={name: insert.excluded[name] for name in columns}
            )
            await connection.execute(upsert, asdict(record))

    async def took(self, station: str, offered: str, password: str, at: float) -> None:
        """Have a password count that was offered, and no other, unless others are offered by now."""
        async with self._writing([station]) as connection:
            taken = update(table).where(table.c.station == station, table.c.offered == offered)
            await connection.execute(taken.values(password=password, offered="", password_at=at))

    @asynccontextmanager
    async def _writing(self, stations: Iterable[str]) -> AsyncIterator[AsyncConnection]:
        async with self._reach.write() as connection:
            yield connection
            if connection.dialect.name == POSTGRESQL:
                await announce(connection, self._node, SECURITY, list(stations))


def _insert(connection: AsyncConnection) -> Any:
    return (postgresql if connection.dialect.name == POSTGRESQL else sqlite).insert(table)
