"""Simulated SOAP stations through the gateway: to a backend that speaks websocket, and to one that speaks SOAP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.harness import Gateway, Stage, free_port
from tests.simulator.central import SETTINGS, STATION, Central, central
from tests.simulator.world import QUICK, STILL, running, running_backend
from voltgate.ocpp.soap.names import VERSIONS, Version
from voltgate.simulator.behaviour import Behaviour
from voltgate.simulator.calls import Answer, CallError
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import Profile
from voltgate.simulator.soap_transport import INNER_VERSION, SoapSettings


async def through(stage: Stage, backend: str) -> tuple[Gateway, str]:
    """Run a gateway between SOAP stations and one backend; gives it, and the URL that stations call."""
    port = free_port()
    gateway = await stage.gateway(
        listen={"soap": [f"http://127.0.0.1:{port}"]},
        backends={"main": {"url": backend}},
        routes={"main": {"rules": [{"answer": "main"}]}},
    )
    return gateway, f"http://127.0.0.1:{port}/soap"


def plan(url: str, version: Version, profile: Profile = STILL, stations: int = 1, **more: Any) -> Plan:
    return Plan(url, stations, (INNER_VERSION,), profile, SETTINGS, duration=None, soap=SoapSettings(version), **more)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_soap_fleet_lives_on_a_websocket_backend(stage: Stage, version: Version) -> None:
    """Stations of every version of OCPP-S charge at a backend of OCPP-J 1.6, which commands them: nothing is wrong."""
    async with running_backend(Behaviour(commands=0.3)) as there:
        _, url = await through(stage, there.url)
        async with running(plan(url, version, replace(QUICK, metering=0.4), 4)) as run:
            await run.until(lambda: run.tally.confirmed >= 8 and sum(run.tally.commands.values()) >= 8)
            tally = await run.over()
        assert tally.failures == 0, tally.examples
        assert tally.begun == tally.confirmed >= 8
        records = there.backend.records
        entries = [entry for record in records.values() for entry in record.transactions.values()]
        assert len(records) == 4
        assert len(entries) == tally.begun
        assert all(entry.ended and entry.meter_stop is not None for entry in entries)


async def test_a_remote_start_reaches_a_soap_station_from_a_websocket_backend(stage: Stage) -> None:
    """The backend's RemoteStartTransaction comes to the station's callback, and its transaction to the backend."""
    async with running_backend() as there:
        _, url = await through(stage, there.url)
        async with running(plan(url, "1.5")) as run:
            charger = run.fleet.chargers[0]
            await run.until(lambda: charger.online and charger.idle)
            assert await ordered(there.backend, "RemoteStartTransaction", {"connectorId": 2, "idTag": "04E1"}) == {
                "status": "Accepted"
            }
            await run.until(lambda: bool(there.backend.records[STATION].transactions) and charger.idle)
            (entry,) = there.backend.records[STATION].transactions.values()
            assert (entry.tag, entry.connector) == ("04E1", 2)
            refused = await ordered(there.backend, "TriggerMessage", {"requestedMessage": "Heartbeat"})
            assert isinstance(refused, CallError)
            assert refused.code in {"NotSupported", "NotImplemented"}
            stopped = await ordered(there.backend, "RemoteStopTransaction", {"transactionId": entry.name})
            assert stopped == {"status": "Accepted"}
            await run.until(lambda: run.tally.confirmed == 1)
            tally = await run.over()
        assert tally.failures == 0, tally.examples


async def ordered(backend: Any, action: str, payload: dict[str, Any]) -> Answer:
    answered = asyncio.get_running_loop().create_future()
    assert backend.command(STATION, action, payload, lambda answer, now: answered.set_result(answer))
    async with asyncio.timeout(30):
        return await answered  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_soap_fleet_lives_on_a_soap_backend(stage: Stage, version: Version) -> None:
    """A central system behind the gateway hears what stations say, and its answers are those that they get."""
    async with central(version) as there:
        _, url = await through(stage, there.url)
        async with running(plan(url, version, replace(QUICK, metering=0.4), 3)) as run:
            await run.until(lambda: run.tally.confirmed >= 6)
            tally = await run.over()
        assert (tally.failures, there.wrong) == (0, []), tally.examples
        assert len(there.heard("StopTransaction")) == tally.confirmed


async def test_a_soap_backend_commands_a_soap_station(stage: Stage) -> None:
    """A central system's commands go to the gateway's address for the station, and on to the station's own."""
    async with central("1.6") as there:
        _, url = await through(stage, there.url)
        async with running(plan(url, "1.6")) as run:
            charger = run.fleet.chargers[0]
            await run.until(lambda: charger.online and charger.idle)
            assert url.removesuffix("/soap") in there.address(STATION)
            started = await there.order(STATION, "RemoteStartTransaction", {"connectorId": 1, "idTag": "04E1"})
            assert started.payload == {"status": "Accepted"}, started.body
            await run.until(lambda: _starts(there) == ["04E1"])
            tally = await run.over()
        assert (tally.failures, there.wrong) == (0, []), tally.examples


def _starts(there: Central) -> list[str]:
    return [call.payload["idTag"] for call in there.heard("StartTransaction")]
