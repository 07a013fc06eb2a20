"""Records that cannot be read: they stay as they are, everything else is read, and what depends on them is in doubt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.relay.stage import CALENDAR, START, Stage
from voltgate.relay.records import (
    OWED_AT_ONCE,
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Page,
    TransactionRecord,
)
from voltgate.relay.rule import Rule

ANSWERED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
BEGIN = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
LET_GO = (1013, "A row of the database cannot be read: nobody knows what runs here")
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


def test_the_next_start_of_one_that_is_over() -> None:
    """A transaction that has ended keeps nobody from beginning another one with the same token there."""
    stage = charging("a", "b")
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(replace(record, ended=NOW), SPOILT["empty"]))
    again(stage)
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    assert len(stage["a"].line.take()) == 1


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
    assert not stage.ports.ledger("cp-1", Page("cp-1", transactions=stage.store.of(TransactionRecord))).blank


def test_what_is_in_memory_is_as_good_as_ever() -> None:
    """A transaction that is known here is not in doubt because its row was spoilt since; it is written again."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    stage.session.ledger.read(stage.store.page("cp-1"))
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": given["transactionId"], "meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


@pytest.mark.parametrize("reads", ["this session", "the next session"])
def test_it_is_mended(reads: str) -> None:
    """Once somebody has mended the row, what the station says of it goes on."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    (record,) = stage.store.of(TransactionRecord)
    stage.store.put(spoil(record, SPOILT["empty"]))
    again(stage)
    stage.store.put(record)
    if reads == "this session":
        stage.session.ledger.read(stage.store.page("cp-1"))
    else:
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


@pytest.mark.parametrize("expires", [[10.0, 5.0], [5.0, 10.0]])
def test_several_invitations_that_cannot_be_read(expires: list[float]) -> None:
    """As long as the last of them lasts, whichever is read first."""
    stage = Stage(Rule(answer=("a",)))
    for number, seconds in enumerate(expires):
        stage.store.put(InvitationRecord("cp-1", str(number), "b", NOW + seconds, b"{}"))
    again(stage)
    stage.now += 6
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    assert stage.station.closed == LET_GO


def test_an_invitation_that_seems_to_last_for_ever() -> None:
    """One that cannot be read keeps sessions from beginning for no longer than any that is made now would last."""
    stage = Stage(Rule(answer=("a",)))
    stage.store.put(InvitationRecord("cp-1", "i", "b", NOW + 1e9, b"{}"))
    again(stage)
    stage.now += stage.session.ledger.settings.invitation
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    assert len(stage["a"].line.take()) == 1


def test_what_runs_goes_on_beside_an_invitation_that_cannot_be_read() -> None:
    """It is for a session that is to come, not for one that is there."""
    stage = charging("a", "b")
    ((*_, given),) = stage.station.take()
    stage.store.put(InvitationRecord("cp-1", "i", "b", NOW + 500, b"{}"))
    again(stage)
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": given["transactionId"], "meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


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
    bad = FactRecord("cp-1", "boot", NOW, b"{"), FactRecord("cp-1", "other", "now", b"5")  # type: ignore[arg-type]
    for record in bad:
        stage.store.put(record)
    ledger = stage.ports.ledger("cp-1", stage.store.page("cp-1"))
    assert (ledger.fact("boot"), ledger.fact("other"), ledger.fact("registration")) == (None, None, "Accepted")
    assert stage.store.unreadable == list(bad)


def test_an_invitation_without_a_time() -> None:
    """It lasts as long as any from when it is read, and nothing fails of it."""
    stage = Stage(Rule(answer=("a",), copy=("b",)))
    bad = InvitationRecord("cp-1", "i", "b", "tomorrow", b'{"token":["04E1",""],"connector":1,"remote_start":null}')  # type: ignore[arg-type]
    stage.store.put(bad)
    again(stage)
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    assert stage.station.closed == LET_GO
    assert stage.store.unreadable == [bad]
    stage.store.strike(bad)
    again(stage)
    stage.station.sends(2, "s", "StartTransaction", BEGIN)
    assert len(stage["a"].line.take()) == 1


def test_a_message_without_a_time_or_place() -> None:
    """Of what is owed nothing is sent whose age, order or name nobody knows; the rest is."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), backends={"b": {"deliver": "always"}})
    good = OwedRecord("cp-1", 1, "b", NOW, "StatusNotification", "m1", b'{"connectorId":1}', "")
    texts = replace(good, seq=3, action="Status\udcff"), replace(good, seq=4, message_id="\udcff")
    bad = replace(good, at="2026-01-01", seq=2), replace(good, seq="2"), *texts  # type: ignore[arg-type]
    page = replace(stage.store.page("cp-1"), owed=(*bad, good))
    journal = stage.ports.ledger("cp-1", page).journal
    assert (list(journal.of("b")), journal.last) == ([good], 1)
    assert stage.store.unreadable == list(bad)


def test_a_number_that_is_none() -> None:
    """Nobody is known to use it, and it goes into no message."""
    stage = Stage(Rule(answer=("a",), copy=("b",)))
    good = NumberRecord("cp-1", "reservation", 7, "a", 7, NOW)
    bad = [replace(good, number=8, theirs="x"), replace(good, number="9"), replace(good, number=10, at=b"")]  # type: ignore[arg-type]
    ledger = stage.ports.ledger("cp-1", replace(stage.store.page("cp-1"), numbers=(good, *bad)))
    assert (len(ledger.numbers), ledger.numbers.inward("reservation", 7)) == (1, ("a", 7))
    assert stage.store.unreadable == bad


def test_many_messages_that_cannot_be_read() -> None:
    """As many as are read at a time keep nothing behind them from its backend that somebody is paid by."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), backends={"b": {"deliver": "always"}})
    first = OwedRecord("cp-1", 1, "b", NOW, "StatusNotification", "m", b"{", "")
    bad = [replace(first, seq=seq) for seq in range(1, OWED_AT_ONCE + 2)]
    paid = replace(first, seq=99, action="StartTransaction", message_id="s", payload=b'{"connectorId":1}')
    paid = replace(paid, transaction="t")
    for record in (*bad, paid):
        stage.store.put(record)
    again(stage)
    stage.wait(1.0)
    stage["b"].gets([2, "s", "StartTransaction", {"connectorId": 1}])
    stage["b"].sends(3, "s", ANSWERED)
    stage.wait(60.0)
    assert set(stage.store.of(OwedRecord)) == set(bad)
