"""Two transactions by one transactionId: each has a name of its own in lists, and a station hears its own."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.harness import ScriptedStation, Stage
from tests.web.csms import at, management


async def event(station: ScriptedStation, kind: str, seconds: float, seq: int, wh: int) -> None:
    """Tell something of the transaction 7, with its register."""
    said: dict[str, Any] = {
        "eventType": kind,
        "timestamp": at(seconds),
        "triggerReason": "Trigger",
        "seqNo": seq,
        "transactionInfo": {"transactionId": "7"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": at(seconds), "sampledValue": [{"value": wh}]}],
    }
    await station.call("TransactionEvent", said)


async def test_an_id_that_a_station_uses_again(stage: Stage) -> None:
    """Both are listed, found by that id, shown with their own energy and readings, and told to end by it."""
    async with management(stage) as (api, _):
        (await api.post("/csms/stations", {"identity": "CP-1"})).gives(201)
        station = await stage.station("CP-1", "ocpp2.0.1")
        await event(station, "Started", 36_000, 0, 1000)
        await event(station, "Ended", 36_600, 1, 1400)
        await event(station, "Started", 37_200, 0, 50)
        listed = (await api.get("/transactions", text="7")).gives(200)["items"]
        assert [(each["ref"], each["transaction_id"], each["energy"]) for each in listed] == [
            ("7~2", "7", None), ("7", "7", 400),
        ]  # fmt: skip
        assert (await api.get("/transactions/CP-1/7")).gives(200)["state"] == "ended"
        assert (await api.get("/transactions/CP-1/7~2")).gives(200)["state"] == "running"
        readings = (await api.get("/transactions/CP-1/7~2/readings")).gives(200)["items"]
        assert [each["energy"] for each in readings] == [50]
        for name in ("7", "7~2"):
            stopping = asyncio.ensure_future(api.post("/csms/stations/CP-1/commands/stop", {"transaction": name}))
            asked = await station.next()
            assert asked.payload == {"transactionId": "7"}
            await station.answer(asked, {"status": "Accepted"})
            (await stopping).gives(200)
