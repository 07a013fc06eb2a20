"""Tariffs in the database: versions of each, none of which is ever changed. Rounds know at once what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import structlog
from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.csms.tariffs import Tariff, tariff_of, to_json
from voltgate.store import Database
from voltgate.store.address import SQLITE
from voltgate.store.csms.links import Link
from voltgate.store.csms.tables import numbers, tariffs
from voltgate.store.reach import Reach

MOST = 1000
"""Versions of tariffs that there may be."""

log = structlog.get_logger("voltgate.store")

_CHANGES = "tariffs"
_COUNTED = f"SELECT next FROM {numbers.name} WHERE name = '{_CHANGES}'"  # noqa: S608
_ALL = f"SELECT data FROM {tariffs.name} ORDER BY name, version"  # noqa: S608


class TooMany(Exception):  # noqa: N818 - it says what there is
    """There are as many tariffs as there may be."""


class TariffReader:
    """Reads tariffs for rounds: all of them when one was changed, else only that none was."""

    def __init__(self) -> None:
        self._changes = -1
        self._read: tuple[Tariff, ...] = ()

    async def read(self, link: Link) -> tuple[Tariff, ...]:
        """Return all tariffs."""
        counted = await link.read(_COUNTED)
        changes = counted[0][0] if counted else 0
        if changes != self._changes:
            self._read = tuple(_readable(row[0] for row in await link.read(_ALL)))
            self._changes = changes
        return self._read


class TariffStore:
    """Lists, adds and deletes tariffs. Everything raises StoreAway when the database does not do it in time."""

    def __init__(self, database: Database) -> None:
        self._reach = Reach(database.there, database.patience)

    async def list(self) -> list[Tariff]:
        """Return all versions of all tariffs, by name and version."""
        async with self._reach.read() as connection:
            found = await connection.execute(select(tariffs.c.data).order_by(tariffs.c.name, tariffs.c.version))
            return list(_readable(data for (data,) in found))

    async def put(self, tariff: Tariff) -> Tariff:
        """Add a version of a tariff, and return it with its number. Raise TooMany."""
        async with self._reach.write() as connection:
            await _count_change(connection)
            total, last = (
                await connection.execute(
                    select(func.count(), func.max(tariffs.c.version).filter(tariffs.c.name == tariff.name))
                )
            ).one()
            if total >= MOST:
                raise TooMany(f"There are {MOST} versions of tariffs already: delete some.")
            made = msgspec.structs.replace(tariff, version=(last or 0) + 1)
            await connection.execute(insert(tariffs).values(name=made.name, version=made.version, data=to_json(made)))
            return made

    async def delete(self, name: str, version: int | None = None) -> bool:
        """Delete a tariff, or one version of it; return whether there was one. What it has priced stays as it is."""
        these = tariffs.c.name == name
        async with self._reach.write() as connection:
            await _count_change(connection)
            deleting = delete(tariffs).where(these if version is None else these & (tariffs.c.version == version))
            return bool((await connection.execute(deleting)).rowcount)


def _readable(rows: Iterable[bytes]) -> Iterator[Tariff]:
    """Yield tariffs; one that a hand has spoilt is left out, so that nobody waits for its mending."""
    for data in rows:
        try:
            yield tariff_of(data)
        except msgspec.MsgspecError as error:
            log.error(  # noqa: TRY400 - the reason says it all
                "a tariff cannot be read, and prices nothing; delete it, or put it anew", reason=str(error)
            )


async def _count_change(connection: AsyncConnection) -> None:
    """Count a change, so that every process reads them anew. Whoever else changes them waits for its end."""
    kind = sqlite if connection.dialect.name == SQLITE else postgresql
    counting = kind.insert(numbers).values(name=_CHANGES, next=1)
    changed = counting.on_conflict_do_update(index_elements=[numbers.c.name], set_={"next": numbers.c.next + 1})
    await connection.execute(changed)
