"""A cluster for scenarios: a PostgreSQL that all tests of a process share, and gateways on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.people import People, people_of
from tests.harness import Gateway, Json, Stage, boot_accepted, toml
from tests.scenarios.csms_network import Network
from tests.scenarios.test_promises import START
from tests.servers import PostgreSQL, RabbitMQ, postgresql
from tests.store.conftest import emptied
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

COPY = [{"answer": "main", "copy": ["billing"]}]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the scenarios of a process."""
    with postgresql() as running:
        yield running


@pytest.fixture
async def cluster(stage: Stage, server: PostgreSQL) -> Stage:
    """A stage whose database is empty, with two backends."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    await stage.backend("main")
    await stage.backend("billing")
    return stage


@pytest.fixture
async def network(stage: Stage, server: PostgreSQL, rabbit: RabbitMQ, prefix: str) -> Network:
    """One whose database is empty, and in which nothing runs yet."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    return Network(stage, server, rabbit, prefix)


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """People who are told, with their servers."""
    async with people_of(tmp_path) as people:
        yield people


async def node(stage: Stage, server: PostgreSQL, rules: list[dict[str, Any]] = COPY, **more: Any) -> Gateway:
    """Start a gateway of the cluster."""
    routes = {"main": {"admit": "gateway", "rules": rules}}
    return await stage.gateway(**{"routes": routes, "store": {"url": server.url, "patience": 2}, **more})


async def overtaken(gateway: Gateway) -> float:
    """Return how many records a gateway did not write because another one has the station."""
    return await gateway.metric("voltgate_store_records_overtaken_total")


async def is_heard_over_a_reload(stage: Stage, document: Json, consumer: Any) -> None:
    """See that a consumer's answer to an open call is heard after a reload that changes the backend "bus"."""
    gateway = await stage.gateway(document)
    station = await stage.station("CP-1")
    boot = await station.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    await consumer.answer(await consumer.expect("BootNotification"), boot_accepted())
    await station.expect_result(boot)
    asked = await station.ask("StartTransaction", START)
    start = await consumer.expect("StartTransaction")
    document["backends"]["bus"]["permit"] = "full"
    gateway.reload(toml(document))
    await consumer.answer(await consumer.expect("BootNotification"), boot_accepted())  # on the other wire
    await consumer.answer(start, {"transactionId": 7})
    assert (await station.expect_result(asked)).payload == {"transactionId": 7}
