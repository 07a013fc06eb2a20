"""The management system in each gateway of a cluster: a station is called from any of them, as by its own backend."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.app.running import Running, running
from tests.harness import Stage, free_port, until
from tests.servers import PostgreSQL, postgresql
from tests.store.conftest import emptied
from tests.store.test_csms_aging import days
from voltgate.app.database import upgrade
from voltgate.app.elsewhere import by_process
from voltgate.csms.commands.table import parameters
from voltgate.csms.jobs import Job
from voltgate.ocpp.messages import Error, Reason, Result, Unanswered
from voltgate.store import Database
from voltgate.store.address import read_address


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for these tests."""
    with postgresql() as started:
        yield started


@pytest.fixture
async def pair(tmp_path: Path, server: PostgreSQL) -> AsyncIterator[list[Running]]:
    """Two gateways of one cluster, each with the management system, which may not ask for everything."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    async with AsyncExitStack() as stack:
        gateways = []
        for name in ("a", "b"):
            document: dict[str, Any] = {
                "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
                "store": {"url": server.url},
                "cluster": {"node": name},
                "backends": {"own": {"url": "local:", "permit": "some"}},
                "permits": {"some": {"base": "full", "not_supported": ["UnlockConnector"]}},
                "routes": {"main": {"rules": [{"answer": "own"}]}},
                "stations": [{"match": "*", "route": "main"}],
                "shutdown": {"ahead": 0, "grace": 0, "spread": 0},
            }
            folder = tmp_path / name
            folder.mkdir()
            gateways.append(await stack.enter_async_context(running(folder, document)))
        yield gateways


async def test_a_station_of_another_gateway(pair: list[Running], stage: Stage) -> None:
    """It is called by the gateway that holds it, within the permit of its backend; what it answers comes back."""
    here, there = pair
    url = f"{there.parts.listeners.addresses()['websocket'][0]}/CP-1"
    station = await stage.station("CP-1", url=url)
    station.answers("Reset", {"status": "Accepted"})
    await station.call("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    csms, other = here.parts.csms, there.parts.csms
    assert csms is not None
    assert other is not None
    call = csms.call

    reply = await call("cp-1", "Reset", {"type": "Soft"}, 10)
    assert isinstance(reply, Result)
    assert reply.fields == {"status": "Accepted"}
    refused = await call("cp-1", "UnlockConnector", {"connectorId": 1}, 10)
    assert isinstance(refused, Result)
    assert refused.fields == {"status": "NotSupported"}
    assert not station.unread
    asking = asyncio.create_task(call("cp-1", "ClearCache", {}, 10))
    await station.fail(await station.expect("ClearCache"), "NotSupported", "no", {"more": 1})
    error = await asking
    assert isinstance(error, Error)
    assert not isinstance(error, Unanswered)
    assert (error.code, error.description, bytes(error.details)) == ("NotSupported", "no", b'{"more":1}')
    silent = await call("cp-1", "ClearCache", {}, 0.3)
    assert isinstance(silent, Error)

    nobody = await call("cp-2", "Reset", {"type": "Soft"}, 10)
    assert isinstance(nobody, Unanswered)
    assert (nobody.reason, nobody.id) == (Reason.GONE, "")
    await station.close()
    await until(lambda: "cp-1" not in other.peers, "it has gone")
    gone = await call("cp-1", "Reset", {"type": "Soft"}, 10)
    assert isinstance(gone, Unanswered)
    assert (gone.reason, gone.id) == (Reason.GONE, "")
    await stage.drop()


async def test_who_has_ended(pair: list[Running], server: PostgreSQL, tmp_path: Path) -> None:
    """Not whoever asks, though it was not heard of for long, nor who is alive, nor a queue, which others know of."""
    living = [each.parts.database.node for each in pair if each.parts.database is not None]
    silent = Database(read_address(server.url))
    await silent.open()
    holders = {*living, silent.node, "former", "bus/queue"}
    assert await by_process(silent)(holders) == {"former"}
    await silent.close()
    alone = Database(read_address("sqlite:///alone.db", tmp_path))
    assert await by_process(alone)({alone.node, "former", "bus/queue"}) == {"former", "bus/queue"}


async def test_days_of_meter_values(pair: list[Running]) -> None:
    """Gateways that run make partitions for the days to come, whichever looks first."""
    database = pair[0].parts.database
    assert database is not None
    made = list[str]()
    async with asyncio.timeout(10):
        while len(made) < 6:
            await asyncio.sleep(0.05)
            made = await days(database)
    assert made[-1].startswith("rest: ")


async def test_operators_at_any_gateway(pair: list[Running], stage: Stage) -> None:
    """They tell a station of another gateway; a job reaches the stations of both, whichever of them runs it."""
    stations = []
    for number, gateway in enumerate(pair):
        url = f"{gateway.parts.listeners.addresses()['websocket'][0]}/CP-{number}"
        station = await stage.station(f"CP-{number}", url=url)
        station.answers("Reset", {"status": "Accepted"})
        station.answers("ClearCache", {"status": "Accepted"})
        await station.call("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
        stations.append(station)
    operating = pair[0].parts.operating
    assert operating is not None
    told = await operating.parts.operators.tell("cp-1", "reset", parameters("reset", {}), "api:anna")
    assert (told.accepted, told.status) == (True, "Accepted")
    jobs, now = operating.parts.jobs, time.time()
    await jobs.create(Job("1", "clear-cache", {}, now, now + 60), ["cp-0", "cp-1"])

    async def ended() -> bool:
        job = await jobs.job("1")
        return job is not None and job.ended is not None

    await until(ended, "the job has ended")
    assert await jobs.counts("1") == {"done": 2}
    await stage.drop()
