"""Gateways on one PostgreSQL: what is said to one of them holds at all of them, over real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from tests.claimants import Api, asking, configured
from tests.harness import Gateway, ScriptedBackend, Stage, until, within
from tests.scenarios.test_claims import beats
from tests.servers import PostgreSQL, postgresql
from voltgate.app.database import upgrade
from voltgate.directory.claims import part_of
from voltgate.store.address import open_engine, read_address


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for these scenarios."""
    with postgresql() as running:
        yield running


async def ask(server: PostgreSQL, statement: str) -> None:
    """Have the database do something."""
    engine = open_engine(read_address(server.url), 5)
    async with engine.begin() as connection:
        for each in statement.split(";"):
            await connection.execute(text(each))
    await engine.dispose()


@dataclass
class Two:
    """Two gateways on one database, each with its API, and two backends that claim stations."""

    stage: Stage
    server: PostgreSQL
    a: Gateway
    b: Gateway
    api_of_a: Api
    api_of_b: Api

    def backend(self, name: str) -> ScriptedBackend:
        """Return a backend."""
        return self.stage.backends[name]

    async def known_at_b(self, backend: str, *stations: str) -> None:
        """Wait until a backend's list is so at B."""

        async def same() -> bool:
            return await self.api_of_b.stations(backend) == list(stations)

        await until(same, f"B knows that {backend} claims {stations}")


@asynccontextmanager
async def two(stage: Stage, server: PostgreSQL) -> AsyncIterator[Two]:
    """Start them on an empty database."""
    await ask(server, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await upgrade(read_address(server.url))
    backends = {name: {"url": (await stage.backend(name)).url} for name in ("main", "fleet")}
    shared: dict[str, Any] = configured(
        backends,
        routes={"main": {"rules": [{"answer": "main"}]}},
        stations=[{"identity": "CP9", "route": "main"}],
        unknown={"policy": "quarantine"},
        store={"url": server.url},
    )
    a = await stage.gateway(**shared, cluster={"node": "a"})
    b = await stage.gateway(**shared, cluster={"node": "b"})
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(asking(gateway)) for gateway in (a, b)]
        yield Two(stage, server, a, b, *apis)


async def test_what_is_said_to_one_gateway_holds_at_the_other(stage: Stage, server: PostgreSQL) -> None:
    """A claim moves a station that is connected there, a station is let in from there, and turned away again."""
    async with two(stage, server) as world:
        main, fleet = world.backend("main"), world.backend("fleet")
        assert (await stage.refused("CP1", url=world.b.url("CP1"))).status_code == 404
        (await world.api_of_a.put("main", "CP1")).gives(200)
        await world.known_at_b("main", "CP1")
        station = await stage.station("CP1", url=world.b.url("CP1"))
        await beats(station, await main.station("CP1"))
        (await world.api_of_a.put("fleet", "CP1")).gives(200)
        (await world.api_of_a.put("main", "CP2", force=True)).gives(200)
        await beats(station, await fleet.station("CP1"))

        assert (await stage.refused("CP3", url=world.b.url("CP3"))).status_code == 404
        (await world.api_of_a.ask("POST", "/waiting/CP3/accept", {"route": "main"})).gives(201)

        async def forgotten() -> bool:
            return (await world.api_of_b.get("/waiting"))["items"] == []

        await until(forgotten, "CP3 waits at B no more")
        accepted = await stage.station("CP3", url=world.b.url("CP3"))
        await beats(accepted, await main.station("CP3"))
        assert (await world.api_of_a.ask("DELETE", "/stations/CP3")).status == 204
        assert (await accepted.closed()).code == 1008
        assert await world.b.metric("voltgate_cluster_notices_missed_total") == 0


async def test_a_token_of_the_api_holds_at_both(stage: Stage, server: PostgreSQL) -> None:
    """One made at A lets in at B; rotated or deleted at A it lets in no more at B, and what it has open there ends."""
    async with two(stage, server) as world:
        made = (await world.api_of_a.ask("POST", "/tokens", {"name": "ci", "role": "viewer"})).gives(201)["token"]
        await until(lambda: _lets_in(world.b, made), "B knows it")
        async with bearing(world.b, made, "/events") as open_there:
            rotated = await world.api_of_a.ask("POST", "/tokens/ci/rotation", {"overlap": 3600})
            again = rotated.gives(201)["token"]
            await until(lambda: _lets_in(world.b, again), "B knows the new one")
            assert await _lets_in(world.b, made), "until the overlap is over"
            rotated = await world.api_of_a.ask("POST", "/tokens/ci/rotation", {"overlap": 0})
            last = rotated.gives(201)["token"]
            await within(open_there.read(), "what was opened with the first one ends")
        assert [await _lets_in(world.b, each) for each in (made, again, last)] == [False, False, True]
        assert (await world.api_of_a.ask("DELETE", "/tokens/ci")).status == 204
        await until(lambda: _is_out(world.b, last), "B has heard that it is gone")


@asynccontextmanager
async def bearing(gateway: Gateway, token: str, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask a gateway with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{gateway.http_port}/api/v1{path}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        yield answer


async def _lets_in(gateway: Gateway, token: str) -> bool:
    async with bearing(gateway, token, "/me") as answer:
        return answer.status == 200


async def _is_out(gateway: Gateway, token: str) -> bool:
    return not await _lets_in(gateway, token)


async def test_a_claim_is_withdrawn(stage: Stage, server: PostgreSQL) -> None:
    """What a backend gives up at A it has no more at B: the station there goes, and is let in no more."""
    async with two(stage, server) as world:
        (await world.api_of_a.put("main", "CP1", "CP2")).gives(200)
        await world.known_at_b("main", "CP1", "CP2")
        station = await stage.station("CP1", url=world.b.url("CP1"))
        await beats(station, await world.backend("main").station("CP1"))
        (await world.api_of_a.patch("main", remove=("CP1",))).gives(200)
        assert (await station.closed()).code == 1008
        await world.known_at_b("main", "CP2")
        assert (await stage.refused("CP1", url=world.b.url("CP1"))).status_code == 404


async def test_a_gateway_that_was_away_catches_up(stage: Stage, server: PostgreSQL) -> None:
    """Stopped, cut off, or without a database: by what it has missed, and it reads no more than that."""
    async with two(stage, server) as world:
        (await world.api_of_a.put("main", "CP1")).gives(200)
        await world.known_at_b("main", "CP1")

        world.b.signal(signal.SIGSTOP)
        (await world.api_of_a.patch("main", "CP2")).gives(200)
        world.b.signal(signal.SIGCONT)
        await world.known_at_b("main", "CP1", "CP2")

        world.b.signal(signal.SIGSTOP)
        await ask(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await until(lambda: _claimed(world, "CP3"), "A has taken the claim")
        world.b.signal(signal.SIGCONT)
        await world.known_at_b("main", "CP1", "CP2", "CP3")

        server.kill()
        assert (await world.api_of_a.patch("main", "CP4")).status == 503
        server.start()
        await until(lambda: _claimed(world, "CP5"), "A has taken the claim")
        await world.known_at_b("main", "CP1", "CP2", "CP3", "CP5")
        assert await world.b.metric("voltgate_cluster_connections_lost_total") >= 2
        assert await world.b.metric("voltgate_cluster_notices_missed_total") == 0
        for gateway in (world.a, world.b):
            await until(lambda gateway=gateway: _sees_both(gateway), "it sees both")


async def _sees_both(gateway: Gateway) -> bool:
    shown = json.loads((await gateway.get("/readyz")).body)["cluster"]
    return (shown["status"], shown["nodes"]) == ("ok", 2)


async def _claimed(world: Two, station: str) -> bool:
    return (await world.api_of_a.patch("main", station)).status == 200


async def test_two_lists_at_once(stage: Stage, server: PostgreSQL) -> None:
    """What two gateways take at the same time is all kept, and known at both."""
    async with two(stage, server) as world:
        (await world.api_of_a.put("main", "CP1")).gives(200)
        apis = (world.api_of_a, world.api_of_b)
        of_one_row = [f"CP{number}" for number in range(2000) if part_of(f"cp{number}") == 0][:20]
        for answer in await asyncio.gather(*(apis[n % 2].patch("main", each) for n, each in enumerate(of_one_row))):
            answer.gives(200)
        expected = sorted(["CP1", *of_one_row])
        await world.known_at_b("main", *expected)

        async def known_at_a() -> bool:
            return await world.api_of_a.stations("main") == expected

        await until(known_at_a, "A knows them too")
