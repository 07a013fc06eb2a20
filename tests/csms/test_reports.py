"""What stations report in parts, and what is kept for whoever asked for it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.csms.payloads import full, minimal
from tests.csms.stage import NOON, FakeStation, Note, Stage
from voltgate.csms.handlers import vendors
from voltgate.csms.handling import Handling
from voltgate.csms.model import Profile, Report, Reservation, SigningRequest, Station, Variable
from voltgate.ocpp.times import stamp


def item(component: str, variable: str, value: str | None, **more: Any) -> dict[str, Any]:
    attribute = {"value": value, "mutability": "ReadOnly"}
    return {
        "component": {"name": component, **more},
        "variable": {"name": variable},
        "variableAttribute": [{name: each for name, each in attribute.items() if each is not None}],
    }


def part(seq: int, *items: dict[str, Any], tbc: bool = True, request: int = 7, at: float = NOON) -> dict[str, Any]:
    return {"requestId": request, "generatedAt": stamp(at), "seqNo": seq, "tbc": tbc, "reportData": list(items)}


PARTS = [
    part(0, item("EVSE", "Power", "22", evse={"id": 1})),
    part(1, item("Connector", "AvailabilityState", "Available", evse={"id": 1, "connectorId": 2}, instance="left")),
    part(2, item("SecurityCtrlr", "BasicAuthPassword", None), tbc=False),
]


async def report(station: FakeStation, at: float, value: str) -> None:
    await station.say("NotifyReport", part(0, item("EVSE", "Power", value), tbc=False, at=at))


async def test_a_report_that_is_older_than_another() -> None:
    """It comes late, and changes nothing."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        await report(station, NOON - 60, "22")
        await report(station, NOON - 90, "11")
        assert (stage.one(Variable).value, stage.one(Variable).at) == ("22", NOON - 60)


@pytest.mark.parametrize("wrong", [NOON + 9e6, NOON - 9e6])
async def test_a_clock_that_is_wrong_keeps_no_report_away(wrong: float) -> None:
    """A report from the future, or from before its station booted, is as old as its arrival."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        await station.say("BootNotification", full("ocpp2.0.1", "BootNotification") | {"reason": "PowerUp"})
        await report(station, NOON, "22")
        stage.now += 60
        await report(station, wrong, "11")
        assert (stage.one(Variable).value, stage.one(Variable).at) == ("11", NOON + 60)
        stage.now += 60
        await report(station, NOON + 90, "7")
        assert stage.one(Variable).value == "7"


async def test_profiles_that_come_late() -> None:
    """A report of profiles has no time of its own: when the gateway sent it is what counts."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1", holder="gateway")
        said = full("ocpp2.0.1", "ReportChargingProfiles")
        await station.say("ReportChargingProfiles", said)
        station.said_at -= 30
        await station.say(
            "ReportChargingProfiles", said | {"chargingProfile": [said["chargingProfile"][0] | {"stackLevel": 9}]}
        )
        assert stage.one(Profile).stack_level != 9


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_report_is_whole_when_all_its_parts_have_come(order: tuple[int, ...]) -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        for count, number in enumerate((*order[:2], order[0], order[2]), 1):  # one of them comes twice
            assert await station.say("NotifyReport", PARTS[number]) == {}
            assert stage.one(Report).complete == (count == 4)
        values = {(row.component, row.variable, row.attribute): row.value for row in stage.rows.all(Variable)}
        assert values == {
            ("EVSE@1", "Power", "Actual"): "22",
            ("Connector[left]@1:2", "AvailabilityState", "Actual"): "Available",
            ("SecurityCtrlr", "BasicAuthPassword", "Actual"): None,
        }


async def test_a_part_of_a_whole_report_that_comes_again_changes_nothing() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        for each in (*PARTS, PARTS[0]):
            await station.say("NotifyReport", each)
        assert stage.one(Report).complete


async def test_another_report_by_the_same_number() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        for each in PARTS:
            await station.say("NotifyReport", each)
        await station.say("NotifyReport", part(0, item("EVSE", "Power", "11", evse={"id": 1}), at=NOON + 60))
        assert (stage.one(Report).complete, stage.one(Report).seq) == (False, 0)


async def test_what_is_known_of_a_variable() -> None:
    async with Stage() as stage:
        characteristics = {"unit": "W", "dataType": "decimal", "supportsMonitoring": False}
        said = item("EVSE", "Power", "22") | {"variableCharacteristics": characteristics}
        said["variableAttribute"][0] |= {"type": "MaxSet", "persistent": True}
        await stage.station(protocol="ocpp2.0.1").say("NotifyReport", part(0, said))
        row = stage.one(Variable)
        assert (row.attribute, row.mutability, row.at) == ("MaxSet", "ReadOnly", NOON)
        assert json.loads(row.data) == characteristics | {"persistent": True}


@pytest.mark.parametrize("action", ["NotifyDisplayMessages", "ReportDERControl"])
async def test_parts_without_numbers_end_with_the_last(action: str) -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.1")
        await station.say(action, minimal("ocpp2.1", action) | {"tbc": True})
        assert not stage.one(Report).complete
        await station.say(action, minimal("ocpp2.1", action))
        assert (stage.one(Report).complete, stage.one(Report).seq) == (True, 1)
        assert {note.about for note in stage.rows.all(Note)} == {"1"}


async def test_charging_profiles() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        said = minimal("ocpp2.0.1", "ReportChargingProfiles") | {"evseId": 2}
        await station.say("ReportChargingProfiles", said)
        row = stage.one(Profile)
        assert (row.evse, row.profile, row.source, row.purpose, row.stack_level) == (
            2, 1, "EMS", "ChargingStationExternalConstraints", 1,
        )  # fmt: skip
        assert json.loads(row.data) == said["chargingProfile"][0]


# Certificates.


async def sign(station: FakeStation, csr: str, kind: str = "V2GCertificate") -> None:
    assert await station.say("SignCertificate", {"csr": csr, "certificateType": kind}) == {"status": "Accepted"}


async def test_requests_of_kinds_that_ocpp_does_not_have_are_bounded() -> None:
    """A vendor's own kinds are taken, but each is a row that every further request of the station reads."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        for number in range(10):
            await sign(station, "csr", f"Kind{number}")
        assert await station.refused("SignCertificate", {"csr": "csr", "certificateType": "Kind10"}) == (
            "PropertyConstraintViolation",
            "There are not so many kinds of certificates",
        )
        await sign(station, "another", "Kind9")
        assert len(stage.rows.all(SigningRequest)) == 10


async def test_one_request_of_a_kind_waits() -> None:
    """A station that gets no certificate asks again, with another key or the same."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        await sign(station, "first")
        first = stage.one(SigningRequest)
        stage.now += 60
        await sign(station, "first")
        assert stage.one(SigningRequest) == first
        await sign(station, "second")
        assert (stage.one(SigningRequest).csr, stage.one(SigningRequest).number) == ("second", first.number)
        await sign(station, "third", "ChargingStationCertificate")
        row = stage.rows.all(SigningRequest)[0]
        row.status = "signed"
        await sign(station, "fourth")
        assert [(row.csr, row.status) for row in stage.rows.all(SigningRequest)] == [
            ("second", "signed"), ("third", "waiting"), ("fourth", "waiting"),
        ]  # fmt: skip


async def test_what_the_certificate_is_to_go_with() -> None:
    async with Stage() as stage:
        said = full("ocpp2.1", "SignCertificate") | {"requestId": 7}
        await stage.station(protocol="ocpp2.1").say("SignCertificate", said)
        row = stage.one(SigningRequest)
        assert (row.kind, row.request) == ("V2G20Certificate", 7)
        assert json.loads(row.root) == said["hashRootCertificate"]


async def test_nobody_vouches_for_a_certificate() -> None:
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.1")
        asked = minimal("ocpp2.1", "GetCertificateChainStatus")
        (answer,) = (await station.say("GetCertificateChainStatus", asked))["certificateStatus"]
        assert answer["status"] == "Failed"
        assert answer["certificateHashData"] == asked["certificateStatusRequests"][0]["certificateHashData"]


# The rest.


async def test_how_far_a_station_is() -> None:
    async with Stage() as stage:
        station = stage.station()
        await station.say("SignedFirmwareStatusNotification", {"status": "Downloading", "requestId": 12})
        await station.say("DiagnosticsStatusNotification", {"status": "Uploaded"})
        row = stage.one(Station)
        assert (row.firmware_status, row.log_status) == ("Downloading", "Uploaded")
        assert [(note.kind, note.about) for note in stage.rows.all(Note)] == [
            ("SignedFirmwareStatusNotification", "12"), ("DiagnosticsStatusNotification", ""),
        ]  # fmt: skip


async def test_a_security_event_is_kept_with_its_own_time() -> None:
    async with Stage() as stage:
        said = {"type": "TamperDetectionActivated", "timestamp": stamp(NOON - 60)}
        await stage.station().say("SecurityEventNotification", said)
        note = stage.one(Note)
        assert (note.about, note.at, note.received) == ("TamperDetectionActivated", NOON - 60, NOON)


@pytest.mark.parametrize(("before", "after"), [("Accepted", "Expired"), ("Used", "Used")])
async def test_a_reservation_that_is_over(before: str, after: str) -> None:
    async with Stage() as stage:
        stage.rows.put(Reservation("cp-1", 5, 1, "04AA", "", "", NOON, NOON - 60, before))
        station = stage.station(protocol="ocpp2.0.1")
        said = {"reservationId": 5, "reservationUpdateStatus": "Expired"}
        assert await station.say("ReservationStatusUpdate", said) == {}
        assert await station.say("ReservationStatusUpdate", said | {"reservationId": 6}) == {}
        assert stage.one(Reservation).status == after


@pytest.mark.parametrize(("version", "data"), [("ocpp1.6", '{"total":3}'), ("ocpp2.0.1", {"total": 3})])
async def test_what_vendors_add(monkeypatch: pytest.MonkeyPatch, version: str, data: object) -> None:
    def hook(handling: Handling, message: str, said: Any) -> dict[str, Any] | None:
        return {"status": "Accepted", "data": {"total": len(said)}} if message == "count" else None

    monkeypatch.setitem(vendors.HOOKS, "com.acme", hook)
    async with Stage() as stage:
        station = stage.station(protocol=version)
        said = {"vendorId": "com.Acme", "messageId": "count", "data": "abc"}
        assert await station.say("DataTransfer", said) == {"status": "Accepted", "data": data}
        assert await station.say("DataTransfer", {"vendorId": "com.acme"}) == {"status": "UnknownMessageId"}
        assert await station.say("DataTransfer", said | {"vendorId": "other"}) == {"status": "UnknownVendorId"}
        assert len(stage.rows.all(Note)) == 3
