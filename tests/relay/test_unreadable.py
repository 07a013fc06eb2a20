"""Records that cannot be read: they stay as they are, everything else is read, and what depends on them is in doubt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.relay.stage import CALENDAR, START, Stage
from voltgate.relay.records import (
    FactRecord,
    InvitationRecord,
    Nowhere,
    OwedRecord,
    TransactionRecord,
)
from voltgate.relay.rule import Rule

ANSWERED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
BEGIN = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
LET_GO = (1013, "The database is away: nobody knows what runs here")
NOW = CALENDAR + START
SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no JSON": lambda data: b'{"copies":',
    "no text": lambda data: b"\xff",
    "no object": lambda data: b"[]",
    "empty": lambda data: b"{}",
    "a name is missing": lambda data: {name: value for name, value in data.items() if name != "numbers"},
    "a number is a text": lambda data: data | {"numbers": {"a": "5"}},
    "a list is none": lambda data: data | {"copies": "b"},
    "names are numbers": lambda data: data | {"took": {"x": [1]}},
    "a table is none": lambda data: data | {"answered": []},
}


def spoil(record: Any, how: Callable[[dict[str, Any]], Any]) -> Any:
    """Return a record with other data."""
    data = how(json.loads(record.data))
    return replace(record, data=data if isinstance(data, bytes) else json.dumps(data).encode())


def charging(*names: str) -> Stage:
    """Return a stage on which a transaction runs that the first backend owns, and which is on disk."""
    stage = Stage(Rule(answer=names[:1], copy=names[1:]), backends={names[-1]: {"deliver": "always"}})
    stage.up(*names)
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    stage[names[0]].gets([2, "s", "StartTransaction", BEGIN])
    stage[names[0]].sends(3, "s", ANSWERED)
    return stage


def again(stage: Stage) -> Stage:
    """Let the station come in again: what is on record is read anew."""
    for far in stage.far.values():
        far.dials.clear()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    for far in stage.far.values():
        if far.dials:
            far.accepts()
        far.line.take()
    return stage


@pytest.mark.parametrize("how", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_transaction_that_cannot_be_read(names: str, how: Callable[[dict[str, Any]], Any]) -> None:
    """What the station says of it nobody is told, so that it says it again; it stays on disk; others begin and end."""
    stage = charging(*names)
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    bad = spoil(record, how)
    stage.store.put(bad)
    again(stage)
    assert stage.store.unreadable == [bad]
    other = BEGIN | {"connectorId": 2, "idTag": "04E2"}
    stage.station.sends(2, "o", "StartTransaction", other)
    stage["a"].gets([2, "o", "StartTransaction", other])
    stage["a"].sends(3, "o", ANSWERED | {"transactionId": 6})
    ((*_, others),) = stage.station.take()
    assert others["transactionId"] != given["transactionId"]
    stage["a"].line.take()
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": given["transactionId"], "meterStop": 9})
    stage["a"].gets()
    assert stage.station.closed == LET_GO
    assert bad in stage.store.of(TransactionRecord)


@pytest.mark.parametrize(("token", "asked"), [("04E1", False), ("04E9", True)])
def test_a_start_that_may_be_said_again(token: str, asked: bool) -> None:
    """A start of the same token on the same connector may be the one that cannot be read: nobody is asked twice."""
    stage = charging("a", "b")
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    again(stage)
    stage.station.sends(2, "s", "StartTransaction", BEGIN | {"idTag": token})
    assert bool(stage["a"].line.take()) is asked
    assert stage.station.closed == (None if asked else LET_GO)


def test_its_meter_values_are_not_told_either() -> None:
    """What comes all the time of it is looked at as well, before a number goes out that means something else there."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    again(stage)
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "transactionId": given["transactionId"]})
    stage["a"].gets()
    assert stage.station.closed == LET_GO


def test_columns_that_cannot_be_read() -> None:
    """Of a row whose id is none nobody can say which transaction it is: it may be any that is named."""
    stage = charging("a", "b")
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(replace(record, id=b"5"))
    again(stage)
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": 4711, "meterStop": 9})
    assert stage.station.closed == LET_GO


def test_a_number_is_not_given_again() -> None:
    """A number that the station may know a transaction by that cannot be read is given to no other."""
    stage = charging("a", "b")
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(replace(record, id="1"), SPOILT["empty"]))
    ledger = stage.ports.ledger("cp-1", stage.store.page("cp-1"))
    assert ledger.mint() == 2  # the dice of the stage show 1
    assert not ledger.blank


def test_what_is_in_memory_is_as_good_as_ever() -> None:
    """A transaction that is known here is not in doubt because its row was spoilt since; it is written again."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    stage.session.ledger.read(stage.store.page("cp-1"))
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": given["transactionId"], "meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


def test_it_is_mended() -> None:
    """Once somebody has mended the row, what the station says of it goes on."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    again(stage)
    stage.store.put(record)
    again(stage)
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": given["transactionId"], "meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


def test_what_is_owed_of_it_stands_back() -> None:
    """Messages of a transaction that cannot be read stay on disk, and in nobody's way."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), backends={"b": {"deliver": "always"}})
    stage.up("a")
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    stage["a"].sends(3, "s", ANSWERED)
    (record,) = stage.store.of(TransactionRecord)
    (owed,) = stage.store.of(OwedRecord)
    stage.store.put(replace(record, data=b"{}"))
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    stage.store.put(
        replace(owed, seq=owed.seq + 1, action="BootNotification", payload=json.dumps(boot).encode(), transaction="")
    )
    again(stage)
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.wait(60.0)
    assert [message[2] for message in stage["b"].line.take()] == ["BootNotification"]
    assert owed in stage.store.of(OwedRecord)


def test_a_message_that_cannot_be_read() -> None:
    """What is owed and is no JSON is not sent; what follows it in its transaction stands back, the rest goes on."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), backends={"b": {"deliver": "always"}})
    bad = OwedRecord("cp-1", 1, "b", NOW, "StatusNotification", "m1", b"{", "")
    first = OwedRecord("cp-1", 2, "b", NOW, "StartTransaction", "m2", b"\xff", "t")
    stop = replace(first, seq=3, action="StopTransaction", message_id="m3", payload=b'{"transactionId":5}')
    good = replace(bad, seq=4, message_id="m4", payload=b'{"connectorId":1}')
    for record in (bad, first, stop, good):
        stage.store.put(record)
    again(stage)
    stage["b"].sends(3, "m4", {})
    stage.wait(60.0)
    stage["b"].gets()
    assert set(stage.store.of(OwedRecord)) == {bad, first, stop}
    assert {bad, first} <= set(stage.store.unreadable)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_an_invitation_that_cannot_be_read(version: str) -> None:
    """Until it has expired nobody knows whose the next session is: the station says it again, and then it begins."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), version=version)
    bad = InvitationRecord("cp-1", "i", "b", NOW + 10, b'{"token":5}')
    stage.store.put(bad)
    again(stage)
    action, begin = ("StartTransaction", BEGIN) if version == "ocpp1.6" else ("TransactionEvent", EVENT)
    stage.station.sends(2, "s", action, begin)
    stage["a"].gets()
    assert stage.station.closed == LET_GO
    assert stage.store.unreadable == [bad]
    stage.now += 10
    again(stage)
    stage.station.sends(2, "s", action, begin)
    assert len(stage["a"].line.take()) == 1


EVENT = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T"},
    "idToken": {"idToken": "04E1", "type": "ISO14443"},
}


def test_a_fact_that_cannot_be_read() -> None:
    """It is as if nobody had noted it."""
    stage = Stage(Rule(answer=("a",)))
    bad = FactRecord("cp-1", "boot", NOW, b"{")
    stage.store.put(bad)
    ledger = stage.ports.ledger("cp-1", stage.store.page("cp-1"))
    assert (ledger.fact("boot"), ledger.fact("registration")) == (None, "Accepted")
    assert stage.store.unreadable == [bad]


def test_a_row_that_was_spoilt_is_written_over() -> None:
    """What this process knows is kept in the place of what nobody can read."""
    stage = charging("a", "b")
    (record,) = stage.store.of(TransactionRecord)
    for spoilt in (b"{", b"[]"):
        assert record.over(replace(record, data=spoilt)) == record
    Nowhere().spoilt(record)
