"""Calls through the API: the station's real answer, or what is known when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.harness import Stage, boot_accepted, boot_payload, until
from tests.web.client import Answer, Api, api_of

TRIGGER = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}


def calling(api: Api, identity: str = "CP1", **body: Any) -> asyncio.Task[Answer]:
    """Begin a call."""
    return asyncio.ensure_future(api.post(f"/stations/{identity}/calls", TRIGGER | body))


async def test_a_call_is_answered(stage: Stage) -> None:
    """A call reaches the station as it was asked, and the API gives the station's answer with its latency."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        asked = calling(api)
        call = await station.expect("TriggerMessage")
        assert call.payload == TRIGGER["payload"]
        await asyncio.sleep(0.05)
        await station.answer(call, {"status": "Accepted"})
        answer = (await asked).gives(200)
        assert answer.pop("latency_ms") >= 50
        assert answer == {
            "station": "CP1",
            "action": "TriggerMessage",
            "version": "ocpp1.6",
            "message_id": call.id,
            "result": {"status": "Accepted"},
        }
        await stage.quiet(station, link)


async def test_a_station_that_was_rejected_is_not_called(stage: Stage) -> None:
    """A station whose BootNotification was rejected is asked nothing, and the caller is told why; the trail says so."""
    await stage.backend("main")
    async with api_of(stage, store=None, protocol={"registration": "gateway"}) as (api, _):
        station, link = await stage.meet("CP1")
        asked = await station.ask("BootNotification", boot_payload("ocpp1.6"))
        await link.answer(await link.expect("BootNotification"), boot_accepted() | {"status": "Rejected"})
        await station.expect_result(asked)
        problem = (await calling(api)).gives(409)
        assert problem["detail"] == "The station was not asked: its BootNotification was rejected"
        await stage.quiet(station)

        async def audited() -> list[Any]:
            return list((await api.get("/audit", backend="api:admin")).gives(200)["items"])

        (line,) = await until(audited, "a line of the audit trail")
        assert (line["backend"], line["outcome"]) == ("api:admin", "refused")


async def test_a_call_error_is_an_answer(stage: Stage) -> None:
    """A CALLERROR of the station is given as it came."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, _link = await stage.meet("CP1", "ocpp2.0.1")
        asked = calling(api)
        await station.fail(await station.expect("TriggerMessage"), "NotSupported", "No.", {"why": [1]})
        answer = (await asked).gives(200)
        assert answer["error"] == {"code": "NotSupported", "description": "No.", "details": {"why": [1]}}
        assert "result" not in answer


async def test_a_call_waits_its_turn(stage: Stage) -> None:
    """A call of the API waits until the station has answered the backend, and takes turns with it."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        for number in range(3):
            await link.ask("ClearCache", {}, f"b{number}")
        first = await station.expect("ClearCache", id="b0")
        asked = calling(api)

        async def waits() -> bool:
            return bool((await api.get("/sessions/CP1")).gives(200)["waiting_calls"] == 3)

        await until(waits, "the call waits")
        await station.answer(first, {"status": "Accepted"})
        await station.answer(await station.expect("ClearCache", id="b1"), {"status": "Accepted"})
        await station.answer(await station.expect("TriggerMessage"), {"status": "Accepted"})
        (await asked).gives(200)
        await station.answer(await station.expect("ClearCache", id="b2"), {"status": "Accepted"})
        await link.expect_result("b2")


async def test_a_call_that_nobody_answers(stage: Stage) -> None:
    """Without an answer in time the API says that the call was sent, and how long it waited; a late one is nobody's."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        asked = calling(api, timeout=0.3)
        call = await station.expect("TriggerMessage")
        problem = (await asked).gives(504)
        assert (problem["sent"], problem["reason"]) == (True, "timed out")
        assert problem["waited_ms"] >= 300
        await station.answer(call, {"status": "Accepted"})
        await stage.quiet(station, link)
        assert len((await api.get("/sessions")).gives(200)["items"]) == 1


async def test_a_call_whose_turn_never_came(stage: Stage) -> None:
    """A call that waited in vain for its turn was never sent, and never will be."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        await link.ask("ClearCache", {}, "b0")
        first = await station.expect("ClearCache")
        problem = (await calling(api, timeout=0.3)).gives(504)
        assert (problem["sent"], problem["reason"]) == (False, "timed out")
        await station.answer(first, {"status": "Accepted"})
        await link.expect_result("b0")
        await stage.quiet(station, link)


async def test_a_station_that_goes_during_a_call(stage: Stage) -> None:
    """When the station goes, the API says so at once, and whether the call had been sent."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, _link = await stage.meet("CP1")
        asked = calling(api)
        await station.expect("TriggerMessage")
        waiting = calling(api)

        async def both() -> bool:
            return bool((await api.get("/sessions/CP1")).gives(200)["waiting_calls"])

        await until(both, "the second call waits")
        station.kill()
        first, second = (await asked).gives(504), (await waiting).gives(504)
        assert (first["sent"], first["reason"]) == (True, "gone")
        assert (second["sent"], second["reason"]) == (False, "gone")


async def test_too_many_calls(stage: Stage) -> None:
    """When too many calls wait for a station, one more is refused; those that wait are not touched."""
    await stage.backend("main")
    async with api_of(stage, limits={"waiting_calls": 2}) as (api, _):
        station, _link = await stage.meet("CP1")
        asked = [calling(api) for _ in range(3)]

        async def waiting() -> bool:
            return bool((await api.get("/sessions/CP1")).gives(200)["waiting_calls"] == 2)

        await until(waiting, "two calls wait")
        answer = await calling(api)
        answer.gives(503)
        assert answer.headers["Retry-After"] == "5"
        for _ in asked:
            await station.answer(await station.expect("TriggerMessage"), {"status": "Accepted"})
        for task in asked:
            (await task).gives(200)


async def test_stations_that_cannot_be_called(stage: Stage) -> None:
    """A station that nobody knows is not found; one that is away is not connected."""
    await stage.backend("main")
    async with api_of(stage, stations=[{"identity": "CP1", "route": "main"}]) as (api, _):
        (await calling(api, "CP2")).gives(404)
        (await calling(api)).gives(409)


UNFIT: list[tuple[str, dict[str, Any], str, str]] = [
    ("1.6", {"payload": {}}, "OccurenceConstraintViolation", ""),
    ("1.6", {"payload": {"requestedMessage": "Tea"}}, "PropertyConstraintViolation", "/requestedMessage"),
    ("1.6", {"payload": {"requestedMessage": 1}}, "TypeConstraintViolation", "/requestedMessage"),
    ("1.6", {"action": "GetVariables", "payload": {}}, "NotImplemented", ""),
    ("1.6", {"action": "Heartbeat", "payload": {}}, "NotImplemented", ""),
    ("1.6", {"action": "../ocpp", "payload": {}}, "NotImplemented", ""),
    ("2.0.1", {"action": "RemoteStopTransaction", "payload": {}}, "NotImplemented", ""),
    ("2.0.1", {"payload": {}}, "OccurrenceConstraintViolation", ""),
    ("1.6", {"payload": {"requestedMessage": "\ud800"}}, "FormatViolation", ""),
]


async def test_calls_that_are_against_the_schema(stage: Stage) -> None:
    """A payload that breaks the schema, or an action that no station takes, is refused before anything is sent."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        stations = [await stage.station(version, f"ocpp{version}") for version in ("1.6", "2.0.1")]
        for version, body, code, where in UNFIT:
            problem = (await calling(api, version, **body)).gives(422)
            assert (problem["code"], problem["where"]) == (code, where), body
        await stage.quiet(*stations)


async def test_a_call_is_not_checked_when_told_so(stage: Stage) -> None:
    """With `check` off any action and payload is sent as it is."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, _link = await stage.meet("CP1")
        asked = calling(api, action="X-Tea", payload={"sugar": [1, 2.5, None, "é"]}, check=False)
        call = await station.expect("X-Tea")
        assert call.payload == {"sugar": [1, 2.5, None, "é"]}
        await station.answer(call, {})
        assert (await asked).gives(200)["result"] == {}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"action": ""}, "body.action"),
    ({"action": 1}, "body.action"),
    ({"payload": []}, "body.payload"),
    ({"timeout": 0}, "body.timeout"),
    ({"timeout": 301}, "body.timeout"),
    ({"check": "no"}, "body.check"),
    ({"more": 1}, "body.more"),
]


async def test_what_is_no_call(stage: Stage) -> None:
    """A request that is no call is refused with what is wrong with it, and one that is too large as such."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, _link = await stage.meet("CP1")
        for body, where in MISTAKES:
            problem = (await calling(api, **body)).gives(422)
            assert problem["errors"][0]["where"] == where
        (await calling(api, payload={"a": "x" * (1 << 19)}, check=False)).gives(413)
        await stage.quiet(station)


async def test_a_broken_answer(stage: Stage) -> None:
    """An answer that cannot be read is none; the API says so at once."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, _link = await stage.meet("CP1")
        asked = calling(api)
        call = await station.expect("TriggerMessage")
        station.send(f'[3,"{call.id}",7]')
        problem = (await asked).gives(504)
        assert (problem["sent"], problem["reason"]) == (True, "malformed")


async def test_what_can_be_called(stage: Stage) -> None:
    """Each call that a version's stations take is listed, and described by OCPP's own schema: dates are dates."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        for version, start in (("ocpp1.5", "RemoteStart"), ("ocpp1.6", "RemoteStart"), ("ocpp2.1", "RequestStart")):
            listed = (await api.get(f"/actions?version={version}")).gives(200)["items"]
            assert f"{start}Transaction" in listed
            for action in listed:
                shown = (await api.get(f"/actions/{action}?version={version}")).gives(200)
                assert (shown["action"], shown["version"], shown["payload"]["type"]) == (action, version, "object")
        reserve = (await api.get("/actions/ReserveNow?version=ocpp1.6")).gives(200)["payload"]
        assert reserve["properties"]["expiryDate"] == {"type": "string", "format": "date-time"}
        for action in ("BootNotification", "GetVariables", "ResetRequest", "x"):
            problem = (await api.get(f"/actions/{action}?version=ocpp1.6")).gives(404)
            assert problem["detail"] == f"No station of ocpp1.6 takes {action}."
        (await api.get("/actions?version=ocpp3")).gives(422)
