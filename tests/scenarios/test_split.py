"""Two backends share a charger by card: what goes over the wires, from the first card to the last stop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Link, ScriptedStation, Stage, boot_accepted

RULES = [
    {"tokens": ["EMP*"], "answer": "employer", "copy": ["billing"]},
    {"answer": "billing", "copy": ["employer"]},
]
ROUTE = {"main": {"admit": "gateway", "rules": RULES}}
QUICK = {"retry": {"first": 0.1, "max": 0.3}}
ACCEPTED = {"status": "Accepted"}
OK = {"idTagInfo": ACCEPTED}


def start(tag: str, connector: int = 1, when: str = "2026-01-01T10:00:00Z") -> dict[str, Any]:
    """Write a start of 1.6."""
    return {"connectorId": connector, "idTag": tag, "timestamp": when, "meterStart": 0}


def stop(number: int) -> dict[str, Any]:
    """Write a stop of 1.6."""
    return {"transactionId": number, "meterStop": 9, "timestamp": "2026-01-01T11:00:00Z"}


def event(kind: str, seq: int, name: str, evse: int = 1, **more: Any) -> dict[str, Any]:
    """Write an event of 2.x."""
    fixed = {"timestamp": "2026-01-01T10:00:00Z", "triggerReason": "Authorized"}
    info = {"transactionInfo": {"transactionId": name} | more.pop("info", {})}
    return {"eventType": kind, "seqNo": seq, **fixed, **info, "evse": {"id": evse}, **more}


async def answered(station: ScriptedStation, action: str, payload: Any, owner: Link, reply: Any) -> tuple[Any, Any]:
    """Have the owner answer a message of the station; give what it got, and what the station heard."""
    asked = await station.ask(action, payload)
    call = await owner.expect(action)
    await owner.answer(call, reply)
    return call.payload, (await station.expect_result(asked)).payload


async def test_two_cards_at_once(stage: Stage) -> None:
    """Two cards at two connectors: each backend numbers its own session 1, and nothing is ever confused."""
    await stage.backend("billing")
    await stage.backend("employer")
    await stage.gateway(routes=ROUTE)
    station, billing, employer = await stage.meet()
    _, heard = await answered(station, "Authorize", {"idTag": "EMP1"}, employer, OK)
    assert heard == OK
    await billing.answer(await billing.expect("Authorize"), {"idTagInfo": {"status": "Invalid"}})
    _, first = await answered(station, "StartTransaction", start("EMP1"), employer, {"transactionId": 1, **OK})
    await billing.answer(await billing.expect("StartTransaction"), {"transactionId": 7, **OK})
    _, second = await answered(station, "StartTransaction", start("GUEST", 2), billing, {"transactionId": 1, **OK})
    await employer.answer(await employer.expect("StartTransaction"), {"transactionId": 8, **OK})
    numbers = first["transactionId"], second["transactionId"]
    assert len({*numbers, 1}) == 3
    asked = await employer.ask("RemoteStopTransaction", {"transactionId": 8})
    assert (await employer.expect_result(asked)).payload == {"status": "Rejected"}
    asked = await employer.ask("RemoteStopTransaction", {"transactionId": 1})
    command = await station.expect("RemoteStopTransaction")
    assert command.payload == {"transactionId": numbers[0]}
    await station.answer(command, ACCEPTED)
    await employer.expect_result(asked)
    for number, owner, copy, its in ((numbers[0], employer, billing, 7), (numbers[1], billing, employer, 8)):
        told, _ = await answered(station, "StopTransaction", stop(number), owner, {})
        assert told["transactionId"] == 1
        call = await copy.expect("StopTransaction")
        assert call.payload["transactionId"] == its
        await copy.answer(call)
    await stage.quiet(station, billing, employer)


async def test_two_cards_at_once_in_2(stage: Stage) -> None:
    """The same in 2.0.1: what binds a session is its card; the owner is told what it missed before the live event."""
    await stage.backend("billing")
    await stage.backend("employer")
    await stage.gateway(
        routes={
            "main": {"admit": "gateway", "rules": [{k: v for k, v in rule.items() if k != "copy"} for rule in RULES]}
        }
    )
    station, billing, employer = await stage.meet("CP1", "ocpp2.0.1")
    plugged, card = (
        event("Started", 0, "T1"),
        event("Updated", 1, "T1", idToken={"idToken": "EMP1", "type": "ISO14443"}),
    )
    await answered(station, "TransactionEvent", plugged, billing, {})
    asked = await station.ask("TransactionEvent", card)
    missed = await employer.expect("TransactionEvent")
    assert missed.payload == plugged
    await stage.quiet(station)
    await employer.answer(missed)
    live = await employer.expect("TransactionEvent")
    assert live.payload == card
    await employer.answer(live, {"idTokenInfo": ACCEPTED})
    assert (await station.expect_result(asked)).payload == {"idTokenInfo": ACCEPTED}
    await billing.answer(await billing.expect("TransactionEvent"))
    other = event("Started", 0, "T2", 2, idToken={"idToken": "GUEST", "type": "ISO14443"})
    await answered(station, "TransactionEvent", other, billing, {"idTokenInfo": ACCEPTED})
    asked = await billing.ask("RequestStopTransaction", {"transactionId": "T1"})
    assert (await billing.expect_result(asked)).payload == {"status": "Rejected"}
    await answered(station, "TransactionEvent", event("Ended", 2, "T1"), employer, {})
    await billing.answer(await billing.expect("TransactionEvent"))
    await answered(station, "TransactionEvent", event("Ended", 1, "T2", 2), billing, {})
    await stage.quiet(station, billing, employer)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_remote_start_by_the_other_backend(stage: Stage, version: str) -> None:
    """The employer's app starts a session for a card of the operator: the session is the employer's, over a restart."""
    await stage.backend("billing")
    await stage.backend("employer")
    gateway = await stage.gateway(routes=ROUTE)
    station, billing, employer = await stage.heard("CP1", version)
    if version == "ocpp1.6":
        asked = await employer.ask("RemoteStartTransaction", {"idTag": "GUEST", "connectorId": 1})
        await station.answer(await station.expect("RemoteStartTransaction"), ACCEPTED)
    else:
        token = {"idToken": "GUEST", "type": "ISO14443"}
        asked = await employer.ask("RequestStartTransaction", {"idToken": token, "remoteStartId": 3, "evseId": 1})
        await station.answer(await station.expect("RequestStartTransaction"), ACCEPTED)
    await employer.expect_result(asked)
    await gateway.kill()
    await gateway.start()
    station, billing, employer = await stage.meet("CP1", version)
    if version == "ocpp1.6":
        reply = {"transactionId": 4, **OK}
        await answered(station, "StartTransaction", start("GUEST"), employer, reply)
        assert (await billing.expect("StartTransaction")).payload == start("GUEST")
    else:
        begun = event("Started", 0, "T1", info={"remoteStartId": 3})
        await answered(station, "TransactionEvent", begun, employer, {})
        assert (await billing.expect("TransactionEvent")).payload == event("Started", 0, "T1")


@pytest.mark.parametrize("deliver", ["copy", "owner"])
async def test_a_backend_is_away_for_a_whole_transaction(stage: Stage, deliver: str) -> None:
    """A backend that was away from the first message to the last gets all of it when it is back, in its numbers."""
    billing = await stage.backend("billing")
    await stage.backend("employer")
    await stage.gateway(
        routes=ROUTE, backends={"billing": {"deliver": "always", "when_down": "answer", **QUICK}, "employer": QUICK}
    )
    station, away, employer = await stage.meet()
    asked = await station.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    await away.answer(await away.expect("BootNotification"), boot_accepted())
    await station.expect_result(asked)
    await employer.answer(await employer.expect("BootNotification"), boot_accepted())
    asked = await station.ask("Authorize", {"idTag": "GUEST"})
    await away.answer(await away.expect("Authorize"), OK)
    await station.expect_result(asked)
    await employer.answer(await employer.expect("Authorize"), OK)
    await billing.stop()
    tag = "EMP1" if deliver == "copy" else "GUEST"
    begun = await station.ask("StartTransaction", start(tag))
    if deliver == "copy":
        await employer.answer(await employer.expect("StartTransaction"), {"transactionId": 5, **OK})
    number = (await station.expect_result(begun)).payload["transactionId"]
    if deliver == "owner":
        await employer.answer(await employer.expect("StartTransaction"), {"transactionId": 5, **OK})
    ended = await station.ask("StopTransaction", stop(number))
    call = await employer.expect("StopTransaction")
    assert call.payload["transactionId"] == 5
    await employer.answer(call)
    await station.expect_result(ended)
    await billing.start()
    back = await billing.station("CP1")
    await back.answer(await back.expect("BootNotification"), boot_accepted())
    late = await back.expect("StartTransaction")
    assert (late.payload, late.id) == (start(tag), begun)
    await back.answer(late, {"transactionId": 77, **OK})
    late = await back.expect("StopTransaction")
    assert (late.payload, late.id) == (stop(77), ended)
    await back.answer(late)
    await stage.quiet(station, back, employer)


async def test_a_charger_comes_again_in_the_middle(stage: Stage) -> None:
    """A charger loses its socket while its start is asked, repeats it on the next, and is charged for once."""
    await stage.backend("billing")
    await stage.backend("employer")
    await stage.gateway(routes=ROUTE)
    station, billing, employer = await stage.meet()
    await station.ask("StartTransaction", start("EMP1"))
    call = await employer.expect("StartTransaction")
    await billing.answer(await billing.expect("StartTransaction"), {"transactionId": 9, **OK})
    again = await stage.station("CP1")
    assert (await station.closed()).code == 1001
    asked = await again.ask("StartTransaction", start("EMP1"))
    await again.ping()
    await employer.answer(call, {"transactionId": 5, **OK})
    number = (await again.expect_result(asked)).payload["transactionId"]
    repeated = await again.call("StartTransaction", start("EMP1"))
    assert repeated.payload["transactionId"] == number
    told, _ = await answered(again, "StopTransaction", stop(number), employer, {})
    assert told["transactionId"] == 5
    call = await billing.expect("StopTransaction")
    assert call.payload["transactionId"] == 9
    await stage.quiet(again, billing, employer)
