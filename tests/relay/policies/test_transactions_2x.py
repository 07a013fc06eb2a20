"""2.x: the station names its transactions; who owns one is known from the first event that says so."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.relay.stage import Stage, one
from voltgate.relay.permit import CHARGE
from voltgate.relay.records import OwedRecord, TransactionRecord
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

EMPLOYEE = {"idToken": "04EMA", "type": "ISO14443"}
GUEST = {"idToken": "77", "type": "ISO14443"}


def event(kind: str, seq: int, tx: str = "T1", evse: int | None = 1, **more: Any) -> dict[str, Any]:
    """Write a TransactionEvent."""
    info = {"transactionId": tx} | more.pop("info", {})
    place = {} if evse is None else {"evse": {"id": evse}}
    return {"eventType": kind, "seqNo": seq, "transactionInfo": info, **place, **more}


def split(**more: Any) -> Stage:
    """Make a stage where `b` answers for tokens that begin with 04EM, `a` for everything else, and `c` is told."""
    stage = Stage(
        Rule(tokens=listed(["04em*"]), answer=("b",), copy=("c",)),
        one("a", copy=("c",)),
        version="ocpp2.0.1",
        **more,
    )
    stage.up("b", "c", "a")
    return stage


def happens(stage: Stage, mid: str, fields: dict[str, Any], owner: str, *told: str, reply: Any = None) -> None:
    """Play an event that its owner answers and that others are told of."""
    stage.station.sends(2, mid, "TransactionEvent", fields)
    stage[owner].gets([2, mid, "TransactionEvent", fields])
    for name in told:
        stage[name].gets([2, mid, "TransactionEvent", fields])
        stage[name].sends(3, mid, {})
    stage[owner].sends(3, mid, reply or {})
    stage.station.gets([3, mid, reply or {}])


def test_each_token_has_its_own_backend() -> None:
    """Two cards charge at once: the first event with the token binds each transaction, later ones follow it."""
    stage = split()
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    happens(stage, "2", event("Started", 0, "T2", 2, idToken=GUEST), "a", "c")
    happens(stage, "3", event("Updated", 1), "b", "c")
    happens(stage, "4", event("Updated", 1, "T2", 2), "a", "c")
    happens(stage, "5", event("Ended", 2, idToken=GUEST), "b", "c")
    happens(stage, "6", event("Ended", 2, "T2", 2, idToken=EMPLOYEE), "a", "c")
    assert {(record.id, record.owner) for record in stage.store.of(TransactionRecord)} == {("T1", "b"), ("T2", "a")}
    assert not stage.session.ledger.running


def test_an_owner_that_is_known_late() -> None:
    """The owner first gets, in order, the events that it missed; who answered them is told to the end."""
    stage = split()
    happens(stage, "1", event("Started", 0), "a", "c")
    happens(stage, "2", event("Updated", 1), "a", "c")
    stage["b"].gets()
    live = event("Updated", 2, idToken=EMPLOYEE)
    stage.station.sends(2, "3", "TransactionEvent", live)
    for mid, fields in (("1", event("Started", 0)), ("2", event("Updated", 1))):
        stage["b"].gets([2, mid, "TransactionEvent", fields])
        stage.station.gets()
        stage["b"].sends(3, mid, {})
    stage["b"].gets([2, "3", "TransactionEvent", live])
    for name in ("a", "c"):
        stage[name].gets([2, "3", "TransactionEvent", live])
        stage[name].sends(3, "3", {"idTokenInfo": {"status": "Invalid"}})
    stage["b"].sends(3, "3", {"idTokenInfo": {"status": "Accepted"}})
    stage.station.gets([3, "3", {"idTokenInfo": {"status": "Accepted"}}])
    happens(stage, "4", event("Ended", 3), "b", "a", "c")
    assert stage.store.of(OwedRecord) == []


def test_a_restart_before_the_owner_is_known() -> None:
    """The events that the owner will have missed outlive a restart."""
    stage = split()
    happens(stage, "1", event("Started", 0), "a", "c")
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c", "a")
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1, idToken=EMPLOYEE))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0)])


def test_an_owner_that_was_away_when_it_was_told() -> None:
    """What a backend was only to be told, and did not get, it is owed when the transaction turns out to be its own."""
    employer = Rule(tokens=listed(["04em*"]), answer=("b",), copy=("a",))
    stage = Stage(employer, one("a", copy=("b",)), version="ocpp2.0.1", backends={"b": {"when_down": "wait"}})
    stage.up("b", "a")
    happens(stage, "1", event("Started", 0), "a", "b")
    stage["b"].hangs_up()
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1))
    stage["a"].sends(3, "2", {})
    stage.wait(2)
    stage.station.sends(2, "3", "TransactionEvent", event("Updated", 2, idToken=EMPLOYEE))
    stage.wait(2)
    stage.up("b")
    stage["b"].gets([2, "2", "TransactionEvent", event("Updated", 1)])
    stage["b"].sends(3, "2", {})
    stage.wait(1)
    stage["b"].gets([2, "3", "TransactionEvent", event("Updated", 2, idToken=EMPLOYEE)])
    stage["b"].sends(3, "3", {})
    assert stage.store.of(OwedRecord) == []


@pytest.mark.parametrize("over", [False, True])
def test_a_transaction_that_two_processes_entered(over: bool) -> None:
    """What a station said where it could not be written down, and then elsewhere, is one transaction: the later."""
    stage = split()
    happens(stage, "1", event("Started", 0), "a", "c")
    elsewhere = [*stage.store.of(TransactionRecord), *stage.store.of(OwedRecord)]
    stage.store.records.clear()
    stage.wait(1)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c", "a")
    happens(stage, "2", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    if over:
        happens(stage, "3", event("Ended", 1), "b", "c")
    for record in elsewhere:
        stage.store.put(record)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c", "a")
    stage.station.sends(2, "4", "TransactionEvent", event("Ended", 1))
    stage["a"].gets()
    if not over:
        stage["b"].gets([2, "4", "TransactionEvent", event("Ended", 1)])
        stage["b"].sends(3, "4", {})
    stage.station.gets([3, "4", {}])
    assert not stage.session.ledger.running
    assert stage.store.of(OwedRecord) == []


@pytest.mark.parametrize("again", [False, True])
def test_what_two_processes_owe_of_one_transaction(again: bool) -> None:
    """What is owed of the one that counts no more is struck out: the station has said it again, and it is owed anew."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends={"b": {"deliver": "always"}})
    stage.up("a")
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    elsewhere = [*stage.store.of(TransactionRecord), *stage.store.of(OwedRecord)]
    stage.store.records.clear()
    stage.wait(1)
    stage["b"].dials.clear()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "2", "TransactionEvent", event("Started", 0))
    for record in elsewhere:
        stage.store.put(record)
    if again:
        stage.session.ledger.read(stage.store.page("cp-1"))
    else:
        stage["b"].dials.clear()
        stage.session, stage.station = stage.newcomer()
        stage.open()
    stage.up("b")
    stage["b"].gets([2, "2", "TransactionEvent", event("Started", 0)])
    stage["b"].sends(3, "2", {})
    stage.wait(1)
    stage["b"].gets()
    assert [record.backend for record in stage.store.of(OwedRecord)] == [""], "for an owner who is not known yet"


def test_a_transaction_that_never_has_a_token() -> None:
    """A transaction without token belongs to whoever answers without one, and nothing is kept after its end."""
    stage = split()
    happens(stage, "1", event("Started", 0), "a", "c")
    assert len(stage.store.of(OwedRecord)) == 1
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    assert len(stage.store.of(OwedRecord)) == 1, "a repeated event is kept once"
    stage["a"].line.take()
    stage["a"].sends(3, "1", {})
    stage.station.take()
    happens(stage, "2", event("Ended", 1), "a", "c")
    assert stage.store.of(OwedRecord) == []


def test_an_event_that_is_repeated_is_missed_once() -> None:
    """An event that comes again before the owner is known is delivered to it once, also where nobody else is told."""
    stage = Stage(Rule(tokens=listed(["04em*"]), answer=("b",)), one("a"), version="ocpp2.0.1")
    stage.up("b", "a")
    happens(stage, "1", event("Started", 0), "a")
    stage.station.sends(2, "1b", "TransactionEvent", event("Started", 0, offline=True))
    stage.station.gets([3, "1b", {}])
    stage["a"].gets()
    stage.station.sends(2, "2", "TransactionEvent", event("Ended", 1, idToken=EMPLOYEE))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0)])
    stage["b"].sends(3, "1", {})
    stage["b"].gets([2, "2", "TransactionEvent", event("Ended", 1, idToken=EMPLOYEE)])


def test_the_same_backend_turns_out_to_own_it() -> None:
    """When who answered so far is the owner, it gets nothing twice."""
    stage = split()
    happens(stage, "1", event("Started", 0), "a", "c")
    happens(stage, "2", event("Updated", 1, idToken=GUEST), "a", "c")
    assert stage.store.of(OwedRecord) == []


def test_a_remote_start() -> None:
    """The number of a remote start binds its transaction, whatever the rules say of the card."""
    stage = split(backends={"b": {"permit": CHARGE}})
    ask = {"idToken": GUEST, "remoteStartId": 7, "evseId": 1}
    stage["b"].sends(2, "r", "RequestStartTransaction", ask)
    stage.station.gets([2, "r", "RequestStartTransaction", ask])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["b"].gets([3, "r", {"status": "Accepted"}])
    stage["a"].sends(2, "q", "RequestStartTransaction", ask | {"evseId": 2})
    (sent,) = stage.station.take()
    other = sent[3]["remoteStartId"]
    assert other != 7, "the same number of another backend is another at the station"
    stage.station.sends(3, "q", {"status": "Accepted"})
    stage["a"].line.take()
    started = event("Started", 0, info={"remoteStartId": 7})
    stage.station.sends(2, "1", "TransactionEvent", started)
    stage["b"].gets([2, "1", "TransactionEvent", started])
    for name in ("a", "c"):
        stage[name].gets([2, "1", "TransactionEvent", event("Started", 0)])
    stage.station.sends(2, "2", "TransactionEvent", event("Started", 0, "T2", 2, info={"remoteStartId": other}))
    stage["a"].gets([2, "2", "TransactionEvent", event("Started", 0, "T2", 2, info={"remoteStartId": 7})])


def test_a_reservation() -> None:
    """A transaction that uses a reservation belongs to who reserved, and so does what becomes of the reservation."""
    stage = split()
    for name in ("b", "a"):
        stage[name].sends(2, "r", "ReserveNow", {"id": 1, "idToken": GUEST, "expiryDateTime": "x"})
        (sent,) = stage.station.take()
        stage.station.sends(3, sent[1], {"status": "Accepted"})
        stage[name].line.take()
        number = sent[3]["id"]
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0, reservationId=1))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0, reservationId=1)])
    for name in ("a", "c"):
        stage[name].gets([2, "1", "TransactionEvent", event("Started", 0)])
    stage.station.sends(
        2, "2", "ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Expired"}
    )
    stage["a"].gets([2, "2", "ReservationStatusUpdate", {"reservationId": 1, "reservationUpdateStatus": "Expired"}])
    stage["b"].sends(2, "c", "CancelReservation", {"reservationId": 9})
    stage["b"].gets([3, "c", {"status": "Rejected"}])


def test_reports_go_to_who_asked() -> None:
    """Two backends ask for a report under the same number: each gets its own, and nobody else does."""
    stage = split()
    numbers = {}
    for name in ("a", "b"):
        stage[name].sends(2, "r", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
        (sent,) = stage.station.take()
        numbers[name] = sent[3]["requestId"]
        stage.station.sends(3, sent[1], {"status": "Accepted"})
        stage[name].gets([3, "r", {"status": "Accepted"}])
    assert numbers["a"] != numbers["b"]
    for name, number in numbers.items():
        report = {"requestId": number, "seqNo": 0, "generatedAt": "x"}
        stage.station.sends(2, name, "NotifyReport", report)
        stage[name].gets([2, name, "NotifyReport", report | {"requestId": 1}])
        stage[name].sends(3, name, {})
        stage.station.gets([3, name, {}])
    stage["c"].gets()
    stage.station.sends(2, "u", "NotifyReport", {"requestId": 555})
    stage["a"].gets([2, "u", "NotifyReport", {"requestId": 555}])


def test_what_happens_at_an_evse_follows_its_transaction() -> None:
    """Status and meter values of an EVSE are answered by the owner of what runs there; all are told."""
    stage = split()
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": "x"}
    stage.station.sends(2, "2", "StatusNotification", status)
    for name in ("b", "a", "c"):
        stage[name].gets([2, "2", "StatusNotification", status])
    stage["a"].sends(3, "2", {"from": "a"})
    stage["b"].sends(3, "2", {})
    stage.station.gets([3, "2", {}])
    stage.station.sends(2, "3", "MeterValues", {"evseId": 1, "meterValue": []})
    stage["b"].gets([2, "3", "MeterValues", {"evseId": 1, "meterValue": []}])
    stage.station.sends(2, "4", "MeterValues", {"evseId": 2, "meterValue": []})
    stage["a"].gets([2, "4", "MeterValues", {"evseId": 2, "meterValue": []}])


def test_an_end_that_is_answered_with_an_error() -> None:
    """A last event that its owner answers with an error has not ended the transaction."""
    stage = split()
    stage.station.sends(2, "1", "TransactionEvent", event("Ended", 1, idToken=EMPLOYEE))
    stage["b"].sends(4, "1", "InternalError", "", {})
    assert stage.session.ledger.running
    stage.station.sends(2, "2", "StatusNotification", {"evseId": 2, "connectorId": 1})
    stage["a"].gets([2, "2", "StatusNotification", {"evseId": 2, "connectorId": 1}])


def test_an_owner_that_does_not_take_what_it_missed() -> None:
    """While the owner does not take what it missed, the live event waits; then the station is let go, and keeps it."""
    stage = split(backend_patience=20)
    happens(stage, "1", event("Started", 0), "a", "c")
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1, idToken=EMPLOYEE))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0)])
    stage.wait(20.3)
    stage["b"].gets()
    assert stage.station.closed == (1001, "Nobody took TransactionEvent: keep it and come again")
    assert len(stage.store.of(OwedRecord)) == 1


def test_a_signed_event_is_read_and_left_alone() -> None:
    """The token inside a signed event binds the transaction; not a byte of it changes."""
    stage = split()
    inside = base64.urlsafe_b64encode(json.dumps(event("Started", 0, idToken=EMPLOYEE)).encode()).decode().rstrip("=")
    signed = {"payload": inside, "protected": "e30", "signature": "x"}
    stage.station.sends(2, "1", "TransactionEvent-Signed", signed)
    stage["b"].gets([2, "1", "TransactionEvent-Signed", signed])


def test_only_the_owner_stops() -> None:
    """A request to stop somebody else's transaction is rejected here."""
    stage = split(backends={"a": {"permit": CHARGE}, "b": {"permit": CHARGE}})
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    stage["a"].sends(2, "r", "RequestStopTransaction", {"transactionId": "T1"})
    stage["a"].gets([3, "r", {"status": "Rejected"}])
    stage["b"].sends(2, "r", "RequestStopTransaction", {"transactionId": "T1"})
    stage.station.gets([2, "r", "RequestStopTransaction", {"transactionId": "T1"}])


def test_an_event_without_a_transaction() -> None:
    """An event that names no transaction goes by the rules."""
    stage = split()
    stage.station.sends(2, "1", "TransactionEvent", {"eventType": "Updated"})
    stage["a"].gets([2, "1", "TransactionEvent", {"eventType": "Updated"}])


def test_with_one_backend() -> None:
    """With one backend the transaction is bound at once, and who owns it is on record."""
    stage = Stage(one("a"), version="ocpp2.0.1")
    stage.up("a")
    happens(stage, "1", event("Started", 0), "a")
    (record,) = stage.store.of(TransactionRecord)
    assert (record.owner, record.id) == ("a", "T1")
    happens(stage, "2", event("Updated", 1), "a")


def test_nobody_is_there() -> None:
    """An event that no rule is for lets the station go, so that it keeps it."""
    for token in ({}, {"idToken": GUEST}):
        stage = Stage(
            Rule(actions=("Heartbeat",), answer=("a",)),
            Rule(actions=("StatusNotification",), answer=("b",)),
            version="ocpp2.0.1",
        )
        stage.station.sends(2, "1", "TransactionEvent", event("Started", 0, **token))
        assert stage.station.closed == (1008, "No rule says who answers TransactionEvent")
