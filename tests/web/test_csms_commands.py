"""What operators tell stations by the API: simulated stations of three versions, on real sockets, answer themselves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from tests.harness import Stage, free_port, until
from tests.simulator.world import STILL, Running, running
from tests.web.client import Api
from tests.web.csms import management
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import StationSettings
from voltgate.simulator.soap_transport import INNER_VERSION, SoapSettings

SETTINGS = StationSettings(history=1000).impatient()
NAMES = {"A": "ocpp1.6", "B": "ocpp2.0.1", "S": "ocpp1.5"}
"""The prefix of the stations of each version."""


@contextlib.asynccontextmanager
async def fleets(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Api, dict[str, Running]]]:
    """Run a management system with one simulated station of each version, which have come."""
    soap = free_port()
    listen = {"soap": [f"http://127.0.0.1:{soap}"], **changes.pop("listen", {})}
    async with management(stage, listen=listen, **changes) as (api, gateway), contextlib.AsyncExitStack() as stack:
        runs = {}
        for prefix, version in NAMES.items():
            (await api.post("/csms/stations", {"identity": f"{prefix}00001"})).gives(201)
            plan = Plan(gateway.url("").rstrip("/"), 1, (version,), STILL, SETTINGS, prefix, duration=None)
            if prefix == "S":
                over = SoapSettings("1.5")
                plan = replace(plan, url=f"http://127.0.0.1:{soap}/soap", versions=(INNER_VERSION,), soap=over)
            runs[prefix] = await stack.enter_async_context(running(plan))
        for prefix, run in runs.items():
            await run.until(lambda run=run: run.fleet.chargers[0].online)

            async def there(prefix: str = prefix) -> bool:
                return bool((await api.get(f"/csms/stations/{prefix}00001")).gives(200)["connected"])

            await until(there, f"{prefix} is connected")
        yield api, runs


async def tell(api: Api, station: str, command: str, **fields: Any) -> tuple[int, Any]:
    """Tell a station something; return the status and the document."""
    answer = await api.post(f"/csms/stations/{station}00001/commands/{command}", fields)
    return answer.status, answer.body


DAILY: tuple[tuple[str, dict[str, Any], dict[str, str | None]], ...] = (
    ("availability", {"operative": False, "evse": 1}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
    ("clear-cache", {}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
    ("unlock", {"evse": 1, "connector": 1}, {"A": "Unlocked", "B": "Unlocked", "S": "Unlocked"}),
    ("trigger", {"message": "heartbeat"}, {"A": "Accepted", "B": "Accepted", "S": None}),
    ("limit", {"limit": 16, "evse": 1}, {"A": "Accepted", "B": "Accepted", "S": None}),
    ("local-list-version", {}, {"A": "", "B": "", "S": ""}),
    ("firmware", {"location": "https://files.example/1.bin"}, {"A": "", "B": "Accepted", "S": ""}),
    ("start", {"token": "04A2", "evse": 2}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
    ("reset", {}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
)
"""Commands of a day, and what a station of each version answers; None: its version does not have that."""


async def test_the_commands_of_a_day(stage: Stage) -> None:
    """Each station answers in its own version, and the answers are told in the same words; all of it is on record."""
    async with fleets(stage) as (api, _):
        for command, fields, answers in DAILY:
            for station, status in answers.items():
                got, body = await tell(api, station, command, **fields)
                print("DBG", command, station, got, body)
                if status is None:
                    assert (got, body["code"]) == (422, "Unsupported"), (command, station, body)
                else:
                    assert got == 200, (command, station, body)
                    assert (body["accepted"], body["status"]) == (True, status), (command, station, body)
        trail = (await api.get("/audit", limit=1000)).gives(200)["items"]
        orders = [line for line in trail if line["backend"] == "api:admin"]
        assert [line["action"] for line in orders if line["station"] == "a00001"][::-1] == [
            "ChangeAvailability",
            "ClearCache",
            "UnlockConnector",
            "TriggerMessage",
            "SetChargingProfile",
            "GetLocalListVersion",
            "UpdateFirmware",
            "RemoteStartTransaction",
            "Reset",
        ]
        order = orders[0]
        assert (order["detail"], order["outcome"], order["answer"]) == ("command reset", "passed", "Accepted")
