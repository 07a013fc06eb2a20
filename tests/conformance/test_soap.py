"""SOAP: OCPP-S 1.2, 1.5 and 1.6 over HTTP, rule by rule, through a real gateway."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest

from tests import soap_ends
from tests.harness import Stage, basic, within
from tests.ocpp.soap_bodies import LISTS, schema
from tests.soap_ends import (
    ANONYMOUS,
    HEARTBEAT_ANSWER,
    ID,
    NOW,
    SOAP_11,
    VERSIONS,
    Client,
    SoapServer,
    SoapStation,
    enveloped,
    faulty,
    namespace,
    posted,
    request,
    response,
    soap_url,
)

BOOT = "<chargePointVendor>Finch</chargePointVendor><chargePointModel>Sparrow</chargePointModel>"
BOOTED = {"currentTime": NOW, "interval": 300, "status": "Accepted"}
RESET = "<type>Soft</type>"
ACCEPTED = "<status>Accepted</status>"


async def json_backend(stage: Stage) -> Any:
    """Start a websocket backend and the gateway; give the backend."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    main.answers("BootNotification", BOOTED)
    await soap_ends.gateway(stage)
    return main


async def commanded(stage: Stage, station: SoapStation, link: Any, **more: Any) -> soap_ends.Taken:
    """Have the backend reset the station; give what arrives at the station's callback address."""
    await link.ask("Reset", {"type": "Soft"}, **more)
    return await station.server.expect("Reset")


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_01_soap_1_2_by_post(stage: Stage, version: str) -> None:
    """A posted envelope is answered with 200, an envelope of SOAP 1.2 and its media type, in document style."""
    await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("Heartbeat", version=version))
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert reply.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert (reply.seen.soap, reply.seen.operation) == (soap_ends.SOAP, "heartbeatResponse")
    assert reply.seen.values() == {"currentTime": NOW}


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_so_01_nothing_but_post(stage: Stage, method: str) -> None:
    """Other methods are answered 405."""
    await json_backend(stage)
    client = await Client.connect(stage, soap_url(stage))
    await client.send(f"{method} /soap HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
    said = await client.ended()
    assert said.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: POST\r\n" in said


@pytest.mark.parametrize("slash", ["/", ""])
async def test_so_02_one_url_three_versions(stage: Stage, slash: str) -> None:
    """The body's namespace says the version, with and without its final slash; each is answered in its own."""
    await json_backend(stage)
    for version in VERSIONS:
        station = await SoapStation.start(stage, f"CP-{version}")
        raw = station.request("BootNotification", BOOT, version=version)
        reply = await station.call(
            raw.replace(namespace(version).encode(), namespace(version).rstrip("/").encode() + slash.encode())
        )
        assert reply.status == 200, reply.body
        assert reply.seen.namespace == namespace(version)
        interval = "interval" if version == "1.6" else "heartbeatInterval"
        assert reply.seen.values() == {"status": "Accepted", "currentTime": NOW, interval: "300"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_03_the_identity_is_in_the_header(stage: Stage, version: str) -> None:
    """Without identity a Sender fault, an unknown station is an IdentityMismatch, case does not matter."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage, stations=[{"match": "CP*", "route": "main"}])
    station = await SoapStation.start(stage, "CP1")
    reply = await station.call(station.request("Heartbeat", version=version, identity=""))
    assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError"))
    reply = await station.call(station.request("Heartbeat", version=version, identity="Stranger"))
    assert (reply.status, reply.seen.fault) == (400, ("Sender", "IdentityMismatch"))
    for identity in ("CP1", "cp1", " Cp1\n"):
        reply = await station.call(station.request("Heartbeat", version=version, identity=identity))
        assert reply.status == 200
    assert len(main.handshakes) == 1, "the same station, however it is written"
    call = await commanded(stage, station, await main.station("CP1"))
    assert call.seen.header("chargeBoxIdentity") == "CP1"
    assert f"urn://Ocpp/Cp/{soap_ends.DATES[version]}/".encode() in call.http.body
    await call.answer(response("Reset", ACCEPTED, call.id, version=version, service="Cp"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_04_the_headers_of_what_is_written(stage: Stage, version: str) -> None:
    """Requests that Voltgate writes carry Action, MessageID, From, ReplyTo and To, answers RelatesTo."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("Heartbeat", version=version))
    operation = "/HeartbeatResponse"
    action = f"{namespace(version)}CentralSystemService{operation}" if version == "1.2" else operation
    seen = reply.seen
    assert seen.header("Action") == action
    assert (seen.header("RelatesTo"), seen.header("To")) == (ID, ANONYMOUS)
    assert seen.header("MessageID") not in ("", ID)
    assert [seen.header(name) for name in ("From", "ReplyTo", "chargeBoxIdentity")] == ["", "", ""]
    call = await commanded(stage, station, await main.station("CP1"))
    seen = call.seen
    assert call.http.headers["content-type"].startswith("application/soap+xml; charset=utf-8")
    assert seen.header("Action") == "/Reset"
    assert seen.header("MessageID").startswith("urn:uuid:")
    assert seen.header("To") == station.address
    assert seen.header("From") == soap_url(stage)
    assert seen.header("ReplyTo") == ANONYMOUS
    assert seen.header("RelatesTo") == ""
    await call.answer(response("Reset", ACCEPTED, call.id, version=version, service="Cp"))


@pytest.mark.parametrize(
    "action", ["urn://Ocpp/Cs/2010/08/CentralSystemService/BootNotificationResponse", "/BootNotificationResponse"]
)
async def test_so_05_two_actions_of_an_answer_in_1_2(stage: Stage, action: str) -> None:
    """A backend's answer in 1.2 is taken with either Action, and goes home as it came."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, backends={"old": {"versions": ["ocpp1.2"]}})
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("BootNotification", BOOT, version="1.2"))
    call = await old.expect("BootNotification")
    told = response("BootNotification", ACCEPTED, call.id, version="1.2", action=action)
    await call.answer(told)
    assert (await asked.reply()).body == told


@pytest.mark.parametrize("message_id", ["", "7", "not a uuid: ä&<", "x" * 300])
async def test_so_06_any_message_id_or_none(stage: Stage, message_id: str) -> None:
    """RelatesTo is the MessageID, whatever that is; a request without one is answered too."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    for _ in range(2):
        reply = await station.call(station.request("Heartbeat", message_id=message_id))
        assert (reply.status, reply.seen.header("RelatesTo")) == (200, message_id)
    assert len((await main.station("CP1")).unread) == 0


async def test_so_06_a_backend_gets_a_message_id(stage: Stage) -> None:
    """A request without MessageID is given one on its way to a SOAP backend."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("Heartbeat", message_id=""))
    call = await old.expect("Heartbeat")
    assert call.id.startswith("urn:uuid:")
    await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
    assert (await asked.reply()).status == 200


async def test_so_06_an_answer_to_something_else(stage: Stage) -> None:
    """An answer whose RelatesTo is another's reaches nobody: the station gets a fault."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("Heartbeat"))
    await (await old.expect("Heartbeat")).answer(response("Heartbeat", HEARTBEAT_ANSWER, "urn:uuid:other"))
    reply = await asked.reply()
    assert reply.status >= 400
    assert reply.seen.header("RelatesTo") == ID


async def test_so_07_the_callback_address_moves(stage: Stage) -> None:
    """Between two Heartbeats of an authenticated station From changes: the next command goes to the new address."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage, stations=[{"match": "*", "route": "main", "password": "s3cret-s3cret"}])
    station = await SoapStation.start(stage)
    other = await SoapServer.start(stage, "moved", configured=False)
    password = {"Authorization": basic("CP1", "s3cret-s3cret")}
    assert (await station.call(station.request("Heartbeat"), **password)).status == 200
    link = await main.station("CP1")
    call = await commanded(stage, station, link)
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp"))
    assert (await station.call(station.request("Heartbeat", sender=other.url), **password)).status == 200
    await link.ask("Reset", {"type": "Soft"}, id="again")
    call = await other.expect("Reset")
    assert call.seen.header("To") == other.url
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp"))
    assert (await link.expect_result("again")).payload == {"status": "Accepted"}
    assert not station.server.unread


async def test_so_07_a_configured_address_outweighs_what_is_said(stage: Stage) -> None:
    """The configured callback address of a station counts, whatever its From says."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    written = await SoapServer.start(stage, "written", configured=False)
    await soap_ends.gateway(stage, stations=[{"match": "*", "route": "main", "callback": written.url}])
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat"))
    link = await main.station("CP1")
    await link.ask("Reset", {"type": "Soft"}, id="r")
    call = await written.expect("Reset")
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp"))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}


async def test_so_08_what_a_proxy_rewrites(stage: Stage) -> None:
    """Upstream To and From are rewritten and all else kept; the backend's command to From reaches the station."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    sent = station.request("BootNotification", BOOT)
    asked = await station.ask(sent)
    call = await old.expect("BootNotification")
    assert call.seen.header("To") == old.url
    callback = call.seen.header("From")
    assert callback.startswith(f"{soap_url(stage)}/callback/old/CP1/")
    kept = ("MessageID", "Action", "chargeBoxIdentity")
    assert [call.seen.header(name) for name in kept] == [ID, "/BootNotification", "CP1"]
    assert call.seen.inside == soap_ends.Seen.of(sent).inside
    told = response("BootNotification", f"{ACCEPTED}<currentTime>{NOW}</currentTime><interval>5</interval>", call.id)
    await call.answer(told)
    assert (await asked.reply()).body == told
    started = request("RemoteStartTransaction", "<idTag>04</idTag>", service="Cp", message_id="m-2")
    asked = await Client.connect(stage, callback, "old")
    await asked.send(posted(started, callback.removeprefix("http://").partition("/")[2].join(("/", ""))))
    at_station = await station.server.expect("RemoteStartTransaction")
    assert at_station.seen.header("To") == station.address
    assert at_station.seen.header("From") == soap_url(stage)
    assert [at_station.seen.header(name) for name in kept] == ["m-2", "/RemoteStartTransaction", "CP1"]
    assert at_station.seen.inside == soap_ends.Seen.of(started).inside
    told = response("RemoteStartTransaction", ACCEPTED, "m-2", service="Cp")
    await at_station.answer(told)
    assert (await asked.reply()).body == told


COMMANDS: dict[str, dict[str, Any]] = {
    "RemoteStartTransaction": {"idTag": "04E1", "connectorId": 1},
    "SendLocalList": {
        "updateType": "Full",
        "localAuthorizationList": [{"idTagInfo": {"status": "Accepted"}, "idTag": "04E1"}],
        "listVersion": 3,
    },
    "ReserveNow": {
        "reservationId": 7,
        "parentIdTag": "P",
        "idTag": "04E1",
        "expiryDate": NOW,
        "connectorId": 1,
    },
    "GetDiagnostics": {"retryInterval": 5, "stopTime": NOW, "location": "ftp://h/f", "startTime": NOW, "retries": 2},
    "ChangeConfiguration": {"value": "v", "key": "k"},
    "UpdateFirmware": {"location": "ftp://h/f", "retrieveDate": NOW, "retries": 3},
}
"""Commands with their fields in an order that no version has."""


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_09_elements_in_their_order(stage: Stage, version: str) -> None:
    """Whatever order a websocket backend writes fields in, the station gets a body that its schema holds valid."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat", version=version))
    link = await main.station("CP1")
    for operation, payload in COMMANDS.items():
        if f"{operation}Request" not in LISTS[version]["ChargePointService"]["types"]:
            answer = await link.call(operation, payload)
            assert (answer.kind, answer.code) == (4, "NotSupported")
            continue
        asked = await link.ask(operation, payload)
        call = await station.server.expect(operation)
        schema(version, "Cp").assertValid(call.seen.body)
        await call.answer(faulty("NotSupported", "Receiver"), 500)
        await link.expect_error(asked, "NotSupported")


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_10_an_unknown_operation(stage: Stage, version: str) -> None:
    """An operation that the version has not is answered Receiver/NotSupported; the backend does not hear of it."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("SignCertificate", "<csr/>", version=version))
    assert (reply.status, reply.seen.fault) == (500, ("Receiver", "NotSupported"))
    assert reply.seen.header("RelatesTo") == ID
    assert not main.links


FAULTS = [
    ("SecurityError", 400, ("Sender", "SecurityError")),
    ("ProtocolError", 400, ("Sender", "ProtocolError")),
    ("FormationViolation", 400, ("Sender", "ProtocolError")),
    ("PropertyConstraintViolation", 400, ("Sender", "ProtocolError")),
    ("NotSupported", 500, ("Receiver", "NotSupported")),
    ("NotImplemented", 500, ("Receiver", "NotSupported")),
    ("InternalError", 500, ("Receiver", "InternalError")),
    ("GenericError", 500, ("Receiver", "InternalError")),
    ("SomethingOfTheirs", 500, ("Receiver", "InternalError")),
]


@pytest.mark.parametrize(("code", "status", "expected"), FAULTS)
async def test_so_10_errors_as_faults(stage: Stage, code: str, status: int, expected: tuple[str, str]) -> None:
    """A CALLERROR of the backend is the right fault for the station."""
    main = await stage.backend("main")
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("Authorize", "<idTag>04</idTag>"))
    link = await main.station("CP1")
    await link.fail(await link.expect("Authorize"), code, "because <of> this")
    reply = await asked.reply()
    assert (reply.status, reply.seen.fault) == (status, expected)
    assert b"because &lt;of> this" in reply.body or b"because &lt;of&gt; this" in reply.body


@pytest.mark.parametrize(
    ("role", "subcode", "code"),
    [
        ("Sender", "SecurityError", "SecurityError"),
        ("Sender", "IdentityMismatch", "SecurityError"),
        ("Sender", "ProtocolError", "ProtocolError"),
        ("Receiver", "InternalError", "InternalError"),
        ("Receiver", "NotSupported", "NotSupported"),
        ("Receiver", "Whatever", "InternalError"),
        ("Sender", "Whatever", "GenericError"),
    ],
)
async def test_so_10_faults_as_errors(stage: Stage, role: str, subcode: str, code: str) -> None:
    """A station's fault, of whatever subcode, is a CALLERROR for a websocket backend."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat"))
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    await call.answer(faulty(subcode, role, relates_to=call.id), 500)
    assert (await link.expect_error("r", code)).description == "because"


LAUGHS = '<!DOCTYPE l [<!ENTITY a "haha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


async def test_so_11_no_document_types(stage: Stage) -> None:
    """Billion laughs and external entities get a fault; nothing is fetched."""
    main = await json_backend(stage)
    trap = await SoapServer.start(stage, "trap", configured=False)
    station = await SoapStation.start(stage)
    for declared in (
        f"{LAUGHS}]>",
        f'<!DOCTYPE e [<!ENTITY j SYSTEM "{trap.url}">]>',
        '<!DOCTYPE e [<!ENTITY j SYSTEM "file:///etc/hostname">]>',
        f'<!DOCTYPE e [<!ENTITY % p SYSTEM "{trap.url}"> %p;]>',
        f'<!DOCTYPE e SYSTEM "{trap.url}">',
    ):
        raw = station.request("Authorize", "<idTag>&j;</idTag>").replace(b"?>\n", b"?>\n" + declared.encode())
        reply = await station.call(raw)
        assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError"))
    assert not main.links
    assert trap.connections == 0


async def test_so_11_bounded_in_depth_and_size(stage: Stage) -> None:
    """What is nested without end gets a fault, what is too long 413."""
    await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("Authorize", "<a>" * 5000 + "</a>" * 5000))
    assert (reply.status, reply.seen.fault) == (400, ("Sender", "ProtocolError"))
    reply = await station.call(station.request("Authorize", "<idTag>" + "x" * (1 << 20) + "</idTag>"))
    assert reply.status == 413


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate"])
async def test_so_12_compressed_requests(stage: Stage, coding: str) -> None:
    """A compressed request is read; so is deflate without zlib's head, as some send it."""
    await json_backend(stage)
    station = await SoapStation.start(stage)
    raw = station.request("Heartbeat")
    reply = await station.call(packed(raw, coding), Content_Encoding=coding.removeprefix("raw "))
    assert reply.seen.values() == {"currentTime": NOW}
    assert "content-encoding" not in reply.headers, "nobody asked for it"


def packed(raw: bytes, coding: str) -> bytes:
    """Compress a body."""
    if coding == "raw deflate":
        engine = zlib.compressobj(wbits=-15)
        return engine.compress(raw) + engine.flush()
    return zlib.compress(raw) if coding == "deflate" else gzip.compress(raw)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0, deflate;q=0.5", "deflate"),
        ("*", None),
        ("br", None),
        ("gzip;q=0", None),
    ],
)
async def test_so_12_compressed_answers(stage: Stage, accepted: str, coding: str | None) -> None:
    """An answer is compressed as Accept-Encoding asks."""
    await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("Heartbeat"), Accept_Encoding=accepted)
    assert reply.headers.get("content-encoding") == coding
    assert reply.seen.values() == {"currentTime": NOW}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_so_12_compressed_between_gateway_and_far_ends(stage: Stage, coding: str) -> None:
    """Backends and stations may answer compressed; they are told that they may."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("Heartbeat"))
    call = await old.expect("Heartbeat")
    assert call.http.headers["accept-encoding"] == "gzip, deflate"
    told = response("Heartbeat", HEARTBEAT_ANSWER, call.id)
    await call.answer(packed(told, coding), Content_Encoding=coding.removeprefix("raw "))
    assert (await asked.reply()).body == told


async def test_so_13_heartbeats_tell_the_truth(stage: Stage) -> None:
    """While the SOAP backend is away nothing is answered as if it were there: stations keep their transactions."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage, backends={"old": {"wait": 0}})
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("Heartbeat"))
    call = await old.expect("Heartbeat")
    await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
    assert (await asked.reply()).status == 200
    await old.stop()
    stop = f"<transactionId>1</transactionId><timestamp>{NOW}</timestamp><meterStop>5</meterStop>"
    for operation, content in (("Heartbeat", ""), ("StopTransaction", stop), ("Heartbeat", "")):
        reply = await station.call(station.request(operation, content))
        assert reply.status in (500, 503)
        assert reply.seen.fault[0] == "Receiver"
    await old.listen()
    client = await Client.connect(stage, station.url)
    for _ in range(200):
        await client.send(posted(station.request("Heartbeat")))
        taken = await within(_next_or_reply(old, client), "the backend is found again")
        if taken:
            return
    raise AssertionError("the backend was not found again")


async def _next_or_reply(old: SoapServer, client: Client) -> bool:
    reading = asyncio.ensure_future(client.reply())
    taking = asyncio.ensure_future(old.expect("Heartbeat"))
    await asyncio.wait({reading, taking}, return_when=asyncio.FIRST_COMPLETED)
    if taking.done():
        call = taking.result()
        await call.answer(response("Heartbeat", HEARTBEAT_ANSWER, call.id))
        assert (await reading).status == 200
        return True
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await asyncio.sleep(0.05)
    return False


async def test_so_14_a_reply_without_header(stage: Stage) -> None:
    """A station that answers without any SOAP header is understood."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat"))
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    await call.answer(response("Reset", ACCEPTED, service="Cp", header=False))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}


@pytest.mark.parametrize(
    "action", ["urn://Ocpp/Cp/2015/10/ResetResponse", '"/ResetResponse"', "ResetResponse", "/Reset"]
)
async def test_so_14_a_fully_qualified_action(stage: Stage, action: str) -> None:
    """Actions in full are understood in both directions."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    full = action.replace("/Cp/", "/Cs/").replace("Reset", "Heartbeat")
    assert (await station.call(station.request("Heartbeat", action=full))).status == 200
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp", action=action))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}


async def test_so_14_services_mixed_up_in_reply_headers(stage: Stage) -> None:
    """An identity in the namespace of the other service is understood, in answers and in requests."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    swapped = station.request("Heartbeat").replace(b'xmlns:o="urn://Ocpp/Cs/', b'xmlns:o="urn://Ocpp/Cp/')
    assert (await station.call(swapped)).status == 200
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    mixed = soap_ends.identified("CP1", service="Cs")
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp", more=mixed))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_so_14_soap_1_1(stage: Stage, version: str) -> None:
    """A station that speaks SOAP 1.1 is answered in SOAP 1.1, and called in it."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    raw = station.request("Heartbeat", version=version, soap=SOAP_11)
    reply = await station.call(raw, Content_Type="text/xml; charset=utf-8", SOAPAction='"/Heartbeat"')
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "text/xml; charset=utf-8"
    assert (reply.seen.soap, reply.seen.operation) == (SOAP_11, "heartbeatResponse")
    assert reply.seen.header("RelatesTo") == ID
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    assert call.seen.soap == SOAP_11
    assert call.http.headers["content-type"] == "text/xml; charset=utf-8"
    assert call.http.headers["soapaction"] == '"/Reset"'
    await call.answer(response("Reset", ACCEPTED, call.id, version=version, service="Cp", soap=SOAP_11))
    assert (await link.expect_result("r")).payload == {"status": "Accepted"}


async def test_so_14_faults_of_soap_1_1(stage: Stage) -> None:
    """Faults have the form of SOAP 1.1 for whoever speaks that, and are read in it."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    reply = await station.call(station.request("SignCertificate", soap=SOAP_11), Content_Type="text/xml")
    assert (reply.status, reply.seen.soap) == (500, SOAP_11)
    assert reply.seen.values()["faultcode"].endswith(":Server.NotSupported")
    reply = await station.call(station.request("Heartbeat", identity="", soap=SOAP_11), Content_Type="text/xml")
    assert (reply.status, reply.seen.soap) == (500, SOAP_11), "SOAP 1.1 section 6.2 knows no other status"
    assert reply.seen.values()["faultcode"].endswith(":Client.ProtocolError")
    await station.call(station.request("Heartbeat", soap=SOAP_11))
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    said = "<s:Fault><faultcode>s:Server.NotSupported</faultcode><faultstring>no such thing</faultstring></s:Fault>"
    await call.answer(enveloped("", said, SOAP_11), 500, Content_Type="text/xml")
    assert (await link.expect_error("r", "NotSupported")).description == "no such thing"


async def test_so_14_soap_1_1_and_a_backend_of_soap_1_2(stage: Stage) -> None:
    """Between a station of SOAP 1.1 and a SOAP backend each side gets its own edition."""
    old = await SoapServer.start(stage)
    await soap_ends.gateway(stage)
    station = await SoapStation.start(stage)
    asked = await station.ask(station.request("BootNotification", BOOT, soap=SOAP_11), Content_Type="text/xml")
    call = await old.expect("BootNotification")
    assert (call.seen.soap, call.seen.header("MessageID")) == (soap_ends.SOAP, ID)
    assert call.http.headers["content-type"].startswith("application/soap+xml")
    answer = f"{ACCEPTED}<currentTime>{NOW}</currentTime><interval>9</interval>"
    await call.answer(response("BootNotification", answer, call.id))
    reply = await asked.reply()
    assert (reply.status, reply.seen.soap) == (200, SOAP_11)
    assert reply.seen.values() == {"status": "Accepted", "currentTime": NOW, "interval": "9"}
    assert reply.seen.header("RelatesTo") == ID
    callback = call.seen.header("From")
    asked = await Client.connect(stage, callback, "old")
    path = "/" + callback.removeprefix("http://").partition("/")[2]
    await asked.send(posted(request("Reset", RESET, service="Cp", message_id="m-2"), path))
    call = await station.server.expect("Reset")
    assert (call.seen.soap, call.seen.header("MessageID")) == (SOAP_11, "m-2")
    await call.answer(response("Reset", ACCEPTED, "m-2", service="Cp", soap=SOAP_11), Content_Type="text/xml")
    reply = await asked.reply()
    assert (reply.status, reply.seen.soap, reply.seen.header("RelatesTo")) == (200, soap_ends.SOAP, "m-2")


LOGIN = b"<html><head><title>Log in</title></head><body><form></form></body></html>"


async def test_so_15_a_login_page_for_a_station(stage: Stage) -> None:
    """A callback address that shows a page of HTML is an error for the backend, and the next command goes on."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat"))
    link = await main.station("CP1")
    call = await commanded(stage, station, link, id="r")
    await call.answer(LOGIN, Content_Type="text/html")
    assert "no SOAP" in (await link.expect_error("r", "InternalError")).description
    call = await commanded(stage, station, link, id="s")
    await call.answer(response("Reset", ACCEPTED, call.id, service="Cp"))
    assert (await link.expect_result("s")).payload == {"status": "Accepted"}


async def test_so_15_a_station_that_does_not_answer(stage: Stage) -> None:
    """A command to a station that takes it and says nothing ends in time; so does one to where nobody listens."""
    main = await stage.backend("main")
    main.answers("Heartbeat", {"currentTime": NOW})
    await soap_ends.gateway(stage, calls={"station": 1})
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat"))
    link = await main.station("CP1")
    await commanded(stage, station, link, id="r")
    await link.expect_error("r")
    await station.server.stop()
    await link.ask("Reset", {"type": "Soft"}, id="s")
    await link.expect_error("s", "InternalError")
    assert (await station.call(station.request("Heartbeat"))).status == 200


async def test_so_16_words_of_older_versions(stage: Stage) -> None:
    """Statuses, units, intervals and the spelling of lists are translated between 1.5 and 1.6."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat", version="1.5"))
    link = await main.station("CP1")
    link.answers("StatusNotification", {})
    link.answers("MeterValues", {})
    for said, meant in (("Occupied", "Preparing"), ("Available", "Available"), ("Reserved", "Reserved")):
        content = f"<connectorId>1</connectorId><status>{said}</status><errorCode>Mode3Error</errorCode>"
        assert (await station.call(station.request("StatusNotification", content, version="1.5"))).status == 200
        assert _last(stage, "StatusNotification")["status"] == meant
        assert _last(stage, "StatusNotification")["errorCode"] == "EVCommunicationError"
    content = (
        f"<connectorId>1</connectorId><values><timestamp>{NOW}</timestamp>"
        '<value unit="Amp" measurand="Current.Import">16.5</value>'
        '<value unit="Volt" measurand="Voltage">230</value></values>'
    )
    assert (await station.call(station.request("MeterValues", content, version="1.5"))).status == 200
    samples = _last(stage, "MeterValues")["meterValue"][0]["sampledValue"]
    assert [(sample["value"], sample["unit"]) for sample in samples] == [("16.5", "A"), ("230", "V")]
    reply = await station.call(station.request("BootNotification", BOOT, version="1.5"))
    assert reply.seen.values()["heartbeatInterval"] == "300"


@pytest.mark.parametrize("version", ["1.2", "1.5"])
@pytest.mark.parametrize(("said", "meant"), [("Accepted", "Unlocked"), ("Rejected", "UnlockFailed")])
async def test_so_16_unlocking(stage: Stage, version: str, said: str, meant: str) -> None:
    """The answer to UnlockConnector in older words is that of 1.6 for the backend."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat", version=version))
    link = await main.station("CP1")
    await link.ask("UnlockConnector", {"connectorId": 1}, id="u")
    call = await station.server.expect("UnlockConnector")
    await call.answer(response("UnlockConnector", f"<status>{said}</status>", call.id, version=version, service="Cp"))
    assert (await link.expect_result("u")).payload == {"status": meant}


async def test_so_16_the_local_list(stage: Stage) -> None:
    """A local list of 1.6 is one of 1.5 with its own spelling and order, and HashError is Failed."""
    main = await json_backend(stage)
    station = await SoapStation.start(stage)
    await station.call(station.request("Heartbeat", version="1.5"))
    link = await main.station("CP1")
    await link.ask("SendLocalList", COMMANDS["SendLocalList"], id="l")
    call = await station.server.expect("SendLocalList")
    assert [child.tag.rpartition("}")[2] for child in call.seen.body] == [
        "updateType",
        "listVersion",
        "localAuthorisationList",
    ]
    content = "<status>HashError</status>"
    await call.answer(response("SendLocalList", content, call.id, version="1.5", service="Cp"))
    assert (await link.expect_result("l")).payload == {"status": "Failed"}


def _last(stage: Stage, action: str) -> dict[str, Any]:
    texts = [text for text in stage.transcript.got("main/CP1") if f'"{action}"' in text]
    payload: dict[str, Any] = json.loads(texts[-1])[3]
    return payload
