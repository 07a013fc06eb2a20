"""Where registration, permits, numbers and ownership meet: transcripts of what went wrong between two of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.calls import BEAT, BOOT, RESET, boots
from tests.relay.policies.test_transactions_16 import START, split
from tests.relay.stage import Stage, one, playing
from voltgate.relay.ledger import LedgerSettings
from voltgate.relay.permit import CHARGE, Permit
from voltgate.relay.records import Page

OWN = Permit("own", ("*",))
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
REPORT = {"requestId": 7, "seqNo": 0}


def shared(version: str = "ocpp1.6", registered: str | None = None) -> Stage:
    """Make a stage whose station is shared by two backends; the first of them answers."""
    stage = Stage(one("a", copy=("b",)), version=version, registered=registered)
    stage.up("a", "b")
    return stage


def told(stage: Stage, status: str) -> None:
    """Have the station boot, and the first backend answer."""
    boots(stage, status)
    stage["b"].line.take()


@pytest.mark.parametrize("number", [0, -1])
def test_no_reservation_is_nobodys(number: int) -> None:
    """A station that says 0 or -1 where it has no reservation gives its sessions to nobody who has used that number."""
    stage = split(backends={"b": {"permit": CHARGE}})
    reserve = {"connectorId": 1, "expiryDate": "2027-01-15T08:00:00Z", "idTag": "04EMA", "reservationId": number}
    stage["b"].sends(2, "r", "ReserveNow", reserve)
    ((*_, sent),) = stage.station.take()
    stage.station.sends(3, "r", {"status": "Rejected"})
    stage.station.sends(2, "s", "StartTransaction", START | {"idTag": "77", "reservationId": number})
    assert next(iter(stage.session.ledger)).owner == "a"
    stage["b"].line.take()
    stage["b"].sends(2, "c", "CancelReservation", {"reservationId": number})
    stage.station.gets([2, "c", "CancelReservation", {"reservationId": sent["reservationId"]}])


def test_a_start_whose_owner_was_taken_out_and_that_a_copy_has_numbered() -> None:
    """It is the one's that answers its repetition: that gets the stop, in its number."""
    stage = Stage(one("a", copy=("c",)))
    stage.up("c")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["c"].sends(3, "s", {"transactionId": 9, **ACCEPTED})
    stage.unknown.add("a")
    stage.moves(one("b", copy=("c",)))
    stage.station.hangs_up()
    for far in stage.far.values():
        far.dials.clear()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c")
    stage.station.sends(2, "t", "StartTransaction", START)
    stage["b"].gets([2, "t", "StartTransaction", START])
    stage["b"].sends(3, "t", {"transactionId": 5, **ACCEPTED})
    ((_, _, answer),) = stage.station.take()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": answer["transactionId"], "meterStop": 9})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


@pytest.mark.parametrize(
    ("action", "fields"), [("Reset", {"type": "Hard"}), ("RemoteStartTransaction", {"idTag": "77", "connectorId": 1})]
)
def test_a_backend_that_was_left_asks_nothing(action: str, fields: dict[str, Any]) -> None:
    """A backend that only still has a call to answer neither ends the session of the next nor starts one for it."""
    stage = playing("a", backends={"a": {"permit": OWN}, "b": {"permit": OWN}})
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage.up("b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    stage.station.take()
    stage["a"].sends(2, "r", action, fields)
    stage.station.gets()


def test_a_stop_from_before_is_not_that_of_another_card() -> None:
    """A stop of a number that nobody knows does not go to whoever owns a start that was answered with an error."""
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(4, "s", "InternalError", "", {})
    stage.station.take()
    stage["a"].line.take()
    stage["b"].line.take()
    stop = {"transactionId": 4711, "idTag": "77", "meterStop": 9}
    stage.station.sends(2, "x", "StopTransaction", stop)
    stage["a"].gets([2, "x", "StopTransaction", stop])
    stage["a"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    (pending,) = stage.session.ledger.running.values()
    assert not pending.over


def test_a_short_silence() -> None:
    """Whatever `ledger.silence` is, a session that its station speaks of every minute is believed to run."""
    stage = playing("a", "b", ledger=LedgerSettings(silence=600.0))
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    ((_, _, answer),) = stage.station.take()
    for n in range(30):
        stage.now += 60
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": 1, "transactionId": answer["transactionId"]})
        stage["a"].sends(3, f"m{n}", {})
        assert stage.session.ledger.counting(), n


def test_a_long_session_of_an_only_backend() -> None:
    """A session that its station speaks of all the time runs still when a second backend comes after a day."""
    stage = playing("a", backends={"a": {"permit": OWN}, "b": {"permit": OWN}})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    for n in range(49):
        stage.now += 1800
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": 1, "transactionId": 5})
        stage["a"].sends(3, f"m{n}", {})
    stage.station.take()
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    stage["b"].sends(*RESET)
    stage.station.gets()


def test_one_number_of_a_remote_start_before_and_after_a_second_backend() -> None:
    """Two backends number their remote starts alike, the first while it was alone: each gets its own session."""
    stage = playing("a", version="ocpp2.0.1")
    card = {"idToken": "77", "type": "ISO14443"}
    other = {"idToken": "88", "type": "ISO14443"}
    stage["a"].sends(2, "r", "RequestStartTransaction", {"remoteStartId": 1, "idToken": card, "evseId": 1})
    stage.station.take()
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    stage["b"].sends(2, "q", "RequestStartTransaction", {"remoteStartId": 1, "idToken": other, "evseId": 2})
    ((*_, sent),) = stage.station.take()
    stage.station.sends(3, "q", {"status": "Accepted"})
    for name, evse, number, token in (("T2", 2, sent["remoteStartId"], other), ("T1", 1, 1, card)):
        info = {"transactionId": name, "remoteStartId": number}
        begun = {"eventType": "Started", "seqNo": 0, "transactionInfo": info, "evse": {"id": evse}, "idToken": token}
        stage.station.sends(2, name, "TransactionEvent", begun)
    assert [stage.session.ledger.find(name).owner for name in ("T1", "T2")] == ["a", "b"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("version", "name"), [("ocpp1.6", "chargingProfileId"), ("ocpp2.0.1", "id")])
def test_clearing_under_the_name_of_another_version(version: str, name: str) -> None:
    """Who may not limit does not clear all profiles by naming its own where the station does not look."""
    stage = Stage(one("a", copy=("b",)), version=version, backends={"b": {"permit": CHARGE}})
    stage.up("a", "b")
    stage.session.ledger.numbers.outward("profile", "b", 5)
    stage["b"].sends(2, "c", "ClearChargingProfile", {name: 5})
    stage.station.gets()


def test_a_start_whose_card_was_refused() -> None:
    """A start whose card its owner refused, and that no stop follows, is in nobody's way for a day."""
    stage = split(backends={"a": {"permit": OWN}, "b": {"permit": OWN}})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(3, "s", {"transactionId": 0, "idTagInfo": {"status": "Invalid"}})
    stage.station.take()
    stage.now += 601
    stage["a"].sends(*RESET)
    stage.station.gets([*RESET])


@pytest.mark.parametrize("registered", [None, "Accepted", "Pending"])
def test_a_report_asked_for_while_the_boot_is_open(registered: str | None) -> None:
    """What waited for the answer to the boot, and goes out because that is Pending, may be answered."""
    stage = shared("ocpp2.0.1", registered)
    stage.station.sends(*BOOT)
    stage["a"].gets([*BOOT])
    base = {"requestId": 7, "reportBase": "FullInventory"}
    stage["a"].sends(2, "c", "GetBaseReport", base)
    stage.station.gets()
    stage["a"].sends(3, "b", {"status": "Pending", "interval": 60})
    stage.station.gets([3, "b", {"status": "Pending", "interval": 60}], [2, "c", "GetBaseReport", base])
    stage.station.sends(3, "c", {"status": "Accepted"})
    stage["a"].line.take()
    stage.station.sends(2, "n", "NotifyReport", REPORT)
    stage["a"].gets([2, "n", "NotifyReport", REPORT])


def test_a_report_that_lasts_longer_than_the_interval() -> None:
    """The rest of a report passes although the station has meanwhile booted again, and is Pending still."""
    stage = shared("ocpp2.0.1")
    told(stage, "Pending")
    stage["a"].sends(2, "c", "GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    stage.station.take()
    stage.station.sends(3, "c", {"status": "Accepted"})
    stage["a"].line.take()
    told(stage, "Pending")
    stage.station.sends(2, "n", "NotifyReport", REPORT)
    stage["a"].gets([2, "n", "NotifyReport", REPORT])


def test_what_waited_for_two_does_not_hold_up_one() -> None:
    """An only backend that is left asks at once, although a command had to wait while there were two."""
    stage = shared()
    stage["b"].sends(*RESET)
    stage.moves(one("a"))
    stage.station.take()
    stage["a"].sends(2, "g", "GetConfiguration", {})
    assert stage.station.take() or stage.session.turns.open_calls
    assert not stage.session.dispatcher.registration.held


def test_a_rejected_station_that_came_while_the_database_was_away() -> None:
    """Once the record is read the station is as it was: rejected, and asked nothing."""
    stage = shared()
    told(stage, "Rejected")
    stage.station.hangs_up()
    ledger = stage.ports.ledger("cp-1", Page("cp-1"))
    ledger.unread = ledger.incomplete = True
    stage.session, stage.station = stage.newcomer(ledger)
    stage.open()
    stage.up("a", "b")
    ledger.read(stage.store.page("cp-1"))
    stage.moves(one("a", copy=("b",)))  # as `Gateway.read_again` does
    stage["b"].sends(*RESET)
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "SecurityError", "The BootNotification is not accepted yet", {}])
