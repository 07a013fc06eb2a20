"""What is said while a backend catches up: nothing overtakes what it is owed, and nothing blocks it for ever."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call
from voltgate.relay import journal
from voltgate.relay.events import GivenUp
from voltgate.relay.journal import JournalSettings
from voltgate.relay.records import OWED_AT_ONCE, OwedRecord
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
ALWAYS = {"deliver": "always", "when_down": "wait"}
AVAILABLE = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def split(**more: Any) -> Stage:
    """Make a stage where `b` owns the employer's cards, `a` the rest, and each is owed copies of the other's."""
    employer = Rule(tokens=listed(["04em*"]), answer=("b",), copy=("a",))
    stage = Stage(employer, one("a", copy=("b",)), backends={"a": ALWAYS, "b": ALWAYS}, **more)
    stage.up("a", "b")
    return stage


def owes(stage: Stage, backend: str, *calls: Call) -> None:
    """Enter messages that a backend is owed of what was before."""
    for call in calls:
        stage.session.ledger.owe(backend, call, None)


def stop(number: int = 1, mid: str = "x") -> Call:
    """Make a stop of long ago."""
    return Call(mid, "StopTransaction", b'{"transactionId":%d,"meterStop":9}' % number)


# What comes now waits for what was before.


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("StatusNotification", AVAILABLE),
        ("Authorize", {"idTag": "77"}),
        ("StartTransaction", START),
        ("StopTransaction", {"transactionId": 5, "meterStop": 3}),
        ("DataTransfer", {"vendorId": "v"}),
    ],
)
def test_what_the_answering_backend_is_owed_comes_first(action: str, fields: dict[str, Any]) -> None:
    """Everything that a backend answers waits behind what it is owed of the station."""
    stage = split()
    owes(stage, "a", stop(1, "x1"), stop(2, "x2"))
    stage.session.legs["a"].deliver(late=True)
    (first,) = stage["a"].line.take()
    stage.station.sends(2, "1", action, fields)
    stage["a"].gets()
    stage["a"].sends(3, first[1], {})
    (second,) = stage["a"].line.take()
    assert (first[1], second[1]) == ("x1", "x2")
    stage["a"].sends(3, "x2", {})
    stage["a"].gets([2, "1", action, fields])


def test_a_boot_and_a_heartbeat_wait_for_nothing() -> None:
    """Without the one a backend takes nothing, and the other says nothing."""
    stage = split()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    stage["a"].line.take()
    stage.station.sends(2, "b", "BootNotification", {})
    stage["a"].gets([2, "b", "BootNotification", {}])
    stage.station.sends(2, "h", "Heartbeat", {})
    stage["a"].gets([2, "h", "Heartbeat", {}])


def test_what_waited_for_the_link_waits_behind_what_is_owed() -> None:
    """When a backend is back it first gets what it is owed, then what waited for it."""
    stage = split()
    stage["a"].hangs_up()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver()
    stage.station.sends(2, "1", "StatusNotification", AVAILABLE)
    stage.wait(2)
    stage.up("a")
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage["a"].sends(3, "x", {})
    stage["a"].gets([2, "1", "StatusNotification", AVAILABLE])


def test_what_waits_behind_what_is_owed_waits_on_without_the_link() -> None:
    """A call that waited behind a delivery when the link was lost is sent on the next one, after it."""
    stage = split()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    stage.station.sends(2, "1", "StatusNotification", AVAILABLE)
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage["a"].hangs_up()
    stage.wait(2)
    stage.up("a")
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage["a"].sends(3, "x", {})
    stage["a"].gets([2, "1", "StatusNotification", AVAILABLE])


def test_whoever_waits_behind_a_long_journal_does_not_wait_for_its_rate() -> None:
    """Overdue messages are sent at a bounded rate, but as fast as they are taken where somebody waits behind them."""
    stage = split(journal=JournalSettings(rate=0.1))
    owes(stage, "a", *(stop(n, f"x{n}") for n in range(5)))
    stage.session.legs["a"].deliver(late=True)
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    for n in range(5):
        stage["a"].gets([2, f"x{n}", "StopTransaction", {"transactionId": n, "meterStop": 9}])
        stage["a"].sends(3, f"x{n}", {})
    stage["a"].gets([2, "1", "Authorize", {"idTag": "77"}])


def test_a_copy_keeps_its_place_between_what_is_owed() -> None:
    """What is only told goes behind what was owed when it came, and before what is owed since."""
    stage = split()
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.station.sends(2, "n", "StatusNotification", AVAILABLE)
    stage.station.sends(2, "o", "MeterValues", {"connectorId": 2})
    got: list[str] = []
    for _ in range(3):
        for message in stage["b"].line.take():
            got.append(message[1])
            stage["b"].sends(3, message[1], {})
    assert got == ["m", "n", "o"]


@pytest.mark.parametrize("backend", ["a", "b"])
def test_what_waited_for_the_link_keeps_its_place_between_what_is_owed(backend: str) -> None:
    """What a backend was to answer, or to be told, while it was away goes before what it is owed since."""
    stage = split()
    stage[backend].hangs_up()
    stage.station.sends(2, "1", "StatusNotification", AVAILABLE)
    owes(stage, backend, stop(1, "x"))
    stage.session.legs[backend].deliver()
    stage.station.sends(2, "2", "StatusNotification", AVAILABLE)
    owes(stage, backend, stop(2, "y"))
    stage.wait(2)
    stage.up(backend)
    got: list[str] = []
    for _ in range(4):
        stage.wait(1)
        for message in stage[backend].line.take():
            got.append(message[1])
            stage[backend].sends(3, message[1], {})
    assert got == ["1", "x", "2", "y"]


def test_what_is_owed_waits_for_a_copy_that_waits_for_its_number() -> None:
    """A stop that is only told waits until its start was answered; what is owed since does not go before it."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["a"].sends(3, "s", {"transactionId": 5})
    number = stage.station.take()[0][2]["transactionId"]
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": number, "meterStop": 9})
    owes(stage, "b", stop(7, "x"))
    stage.session.legs["b"].deliver()
    stage["b"].gets()
    stage["b"].sends(3, "s", {"transactionId": 8})
    ends = (("e", 8), ("x", 7))
    stage["b"].gets(*([2, mid, "StopTransaction", {"transactionId": n, "meterStop": 9}] for mid, n in ends))


def test_a_call_behind_a_delivery_ends_with_its_leg() -> None:
    """A call that waits behind what is owed does not wait on when the backend is let go."""
    stage = split()
    owes(stage, "a", stop())
    leg = stage.session.legs["a"]
    leg.deliver(late=True)
    stage.station.sends(2, "1", "DataTransfer", {"vendorId": "v"})
    leg.end("The end")
    assert stage.station.closed == (1001, "Backend a is away")


# What fails does not stand in the way of the rest.


def test_what_is_wrong_is_not_sent_again() -> None:
    """A backend that says that a message is wrong never gets it again; what is behind it goes on at once."""
    stage = split()
    owes(stage, "a", Call("m", "MeterValues", b'{"connectorId":1}'), stop())
    stage.session.legs["a"].deliver(late=True)
    stage["a"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["a"].sends(4, "m", "PropertyConstraintViolation", "connectorId", {})
    stage.wait(0.2)
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    (event,) = stage.happened(GivenUp)
    assert (event.backend, event.action, event.reason) == ("a", "MeterValues", "answered PropertyConstraintViolation")
    assert stage["a"].backend.given_up == 1


def test_an_hour_of_errors_loses_no_start_and_no_stop() -> None:
    """However often a backend answers an error that may pass, only age ends a start or a stop."""
    stage = split()
    owes(stage, "a", Call("s", "StartTransaction", b'{"connectorId":1}'), stop())
    stage.session.legs["a"].deliver(late=True)
    for _ in range(3600):
        for message in stage["a"].line.take():
            stage["a"].sends(4, message[1], "InternalError", "", {})
        stage.wait(1)
    assert stage.happened(GivenUp) == []
    taken: list[str] = []
    for _ in range(200):
        for message in stage["a"].line.take():
            taken.append(message[1])
            stage["a"].sends(3, message[1], {"transactionId": 7})
        stage.wait(1)
    assert sorted(taken) == ["s", "x"]
    assert stage.store.of(OwedRecord) == []


def test_a_message_that_is_never_answered_lets_the_others_go() -> None:
    """A start that a backend takes and never answers keeps only its own transaction waiting."""
    stage = split(backend_patience=5)
    stage.station.sends(2, "s", "StartTransaction", START | {"idTag": "04EM1"})
    stage["b"].sends(3, "s", {"transactionId": 5})
    (reply,) = stage.station.take()
    ours = reply[2]["transactionId"]
    stage["a"].gets([2, "s", "StartTransaction", START | {"idTag": "04EM1"}])
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": ours})
    stage["b"].sends(3, "x", {})
    owes(stage, "a", stop(3, "y"))
    stage.wait(5.2)
    stage["a"].gets([2, "y", "StopTransaction", {"transactionId": 3, "meterStop": 9}])
    stage["a"].sends(3, "y", {})
    stage.wait(9)
    stage["a"].gets()
    stage.wait(2)
    stage["a"].gets([2, "s", "StartTransaction", START | {"idTag": "04EM1"}])
    stage["a"].sends(3, "s", {"transactionId": 900})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 900}])


def test_a_lost_link_is_no_silence() -> None:
    """A message whose link was lost was not left without an answer so far: nothing overtakes it on the next link."""
    stage = split(backend_patience=5)
    owes(stage, "a", stop(1, "x"), stop(2, "y"))
    stage.session.legs["a"].deliver()
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage.wait(1)
    stage["a"].hangs_up()
    stage.wait(2)
    stage.up("a")
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage.wait(4)
    stage["a"].gets()
    stage.wait(11)
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 1, "meterStop": 9}])
    stage["a"].sends(3, "x", {})
    stage["a"].gets([2, "y", "StopTransaction", {"transactionId": 2, "meterStop": 9}])


def test_what_stands_back_keeps_its_order() -> None:
    """What comes of a transaction that stands back waits behind it, whoever asks."""
    stage = split(backend_patience=5, version="ocpp2.0.1")
    tx = stage.session.ledger.begin("a", ())
    tx.id = "T1"
    event = {"eventType": "Started", "seqNo": 0, "transactionInfo": {"transactionId": "T1"}}
    stage.session.dispatcher.owe("a", Call("e0", "TransactionEvent", b'{"seqNo":0}'), tx)
    stage["a"].gets([2, "e0", "TransactionEvent", {"seqNo": 0}])
    stage.wait(5.1)
    stage.wait(8)
    stage.station.sends(2, "e1", "TransactionEvent", event | {"eventType": "Updated", "seqNo": 1})
    stage.station.sends(2, "n", "StatusNotification", {"evseId": 1})
    assert [message[1] for message in stage["a"].line.take()] == ["n"]
    stage["a"].sends(3, "n", {})
    stage.wait(2.2)
    stage["a"].gets([2, "e0", "TransactionEvent", {"seqNo": 0}])
    stage["a"].sends(3, "e0", {})
    assert [message[1] for message in stage["a"].line.take()] == ["e1"]


def test_the_silent_are_asked_less_and_less_often() -> None:
    """A backend that takes and never answers is not asked for the same thing every minute for a month."""
    stage = split(backend_patience=5)
    owes(stage, "a", Call("s", "StartTransaction", b"{}"))
    stage.session.legs["a"].deliver(late=True)
    tries = 0
    for _ in range(2 * 3600):
        tries += len(stage["a"].line.take())
        stage.wait(1)
    assert 5 < tries < 12


def test_only_so_many_stand_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many transactions that fail, one more stays where it is, and is tried again."""
    monkeypatch.setattr(journal, "MOST_ASIDE", 1)
    stage = split(backend_patience=5)
    owes(stage, "a", *(stop(n, f"x{n}") for n in range(3)))
    stage.session.legs["a"].deliver(late=True)
    seen: list[str] = []
    for _ in range(150):
        seen += [message[1] for message in stage["a"].line.take()]
        stage.wait(1)
    assert set(seen) == {"x0", "x1"}
    assert seen.count("x1") > 1
    assert stage.happened(GivenUp) == []


def test_meter_values_make_room_for_starts_and_stops() -> None:
    """A full journal takes no more meter values; starts and stops are taken, and everything before stays."""
    stage = split(journal=JournalSettings(entries=3))
    stage["a"].hangs_up()
    stage.station.sends(2, "s", "StartTransaction", START | {"idTag": "04EM1"})
    stage["b"].sends(3, "s", {"transactionId": 5})
    (reply,) = stage.station.take()
    ours = reply[2]["transactionId"]
    for n in range(1000):
        meter = {"connectorId": 1, "transactionId": ours, "meterValue": [n]}
        stage.station.sends(2, f"m{n}", "MeterValues", meter)
        stage["b"].sends(3, f"m{n}", {})
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": ours})
    stage["b"].sends(3, "x", {})
    assert len(stage.station.take()) == 1001
    assert [record.message_id for record in stage.store.of(OwedRecord)] == ["s", "m0", "m1", "x"]
    assert stage["a"].backend.given_up == 998


# The journal is on disk.


def test_only_a_few_messages_are_in_memory() -> None:
    """What is owed is read back in small pieces when its turn comes, in order, each once."""
    stage = split()
    stage["a"].hangs_up()
    mine = stage.session.ledger.journal
    owes(stage, "a", *(stop(n, f"x{n}") for n in range(200)))
    stage.session.legs["a"].deliver()
    assert mine.messages("a") == 200
    assert len(list(mine.of("a"))) == OWED_AT_ONCE
    stage.wait(2)
    stage.up("a")
    got: list[str] = []
    for _ in range(400):
        for message in stage["a"].line.take():
            got.append(message[1])
            stage["a"].sends(3, message[1], {})
        stage.wait(0.1)
    assert got == [f"x{n}" for n in range(200)]
    assert stage.store.of(OwedRecord) == []
    assert not mine.owes("a")
