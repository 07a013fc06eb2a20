"""Whose page of a station is: gateways on one PostgreSQL, of which one writes and the others are refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from tests.harness.waiting import until
from tests.servers import PostgreSQL
from tests.store.conftest import agree, emptied, still
from voltgate.app.database import upgrade
from voltgate.relay.records import FactRecord, Lease, Page, StoreAway
from voltgate.store import Database, DatabaseSettings, database
from voltgate.store.address import open_engine, read_address
from voltgate.store.holder import Holder
from voltgate.store.locations import Locations
from voltgate.store.nodes import NodeTable, Status
from voltgate.store.reach import Reach
from voltgate.telemetry.supervision import Supervision


@dataclass
class Node:
    """A gateway's side of the database; `lost` are the stations that it was told it lost. Its clock is `now` ahead."""

    name: str
    store: Database
    locations: Locations
    lost: list[str]
    now: list[float] = field(default_factory=lambda: [0.0])

    async def take(self, station: str = "cp-1") -> Page:
        """Let a station come in, whoever has it."""
        page = await self.store.pages.take(station)
        while page.former:
            page = await self.store.pages.take(station, regardless=page.session)
        self.store.pages.came(station, taken=True)
        return page

    async def write(self, value: str, name: str = "boot", station: str = "cp-1") -> bool:
        """Write something of a station; return whether it is on disk."""
        self.store.put(FactRecord(station, name, 1.0, value.encode()))
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.store.after(heard.set_result, station)
        return await heard

    async def lease(self, station: str = "cp-1") -> Lease | None:
        """Ask for the right to deliver what is owed."""
        heard: asyncio.Future[Lease | None] = asyncio.get_running_loop().create_future()
        self.store.lease(station, heard.set_result)
        return await heard


Open = Callable[..., Awaitable[Node]]


@pytest.fixture
async def node(server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open nodes on one empty database."""
    monkeypatch.setattr(database, "clocks_agree", agree)
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    nodes: list[Node] = []

    async def opening(name: str, **settings: float) -> Node:
        lost: list[str] = []
        now = [0.0]
        locations = Locations(name, lost.append, lambda: time.monotonic() + now[0])
        holder, quick = Holder("", 1, name), Supervision(shortest=0.01)
        store = Database(address, DatabaseSettings(**settings), still(), holder, quick, locations)  # type: ignore[arg-type]
        nodes.append(Node(name, store, locations, lost, now))
        await store.open()
        return nodes[-1]

    yield opening
    for each in nodes:
        await each.store.close()


def said(page: Page) -> dict[str, str]:
    """Return the facts of a page."""
    return {fact.name: fact.data.decode() for fact in page.facts}


async def test_who_comes_last_writes(node: Open) -> None:
    """A station that comes to another node is that one's: it reads all that was written, and nothing more is."""
    one, two = await node("one"), await node("two")
    assert await one.store.pages.take("cp-1") == Page("cp-1")
    assert await one.write("first")
    assert (await two.store.pages.take("cp-1")).former == "one"  # which has it still
    assert await one.write("last")
    assert said(await two.take()) == {"boot": "last"}
    assert not await one.write("late")
    assert one.lost == ["cp-1"]
    assert not one.store.pages.holds("cp-1")
    assert one.store.state.overtaken == 1
    assert not await one.write("later")  # without asking anybody
    assert one.store.state.overtaken == 2
    assert await two.write("second")
    assert said(await two.store.pages.load("cp-1")) == {"boot": "second"}
    assert (await one.store.pages.take("cp-1")).former == "two"
    await one.take()
    assert await one.write("third")


async def test_others_are_written_all_the_same(node: Open) -> None:
    """What is refused of one station keeps no other from the disk, nor does what no database takes."""
    one, two = await node("one"), await node("two")
    for station in ("cp-1", "cp-2", "cp-3"):
        await one.take(station)
    await two.take("cp-2")
    one.store.put(FactRecord("cp-3", "x" * 2000, 1.0, b""))
    results = await asyncio.gather(*(one.write("said", station=station) for station in ("cp-1", "cp-2", "cp-3")))
    assert results[:2] == [True, False]
    assert said(await two.store.pages.load("cp-1")) == {"boot": "said"}
    assert said(await two.store.pages.load("cp-3")) == {"boot": "said"}
    assert said(await two.store.pages.load("cp-2")) == {}
    assert (one.lost, one.store.state.unwritable, one.store.state.overtaken) == (["cp-2"], 1, 1)


async def test_one_that_has_left_is_nobodys(node: Open) -> None:
    """Its node may write of it until it comes to another, which then need not tell anybody."""
    one, two = await node("one"), await node("two")
    await one.take()
    one.store.pages.went("cp-1")
    assert await one.write("a late answer")
    await until(lambda: not one.locations.waits, "the database knows that it has left")
    page = await two.store.pages.take("cp-1")
    assert (said(page), page.former) == ({"boot": "a late answer"}, "")
    assert not await one.write("too late")


async def test_it_comes_back_before_anybody_knows_that_it_left(node: Open) -> None:
    """A session that takes the place of another at the same node leaves the station where it is."""
    one, two = await node("one"), await node("two")
    await one.take()
    one.store.pages.went("cp-1")
    one.store.pages.came("cp-1", taken=True)
    assert await one.write("here")
    assert (await two.store.pages.take("cp-1")).former == "one"


async def test_who_delivers_what_is_owed(node: Open) -> None:
    """A node that has lost a station does not get, nor keep, the right to deliver what is owed of it."""
    one, two = await node("one"), await node("two")
    await one.take()
    first = await one.lease()
    assert first is not None
    await two.take()
    assert await two.lease() is None  # what the other may have sent is waited for
    assert await one.lease() is None
    one.store.release("cp-1")
    await until(two.lease, "given back")
    second = await two.lease()
    assert second is not None
    assert second.epoch > first.epoch


@pytest.mark.parametrize("heard", [False, True])
async def test_what_waited_while_another_had_the_station(
    node: Open, monkeypatch: pytest.MonkeyPatch, heard: bool
) -> None:
    """It is not written when the station is back, whether its node has heard of that other or not: it is old."""
    one, two = await node("one", patience=0.5), await node("two")
    await one.take()
    with monkeypatch.context() as cut_off:
        cut_off.setattr(one.store._writer, "write", failing)
        assert not await one.write("first")
        await two.take()
        assert await two.write("second")
        if heard:
            one.locations.lose(["cp-1"])
        await until(lambda: taken(one), "a failed write keeps nobody from the database for long")
        assert not await one.write("fourth", "of its new session")
    await until(lambda: one.store.state.pending == 0, "all is written")
    assert said(await one.store.pages.load("cp-1")) == {"boot": "second", "of its new session": "fourth"}
    assert (one.lost, one.store.state.overtaken) == (["cp-1"], 1)


async def taken(node: Node) -> bool:
    """Let a station come in; return whether that could be done."""
    with suppress(StoreAway):
        await node.take()
        return True
    return False


async def failing(*_: object) -> None:
    """Fail as a network does."""
    raise OSError("cut off")


@pytest.mark.parametrize("ago", [10.0, 0.0])
async def test_a_session_that_began_without_the_database(
    node: Open, monkeypatch: pytest.MonkeyPatch, ago: float
) -> None:
    """Once the database is back it belongs to the newer session, whichever that is: ages count, and no calendars."""
    one, two = await node("one"), await node("two")
    one.store.pages.came("cp-1", taken=False)
    assert one.store.pages.holds("cp-1")
    await until(lambda: not one.locations.waits, "it has taken it")
    assert await one.write("said without the database")
    await two.take()
    one.locations.lose(["cp-1"])
    monkeypatch.setattr("voltgate.store.locations._LAST_WORDS", 1000.0)
    one.locations.came("cp-1", taken=False)
    one.now[0] += ago
    one.store.put(FactRecord("cp-1", "late", 1.0, b""))
    writing = asyncio.create_task(one.write("mine"))
    await one.take("cp-2")
    assert await one.write("of another", station="cp-2")  # nobody waits for that
    assert await two.write("last words")
    assert not writing.done()
    monkeypatch.setattr("voltgate.store.locations._LAST_WORDS", 0.0)
    assert await writing is (ago == 0.0)
    assert one.lost == ["cp-1"] * (2 if ago else 1)
    assert said(await two.store.pages.load("cp-1")) == (
        {"boot": "mine", "late": ""} if ago == 0.0 else {"boot": "last words"}
    )


async def test_one_that_hears_of_nothing_looks(node: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A station that was taken while nothing is written of it is noticed all the same."""
    monkeypatch.setattr(database, "_LOOK", 1.0)  # a look may take as long, too
    one, two = await node("one"), await node("two")
    await one.take()
    await one.take("cp-2")
    await two.take()
    await until(lambda: one.lost, "it has looked")
    assert one.lost == ["cp-1"]
    assert one.store.pages.holds("cp-2")


async def test_one_that_seemed_dead(node: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a node that has died others say that its stations have left; if it has not, it says that they are here."""
    monkeypatch.setattr(database, "_LOOK", 1.0)
    one, two = await node("one"), await node("two")
    here: list[str] = []
    one.locations.when_taken_for_gone(here.append)
    await one.take()
    await one.take("cp-2")
    one.store.pages.went("cp-2")
    await until(lambda: not one.locations.waits, "the database knows that it has left")
    assert two.store.engine is not None
    table = NodeTable(Reach(lambda: two.store.engine), "two", "two", "1")
    assert {orphan.station for orphan in await table.orphans("one")} == {"cp-1"}
    await until(lambda: here == ["cp-1"] and not one.locations.waits, "it has looked, and said that it is here")
    assert one.lost == []
    assert (await two.store.pages.take("cp-1")).former == "one"


async def test_stations_of_a_node_that_lives(node: Open) -> None:
    """Nobody says of them that they have left."""
    one, two = await node("one"), await node("two")
    await one.take()
    assert one.store.engine is not None
    async with one.store.engine.begin() as connection:
        await NodeTable(Reach(lambda: None), "one", "one", "1").beat(connection, Status("serving", 1, 0.0))
    assert await NodeTable(Reach(lambda: two.store.engine), "two", "two", "1").orphans("one") == []


async def test_only_some_that_have_left_are_remembered(node: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of many that have left are forgotten: nothing more is written of them."""
    monkeypatch.setattr("voltgate.store.locations._REMEMBERED", 2)
    one = await node("one")
    for number in range(4):
        await one.take(f"cp-{number}")
        one.store.pages.went(f"cp-{number}")
        await until(lambda: not one.locations.waits, "the database knows that it has left")
    assert [one.store.pages.holds(f"cp-{number}") for number in range(4)] == [False, False, True, True]
    one.store.pages.went("cp-9")  # never came


async def test_a_database_that_is_away_changes_nothing(node: Open, server: PostgreSQL) -> None:
    """A station cannot be taken meanwhile; a session that began is kept in mind, and takes it afterwards."""
    one = await node("one", patience=0.5)
    await one.take("cp-2")
    server.kill()
    try:
        with pytest.raises(StoreAway):
            await one.store.pages.take("cp-1")
        one.store.pages.came("cp-1", taken=False)
        one.store.pages.went("cp-2")
        await until(lambda: one.store.pages.away, "it is known to be away")
    finally:
        server.start()
    await until(lambda: not one.store.pages.away and not one.locations.waits, "it is back")
    assert await one.write("mine")
    assert one.lost == []


async def test_back_and_forth(node: Open) -> None:
    """Whatever was said to be on disk is on the page of whoever takes the station next, however fast it hops."""
    nodes = [await node("one"), await node("two")]
    promised: dict[str, int] = {}
    pages: dict[int, set[str]] = {}

    async def hold(here: Node) -> None:
        for turn in range(100):
            found = said(await here.take()).keys()
            epoch = here.locations._held.get("cp-1", 0)  # it may be gone again already
            pages[epoch] = set(found)
            for step in range(3):
                name = f"{here.name}.{turn}.{step}"
                if not await here.write("", name):
                    break
                promised[name] = epoch

    await asyncio.gather(*map(hold, nodes))
    engine = open_engine(read_address(nodes[0].store._url.render_as_string(hide_password=False)), 5)
    async with engine.connect() as connection:
        found = (await connection.execute(text("SELECT name FROM facts"))).scalars().all()
        times = (await connection.execute(text("SELECT epoch FROM locations"))).scalar_one()
    await engine.dispose()
    assert set(found) == promised.keys()
    for epoch, page in pages.items():
        assert {name for name, written in promised.items() if written < epoch} <= page
    assert times == 200
    assert all(each.store.state.overtaken for each in nodes)  # or they did not meet


async def test_it_leaves_while_it_comes_back(node: Open) -> None:
    """The former session ends between the taking and the beginning of the next: the station is here all the same."""
    one, two = await node("one"), await node("two")
    await one.take()
    await one.store.pages.take("cp-1")  # for a handshake that takes its time
    one.store.pages.went("cp-1")
    await until(lambda: not one.locations.waits, "the database knows that it has left")
    one.store.pages.came("cp-1", taken=True)
    await until(lambda: not one.locations.waits, "the database knows that it is here")
    assert (await two.store.pages.take("cp-1")).former == "one"


async def test_it_comes_back_without_the_database(node: Open) -> None:
    """A station that has left comes back while the database is away: afterwards it is here for everybody."""
    one, two = await node("one"), await node("two")
    await one.take()
    one.store.pages.went("cp-1")
    await until(lambda: not one.locations.waits, "the database knows that it has left")
    one.store.pages.came("cp-1", taken=False)
    await until(lambda: not one.locations.waits, "the database knows that it is here")
    assert (await two.store.pages.take("cp-1")).former == "one"


async def test_it_comes_and_goes_without_the_database(node: Open) -> None:
    """A session that began and ended while the database was away leaves a station that is nowhere."""
    one, two = await node("one"), await node("two")
    one.store.pages.came("cp-1", taken=False)
    one.store.pages.went("cp-1")
    await until(lambda: not one.locations.waits, "the database knows that it has left")
    assert (await two.store.pages.take("cp-1")).former == ""


async def test_a_taking_whose_end_nobody_heard(node: Open) -> None:
    """The database has taken a station again for its own node, whose connection broke: nobody else has it."""
    one = await node("one")
    await one.take()
    assert one.store.engine is not None
    async with one.store.engine.begin() as connection:
        await connection.execute(text("UPDATE locations SET epoch = epoch + 1"))
    await one.locations.look(one.store.engine)
    assert one.lost == []
    assert await one.write("mine")
    assert one.lost == []


async def test_many_that_came_without_the_database(node: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose former node is to have its last words wait for that together, and not one batch after the other."""
    monkeypatch.setattr("voltgate.store.locations._AT_ONCE", 2)
    monkeypatch.setattr("voltgate.store.locations._LAST_WORDS", 0.5)
    one, two = await node("one"), await node("two")
    stations = [f"cp-{number}" for number in range(10)]
    for station in stations:
        await two.take(station)
    began = time.monotonic()
    for station in stations:
        one.store.pages.came(station, taken=False)
    one.now[0] += 1
    await until(lambda: not one.locations.waits, "all are decided")
    assert time.monotonic() - began < 2


async def test_regardless_is_said_of_one_taking(node: Open, server: PostgreSQL) -> None:
    """A taking that could not be done leaves nothing to the next one: that one asks the former node again."""
    one, two = await node("one", patience=0.5), await node("two", patience=0.5)
    await one.take()
    server.kill()
    try:
        with pytest.raises(StoreAway):
            await two.store.pages.take("cp-1")
        await until(lambda: two.store.pages.away, "it is known to be away")
        with pytest.raises(StoreAway):
            await two.store.pages.take("cp-1", regardless=1)
    finally:
        server.start()
    await until(lambda: not two.store.pages.away, "it is back")
    assert (await two.store.pages.take("cp-1")).former == "one"


async def test_locks_are_taken_in_one_order(node: Open) -> None:
    """Whatever the database sorts by, rows are locked in the order in which every node writes them."""
    one, two = await node("one"), await node("two")
    stations = ["B", "a"]  # as they are, and not as a dictionary has them
    for station in stations:
        await one.take(station)
    assert one.store.engine is not None
    async with one.store.engine.begin() as connection:
        await connection.execute(text('ALTER TABLE locations ALTER COLUMN station TYPE text COLLATE "en-x-icu"'))
    async with one.store.engine.begin() as connection:
        await connection.execute(text("SELECT 1 FROM locations WHERE station = 'B' FOR UPDATE"))
        taking = asyncio.gather(*map(two.take, stations))
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

        async def waiting() -> bool:
            assert one.store.engine is not None
            async with one.store.engine.connect() as other:  # what a transaction sees of this does not change
                return bool((await other.execute(waits)).scalar_one())

        await until(waiting, "the other waits for the first")
        await connection.execute(text("SELECT 1 FROM locations WHERE station = 'a' FOR UPDATE NOWAIT"))
    await taking


async def test_three_nodes_and_one_station(node: Open) -> None:
    """Who had the former node let a station go takes it from that session alone: another one may have come between."""
    one, two, three = await node("one"), await node("two"), await node("three")
    await one.take()
    asked = [await each.store.pages.take("cp-1") for each in (two, three)]
    assert [(page.former, page.session) for page in asked] == [("one", 1)] * 2
    assert (await two.store.pages.take("cp-1", regardless=1)).former == ""
    again = await three.store.pages.take("cp-1", regardless=1)
    assert (again.former, again.session) == ("two", 2)
    assert (await three.store.pages.take("cp-1", regardless=2)).former == ""
    assert await three.write("mine")
    assert not await two.write("mine")
