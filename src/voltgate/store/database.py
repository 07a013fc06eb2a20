"""The database of a gateway: records are written behind, many with one commit, and read when a station comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.records import Page, Piece, Record, RegisterRecord, StoreAway
from voltgate.store import schema
from voltgate.store.address import SQLITE, open_engine, reading
from voltgate.store.aging import measure_journal, purge
from voltgate.store.asking import Asked
from voltgate.store.failures import FAILURES, words
from voltgate.store.holder import Holder, this_process
from voltgate.store.leases import Leases
from voltgate.store.once import Once
from voltgate.store.pages import read_pages, read_piece
from voltgate.store.pending import Pending
from voltgate.store.state import Counts, DatabaseSettings, State
from voltgate.store.tables import register
from voltgate.store.writing import Writer

log = structlog.get_logger("voltgate.store")

_AT_ONCE = 500
"""Stations whose pages are read with one query."""
_LEASES_AT_ONCE = 2000
"""Stations whose leases are taken with one commit."""
_PIECES_AT_ONCE = 100
"""Pieces of journals that are read before what has come together is written."""
_SLOWEST = 2000
"""Records a second that a database which works can write."""
_SHORTEST, _LONGEST = 0.2, 5.0
"""Seconds between two tries while the database is away."""
_LOOK = 30.0
"""Seconds between two looks at what the journal holds."""


class Database:
    """The store of a gateway: one task writes whatever has come together since its last commit.

    While the database is away everything waits in memory, within bounds; whoever must have it on disk is told that it
    cannot be had, and everybody else goes on.
    """

    def __init__(
        self,
        url: URL,
        settings: DatabaseSettings | None = None,
        wall: Callable[[], float] = time.time,
        holder: Holder | None = None,
    ) -> None:
        self._url = url
        self._settings = settings or DatabaseSettings()
        self._wall = wall
        self._engine: AsyncEngine | None = None
        self._pending = Pending(self._settings.pending)
        self._asked = Asked()
        self._wake = asyncio.Event()
        self._reason: str | None = "not opened yet"
        self._counts = Counts()
        self._tasks: list[asyncio.Task[None]] = []
        self._writer = Writer(url.drivername)
        self._leases = Leases(url.drivername, holder or this_process(), self._settings.lease)

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
            if objection is None:
                async with engine.begin() as connection:
                    await self._leases.bury(connection)
        except FAILURES as error:
            self._is_away(words(error))
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
        while not self._pending.is_idle and deadline > 0 and self._tasks:
            await asyncio.sleep(0.02)
            deadline -= 0.02
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._pending:
            log.error("records were not written before the end", records=len(self._pending))
        self._pending.close()
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
            self._pending.dropped,
            counts.slowest,
            counts.owed,
            age,
        )

    # The port.

    def put(self, record: Record) -> None:
        """Keep a record, in place of the one with the same key; on disk soon."""
        self._enter(record, deleted=False)

    def strike(self, record: Record) -> None:
        """Delete the record with this one's key; on disk soon."""
        self._enter(record, deleted=True)

    def _enter(self, record: Record, *, deleted: bool) -> None:
        if self._pending.enter(record, deleted=deleted):
            self._wake.set()

    def after(self, then: Callable[[bool], None]) -> None:
        """Call `then(True)` once all that was put so far is on disk, `then(False)` when the patience is over."""
        if self._pending.is_idle:
            then(True)
        elif self._pending.is_full or not self._tasks:
            then(False)
        else:
            self._pending.wait(then, self._settings.patience)
            self._wake.set()

    @property
    def lasting(self) -> bool:
        """What is put can be read back."""
        return True

    async def load(self, station: str) -> Page:
        """Read what is on record of a station, all that was put before included. Raises StoreAway."""
        future: asyncio.Future[Page | None] = asyncio.get_running_loop().create_future()
        asked = Once(partial(_settle, future), None, self._settings.patience)
        self._asked.pages.setdefault(station, []).append(asked)
        self._wake.set()
        page = await future
        if page is None:
            raise StoreAway(self._reason or "the database does not answer")
        return page

    def read_owed(
        self, station: str, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None]
    ) -> None:
        """Read the next messages that a backend is owed, all that was put before included."""
        asked = Once[Piece | None](then, None, self._settings.patience)
        self._asked.pieces.setdefault((station, backend, without), []).append(asked)
        self._wake.set()

    def lease(self, station: str, then: Callable[[float | None], None]) -> None:
        """Take, or renew, the right to deliver what is owed of a station."""
        self._asked.released.pop(station, None)
        self._asked.leases.setdefault(station, []).append(Once[float | None](then, None, self._settings.patience))
        self._wake.set()

    def release(self, station: str) -> None:
        """Give that right back, once all that was put or struck before is on disk."""
        self._asked.released[station] = None
        self._wake.set()

    async def read_register(self) -> list[RegisterRecord]:
        """Read all that backends and operators have said. Raises StoreAway."""
        if self._engine is None or self._reason is not None:
            raise StoreAway(self._reason or "not opened yet")
        try:
            async with reading(self._engine).connect() as connection:
                return [RegisterRecord(*row) for row in await connection.execute(select(register))]
        except FAILURES as error:
            raise StoreAway(words(error)) from None

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
                while self._pending or self._asked:
                    released = list(self._asked.released)
                    while self._pending:
                        await self._write_all(engine)
                    await self._lease(engine, released)
                    await self._read(engine)
        except (*FAILURES, StoreAway) as error:
            if not isinstance(error, StoreAway):
                self._is_away(words(error))
            self._asked.refuse()
            return False
        return True

    async def _write_all(self, engine: AsyncEngine) -> None:
        """Write all that waits with one commit: what was put together belongs together."""
        batch, last = self._pending.take()
        began = time.monotonic()
        try:
            await self._writer.write(engine, batch)
        except BaseException:
            self._pending.put_back(batch)
            raise
        self._counts.commits += 1
        self._counts.written += len(batch)
        self._counts.slowest = max(self._counts.slowest * 0.99, time.monotonic() - began)
        self._pending.written(last)

    # Leases.

    async def _lease(self, engine: AsyncEngine, released: list[str]) -> None:
        """Take and give back leases, many with one commit; the database says who has them."""
        stations = list(self._asked.leases)[:_LEASES_AT_ONCE]
        if not stations and not released:
            return
        began = time.monotonic()
        async with engine.begin() as connection:
            ours = await self._leases.take(connection, stations)
            await self._leases.release(connection, released)
        self._counts.commits += 1
        left = self._settings.lease - (time.monotonic() - began)
        for station in released:
            self._asked.released.pop(station, None)
        for station in stations:
            for asked in self._asked.leases.pop(station, ()):
                asked(left if station in ours else None)

    # Reading.

    async def _read(self, engine: AsyncEngine) -> None:
        """Read what was asked for, a bounded part of it."""
        stations, keys = list(self._asked.pages)[:_AT_ONCE], list(self._asked.pieces)[:_PIECES_AT_ONCE]
        if not stations and not keys:
            return
        pages: dict[str, Page] = {}
        async with reading(engine).connect() as connection:
            if stations:
                pages = await read_pages(connection, stations, self._wall())
            pieces = {key: await read_piece(connection, *key) for key in keys}
        for station, page in pages.items():
            for asked in self._asked.pages.pop(station, ()):
                asked(page)
        for key, piece in pieces.items():
            for waiting in self._asked.pieces.pop(key, ()):
                waiting(piece)

    # What becomes old.

    async def _look_on(self, engine: AsyncEngine) -> None:
        """Look at the journal now and then, and hourly at what has become too old."""
        looks = 0
        while True:
            with suppress(*FAILURES):
                if self._reason is None:
                    async with asyncio.timeout(_LOOK):
                        self._counts.owed, self._counts.oldest_owed = await measure_journal(engine)
                        if looks % 120 == 0:
                            await self.purge()
                    looks += 1
            await asyncio.sleep(_LOOK if looks else 1.0)

    async def purge(self) -> None:
        """Delete what is too old, a little at a time. Raise SQLAlchemyError."""
        assert self._engine is not None  # noqa: S101 - `open` comes first
        await purge(self._engine, self._settings, self._wall())


def _settle(future: asyncio.Future[Page | None], page: Page | None) -> None:
    """Answer whoever awaits a page, unless it has gone."""
    if not future.done():
        future.set_result(page)
