"""The store: what was said to be on disk is there, whoever dies; a database that is away stops nobody else."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.servers import PostgreSQL
from tests.store.conftest import NOW, Open, agree, emptied, still, written
from voltgate.app.database import revision, upgrade
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import (
    AuditRecord,
    Debt,
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Page,
    Record,
    StoreAway,
    TransactionRecord,
)
from voltgate.store import Database, DatabaseSettings, database, schema
from voltgate.store import address as address_of_it
from voltgate.store.address import open_engine, read_address
from voltgate.store.aging import clocks_agree, purge
from voltgate.store.audit import AuditQuery, AuditTrail
from voltgate.store.failures import FAILURES
from voltgate.store.schema import wanted

RUNNING = TransactionRecord("cp-1", "t1", "5", "a", 1, "04E1", NOW - 10, None, b'{"x":1}')
INVITED = InvitationRecord("cp-1", "i1", "a", NOW + 10, b"{}")
NUMBERED = NumberRecord("cp-1", "request", 2**31 - 1, "a", 1, NOW)
KNOWN = FactRecord("cp-1", "boot", NOW, b'"x"')
OWED = OwedRecord("cp-1", 1, "b", NOW, "StopTransaction", "m", b'{"\xc3\xa9":1}', "t1")
ASKED = AuditRecord("u1", NOW, "cp-1", "a", "Reset", "m", "refused", "Rejected", "why")
ALL: tuple[Record, ...] = (RUNNING, INVITED, NUMBERED, KNOWN, OWED, ASKED)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


async def test_one_that_stands_still_in_the_middle_of_a_write(server: PostgreSQL) -> None:
    """What it has locked is free again after its patience; going on, it finds its connection lost."""
    one, other = (open_engine(read_address(server.url), busy) for busy in (0.3, 30))
    lock = text("SELECT pg_advisory_xact_lock(4711)")
    async with one.connect() as standing:
        await standing.execute(lock)
        async with asyncio.timeout(30), other.begin() as going:
            await going.execute(lock)
        with pytest.raises(FAILURES):
            await standing.execute(lock)
    await one.dispose()
    await other.dispose()


@pytest.mark.parametrize("is_noticed", [True, False], ids=["closed", "mute"])
async def test_connections_that_were_lost_are_not_used(
    server: PostgreSQL, monkeypatch: pytest.MonkeyPatch, is_noticed: bool
) -> None:
    """One that was ended is replaced before anybody's question meets that, though nobody heard of its end."""
    engine = open_engine(read_address(server.url), 5)

    def mute(connection: object) -> bool:
        raise engine.dialect.loaded_dbapi.Error("no answer")

    async def pid() -> int:
        async with engine.connect() as connection:
            return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    first = await pid()
    assert await pid() == first
    if is_noticed:
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.terminate()
    else:
        monkeypatch.setattr(engine.dialect, "do_ping", mute)
        assert await pid() == first  # it was used just now
        monkeypatch.setattr(address_of_it, "_LONG", 0.0)
    assert await pid() != first
    await engine.dispose()


async def test_what_was_kept_is_read_again(opened: Open) -> None:
    """Every kind of record comes back as it was; the next store on the same database sees it."""
    store = await opened()
    for record in ALL:
        store.put(record)
    page = await store.pages.load("cp-1")
    assert page == Page("cp-1", (RUNNING,), (INVITED,), (NUMBERED,), (KNOWN,), (OWED,), (Debt("b", 1),), 1)
    assert await store.pages.load("cp-2") == Page("cp-2")
    await store.close()
    assert await (await opened()).pages.load("cp-1") == page


async def test_the_last_word_counts(opened: Open) -> None:
    """A record takes the place of the one with its key, and can be struck out, before and after it was written."""
    store = await opened()
    store.put(RUNNING)
    store.put(replace(RUNNING, owner="b"))
    store.put(OWED)
    assert await written(store)
    store.put(replace(RUNNING, owner="c"))
    store.strike(OWED)
    store.put(KNOWN)
    store.strike(KNOWN)
    page = await store.pages.load("cp-1")
    assert [record.owner for record in page.transactions] == ["c"]
    assert page.owed == ()
    assert page.facts == ()


async def test_a_page_holds_what_is_needed(opened: Open) -> None:
    """What runs, the last that ended, those that somebody is owed messages of; no invitation that has expired."""
    store = await opened()
    for n in range(20):
        store.put(replace(RUNNING, ref=f"e{n:02}", ended=NOW - 100 + n))
    store.put(RUNNING)
    store.put(replace(RUNNING, station="cp-2", ref="other"))
    for n in (3, 2, 1):
        store.put(replace(OWED, seq=n, transaction="e05"))
    store.put(replace(INVITED, ref="late", expires=NOW - 1))
    page = await store.pages.load("cp-1")
    assert [record.ref for record in page.transactions] == ["e05", *(f"e{n}" for n in range(12, 20)), "t1"]
    assert [record.seq for record in page.owed] == [1, 2, 3]
    assert page.invitations == ()


async def test_many_stations_share_a_commit(opened: Open) -> None:
    """A thousand stations whose records come together cost a few commits, and each hears that its own is on disk."""
    store = await opened()
    heard: list[int] = []
    for n in range(1000):
        store.put(replace(OWED, station=f"cp-{n}"))
        store.after(lambda written, n=n: heard.append(n if written else -1))  # type: ignore[misc]
    assert await written(store)
    assert heard == list(range(1000))
    assert store.state.commits < 20
    pages = await asyncio.gather(*(store.pages.load(f"cp-{n}") for n in range(1000)))
    assert all(len(page.owed) == 1 for page in pages)
    assert store.state.written == 1000


async def test_nothing_waits_when_there_is_nothing_to_write(opened: Open) -> None:
    """With everything on disk nobody waits."""
    store = await opened()
    heard: list[bool] = []
    store.after(heard.append)
    assert heard == [True]


def test_what_is_said_to_be_on_disk_is_there(tmp_path: Path) -> None:
    """A process that is killed right after it heard that a record is on disk has lost none."""
    program = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.store.test_database import OWED\n"
        "from dataclasses import replace\n"
        "from voltgate.store import Database\n"
        "from voltgate.store.address import read_address\n"
        "async def main():\n"
        "    store = Database(read_address('sqlite:///x.db', Path(sys.argv[1])))\n"
        "    await store.open()\n"
        "    for n in range(50):\n"
        "        store.put(replace(OWED, seq=n))\n"
        "    store.after(lambda written: os.kill(os.getpid(), signal.SIGKILL) if written else None)\n"
        "    await asyncio.sleep(30)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with sqlite3.connect(tmp_path / "x.db") as other:
        assert other.execute("SELECT count(*) FROM owed").fetchone() == (50,)
    other.close()


async def test_a_locked_database(tmp_path: Path) -> None:
    """While another holds the file nothing is said to be on disk; then everything is."""
    address = read_address("sqlite:///x.db", tmp_path)
    store = Database(address, DatabaseSettings(patience=0.3))
    await store.open()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.put(OWED)
    assert not await written(store)
    with pytest.raises(StoreAway):
        await store.pages.load("cp-1")
    assert store.state.reason is not None
    assert store.state.pending == 1
    other.execute("ROLLBACK")
    other.close()
    await until(lambda: store.state.reason is None and store.state.pending == 0)
    assert (await store.pages.load("cp-1")).owed == (OWED,)
    await store.close()


async def test_a_full_disk(tmp_path: Path) -> None:
    """When the disk is full nothing is said to be on it; what waits is bounded, and what is dropped is counted."""
    import resource

    address = read_address("sqlite:///x.db", tmp_path)
    store = Database(address, DatabaseSettings(patience=0.3, pending=10))
    await store.open()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        store.put(replace(OWED, payload=b"x" * 200_000))
        assert not await written(store)
        for n in range(5):
            store.put(replace(ASKED, ref=str(n)))
        for n in range(20):
            store.put(replace(OWED, seq=n + 2))
        assert store.state.pending == 10
        assert store.state.dropped == 16
        assert not await written(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await until(lambda: store.state.reason is None and store.state.pending == 0)
    assert await written(store)
    await store.close()


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A database that cannot be opened stops nobody: it is tried again, and works when it can be had."""
    blocker = tmp_path / "var"
    blocker.write_text("a file where the folder should be")
    store = Database(read_address("sqlite:///var/x.db", tmp_path), DatabaseSettings(patience=0.3))
    await store.open()
    assert store.state.reason is not None
    store.put(OWED)
    assert not await written(store)
    blocker.unlink()
    await until(lambda: store.state.reason is None and store.state.pending == 0)
    assert (await store.pages.load("cp-1")).owed == (OWED,)
    await store.close()


async def test_an_upgrade_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is brought up to date however long that takes, patience or not: the start waits, and nothing is undone."""
    upgrades = schema.upgrade

    async def slow(engine: AsyncEngine, target: str) -> None:
        await asyncio.sleep(1.1)  # longer than anything else may take
        await upgrades(engine, target)

    monkeypatch.setattr(schema, "upgrade", slow)
    store = Database(read_address("sqlite:///var/x.db", tmp_path), DatabaseSettings(patience=0.2))
    await store.open()
    assert store.state.reason is None
    await store.close()


async def test_postgresql_dies_and_comes_back(server: PostgreSQL) -> None:
    """While PostgreSQL is dead nothing is said to be on disk; when it is back everything is written."""
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    store = Database(address, DatabaseSettings(patience=1))
    await store.open()
    store.put(RUNNING)
    assert await written(store)
    server.kill()
    store.put(OWED)
    assert not await written(store)
    with pytest.raises(StoreAway):
        await store.pages.load("cp-1")
    server.start()
    await until(lambda: store.state.reason is None and store.state.pending == 0)
    page = await store.pages.load("cp-1")
    assert (page.transactions, page.owed) == ((RUNNING,), (OWED,))
    await store.close()


async def test_postgresql_is_upgraded_by_hand(server: PostgreSQL) -> None:
    """An empty PostgreSQL is left alone, and the reason says what to run; once that is done the gateway goes on."""
    address = read_address(server.url)
    await emptied(address)
    assert await revision(address) is None
    store = Database(address, DatabaseSettings(patience=1))
    await store.open()
    store.put(OWED)
    assert not await written(store)
    assert store.state.reason == "the database is empty: run `voltgate db upgrade`"
    assert await upgrade(address) == wanted()
    assert await revision(address) == wanted()
    await until(lambda: store.state.reason is None and store.state.pending == 0)
    assert (await store.pages.load("cp-1")).owed == (OWED,)
    await store.close()


async def test_a_newer_database(tmp_path: Path) -> None:
    """A database that a newer Voltgate has made, and that this one cannot work with, is not touched."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    with sqlite3.connect(tmp_path / "x.db") as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.execute("UPDATE compatibility SET oldest = '9998'")
    other.close()
    store = Database(address, DatabaseSettings(patience=0.3))
    await store.open()
    assert store.state.reason is not None
    assert "newer Voltgate" in store.state.reason
    await store.close()
    with pytest.raises(StoreAway, match="newer"):
        await upgrade(address)
    with sqlite3.connect(tmp_path / "x.db") as other:
        assert other.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    other.close()


async def test_an_upgrade_that_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade that dies in the middle leaves the database as it was; the next one is whole."""
    address = read_address("sqlite:///x.db", tmp_path)
    with monkeypatch.context() as dying:
        dying.setattr("alembic.op.create_index", lambda *_: (_ for _ in ()).throw(OSError("the power goes")))
        with pytest.raises(OSError, match="the power goes"):
            await upgrade(address)
    with sqlite3.connect(tmp_path / "x.db") as other:
        assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    other.close()
    assert await upgrade(address) == wanted()


async def test_what_is_old_is_forgotten(opened: Open) -> None:
    """Ended transactions, numbers, invitations, audit and what is owed are kept for their time, and no longer."""
    store = await opened(keep=100, keep_audit=200, keep_owed=300)
    for age, name in ((50, "young"), (1000, "old")):
        store.put(replace(RUNNING, ref=name, ended=NOW - age))
        store.put(replace(NUMBERED, number=age, at=NOW - age))
        store.put(replace(INVITED, ref=name, expires=NOW + 500 - age))
        store.put(replace(ASKED, ref=name, at=NOW - age))
        store.put(replace(OWED, seq=age, at=NOW - age))
    store.put(replace(RUNNING, ref="runs", began=NOW - 5000))
    store.put(replace(OWED, seq=1970, at=1000.0))  # by a clock that was wrong: nobody knows how old it is
    assert await written(store)
    await store.purge()
    page = await store.pages.load("cp-1")
    assert [record.ref for record in page.transactions] == ["young", "runs"]
    assert [record.number for record in page.numbers] == [50]
    assert [record.ref for record in page.invitations] == ["young"]
    assert [record.seq for record in page.owed] == [50, 1970]


async def test_a_clock_that_jumps_while_old_rows_are_looked_for(opened: Open) -> None:
    """What seemed to be old by the clock of before is not deleted."""
    store = await opened()
    store.put(replace(OWED, seq=1, at=NOW - 1000))
    assert await written(store)
    assert store.engine is not None
    looks = iter((NOW, NOW))
    jumping = Calendar(lambda: next(looks, NOW - 5000), lambda: 0.0)
    await purge(store.engine, DatabaseSettings(keep_owed=300), jumping)
    assert [record.seq for record in (await store.pages.load("cp-1")).owed] == [1]
    await purge(store.engine, DatabaseSettings(keep_owed=300), Calendar(lambda: NOW, lambda: 0.0))
    assert (await store.pages.load("cp-1")).owed == ()


@pytest.mark.parametrize("by", [30 * 86400, -30 * 86400])
async def test_a_clock_that_jumps_and_comes_back(address: URL, by: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes because a clock has jumped by a month and back: what was written before, meanwhile, and since."""
    now, passed = [NOW], [0.0]
    calendar = Calendar(lambda: now[0], lambda: passed[0])
    keep = 20 * 86400.0
    store = Database(address, DatabaseSettings(keep=keep, keep_audit=keep, keep_owed=keep), calendar)
    looked = asyncio.Event()

    async def look(*_: object) -> tuple[int, float]:
        looked.set()
        return 0, 0.0

    monkeypatch.setattr(database, "measure_journal", look)
    monkeypatch.setattr(database, "clocks_agree", agree)
    monkeypatch.setattr(database, "_LOOK", 0.05)
    await store.open()

    async def rows(number: int) -> None:
        """Write a row of each kind, as old as the calendar says."""
        at = calendar()
        store.put(replace(RUNNING, ref=f"r{number}", ended=at))
        store.put(replace(NUMBERED, number=number, at=at))
        store.put(replace(INVITED, ref=f"i{number}", expires=at + 600))
        store.put(replace(ASKED, ref=f"u{number}", at=at))
        store.put(replace(OWED, seq=number, at=at))
        assert await written(store)
        for _ in range(2):  # one that began before may have looked at the clock already
            looked.clear()
            store._purge_at = 0
            await asyncio.wait_for(looked.wait(), 30)

    for number, jump in enumerate((0.0, by, -by)):
        now[0] += jump
        await rows(3 * number)
        now[0] += 3600
        passed[0] += 3600
        await rows(3 * number + 1)
    page = await store.pages.load("cp-1")
    seen = [0, 1, 3, 4, 6, 7]
    assert sorted(record.number for record in page.numbers) == seen
    assert sorted(record.seq for record in page.owed) == seen
    assert {record.ref for record in page.transactions} == {f"r{number}" for number in seen}
    assert store.engine is not None
    assert len(await AuditTrail().read(store.engine, AuditQuery())) == len(seen)
    await store.close()


async def test_a_process_that_begins_with_a_wrong_clock(
    opened: Open, address: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It throws nothing away: its calendar has shown nothing yet by which it might be believed."""
    first = await opened()
    first.put(OWED)
    assert await written(first)
    await first.close()
    looks, enough = [0], asyncio.Event()

    async def look(*_: object) -> tuple[int, float]:
        looks[0] += 1
        if looks[0] == 3:
            enough.set()
        return 1, NOW

    monkeypatch.setattr(database, "measure_journal", look)
    monkeypatch.setattr(database, "_LOOK", 0.05)
    store = Database(address, DatabaseSettings(), Calendar(lambda: NOW + 1e8, lambda: 0.0))
    await store.open()
    await asyncio.wait_for(enough.wait(), 30)
    assert (await store.pages.load("cp-1")).owed == (OWED,)
    await store.close()


async def test_the_clock_of_the_database(address: URL) -> None:
    """PostgreSQL has a clock of its own: while that shows something else, nothing becomes too old here."""
    engine = open_engine(address, 5)
    assert await clocks_agree(engine, time.time())
    assert await clocks_agree(engine, time.time() + 30 * 86400) is (address.drivername == "sqlite")
    await engine.dispose()


async def test_the_end_writes_what_waits(opened: Open, address: URL) -> None:
    """A store that is closed has written everything."""
    store = await opened()
    for n in range(100):
        store.put(replace(OWED, seq=n))
    heard: list[bool] = []
    store.after(heard.append)
    await store.close()
    assert heard == [True]
    again = await opened()
    assert (await again.pages.load("cp-1")).debts == (Debt("b", 100),)


def test_no_password_is_shown() -> None:
    """Neither the store nor its state shows a password."""
    store = Database(read_address("postgresql://u:hunter2@127.0.0.1/x"))
    assert "hunter2" not in repr(store) + str(store.state)


@pytest.mark.parametrize("text", ["mysql://x/y", "sqlite://", "postgresql://host", "", "nonsense"])
def test_addresses_that_are_none(text: str) -> None:
    """An address that cannot be a database's is refused with what to write."""
    with pytest.raises(ValueError, match=r"sqlite:///|names no database"):
        read_address(text)


def test_addresses(tmp_path: Path) -> None:
    """A relative path starts at the folder of the configuration; both spellings of PostgreSQL are known."""
    assert read_address("sqlite:///var/x.db", tmp_path).database == str(tmp_path / "var/x.db")
    assert read_address("sqlite:////abs/x.db", tmp_path).database == "/abs/x.db"
    assert read_address("postgres://u@h:1/d").drivername == "postgresql"
    assert read_address("postgres://u@h:1/d?sslmode=verify-full").query == {"ssl": "verify-full"}
    assert os.path.isabs(str(read_address("sqlite:///~/x.db", tmp_path).database))


async def test_a_database_that_hangs_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for its good-bye for longer than for anything else."""
    store = Database(read_address("sqlite:///x.db", tmp_path), DatabaseSettings(patience=0.2), still())
    await store.open()
    engine = store.engine
    assert engine is not None
    with monkeypatch.context() as patched:
        patched.setattr(AsyncEngine, "dispose", lambda _: asyncio.sleep(60))
        async with asyncio.timeout(10):
            await store.close()
    await engine.dispose()


async def test_its_schema_is_known_without_a_look_at_files(address: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that comes back while there are no descriptors left is worked with at once."""
    assert wanted()
    monkeypatch.setattr("voltgate.store.schema.ScriptDirectory.walk_revisions", lambda _: ())  # nothing is found
    store = Database(address)
    await store.open()
    assert store.state.reason is None
    await store.close()
