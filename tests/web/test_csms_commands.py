"""What operators tell stations by the API: simulated stations of three versions, on real sockets, answer themselves."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import Stage, free_port, until
from tests.simulator.world import STILL, Running, running
from tests.web.client import Api, asking
from tests.web.csms import management
from voltgate.csms.commands.outcome import Outcome
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import StationSettings
from voltgate.simulator.soap_transport import INNER_VERSION, SoapSettings
from voltgate.web.csms.operating import answered
from voltgate.web.problems import Problem

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
    ("trigger", {"message": "Heartbeat"}, {"A": "Accepted", "B": "Accepted", "S": None}),
    ("limit", {"limit": 16, "evse": 1}, {"A": "Accepted", "B": "Accepted", "S": None}),
    ("local-list-version", {}, {"A": "", "B": "", "S": ""}),
    ("firmware", {"location": "https://files.example/1.bin"}, {"A": "", "B": "Accepted", "S": ""}),
    (
        "reserve",
        {"token": "04A2", "evse": 2, "expires": "2035-01-01T00:00:00Z"},
        {"A": "Accepted", "B": "Accepted", "S": "Accepted"},
    ),
    ("start", {"token": "04A2", "evse": 2}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
    ("reset", {}, {"A": "Accepted", "B": "Accepted", "S": "Accepted"}),
)
"""Commands of a day, and what a station of each version answers; None: its version does not have that."""
NOT_SUPPORTED = (False, "NotSupported")
"""What the gateway says for a SOAP station, which it carries as one of 1.6."""


async def test_the_commands_of_a_day(stage: Stage) -> None:
    """Each station answers in its own version, and the answers are told in the same words; all of it is on record."""
    async with fleets(stage) as (api, _):
        for command, fields, answers in DAILY:
            for station, status in answers.items():
                got, body = await tell(api, station, command, **fields)
                assert got == 200, (command, station, body)
                told = (body["accepted"], body["status"])
                assert told == ((True, status) if status is not None else NOT_SUPPORTED), (command, station, body)
                if (command, station) == ("firmware", "B"):
                    request = body["follow"]["request"]

        async def heard() -> Any:
            return (await api.get("/csms/stations/B00001/notes", about=request)).gives(200)["items"]

        notes = await until(heard, "what the firmware came to is found by the number of the request")
        assert {each["kind"] for each in notes} == {"FirmwareStatusNotification"}

        async def trail() -> Any:
            page = (await api.get("/audit", station="A00001", backend="api:admin", limit=1000)).gives(200)
            lines = [line for line in page["items"] if line["message_id"]]  # the others are of the requests themselves
            return lines if len(lines) == len(DAILY) else None

        orders = await until(trail, "all that the station was told is on record")
        assert [line["action"] for line in reversed(orders)] == [
            "ChangeAvailability",
            "ClearCache",
            "UnlockConnector",
            "TriggerMessage",
            "SetChargingProfile",
            "GetLocalListVersion",
            "UpdateFirmware",
            "ReserveNow",
            "RemoteStartTransaction",
            "Reset",
        ]
        assert (orders[0]["detail"], orders[0]["outcome"], orders[0]["answer"]) == (
            "command reset",
            "passed",
            "Accepted",
        )
        reserved = (await api.get("/reservations")).gives(200)["items"]
        assert {each["station"] for each in reserved} == {"A00001", "B00001", "S00001"}
        assert {(each["token"], each["evse"]) for each in reserved} == {("04A2", 2)}
        assert (await api.get("/csms/stations/A00001")).gives(200)["list_version"] == 0


async def test_commands_that_are_not_told(stage: Stage) -> None:
    """Who is unknown, away or silent, and what is wrong, is told apart; a mistake is told with its place."""
    async with management(stage) as (api, _):
        (await api.post("/csms/stations", {"identity": "CP-1"})).gives(201)
        where = "/csms/stations/CP-1/commands"
        (await api.post(f"{where}/rest", {})).gives(404)
        (await api.post("/csms/stations/CP-2/commands/reset", {})).gives(404)
        assert "not connected" in (await api.post(f"{where}/reset", {})).gives(409)["detail"]
        wrong = {"values": [{"setting": "a", "value": "b"}, {"setting": "a", "value": 7}]}
        mistakes = (await api.post(f"{where}/configuration-set", wrong)).gives(422)["errors"]
        assert mistakes == [{"where": "body.values[1].value", "problem": "Expected `str`, got `int`"}]

        charger = await stage.station("CP-1")
        await charger.boot()
        refused = (await api.post(f"{where}/report", {})).gives(422)
        assert (refused["code"], "configuration-get" in refused["detail"]) == ("Unsupported", True)
        silent = (await api.post(f"{where}/reset?timeout=0.5", {})).gives(504)
        assert silent["sent"] is True
        assert (await charger.expect("Reset")).payload == {"type": "Soft"}
        described = (await api.get("/commands")).gives(200)["items"]
        assert {"reset", "logs", "limit"} <= {each["name"] for each in described}
        reset = next(each for each in described if each["name"] == "reset")
        assert reset["parameters"]["properties"]["kind"]["default"] == "soft"


async def test_a_job_for_many_stations(stage: Stage) -> None:
    """Through a crash in its middle nobody is told twice; those that are away wait until it is cancelled."""
    async with management(stage) as (api, gateway), contextlib.AsyncExitStack() as stack:
        names = [f"A{number:05}" for number in range(1, 41)] + [f"Z{number}" for number in range(10)]
        (await api.post("/csms/stations/import", [{"identity": name} for name in names])).gives(200)
        here = Plan(gateway.url("").rstrip("/"), 40, ("ocpp1.6",), STILL, SETTINGS, "A", duration=None)
        run = await stack.enter_async_context(running(here))
        chargers = run.fleet.chargers
        await run.until(lambda: all(charger.online for charger in chargers))
        strange = (await api.post("/jobs", {"command": "clear-cache", "stations": ["A00001", "B7"]})).gives(422)
        unknown = {"where": "body.stations[1]", "problem": "the management system does not know 'B7'"}
        assert strange["errors"] == [unknown]
        (await api.post("/jobs", {"command": "unlock", "filter": {"network": "none"}})).gives(422)
        (await api.post("/jobs", {"command": "clear-cache", "stations": ["Z1"], "filter": {}})).gives(422)
        at_once = {"command": "clear-cache", "stations": ["Z1", "z1", "A00001"], "away": "fail"}
        quick = (await api.post("/jobs", at_once)).gives(201)
        assert quick["stations"] == 2
        order = {"command": "unlock", "parameters": {"evse": 1, "connector": 1}, "rate": 20, "filter": {}}
        job = (await api.post("/jobs", order)).gives(201)
        assert (job["stations"], job["state"], job["by"]) == (50, "running", "api:admin")

        async def counts(what: Callable[[dict[str, int]], bool], why: str) -> dict[str, int]:
            async def found() -> Any:
                shown = (await api.get(f"/jobs/{job['id']}")).gives(200)["counts"]
                return shown if what(shown) else None

            return await until(found, why)  # type: ignore[no-any-return]

        await counts(lambda now: now.get("done", 0) >= 10, "some have been told")
        items = (await api.get(f"/jobs/{quick['id']}/items")).gives(200)["items"]
        assert [(each["station"], each["state"], each["status"]) for each in items] == [
            ("A00001", "done", "Accepted"),
            ("Z1", "failed", "NotSent"),
        ]
        await gateway.kill()
        await gateway.start()
        await counts(lambda now: now.get("done", 0) + now.get("unknown", 0) + now.get("waiting", 0) == 50, "it goes on")
        await run.until(lambda: all(charger.online for charger in chargers))
        assert (await api.get("/jobs", ended=False)).gives(200)["total"] == 1
        (await api.delete(f"/jobs/{job['id']}")).gives(200)
        over = await counts(lambda now: not {"waiting", "sent"} & now.keys(), "it has ended")
        assert over["cancelled"] >= 10
        assert run.tally.commands["UnlockConnector"] <= over["done"] + over.get("unknown", 0)
        assert (await api.get(f"/jobs/{job['id']}")).gives(200)["state"] == "cancelled"
        (await api.delete(f"/jobs/{job['id']}")).gives(409)
        done = (await api.get(f"/jobs/{job['id']}/items", state="done", limit=1000)).gives(200)["items"]
        assert {each["status"] for each in done} == {"Unlocked"}
        assert len({each["station"] for each in done}) == over["done"]


async def test_a_job_for_100000_stations(stage: Stage) -> None:
    """As many as there may be, by a filter; a list may have more than a megabyte. One station more is refused."""
    async with management(stage, store={"patience": 30}) as (api, gateway):
        await api.get("/csms/stations")
        with contextlib.closing(sqlite3.connect(gateway.folder / "var" / "voltgate.db")) as database, database:
            needed = [column[1] for column in database.execute("PRAGMA table_info(csms_stations)") if column[3]]
            made = dict.fromkeys(needed, "''") | {"key": "'charger-of-a-car-park-' || n", "identity": "'X' || n"}
            made |= {"network": "'main'", "connected": "0"}
            numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100001)"
            values = f"SELECT {', '.join(made.values())} FROM numbers"
            database.execute(f"INSERT INTO csms_stations ({', '.join(made)}) {numbers} {values}")
        before = most_memory(gateway.pid)
        order = {"command": "clear-cache", "seconds": 1}
        refused = (await api.post("/jobs", order | {"filter": {}})).gives(422)
        assert "more than 100,000 stations are like that" in str(refused["errors"])
        by_glob = {"filter": {"match": "Charger-*", "connected": False, "text": "park"}}
        assert (await api.post("/jobs", order | by_glob)).gives(422) == refused
        some = (await api.post("/jobs", order | {"filter": {"match": "*-1000?"}})).gives(201)
        assert some["stations"] == 10
        (await api.delete("/csms/stations/charger-of-a-car-park-7")).gives(204)
        all_of_them = (await api.post("/jobs", order | {"filter": {"match": "CHARGER-*"}})).gives(201)
        assert all_of_them["stations"] == 100_000
        listed = [f"charger-of-a-car-park-{number}" for number in range(10, 40_010)]
        assert (await api.post("/jobs", order | {"stations": listed})).gives(201)["stations"] == 40_000
        assert most_memory(gateway.pid) - before < 150 << 20


def most_memory(pid: int) -> int:
    """Return how many bytes a process has had at most."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


async def test_a_viewer_sees_no_passwords_that_stations_are_told(stage: Stage) -> None:
    """What a job has set, and what stations said of it, is for those who could have set it."""
    async with management(stage) as (api, gateway):
        (await api.post("/csms/stations", {"identity": "CP-1"})).gives(201)
        token = (await api.post("/tokens", {"name": "screen", "role": "viewer"})).gives(201)["token"]
        order = {
            "command": "configuration-set",
            "parameters": {"values": [{"setting": "AuthorizationKey", "value": "s3cret"}]},
            "stations": ["CP-1"],
        }
        job = (await api.post("/jobs", order)).gives(201)["id"]
        assert (await api.get(f"/jobs/{job}")).gives(200)["parameters"] == order["parameters"]
        assert (await api.get(f"/jobs/{job}/items")).gives(200)["items"][0]["result"] == {}
        async with asking(gateway.http_port, token) as viewer:
            assert (await viewer.get(f"/jobs/{job}")).gives(200)["parameters"] is None
            assert (await viewer.get("/jobs")).gives(200)["items"][0]["parameters"] is None
            assert (await viewer.get(f"/jobs/{job}/items")).gives(200)["items"][0]["result"] is None


async def test_a_station_uploads_its_log(stage: Stage) -> None:
    """It is given an address of the gateway's own, brings the file there, and an operator downloads what it brought."""
    port = free_port()
    listen, csms = {"uploads": f"127.0.0.1:{port}"}, {"uploads": f"http://127.0.0.1:{port}"}
    async with management(stage, listen=listen, csms=csms) as (api, _):
        (await api.post("/csms/stations", {"identity": "CP-1"})).gives(201)
        charger = await stage.station("CP-1")
        await charger.boot()
        telling = asyncio.ensure_future(api.post("/csms/stations/CP-1/commands/logs", {}))
        asked = await charger.expect("GetDiagnostics")
        await charger.answer(asked, {"fileName": "diag.zip"})
        told = (await telling).gives(200)
        assert told["result"]["file"] == "diag.zip"
        address, body = asked.payload["location"], b"\x00\xff" * 100_000
        async with aiohttp.ClientSession() as http:
            assert (await http.get(f"http://127.0.0.1:{port}/api/v1/stations")).status == 404
            assert (await http.put(f"{address}/diag.zip", data=body)).status == 201
            assert (await http.put(f"{address}/diag.zip", data=body)).status == 404
            (upload,) = (await api.get("/csms/stations/CP-1/uploads")).gives(200)["items"]
            assert (upload["id"], upload["size"], upload["about"]) == (told["result"]["upload"], 200_000, "diagnostics")
            path = f"/csms/stations/CP-1/uploads/{upload['id']}"
            assert await api.data(path) == body
        (await api.delete(path)).gives(204)
        (await api.get(path)).gives(404)


def test_an_answer_that_says_nothing() -> None:
    """Whether the station does it nobody knows, as if it had been silent."""
    with pytest.raises(Problem) as raised:
        answered("CP-1", "reset", Outcome(None, "", "The station answered without a status"))
    assert (raised.value.status, raised.value.detail) == (504, "The station answered without a status.")
