"""The journal on disk: read back in small pieces, and delivered by whoever holds the lease of its station."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.conftest import NOW, SHARED, Open, still, written
from tests.store.test_database import OWED, RUNNING
from voltgate.relay.records import OWED_AT_ONCE, Debt, Lease, OwedRecord, Piece, Store, TransactionRecord
from voltgate.store import Database, DatabaseSettings
from voltgate.store.address import read_address
from voltgate.store.holder import Holder, this_process
from voltgate.store.leases import clock_of
from voltgate.store.tables import leases

T = TypeVar("T")
FIRST = tuple(range(1, OWED_AT_ONCE + 1))


async def answer(ask: Callable[[Callable[[T], None]], None]) -> T:
    """Wait for what a callback is told."""
    heard: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    ask(heard.set_result)
    async with asyncio.timeout(30):
        return await heard


async def piece(store: Store, backend: str = "b", without: tuple[str, ...] = ()) -> Piece:
    """Read the next messages that a backend is owed of the station."""
    found = await answer(partial(store.read_owed, "cp-1", backend, without))
    assert found is not None
    return found


async def lease(store: Store, station: str = "cp-1") -> Lease | None:
    """Ask for the lease of a station."""
    return await answer(partial(store.lease, station))


async def leased(store: Store, station: str = "cp-1") -> float:
    """Ask for the lease of a station, and give its seconds."""
    lent = await lease(store, station)
    assert lent is not None
    return lent.seconds


def owed(seq: int, backend: str = "b", transaction: str = "") -> OwedRecord:
    """Make a message of the journal."""
    return replace(OWED, seq=seq, backend=backend, transaction=transaction)


def ended(ref: str, age: float = 100) -> TransactionRecord:
    """Make a transaction that has ended."""
    return replace(RUNNING, ref=ref, ended=NOW - age)


def numbers(records: tuple[OwedRecord, ...]) -> tuple[int, ...]:
    """Give the numbers of messages."""
    return tuple(record.seq for record in records)


async def test_a_page_holds_the_first_messages_of_each_backend(opened: Open) -> None:
    """Of a thousand messages that a backend is owed a few are read, and how many there are; nobody's are all read."""
    store = await opened()
    for seq in range(1, 101):
        store.put(owed(seq, "b"))
    for seq in range(101, 141):
        store.put(owed(seq, ""))
    store.put(owed(141, "c"))
    store.put(replace(owed(7), station="cp-2"))
    page = await store.pages.load("cp-1")
    assert numbers(page.owed) == (*FIRST, *range(101, 142))
    assert page.debts == (Debt("b", 100), Debt("c", 1))
    assert page.last_owed == 141
    other = await store.pages.load("cp-2")
    assert (other.debts, other.last_owed) == ((Debt("b", 1),), 7)


async def test_the_next_messages_are_read_when_the_first_are_gone(opened: Open) -> None:
    """What was put and struck just before counts; of a transaction that must wait nothing is read."""
    store = await opened()
    for seq in range(1, 101):
        store.put(owed(seq, transaction="t1" if seq % 2 else "t2"))
    assert numbers((await piece(store)).owed) == FIRST
    for seq in FIRST:
        store.strike(owed(seq))
    assert numbers((await piece(store)).owed) == tuple(range(OWED_AT_ONCE + 1, 2 * OWED_AT_ONCE + 1))
    assert numbers((await piece(store, without=("t1",))).owed) == tuple(
        range(OWED_AT_ONCE + 2, 3 * OWED_AT_ONCE + 2, 2)
    )
    assert await piece(store, without=("t1", "t2")) == Piece()
    store.put(owed(101))
    assert numbers((await piece(store, without=("t1", "t2"))).owed) == (101,)
    assert await piece(store, without=("t1", "t2", "")) == Piece()
    assert await piece(store, "c") == Piece()


async def test_messages_come_with_the_transactions_that_they_name(opened: Open) -> None:
    """A page has the ended transactions of the messages that it has, and no others; so has a piece."""
    store = await opened()
    for n in range(100):
        store.put(ended(f"e{n:02}", 1000 - n))
        store.put(owed(n + 1, transaction=f"e{n:02}"))
    store.put(RUNNING)
    page = await store.pages.load("cp-1")
    assert [record.ref for record in page.transactions] == [
        *(f"e{n:02}" for n in range(OWED_AT_ONCE)),
        *(f"e{n}" for n in range(92, 100)),
        "t1",
    ]
    store.put(owed(200, "c", "t1"))
    store.put(owed(201, "c", "e50"))
    assert {record.ref for record in (await piece(store, "c")).transactions} == {"t1", "e50"}


@SHARED
async def test_one_process_delivers(opened: Open, address: URL) -> None:
    """Of two processes one has the lease, and keeps it by asking again, until it gives it back."""
    one = await opened()
    async with other_process(address) as other:
        assert 59 < await leased(one) <= 60
        assert await lease(other) is None
        assert 59 < await leased(other, "cp-2") <= 60
        assert 59 < await leased(one) <= 60
        assert await rows(one) == {"cp-1": 1, "cp-2": 1}
        one.release("cp-1")
        other.release("cp-1")  # which it does not have
        assert await written(one)
        assert await lease(one) is not None
        assert await lease(other) is None
        assert await rows(one) == {"cp-1": 1, "cp-2": 1}
        one.release("cp-1")
        while await lease(other) is None:
            pass
        assert await rows(one) == {"cp-1": 2, "cp-2": 1}
        lent = await lease(other)
        assert lent is not None
        assert lent.epoch == 2, "another one had it before"


@SHARED
async def test_a_lease_ends(opened: Open, address: URL) -> None:
    """A process that does not ask again loses its lease, by the clock of the database."""
    one = await opened(lease=0.1)
    async with other_process(address) as other:
        assert await lease(one) is not None
        while await lease(other) is None:
            pass
        assert await lease(one) is None


async def test_a_lease_gets_longer_and_never_shorter(opened: Open) -> None:
    """Other settings count for the next lease; sessions that began with longer ones still have enough of theirs."""
    store = await opened()
    store.follow(DatabaseSettings(lease=180))
    assert 179 < await leased(store) <= 180
    store.follow(DatabaseSettings(lease=60))
    assert 179 < await leased(store) <= 180


@SHARED
async def test_a_release_comes_after_what_was_put_before(opened: Open, address: URL) -> None:
    """Whoever gets a lease finds everything that its former holder has put."""
    one = await opened()
    async with other_process(address) as other:
        assert await lease(one) is not None
        for seq in range(1, 501):
            one.put(owed(seq))
        one.release("cp-1")
        while await lease(other) is None:
            pass
        assert (await other.pages.load("cp-1")).debts == (Debt("b", 500),)


async def test_many_leases_cost_few_commits(opened: Open) -> None:
    """The leases of five thousand stations that begin at once are taken together."""
    store = await opened()
    given = await asyncio.gather(*(lease(store, f"cp-{n}") for n in range(5000)))
    assert all(given)
    assert store.state.commits <= 4


@SHARED
async def test_the_leases_of_the_dead_are_free(opened: Open, address: URL) -> None:
    """A process that starts ends the leases of its predecessors at this place, and of nobody else."""
    here = this_process()
    assert here.place
    living = replace(here, pid=1)
    elsewhere = replace(here, place="another", pid=2**22 + 1)
    holders = {"dead": replace(here, pid=2**22 + 1), "same": replace(here), "living": living, "far": elsewhere}
    store = await opened()
    async with engine_of(store).begin() as connection:
        for station, holder in holders.items():
            row = {"station": station, "holder": holder.text + "0", "epoch": 5, "until": time.time() + 600}
            await connection.execute(leases.insert(), row)
    async with other_process(address, here) as successor:
        found = {station: await lease(successor, station) is not None for station in holders}
    assert found == {"dead": True, "same": True, "living": False, "far": False}
    assert await rows(store) == {"dead": 6, "same": 6, "living": 5, "far": 5}


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_one_that_is_alone_delivers_at_once(opened: Open) -> None:
    """Nobody else works with a SQLite file: what its former process, in a container say, has left holds nobody up."""
    store = await opened()
    async with engine_of(store).begin() as connection:
        row = {"station": "cp-1", "holder": "elsewhere/1/x", "epoch": 5, "until": time.time() + 600}
        await connection.execute(leases.insert(), row)
    before = await lease(store)
    store.release("cp-1")
    after = await lease(store)
    assert before is not None
    assert after is not None
    assert (before.epoch, after.epoch) == (1, 1)
    assert await rows(store) == {"cp-1": 5}


async def test_without_a_database_nobody_has_a_lease(tmp_path: Path) -> None:
    """While the database cannot be asked nothing is read and no lease is given, within the patience."""
    (tmp_path / "var").write_text("a file where the folder should be")
    store = Database(read_address("sqlite:///var/x.db", tmp_path), DatabaseSettings(patience=0.2))
    await store.open()
    assert store.lasting
    assert await lease(store) is None
    assert await answer(partial(store.read_owed, "cp-1", "b", ())) is None
    await store.close()


@SHARED
async def test_a_clock_that_was_set_back(opened: Open, address: URL) -> None:
    """A lease that ends later than any may is anybody's: its process may be dead, and its time was that of before."""
    store = await opened()
    async with engine_of(store).begin() as connection:
        now = (await connection.execute(select(clock_of(address.drivername)))).scalar_one()
        for station, ahead in (("back", 30 * 86400), ("held", 3600)):
            row = {"station": station, "holder": "x/1/y", "epoch": 5, "until": now + ahead}
            await connection.execute(leases.insert(), row)
    taken = await lease(store, "back")
    assert (taken is not None and taken.epoch, await lease(store, "held")) == (6, None)


async def test_leases_that_ended_long_ago_are_forgotten(opened: Open, address: URL) -> None:
    """The row of a station that nobody has delivered for in a month goes, by the clock of the database."""
    store = await opened()
    async with engine_of(store).begin() as connection:
        now = (await connection.execute(select(clock_of(address.drivername)))).scalar_one()
        assert abs(now - time.time()) < 5
        for station, days in (("old", 31), ("young", 29)):
            row = {"station": station, "holder": "x", "epoch": 5, "until": now - days * 86400}
            await connection.execute(leases.insert(), row)
    await store.purge()
    assert await rows(store) == {"young": 5}


def engine_of(store: Database) -> AsyncEngine:
    """Give what speaks to the database."""
    assert store.engine is not None
    return store.engine


class other_process:  # noqa: N801 - it reads as a function
    """A store of another process on the same database."""

    def __init__(self, address: URL, holder: Holder | None = None) -> None:
        self.store = Database(address, wall=still(), holder=holder or Holder("elsewhere", 1, "b"))

    async def __aenter__(self) -> Database:
        await self.store.open()
        return self.store

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()


async def rows(store: Database) -> dict[str, int]:
    """Give the epoch of each lease."""
    async with engine_of(store).connect() as connection:
        return {row.station: row.epoch for row in await connection.execute(select(leases))}
