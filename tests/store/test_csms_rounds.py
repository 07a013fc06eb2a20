"""The store of the management system: what a round has decided is on disk when it is over, or nothing of it is."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiosqlite
import asyncpg
import pytest
from sqlalchemy import URL, QueuePool, insert, text, update

from tests.harness import until
from tests.servers import PostgreSQL
from tests.store.conftest import NOW, SHARED, Open
from voltgate.app.database import upgrade
from voltgate.csms.model import (
    Connector,
    MeterValue,
    Network,
    Note,
    Profile,
    Report,
    Reservation,
    Row,
    SigningRequest,
    Station,
    StatusChange,
    Token,
    Transaction,
    Variable,
)
from voltgate.csms.ports import Found, Needs, StoreAway, Unfit
from voltgate.store.address import POSTGRESQL, open_engine, read_address
from voltgate.store.csms.links import Link, linked
from voltgate.store.csms.numbers import BLOCK, LARGEST
from voltgate.store.csms.queries import CsmsQueries, NoteFilter
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tables import numbers
from voltgate.store.csms.writing import writes

ODD = "a\0b\ud800\ufdd0é" + "x" * 20
"""A text that no database takes as it is."""
TX = Transaction("cp-1", "7", number=7, evse=1, connector=1, token="TaG", began=NOW - 10, offline=True, reason=ODD)
ENDED = Transaction("cp-1", "6", number=6, evse=1, ended=NOW - 20, state="ended", cost_data=b"{}")
BEFORE = Transaction("cp-1", "5", number=5, evse=2, ended=NOW - 15.125, state="ended")
ALL: tuple[Row, ...] = (
    Network("main", ODD, interval=60),
    Station("cp-1", "CP-1", connected=True, name=ODD, seen=NOW),
    Connector("cp-1", 1, 1, "Available", at=NOW),
    Token("tag", "TaG", concurrent=1, expires=NOW),
    TX,
    ENDED,
    Reservation("cp-1", 3, 1, "TaG", "", "", NOW, NOW, "Accepted"),
    Report("cp-1", "NotifyReport", 9, NOW, NOW, seq=2, missing="1"),
    SigningRequest("cp-1", 2, "V2GCertificate", "-----BEGIN", NOW, "waiting"),
    Profile("cp-1", 1, 5, "CSO", "TxProfile", 0, NOW, b"{}", "operator"),
)
OTHERS: tuple[Row, ...] = (
    BEFORE,
    StatusChange("cp-1", 1, 1, NOW, NOW, ODD),
    MeterValue("cp-1", 1, "7", NOW, NOW, 12.5, float("nan"), b"[]"),
    Note("cp-1", "SecurityEventNotification", NOW, NOW, ODD, b"{}"),
    Variable("cp-1", "Connector@1.1", "Available", "Actual", "true", "ReadOnly", b"{}", NOW),
    Profile("cp-1", 1, 6, "CSO", "TxProfile", 0, NOW, b"{}", "operator", cleared=True),
    Report("cp-1", "NotifyMonitoringReport", 9, NOW, NOW, last=0, complete=True),
    SigningRequest("cp-1", 1, "", "-----BEGIN", NOW, "signed"),
)
NEEDS = Needs(
    stations={"cp-1": "CP-1"},
    tokens={"tag", "other"},
    used={"tag", "nobody"},
    running={"cp-1"},
    transactions={("cp-1", "7"), ("cp-1", "none")},
    last={("cp-1", 1), ("cp-1", 2)},
    ended={("cp-1", NOW - 15.125), ("cp-1", NOW)},
    reservations={("cp-1", 3), ("cp-1", 4)},
    reports={("cp-1", "NotifyReport", 9), ("cp-1", "NotifyReport", 8)},
    signing={"cp-1"},
    profiles={"cp-1"},
    numbers=2,
)

AGAIN = [replace(ENDED, ref=f"6~{nth}", called="6", nth=nth, ended=NOW - 20 + nth) for nth in range(2, 12)]
"""Transactions of an id that the station uses again and again."""

OpenCsms = Callable[..., Awaitable[CsmsStore]]


@pytest.fixture
def csms(opened: Open) -> OpenCsms:
    """Open stores of the management system on one database."""

    async def opening(**settings: float) -> CsmsStore:
        return CsmsStore(await opened(**settings))

    return opening


async def write(store: CsmsStore, *rows: Row, needs: Needs | None = None) -> Found:
    """Write rows in a round; return what it had found."""
    seen: list[Found] = []

    def decide(found: Found) -> Iterable[Row]:
        seen.append(found)
        return rows

    await store.round(needs or Needs(stations={"cp-1": "CP-1"}), decide)
    return seen[-1]


async def test_what_was_written_is_found(csms: OpenCsms) -> None:
    """Every kind of row comes back as it was, whatever its texts hold; each need finds its own, and no more."""
    store = await csms()
    await write(store, *ALL, *OTHERS)
    found = await write(store, needs=NEEDS)
    numbers = found.numbers
    assert found == Found(
        stations={"cp-1": ALL[1]},
        networks={"main": ALL[0]},
        connectors={("cp-1", 1, 1): ALL[2]},
        tokens={"tag": ALL[3]},
        used={"tag": {("cp-1", "7")}, "nobody": set()},
        transactions={("cp-1", "7"): TX, ("cp-1", "6"): ENDED, ("cp-1", "5"): BEFORE},
        reservations={("cp-1", 3): ALL[6]},
        reports={("cp-1", "NotifyReport", 9): ALL[7]},
        signing={("cp-1", 2): ALL[8]},
        profiles={("cp-1", 1, 5, "CSO"): ALL[9]},
        numbers=numbers,
    )
    assert len(set(numbers)) == 2
    assert min(numbers) > 0


async def test_the_newest_transactions_of_an_id_are_found(csms: OpenCsms) -> None:
    """With the first, which has the id for its name; those between are too old for anything to come of them."""
    store = await csms()
    await write(store, ENDED, *AGAIN, replace(AGAIN[0], station="cp-2"), replace(AGAIN[0], ref="8~2", called="8"))
    needs = Needs(stations={"cp-1": "CP-1"}, transactions={("cp-1", "6")}, called={("cp-1", "6"), ("cp-1", "9")})
    found = (await write(store, needs=needs)).transactions
    assert found == {(tx.station, tx.ref): tx for tx in (ENDED, *AGAIN[-5:])}


async def test_an_unknown_station_is_made(csms: OpenCsms) -> None:
    """Whoever calls has a row from then on."""
    store = await csms()
    found = await write(store, needs=Needs(stations={"b": "B", "a": "A"}))
    assert found.stations == {"a": Station("a", "A"), "b": Station("b", "B")}
    again = await write(store, needs=Needs(stations={"b": "other"}))
    assert again.stations == {"b": Station("b", "B")}


async def test_a_station_that_is_only_spoken_of_is_not_made(csms: OpenCsms) -> None:
    """What is read if it is there is found, and nobody comes back by it who was deleted."""
    store = await csms()
    await write(store, needs=Needs(stations={"a": "A"}))
    found = await write(store, needs=Needs(there={"a", "b"}))
    assert found.stations == {"a": Station("a", "A")}


async def test_unfit_rows_leave_nothing(csms: OpenCsms) -> None:
    """Of a round with a row that no database takes nothing is written, and the store goes on."""
    store = await csms()
    wrong: Any = {"SECRET": 1}
    name: Any = "SECRET"
    nothing: Any = None
    for unfit in (
        Connector("cp-1", 2**70, 1),
        Connector("x" * 2000, 1, 1),
        Connector("cp-1", name, 1),
        Connector("cp-1", 1, 1, status=wrong),
        Connector("cp-1", 1, 1, at=wrong),
        replace(TX, cost_data=wrong),
        replace(TX, state=nothing, token="SECRET"),
        replace(TX, cost_data=name),
        replace(TX, number=name),
    ):
        with pytest.raises(Unfit) as caught:
            await write(store, TX, unfit)
        assert "SECRET" not in str(caught.value)
    found = await write(store, needs=NEEDS)
    assert found.transactions == {}


async def test_what_is_older_than_what_is_kept(opened: Open) -> None:
    """A report that comes late does not take the place of a newer one; one of the same time does."""
    database = await opened()
    store = CsmsStore(database)
    variable, profile = OTHERS[4], OTHERS[5]
    assert isinstance(variable, Variable)
    assert isinstance(profile, Profile)
    for at, word in ((NOW, "first"), (NOW + 9, "newer"), (NOW + 9, "same"), (NOW + 8, "late")):
        await write(store, replace(variable, at=at, value=word), replace(profile, at=at, purpose=word))
    async with database.there().connect() as connection:
        for column, table in (("value", "csms_variables"), ("purpose", "csms_profiles")):
            rows = await connection.execute(text(f"SELECT {column}, at FROM {table}"))
            assert [tuple(row) for row in rows] == [("same", NOW + 9)]


async def test_seen(csms: OpenCsms) -> None:
    """It is written down for those that are there, and never goes back. Those that are taken for gone are told."""
    store = await csms()
    await write(store, Station("a", "A", connected=True), needs=Needs(stations={"b": "B"}))
    assert await store.seen({"a": NOW, "none": NOW}) == []
    assert await store.seen({"a": NOW - 5, "b": NOW - 5}) == ["b"]
    found = await write(store, needs=Needs(stations={"a": "A", "b": "B"}))
    assert [found.stations[key].seen for key in "ab"] == [NOW, NOW - 5]


async def test_before_it_is_there(opened: Open) -> None:
    """A database that was not opened is away."""
    database = await opened()
    await database.close()
    database._reason = "gone"
    with pytest.raises(StoreAway, match="gone"):
        await write(CsmsStore(database))


async def counting(store: CsmsStore, times: int) -> None:
    """Raise what the meter shows of a transaction by one, again and again: each round needs what the last one wrote."""

    def decide(found: Found) -> Iterable[Row]:
        tx = found.transactions["cp-1", "7"]
        tx.meter_last = (tx.meter_last or 0.0) + 1
        return [tx]

    for _ in range(times):
        await store.round(Needs(stations={"cp-1": "CP-1"}, transactions={("cp-1", "7")}), decide)


async def test_rounds_at_once(csms: OpenCsms, address: URL) -> None:
    """Rounds of several nodes on one station wait for each other: what each finds is what the last one has written.

    SQLite has one node, of which several rounds may run at once.
    """
    one = await csms()
    stores = [one, await csms() if address.drivername == POSTGRESQL else one]
    await write(one, TX)
    await asyncio.gather(*(counting(stores[n % 2], 10) for n in range(4)))
    found = await write(one, needs=NEEDS)
    assert found.transactions["cp-1", "7"].meter_last == 40


async def test_numbers_are_given_once(csms: OpenCsms, address: URL) -> None:
    """No two transactions get the same number, whichever node and round they come to; what is left is used later."""
    one = await csms()
    stores = [one, await csms() if address.drivername == POSTGRESQL else one]
    given: list[int] = []

    def two(found: Found) -> Iterable[Row]:
        given.extend((found.numbers.pop(), found.numbers.pop()))
        return []

    await asyncio.gather(*(stores[n % 2].round(Needs(numbers=5), two) for n in range(40)))
    assert len(set(given)) == 80


async def test_numbers_begin_again(opened: Open) -> None:
    """They stay within 32 bits, and begin where an import has said."""
    database = await opened()
    async with database.there().begin() as connection:
        await connection.execute(insert(numbers).values(name="transactions", next=500))
    store = CsmsStore(database)
    assert await write_numbers(store, 2) == [500, 501]
    async with database.there().begin() as connection:
        await connection.execute(update(numbers).values(next=LARGEST - BLOCK))
    store = CsmsStore(database)
    assert (await write_numbers(store, BLOCK))[-1] == LARGEST - 1
    assert await write_numbers(store, 1) == [1]


async def test_numbers_that_stations_brought_are_not_given_again(csms: OpenCsms) -> None:
    """A station whose transaction began at another system has its number: another one of ours would take its place."""
    store = await csms()
    brought = (Transaction("cp-1", str(n), number=n, state="ended") for n in (2, 3, 5, 1001, 1002, 1003))
    await write(store, *brought, needs=Needs(stations={"cp-1": "CP-1"}, numbers=1))
    assert [await write_numbers(store, many) for many in (1, 2, 1)] == [[1], [4, 6], [7]]
    assert await write_numbers(store, 995) == [*range(8, 1001), 1004, 1005]


async def write_numbers(store: CsmsStore, many: int) -> list[int]:
    """Use numbers, and return them in the order in which they were used."""
    given: list[int] = []

    def use(found: Found) -> Iterable[Row]:
        given.extend(found.numbers.pop() for _ in range(many))
        return []

    await store.round(Needs(numbers=many), use)
    return given


async def test_a_large_round(csms: OpenCsms) -> None:
    """A thousand stations, each with a transaction and its meter values, are one commit; the last of a key counts."""
    store = await csms()
    keys = [f"cp-{n}" for n in range(1000)]
    needs = Needs(
        stations={key: key.upper() for key in keys}, transactions={(key, "1") for key in keys}, running=set(keys)
    )
    rows: list[Row] = []
    for n, key in enumerate(keys):
        rows += [Transaction(key, "1", number=n), Transaction(key, "1", number=n + 1)]
        rows += [MeterValue(key, 1, "1", NOW, NOW, float(n), None, b"[]")] * 2
    await write(store, *rows, needs=needs)
    found = await write(store, needs=needs)
    assert [found.transactions[key, "1"].number for key in keys] == list(range(1, 1001))
    assert len(found.stations) == 1000


async def test_keys_that_no_row_has(csms: OpenCsms) -> None:
    """What is looked for may be anything that a station can write; what no row can be called is not found."""
    store = await csms()
    long = "x" * 5000
    needs = Needs(
        stations={"cp-1": "CP-1"},
        tokens={long, ODD},
        used={long, ODD},
        transactions={("cp-1", long), ("cp-1", ODD)},
        reservations={("cp-1", 2**70), ("cp-1", 3)},
        last={("cp-1", 2**70)},
    )
    await write(store, Transaction("cp-1", ODD, token=ODD), Token(ODD, ODD), ALL[6])
    found = await write(store, needs=needs)
    assert found.transactions.keys() == {("cp-1", ODD)}
    assert found.tokens.keys() == {ODD}
    assert found.used == {long: set(), ODD: {("cp-1", ODD)}}
    assert found.reservations.keys() == {("cp-1", 3)}


async def test_a_decision_that_fails(csms: OpenCsms) -> None:
    """What a handler raises comes out as it is; nothing is written, and the next round has its turn."""
    store = await csms()

    def fail(found: Found) -> Iterable[Row]:
        yield TX
        raise KeyError("a fault")

    with pytest.raises(KeyError, match="a fault"):
        await store.round(Needs(stations={"cp-1": "CP-1"}), fail)
    assert (await write(store, needs=NEEDS)).transactions == {}


@SHARED
async def test_a_station_that_another_node_holds(csms: OpenCsms, address: URL) -> None:
    """A round waits its patience for it, and no longer: nothing is written then, and the next one is right again."""
    store = await csms(patience=0.3)
    await write(store)
    other = open_engine(address, 30)
    async with other.connect() as connection:
        await connection.execute(text("SELECT * FROM csms_stations FOR UPDATE"))
        with pytest.raises(StoreAway, match="in time"):
            await write(store, TX)
    await other.dispose()
    assert (await write(store, needs=NEEDS)).transactions == {}


@SHARED
async def test_two_that_wait_for_each_other(csms: OpenCsms, address: URL) -> None:
    """PostgreSQL ends one of two that wait for each other; if that is the round, it is done again, and succeeds."""
    store = await csms()
    needs = Needs(stations={"a": "A", "b": "B"})
    await write(store, needs=needs)
    other = open_engine(address, 30)
    hold = "SELECT * FROM csms_stations WHERE key = '{}' FOR UPDATE"
    async with other.connect() as crossing, other.connect() as looking:
        await crossing.execute(text("SET deadlock_timeout = '20s'"))  # so that the round finds it out
        await crossing.execute(text(hold.format("b")))
        round_of_both = asyncio.ensure_future(write(store, TX, needs=needs))

        async def waits() -> bool:
            locks = await looking.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(locks.scalar())

        await until(waits, "the round has one of them, and waits for the other")
        await crossing.execute(text(hold.format("a")))
        await crossing.rollback()
        await round_of_both
    await other.dispose()
    assert (await write(store, needs=NEEDS)).transactions["cp-1", "7"] == TX


@SHARED
@pytest.mark.parametrize("moment", ["before it decides", "before it commits"])
async def test_postgresql_dies_in_a_round(csms: OpenCsms, address: URL, server: PostgreSQL, moment: str) -> None:
    """Nothing of the round is written, the caller hears that the database is away, and it works when that is back."""
    store = await csms(patience=2)
    await write(store)

    def killing(rows: Iterable[Row]) -> Iterator[Row]:
        if moment == "before it decides":
            server.kill()
        yield from rows
        server.kill() if moment == "before it commits" else None

    try:
        with pytest.raises(StoreAway):
            await store.round(Needs(stations={"cp-1": "CP-1"}), lambda found: killing([TX, *OTHERS]))
    finally:
        server.start()

    async def works() -> bool:
        try:
            return (await write(store, needs=NEEDS)).transactions == {}
        except StoreAway:
            return False

    await until(works, "the store works again")


@SHARED
async def test_postgresql_stands_still(csms: OpenCsms, server: PostgreSQL) -> None:
    """A round waits no longer than its patience for a server that does not answer, and for its end hardly longer."""
    store = await csms(patience=0.5)
    await write(store)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    stopped = [server.pid, *map(int, children.read_text().split())]

    def stop(found: Found) -> Iterable[Row]:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        return [TX]

    try:
        async with asyncio.timeout(20):
            with pytest.raises(StoreAway, match="in time"):
                await store.round(Needs(stations={"cp-1": "CP-1"}), stop)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_those_who_write_to_sqlite_wait_in_line(tmp_path: Path) -> None:
    """While one writes, the others of the process need no connection that would ask the file again and again."""
    engine = open_engine(read_address("sqlite:///x.db", tmp_path), 5.0)
    assert isinstance(engine.pool, QueuePool)
    done: list[str] = []

    async def begin() -> None:
        async with engine.begin():
            done.append("one who writes")

    async def answer() -> None:
        async with linked(engine, 5.0):
            done.append("a round")

    async with engine.begin():
        waiting = [asyncio.ensure_future(each) for each in (begin(), answer(), begin(), answer())]
        for _ in range(20):
            await asyncio.sleep(0)
        assert engine.pool.checkedout() == 1
    await asyncio.gather(*waiting)
    assert done == ["one who writes", "a round"] * 2
    await engine.dispose()


async def test_a_round_goes_to_the_thread_of_sqlite_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once to read all, once to write all: each way costs more than what is done there, on a machine that is busy."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    engine = open_engine(address, 5.0)
    alone: Any = SimpleNamespace(there=lambda: engine, patience=5.0)  # a database for which nothing else works
    store = CsmsStore(alone)
    await write(store, *ALL, needs=NEEDS)
    ways: list[Any] = []
    go = aiosqlite.Connection._execute

    def going(connection: aiosqlite.Connection, what: Any, *more: Any) -> Any:
        ways.append(what)
        return go(connection, what, *more)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(aiosqlite.Connection, "_execute", going)
    await write(store, *ALL, *OTHERS, needs=NEEDS)
    assert len(ways) == 2
    await engine.dispose()


async def test_work_that_waits_for_something_else(tmp_path: Path) -> None:
    """In the thread of SQLite nothing else comes about; whoever writes such work is told."""
    engine = open_engine(read_address("sqlite:///x.db", tmp_path), 5.0)

    never = asyncio.get_running_loop().create_future()

    async def wait(link: Link) -> None:
        await never

    with pytest.raises(RuntimeError, match="a fault of Voltgate"):
        async with linked(engine, 5.0) as link:
            await link.together(wait)
    await engine.dispose()


async def test_a_driver_that_has_lost_its_way(opened: Open) -> None:
    """A connection that was cut in mid-sentence may raise what names no state: it is thrown away, and nobody waits."""
    database = await opened()
    with pytest.raises(StoreAway, match="cannot switch"):
        async with linked(database.there(), 5.0):
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    await write(CsmsStore(database), *ALL)


async def test_a_token_that_is_used_at_two_stations_at_once(csms: OpenCsms, address: URL) -> None:
    """Rounds of two nodes count its running transactions one after the other, though their stations differ."""
    one = await csms()
    other = await csms() if address.drivername == POSTGRESQL else one
    await write(one, *ALL[:4], needs=Needs(stations={f"s{n}": f"S{n}" for n in range(8)}))
    begun: list[str] = []

    async def begin(store: CsmsStore, station: str) -> None:
        def decide(found: Found) -> Iterable[Row]:
            if found.used["tag"]:
                return []
            begun.append(station)
            return [Transaction(station, "1", token="TAG")]

        await store.round(Needs(stations={station: station}, tokens={"tag"}, used={"tag"}), decide)

    await asyncio.gather(*(begin((one, other)[n % 2], f"s{n}") for n in range(8)))
    assert len(begun) == 1


async def test_a_transaction_that_was_cut_off_keeps_nobody_from_writing(tmp_path: Path) -> None:
    """Whoever gives a connection back in the middle of a transaction has ended it."""
    engine = open_engine(read_address("sqlite:///x.db", tmp_path), 0.2)
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute("BEGIN IMMEDIATE")
        await raw.driver_connection.execute("CREATE TABLE half (done)")
    async with engine.begin() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")).scalar() == 0
    await engine.dispose()


@pytest.mark.parametrize(("size", "is_apart"), [(1 << 16, False), ((1 << 16) + 1, True)])
async def test_on_much_is_decided_in_a_thread(opened: Open, size: int, is_apart: bool) -> None:
    """The loop goes on meanwhile; what is said of a small round is not worth the way there."""
    threads: list[int] = []

    def decide(found: Found) -> Iterable[Row]:
        threads.append(threading.get_ident())
        return [Note("cp-1", "Large", NOW, NOW, "", b"{}")]

    database = await opened()
    await CsmsStore(database).round(Needs({"cp-1": "CP-1"}, size=size), decide)
    assert (threads != [threading.get_ident()]) is is_apart
    assert len((await CsmsQueries(database).list_notes(NoteFilter())).rows) == 1


async def test_what_is_decided_in_a_thread_is_decided_to_its_end(opened: Open) -> None:
    """Whoever gives up waits for it: else it would go on to change what nobody expects to be changed any more."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def decide(found: Found) -> Iterable[Row]:
        begun.set()
        assert may_end.wait(10)
        ended.set()
        return ()

    store = CsmsStore(await opened())
    deciding = asyncio.ensure_future(store.round(Needs({"cp-1": "CP-1"}, size=1 << 20), decide))
    await until(begun.is_set, "it is being decided")
    deciding.cancel()
    asyncio.get_running_loop().call_later(0.2, may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await deciding
    assert ended.is_set()


@pytest.mark.parametrize("driver", ["sqlite", "postgresql"])
def test_many_rows_are_written_with_several_statements(driver: str) -> None:
    changes = [StatusChange("cp-1", 1, 1, NOW + at, NOW, "Available") for at in range(2500)]
    rows = [len(columns[0]) for _, columns in writes(driver, [*changes, ENDED])]
    assert rows == [1000, 1000, 500, 1]
