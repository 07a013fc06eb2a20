"""The 24 sample envelopes of OCPP-S through a real gateway, to backends of both kinds and back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests import soap_ends
from tests.harness import Stage
from tests.ocpp.soap_bodies import SAMPLES, sample
from tests.soap_ends import VERSIONS, Client, Http, Seen, SoapServer, SoapStation, posted, soap_url

HEADERS = ("chargeBoxIdentity", "Action", "MessageID", "RelatesTo")
PAYLOADS: dict[str, Any] = {
    "BootNotification": {
        "chargePointVendor": "Acme",
        "chargePointModel": "AC-22",
        "chargePointSerialNumber": "SN0001",
        "firmwareVersion": "3.1.7",
    },
    "StartTransaction": {"connectorId": 1, "idTag": "04A2B3C4", "meterStart": 12345},
    "RemoteStartTransaction": {"idTag": "04A2B3C4", "connectorId": 1},
}


def named(version: str, number: int) -> bytes:
    """Read a sample by its number."""
    [path] = SAMPLES.glob(f"{version}_{number}_*.xml")
    return sample(path.name)


def test_there_are_24() -> None:
    """Eight of each version."""
    assert sorted(path.name.split("_")[0] for path in SAMPLES.glob("*.xml")) == sorted([*VERSIONS] * 8)


def from_station(raw: bytes, station: SoapStation) -> bytes:
    """Put the address of the station in the place of that of the sample."""
    return raw.replace(b"http://10.20.30.40:8080/ocpp", station.address.encode())


def unaddressed(raw: bytes) -> bytes:
    """Give an envelope without the values of To, From and ReplyTo."""
    return re.sub(rb"(<wsa:(?:To|From|ReplyTo)\b[^>]*>).*?(</wsa:(?:To|From|ReplyTo)>)", rb"\1\2", raw, flags=re.DOTALL)


def related(raw: bytes, message_id: str) -> bytes:
    """Make an answer of the samples the answer to another message."""
    return re.sub(rb"(<wsa:RelatesTo>).*?(</wsa:RelatesTo>)", rb"\g<1>%s\g<2>" % message_id.encode(), raw)


async def told(stage: Stage, callback: str, body: bytes) -> Client:
    """Post a command to a callback address."""
    backend = await Client.connect(stage, callback, "old")
    await backend.send(posted(body, "/" + callback.removeprefix("http://").partition("/")[2]))
    return backend


@pytest.mark.parametrize("version", VERSIONS)
async def test_samples_between_a_station_and_a_soap_backend(stage: Stage, version: str) -> None:
    """Each sample arrives as it was sent, but for To, From and ReplyTo; answers and faults byte for byte."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage, "CP-0001")
    callback = ""
    for number, answer in ((1, 2), (3, 4), (7, 8)):
        sent = from_station(named(version, number), station)
        for again in range(1 if number == 3 else 2):  # parsed, and known again; a Start that is repeated is answered
            asked = await station.ask(sent)
            taken = await old.next()
            got = taken.seen
            assert got.inside == Seen.of(sent).inside, again
            assert unaddressed(taken.http.body) == unaddressed(sent)
            assert [got.header(name) for name in HEADERS] == [Seen.of(sent).header(name) for name in HEADERS]
            assert got.header("To") == old.url
            assert got.header("ReplyTo") == soap_ends.ANONYMOUS
            callback = got.header("From")
            assert callback.startswith(f"{soap_url(stage)}/callback/old/CP-0001/")
            reply = related(named(version, answer), taken.id)
            await taken.answer(reply, 400 if answer == 8 else 200)
            http = await asked.reply()
            assert http.body == reply
            assert http.status == (500 if answer == 8 else 200)
            assert http.headers["content-type"] == soap_ends.TYPE
            await asked.drop()
    sent = named(version, 5)
    backend = await told(stage, callback, sent)
    at_station = await station.server.next()
    got = at_station.seen
    assert unaddressed(at_station.http.body) == unaddressed(sent)
    assert (got.header("To"), got.header("From")) == (station.address, soap_url(stage))
    assert [got.header(name) for name in HEADERS] == [Seen.of(sent).header(name) for name in HEADERS]
    reply = named(version, 6)
    await at_station.answer(reply)
    assert (await backend.reply()).body == reply
    fault = related(named(version, 8), Seen.of(sent).header("MessageID"))
    await backend.drop()
    backend = await told(stage, callback, sent)
    await (await station.server.next()).answer(fault, 400)
    http = await backend.reply()
    assert (http.status, http.body) == (500, fault)
    assert not old.unread
    assert not station.server.unread


@pytest.mark.parametrize("version", VERSIONS)
async def test_samples_between_a_station_and_a_websocket_backend(stage: Stage, version: str) -> None:
    """Each sample of a station is the call of OCPP-J 1.6 that it means, and its answer the sample's answer."""
    main = await stage.backend("main")
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage, "CP-0001")

    asked = await station.ask(from_station(named(version, 1), station))
    link = await main.station("CP-0001")
    call = await link.expect("BootNotification", id="6f1a0c2e-0001-4000-8000-000000000001")
    assert call.payload == PAYLOADS["BootNotification"]
    await link.answer(call, {"status": "Accepted", "currentTime": "2026-01-15T08:00:00Z", "interval": 300})
    same(await asked.reply(), named(version, 2))

    asked = await station.ask(from_station(named(version, 3), station))
    call = await link.expect("StartTransaction")
    assert call.payload == PAYLOADS["StartTransaction"] | {"timestamp": call.payload["timestamp"]}
    expected = Seen.of(named(version, 4))
    info = {"status": "Accepted"}
    for name in ("expiryDate", "parentIdTag"):
        for found in expected.body.xpath(f"//*[local-name()='{name}']"):
            info[name] = found.text
    await link.answer(call, {"transactionId": int(expected.values()["transactionId"]), "idTagInfo": info})
    same(await asked.reply(), named(version, 4))

    asked = await station.ask(from_station(named(version, 7), station))
    call = await link.expect("MeterValues")
    assert call.payload["connectorId"] == 1
    samples = [one["value"] for value in call.payload["meterValue"] for one in value["sampledValue"]]
    body = Seen.of(named(version, 7)).body
    assert samples == [each.text for each in body.xpath("//*[local-name()='value'][not(*)]")]
    await link.fail(call, "SecurityError", "chargeBoxIdentity is not known here")
    http = await asked.reply()
    assert (http.status, http.seen.fault) == (400, ("Sender", "SecurityError"))
    assert http.seen.header("RelatesTo") == Seen.of(named(version, 8)).header("RelatesTo")

    await link.ask("RemoteStartTransaction", PAYLOADS["RemoteStartTransaction"], id="r")
    taken = await station.server.next()
    same(taken.http, named(version, 5), identity=True)
    await taken.answer(related(named(version, 6), taken.id))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}
    await link.ask("RemoteStartTransaction", PAYLOADS["RemoteStartTransaction"], id="f")
    taken = await station.server.next()
    await taken.answer(related(named(version, 8), taken.id), 400)
    assert (await link.expect_error("f", "SecurityError")).description == "chargeBoxIdentity is not known here"


def same(http: Http, expected: bytes, *, identity: bool = False) -> None:
    """See that a message says in its body, its Action and its identity what a sample does."""
    seen, wanted = http.seen, Seen.of(expected)
    assert plain(seen) == plain(wanted)
    names = ("Action", "chargeBoxIdentity") if identity else ("Action", "RelatesTo", "To")
    assert [seen.header(name) for name in names] == [wanted.header(name) for name in names]


def plain(seen: Seen) -> Any:
    """Give names and texts of a body, in their order."""
    return json.dumps([(each.tag, (each.text or "").strip(), dict(each.attrib)) for each in seen.body.iter()])
