"""One address for every charger, old and new; three backends say which ones are their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests import soap_ends
from tests.harness import Stage, boot_accepted
from tests.soap_ends import HEARTBEAT_ANSWER, NOW, SoapServer, SoapStation, response

OK = {"idTagInfo": {"status": "Accepted"}}
STARTED = f"<connectorId>1</connectorId><idTag>04A2</idTag><timestamp>{NOW}</timestamp><meterStart>0</meterStart>"


def token_of(backend: str) -> str:
    """Give the token by which a backend claims."""
    return f"the-token-of-{backend}-alone"


async def claims(stage: Stage, backend: str, *identities: str, **more: Any) -> dict[str, Any]:
    """Have a backend say which stations are its own."""
    gateway = stage.gateways[-1]
    url = f"http://127.0.0.1:{gateway.http_port}/api/v1/backends/{backend}/stations"
    headers = {"Authorization": f"Bearer {token_of(backend)}"}
    async with (
        aiohttp.ClientSession() as client,
        client.put(url, json={"stations": identities} | more, headers=headers, params={"force": "true"}) as answer,
    ):
        assert answer.status == 200, await answer.text()
        changed: dict[str, Any] = await answer.json()
        return changed


async def three(stage: Stage) -> tuple[Any, Any, SoapServer]:
    """Start two websocket backends and a SOAP one, which take what they claim, and the gateway."""
    north, south = await stage.backend("north"), await stage.backend("south")
    west = await SoapServer.start(stage, "west")
    for backend in (north, south):
        backend.answers("BootNotification", boot_accepted())
        backend.answers("Heartbeat", {"currentTime": NOW})
    claimants = {name: {"claims": {"token": token_of(name)}} for name in stage.backends}
    await soap_ends.gateway(stage, backends=claimants, stations=[], routes={}, claims={"conflict": "newest"})
    return north, south, west


async def test_old_and_new_chargers_find_their_backends(stage: Stage) -> None:
    """A websocket charger and a SOAP one of each of two versions: a claim alone leads each to its backend."""
    north, _, west = await three(stage)
    await claims(stage, "north", "NEW-1", "OLD-15")
    await claims(stage, "west", "OLD-16")
    new = await stage.station("NEW-1")
    assert (await new.expect_result(await new.ask("Heartbeat"))).payload == {"currentTime": NOW}
    await north.station("NEW-1")
    old_15 = await SoapStation.start(stage, "OLD-15")
    reply = await old_15.call(old_15.request("Heartbeat", version="1.5"))
    assert reply.status == 200
    assert reply.seen.namespace == "urn://Ocpp/Cs/2012/06/"
    old_16 = await SoapStation.start(stage, "OLD-16")
    asked = await old_16.ask(old_16.request("Heartbeat"))
    taken = await west.expect("Heartbeat")
    assert taken.seen.header("chargeBoxIdentity") == "OLD-16"
    await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
    assert (await asked.reply()).status == 200
    nobody = await SoapStation.start(stage, "NOBODY")
    assert (await nobody.call(nobody.request("Heartbeat"))).seen.fault == ("Sender", "IdentityMismatch")
    assert not [end for end in map(str, stage.transcript.lines) if "south" in end]


async def test_a_websocket_backend_starts_a_soap_charger(stage: Stage) -> None:
    """RemoteStart as JSON becomes an envelope at the charger's callback address; its start goes to who asked."""
    north, _, _ = await three(stage)
    await claims(stage, "north", "OLD-1")
    old = await SoapStation.start(stage, "OLD-1")
    await old.call(old.request("Heartbeat", version="1.5"))
    link = await north.station("OLD-1")
    asked = await link.ask("RemoteStartTransaction", {"idTag": "04A2", "connectorId": 1})
    command = await old.server.expect("RemoteStartTransaction")
    assert command.seen.namespace == "urn://Ocpp/Cp/2012/06/"
    assert list(command.seen.values()) == ["idTag", "connectorId"]
    status = "<status>Accepted</status>"
    await command.answer(response("RemoteStartTransaction", status, command.id, version="1.5", service="Cp"))
    assert (await link.expect_result(asked)).payload == {"status": "Accepted"}
    begun = await old.ask(old.request("StartTransaction", STARTED, version="1.5"))
    start = await link.expect("StartTransaction")
    assert start.payload["idTag"] == "04A2"
    await link.answer(start, {"transactionId": 77, **OK})
    assert (await begun.reply()).seen.values()["transactionId"] == "77"


async def test_a_claim_moves_a_soap_charger_that_charges(stage: Stage) -> None:
    """Its next message goes to the new backend; the transaction in progress stays with the one that began it."""
    north, south, _ = await three(stage)
    await claims(stage, "north", "OLD-1")
    old = await SoapStation.start(stage, "OLD-1")
    begun = await old.ask(old.request("StartTransaction", STARTED))
    first = await north.station("OLD-1")
    await first.answer(await first.expect("StartTransaction"), {"transactionId": 5, **OK})
    number = (await begun.reply()).seen.values()["transactionId"]
    changed = await claims(stage, "south", "OLD-1")
    assert changed["conflicts"][0]["held_by"] == "south"
    assert (await old.call(old.request("Heartbeat", message_id="urn:uuid:2"))).status == 200
    await south.station("OLD-1")
    ended = f"<transactionId>{number}</transactionId><timestamp>{NOW}</timestamp><meterStop>9</meterStop>"
    stopping = await old.ask(old.request("StopTransaction", ended, message_id="urn:uuid:3"))
    stop = await first.expect("StopTransaction")
    assert stop.payload["transactionId"] == 5
    await first.answer(stop, {})
    assert (await stopping.reply()).status == 200


async def test_a_soap_backend_and_a_websocket_backend_share_a_soap_charger_by_card(stage: Stage) -> None:
    """Each numbers the session by itself: envelopes are written anew where a number changes, and only there."""
    billing = await stage.backend("billing")
    billing.answers("Heartbeat", {"currentTime": NOW})
    employer = await SoapServer.start(stage, "employer")
    rules = [
        {"tokens": ["EMP*"], "answer": "employer", "copy": ["billing"]},
        {"answer": "billing", "copy": ["employer"]},
    ]
    await soap_ends.gateway(stage, routes={"main": {"admit": "gateway", "rules": rules}})
    old = await SoapStation.start(stage, "OLD-1")
    begun = await old.ask(old.request("StartTransaction", STARTED.replace("04A2", "EMP1")))
    copied = await billing.station("OLD-1")
    await copied.answer(await copied.expect("StartTransaction"), {"transactionId": 1, **OK})
    taken = await employer.expect("StartTransaction")
    answer = "<transactionId>1</transactionId><idTagInfo><status>Accepted</status></idTagInfo>"
    await taken.answer(response("StartTransaction", answer, taken.id))
    number = (await begun.reply()).seen.values()["transactionId"]
    assert number != "1"
    ended = f"<transactionId>{number}</transactionId><timestamp>{NOW}</timestamp><meterStop>9</meterStop>"
    stopping = await old.ask(old.request("StopTransaction", ended, message_id="urn:uuid:3"))
    stop = await employer.expect("StopTransaction")
    assert stop.seen.values()["transactionId"] == "1"
    assert stop.seen.header("chargeBoxIdentity") == "OLD-1"
    await stop.answer(response("StopTransaction", "", stop.id))
    assert (await stopping.reply()).status == 200
    told = await copied.expect("StopTransaction")
    assert told.payload["transactionId"] == 1
    await copied.answer(told, {})


async def test_a_backend_calls_up_a_charger_that_has_not_come_since_the_restart(stage: Stage) -> None:
    """Its address is on record: the command reaches it at once, by the callback address from before the restart."""
    employer = await SoapServer.start(stage, "employer")
    gateway = await soap_ends.gateway(stage)
    old = await SoapStation.start(stage, "OLD-1")
    booting = await old.ask(old.request("Heartbeat"))
    taken = await employer.expect("Heartbeat")
    callback = taken.seen.header("From")
    await taken.answer(response("Heartbeat", HEARTBEAT_ANSWER, taken.id))
    assert (await booting.reply()).status == 200
    await gateway.stop()
    await gateway.start()
    backend = await soap_ends.Client.connect(stage, callback, "employer's client")
    reset = soap_ends.request("Reset", "<type>Soft</type>", identity="OLD-1", service="Cp", message_id="urn:uuid:9")
    await backend.send(soap_ends.posted(reset, urlsplit(callback).path))
    command = await old.server.expect("Reset")
    await command.answer(response("Reset", "<status>Accepted</status>", command.id, service="Cp"))
    reply = await backend.reply()
    assert reply.seen.values() == {"status": "Accepted"}
    assert reply.seen.header("RelatesTo") == "urn:uuid:9"


async def test_a_soap_charger_that_cannot_be_called(stage: Stage) -> None:
    """Who calls it over the API hears that nothing was sent, not an error that looks like the charger's own."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    gateway = await soap_ends.gateway(stage, admin_token="the-token-of-the-admin")
    old = await SoapStation.start(stage, "OLD-1")
    assert (await old.call(old.request("Heartbeat"))).status == 200
    await old.server.stop()
    url = f"http://127.0.0.1:{gateway.http_port}/api/v1/stations/OLD-1/calls"
    headers = {"Authorization": "Bearer the-token-of-the-admin"}
    reset = {"action": "Reset", "payload": {"type": "Soft"}}
    async with aiohttp.ClientSession() as client, client.post(url, json=reset, headers=headers) as answer:
        said = await answer.json()
    assert (answer.status, said["sent"], said["reason"]) == (504, False, "gone")
    assert "cannot connect" in said["detail"]
