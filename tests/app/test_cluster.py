"""Gateways on one PostgreSQL are nodes of a cluster, without a word of configuration."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.app.running import Running, running
from tests.app.test_tasks import Breaks
from tests.harness.http_client import get
from tests.harness.ports import free_port
from tests.harness.waiting import until
from tests.servers import PostgreSQL, postgresql
from tests.store.conftest import emptied
from voltgate.app import composition
from voltgate.app.cluster import Cluster
from voltgate.app.database import upgrade
from voltgate.cluster.ports import Body, Node, NodeAway
from voltgate.store import listening
from voltgate.store.address import read_address
from voltgate.telemetry.supervision import Supervision
from voltgate.web.issued_tokens import IssuedTokens

TASKS = {"cluster connection", "cluster notices", "cluster letters", "cluster writing"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for these tests."""
    with postgresql() as running:
        yield running


@pytest.fixture
async def url(server: PostgreSQL) -> str:
    """The address of an empty database."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    return server.url


class World:
    """Gateway processes in this one, on one database."""

    def __init__(self, folder: Path, url: str, stack: AsyncExitStack) -> None:
        self.folder, self.url, self.stack = folder, url, stack
        self.http: dict[str, int] = {}

    async def node(self, name: str, stack: AsyncExitStack | None = None, **more: Any) -> Running:
        """Start one; it runs until the end of the test, or of its own stack."""
        folder = self.folder / name
        folder.mkdir()
        self.http[name] = free_port()
        document = {
            "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{self.http[name]}"},
            "store": {"url": self.url},
            "cluster": {"node": name},
            "shutdown": {"ahead": 0, "grace": 0, "spread": 0},
        }
        return await (stack or self.stack).enter_async_context(running(folder, document | more))

    async def ready(self, name: str) -> dict[str, Any]:
        """Return what /readyz of one says."""
        return json.loads((await get(self.http[name], "/readyz")).body)  # type: ignore[no-any-return]


@pytest.fixture
async def world(tmp_path: Path, url: str) -> AsyncIterator[World]:
    """No gateway yet."""
    async with AsyncExitStack() as stack:
        yield World(tmp_path, url, stack)


def cluster(gateway: Running) -> Cluster:
    """Return what makes a gateway a node."""
    assert gateway.parts.cluster is not None
    return gateway.parts.cluster


async def see(gateway: Running, *names: str) -> list[Node]:
    """Wait until a node sees these, itself first, and no others."""
    seen: list[Node] = []

    async def found() -> bool:
        seen[:] = await cluster(gateway).post.nodes()
        return [node.name for node in seen] == list(names)

    await until(found, f"the nodes are {names}")
    return seen


async def test_gateways_on_one_database_know_and_ask_each_other(world: World) -> None:
    """Each knows the others, gets their answers, and hears of it when one of them ends; /readyz shows it."""
    a = await world.node("a")
    async with AsyncExitStack() as stack:
        b = await world.node("b", stack)
        (first, second) = await see(a, "a", "b")
        await see(b, "b", "a")
        assert (first.state, first.stations, first.alive, first.id) == ("serving", 0, True, cluster(a).post.here)
        assert second.id == cluster(b).post.here

        async def who(body: Body) -> Body:
            return {"hello": body["from"], "here": "b"}

        cluster(b).post.serve("who", who)
        assert await cluster(a).post.ask(second.id, "who", {"from": "a"}, 30) == {"hello": "a", "here": "b"}
        await until(lambda: cluster(a).state["nodes"] == 2, "a has counted them")
        shown = (await world.ready("a"))["cluster"]
        assert (shown["status"], shown["node"], shown["id"], shown["nodes"]) == ("ok", "a", first.id, 2)
        assert 0 <= shown["heartbeat_seconds"] < 10
        assert set((await world.ready("a"))["tasks"]) >= TASKS
        await b.parts.draining.drain()
        await until(lambda: _state(a, "b", "draining"), "a sees that b drains")
        b.parts.draining.announce()
        await until(lambda: _state(a, "b", "stopping"), "a sees that b ends")
    await see(a, "a")
    with pytest.raises(NodeAway, match="not there"):
        await cluster(a).post.ask(second.id, "who", {}, 3600)


async def _state(gateway: Running, name: str, state: str) -> bool:
    nodes = await cluster(gateway).post.nodes()
    return {node.name: node.state for node in nodes}[name] == state


async def test_the_database_is_killed(world: World, server: PostgreSQL) -> None:
    """While it is away that is shown, and a question fails at once; then they find each other again by themselves."""
    a, b = await world.node("a"), await world.node("b")
    (_, second) = await see(a, "a", "b")

    async def yes(body: Body) -> Body:
        return {"yes": True}

    cluster(b).post.serve("yes", yes)
    server.kill()
    try:
        await until(lambda: cluster(a).state["status"] == "away", "a has noticed it")
        async with asyncio.timeout(30):
            with pytest.raises(NodeAway):
                await cluster(a).post.ask(second.id, "yes", {}, 3600)
    finally:
        server.start()
    for node in (a, b):
        await until(lambda node=node: cluster(node).state["status"] == "ok", "it is there again")
    await see(a, "a", "b")
    assert await cluster(a).post.ask(second.id, "yes", {}, 30) == {"yes": True}
    assert cluster(a).numbers["connections_lost_total"] == 1


async def test_tokens_are_known_everywhere_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is issued here lets in there, and one that is deleted there lets in nowhere; nobody waits for a look."""
    monkeypatch.setattr(IssuedTokens.follow, "__defaults__", (3600.0,))
    a, b = issued(await world.node("a")), issued(await world.node("b"))
    assert await a.make("ci", "viewer", "x")
    await until(lambda: [each.name for each in b.records] == ["ci"], "b knows it")
    assert await b.remove("ci")
    await until(lambda: a.records == (), "a knows that it is gone")


async def test_callback_addresses_have_one_key(world: World) -> None:
    """The key of callback addresses that is renewed here makes those told there, and the one before is read there."""
    backends = {"old": {"url": "http://127.0.0.1:9/soap"}}
    more = {
        "backends": backends,
        "routes": {"main": {"rules": [{"answer": "old"}]}},
        "soap": {"callback": "http://127.0.0.1:9/", "old_callbacks": 3600},
    }
    a, b = await world.node("a", **more), await world.node("b", **more)
    of_a, of_b = (each.parts.carriers.soap.callbacks for each in (a, b))
    before = of_a.address("old", "CP1")
    await until(lambda: of_b.address("old", "CP1") == before, "both have one key from the start")
    await a.parts.surroundings.register.renew_key()
    a.parts.follow_soap(a.active.config)
    after = of_a.address("old", "CP1")
    assert after != before
    await until(lambda: of_b.address("old", "CP1") == after, "b makes the same as a")
    for address in (before, after):
        assert of_b.read(urlsplit(address).path) == ("old", "CP1")


def issued(gateway: Running) -> IssuedTokens:
    """Return the tokens of a gateway."""
    access = gateway.process._reload._access()
    assert access is not None
    assert access.issued is not None
    return access.issued


async def test_each_task_of_a_node_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in any of them is shown and counted, and its work is done again."""
    monkeypatch.setattr(listening, "EVERY", 0.05)
    monkeypatch.setattr(composition, "Supervision", lambda clock: Supervision(clock, shortest=0.01))
    a, b = await world.node("a"), await world.node("b")
    await see(a, "a", "b")
    node, other = cluster(a), cluster(b)

    async def yes(body: Body) -> Body:
        return {"yes": True}

    def breaking(owner: object, name: str) -> Breaks:
        breaks = Breaks(getattr(owner, name))
        monkeypatch.setattr(owner, name, breaks)
        return breaks

    other.post.serve("yes", yes)
    broken = {
        "cluster connection": (breaking(node._table, "beat"), bool),
        "cluster notices": (breaking(node.notices, "_read"), node.notices.wake),
        "cluster letters": (breaking(node.post._letters, "take"), node.post.wake),
        "cluster writing": (
            breaking(node.post._letters, "write"),
            lambda: node.post.ask(other.post.here, "yes", {}, 5),
        ),
    }
    assert set(broken) == TASKS
    for name, (breaks, poke) in broken.items():
        breaks.fails = True
        poked = poke()
        if isinstance(poked, Awaitable):
            with pytest.raises(NodeAway):
                await poked
        await until(lambda breaks=breaks: not breaks.fails, f"{name} fails")
        task = a.parts.supervision.tasks[name]
        await until(lambda task=task: task.faults == 1, f"{name} is counted")
        await until(lambda: node.state["status"] == "ok", "the node is there")
        assert await node.post.ask(other.post.here, "yes", {}, 30) == {"yes": True}


async def test_a_gateway_without_a_name(world: World, tmp_path: Path) -> None:
    """It is called after its host and process. On SQLite a gateway is alone, and has none of it."""
    a = await world.node("a", cluster={})
    assert cluster(a).name.endswith(f"-{os.getpid()}")
    alone = await world.node("alone", store={"url": f"sqlite:///{tmp_path}/x.db"})
    assert alone.parts.cluster is None
    assert (await world.ready("alone"))["cluster"] == {"status": "off"}
    assert not TASKS & set((await world.ready("alone"))["tasks"])
