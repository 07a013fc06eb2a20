"""The address of a database, and the engine that speaks to it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_RESTS = "rests since"
_LONG = 1.0
"""Seconds after which a connection that nobody used may have been lost unnoticed. To ask it takes three statements."""
_DRIVERS = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+asyncpg"}


def read_address(text: str, folder: Path | None = None) -> URL:
    """Read `sqlite:///path` (relative to `folder`) or `postgresql://user:password@host/database`. Raises ValueError."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError('is "sqlite:///path/to.db" or "postgresql://user@host/database"') from None
    scheme = {"postgres": POSTGRESQL}.get(url.drivername, url.drivername)
    if scheme not in _DRIVERS:
        raise ValueError(f'must start with sqlite:/// or postgresql://, not "{url.drivername}://"')
    if not url.database:
        raise ValueError("names no database")
    if scheme == SQLITE and url.database != ":memory:" and folder is not None:
        url = url.set(database=str(folder / Path(url.database).expanduser()))
    query = {"ssl" if key == "sslmode" else key: value for key, value in url.query.items()}  # as libpq has it
    return url.set(drivername=scheme, query=query)


def open_engine(url: URL, busy: float) -> AsyncEngine:
    """Make the engine of a database.

    `busy` is how many seconds a locked SQLite file is waited for, PostgreSQL may take to let us in, and keeps what is
    locked by a process that stands still in the middle of a transaction.
    """
    connect_args: dict[str, Any] = {"timeout": busy}
    more: dict[str, Any] = {}
    if url.drivername == POSTGRESQL:
        connect_args["server_settings"] = {"idle_in_transaction_session_timeout": f"{busy * 1000:.0f}"}
    else:
        more["pool_reset_on_return"] = None  # see _end_sqlite
    engine = create_async_engine(
        url.set(drivername=_DRIVERS[url.drivername]),
        hide_parameters=True,
        connect_args=connect_args,
        **more,
    )
    if url.drivername == POSTGRESQL:
        event.listen(engine.sync_engine, "checkin", _rest)
        event.listen(engine.sync_engine, "checkout", partial(_wake, engine.dialect))
    if url.drivername == SQLITE:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        event.listen(engine.sync_engine, "reset", _end_sqlite)
        return TakingTurns(engine.sync_engine)
    return engine


class TakingTurns(AsyncEngine):
    """The engine of SQLite, to which one may write at a time: those of this process wait for each other in line.

    SQLite itself would have them ask again and again, with pauses up to a tenth of a second.
    """

    def __init__(self, sync_engine: Engine) -> None:
        super().__init__(sync_engine)
        self.turn = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, once it is our turn to write."""
        async with self.turn, super().begin() as connection:
            yield connection


def turn(engine: AsyncEngine) -> AbstractAsyncContextManager[None]:
    """Wait for the turn to write, for those who begin without the engine; PostgreSQL has many write."""
    return engine.turn if isinstance(engine, TakingTurns) else nullcontext()


def _rest(connection: Any, record: ConnectionPoolEntry) -> None:
    """Remember since when a connection is not used."""
    record.info[_RESTS] = time.monotonic()


def _wake(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
    """Have connections made anew that were lost: whether one is there still that rested for long, it is asked."""
    lost = connection.driver_connection.is_closed()
    if not lost and time.monotonic() - record.info.get(_RESTS, math.inf) > _LONG:
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error:
            lost = True
    if lost:
        raise InvalidatePoolError


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Write ahead, and really to disk: a commit that was answered survives a loss of power."""
    connection.isolation_level = None  # Python's own transactions leave changes of the schema out
    connection.driver_connection.text_factory = _text
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(data: bytes) -> str:
    """Read a text, also one that is damaged: it must keep nobody from reading what stands beside it."""
    return data.decode(errors="surrogateescape")


def reading(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for those who only read: they wait for nobody who writes, and need no transaction."""
    return engine.execution_options(reading=True)


def _begin_sqlite(connection: Connection) -> None:
    """Take the right to write at once: to ask for it later fails when somebody else has written meanwhile."""
    if not connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _end_sqlite(connection: Any, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Leave no transaction open that was cut off before its end: nobody else could write.

    The pool itself would ask for the end of any, and each question is a way to the thread of the connection.
    """
    if not state.terminate_only and connection.driver_connection.in_transaction:
        connection.rollback()
