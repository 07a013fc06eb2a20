"""Letters and nodes on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.harness import until
from tests.servers import PostgreSQL
from tests.store.cluster import empty, reach
from voltgate.cluster.letters import Letter
from voltgate.cluster.ports import Location
from voltgate.relay.records import StoreAway
from voltgate.store import letters as table
from voltgate.store.address import open_engine, read_address
from voltgate.store.letters import LetterTable
from voltgate.store.nodes import NodeTable, Status


@pytest.fixture
async def engine(server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    async with empty(server) as engine:
        yield engine


async def test_a_letter_is_taken_once_by_its_addressee(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were sent, some at once; nobody else gets them, and they are gone then."""
    monkeypatch.setattr(table, "_AT_ONCE", 3)
    sender, addressee, other = (LetterTable(reach(engine), node) for node in "ABC")
    await sender.write([Letter("B", "question", b"%d" % number) for number in range(5)])
    await sender.write([Letter("C", "answer", b"c")])
    first, second = await addressee.take(), await addressee.take()
    assert [each.data for each in first] == [b"0", b"1", b"2"]
    assert [each.data for each in second] == [b"3", b"4"]
    assert all(0 <= each.age < 600 for each in first)
    assert await addressee.take() == []
    assert [(each.kind, each.data) for each in await other.take()] == [("answer", b"c")]


async def test_nodes_that_live_that_are_dead_and_that_end(engine: AsyncEngine) -> None:
    """A node is read with what it said last, this one first; one that was not heard of for ten seconds is dead."""
    one, other = NodeTable(reach(engine), "1", "one", "0.1"), NodeTable(reach(engine), "2", "a", "0.2")
    for table_, status in ((one, Status("serving", 3, 0.25)), (other, Status("serving", 0, 0.0))):
        async with engine.begin() as connection:
            await table_.beat(connection, status)
    first, second = await one.read()
    assert (first.id, first.name, first.version, first.state) == ("1", "one", "0.1", "serving")
    assert (first.stations, first.load, first.alive) == (3, 0.25, True)
    assert first.began <= first.seen
    assert [node.name for node in await other.read()] == ["a", "one"]
    assert second.alive
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE nodes SET seen = seen - 11, began = began - 11"))
        await one.beat(connection, Status("draining", 2, 0.5))
    first, second = await one.read()
    assert (first.state, first.stations, first.alive, second.alive) == ("draining", 2, True, False)
    assert first.seen - first.began > 10, "it began when it began"
    await other.leave()
    assert [node.id for node in await one.read()] == ["1"]


async def test_the_last_node_that_serves_does_not_drain(engine: AsyncEngine) -> None:
    """Nor does one while another is about to say that it drains: it looks when that has been said."""
    one, other = (NodeTable(reach(engine), number, "a node", "0.1") for number in "12")
    for each in (one, other):
        async with engine.begin() as connection:
            await each.beat(connection, Status("serving", 0, 0.0))
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE nodes SET state = 'draining' WHERE id = '1'"))
        asked = asyncio.ensure_future(other.retire())

        async def looked_or_waits() -> bool:
            return asked.done() or bool((await connection.execute(waits)).scalar())

        await until(looked_or_waits, "it has looked, or waits")
    assert not await asked
    assert await one.retire(), "the other one serves"
    assert [node.state for node in await one.read()] == ["draining", "serving"]
    async with engine.begin() as connection:
        await one.beat(connection, Status("serving", 0, 0.0))
    assert await other.retire()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE nodes SET state = 'serving', seen = seen - 11"))
    assert not await other.retire(), "the other one is dead"


async def test_where_a_station_is(engine: AsyncEngine) -> None:
    """That is what its location says; one that never came has none."""
    known = NodeTable(reach(engine), "1", "one", "0.1")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO locations VALUES ('cp1', 'A', 7, 5.5, false)"))
    assert await known.where("cp1") == Location("cp1", "A", 7, 5.5, gone=False)
    assert await known.where("cp2") is None


async def test_a_database_that_is_away_is_said() -> None:
    """Whether it is known to be away, or does not answer."""
    engine = open_engine(read_address("postgresql://nobody@127.0.0.1:1/x"), 5)
    there = reach(engine)
    with pytest.raises(StoreAway):
        await LetterTable(there, "A").take()
    with pytest.raises(StoreAway):
        await NodeTable(there, "1", "one", "0.1").leave()
    await engine.dispose()
    there.engine = lambda: None
    with pytest.raises(StoreAway, match="away"):
        await NodeTable(there, "1", "one", "0.1").read()
