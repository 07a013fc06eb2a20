"""What a simulated SOAP station does with the commands that come to its address."""

from __future__ import annotations

import asyncio
import gzip
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.simulator.central import (
    SAMPLES,
    STATION,
    Central,
    faults,
    headers_of,
    playing,
)
from tests.simulator.world import STILL
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.names import ADDRESSING, VERSIONS, Version, namespace
from voltgate.simulator.tally import Fault

# Commands


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_remote_start_begins_a_transaction_and_a_remote_stop_ends_it(version: Version) -> None:
    """A command to the station's address is answered there, and does what it says."""
    async with playing(version) as (there, run, charger):
        started = await there.order(STATION, "RemoteStartTransaction", {"connectorId": 1, "idTag": "04E1"})
        assert (started.status, started.kind, started.payload) == (200, "application/soap+xml", {"status": "Accepted"})
        await run.until(lambda: bool(there.heard("StartTransaction")) and charger.idle)
        (start,) = there.heard("StartTransaction")
        assert (start.payload["connectorId"], start.payload["idTag"]) == (1, "04E1")
        again = await there.order(STATION, "RemoteStartTransaction", {"connectorId": 1, "idTag": "04E1"})
        assert again.payload == {"status": "Rejected"}
        stopped = await there.order(STATION, "RemoteStopTransaction", {"transactionId": 1})
        assert stopped.payload == {"status": "Accepted"}
        await run.until(lambda: run.tally.confirmed == 1)
        tally = await run.over()
    assert (tally.failures, there.wrong) == (0, []), tally.examples
    assert tally.commands == {"RemoteStartTransaction": 2, "RemoteStopTransaction": 1}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_sample_of_a_command_is_obeyed(version: Version) -> None:
    """The sample RemoteStartTransaction, readdressed, is obeyed; the answer is named as the sample of the answer."""
    async with playing(version) as (there, run, _):
        sample = (SAMPLES / f"{version}_5_RemoteStartTransaction_request_CS-CP.xml").read_text()
        wanted = (SAMPLES / f"{version}_6_RemoteStartTransaction_response_CS-CP.xml").read_bytes()
        address = there.address(STATION)
        envelope = sample.replace("CP-0001", STATION).replace("http://10.20.30.40:8080/ocpp", address)
        answered = await there.post(address, envelope.encode())
        assert answered.envelope is not None
        assert answered.payload == {"status": "Accepted"}
        assert headers_of(answered.body) == headers_of(wanted)
        assert f">{answered.envelope.action}<".encode() in wanted
        assert answered.envelope.relates_to.encode() in wanted
        assert (await run.over()).failures == 0


async def test_every_command_of_every_version_is_answered() -> None:
    """A station has an answer to every command that its version knows."""
    from voltgate.ocpp.soap.operations import operations

    stamp, profile = "2026-01-01T00:00:00Z", {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]},
    }  # fmt: skip
    payloads: dict[str, dict[str, Any]] = {
        "CancelReservation": {"reservationId": 7},
        "ChangeAvailability": {"connectorId": 1, "type": "Operative"},
        "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "200"},
        "DataTransfer": {"vendorId": "voltgate.simulator", "data": "x"},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetDiagnostics": {"location": "ftp://192.0.2.1/"},
        "RemoteStartTransaction": {"connectorId": 7, "idTag": "04E1"},
        "RemoteStopTransaction": {"transactionId": 7},
        "ReserveNow": {"connectorId": 1, "expiryDate": stamp, "idTag": "04E1", "reservationId": 7},
        "SendLocalList": {"listVersion": 1, "updateType": "Full"},
        "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": profile},
        "TriggerMessage": {"requestedMessage": "Heartbeat"},
        "UnlockConnector": {"connectorId": 1},
        "UpdateFirmware": {"location": "ftp://192.0.2.1/", "retrieveDate": stamp},
    }
    for version in VERSIONS:
        async with playing(version) as (there, run, _):
            for action in sorted(operations(version, "Cp") - {"Reset"}):
                answered = await there.order(STATION, action, payloads.get(action, {}))
                assert (answered.status, bool(answered.envelope)) == (200, True), (version, action, answered.body)
            before = run.tally.connected
            answered = await there.order(STATION, "Reset", {"type": "Soft"})
            assert answered.payload == {"status": "Accepted"}
            await run.until(lambda: run.tally.connected == before + 1)  # noqa: B023
            await run.until(lambda: run.fleet.chargers[0].online)
            tally = await run.over()
            assert len(there.heard("BootNotification")) == 2
        assert (tally.failures, there.wrong) == (0, []), tally.examples


async def order_changed(there: Central, old: str, new: str, address: str = "") -> tuple[int, str]:
    """Send a good RemoteStopTransaction with something changed; gives HTTP's status and the subcode or status told."""
    to = address or there.address(STATION)
    body = f'<remoteStopTransactionRequest xmlns="{namespace(there.version, "Cp")}"><transactionId>7</transactionId>'
    about = {"identity": STATION, "message_id": "urn:uuid:1", "to": there.address(STATION), "sender": there.url}
    whole = f"{body}</remoteStopTransactionRequest>"
    good = writing.request(there.version, "Cp", "RemoteStopTransaction", whole, **about).decode()
    told, number = re.subn(old, new, good)
    assert number, good
    answered = await there.post(to, told.encode())
    if answered.envelope is None:
        return answered.status, ""
    said = answered.envelope.fault
    assert answered.envelope.relates_to == ("" if "MessageID" in old or "Envelope" in old else "urn:uuid:1")
    return answered.status, said.subcode if said is not None else answered.payload.get("status", "")


ORDERS: dict[str, tuple[str, str, int, str, Fault | None]] = {
    "as it should be": ("x^|$", "", 200, "Rejected", None),
    "identity in small letters": ("CP-00001</o", "cp-00001</o", 200, "Rejected", None),
    "for another station": ("CP-00001</o", "CP-00002</o", 400, "IdentityMismatch", Fault.WRONG),
    "for nobody": ("<o:chargeBoxIdentity.*</o:chargeBoxIdentity>", "", 400, "IdentityMismatch", Fault.WRONG),
    "no MessageID": ("<wsa:MessageID>.*</wsa:MessageID>", "", 200, "Rejected", Fault.MALFORMED),
    "no Action": ("<wsa:Action.*</wsa:Action>", "", 200, "Rejected", Fault.MALFORMED),
    "Action of another": (">/RemoteStop", ">/RemoteStart", 400, "ProtocolError", Fault.MALFORMED),
    "To elsewhere": ("(<wsa:To[^>]*>)[^<]*", r"\1http://192.0.2.1/", 200, "Rejected", Fault.MALFORMED),
    "no To": ("<wsa:To.*</wsa:To>", "", 200, "Rejected", Fault.MALFORMED),
    "ReplyTo elsewhere": (f"{ADDRESSING}/anonymous", "http://192.0.2.1/", 200, "Rejected", Fault.MALFORMED),
    "no ReplyTo": ("<wsa:ReplyTo.*</wsa:ReplyTo>", "", 200, "Rejected", None),
    "no number": (">7<", ">seven<", 400, "ProtocolError", Fault.WRONG),
    "no whole number": (">7<", ">7.0<", 400, "ProtocolError", Fault.WRONG),
    "missing element": ("<transactionId>7</transactionId>", "", 400, "ProtocolError", Fault.WRONG),
    "strange element": ("</transactionId>", "</transactionId><more/>", 400, "ProtocolError", Fault.WRONG),
    "another namespace": ("<transactionId>", '<transactionId xmlns="">', 400, "ProtocolError", Fault.WRONG),
    "for the central system": (
        r'remoteStopTransaction(Request) xmlns="urn://Ocpp/Cp(/..../../)"><.*(</)remoteStopTransaction',
        r'stopTransaction\1 xmlns="urn://Ocpp/Cs\2">\3stopTransaction',
        400, "ProtocolError", Fault.MALFORMED,
    ),
    "broken": ("</soap:Envelope>", "", 400, "ProtocolError", Fault.MALFORMED),
    "no operation": ("emoteStopTransaction", "emoteControl", 500, "NotSupported", None),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", ORDERS)
async def test_a_command_is_judged(version: Version, what: str) -> None:
    """A command that is not as it should be is counted, and obeyed or refused with the right fault."""
    old, new, status, told, fault = ORDERS[what]
    async with playing(version) as (there, run, _):
        assert await order_changed(there, old.replace("x^|", ""), new) == (status, told), run.tally.examples
        assert faults(run) == ({} if fault is None else {fault: 1}), run.tally.examples
        assert (await there.order(STATION, "ClearCache", {})).payload == {"status": "Accepted"}


async def test_a_command_of_another_version_is_refused() -> None:
    """A station of 1.5 takes no command of 1.6."""
    async with playing("1.5") as (there, run, _):
        body = f'<clearCacheRequest xmlns="{namespace("1.6", "Cp")}"/>'
        address = there.address(STATION)
        envelope = writing.request("1.6", "Cp", "ClearCache", body, identity=STATION, message_id="a", to=address)
        answered = await there.post(address, envelope)
        assert answered.envelope is not None
        assert answered.envelope.fault is not None
        assert answered.envelope.fault.subcode == "ProtocolError"
        assert faults(run) == {Fault.WRONG: 1}


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_a_version_lacks_is_not_supported(version: Version) -> None:
    """A command that the version does not have gets a NotSupported fault, and is no fault of the central system."""
    lacks = {"1.2": "DataTransfer", "1.5": "TriggerMessage", "1.6": "GetLog"}[version]
    async with playing(version) as (there, run, _):
        name = lacks[0].lower() + lacks[1:]
        body = f'<{name}Request xmlns="{namespace(version, "Cp")}"/>'
        answered = await there.order(STATION, "ClearCache", {}, body=body, message_id="urn:uuid:2")
        assert answered.envelope is not None
        assert answered.envelope.fault is not None
        assert (answered.status, answered.envelope.fault.subcode) == (500, "NotSupported")
        assert (await run.over()).failures == 0


async def test_the_callback_serves_posts_to_its_stations_alone() -> None:
    """Other methods, other paths and other content types are counted, and answered as HTTP says."""
    async with playing("1.6") as (there, run, _):
        address = there.address(STATION)
        assert (await there.post(address, b"", method="PUT")).status == 405
        assert (await there.post(address + "9", b"")).status == 404
        assert faults(run) == {Fault.STRAY: 2}
        body = f'<clearCacheRequest xmlns="{namespace("1.6", "Cp")}"/>'
        envelope = writing.request("1.6", "Cp", "ClearCache", body, identity=STATION, message_id="a", to=address)
        assert (await there.post(address, envelope, {"Content-Type": "text/xml"})).status == 200
        assert faults(run) == {Fault.STRAY: 2, Fault.MALFORMED: 1}
        packed = await there.post(address, gzip.compress(envelope), {"Content-Encoding": "gzip"})
        assert packed.payload == {"status": "Accepted"}
        assert faults(run) == {Fault.STRAY: 2, Fault.MALFORMED: 1}
        assert (await there.post(address, b"junk", {"Content-Encoding": "gzip"})).status == 400
        assert faults(run) == {Fault.STRAY: 3, Fault.MALFORMED: 1}


async def test_a_command_before_the_last_one_was_answered_is_crowded() -> None:
    """One command at a time (OCPP-J 4.1.1, the same for SOAP): a second one is served, and counted."""
    thoughtful = replace(STILL, think=(1.5, 1.5))
    async with playing("1.6", profile=thoughtful) as (there, run, _):
        both = await asyncio.gather(*(there.order(STATION, "ClearCache", {}) for _ in range(2)))
        assert [answered.payload for answered in both] == 2 * [{"status": "Accepted"}]
        assert faults(run) == {Fault.CROWDED: 1}
        assert (await there.order(STATION, "ClearCache", {})).status == 200
        assert faults(run) == {Fault.CROWDED: 1}


async def test_a_station_that_is_away_answers_nothing() -> None:
    """A station that goes away breaks off what it was asked, and its address is deaf until it is back."""
    import aiohttp

    async with playing("1.6", profile=replace(STILL, think=(20, 20))) as (there, run, charger):
        address = there.address(STATION)
        asked = asyncio.ensure_future(there.order(STATION, "ClearCache", {}))
        await run.until(lambda: run.tally.commands["ClearCache"] == 1)
        charger.disconnect(run.fleet.clock.now(), 3.0)
        with pytest.raises(aiohttp.ClientError):
            await asked
        assert (await there.post(address, b"")).status == 503
        await run.until(lambda: charger.online and charger.idle)
        charger.simulation.profile = STILL
        assert (await there.order(STATION, "ClearCache", {})).payload == {"status": "Accepted"}
        assert (await run.over()).failures == 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_no_command_is_refused(version: Version) -> None:
    """A call of the central system's service and an answer are no commands: both are counted, and get a fault."""
    async with playing(version) as (there, run, _):
        for number, name in enumerate(
            ("1_BootNotification_request_CP-CS", "6_RemoteStartTransaction_response_CS-CP"), 1
        ):
            sample = (SAMPLES / f"{version}_{name}.xml").read_bytes().replace(b"CP-0001", STATION.encode())
            answered = await there.post(there.address(STATION), sample)
            assert answered.envelope is not None
            assert answered.envelope.fault is not None
            assert (answered.status, answered.envelope.fault.subcode) == (400, "ProtocolError")
            assert faults(run) == {Fault.WRONG: number}
