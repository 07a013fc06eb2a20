"""The management system apart: what it does by itself, with several nodes at once, and what it knows of stations."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.harness import Gateway, ScriptedStation, free_port, until
from tests.scenarios.csms_network import STATUS, Network, put
from tests.web.client import TOKEN, asking
from voltgate.csms.tariffs import Tariff
from voltgate.store import Database
from voltgate.store.address import read_address
from voltgate.store.csms.tariffs import TariffStore

BEGUN = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx-1"},
    "evse": {"id": 1, "connectorId": 1},
    "idToken": {"idToken": "A", "type": "Central"},
}


async def price(network: Network) -> None:
    """Have a transaction cost something."""
    database = Database(read_address(network.server.url))
    await database.open()
    await TariffStore(database).put(Tariff(name="day", currency="EUR", per_session=Decimal("1.50")))
    await database.close()


async def commands(node: Gateway) -> float:
    """Return how many calls to stations a node has made."""
    return await node.metric("voltgate_csms_commands_total")


async def told(station: ScriptedStation) -> dict[str, Any]:
    """Return what a station is told of its costs the next time; it says that it has heard."""
    asked = await station.expect("CostUpdated")
    await station.answer(asked, {})
    return dict(asked.payload)


async def test_costs_are_told_once_each_time(network: Network) -> None:
    """Two nodes: one of them tells a station, each time; when that one dies, the other does."""
    network.csms = {"tell_costs": 1}
    gateway, nodes = await network.gateway(), [await network.node(), await network.node()]
    await price(network)
    station = await network.stage.station("CP-1", "ocpp2.0.1", url=gateway.url("CP-1"))
    (began,) = await network.rows("SELECT floor(extract(epoch FROM clock_timestamp()))")
    await station.expect_result(await station.ask("TransactionEvent", BEGUN))

    for _ in range(6):
        assert await told(station) == {"transactionId": "tx-1", "totalCost": 1.5}
    counts = [await commands(node) for node in nodes]
    (last,) = await network.rows("SELECT next FROM csms_numbers WHERE name LIKE 'costs%'")
    assert 6 <= sum(counts) <= last[0] - began[0] + 1  # one in a second

    teller = nodes.pop(counts.index(max(counts)))
    await teller.kill()
    before = await commands(nodes[0])
    for _ in range(2):
        await told(station)
    assert await commands(nodes[0]) > before
    await nodes[0].stop()
    await gateway.stop()


async def test_a_station_that_goes_while_nobody_answers(network: Network) -> None:
    """The gateway keeps its queue all the time: it says afterwards who has gone, and who is there still."""
    network.csms = {"grace": 1}
    gateway, node = await network.gateway(), await network.node()
    stations = [await network.stage.station(f"CP-{number}", url=gateway.url(f"CP-{number}")) for number in (1, 2)]
    for station in stations:
        await station.call("StatusNotification", STATUS)
    before = await network.rows("SELECT holder FROM csms_stations")
    await node.stop()
    await gateway.logged("carrier down", "nobody consumes")
    await stations[0].close()
    node = await network.node()

    async def is_away() -> bool:
        rows = await network.rows("SELECT station, status FROM csms_connectors ORDER BY station")
        return [tuple(row) for row in rows] == [("cp-1", "Unavailable"), ("cp-2", "Available")]

    await until(is_away, "nobody can charge at the one that has gone")
    assert not await network.is_connected("cp-1")
    assert await network.is_connected("cp-2")
    assert (await network.rows("SELECT holder FROM csms_stations WHERE key = 'cp-2'"))[0] in before
    await network.stage.quiet(stations[1])
    await node.stop()
    await gateway.stop()


async def test_uploads(network: Network) -> None:
    """One node gives a station an address, another one takes the file, and both show it: they share the folder."""
    port, folder = free_port(), str(network.stage.folder / "uploads")
    network.csms = {"uploads": f"http://127.0.0.1:{port}", "uploads_folder": folder}
    gateway = await network.gateway()
    one = await network.node(admin_token=TOKEN)
    two = await network.node(admin_token=TOKEN, listen={"uploads": f"127.0.0.1:{port}"})
    station = await network.stage.station("CP-1", url=gateway.url("CP-1"))
    await station.call("StatusNotification", STATUS)
    async with asking(one.http_port) as api, asking(two.http_port) as other:
        telling = asyncio.create_task(api.post("/csms/stations/CP-1/commands/logs", {}))
        asked = await station.expect("GetDiagnostics")
        await station.answer(asked, {"fileName": "diag.zip"})
        upload = (await telling).gives(200)["result"]["upload"]
        assert await put(asked.payload["location"], b"a log") == 201
        for each in (api, other):
            assert await each.data(f"/csms/stations/CP-1/uploads/{upload}") == b"a log"
    for process in (one, two, gateway):
        await process.stop()
