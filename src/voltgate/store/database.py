"""The database of a gateway: records are written behind, many with one commit, and read when a station comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice

import structlog
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Lease, Page, Piece, Record, RegisterRecord, StoreAway
from voltgate.store import schema
from voltgate.store.address import POSTGRESQL, SQLITE, open_engine, reading
from voltgate.store.aging import clocks_agree, measure_journal, purge
from voltgate.store.asking import Asked, Question, refuse, taken
from voltgate.store.complaints import Complaints
from voltgate.store.failures import FAILURES, is_of_the_data, words
from voltgate.store.file_lock import lock_of
from voltgate.store.holder import Holder, this_process
from voltgate.store.leases import Leases, Undivided
from voltgate.store.locations import Alone
from voltgate.store.pages import read_pages, read_piece
from voltgate.store.pending import Entry, Pending, is_on_a_page
from voltgate.store.register import read_rows
from voltgate.store.state import Counts, DatabaseSettings, State
from voltgate.store.stored_pages import StoredPages
from voltgate.store.writing import Elsewhere, Refused, Writer
from voltgate.telemetry.supervision import Supervision

log = structlog.get_logger("voltgate.store")

_AT_ONCE = 500
"""Stations whose pages are read with one query."""
_LEASES_AT_ONCE = 2000
"""Stations whose leases are taken with one commit."""
_PIECES_AT_ONCE = 100
"""Pieces of journals that are read before what has come together is written."""
_SLOWEST = 2000
"""Records a second that a database which works can write."""
_SHORTEST, _LONGEST = 0.2, 2.0
"""Seconds between two tries while the database is away."""
_DEARER = 20
"""How many times as long it may take to find out which records cannot be written."""
_UNDECIDED = 0.05
"""Seconds between two rounds while nobody can say of some stations if they may be written of."""
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
        wall: Calendar | None = None,
        holder: Holder | None = None,
        supervision: Supervision | None = None,
        locations: Alone | None = None,
    ) -> None:
        self._url = url
        self._settings = settings or DatabaseSettings()
        self._wall = wall or Calendar(time.time, time.monotonic)
        self._engine: AsyncEngine | None = None
        self._lock = lock_of(url)
        self.locations = locations or Alone()
        """Which stations may be written of here."""
        self._pending = Pending(self._settings.pending, self.locations.is_undecided)
        self.locations.when_lost(self._overtaken)
        self._asked = Asked()
        self._wake = asyncio.Event()
        self._reason: str | None = "not opened yet"
        self._counts = Counts()
        self._complaints = Complaints(self._counts)
        self._supervision = supervision or Supervision()
        self._tasks: list[asyncio.Task[None]] = []
        self._wait, self._looks, self._purge_at = _SHORTEST, 0, 0
        holder = holder or this_process()
        self.node = holder.name
        """The `id` of this process among those on one database."""
        self._writer = Writer(url.drivername, self.locations)
        whole, patience = (self._asked, self.locations, self._pending, self._wake, self._wall), self._settings.patience
        self.pages = StoredPages(*whole, lambda: self._reason, patience)
        self._leases = Leases(holder) if url.drivername == POSTGRESQL else Undivided()

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)})"

    def follow(self, settings: DatabaseSettings) -> None:
        """Go by other settings from now on.

        The patience stays that of the start: connections were made with it. Leases get no shorter: a session that began
        before sends nothing under one that may end before its own patience.
        """
        former = self._settings
        lease = max(former.lease, settings.lease)
        self._settings = replace(settings, patience=former.patience, pending=former.pending, lease=lease)

    # Life.

    async def open(self) -> None:
        """Begin. A database that is away is tried again and again in the background."""
        schema.wanted()
        self._engine = open_engine(self._url, self._settings.patience)
        with suppress(*FAILURES, StoreAway):
            await self._prepare(self._engine)
        self._tasks = [
            self._supervision.repeat("store writing", partial(self._shown, self._write_on, self._engine)),
            self._supervision.repeat("store looking", partial(self._shown, self._look_on, self._engine)),
        ]
        self._wake.set()  # what could not be prepared yet is tried again, whether anybody asks or not

    async def _shown(self, work: Callable[[AsyncEngine], Awaitable[None]], engine: AsyncEngine) -> None:
        """Do a part of a task's work: what was not expected is a fault of ours, shown until it has worked again."""
        try:
            await work(engine)
        except Exception as error:
            self._counts.faults += 1
            self._is_away(f"a fault of Voltgate: {type(error).__name__}")
            self._asked.refuse()
            self._wake.set()
            raise

    async def _prepare(self, engine: AsyncEngine) -> None:
        """Make sure that it may be worked with, and end what dead processes have left."""
        try:
            async with self._in_time() as deadline:
                await self._have(engine, deadline)
                async with engine.begin() as connection:
                    await self._leases.bury(connection)
        except (*FAILURES, StoreAway) as error:
            self._is_away(str(error) if isinstance(error, StoreAway) else words(error))
            raise
        if self._reason is not None:
            log.info("the database is there", database=self._url.render_as_string(hide_password=True))
        self._reason = None

    async def _have(self, engine: AsyncEngine, deadline: asyncio.Timeout) -> None:
        """Take SQLite, and bring it up to date; only look at PostgreSQL. Raises StoreAway if it is not to be had."""
        if self._lock is not None:
            self._lock.take()
        if self._url.drivername == SQLITE and schema.is_older(found := await schema.current(engine)):
            log.info("the database is brought up to date", revision=found, wanted=schema.wanted())
            deadline.reschedule(asyncio.get_running_loop().time() + schema.LONGEST)  # it works, and is not waited for
            await schema.upgrade(engine, schema.wanted())
        if objection := await schema.objection(engine):
            raise StoreAway(objection)

    def _is_away(self, reason: str) -> None:
        if reason != self._reason:
            log.error("the database is away", database=self._url.render_as_string(hide_password=True), reason=reason)
        self._reason = reason
        self._counts.failures += 1

    async def close(self) -> None:
        """Write what waits, at most for the patience, and end."""
        deadline = self._settings.patience
        while (self._asked.released or not self._pending.is_idle) and deadline > 0 and self._tasks:
            await asyncio.sleep(0.02)
            deadline -= 0.02
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._pending:
            log.error("records were not written before the end", records=len(self._pending))
        self._pending.close()
        self._asked.refuse()
        if self._engine is not None:
            with suppress(*FAILURES):
                async with asyncio.timeout(self._settings.patience):  # one that hangs takes no good-bye
                    await self._engine.dispose()
                if self._lock is not None:  # else something may still be written: it goes with the process
                    self._lock.release()

    @property
    def engine(self) -> AsyncEngine | None:
        """What speaks to the database, for those who read other things than pages; None before `open`."""
        return self._engine

    def there(self) -> AsyncEngine:
        """Return what speaks to the database. Raise StoreAway while that is away, or not as this version needs it."""
        if self._engine is None or self._reason is not None:
            raise StoreAway(self._reason or "not opened yet")
        return self._engine

    @property
    def is_shared(self) -> bool:
        """Whether other processes may work with it."""
        return self._url.drivername == POSTGRESQL

    @property
    def patience(self) -> float:
        """How many seconds something may take."""
        return self._settings.patience

    @property
    def state(self) -> State:
        """How the database is now."""
        return self._counts.state(self._reason, len(self._pending), self._pending.dropped, self._wall())

    # The port.

    @property
    def owed_bytes(self) -> int:
        """The bytes of what all backends are owed, when they were last measured."""
        return self._counts.owed_bytes

    def put(self, record: Record) -> None:
        """Keep a record, in place of the one with the same key; on disk soon."""
        self._enter(record, deleted=False)

    def strike(self, record: Record) -> None:
        """Delete the record with this one's key; on disk soon."""
        self._enter(record, deleted=True)

    def _enter(self, record: Record, *, deleted: bool) -> None:
        if is_on_a_page(record) and not self.locations.holds(record.station):
            self._counts.overtaken += 1
        elif self._pending.enter(record, deleted=deleted):
            self._wake.set()

    def _overtaken(self, station: str) -> None:
        self._counts.overtaken += self._pending.drop(station)

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Call `then(True)` once all that was put so far is on disk, `then(False)` when the patience is over."""
        if station and not self.locations.holds(station):
            then(False)
        elif self._pending.is_idle:
            then(True)
        elif self._pending.is_full or not self._tasks:
            then(False)
        else:
            self._pending.wait(then, station, self._settings.patience)
            self._wake.set()

    @property
    def lasting(self) -> bool:
        """What is put can be read back."""
        return True

    def read_owed(
        self, station: str, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None]
    ) -> None:
        """Read the next messages that a backend is owed, all that was put before included."""
        question = self._asked.pieces.setdefault((station, backend, without), Question())
        question.ask(then, self._pending.serial, self._settings.patience)
        self._wake.set()

    def lease(self, station: str, then: Callable[[Lease | None], None]) -> None:
        """Take, or renew, the right to deliver what is owed of a station."""
        self._asked.released.pop(station, None)
        question = self._asked.leases.setdefault(station, Question())
        question.ask(then, self._pending.serial, self._settings.patience)
        self._wake.set()

    def release(self, station: str) -> None:
        """Give that right back, once all that was put or struck before is on disk."""
        self._asked.released[station] = self._pending.serial
        self._wake.set()

    def spoilt(self, record: Record) -> None:
        """Log and count, once, a record that cannot be read back."""
        self._complaints.unreadable(record)

    async def read_register(self, rows: Collection[tuple[str, str]] | None = None) -> list[RegisterRecord]:
        """Read what backends and operators have said: these rows, by kind and name, None: all. Raises StoreAway."""
        try:
            async with reading(self.there()).connect() as connection:
                return await read_rows(connection, rows)
        except FAILURES as error:
            raise StoreAway(words(error)) from None

    # What the writing task does: in turn, a bounded part of each.

    async def _write_on(self, engine: AsyncEngine) -> None:
        """Write, lease and read what was asked for, as soon as anything is."""
        await self._wake.wait()
        self._wake.clear()
        if await self._tend(engine):
            self._wait = _SHORTEST
        else:
            await asyncio.sleep(self._wait)
            self._wait = min(self._wait * 2, _LONGEST)
            self._wake.set()

    async def _tend(self, engine: AsyncEngine) -> bool:
        """Do all that there is to do; tell whether that could be done."""
        try:
            if self._reason is not None:
                await self._prepare(engine)
            while self._pending or self._asked or self.locations.waits:
                await self._take(engine)
                await self._write(engine)
                await self._lease(engine)
                await self._read(engine)
                if self.locations.undecided:
                    await asyncio.sleep(_UNDECIDED)
        except (*FAILURES, StoreAway) as error:
            if not isinstance(error, StoreAway):
                self._is_away(words(error))
            self._asked.refuse()
            return False
        return True

    def _in_time(self, records: int = 0) -> asyncio.Timeout:
        return asyncio.timeout(max(self._settings.patience, 1.0) + records / _SLOWEST)

    async def _take(self, engine: AsyncEngine) -> None:
        """Take the stations that come in; their pages are read after what waits of them is written."""
        asked, takes = self._asked, taken(self._asked.takes, _AT_ONCE)
        try:
            async with self._in_time():
                formers = await self.locations.take(engine, {each: asked.regardless.get(each, 0) for each in takes})
        except BaseException:
            refuse(takes)
            raise
        finally:
            for station in takes:
                asked.regardless.pop(station, None)
        for station, question in takes.items():
            if station in formers:
                question.answer(Page(station, former=formers[station].node, session=formers[station].epoch))
            else:
                asked.pages.setdefault(station, Question()).join(question)

    async def _write(self, engine: AsyncEngine) -> None:
        """Write what has waited longest with one commit, and what those who read wait for."""
        batch = self._pending.take(self._asked.stations())
        entries = [entry for group in batch for entry in group.entries.values()]
        if not entries:
            return
        began = time.monotonic()
        try:
            refused = await self._write_or_sift(engine, entries)
        except BaseException:
            self._counts.overtaken += self._pending.put_back(batch)
            raise
        self._counts.commits += 1
        self._counts.written += len(entries) - len(refused)
        self._counts.slowest = max(self._counts.slowest * 0.99, time.monotonic() - began)
        self._set_aside(refused)
        self._pending.written()

    async def _write_or_sift(self, engine: AsyncEngine, entries: list[Entry]) -> list[Refused]:
        """Write all, or all but those that cannot be written; return these."""
        try:
            async with self._in_time(len(entries)):
                return await self._writer.write(engine, entries)
        except Exception as error:
            if not is_of_the_data(error):
                raise
            async with self._in_time(len(entries) * _DEARER):
                return await self._writer.sift(engine, entries)

    def _set_aside(self, refused: list[Refused]) -> None:
        """Give up records that no database takes, and those of stations that another gateway has."""
        lost: set[str] = set()
        for entry, error in refused:
            if isinstance(error, Elsewhere):
                self._counts.overtaken += 1
                lost.add(entry.record.station)  # type: ignore[union-attr]
            else:
                self._complaints.unwritable(entry.record, error)
            self._pending.fail(entry)
        self.locations.lose(lost)

    async def _lease(self, engine: AsyncEngine) -> None:
        """Take and give back leases, many with one commit; the database says who has them."""
        asked, holds = self._asked, self._pending.holds
        first = islice(asked.released.items(), _LEASES_AT_ONCE)
        released = {station: serial for station, serial in first if not holds(station, serial)}
        questions = taken(asked.leases, _LEASES_AT_ONCE)
        if not questions and not released:
            return
        for station in released:
            del asked.released[station]
        began, seconds = time.monotonic(), self._settings.lease
        try:
            async with self._in_time(len(questions) + len(released)), engine.begin() as connection:
                asking = questions.keys() - await self.locations.elsewhere(connection, questions)
                ours = await self._leases.take(connection, asking, seconds)
                await self._leases.release(connection, released)
        except BaseException:
            asked.released = released | asked.released
            refuse(questions)
            raise
        self._counts.commits += 1
        left = seconds - (time.monotonic() - began)
        for station, question in questions.items():
            question.answer(Lease(left, ours[station]) if station in ours else None)

    async def _read(self, engine: AsyncEngine) -> None:
        """Read what was asked for, of stations of which nothing that came before waits to be written."""
        asked, holds = self._asked, self._pending.holds
        pages = taken(asked.pages, _AT_ONCE, lambda station, serial: not holds(station, serial))
        pieces = taken(asked.pieces, _PIECES_AT_ONCE, lambda key, serial: not holds(key[0], serial))
        if not pages and not pieces:
            return
        try:
            async with self._in_time(), reading(engine).connect() as connection:
                now = self._wall() if self._wall.is_steady else 0.0
                found = await read_pages(connection, list(pages), now) if pages else {}
                next_ones = {key: await read_piece(connection, *key) for key in pieces}
        except BaseException:
            refuse(pages)
            refuse(pieces)
            raise
        for station, page in found.items():
            pages[station].answer(page)
        for key, piece in next_ones.items():
            pieces[key].answer(piece)

    # What becomes old.

    async def _look_on(self, engine: AsyncEngine) -> None:
        """Look at the journal now and then, and hourly at what has become too old."""
        with suppress(*FAILURES):
            if self._reason is None:
                async with asyncio.timeout(_LOOK):
                    counts = self._counts
                    counts.owed, counts.oldest_owed, counts.owed_bytes = await measure_journal(engine)
                    self._wall.agrees = await clocks_agree(engine, self._wall())
                    if self._looks >= self._purge_at and self._wall.is_steady:
                        await self.purge()
                        self._purge_at = self._looks + 120
                    await self.locations.look(engine)
                    self._wake.set()  # there may be something to say to the others
                self._looks += 1
        await asyncio.sleep(_LOOK if self._looks else 1.0)

    async def purge(self) -> None:
        """Delete what is too old, a little at a time. Raise SQLAlchemyError."""
        assert self._engine is not None  # noqa: S101 - `open` comes first
        await purge(self._engine, self._settings, self._wall)
