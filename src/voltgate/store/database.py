"""The database of a gateway: records are written behind, many with one commit, and read when a station comes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Table, bindparam, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.relay.records import (
    AuditRecord,
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Page,
    Record,
    RegisterRecord,
    StoreAway,
    TransactionRecord,
)
from voltgate.store import schema
from voltgate.store.address import SQLITE, open_engine, reading
from voltgate.store.tables import TABLES, audit, facts, invitations, numbers, owed, register, transactions

log = structlog.get_logger("voltgate.store")

REMEMBERED = 8
"""Ended transactions of a station that are read with its page."""
_AT_ONCE = 500
"""Stations whose pages are read with one query."""
_CHUNK = 1000
"""Records that are written with one statement: more would keep the loop busy for too long."""
_SLOWEST = 2000
"""Records a second that a database which works can write."""
_SHORTEST, _LONGEST = 0.2, 5.0
"""Seconds between two tries while the database is away."""
_LOOK = 30.0
"""Seconds between two looks at what the journal holds."""
_A_DAY = 86400.0

FAILURES = (SQLAlchemyError, OSError, TimeoutError, ConnectionError)
"""What a database that is away is met with."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """What bounds the use of a database.

    `patience` is how many seconds something may take before whoever waits for it is told that it cannot be had;
    `pending` how many records may wait to be written. Ended transactions and numbers are kept for `keep` seconds, the
    audit trail for `keep_audit`, what a backend is owed for `keep_owed`.
    """

    patience: float = 5.0
    pending: int = 200_000
    keep: float = 30 * _A_DAY
    keep_audit: float = 90 * _A_DAY
    keep_owed: float = 30 * _A_DAY


@dataclass(frozen=True, slots=True)
class State:
    """How a database is. `reason` says why it is away, None when it is not; times are in seconds."""

    reason: str | None
    pending: int
    commits: int
    written: int
    failures: int
    dropped: int
    slowest: float
    owed: int
    oldest_owed: float


@dataclass(slots=True)
class _Counts:
    commits: int = 0
    written: int = 0
    failures: int = 0
    dropped: int = 0
    slowest: float = 0.0
    owed: int = 0
    oldest_owed: float = 0.0


@dataclass(slots=True, eq=False)
class _Waiter:
    then: Callable[[bool], None]
    serial: int
    """The number of the last record that it waits for."""
    timer: asyncio.TimerHandle | None = None


_Key = tuple[type[Record], tuple[str | int, ...]]
_Batch = dict[_Key, tuple[Record, bool]]
"""What is to be written: for each key the last record, and whether it is struck out."""


class Database:
    """The store of a gateway: one task writes whatever has come together since its last commit.

    While the database is away everything waits in memory, within bounds; whoever must have it on disk is told that it
    cannot be had, and everybody else goes on.
    """

    def __init__(
        self, url: URL, settings: DatabaseSettings | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._url = url
        self._settings = settings or DatabaseSettings()
        self._wall = wall
        self._engine: AsyncEngine | None = None
        self._pending: _Batch = {}
        self._serial = 0
        self._waiters: deque[_Waiter] = deque()
        self._readers: dict[str, list[asyncio.Future[Page]]] = {}
        self._wake = asyncio.Event()
        self._writing = False
        self._reason: str | None = "not opened yet"
        self._counts = _Counts()
        self._tasks: list[asyncio.Task[None]] = []
        self._upserts = {kind: _upsert(table, url.drivername) for kind, table in TABLES.items()}

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)})"

    # Life.

    async def open(self) -> None:
        """Begin. A database that is away is tried again and again in the background."""
        self._engine = open_engine(self._url, self._settings.patience)
        with suppress(*FAILURES, StoreAway):
            async with asyncio.timeout(self._settings.patience):
                await self._prepare(self._engine)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._write_on(self._engine)), loop.create_task(self._look_on(self._engine))]

    async def _prepare(self, engine: AsyncEngine) -> None:
        """Make sure that the tables are there: SQLite's are brought up to date, PostgreSQL's only looked at."""
        try:
            if self._url.drivername == SQLITE:
                if self._url.database != ":memory:":
                    Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
                found = await schema.current(engine)
                if found != schema.wanted() and schema.is_known(found):
                    await schema.upgrade(engine)
            objection = await schema.objection(engine)
        except FAILURES as error:
            self._is_away(_words(error))
            raise
        if objection is not None:
            self._is_away(objection)
            raise StoreAway(objection)
        if self._reason is not None:
            log.info("the database is there", database=self._url.render_as_string(hide_password=True))
        self._reason = None

    def _is_away(self, reason: str) -> None:
        if reason != self._reason:
            log.error("the database is away", database=self._url.render_as_string(hide_password=True), reason=reason)
        self._reason = reason
        self._counts.failures += 1

    async def close(self) -> None:
        """Write what waits, at most for the patience, and end."""
        deadline = self._settings.patience
        while (self._pending or self._writing) and deadline > 0 and self._tasks:
            await asyncio.sleep(0.02)
            deadline -= 0.02
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._pending:
            log.error("records were not written before the end", records=len(self._pending))
        for waiter in self._taken_waiters():
            waiter.then(False)
        if self._engine is not None:
            with suppress(*FAILURES):
                await self._engine.dispose()

    @property
    def engine(self) -> AsyncEngine | None:
        """What speaks to the database, for those who read other things than pages; None before `open`."""
        return self._engine

    @property
    def state(self) -> State:
        """How the database is now."""
        counts = self._counts
        age = max(0.0, self._wall() - counts.oldest_owed) if counts.owed else 0.0
        return State(
            self._reason,
            len(self._pending),
            counts.commits,
            counts.written,
            counts.failures,
            counts.dropped,
            counts.slowest,
            counts.owed,
            age,
        )

    # The port.

    def put(self, record: Record) -> None:
        """Keep a record, in place of the one with the same key; on disk soon."""
        self._enter(record, struck=False)

    def strike(self, record: Record) -> None:
        """Forget the record with this one's key; on disk soon."""
        self._enter(record, struck=True)

    def _enter(self, record: Record, *, struck: bool) -> None:
        key = (type(record), record.key)
        if len(self._pending) >= self._settings.pending and key not in self._pending and not self._make_room():
            self._counts.dropped += 1
            return
        self._serial += 1
        self._pending[key] = (record, struck)
        self._wake.set()

    def _make_room(self) -> bool:
        """Drop the oldest line of the audit trail, if there is any to drop."""
        oldest = next((key for key in self._pending if key[0] is AuditRecord), None)
        if oldest is None:
            return False
        del self._pending[oldest]
        self._counts.dropped += 1
        return True

    def after(self, then: Callable[[bool], None]) -> None:
        """Call `then(True)` once all that was put so far is on disk, `then(False)` when the patience is over."""
        if not self._pending and not self._writing:
            then(True)
            return
        if len(self._pending) >= self._settings.pending or not self._tasks:
            then(False)
            return
        waiter = _Waiter(then, self._serial)
        waiter.timer = asyncio.get_running_loop().call_later(self._settings.patience, self._tell_late, waiter)
        self._waiters.append(waiter)
        self._wake.set()

    def _tell_late(self, waiter: _Waiter) -> None:
        waiter.timer = None
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            waiter.then(False)

    def _taken_waiters(self) -> list[_Waiter]:
        waiters, self._waiters = list(self._waiters), deque()
        for waiter in waiters:
            if waiter.timer is not None:
                waiter.timer.cancel()
        return waiters

    async def load(self, station: str) -> Page:
        """Read what is on record of a station, all that was put before included. Raises StoreAway."""
        future: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        self._readers.setdefault(station, []).append(future)
        self._wake.set()
        try:
            async with asyncio.timeout(self._settings.patience):
                return await future
        except TimeoutError:
            raise StoreAway(self._reason or "the database does not answer") from None

    async def read_register(self) -> list[RegisterRecord]:
        """Read all that backends and operators have said. Raises StoreAway."""
        if self._engine is None or self._reason is not None:
            raise StoreAway(self._reason or "not opened yet")
        try:
            async with reading(self._engine).connect() as connection:
                return [RegisterRecord(*row) for row in await connection.execute(select(register))]
        except FAILURES as error:
            raise StoreAway(_words(error)) from None

    # Writing.

    async def _write_on(self, engine: AsyncEngine) -> None:
        """Write, then read what was asked for, for ever."""
        wait = _SHORTEST
        while True:
            await self._wake.wait()
            self._wake.clear()
            if await self._tend(engine):
                wait = _SHORTEST
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST)
                self._wake.set()

    async def _tend(self, engine: AsyncEngine) -> bool:
        """Write what has come together, and read what was asked for; tell whether that could be done."""
        try:
            async with asyncio.timeout(max(self._settings.patience, 1.0) + len(self._pending) / _SLOWEST):
                if self._reason is not None:
                    await self._prepare(engine)
                while self._pending:
                    await self._write_all(engine)
                await self._read(engine)
        except (*FAILURES, StoreAway) as error:
            if not isinstance(error, StoreAway):
                self._is_away(_words(error))
            self._refuse_readers()
            return False
        return True

    async def _write_all(self, engine: AsyncEngine) -> None:
        """Write all that waits with one commit: what was put together belongs together. Tell who waited for it."""
        batch, self._pending = self._pending, {}
        last = self._serial
        self._writing = True
        try:
            await self._write(engine, batch)
        except BaseException:
            self._pending = batch | self._pending
            raise
        finally:
            self._writing = False
        self._tell_written(last)

    def _tell_written(self, last: int) -> None:
        while self._waiters and self._waiters[0].serial <= last:
            waiter = self._waiters.popleft()
            if waiter.timer is not None:
                waiter.timer.cancel()
                waiter.then(True)

    async def _write(self, engine: AsyncEngine, batch: _Batch) -> None:
        began = time.monotonic()
        async with engine.begin() as connection:
            for kind, table in TABLES.items():
                await self._write_kind(connection, kind, table, batch)
        self._counts.commits += 1
        self._counts.written += len(batch)
        self._counts.slowest = max(self._counts.slowest * 0.99, time.monotonic() - began)

    async def _write_kind(self, connection: AsyncConnection, kind: type[Record], table: Table, batch: _Batch) -> None:
        mine = [(record, struck) for (each, _), (record, struck) in batch.items() if each is kind]
        kept = [_row(record) for record, struck in mine if not struck]
        gone = [_key_row(table, record) for record, struck in mine if struck]
        for rows in _chunks(kept):
            await connection.execute(self._upserts[kind], rows)
        for rows in _chunks(gone):
            await connection.execute(_deletion(table), rows)

    # Reading.

    async def _read(self, engine: AsyncEngine) -> None:
        while self._readers:
            stations = list(self._readers)[:_AT_ONCE]
            async with reading(engine).connect() as connection:
                pages = await self._pages(connection, stations)
            for station in stations:
                for future in self._readers.pop(station, ()):
                    if not future.done():
                        future.set_result(pages[station])

    def _refuse_readers(self) -> None:
        readers, self._readers = self._readers, {}
        for future in (each for futures in readers.values() for each in futures):
            if not future.done():
                future.set_exception(StoreAway(self._reason or "the database is away"))

    async def _pages(self, connection: AsyncConnection, stations: list[str]) -> dict[str, Page]:
        """Read pages. Most stations have nothing on record but facts: what is not there is not read one by one."""
        there = (await connection.execute(_WHAT_IS_THERE, {"stations": stations})).one()
        if not any(there):
            return {station: Page(station) for station in stations}
        if not any(there[:-1]):
            found = [FactRecord(*row) for row in await connection.execute(_all_of(facts, stations))]
            return _sorted_out(stations, [], [], [], found, [])
        return await self._full_pages(connection, stations)

    async def _full_pages(self, connection: AsyncConnection, stations: list[str]) -> dict[str, Page]:
        now = self._wall()
        running = select(transactions).where(transactions.c.station.in_(stations), transactions.c.ended.is_(None))
        rank = func.row_number().over(partition_by=transactions.c.station, order_by=transactions.c.ended.desc())
        ranked = (
            select(transactions, rank.label("rank"))
            .where(transactions.c.station.in_(stations), transactions.c.ended.is_not(None))
            .subquery()
        )
        columns = [ranked.c[column.name] for column in transactions.c]
        indebted = select(owed.c.transaction).where(owed.c.station.in_(stations))
        last = or_(ranked.c.rank <= REMEMBERED, ranked.c.ref.in_(indebted))
        ended = select(*columns).where(last).order_by(ranked.c.ended)
        invited = select(invitations).where(invitations.c.station.in_(stations), invitations.c.expires > now)
        return _sorted_out(
            stations,
            [TransactionRecord(*row) for row in await connection.execute(ended)]
            + [TransactionRecord(*row) for row in await connection.execute(running.order_by(transactions.c.began))],
            [InvitationRecord(*row) for row in await connection.execute(invited.order_by(invitations.c.expires))],
            [NumberRecord(*row) for row in await connection.execute(_all_of(numbers, stations).order_by(numbers.c.at))],
            [FactRecord(*row) for row in await connection.execute(_all_of(facts, stations))],
            [OwedRecord(*row) for row in await connection.execute(_all_of(owed, stations).order_by(owed.c.seq))],
        )

    # What becomes old.

    async def _look_on(self, engine: AsyncEngine) -> None:
        """Look at the journal now and then, and hourly at what has become too old."""
        looks = 0
        while True:
            with suppress(*FAILURES):
                if self._reason is None:
                    async with asyncio.timeout(_LOOK):
                        await self._look(engine)
                        if looks % 120 == 0:
                            await self.purge()
                    looks += 1
            await asyncio.sleep(_LOOK if looks else 1.0)

    async def _look(self, engine: AsyncEngine) -> None:
        async with reading(engine).connect() as connection:
            row = (await connection.execute(select(func.count(), func.min(owed.c.at)))).one()
        self._counts.owed, self._counts.oldest_owed = int(row[0]), float(row[1] or 0.0)

    async def purge(self) -> None:
        """Forget what is too old, a little at a time. Raises SQLAlchemyError."""
        now, settings = self._wall(), self._settings
        await self._purge(owed, owed.c.at, now - settings.keep_owed)
        await self._purge(transactions, transactions.c.ended, now - settings.keep)
        await self._purge(numbers, numbers.c.at, now - settings.keep)
        await self._purge(invitations, invitations.c.expires, now)
        await self._purge(audit, audit.c.at, now - settings.keep_audit)

    async def _purge(self, table: Table, column: Any, before: float) -> None:
        assert self._engine is not None  # noqa: S101 - `open` comes first
        keys = list(table.primary_key.columns)
        while True:
            async with self._engine.begin() as connection:
                rows = (await connection.execute(select(*keys).where(column < before).limit(_AT_ONCE))).all()
                names = [key.name for key in keys]
                if rows:
                    gone = [{f"key_{n}": value for n, value in zip(names, row, strict=True)} for row in rows]
                    await connection.execute(_deletion(table), gone)
            if rows and table is owed:
                log.error("messages that backends were owed are given up: they are too old", messages=len(rows))
            if len(rows) < _AT_ONCE:
                return


def _is_there(table: Table) -> Any:
    return exists(select(1).where(table.c.station.in_(bindparam("stations", expanding=True))))


_WHAT_IS_THERE = select(*map(_is_there, (transactions, invitations, numbers, owed, facts)))
"""Which tables have anything of some stations."""


def _words(error: BaseException) -> str:
    """Say what went wrong, without statements, values and addresses."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).partition("\n")[0].rpartition(">: ")[2] or type(cause).__name__
    return "it does not answer in time" if isinstance(error, TimeoutError) else text[:200]


def _chunks(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _row(record: Record) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _key_row(table: Table, record: Record) -> dict[str, Any]:
    return {f"key_{column.name}": getattr(record, column.name) for column in table.primary_key.columns}


def _deletion(table: Table) -> Any:
    statement = delete(table)
    for column in table.primary_key.columns:
        statement = statement.where(column == bindparam(f"key_{column.name}"))
    return statement


def _upsert(table: Table, dialect: str) -> Any:
    """Make the statement that keeps a row in place of the one with the same key."""
    insert = (sqlite if dialect == SQLITE else postgresql).insert(table)
    keys = [column.name for column in table.primary_key.columns]
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=others)


def _all_of(table: Table, stations: list[str]) -> Any:
    return select(table).where(table.c.station.in_(stations))


def _sorted_out(stations: list[str], *kinds: list[Any]) -> dict[str, Page]:
    """Give each station its own records."""
    found: dict[str, list[list[Any]]] = {station: [[] for _ in kinds] for station in stations}
    for at, records in enumerate(kinds):
        for record in records:
            found[record.station][at].append(record)
    return {station: Page(station, *map(tuple, lists)) for station, lists in found.items()}
