"""Two gateways on one PostgreSQL: any of them shows and commands the whole cluster, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.harness import Stage, until
from tests.servers import PostgreSQL, postgresql
from tests.web.client import TOKEN, asking
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

RESET = {"action": "Reset", "payload": {"type": "Soft"}}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for these scenarios."""
    with postgresql() as running:
        yield running


async def test_the_whole_cluster_from_any_gateway(stage: Stage, server: PostgreSQL) -> None:
    """A station at one gateway is listed, called and heard at the other; when its gateway is killed, that is said."""
    await upgrade(read_address(server.url))
    main = await stage.backend("main")
    shared = {"admin_token": TOKEN, "store": {"url": server.url}, "stations": [{"identity": "CP1", "route": "main"}]}
    a = await stage.gateway(**shared, cluster={"node": "a"})
    b = await stage.gateway(**shared, cluster={"node": "b"})
    async with asking(a.http_port) as at_a, asking(b.http_port) as at_b:

        async def both() -> bool:
            return {item["name"] for item in (await at_a.get("/nodes")).gives(200)["items"]} == {"a", "b"}

        await until(both, "each knows of the other")
        async with at_a.stream("/events") as events, at_a.stream("/messages", station="CP1") as messages:
            for stream in (events, messages):
                first = await stream.next(comments=True)
                assert first is not None
                assert first.kind == ":"
            station = await stage.station("CP1")  # the stage's newest gateway is b
            await main.station("CP1")
            came = [event for event in await events.take(2) if event.kind == "StationCame"]
            assert [event.data["node"] for event in came] == ["b"]

            async def there() -> bool:
                items = (await at_a.get("/stations", connected=True)).gives(200)["items"]
                return [(item["identity"], item["node"]) for item in items] == [("CP1", "b")]

            await until(there, "a shows the station of b")
            asked = asyncio.ensure_future(at_a.post("/stations/CP1/calls", RESET))
            await station.answer(await station.expect("Reset"), {"status": "Accepted"})
            assert (await asked).gives(200)["result"] == {"status": "Accepted"}
            (shown,) = await messages.take(1)
            assert (shown.data["action"], shown.data["direction"]) == ("Reset", "to_station")
            assert (await at_b.get("/sessions/CP1")).gives(200)["node"] == "b"
            await b.kill()
            gone = await events.next()
            assert gone is not None
            assert (gone.kind, gone.data) == ("missing", {"missing": ["b"]})
        assert (await at_a.get("/stations")).gives(200)["missing"] == ["b"]
        answer = await at_a.post("/stations/CP1/calls", RESET)
        assert answer.status in (503, 504)
        assert "b" in answer.body["detail"]
