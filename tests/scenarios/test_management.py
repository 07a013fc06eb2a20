"""The management system in the place of EVerythingcharge: its scenarios without its faults, and days of stations."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness import Gateway, Json, ScriptedStation, Stage, free_port, merged, until, within
from tests.interop.day import DAYS, TOKEN, clock, connected
from tests.interop.far_ends import node
from tests.soap_ends import _URLS, SoapStation
from tests.web.client import TOKEN as ADMIN
from tests.web.client import Api, asking
from tests.web.csms import seen

GRACE = 0.3
AWAY = "Unavailable"


def configuration(**changes: Any) -> Json:
    """Return what EVerythingcharge's place takes: a management system that refuses whom it does not know."""
    whole: Json = {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "admin_token": ADMIN,
        "backends": {"csms": {"url": "local:"}},
        "routes": {"main": {"rules": [{"answer": "csms"}]}},
        "csms": {"interval": 90, "grace": GRACE},
        "unknown": {"policy": "quarantine"},
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }
    return merged(whole, changes)


@contextlib.asynccontextmanager
async def management(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Api, Gateway]]:
    """Start one, and ask its API."""
    gateway = await stage.gateway(configuration(**changes))
    async with asking(gateway.http_port) as api:
        yield api, gateway


async def known(api: Api, *identities: str) -> None:
    """Make stations."""
    for identity in identities:
        (await api.post("/csms/stations", {"identity": identity})).gives(201)


async def shown(api: Api, identity: str) -> Any:
    """Return what is known of a station."""
    return (await api.get(f"/csms/stations/{identity}")).gives(200)


async def states(api: Api, job: str) -> dict[str, str]:
    """Return the state of each station of a job."""
    return {each["station"]: each["state"] for each in (await api.get(f"/jobs/{job}/items")).gives(200)["items"]}


async def statuses(api: Api, identity: str) -> dict[tuple[int, int], str]:
    """Return the status of each of a station's connectors, by EVSE and connector."""
    found = (await shown(api, identity))["connectors"]
    return {(each["evse"], each["connector"]): each["status"] for each in found}


async def becomes(api: Api, identity: str, wanted: dict[tuple[int, int], str]) -> None:
    """Wait until a station's connectors have these statuses."""

    async def holds() -> bool:
        return await statuses(api, identity) == wanted

    await until(holds, f"{identity} is {wanted}")


async def status(station: ScriptedStation, connector: int, word: str, error: str = "NoError") -> None:
    """Report the status of a connector (1.6)."""
    said = {"connectorId": connector, "status": word, "errorCode": error}
    assert (await station.call("StatusNotification", said)).payload == {}


async def test_who_is_let_in(stage: Stage) -> None:
    """A known station is let in, an unknown one is refused and waits on a list, until somebody lets it in."""
    async with management(stage) as (api, gateway):
        assert (await stage.refused("CP0002")).status_code == 404
        (waiting,) = (await api.get("/waiting")).gives(200)["items"]
        assert waiting["identity"] == "CP0002"
        await known(api, "CP0001")
        station = await stage.station("CP0001", url=f"{gateway.url('x')}/CP0001")  # the last part of the path counts
        answer = await station.call("BootNotification", {"chargePointVendor": "Finch", "chargePointModel": "Sparrow"})
        assert (answer.payload["status"], answer.payload["interval"]) == ("Accepted", 90)
        (await api.post("/waiting/CP0002/accept", {"route": "main"})).gives(201)
        stranger = await stage.station("CP0002", "ocpp2.0.1")
        assert (await stranger.boot()).payload["status"] == "Accepted"


async def test_statuses(stage: Stage) -> None:
    """Statuses are what stations say, and Unavailable while they are away, however they went.

    A Heartbeat leaves them alone. A station that comes back has those that it had, until it reports others.
    """
    async with management(stage) as (api, gateway):
        await known(api, "CP0001")
        station = await stage.station("CP0001")
        serials = {"chargePointSerialNumber": "S-1", "chargeBoxSerialNumber": "B-1", "firmwareVersion": "1.2.3"}
        await station.boot(**serials)
        await status(station, 0, "Faulted", "InternalError")
        await status(station, 1, "Charging")
        await status(station, 2, "Available")
        assert (await station.call("Heartbeat", {})).payload["currentTime"]
        reported = {(0, 0): "Faulted", (1, 1): "Charging", (2, 1): "Available"}
        assert await statuses(api, "CP0001") == reported
        said = await shown(api, "CP0001")
        assert (said["vendor"], said["model"]) == ("Finch", "Sparrow")
        assert (said["serial"], said["box_serial"], said["firmware"]) == ("S-1", "B-1", "1.2.3")
        assert next(each for each in said["connectors"] if each["evse"] == 0)["error_code"] == "InternalError"

        station.kill()  # no close frame, as when the power is gone
        await becomes(api, "CP0001", dict.fromkeys(reported, AWAY))
        assert not (await shown(api, "CP0001"))["connected"]
        again = await stage.station("CP0001")
        await becomes(api, "CP0001", reported)
        await status(again, 1, "Finishing")
        await becomes(api, "CP0001", reported | {(1, 1): "Finishing"})
        await again.close()
        await becomes(api, "CP0001", dict.fromkeys(reported, AWAY))

        assert gateway.running
        history = (await api.get("/csms/stations/CP0001/history")).gives(200)["items"]
        assert sorted(each["status"] for each in history) == ["Available", "Charging", "Faulted", "Finishing"]


async def test_a_version_without_its_options(stage: Stage) -> None:
    """A 2.0.1 station boots and reports without customData, and is not less known for it."""
    async with management(stage) as (api, _):
        await known(api, "CP0201")
        station = await stage.station("CP0201", "ocpp2.0.1")
        assert (await station.boot()).payload["status"] == "Accepted"
        said = {"timestamp": clock(0), "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}
        assert (await station.call("StatusNotification", said)).payload == {}
        assert await statuses(api, "CP0201") == {(2, 1): "Occupied"}
        unknown = await station.call("StatusNotifications", {})
        assert unknown.code in ("NotImplemented", "NotSupported")


async def test_commands(stage: Stage) -> None:
    """A command reaches the station, one at a time, and its own answer comes back; after a restart as before it.

    A job waits at a planned end for those that it has told; the others are told by the next process.
    """
    async with management(stage) as (api, gateway):
        await known(api, "CP0001")
        station = await stage.station("CP0001")
        await station.boot()
        first, second = (
            asyncio.ensure_future(api.post("/stations/CP0001/calls", {"action": "Reset", "payload": {"type": kind}}))
            for kind in ("Hard", "Soft")
        )
        asked = await station.expect("Reset")
        await station.call("Heartbeat", {})
        await station.silence()
        await station.answer(asked, {"status": "Accepted"})
        other = await station.expect("Reset")
        assert {asked.payload["type"], other.payload["type"]} == {"Hard", "Soft"}
        await station.answer(other, {"status": "Rejected"})
        answers = [(await within(each, "an answer")).gives(200)["result"]["status"] for each in (first, second)]
        assert sorted(answers) == ["Accepted", "Rejected"]

        await known(api, "CP0002")
        await (second_one := await stage.station("CP0002")).boot()
        order = {"command": "reset", "stations": ["CP0001", "CP0002"], "rate": 0.01}
        job = (await api.post("/jobs", order)).gives(201)["id"]
        asked = await station.expect("Reset")
        stopping = asyncio.ensure_future(gateway.stop())
        await second_one.closed()  # nobody waits for an answer of it
        await station.answer(asked, {"status": "Accepted"})
        await stopping
        await gateway.start()
        assert await states(api, job) == {"CP0001": "done", "CP0002": "waiting"}, "what was told is known"
        second_one = await stage.station("CP0002")
        back = await stage.station("CP0001")
        await second_one.answer(await second_one.expect("Reset"), {"status": "Accepted"})
        asking_again = asyncio.ensure_future(
            api.post("/stations/CP0001/calls", {"action": "Reset", "payload": {"type": "Soft"}})
        )
        await back.answer(await back.expect("Reset"), {"status": "Accepted"})
        assert (await within(asking_again, "an answer")).gives(200)["result"] == {"status": "Accepted"}


@pytest.mark.parametrize("version", DAYS)
async def test_a_day_of_a_websocket_station(stage: Stage, version: str) -> None:
    """A charger of the `ocpp` package boots, charges, fails, loses its connection and comes back, and stops.

    What it said is on record: its status at each step, the energy to the Wh, and what it reported beside charging.
    """
    async with management(stage, csms={"grace": 60}) as (api, gateway):
        await known(api, "CP1")
        (await api.post("/id-tokens", {"token": TOKEN})).gives(201)
        url = gateway.url("CP1")
        modern = version != "ocpp1.6"
        async with connected(None, url, version) as charger:
            assert await within(charger.morning(), "the boot") == "Accepted"
            assert (await statuses(api, "CP1"))[1, 1] == "Available"
            await within(charger.begin(), "the beginning")
            running = (await api.get(f"/transactions/CP1/{charger.ref}")).gives(200)
            assert (running["state"], running["meter_start"], running["meter_last"]) == ("running", 1000, 4500)
            assert running["version"] == version
            await within(charger.fail(), "the fault")
            assert (await statuses(api, "CP1"))[1, 1] == "Faulted"
            kind = "Immediate" if modern else "Hard"
            reset = {"action": "Reset", "payload": {"type": kind}}
            assert (await api.post("/stations/CP1/calls", reset)).gives(200)["result"]["status"] == "Accepted"
        async with connected(charger, url, version):
            await within(charger.mend(), "the return")
            assert (await statuses(api, "CP1"))[1, 1] == ("Occupied" if modern else "Charging")
            await within(charger.upkeep(), "the reports")
            await within(charger.end(), "the end")
        ended = (await api.get(f"/transactions/CP1/{charger.ref}")).gives(200)
        assert (ended["state"], ended["energy"], ended["seconds"]) == ("ended", 7400, 3600)
        assert (ended["meter_start"], ended["meter_stop"], ended["estimated"]) == (1000, 8400, "")
        assert (ended["token"], ended["reason"], ended["evse"]) == (TOKEN, "Local", 1)
        readings = (await api.get(f"/transactions/CP1/{charger.ref}/readings")).gives(200)["items"]
        assert 4500 in [each["energy"] for each in readings]
        said = await shown(api, "CP1")
        assert (said["serial"], said["firmware"], said["version"]) == ("S-2x" if modern else "S-16", "1.0", version)
        assert (said["firmware_status"], said["log_status"]) == ("Downloaded", "Uploaded")
        assert (await statuses(api, "CP1"))[1, 1] == "Available"
        notes = (await api.get("/csms/stations/CP1/notes")).gives(200)["items"]
        assert "SecurityEventNotification" in [each["kind"] for each in notes]


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_day_of_a_charger_on_node(stage: Stage, version: str) -> None:
    """A charger of `ocpp-rpc`, which holds each answer to the schema, says a whole session; all of it is on record."""
    async with management(stage) as (api, gateway):
        await known(api, "CP1")
        (await api.post("/id-tokens", {"token": TOKEN})).gives(201)
        root = f"ws://127.0.0.1:{gateway.stations_port}"
        process = await asyncio.to_thread(node, "client", root, "CP1", version)
        try:
            ended = asyncio.ensure_future(asyncio.to_thread(process.communicate))
            await seen(api, "/csms/stations/CP1", connected=True)
            change = (
                {"operationalStatus": "Operative"} if version != "ocpp1.6" else {"connectorId": 0, "type": "Operative"}
            )
            for action, payload in (("ChangeAvailability", change), ("ClearCache", {})):
                told = (await api.post("/stations/CP1/calls", {"action": action, "payload": payload})).gives(200)
                answers = [told.get("result", {}).get("status"), (told.get("error") or {}).get("code")]
                assert answers == (["Accepted", None] if action == "ChangeAvailability" else [None, "NotSupported"])
            out, _ = await within(ended, "the charger's day")
        finally:
            process.kill()
        assert process.returncode == 0, out
        assert '"what":"invalid"' not in out, out
        assert out.count('"what":"answered"') == 6, out
        (transaction,) = (await api.get("/transactions", station="CP1", token=TOKEN)).gives(200)["items"]
        assert (transaction["evse"], transaction["version"]) == (1, version)


async def test_a_day_of_a_soap_station(stage: Stage) -> None:
    """A station of OCPP 1.5 by SOAP boots, charges, fails and stops; it is on record like any other."""
    port = free_port()
    gateway = await stage.gateway(configuration(listen={"soap": [f"http://127.0.0.1:{port}/soap"]}, csms={"grace": 60}))
    _URLS[id(gateway)] = f"http://127.0.0.1:{port}/soap"
    async with asking(gateway.http_port) as api:
        await known(api, "CP15")
        (await api.post("/id-tokens", {"token": TOKEN})).gives(201)
        station = await SoapStation.start(stage, "CP15")

        async def say(operation: str, content: str) -> Any:
            answer = await station.call(station.request(operation, content, version="1.5"))
            assert answer.status == 200, answer.body
            return answer.seen

        async def report(word: str, minute: int, error: str = "NoError") -> None:
            await say(
                "StatusNotification",
                f"<connectorId>1</connectorId><status>{word}</status><errorCode>{error}</errorCode>"
                f"<timestamp>{clock(minute)}</timestamp>",
            )

        booted = await say(
            "BootNotification",
            "<chargePointVendor>Finch</chargePointVendor><chargePointModel>Sparrow</chargePointModel>"
            "<chargePointSerialNumber>S-15</chargePointSerialNumber><firmwareVersion>1.0</firmwareVersion>",
        )
        assert b"Accepted" in booted.raw
        await report("Available", 0)
        assert b"Accepted" in (await say("Authorize", f"<idTag>{TOKEN}</idTag>")).raw
        begun = await say(
            "StartTransaction",
            f"<connectorId>1</connectorId><idTag>{TOKEN}</idTag><timestamp>{clock(2)}</timestamp>"
            "<meterStart>1000</meterStart>",
        )
        number = next(int(each.text) for each in begun.root.iter() if str(each.tag).endswith("transactionId"))
        await report("Occupied", 2)
        await say(
            "MeterValues",
            f"<connectorId>1</connectorId><transactionId>{number}</transactionId><values>"
            f"<timestamp>{clock(30)}</timestamp><value>4500</value></values>",
        )
        running = (await api.get(f"/transactions/CP15/{number}")).gives(200)
        assert (running["state"], running["meter_start"], running["meter_last"]) == ("running", 1000, 4500)
        await report("Faulted", 31, "GroundFailure")
        await say("Heartbeat", "")
        assert await statuses(api, "CP15") == {(1, 1): "Faulted"}
        await report("Occupied", 40)
        await say("FirmwareStatusNotification", "<status>Downloaded</status>")
        await say("DiagnosticsStatusNotification", "<status>Uploaded</status>")
        await say(
            "StopTransaction",
            f"<transactionId>{number}</transactionId><idTag>{TOKEN}</idTag><timestamp>{clock(62)}</timestamp>"
            "<meterStop>8400</meterStop>",
        )
        await report("Available", 63)
        ended = (await api.get(f"/transactions/CP15/{number}")).gives(200)
        assert (ended["state"], ended["energy"], ended["seconds"], ended["token"]) == ("ended", 7400, 3600, TOKEN)
        said = await shown(api, "CP15")
        assert (said["serial"], said["firmware_status"], said["log_status"]) == ("S-15", "Downloaded", "Uploaded")
