"""The management system in several workers, and in several gateways: a process ends, and its stations do not notice.

All servers are real, and so are the processes.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.harness import Gateway, Json, ScriptedStation, Stage, free_port, merged, until
from tests.scenarios.csms_network import BOOT, STATUS, put
from tests.scenarios.test_workers import stations_of, workers_of
from tests.servers import PostgreSQL
from tests.store.conftest import emptied
from tests.web.client import TOKEN, Api, asking
from voltgate.app.database import upgrade
from voltgate.store.address import read_address


@pytest.fixture
async def document(server: PostgreSQL) -> Json:
    """The configuration of a gateway with the management system, whose database is empty."""
    await emptied(read_address(server.url))
    await upgrade(read_address(server.url))
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "admin_token": TOKEN,
        "store": {"url": server.url},
        "backends": {"csms": {"url": "local:"}},
        "routes": {"main": {"rules": [{"answer": "csms"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "csms": {"grace": 2},
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }


async def started(stage: Stage, document: Json, workers: int = 1) -> Gateway:
    """Start a gateway, of several workers if need be."""
    gateway = stage.prepare(document)
    if workers > 1:
        gateway.options = ("--workers", str(workers))
    await gateway.start()
    if workers > 1:
        await gateway.logged("all workers listen")
    return gateway


async def reporting(stage: Stage, gateway: Gateway) -> ScriptedStation:
    """Have a station come, and say that it is free."""
    station = await stage.station("CP-1", url=gateway.url("CP-1"))
    await station.call("BootNotification", BOOT)
    await station.call("StatusNotification", STATUS)
    return station


async def stays_free(api: Api, seconds: float = 7.0) -> None:
    """See that nobody takes the station for gone, for longer than it takes to note that of a process that has ended."""
    await until(lambda: is_free(api), "it is connected")
    over = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < over:
        assert await is_free(api)
        await asyncio.sleep(0.2)


async def is_free(api: Api) -> bool:
    """Return whether the station is connected, and its connector free."""
    shown = (await api.get("/csms/stations/CP-1")).gives(200)
    return bool(shown["connected"]) and [each["status"] for each in shown["connectors"]] == ["Available"]


@pytest.mark.parametrize("apart", [True, False])
async def test_uploads_of_workers(stage: Stage, document: Json, *, apart: bool) -> None:
    """Whichever worker gives an address, and whichever takes the file: any of them shows it."""
    port = free_port() if apart else int(document["listen"]["http"].rpartition(":")[2])
    listen = {"uploads": f"127.0.0.1:{port}"} if apart else {}
    changes = {"listen": listen, "csms": {"uploads": f"http://127.0.0.1:{port}"}}
    gateway = await started(stage, merged(document, changes), workers=2)
    station = await reporting(stage, gateway)
    addresses: list[str] = []
    station.answers("GetDiagnostics", lambda asked: addresses.append(asked.payload["location"]) or {"fileName": "x"})
    sizes = list(range(1, 9))
    for size in sizes:
        async with asking(gateway.http_port) as api:  # a connection of its own, to either of the two
            upload = (await api.post("/csms/stations/CP-1/commands/logs", {})).gives(200)["result"]["upload"]
        assert await put(addresses[-1], b"x" * size) == 201
        assert await put(addresses[-1], b"again") == 404
        async with asking(gateway.http_port) as api:
            assert await api.data(f"/csms/stations/CP-1/uploads/{upload}") == b"x" * size
    async with asking(gateway.http_port) as api:
        uploads = (await api.get("/csms/stations/CP-1/uploads")).gives(200)["items"]
    assert [each["size"] for each in uploads] == sizes[::-1]
    await gateway.stop()


async def test_a_worker_that_is_replaced(stage: Stage, document: Json) -> None:
    """Its station comes again, to whichever worker, and is not taken for gone with the one that it was at."""
    gateway = await started(stage, document, workers=2)
    station = await reporting(stage, gateway)
    (at,) = [worker for worker, stations in (await stations_of(gateway)).items() if stations]
    workers_of(gateway)[int(at)].terminate()
    assert (await station.closed()).code == 1001
    await stage.station("CP-1", url=gateway.url("CP-1"), name="CP-1 again")
    await gateway.logged("a worker has ended, and is started again")
    await until(lambda: both_are_up(gateway), "it is started again")
    async with asking(gateway.http_port) as api:
        await stays_free(api)
    await gateway.stop()


async def both_are_up(gateway: Gateway) -> bool:
    """Return whether both workers listen."""
    return await gateway.metric("voltgate_worker_up") == 2


async def test_a_gateway_that_is_taken_over_from(stage: Stage, document: Json) -> None:
    """Its station goes to another one before it has left; neither that, nor the end of the gateway, makes it gone."""
    one = await started(stage, document)
    own = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"}
    two = await started(stage, merged(document, {"listen": own}))
    first = await reporting(stage, one)
    second = await stage.station("CP-1", url=two.url("CP-1"), name="CP-1 at two")
    assert (await first.closed()).code == 1001
    async with asking(two.http_port) as api:
        await until(lambda: is_free(api), "it is connected")
        await one.stop()
        await stays_free(api)
        second.answers("Reset", {"status": "Accepted"})
        (await api.post("/csms/stations/CP-1/commands/reset", {})).gives(200)
    await two.stop()
