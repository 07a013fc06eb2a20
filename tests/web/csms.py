"""A gateway with a management system, for tests of its API, and stations that charge there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness import Gateway, ScriptedStation, Stage, until
from tests.web.client import Api, api_of

LOCAL: dict[str, Any] = {
    "backends": {"csms": {"url": "local:"}},
    "routes": None,
    "stations": None,
    "unknown": {"policy": "quarantine"},
    "store": None,
}
"""A gateway that lets in whoever is claimed, and the management system that claims."""


@asynccontextmanager
async def management(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Api, Gateway]]:
    """Start a gateway with a management system on SQLite, and ask its API."""
    async with api_of(stage, **LOCAL | changes) as (api, gateway):
        yield api, gateway


def at(seconds: float) -> str:
    """Return a moment of the day as stations write it."""
    whole = int(seconds)
    return f"2026-11-21T{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}Z"


async def charge_16(station: ScriptedStation, token: str, start: int, stop: int, begin: float = 36_000) -> str:
    """Charge at a 1.6 station for an hour, with a reading each quarter of it; return what the transaction is called."""
    authorized = await station.call("Authorize", {"idTag": token})
    assert authorized.payload["idTagInfo"]["status"] == "Accepted", authorized.payload
    opening = {"connectorId": 1, "idTag": token, "meterStart": start, "timestamp": at(begin)}
    number = (await station.call("StartTransaction", opening)).payload["transactionId"]
    for quarter in (1, 2, 3):
        energy = start + (stop - start) * quarter // 4
        samples = [
            {"value": str(energy), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"},
        ]
        reading = {"timestamp": at(begin + 900 * quarter), "sampledValue": samples}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [reading]})
    closing = {"transactionId": number, "meterStop": stop, "timestamp": at(begin + 3600), "reason": "Local"}
    await station.call("StopTransaction", closing)
    return str(number)


async def seen(api: Api, path: str, **wanted: Any) -> Any:
    """Wait until a document of the API has these members, and return it."""

    async def found() -> Any:
        answer = await api.get(path)
        if answer.status == 200 and all(answer.body.get(name) == value for name, value in wanted.items()):
            return answer.body
        return None

    return await until(found, f"{path} has {wanted}")
