"""What operators have told stations, as it is kept with what stations say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.table import parameters
from voltgate.csms.model import Reservation, SigningRequest, Station, Transaction
from voltgate.csms.operators import Known, Operators
from voltgate.ocpp.messages import Error, Reply
from voltgate.relay.records import StoreAway

LATER = "2030-01-01T00:00:00Z"


def telling(stage: Stage, station: FakeStation) -> Callable[..., Any]:
    """Return what tells a station something for an operator."""

    async def look(key: str) -> Known | None:
        return Known(station.protocol)

    async def call(key: str, action: str, payload: dict[str, Any], patience: float) -> Reply:
        return await stage.csms.call(key, action, payload, patience)

    operators = Operators(call, look, lambda: stage.now, lambda: 1.0, record=stage.csms.record)

    async def tell(name: str, **fields: Any) -> Outcome:
        return await operators.tell("cp-1", name, parameters(name, fields), "anna")

    return tell


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_reservation(protocol: str) -> None:
    """It is kept with the number that the station knows it by, and with what became of it."""
    async with Stage() as stage:
        station = stage.station(protocol=protocol)
        await stage.wait(0)
        tell = telling(stage, station)
        outcome = await tell("reserve", token="04AA", expires=LATER, evse=1, group="fleet")
        row = stage.one(Reservation)
        assert row.number == outcome.result["reservation"] > 0
        assert (row.station, row.evse, row.token, row.group, row.made) == ("cp-1", 1, "04AA", "fleet", NOON)
        assert row.status == "Accepted"
        await tell("cancel-reservation", id=row.number)
        assert stage.one(Reservation).status == "Cancelled"


@pytest.mark.parametrize(
    ("reply", "status"),
    [({"status": "Occupied"}, "Occupied"), (Error("1", "InternalError"), "InternalError"), ({}, "Waiting")],
)
async def test_a_reservation_that_a_station_does_not_take(reply: Any, status: str) -> None:
    """Its word is kept; where it says nothing of use nobody knows."""
    async with Stage() as stage:
        station = stage.station()
        await stage.wait(0)
        station.replies["ReserveNow"] = reply
        await telling(stage, station)("reserve", token="04AA", expires=LATER, id=7)
        row = stage.one(Reservation)
        assert (row.number, row.status) == (7, status)
        station.replies["CancelReservation"] = {"status": "Rejected"}
        await telling(stage, station)("cancel-reservation", id=7)
        assert stage.one(Reservation).status == status


async def test_a_reservation_that_is_used_at_once() -> None:
    """The transaction may come before the station's answer: the reservation stays used."""
    async with Stage() as stage:
        station = stage.station()
        await stage.wait(0)
        begun = {"connectorId": 1, "idTag": "04AA", "meterStart": 1, "reservationId": 7, "timestamp": LATER}

        async def look(key: str) -> Known:
            return Known("ocpp1.6")

        async def call(key: str, action: str, payload: dict[str, Any], patience: float) -> Reply:
            await station.say("StartTransaction", begun)
            return await stage.csms.call(key, action, payload, patience)

        operators = Operators(call, look, lambda: stage.now, lambda: 1.0, record=stage.csms.record)
        await operators.tell("cp-1", "reserve", parameters("reserve", {"token": "04AA", "expires": LATER, "id": 7}), "")
        row = stage.one(Reservation)
        assert (row.status, row.ref) == ("Used", stage.one(Transaction).ref)


async def test_a_reservation_without_a_database() -> None:
    """A station is told of none that cannot be written down."""
    async with Stage() as stage:
        station = stage.station()
        await stage.wait(0)
        stage.rows.away = "gone"
        with pytest.raises(StoreAway):
            await telling(stage, station)("reserve", token="04AA", expires=LATER)
        assert station.asked == []


async def test_a_certificate_that_was_signed() -> None:
    """It is kept with the request, which waits no longer: another one is another request."""
    async with Stage() as stage:
        station = stage.station(protocol="ocpp2.0.1")
        tell = telling(stage, station)
        await station.say("SignCertificate", {"csr": "one"})
        station.replies["CertificateSigned"] = {"status": "Rejected"}
        await tell("certificate-signed", chain="PEM")
        assert stage.one(SigningRequest).status == "waiting"
        station.replies.clear()
        await tell("certificate-signed", chain="PEM", kind="v2g")
        assert stage.one(SigningRequest).status == "waiting", "that is another kind"
        await tell("certificate-signed", chain="PEM")
        assert (stage.one(SigningRequest).status, stage.one(SigningRequest).chain) == ("signed", "PEM")
        await station.say("SignCertificate", {"csr": "two"})
        assert [each.status for each in stage.rows.all(SigningRequest)] == ["signed", "waiting"]


async def test_the_version_of_the_local_list() -> None:
    """It is known once it was asked for, or sent."""
    async with Stage() as stage:
        station = stage.station()
        await stage.wait(0)
        tell = telling(stage, station)
        station.replies["GetLocalListVersion"] = {"listVersion": 4}
        await tell("local-list-version")
        assert stage.one(Station).list_version == 4
        await tell("local-list", version=5, update="full", tokens=[{"token": "04AA", "status": "Accepted"}])
        assert stage.one(Station).list_version == 5
        station.replies["SendLocalList"] = {"status": "Failed"}
        await tell("local-list", version=6, update="full", tokens=[{"token": "04AA", "status": "Accepted"}])
        assert stage.one(Station).list_version == 5
