"""Numbers that live long: those minted while there was one backend, and those in daily use."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.relay.policies.test_commands import PROFILE, asks
from tests.relay.policies.test_transactions_16 import ACCEPTED, OTHER, split, starts, told
from tests.relay.stage import Stage, one
from voltgate.relay.permit import Permit
from voltgate.relay.records import NumberRecord

LIMITS = {"permit": Permit("l", ("*",), limit=True)}
RESERVE = {"reservationId": 1, "connectorId": 1, "idTag": "77"}
DEFAULT = PROFILE | {"chargingProfilePurpose": "TxDefaultProfile"}
DISPLAY = {"message": {"id": 1, "priority": "AlwaysFront", "message": {"format": "UTF8", "content": "x"}}}
A_DAY = 86400.0


def alone(version: str = "ocpp1.6", **more: Any) -> Stage:
    """Make a stage with one backend, to which another one will be told of everything."""
    stage = Stage(one("a"), version=version, backends={"a": LIMITS, "b": LIMITS}, **more)
    stage.up("a")
    return stage


def joined(stage: Stage) -> Stage:
    """Let a second backend come to a stage."""
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    return stage


@pytest.mark.parametrize(
    ("version", "mint", "fields", "clear", "named"),
    [
        ("ocpp1.6", "ReserveNow", RESERVE, "CancelReservation", {"reservationId": 1}),
        ("ocpp1.6", "SetChargingProfile", {"csChargingProfiles": DEFAULT}, "ClearChargingProfile", {"id": 1}),
        ("ocpp2.0.1", "SetDisplayMessage", DISPLAY, "ClearDisplayMessage", {"id": 1}),
    ],
)
def test_a_second_backend_comes(version: str, mint: str, fields: Any, clear: str, named: Any) -> None:
    """What the only backend has numbered stays its own when a second comes, which cannot reach it by its number."""
    stage = alone(version)
    assert asks(stage, "a", mint, fields) == [mint, fields]
    joined(stage)
    assert asks(stage, "b", clear, named) != [clear, named]
    (_, sent) = asks(stage, "b", mint, fields)
    assert sent != fields, "the number is taken"
    assert asks(stage, "a", clear, named) == [clear, named]


def test_a_reservation_from_before_is_used() -> None:
    """The start that uses a reservation of the time with one backend belongs to that backend."""
    stage = alone()
    asks(stage, "a", "ReserveNow", RESERVE)
    stage.moves(one("b", copy=("a",)))
    stage.up("b")
    stage.station.sends(2, "s", "StartTransaction", OTHER | {"reservationId": 1})
    stage["a"].gets([2, "s", "StartTransaction", OTHER | {"reservationId": 1}])
    stage["a"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    stage["b"].gets([2, "s", "StartTransaction", OTHER])


def test_the_only_backend_does_not_wait_for_the_disk() -> None:
    """With one backend its number is put on record while its call goes on, byte for byte."""
    stage = alone()
    stage.store.slow = True
    stage["a"].sends(b'[2, "r", "ReserveNow", {"reservationId": 1 }]')
    stage.station.gets(b'[2, "r", "ReserveNow", {"reservationId": 1 }]')
    assert [record.number for record in stage.store.of(NumberRecord)] == [1]


def test_the_only_backend_takes_a_number_over() -> None:
    """What the only backend sets under a number of one that has left takes the place of that at the station."""
    stage = split(backends={"a": LIMITS, "b": LIMITS})
    asks(stage, "b", "ReserveNow", RESERVE)
    stage.moves(one("a"))
    assert asks(stage, "a", "ReserveNow", RESERVE) == ["ReserveNow", RESERVE]
    joined(stage)
    assert asks(stage, "a", "CancelReservation", {"reservationId": 1}) == ["CancelReservation", {"reservationId": 1}]
    assert asks(stage, "b", "CancelReservation", {"reservationId": 1}) == {"status": "Rejected"}


def test_a_number_that_is_used_again() -> None:
    """A profile that the only backend sets again and again is on record once."""
    stage = alone()
    for _ in range(3):
        asks(stage, "a", "SetChargingProfile", {"csChargingProfiles": DEFAULT})
    written: list[Any] = []
    stage.store.put = written.append  # type: ignore[method-assign]
    asks(stage, "a", "SetChargingProfile", {"csChargingProfiles": DEFAULT})
    assert not [record for record in written if isinstance(record, NumberRecord)]


def test_requests_are_not_kept_for_the_only_backend() -> None:
    """What is answered within minutes is not put on record while there is one backend."""
    stage = alone()
    asks(stage, "a", "GetLog", {"requestId": 1, "logType": "DiagnosticsLog"})
    assert stage.store.of(NumberRecord) == []


def test_a_number_in_use_does_not_grow_old() -> None:
    """A number that is used is noted as used, once a day: what is not used for long is forgotten by the database."""
    stage = split(backends={"a": LIMITS, "b": LIMITS})
    for name in ("a", "b"):
        asks(stage, name, "ReserveNow", RESERVE)
    ours = {record.backend: record.number for record in stage.store.of(NumberRecord)}
    written: list[Any] = []
    keep = stage.store.put
    stage.store.put = lambda record: (written.append(record), keep(record))[1]  # type: ignore[func-returns-value]

    def uses() -> None:
        asks(stage, "b", "CancelReservation", {"reservationId": 1})
        asks(stage, "a", "ReserveNow", RESERVE)
        stage.station.sends(2, "u", "ReservationStatusUpdate", {"reservationId": ours["b"]})

    for _ in range(3):
        stage.now += A_DAY / 2
        uses()
    numbers = [record for record in written if isinstance(record, NumberRecord)]
    assert sorted(record.backend for record in numbers) == ["a", "b"]
    at = {record.backend: record.at for record in stage.store.of(NumberRecord)}
    assert at["a"] == at["b"] == stage.now + 1_800_000_000.0 - A_DAY / 2


def test_what_a_station_says_of_a_number_keeps_it() -> None:
    """A number that only the station speaks of is in use, too."""
    stage = split()
    asks(stage, "b", "ReserveNow", RESERVE)
    stage.now += 2 * A_DAY
    stage.station.sends(2, "u", "ReservationStatusUpdate", {"reservationId": 1})
    (record,) = stage.store.of(NumberRecord)
    assert record.at == stage.now + 1_800_000_000.0


def test_of_too_many_numbers_that_in_use_is_not_forgotten() -> None:
    """Of too many numbers the one that was not used for longest is forgotten."""
    stage = split()
    for n in range(512):
        asks(stage, "b", "GetLog", {"requestId": n, "logType": "DiagnosticsLog"})
    stage.now += 2 * A_DAY
    asks(stage, "b", "GetLog", {"requestId": 0, "logType": "DiagnosticsLog"})
    asks(stage, "b", "GetLog", {"requestId": 999, "logType": "DiagnosticsLog"})
    kept = {record.theirs for record in stage.store.of(NumberRecord)}
    assert 0 in kept
    assert 1 not in kept


# A connector that is none.


def test_a_remote_start_on_connector_0() -> None:
    """A remote start that names connector 0 names none: the session on any connector belongs to who asked for it."""
    stage = split()
    asks(stage, "b", "RemoteStartTransaction", {"idTag": "77", "connectorId": 0})
    stage["a"].line.take()
    starts(stage, "b", 5, OTHER)
    told(stage, "a", 40, OTHER)


def test_what_is_kept_of_the_only_backend_is_little() -> None:
    """A backend that numbers its profiles anew each time fills no memory: of what it made, the last few are kept."""
    stage = alone()
    for n in range(70):
        profile = {"csChargingProfiles": DEFAULT | {"chargingProfileId": n}}
        assert asks(stage, "a", "SetChargingProfile", profile) == ["SetChargingProfile", profile]
    assert sorted(record.number for record in stage.store.of(NumberRecord)) == list(range(6, 70))


def test_a_remote_start_from_before() -> None:
    """The session that the only backend has asked for is its own, though another answers by the time it begins."""
    stage = alone()
    stage.store.slow = True
    stage["a"].sends(b'[2, "r", "RemoteStartTransaction", {"idTag": "77" }]')
    stage.station.gets(b'[2, "r", "RemoteStartTransaction", {"idTag": "77" }]')
    stage.station.sends(3, "r", ACCEPTED)
    stage["a"].line.take()
    stage.store.slow = False
    stage.moves(one("b", copy=("a",)))
    stage.up("b")
    starts(stage, "a", 5, OTHER)
    told(stage, "b", 40, OTHER)


def test_the_other_backend_leaves() -> None:
    """A number under which the station knows something of the backend that is left is mapped on, both ways."""
    stage = split(backends={"a": LIMITS, "b": LIMITS})
    for name in ("b", "a"):
        asks(stage, name, "SetChargingProfile", {"csChargingProfiles": DEFAULT})
        (_, reserved) = asks(stage, name, "ReserveNow", RESERVE)
    number = reserved["reservationId"]
    assert number != 1
    stage.moves(one("a"))
    profile = {(each.kind, each.backend): each.number for each in stage.store.of(NumberRecord)}["profile", "a"]
    (_, sent) = asks(stage, "a", "SetChargingProfile", {"csChargingProfiles": DEFAULT})
    assert sent["csChargingProfiles"]["chargingProfileId"] == profile
    assert asks(stage, "a", "ClearChargingProfile", {"id": 1}) == ["ClearChargingProfile", {"id": profile}]
    stage["a"].line.take()
    stage.station.sends(2, "u", "ReservationStatusUpdate", {"reservationId": number})
    stage["a"].gets([2, "u", "ReservationStatusUpdate", {"reservationId": 1}])
    stage["a"].sends(3, "u", {})
    stage.station.take()
    for other in (1, 99):  # of the backend that has left, and of nobody
        stage.station.sends(2, "u", "ReservationStatusUpdate", {"reservationId": other})
        stage["a"].gets([2, "u", "ReservationStatusUpdate", {"reservationId": other}])
        stage["a"].sends(3, "u", {})
        stage.station.take()
    assert asks(stage, "a", "ClearChargingProfile", {"id": 7}) == ["ClearChargingProfile", {"id": 7}]


def test_a_signed_call_of_the_backend_that_is_left() -> None:
    """What is signed cannot be mapped: it is refused where the station would take it for something else."""
    stage = joined(alone("ocpp2.0.1"))
    asks(stage, "b", "SetDisplayMessage", DISPLAY)
    assert asks(stage, "a", "SetDisplayMessage", DISPLAY)[1] != DISPLAY
    stage.moves(one("a"))
    inside = base64.urlsafe_b64encode(json.dumps({"id": 1}).encode()).decode()
    signed = {"payload": inside, "signature": "x"}
    assert asks(stage, "a", "ClearDisplayMessage-Signed", signed) != ["ClearDisplayMessage-Signed", signed]
    inside = base64.urlsafe_b64encode(json.dumps({"id": 2}).encode()).decode()
    signed = {"payload": inside, "signature": "x"}
    assert asks(stage, "a", "ClearDisplayMessage-Signed", signed) == ["ClearDisplayMessage-Signed", signed]
