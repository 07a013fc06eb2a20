"""The register on PostgreSQL: several gateways change it in turn, and none writes over what it has not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.directory.test_register import following, shown
from tests.harness.waiting import until, within
from tests.servers import PostgreSQL
from tests.store.cluster import empty, reach
from tests.store.conftest import still
from voltgate.cluster.notices import Notices
from voltgate.directory.claims import part_of
from voltgate.directory.register import Register
from voltgate.directory.rows import Address
from voltgate.relay.records import RegisterRecord, StoreAway
from voltgate.store import Database, DatabaseSettings
from voltgate.store import register as table
from voltgate.store.address import read_address
from voltgate.store.notices import REGISTER, NoticeTable
from voltgate.store.register import SharedRegister


@pytest.fixture
async def engine(server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    async with empty(server) as engine:
        yield engine


class Node:
    """A gateway's register, and what it hears; only what it is told to do happens."""

    def __init__(self, engine: AsyncEngine, store: Database, name: str) -> None:
        there = reach(engine)
        self.store = store
        self.faults: list[Exception] = []
        self.notices = Notices(NoticeTable(there, name).read, self.faults.append)
        self.notices.follow(REGISTER, self)
        self.disk = SharedRegister(there, name, self.notices.catch_up, self.notices.forget)
        self.register = following(Register(store, still(), self.disk), expire=0.0)
        self.keys: set[str] = set()

    async def heard(self, told: Any) -> None:
        rows = {(kind, name) for each in told for kind, name in each}
        self.keys |= (await self.register.take(self.store.read_register, rows)).keys

    async def missed(self) -> None:
        if self.register.loaded:
            self.keys |= (await self.register.take(self.store.read_register, None)).keys

    async def load(self) -> None:
        """Begin."""
        await self.notices.begin()
        await self.register.load(self.store.read_register)


@pytest.fixture
async def store(engine: AsyncEngine, server: PostgreSQL) -> AsyncIterator[Database]:
    """What reads the rows."""
    store = Database(read_address(server.url), DatabaseSettings(), still())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def node(engine: AsyncEngine, store: Database) -> Callable[[str], Node]:
    """Make nodes."""
    return lambda name: Node(engine, store, name)


async def test_what_one_writes_the_other_has_read(node: Callable[[str], Node]) -> None:
    """Claims, addresses, accepted stations and the key of callbacks, one change after the other, and all at once."""
    a, b = node("a"), node("b")
    await a.load()
    await b.load()
    assert a.register.key_of_callbacks == b.register.key_of_callbacks != b""
    await a.register.replace("a", [f"CP{n}" for n in range(200)], "x", Address("ws://10.0.0.1/x"))
    await a.register.accept("CP-new", "main", "x")
    await b.register.amend("a", ["CPx"], ["cp7"], "y")
    await b.register.amend("b", ["CP1"], [], "y")
    await a.register.forget("cp-new")
    for each in (a, b):
        await each.notices.catch_up()
    c = node("c")
    await c.load()
    assert shown(a.register) == shown(b.register) == shown(c.register)
    assert (a.register.holder("cpx"), a.register.holder("cp7"), b.register.holder("cp1")) == ("a", "", "a")
    assert a.keys >= {"cpx", "cp7", "cp1"}
    assert "cp8" not in a.keys, "only what the other has changed"
    assert a.faults == b.faults == []


async def test_changes_at_the_same_time(node: Callable[[str], Node]) -> None:
    """Two gateways add to one list at once: nothing that either was told is lost."""
    nodes = [node("a"), node("b")]
    await asyncio.gather(*(each.load() for each in nodes))
    of_one_row = [f"CP{n}" for n in range(3000) if part_of(f"cp{n}") == 0][:40]
    await asyncio.gather(*(nodes[n % 2].register.amend("a", [each], [], "x") for n, each in enumerate(of_one_row)))
    for each in nodes:
        await each.notices.catch_up()
        assert sorted(each.register.claims.of("a")) == sorted(nodes[0].register.claims.of("a"))
        assert len(each.register.claims.of("a")) == 40


async def test_a_gateway_that_hangs_in_its_turn(node: Callable[[str], Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are refused meanwhile; its turn ends by itself, and what it writes then is refused and changes nothing."""
    monkeypatch.setattr(table, "_IDLE", 0.5)
    monkeypatch.setattr(table, "_WAIT", 0.1)
    a, b = node("a"), node("b")
    await a.load()
    await b.load()
    async with a.disk.turn() as turn:
        with pytest.raises(StoreAway, match="other gateways change the register"):
            await b.register.amend("a", ["CP1"], [], "x")

        async def taken() -> bool:
            try:
                await b.register.amend("a", ["CP1"], [], "x")
            except StoreAway:
                return False
            return True

        await until(taken, "b has its turn")
        with pytest.raises(StoreAway):
            await turn.keep([RegisterRecord("claims", "a/1", 0.0, b"{}")], [], [])
    await a.register.amend("a", ["CP2"], [], "x")
    assert {key for key, _ in a.register.claims.of("a")} == {"cp1", "cp2"}


@pytest.mark.parametrize("how", [ConnectionError("cut"), asyncio.CancelledError()], ids=["cut", "cancelled"])
async def test_nobody_knows_whether_it_was_written(
    node: Callable[[str], Node], monkeypatch: pytest.MonkeyPatch, how: BaseException
) -> None:
    """Cut in the commit, or its caller gone: the caller hears no good of it, and the register says what is on disk."""
    a = node("a")
    await a.load()

    async def cut(connection: AsyncConnection, commit: Any = AsyncConnection.commit) -> None:
        await commit(connection)
        raise how

    with monkeypatch.context() as patched:
        patched.setattr(AsyncConnection, "commit", cut)
        with pytest.raises((StoreAway, asyncio.CancelledError)):
            await a.register.amend("a", ["CP1"], [], "x")
    assert a.register.holder("cp1") == ""
    await within(a.notices.read_on(), "it reads everything again")
    assert a.register.holder("cp1") == "a"


async def test_a_start_where_identities_are_compared_otherwise(node: Callable[[str], Node]) -> None:
    """The first gateway that starts so writes the rows anew; the others read them all, and write nothing."""
    a, b = node("a"), node("b")
    await a.load()
    await a.register.amend("a", [f"CP{n}" for n in range(20)], [], "x")
    await a.register.accept("Cp-New", "main", "x")
    following(b.register, case_sensitive=True)
    await b.load()
    assert set(b.register.accepted) == {"Cp-New"}
    assert b.register.holder("CP1") == "a"
    await a.notices.catch_up()
    assert set(a.register.accepted) == {"cp-new"}
    assert (a.register.holder("cp1"), len(a.register.claims)) == ("a", 20)
    await b.notices.catch_up()
    assert b.notices.count == 0, "a has written nothing"
