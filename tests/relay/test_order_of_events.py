"""The order of events: what is owed, waits or moves keeps its place and its owner, whatever happens in between."""

from __future__ import annotations

from typing import Any

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Handler, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.plan import Chain
from voltgate.relay.records import OwedRecord, TransactionRecord
from voltgate.relay.rule import Rule
from voltgate.relay.stand_in import StandIn

BEGIN = {"connectorId": 1, "idTag": "04EM17", "meterStart": 0, "timestamp": "t"}
START = (2, "s", "StartTransaction", BEGIN)
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
TOKEN = {"idToken": "04EM", "type": "ISO14443"}


def stop(number: int) -> tuple[Any, ...]:
    """Give the call that ends a transaction."""
    return (2, "x", "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "u"})


def event(kind: str, seq: int, **more: Any) -> dict[str, Any]:
    """Give the fields of an event of the one 2.x transaction."""
    return {"eventType": kind, "seqNo": seq, "transactionInfo": {"transactionId": "T"}, **more}


def starts(stage: Stage) -> int:
    """Have the station start a transaction that a numbers 5, and give the number that the station is told."""
    stage.station.sends(*START)
    stage["a"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    number: int = stage.station.take()[-1][2]["transactionId"]
    return number


def actions(stage: Stage, name: str) -> list[str]:
    """Give the actions that a backend got since the last look."""
    return [message[2] for message in stage[name].line.take()]


def comes_anew(stage: Stage, *names: str) -> None:
    """Let the station in again, with its ledger read anew, and forget the dials of the session before."""
    stage.session, stage.station = stage.newcomer()
    for name in names:
        stage[name].dials.clear()
    stage.open()


def owing_a_start() -> Stage:
    """Make a stage where a, which takes one call at a time, is away and owed a start, and where the station booted."""
    stage = playing("a", backends={"a": {"when_down": "answer", "window": 1}})
    stage.station.sends(2, "b", "BootNotification", {"v": 1})
    stage["a"].line.take()
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 10})
    stage.station.take()
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.wait(1.2)
    return stage


def comes_back_busy(stage: Stage) -> None:
    """Have a come back, accept the replayed boot, and answer the start that it was owed with an error."""
    stage.up("a")
    stage["a"].sends(3, stage["a"].line.take()[0][1], {"status": "Accepted"})
    stage["a"].line.take()
    stage["a"].sends(4, "s", "InternalError", "busy", {})


# What is owed.


def test_what_is_owed_is_delivered_after_a_full_buffer() -> None:
    """A stop that is owed to a copy, and that found its buffer full, is delivered when the buffer has drained."""
    stage = playing("a", "b", backends={"b": {"deliver": "always"}})
    number = starts(stage)
    stage.station.sends(*stop(number))
    stage["a"].sends(3, "x", {})
    stage["b"].line.take()
    stage["b"].line.is_full()
    stage["b"].sends(3, "s", {"transactionId": 9, **ACCEPTED})
    stage["b"].line.has_drained()
    stage.wait(3600)
    assert actions(stage, "b")[:1] == ["StopTransaction"]


def test_what_is_owed_is_delivered_after_a_full_window() -> None:
    """A start that is owed, and whose next try found the window full, is delivered when there is room again."""
    stage = owing_a_start()
    comes_back_busy(stage)
    stage.station.sends(2, "d", "DataTransfer", {"vendorId": "v"})
    stage.wait(2)
    stage["a"].line.take()
    stage["a"].sends(3, "d", {})
    stage.wait(3600)
    assert actions(stage, "a")[:1] == ["StartTransaction"]


def test_what_is_owed_has_its_turn_among_chatter() -> None:
    """However much the station has to say, a start that is owed is delivered within 300 s."""
    stage = owing_a_start()
    for n in range(3):
        stage.station.sends(2, f"e{n}", "Heartbeat", {})
    comes_back_busy(stage)
    assert any(gets_the_start_in_a_second_of_chatter(stage, n) for n in range(300))


def gets_the_start_in_a_second_of_chatter(stage: Stage, n: int) -> bool:
    """Have the station send two calls, and a answer in the second after what comes until that is the start."""
    stage.station.sends(2, f"d{2 * n}", "DataTransfer", {})
    stage.station.sends(2, f"d{2 * n + 1}", "DataTransfer", {})
    stage.wait(1)
    for message in stage["a"].line.take():
        if message[2] == "StartTransaction":
            return True
        stage["a"].sends(3, message[1], {})
    stage.station.take()
    return False


def test_a_stand_in_that_is_owed_something_is_dialled() -> None:
    """A stand-in that is owed a stop is dialled when the station comes again, though the first backend is there."""
    stage = Stage(one("a", "b"), backends={"b": {"when_down": "answer"}, "a": {"wait": 300}})
    stage.station.sends(2, "b", "BootNotification", {"v": 1})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].sends(3, "b", {"status": "Accepted", "interval": 10})
    stage.station.take()
    stage.station.sends(*START)
    stage["b"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    number = stage.station.take()[-1][2]["transactionId"]
    stage["b"].hangs_up()
    stage.station.sends(*stop(number))
    stage.station.hangs_up()
    comes_anew(stage, "a", "b")
    stage.up("a")
    stage.wait(3600)
    assert stage["b"].dials


# Copies.


def test_a_copy_of_an_event_waits_for_the_link() -> None:
    """The copy of a 2.x event waits until a backend that is away is there, past a dial that fails."""
    stage = playing("a", "b", version="ocpp2.0.1")
    stage["b"].hangs_up()
    started = event("Started", 0, idToken=TOKEN)
    stage.station.sends(2, "1", "TransactionEvent", started)
    stage.wait(1.2)
    stage["b"].refuses()
    stage.wait(2.2)
    stage.up("b")
    stage["b"].gets([2, "1", "TransactionEvent", started])


def test_copies_for_a_full_buffer_are_bounded() -> None:
    """Of 30 MB of copies that met a full buffer an hour ago, at most 1 MiB is sent when it has drained."""
    stage = playing("a", "b", version="ocpp2.0.1")
    stage["b"].line.is_full()
    for n in range(60):
        stage.station.sends(2, str(n), "TransactionEvent", event("Updated", n, idToken=TOKEN, x="y" * 500_000))
        stage["a"].line.sent.clear()
        stage["a"].sends(3, str(n), {})
    stage.wait(3600)
    stage["b"].line.has_drained()
    assert sum(map(len, stage["b"].line.sent)) <= 1 << 20


def test_a_start_is_told_only_with_its_stop() -> None:
    """A copy whose buffer drains late is told of the start and then of the stop, or of neither."""
    stage = playing("a", "b")
    stage["b"].line.is_full()
    number = starts(stage)
    stage.wait(40)
    stage["b"].line.has_drained()
    told = actions(stage, "b")
    stage.wait(0.5)
    if told:
        stage["b"].sends(3, "s", {"transactionId": 9, **ACCEPTED})
    stage.station.sends(*stop(number))
    told += actions(stage, "b")
    assert told in ([], ["StartTransaction", "StopTransaction"])


def test_a_copy_that_is_late_is_not_told_although_no_tick_has_come() -> None:
    """A process that was busy for longer than a copy may wait drops it when it looks again."""
    stage = playing("a", "b")
    stage["b"].line.is_full()
    starts(stage)
    stage.now += 40
    stage["b"].line.has_drained()
    assert actions(stage, "b") == []
    assert stage["b"].backend.copies_dropped == {}


# What moves, and what stays.


def test_what_follows_a_start_moves_with_it() -> None:
    """When a start that was not sent yet moves to the stand-in, the meter values behind it move too."""
    stage = Stage(one("b", actions=("Heartbeat",)), one("a", "b"), backends={"a": {"window": 1}})
    stage.up("a", "b")
    stage.station.sends(2, "d", "DataTransfer", {"vendorId": "v"})
    stage.station.sends(*START)
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "meterValue": []})
    stage["a"].hangs_up()
    assert stage.station.closed is None
    assert [message[1] for message in stage["b"].line.take()] == ["s", "m"]


def test_a_stand_in_that_owns_a_session_is_dialled() -> None:
    """A stand-in that turns out to own a 2.x session is dialled, gets the event, and the station stays."""
    stage = Stage(one("a", "b"), version="ocpp2.0.1", backends={"a": {"wait": 300}})
    stage.station.sends(2, "h", "Heartbeat", {})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].sends(2, "r", "RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 3})
    stage.station.take()
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage.station.hangs_up()
    comes_anew(stage, "a", "b")
    stage.up("a")
    started = event("Started", 0)
    stage.station.sends(2, "1", "TransactionEvent", started)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])
    updated = event("Updated", 1, transactionInfo={"transactionId": "T", "remoteStartId": 3})
    stage.station.sends(2, "2", "TransactionEvent", updated)
    stage.up("b")
    stage["b"].gets([2, "1", "TransactionEvent", started])
    stage["b"].sends(3, "1", {})
    stage["b"].gets([2, "2", "TransactionEvent", updated])
    stage["b"].sends(3, "2", {})
    stage.station.gets([3, "2", {}])
    stage.wait(31)
    assert stage.station.closed is None


def test_a_start_belongs_to_whom_answers_it() -> None:
    """A start that waited for a backend that is not configured any more is the one's that answers its repetition."""
    stage = Stage(one("a"))
    stage["a"].refuses()
    stage.station.sends(*START)
    stage.unknown.add("a")
    stage.moves(one("b"))
    stage.wait(12)
    comes_anew(stage, "b")
    stage.up("b")
    stage.station.sends(*START)
    stage["b"].sends(3, "s", {"transactionId": 77, **ACCEPTED})
    stage["b"].line.take()
    stage.station.sends(*stop(77))
    stage["b"].gets([*stop(77)])


def test_a_backend_that_was_left_has_no_full_permit() -> None:
    """A backend that was left, and still has calls to answer, may not change the station's configuration any more."""
    stage = playing("a", backends={"a": {"permit": None}})
    stage["a"].sends(2, "1", "GetConfiguration", {})
    stage.station.take()
    stage.station.sends(3, "1", {})
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.moves(one("b"))
    stage["a"].sends(2, "2", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"})
    stage.station.gets()


# A chain that is asked.


def test_a_station_that_goes_while_a_chain_is_asked_binds_nothing() -> None:
    """A start whose station goes while several backends are asked in turn leaves no transaction on record."""
    stage = Stage(Rule(answer=("a",), copy=("b",), chain=Chain(("a", "b"))))
    stage.up("a", "b")
    stage.station.sends(*START)
    stage.station.hangs_up()
    assert stage.store.of(TransactionRecord) == []


def test_two_events_of_one_transaction_while_a_chain_is_asked() -> None:
    """Two events of one transaction that waited for the same question reach its owner in their order."""
    stage = Stage(Rule(answer=("a",), copy=("b",), chain=Chain(("a", "b"))), version="ocpp2.0.1")
    stage.up("a", "b")
    stage.station.sends(2, "e0", "TransactionEvent", event("Started", 0, idToken=TOKEN))
    stage.station.sends(2, "e1", "TransactionEvent", event("Updated", 1, idToken=TOKEN))
    stage["a"].sends(3, stage["a"].line.take()[0][1], {"idTokenInfo": {"status": "Accepted"}})
    assert [message[1] for message in stage["a"].line.take()] == ["e0", "e1"]


def test_events_without_end_while_a_chain_is_asked() -> None:
    """What waits for the owner of one transaction is bounded: beyond, the station is let go and keeps it."""
    stage = Stage(Rule(answer=("a",), chain=Chain(("a", "b"))), version="ocpp2.0.1")
    stage.up("a", "b")
    for n in range(16):
        stage.station.sends(2, f"e{n}", "TransactionEvent", event("Updated", n, idToken=TOKEN))
    assert stage.station.closed is None
    stage.station.sends(2, "e16", "TransactionEvent", event("Updated", 16, idToken=TOKEN))
    assert stage.station.closed == (1013, "Too much of one transaction waits: keep TransactionEvent and come again")


# What holds up nothing else.


def test_a_wrap_that_answers_the_replayed_boot_holds_nothing_up() -> None:
    """A backend whose own wrap answers the replayed boot gets the start that waited, and the stop after it."""

    def absorbs(context: Context, handler: Handler) -> Handler:
        def wrapped(call: Call, respond: Respond) -> None:
            if call.action == "BootNotification":
                respond(Result(call.id, b'{"status":"Accepted"}'))
            else:
                handler(call, respond)

        return wrapped

    stage = playing("a", backends={"a": {"to_backend": (absorbs,)}})
    stage.station.sends(2, "b", "BootNotification", {})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([*START])
    stage["a"].sends(3, "s", {"transactionId": 5, **ACCEPTED})
    stage.station.sends(*stop(5))
    stage["a"].gets([*stop(5)])


def test_a_send_is_not_held_up_by_a_tap() -> None:
    """A SEND passes a full window at once, also while somebody listens in."""
    stage = playing("a", version="ocpp2.1", backends={"a": {"window": 1}})
    stage.ports.taps.open(None, lambda _: None)
    stage.session.look_for_taps()
    stage.station.sends(2, "h", "Heartbeat", {})
    stage.station.sends(6, "n", "NotifyPeriodicEventStream", {"id": 1})
    assert len(stage["a"].line.take()) == 2


def test_a_repeated_start_that_cannot_be_written_ends_in_a_farewell() -> None:
    """A start that is repeated while the disk is broken is not left without an answer: the station is let go."""
    stage = playing("a", "b")
    starts(stage)
    stage.store.broken = True
    stage.station.sends(2, "again", "StartTransaction", BEGIN)
    assert stage.station.closed is not None


def test_a_stand_in_that_is_also_a_copy_is_sent_one_start() -> None:
    """A start that waited for the first backend reaches the second, which is also a copy, once: as what it answers."""
    stage = Stage(one("a", "b", copy=("b",)), backends={"a": {"wait": 25}, "b": {"wait": 25}})
    stage.station.sends(*START)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*START])
    stage["b"].sends(3, "s", {"transactionId": 1, **ACCEPTED})
    stage["b"].gets()


def test_a_stand_in_that_is_also_a_copy_is_told_of_a_start_that_another_answers() -> None:
    """It is told as soon as the start was sent to the first backend."""
    stage = Stage(one("a", "b", copy=("b",)))
    stage.up("a")
    stage.station.sends(2, "h", "Heartbeat", {})
    stage["a"].hangs_up()
    stage.up("b")
    stage["b"].line.take()
    stage.wait(1.2)
    stage.up("a")
    stage["a"].line.take()
    stage.station.sends(*START)
    stage["a"].gets([*START])
    stage["b"].gets([*START])


def test_a_stand_in_that_is_also_a_copy_is_told_of_a_start_that_was_answered_here() -> None:
    """When a start is answered in the place of the backend that is away, the copy is told of it all the same, once."""
    backends = {"a": {"when_down": "answer", "stand_in": StandIn("all")}, "b": {"deliver": "always"}}
    stage = Stage(one("a", "b", copy=("b",)), backends=backends)
    stage.up("a")
    stage.station.sends(2, "o", "BootNotification", {})
    stage["a"].sends(3, "o", {"status": "Accepted", "interval": 60})
    stage.station.take()
    stage["a"].hangs_up()
    stage["b"].refuses()
    stage.station.sends(*START)
    ((_, message_id, answer),) = stage.station.take()
    assert (message_id, answer["idTagInfo"]) == ("s", {"status": "Accepted"})
    owed = [(record.backend, record.action) for record in stage.store.of(OwedRecord)]
    assert sorted(owed) == [("a", "StartTransaction"), ("b", "StartTransaction")]


def test_a_stand_in_that_is_also_a_copy_is_told_once_of_what_was_sent_and_then_answered_here() -> None:
    """A call that was sent, and whose answer got lost with the link, was told to the copy when it was sent."""
    backends = {"a": {"when_down": "answer", "stand_in": StandIn("all")}}
    stage = Stage(one("a", "b", copy=("b",)), backends=backends)
    stage.up("a", "b")
    stage.station.sends(2, "o", "BootNotification", {})
    stage["a"].sends(3, "o", {"status": "Accepted", "interval": 60})
    stage.station.take()
    stage["b"].line.take()
    stage.station.sends(2, "n", "Authorize", {"idTag": "04"})
    stage["b"].gets([2, "n", "Authorize", {"idTag": "04"}])
    stage["b"].sends(3, "n", {"idTagInfo": {"status": "Invalid"}})
    stage["a"].hangs_up()
    stage.wait(1)
    stage.station.gets([3, "n", {"idTagInfo": {"status": "Accepted"}}])
    stage["b"].gets()


def test_what_is_owed_is_not_delivered_twice_by_a_reload() -> None:
    """A message that is being delivered when its backend is configured anew is delivered by the link that was left."""
    stage = playing("a", "b", backends={"b": {"deliver": "always"}})
    number = starts(stage)
    stage["b"].line.take()
    old = stage.replaces("b", deliver="always", window=3)
    stage.moves(one("a", copy=("b",)), name="home")
    stage.up("b")
    stage.wait(1)
    assert actions(stage, "b") == []
    old.sends(3, "s", {"transactionId": 9, **ACCEPTED})
    stage.station.sends(*stop(number))
    stage.wait(1)
    assert [message[3]["transactionId"] for message in stage["b"].line.take()] == [9]


def test_what_a_link_that_was_left_did_not_deliver_is_delivered_by_the_next() -> None:
    """When the link that was left is lost without an answer, the new one delivers the message."""
    stage = playing("a", "b", backends={"b": {"deliver": "always", "when_down": "refuse"}})
    starts(stage)
    stage["b"].line.take()
    old = stage.replaces("b", deliver="always", window=3)
    stage.moves(one("a", copy=("b",)), name="home")
    stage.up("b")
    old.hangs_up()
    stage.wait(1)
    assert actions(stage, "b") == ["StartTransaction"]
