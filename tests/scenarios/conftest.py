"""A cluster for scenarios: a PostgreSQL that all tests of a process share, and gateways on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Gateway, Stage
from tests.servers import PostgreSQL, postgresql
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


async def node(stage: Stage, server: PostgreSQL, rules: list[dict[str, Any]] = COPY, **more: Any) -> Gateway:
    """Start a gateway of the cluster."""
    routes = {"main": {"admit": "gateway", "rules": rules}}
    return await stage.gateway(**{"routes": routes, "store": {"url": server.url, "patience": 2}, **more})


async def overtaken(gateway: Gateway) -> float:
    """Return how many records a gateway did not write because another one has the station."""
    return await gateway.metric("voltgate_store_records_overtaken_total")
