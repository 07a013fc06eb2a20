"""Ways to work with the database: rounds and bulk with the driver itself, single rows by SQLAlchemy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.csms.ports import Unfit
from voltgate.relay.records import StoreAway
from voltgate.store.address import POSTGRESQL
from voltgate.store.csms.links import Again, Link, linked
from voltgate.store.csms.shapes import shape
from voltgate.store.database import Database
from voltgate.store.failures import is_of_the_data
from voltgate.store.reach import Reach

R = TypeVar("R")
T = TypeVar("T")

_TRIES = 5
"""How often a transaction is tried that another one is in the way of."""


class Work:
    """What is done with a `database` that was opened.

    Each method is one transaction, or a read. It raises StoreAway when the database is away or does not answer in time,
    Unfit for data that it does not take; then nothing was written.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reach = Reach(database.there, database.patience)

    async def transact(self, work: Callable[[Link], Awaitable[T]]) -> T:
        """Do something in a transaction; from the start again, when another one is in the way."""
        async with self.reach.in_time():
            for _ in range(_TRIES):
                with suppress(Again):
                    async with linked(self.database.there(), self.database.patience) as link:
                        return await work(link)
        raise StoreAway("other nodes were in the way, again and again")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, which is committed at the end."""
        async with self.reach.write() as connection:
            try:
                yield connection
            except Exception as error:
                if is_of_the_data(error):
                    raise Unfit(f"the database does not take it: {type(error).__name__}") from error
                raise

    async def create(self, row: Any) -> bool:
        """Write a row, unless there is one with its key; return whether there was none."""
        mine = shape(type(row))
        insert = (postgresql if self.database.there().dialect.name == POSTGRESQL else sqlite).insert(mine.table)
        async with self.writing() as connection:
            values = {name: getattr(row, name) for name in mine.own}
            return (await connection.execute(insert.values(values).on_conflict_do_nothing())).rowcount > 0

    async def change(self, kind: type[R], key: Mapping[str, Any], values: Mapping[str, Any]) -> R | None:
        """Change columns of the row with a key; return it as it is then, None if there is none.

        A round beside it overwrites nothing: it holds the row from its first look until it has written.
        """
        mine = shape(kind)
        changing = update(mine.table).filter_by(**key).values({**key, **values}).returning(*mine.columns)
        async with self.writing() as connection:
            row = (await connection.execute(changing)).one_or_none()
            return mine.kind(*row) if row is not None else None

    async def delete(self, kind: type[Any], **key: Any) -> bool:
        """Delete the row with a key; return whether it was there."""
        async with self.writing() as connection:
            return (await connection.execute(delete(shape(kind).table).filter_by(**key))).rowcount > 0
