"""Stations that come again and backends that change in mid-air: what is open there is neither lost nor said twice."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from tests.relay.stage import Line, Stage, one, playing
from voltgate.ocpp.messages import Call
from voltgate.relay.ledger import Ledger
from voltgate.relay.records import OwedRecord, Page
from voltgate.relay.rule import Rule
from voltgate.relay.session import Session
from voltgate.relay.tokens import listed
from voltgate.relay.uplink import State

START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
STOP = {"transactionId": 5, "meterStop": 9}
ALWAYS = {"deliver": "always", "when_down": "wait"}


def charging(stage: Stage, number: int = 5) -> None:
    """Play a start that `a` numbers."""
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].gets([2, "s", "StartTransaction", START])
    stage["a"].sends(3, "s", {"transactionId": number})
    stage.station.gets([3, "s", {"transactionId": number}])


def comes_again(stage: Stage) -> None:
    """Have the station come again on a new socket and its backend be dialled afresh, as under `admit = "backend"`."""
    old, (new, line) = stage.session, stage.newcomer(stage.session.ledger)
    new.take_over(old, keep_legs=False)
    stage.session, stage.station = new, line
    stage.open()


def event(kind: str, seq: int, **more: Any) -> dict[str, Any]:
    """Make an event of 2.x."""
    return {"eventType": kind, "seqNo": seq, "transactionInfo": {"transactionId": "T1"}, **more}


# The station comes again while something is open.


@pytest.mark.parametrize("lost_first", [True, False])
def test_a_stop_that_is_open_when_the_station_comes_again(lost_first: bool) -> None:
    """A stop that is said again under a new id is not sent on the second link: the answer of the first one counts."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage["a"].gets([2, "x", "StopTransaction", STOP])
    first = stage["a"].line
    if lost_first:
        stage.station.hangs_up()
    assert first.closed is None
    comes_again(stage)
    stage.up("a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()
    first.sends(3, "x", {"idTagInfo": {"status": "Accepted"}})
    stage.station.gets([3, "x2", {"idTagInfo": {"status": "Accepted"}}])
    stage.wait(0.5)
    assert first.closed is not None
    assert stage["a"].line.closed is None


def test_what_its_owner_has_answered_is_answered_again() -> None:
    """A stop whose answer the station never got is answered again from the ledger, also after a restart."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage["a"].gets([2, "x", "StopTransaction", STOP])
    stage.station.hangs_up()
    stage["a"].sends(3, "x", {"idTagInfo": {"status": "Accepted"}})
    stage.wait(0.5)
    assert stage["a"].line.closed is not None, "nothing is waited for any more"
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()
    stage.station.gets([3, "x2", {"idTagInfo": {"status": "Accepted"}}])


def test_what_a_copy_was_told_it_is_not_told_again() -> None:
    """A stop that nobody answered is said again, after a restart as well: who is only told of it hears it once."""
    stage = playing("a", "b")
    charging_with_copy(stage)
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 8})
    stop = {"transactionId": int(next(iter(stage.session.ledger)).id), "meterStop": 9}
    stage.station.sends(2, "x", "StopTransaction", stop)
    stage["b"].gets([2, "x", "StopTransaction", stop | {"transactionId": 8}])
    stage.station.hangs_up()
    stage.wait(60)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a", "b")
    stage.station.sends(2, "y", "StopTransaction", stop)
    stage["a"].gets([2, "y", "StopTransaction", stop | {"transactionId": 5}])
    stage["b"].gets()


def test_an_event_that_is_said_again() -> None:
    """An event of 2.x is its transaction and its number: said again, offline by now, its owner hears of it once."""
    stage = playing("a", version="ocpp2.0.1")
    for seq, kind in enumerate(("Started", "Updated", "Ended")):
        stage.station.sends(2, f"e{seq}", "TransactionEvent", event(kind, seq))
        stage["a"].gets([2, f"e{seq}", "TransactionEvent", event(kind, seq)])
        comes_again(stage)
        stage.up("a")
        stage.station.sends(2, f"f{seq}", "TransactionEvent", event(kind, seq))
        stage["a"].lines[-2].sends(3, f"e{seq}", {"totalCost": seq})
        stage.station.gets([3, f"f{seq}", {"totalCost": seq}])
        comes_again(stage)
        stage.up("a")
        stage.station.sends(2, f"g{seq}", "TransactionEvent", event(kind, seq, offline=True))
        stage["a"].gets()
        stage.station.gets([3, f"g{seq}", {"totalCost": seq}])


def test_a_link_that_is_pushed_out_with_a_stop_open() -> None:
    """A backend that keeps the newest link of a station gets the stop again, under its id, as it never answered."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    first = stage["a"].line
    comes_again(stage)
    stage.up("a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()
    first.hangs_up()
    stage["a"].gets([2, "x", "StopTransaction", STOP])
    stage["a"].sends(3, "x", {})
    stage.station.gets([3, "x2", {}])
    assert stage.station.closed is None


def test_an_answer_that_never_comes_is_not_waited_for_for_ever() -> None:
    """A link whose station has gone is let go when an answer may not come any more."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.hangs_up()
    stage.wait(29)
    assert stage["a"].line.closed is None
    stage.wait(2)
    assert stage["a"].line.closed is not None
    assert stage["a"].backend.legs == 0


def test_a_session_says_whether_it_lingers() -> None:
    """Whoever keeps the sessions can tell which of those that are over are still to be answered."""
    stage = playing("a")
    charging(stage)
    assert not stage.session.lingers
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.hangs_up()
    assert stage.session.lingers
    stage["a"].sends(3, "x", {})
    assert not stage.session.lingers


def test_a_station_that_comes_again_with_another_version() -> None:
    """What is open in one version is no answer to what is said in another."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage._version = "ocpp2.0.1"
    comes_again(stage)
    stage.up("a")
    stage["a"].lines[-2].sends(3, "x", {})
    stage.station.gets()


def test_nothing_else_keeps_a_link() -> None:
    """Of a station that has gone only what somebody is paid by is waited for; what was never sent is not sent."""
    stage = Stage(one("a"), backends={"a": {"window": 1}})
    stage.up("a")
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.station.hangs_up()
    assert stage["a"].line.closed is not None
    stage["a"].gets([2, "h", "Heartbeat", {}])


# A backend is configured anew while something is open.


def owing() -> Stage:
    """Make a stage where `b` is being told of a start that it is owed."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    charging_with_copy(stage)
    return stage


def charging_with_copy(stage: Stage) -> None:
    """Play a start that `a` numbers and `b` is owed."""
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    stage["a"].line.take()
    stage.station.take()


def test_two_legs_deliver_nothing_twice() -> None:
    """While the old link waits for an answer the new one waits with it; then it goes on behind what was taken."""
    stage = owing()
    old = stage["b"]
    old.gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.replaces("b", **ALWAYS, window=3)
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    stage.wait(3)
    stage["b"].gets()
    old.sends(3, "s", {"transactionId": 900})
    stage.wait(1)
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].sends(3, "m", {})
    assert old.line.closed is not None
    assert stage.store.of(OwedRecord) == []


def test_what_waits_behind_what_is_owed_goes_over_to_the_new_leg() -> None:
    """What a backend was to be told behind what it is owed, it is told so on its new link, and not on the old one."""
    stage = owing()
    old = stage["b"]
    old.gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.station.sends(2, "n", "StatusNotification", {"connectorId": 1})
    stage.replaces("b", **ALWAYS, window=3)
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    old.sends(3, "s", {"transactionId": 900})
    stage.wait(1)
    old.gets()
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].sends(3, "m", {})
    stage["b"].gets([2, "n", "StatusNotification", {"connectorId": 1}])


def test_what_goes_over_to_the_new_leg_keeps_its_place() -> None:
    """What a backend was to be told goes before what it is owed since, on its new link as well."""
    stage = owing()
    old = stage["b"]
    stage.station.sends(2, "n", "StatusNotification", {"connectorId": 1})
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.replaces("b", **ALWAYS, window=3)
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    old.sends(3, "s", {"transactionId": 900})
    stage.wait(1)
    status, meter = ([2, "n", "StatusNotification", {"connectorId": 1}], [2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].gets(status, meter)


def test_a_stop_goes_over_to_the_new_leg_with_the_number_of_its_start() -> None:
    """A stop that a backend was to be told once it had numbered the start has that number on the new link."""
    stage = playing("a", "b")
    charging_with_copy(stage)
    (number,) = (tx.id for tx in stage.session.ledger)
    old = stage["b"]
    stage.station.sends(2, "x", "StopTransaction", STOP | {"transactionId": int(number)})
    old.gets([2, "s", "StartTransaction", START])
    stage.replaces("b", window=3)
    stage.moves(one("a", copy=("b",)))
    old.sends(3, "s", {"transactionId": 900})
    stage.up("b")
    stage["b"].gets([2, "x", "StopTransaction", STOP | {"transactionId": 900}])


def test_what_waits_for_a_link_goes_over_to_the_new_leg_in_order() -> None:
    """What a backend that is away was to answer, and to be told, it gets on its new link as the station said it."""
    stage = Stage(Rule(tokens=listed(["04em*"]), answer=("b",), copy=("a",)), one("a", copy=("b",)))
    stage.up("a")
    stage.station.sends(2, "1", "StatusNotification", {"connectorId": 1})
    stage.wait(1)
    stage.station.sends(2, "2", "Authorize", {"idTag": "04EM1"})
    stage.wait(1)
    stage.station.sends(2, "3", "StatusNotification", {"connectorId": 2})
    stage.replaces("b", window=3)
    stage.moves(Rule(tokens=listed(["04em*"]), answer=("b",), copy=("a",)), one("a", copy=("b",)))
    stage.up("b")
    assert [message[1] for message in stage["b"].line.take()] == ["1", "2", "3"]


def test_what_waits_behind_what_is_owed_is_not_told_when_the_station_has_gone() -> None:
    """On a link that only waits for an answer nothing goes before what is owed: what is left out is counted."""
    stage = owing()
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.station.sends(2, "n", "StatusNotification", {"connectorId": 1})
    stage.station.hangs_up()
    stage["b"].gets()
    stage["b"].sends(3, "s", {"transactionId": 900})
    stage.wait(1)
    stage["b"].gets()
    assert stage["b"].backend.copies_dropped == {"gone": 1}


def test_a_leg_that_was_let_go_dials_no_more() -> None:
    """A backend that keeps the newest link of a station is not called by the old leg and the new one in turns."""
    stage = owing()
    old = stage["b"]
    stage.replaces("b", **ALWAYS, window=3)
    stage.moves(one("a", copy=("b",)))
    stage.up("b")
    dialled = old.dialled
    old.hangs_up()
    stage.wait(60)
    assert old.dialled == dialled
    assert stage["b"].dialled == 1
    stage["b"].gets([2, "s", "StartTransaction", START])


def test_a_leg_that_was_let_go_while_it_waited_for_its_time() -> None:
    """A leg whose link is away when its backend is configured anew is not dialled, and ends."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a")
    stage["b"].refuses()
    old, leg = stage["b"], stage.session.legs["b"]
    stage.replaces("b", **ALWAYS, window=3)
    stage.moves(one("a", copy=("b",)))
    leg.link.start()
    stage.wait(60)
    assert old.dialled == 1
    assert leg.state is State.ENDED


def test_what_a_lost_link_of_an_old_leg_left_open_goes_to_the_new_one() -> None:
    """A plain call and a stop that are open on the old link when that is lost are sent on the new one."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.sends(2, "h", "Heartbeat", {})
    old = stage["a"]
    old.line.take()
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    old.hangs_up()
    stage["a"].gets([2, "x", "StopTransaction", STOP], [2, "h", "Heartbeat", {}])
    stage["a"].sends(3, "h", {"currentTime": "t"})
    stage["a"].sends(3, "x", {})
    assert stage.station.take() == [[3, "h", {"currentTime": "t"}], [3, "x", {}]]


# What the admitting backend is owed.


def test_what_the_admitting_backend_is_owed_is_delivered() -> None:
    """A backend that was dialled to let the station in gets what it is owed from before."""
    stage = Stage(one("a"), opened=False, backends={"a": ALWAYS})
    stage.session.ledger.owe("a", Call("x", "StopTransaction", b'{"transactionId":5}'), None)
    line = Line(stage)
    stage.session.adopt(stage.known("a"), line, stage.plans())
    stage.far["a"].lines.append(line)
    stage.open()
    assert stage["a"].dialled == 0
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    stage["a"].sends(3, "x", {})
    assert stage.store.of(OwedRecord) == []


# The last BootNotification.

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}


def test_the_boot_on_record_is_replayed() -> None:
    """A backend that comes back hears the last BootNotification, although the station only came again since."""
    stage = playing("a", "b")
    stage.station.sends(2, "b", "BootNotification", BOOT)
    for name in "ab":
        stage[name].line.take()
        stage[name].sends(3, "b", {"status": "Accepted", "interval": 60, "currentTime": "t"})
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage["a"].gets()
    stage["b"].refuses()
    stage.wait(2)
    stage.up("b")
    ((_, mid, action, fields),) = stage["b"].line.take()
    assert (action, fields) == ("BootNotification", BOOT)
    stage["b"].sends(3, mid, {"status": "Rejected", "interval": 60, "currentTime": "t"})
    stage["a"].hangs_up()
    stage.wait(2)
    stage.up("a")
    assert stage["a"].line.take()[0][2] == "BootNotification"


# Two processes, one database.


def test_another_process_delivers() -> None:
    """While another process holds the right to deliver this one waits; then it reads what is left."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    stage.store.elsewhere = True
    charging_with_copy(stage)
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage.wait(3)
    stage["b"].gets()
    (start, meter) = sorted(stage.store.of(OwedRecord), key=lambda record: record.seq)
    assert start.action == "StartTransaction"
    stage.store.strike(start)  # the other process has delivered it
    stage.store.elsewhere = False
    stage.wait(1)
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].sends(3, "m", {})
    assert stage.store.of(OwedRecord) == []
    assert stage.store.leased
    stage.station.hangs_up()
    assert not stage.store.leased
    assert meter.backend == "b"


def test_the_right_to_deliver_is_given_back() -> None:
    """A process to which a station is still connected lets another one deliver, once it owes nothing itself."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].sends(3, "m", {})
    stage.wait(3)
    assert stage.store.leased
    stage["b"].sends(3, "m", {})
    assert stage.store.leased
    stage.wait(1.2)
    assert not stage.store.leased


def test_the_right_to_deliver_is_given_back_by_who_does_not_know_that_it_has_it() -> None:
    """A process to whom the database did not say what came of its wish gives the right back all the same."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    stage.store.broken = True
    charging_with_copy(stage)
    stage["b"].gets()
    assert stage.station.closed is not None
    assert not stage.store.leased


def test_the_right_to_deliver_that_comes_too_late() -> None:
    """A right that is asked for, and granted when the station has gone, is given back at once."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    stage.store.slow = True
    charging_with_copy(stage)
    stage.station.hangs_up()
    stage.store.slow = False
    stage.store.writes()
    assert not stage.store.leased


def test_the_right_to_deliver_is_renewed() -> None:
    """Nothing is sent whose answer might come after the right to deliver has ended."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    for n in range(3):
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": n})
        stage["a"].sends(3, f"m{n}", {})
        stage["b"].gets([2, f"m{n}", "MeterValues", {"connectorId": n}])
        stage["b"].sends(3, f"m{n}", {})
        stage.wait(40)
    stage.store.elsewhere = True
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 9})
    stage["b"].gets()


# A book that was not read.


def unread(stage: Stage, *, incomplete: bool) -> Ledger:
    """Let the station come in while the database is away."""
    ledger = stage.ports.ledger("cp-1", Page("cp-1"))
    ledger.unread, ledger.incomplete = True, incomplete
    stage.session, stage.station = stage.newcomer(ledger)
    stage.open()
    return ledger


@pytest.mark.parametrize(
    ("action", "fields"), [("StartTransaction", START), ("StopTransaction", STOP), ("MeterValues", {"connectorId": 1})]
)
def test_nobody_charges_by_a_book_that_was_not_read(action: str, fields: dict[str, Any]) -> None:
    """While something may be on record that is not known the station keeps what it is paid by; the rest goes on."""
    stage = Stage(one("a"))
    stage.far["a"].dials.clear()
    unread(stage, incomplete=True)
    stage.up("a")
    stage.station.sends(2, "h", "Heartbeat", {})
    stage["a"].gets([2, "h", "Heartbeat", {}])
    stage.station.sends(2, "1", action, fields)
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")


def test_a_book_is_read_when_that_can_be_done() -> None:
    """What is on record counts from then on, is delivered, and what was noted meanwhile stays."""
    stage = Stage(one("a"), backends={"a": ALWAYS})
    stage.far["a"].dials.clear()
    stage.session.ledger.owe("a", Call("x", "StopTransaction", b'{"transactionId":5}'), None)
    page = stage.store.page("cp-1")
    ledger = unread(stage, incomplete=True)
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", BOOT)
    stage["a"].line.take()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60, "currentTime": "t"})
    stage["a"].gets()
    ledger.read(page)
    stage.session.follow(stage.session.plans, "home", {"a": stage["a"].backend})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    assert ledger.fact("boot") is not None
    assert not ledger.unread
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    assert stage.station.closed is None


def test_what_is_blank() -> None:
    """A book is blank as long as nothing on it changes what station and backend say to each other."""
    stage = playing("a")
    assert stage.session.ledger.blank
    charging(stage)
    assert stage.session.ledger.blank
    stage.session.ledger.owe("a", Call("x", "StopTransaction", b"{}"), None)
    assert not stage.session.ledger.blank


# What is over is forgotten.


def sessions() -> int:
    """Return how many sessions are in memory."""
    gc.collect()
    return sum(isinstance(each, Session) for each in gc.get_objects())


@pytest.mark.parametrize("busy", ["idle", "open", "waiting", "away", "owing", "unserved"])
def test_a_session_that_is_over_stays_nowhere(busy: str) -> None:
    """Nothing keeps a session in memory that is over, whatever it was waiting for."""
    before = sessions()
    stage = Stage(one("a", copy=("b",)), backends={"a": {"window": 1, "wait": 50.0}, "b": ALWAYS})
    if busy == "unserved":
        stage["a"].refuses()
        stage["b"].refuses()
    else:
        stage.up("a", "b")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    if busy == "idle":
        stage["a"].sends(3, "m", {})
        stage["b"].sends(3, "m", {})
    for n in range(3 if busy in ("open", "waiting") else 0):
        stage.station.sends(2, f"h{n}", "Heartbeat", {})
    if busy == "away":
        stage["a"].hangs_up()
    if busy == "owing":
        stage["b"].sends(4, "m", "InternalError", "", {})
    stage.station.hangs_up()
    for far in stage.far.values():
        for line in far.lines:
            line.hangs_up()
            line.receiver = None
        far.dials.clear()
    del stage.session, stage.station
    stage.ended.clear()
    stage.wait(0.3)  # meter values that were open are waited for as long as their link is there
    assert sessions() == before


def test_what_was_answered_outlives_the_process() -> None:
    """An answer is on record when the session is over, and at once where several backends share the station."""
    stage = playing("a", version="ocpp2.0.1")
    stage.station.sends(2, "e0", "TransactionEvent", event("Started", 0))
    stage["a"].sends(3, "e0", {})
    stage.station.sends(2, "e1", "TransactionEvent", event("Updated", 1))
    stage["a"].sends(3, "e1", {"totalCost": 1})
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "f1", "TransactionEvent", event("Updated", 1, offline=True))
    stage.station.gets([3, "f1", {"totalCost": 1}])
    stage["a"].gets()


def test_what_was_answered_by_one_of_several_is_on_record_at_once() -> None:
    """Another process that the station comes to before this one has noticed knows what was answered here."""
    stage = playing("a", "b", version="ocpp2.0.1")
    for seq, kind in enumerate(("Started", "Updated")):
        stage.station.sends(2, f"e{seq}", "TransactionEvent", event(kind, seq))
        stage["a"].sends(3, f"e{seq}", {"totalCost": seq})
    stage["a"].line.take()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a", "b")
    stage.station.sends(2, "f1", "TransactionEvent", event("Updated", 1))
    stage.station.gets([3, "f1", {"totalCost": 1}])
    stage["a"].gets()
