"""The journal: what a backend is owed reaches it, in order and once, however long it was away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.stage import Stage, one
from voltgate.ocpp.messages import Call
from voltgate.relay.events import GivenUp
from voltgate.relay.journal import JournalSettings
from voltgate.relay.records import OwedRecord

START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
ALWAYS = {"deliver": "always", "when_down": "wait"}


def playing(**more: Any) -> Stage:
    """Make a stage where `a` answers and `b` is owed a copy of every transaction message."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS}, **more)
    stage.up("a")
    return stage


def charges(stage: Stage, number: int = 5, start: dict[str, Any] = START) -> int:
    """Play a whole transaction at the station and its owner."""
    stage.station.sends(2, f"s{number}", "StartTransaction", start)
    stage["a"].line.take()
    stage["a"].sends(3, f"s{number}", {"transactionId": number})
    (reply,) = stage.station.take()
    ours = int(reply[2]["transactionId"])
    stage.station.sends(2, f"m{number}", "MeterValues", {"connectorId": 1, "transactionId": ours})
    stage["a"].sends(3, f"m{number}", {})
    stage.station.sends(2, f"x{number}", "StopTransaction", {"transactionId": ours, "meterStop": 1})
    stage["a"].sends(3, f"x{number}", {})
    stage["a"].line.take()
    assert len(stage.station.take()) == 2
    return ours


def takes(stage: Stage, action: str, reply: dict[str, Any] | None = None) -> Any:
    """See that the copy gets one message of this kind, and have it answered."""
    for _ in range(20):
        if not stage["b"].line.sent:
            stage.wait(0.1)
    (message,) = stage["b"].line.take()
    assert message[2] == action
    stage["b"].sends(3, message[1], {} if reply is None else reply)
    return message


def test_away_for_a_whole_transaction() -> None:
    """A copy that was away gets all of it later, in order, in its own numbers, under the ids that they had."""
    stage = playing()
    stage["b"].refuses()
    charges(stage)
    assert len(stage.store.of(OwedRecord)) == 3
    stage.wait(2)
    stage.up("b")
    assert takes(stage, "StartTransaction", {"transactionId": 900})[1] == "s5"
    assert takes(stage, "MeterValues")[1:] == ["m5", "MeterValues", {"connectorId": 1, "transactionId": 900}]
    assert takes(stage, "StopTransaction")[3] == {"transactionId": 900, "meterStop": 1}
    assert stage.store.of(OwedRecord) == []
    stage["b"].gets()


def test_back_after_a_restart() -> None:
    """What is owed outlives a restart, and so does the number that the copy gave."""
    stage = playing()
    stage["b"].refuses()
    charges(stage)
    stage.session, stage.station = stage.newcomer()
    stage.far["b"].dials.clear()
    stage.open()
    stage.up("a", "b")
    takes(stage, "StartTransaction", {"transactionId": 900})
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a", "b")
    assert takes(stage, "MeterValues")[3]["transactionId"] == 900
    takes(stage, "StopTransaction")


def test_it_is_on_disk_before_the_station_is_answered() -> None:
    """The station hears nothing before what the copy is owed is on disk; if that cannot be, it is let go."""
    stage = playing()
    stage.up("b")
    stage.store.slow = True
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].sends(3, "m", {})
    stage.station.gets()
    stage.store.writes()
    stage.station.gets([3, "m", {}])
    stage.store.slow, stage.store.broken = False, True
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 1, "v": 2})
    stage["a"].sends(3, "n", {})
    assert stage.station.closed is not None
    assert stage.station.closed[0] == 1013


def test_a_station_that_repeats_itself() -> None:
    """A message that comes again because its answer was lost is owed once."""
    stage = playing()
    stage.up("b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    (reply,) = stage.station.take()
    meter = {"connectorId": 1, "transactionId": reply[2]["transactionId"]}
    stage.station.sends(2, "m", "MeterValues", meter)
    stage["a"].sends(3, "m", {})
    stage.station.sends(2, "m2", "MeterValues", meter)
    stage["a"].sends(3, "m2", {})
    assert len(stage.station.take()) == 2
    takes(stage, "StartTransaction", {"transactionId": 900})
    takes(stage, "MeterValues")
    stage["b"].gets()


def test_a_copy_that_fails_for_a_day() -> None:
    """A copy that is away for a day is not stormed by tries, and gets everything when it is back."""
    stage = playing(journal=JournalSettings(rate=5))
    stage["b"].refuses()
    for n in range(1, 11):
        charges(stage, n, START | {"timestamp": str(n)})
    before = stage["b"].dialled
    for _ in range(24):
        for _ in range(60):
            stage.wait(60)
            if stage["b"].dials:
                stage["b"].refuses()
    assert stage["b"].dialled - before < 24 * 60 + 100
    while not stage["b"].dials:
        stage.wait(1)
    stage.up("b")
    for n in range(1, 11):
        for action, reply in (("StartTransaction", {"transactionId": n}), ("MeterValues", {}), ("StopTransaction", {})):
            message = takes(stage, action, reply)
            assert message[3].get("transactionId", n) == n
    assert stage.store.of(OwedRecord) == []


def test_an_overdue_message_waits_for_its_turn() -> None:
    """A backend that is back is sent a bounded number of overdue messages a second."""
    stage = playing(journal=JournalSettings(rate=1))
    stage["b"].refuses()
    charges(stage)
    stage.wait(2)
    stage.up("b")
    takes(stage, "StartTransaction", {"transactionId": 900})
    stage["b"].gets()
    stage.wait(0.7)
    stage["b"].gets()
    stage.wait(0.5)
    stage["b"].gets([2, "m5", "MeterValues", {"connectorId": 1, "transactionId": 900}])


def test_what_waited_when_the_link_was_lost_is_overdue() -> None:
    """What was in time but not sent when the link was lost waits for its turn on the next one."""
    stage = playing(journal=JournalSettings(rate=1))
    stage.up("b")
    for n in range(3):
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": n})
    stage["b"].gets([2, "m0", "MeterValues", {"connectorId": 0}])
    stage["b"].hangs_up()
    stage.wait(2)
    stage.up("b")
    assert takes(stage, "MeterValues")[1] == "m0"
    assert takes(stage, "MeterValues")[1] == "m1"
    stage["b"].gets()
    stage.wait(0.7)
    stage["b"].gets()
    stage.wait(0.5)
    assert takes(stage, "MeterValues")[1] == "m2"


def test_no_answer() -> None:
    """A message that is not answered is sent again under its id, after waits that grow."""
    stage = playing(backend_patience=5)
    stage.up("b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].sends(3, "m", {})
    for wait in (10, 20, 40):
        stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
        stage.wait(5.2)
        stage["b"].gets()
        stage.wait(wait + 0.2)
    takes(stage, "MeterValues")
    assert stage.store.of(OwedRecord) == []


def test_the_link_is_lost_before_the_answer() -> None:
    """A message whose answer got lost with the link is sent again on the next one."""
    stage = playing()
    stage.up("b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].hangs_up()
    stage.wait(2)
    stage.up("b")
    takes(stage, "MeterValues")


def test_errors_are_given_up_in_the_end() -> None:
    """A message that a backend answers with errors again and again is given up, aloud."""
    stage = playing(journal=JournalSettings(attempts=3))
    stage.up("b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 2})
    for _ in range(3):
        stage.wait(5)
        (message,) = stage["b"].line.take()
        assert message[1] == "m"
        stage["b"].sends(4, "m", "InternalError", "", {})
    takes(stage, "MeterValues")
    assert stage["b"].backend.given_up == 1
    (event,) = stage.happened(GivenUp)
    assert (event.backend, event.action, event.reason) == ("b", "MeterValues", "answered InternalError 3 times")


def test_what_is_too_old_is_given_up() -> None:
    """A message that is older than the bound is given up, aloud."""
    stage = playing(journal=JournalSettings(age=3600))
    stage["b"].refuses()
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].sends(3, "m", {})
    stage.wait(3700)
    if not stage["b"].dials:
        stage.wait(61)
    stage.up("b")
    stage["b"].gets()
    assert stage["b"].backend.given_up == 1


def test_too_much_is_given_up() -> None:
    """Beyond the bound nothing more is taken down that nobody is paid by, aloud."""
    stage = playing(journal=JournalSettings(entries=2))
    stage["b"].refuses()
    for n in range(3):
        stage.station.sends(2, str(n), "MeterValues", {"connectorId": n})
    assert [record.message_id for record in stage.store.of(OwedRecord)] == ["0", "1"]
    assert stage["b"].backend.given_up == 1
    (event,) = stage.happened(GivenUp)
    assert (event.action, event.reason) == ("MeterValues", "too many messages are owed")


def test_too_many_bytes_are_given_up_but_not_what_somebody_is_paid_by() -> None:
    """Beyond half of the bytes nothing more is taken down that nobody is paid by; a stop still is."""
    stage = playing(journal=JournalSettings(bytes=10_000))
    stage["b"].refuses()
    for n in range(3):
        stage.station.sends(2, str(n), "MeterValues", {"connectorId": n, "text": "x" * 3000})
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": 5, "text": "x" * 3000})
    assert [record.message_id for record in stage.store.of(OwedRecord)] == ["0", "1", "x"]
    assert stage["b"].backend.given_up == 1
    assert stage.station.closed is None


def test_a_station_keeps_what_it_is_paid_by_when_there_is_no_room() -> None:
    """With all of its bytes taken a station is let go with a stop that nobody has heard of; all else goes on."""
    stage = playing(journal=JournalSettings(bytes=6000))
    stage["b"].refuses()
    for n in "12":
        stage.station.sends(2, n, "StopTransaction", {"transactionId": 5, "text": "x" * 3000})
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    assert stage.station.closed is None
    stage["a"].line.take()
    stage.station.sends(2, "3", "StopTransaction", {"transactionId": 5})
    assert stage.station.closed == (1013, "Backends are owed as much as may be kept")
    assert [record.message_id for record in stage.store.of(OwedRecord)] == ["1", "2"]


def test_where_all_are_owed_too_much_those_who_are_owed_little_go_on() -> None:
    """Beyond the bytes of all together what nobody is paid by is dropped; a stop is taken of who is owed little."""
    stage = playing(journal=JournalSettings(bytes=256_000, total=1 << 20))
    stage["b"].refuses()
    stage.store.owed_bytes = 1 << 20
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    assert stage["b"].backend.given_up == 1
    stage.station.sends(2, "1", "StopTransaction", {"transactionId": 5, "text": "x" * 3000})
    assert stage.station.closed is None
    stage.station.sends(2, "2", "StopTransaction", {"transactionId": 5})
    assert stage.station.closed == (1013, "Backends are owed as much as may be kept")


def test_a_stop_whose_start_was_given_up() -> None:
    """Without the copy's own number its stop cannot be sent: it is given up, never sent under another's."""
    stage = playing()
    stage.up("b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    (reply,) = stage.station.take()
    stage["b"].line.take()
    stage["b"].sends(4, "s", "FormationViolation", "", {})
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": reply[2]["transactionId"]})
    stage["b"].gets()
    assert stage["b"].backend.given_up == 2


def test_other_news_waits_behind_what_is_owed() -> None:
    """What is only told keeps its place behind what is owed; beyond the bound it is dropped and counted."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS | {"waiting": 1}})
    stage.up("a", "b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage.station.sends(2, "1", "Heartbeat", {})
    stage.station.sends(2, "2", "Heartbeat", {})
    stage["b"].gets()
    assert stage["b"].backend.copies_dropped == {"overloaded": 1}
    stage["b"].sends(3, "m", {})
    stage["b"].gets([2, "1", "Heartbeat", {}])
    stage["b"].sends(3, "1", {})
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 2})
    stage.station.sends(2, "3", "Heartbeat", {})
    stage["b"].hangs_up()
    assert stage["b"].backend.copies_dropped == {"overloaded": 1, "gone": 1}


def test_what_waits_behind_what_is_owed_has_a_bounded_size() -> None:
    """Few but large messages that wait behind what is owed are bounded by their bytes."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS | {"waiting_bytes": 1000}})
    stage.up("a", "b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    for n in range(2):
        stage.station.sends(2, str(n), "DataTransfer", {"vendorId": "v", "data": "x" * 600})
    assert stage["b"].backend.copies_dropped == {"overloaded": 1}
    assert stage.session.legs["b"].waiting_calls == 1


@pytest.mark.parametrize("action", ["SecurityEventNotification", "FirmwareStatusNotification"])
def test_what_is_owed_is_a_setting(action: str) -> None:
    """Which messages a backend is owed can be set."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS | {"owed": frozenset({action})}}, version="ocpp2.0.1")
    stage.up("a")
    stage.station.sends(2, "1", action, {"x": 1})
    stage["a"].sends(3, "1", {})
    (owed,) = stage.store.of(OwedRecord)
    assert (owed.backend, owed.action, owed.payload) == ("b", action, b'{"x":1}')


def test_a_backend_that_is_owed_is_dialled_although_no_rule_names_it() -> None:
    """A backend that is owed something keeps its leg until it has got it."""
    stage = playing()
    stage["b"].refuses()
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.moves(one("a"))
    assert "b" in stage.session.legs
    stage.wait(2)
    stage.up("b")
    takes(stage, "MeterValues")
    assert "b" not in stage.session.legs


def test_what_waits_behind_what_is_owed_is_bounded() -> None:
    """Live messages that wait until their owner has caught up are bounded; beyond, the station keeps them."""
    stage = Stage(one("a"), version="ocpp2.0.1", backends={"a": {"deliver": "always", "waiting": 3}})
    stage.up("a")
    tx = stage.session.ledger.begin("a", ())
    tx.id = "T1"
    stage.session.dispatcher.owe("a", Call("o", "TransactionEvent", b"{}"), tx)
    for n in range(3):
        fields = {"eventType": "Updated", "seqNo": n, "transactionInfo": {"transactionId": "T1"}}
        stage.station.sends(2, f"e{n}", "TransactionEvent", fields)
    stage["a"].gets([2, "o", "TransactionEvent", {}])
    assert stage.session.legs["a"].waiting_calls == 3
    assert stage.station.closed is None
    stage.station.sends(2, "e3", "TransactionEvent", {**fields, "seqNo": 3})
    assert stage.station.closed == (1013, "Nobody took TransactionEvent: keep it and come again")
