"""Connections that rounds work with: the driver's own, since each call of each station comes this way."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeAlias, TypeVar

import aiosqlite
import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.csms.ports import Unfit
from voltgate.relay.records import StoreAway
from voltgate.store.address import POSTGRESQL, turn
from voltgate.store.failures import FAILURES, is_of_the_data, words

T = TypeVar("T")

DRIVER_FAILURES = (
    *FAILURES,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    sqlite3.Error,
)
"""What is raised for a database that is away, by drivers as well: asyncpg calls it internal when it is cut off."""

_AGAIN = ("40001", "40P01")
"""SQLSTATE: two transactions were in each other's way, and one of them was chosen to be repeated."""


class Again(Exception):  # noqa: N818 - it says what is to be done
    """Nothing was written, and the same may be tried again."""


class Link(Protocol):
    """A connection with a transaction. Columns are of the same length."""

    driver: str

    async def read(self, statement: str, *columns: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run a statement on what stands in columns, and return the rows that it gives."""

    async def write(self, statement: str, *columns: Sequence[Any]) -> None:
        """Run a statement for the rows that stand in columns: before whatever is read next, or the end."""

    async def together(self, work: Work[T]) -> T:
        """Do what reads and writes several times, and waits for nothing else: it may run in another thread."""


Work: TypeAlias = Callable[[Link], Coroutine[Any, Any, T]]


class _PostgreSQL:
    driver = "postgresql"

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], patience: float) -> None:
        self._connection = connection
        self._begin = f"BEGIN; SET LOCAL statement_timeout = {patience * 1000:.0f}"

    async def read(self, statement: str, *columns: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return await self._connection.fetch(statement, *columns)  # type: ignore[no-any-return]

    async def write(self, statement: str, *columns: Sequence[Any]) -> None:
        await self._connection.execute(statement, *columns)

    async def together(self, work: Work[T]) -> T:
        return await work(self)

    async def begin(self) -> None:
        await self._connection.execute(self._begin)

    async def commit(self) -> None:
        await self._connection.execute("COMMIT")

    async def roll_back(self) -> None:
        await self._connection.execute("ROLLBACK")


class _InThread:
    """SQLite in the thread of a connection: what is awaited has happened already."""

    driver = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def read(self, statement: str, *columns: Sequence[Any]) -> Sequence[Sequence[Any]]:
        values = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
        text = (msgspec.json.encode(values).decode(),) if columns else ()
        return self._connection.execute(statement, text).fetchall()

    async def write(self, statement: str, *columns: Sequence[Any]) -> None:
        self._connection.executemany(statement, zip(*columns, strict=True))

    async def together(self, work: Work[T]) -> T:
        return await work(self)


class _SQLite:
    """SQLite from the loop: each way to the thread waits for the other's turn, so what can wait goes with the next."""

    driver = "sqlite"

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._first: list[Work[Any]] = []

    async def read(self, statement: str, *columns: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return await self.together(lambda link: link.read(statement, *columns))

    async def write(self, statement: str, *columns: Sequence[Any]) -> None:
        self._first.append(lambda link: link.write(statement, *columns))

    async def together(self, work: Work[T]) -> T:
        first, self._first = self._first, []
        return await self._connection._execute(_run, self._connection._conn, first, work)  # type: ignore[no-any-return, no-untyped-call]

    async def begin(self) -> None:
        self._first.append(lambda link: link.read("BEGIN IMMEDIATE"))

    async def commit(self) -> None:
        await self.read("COMMIT")

    async def roll_back(self) -> None:
        self._first.clear()
        await self.read("ROLLBACK")


def _run(connection: sqlite3.Connection, first: Sequence[Work[Any]], work: Work[T]) -> T:
    """Do some work in the thread of a connection, which waits for nothing."""

    async def do() -> T:
        link = _InThread(connection)
        for each in first:
            await each(link)
        return await work(link)

    coroutine = do()
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a fault of Voltgate: work with the database waits for something else")


@asynccontextmanager
async def linked(engine: AsyncEngine, patience: float) -> AsyncIterator[Link]:
    """Give a connection with a transaction, which is committed at the end; in SQLite's case with the turn to write.

    Raise StoreAway; Unfit for data that the database does not take; Again. Nothing was written then, but for a
    database of which nobody heard whether it committed.
    """
    try:
        async with turn(engine), engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            link = _PostgreSQL(raw, patience) if engine.dialect.name == POSTGRESQL else _SQLite(raw)
            try:
                await link.begin()
                yield link
                await link.commit()
            except BaseException as error:
                if not (_state(error) or isinstance(error, Unfit | sqlite3.Error)):
                    await connection.invalidate()
                    raise
                with suppress(*DRIVER_FAILURES):
                    await link.roll_back()
                raise
    except DRIVER_FAILURES as error:
        raise _outcome(error) from error


def _state(error: BaseException) -> str:
    """Return the SQLSTATE of an error; "" if it has none."""
    return str(getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _outcome(error: BaseException) -> Exception:
    if _state(error) in _AGAIN:
        return Again()
    if is_of_the_data(error) or isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return Unfit(f"the database does not take it: {type(error).__name__}")  # its words have values in them
    return StoreAway(words(error))
