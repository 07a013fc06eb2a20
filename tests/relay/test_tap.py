"""The tap: what whoever listens hears of a station's messages, and that nobody else is touched by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.relay.stage import CALENDAR, START, Stage, one, playing
from voltgate.ocpp.messages import FOREVER, Call, Error, Result, Unanswered
from voltgate.relay.policies.validation import strictly
from voltgate.relay.session import Session
from voltgate.relay.tap import Heard, Overheard


class Listener:
    """Somebody who listens to a stage, from now on."""

    def __init__(self, stage: Stage, key: str | None = "cp-1") -> None:
        self.heard: list[Overheard] = []
        self.hear = self.heard.append
        self._stage, self._key = stage, key
        stage.ports.taps.open(key, self.hear)
        stage.session.look_for_taps()

    def leaves(self) -> None:
        """Listen no more."""
        self._stage.ports.taps.close(self._key, self.hear)
        self._stage.session.look_for_taps()

    def take(self) -> list[tuple[Any, ...]]:
        """Give what was heard since the last look: direction, action, backend and what came of it."""
        taken = [(each.direction, each.call.action, each.backend, _outcome(each)) for each in self.heard]
        self.heard.clear()
        return taken


def _outcome(overheard: Overheard) -> Any:
    match overheard.reply:
        case Result(payload=payload):
            return json.loads(bytes(payload))
        case Unanswered(reason=reason):
            return reason.value
        case Error(code=code):
            return code
        case None:
            return None


def test_a_call_is_heard_on_both_legs() -> None:
    """A call of a station is heard as each backend answers it and as the station is answered, with its times."""
    stage = playing("a", "b")
    listener = Listener(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    assert listener.take() == []
    stage.now += 0.25
    stage["a"].sends(3, "m1", {"currentTime": "x"})
    first, second = listener.heard
    assert (first.direction, first.backend, first.took) == ("to_backend", "a", 0.25)
    assert (second.direction, second.backend, second.took) == ("from_station", "a", 0.25)
    assert {first.at, second.at} == {START + CALENDAR}
    assert {first.station, second.station} == {"CP-1"}
    listener.take()
    stage["b"].sends(4, "m1", "InternalError", "", {})
    assert listener.take() == [("to_backend", "Heartbeat", "b", "InternalError")]
    stage.station.gets([3, "m1", {"currentTime": "x"}])


def test_a_listener_that_fails() -> None:
    """The message goes on, others hear it, and what the listener raised is counted and reported now and then."""
    stage = playing("a")

    def fails(overheard: Overheard) -> None:
        raise ValueError(overheard.call.id)

    stage.ports.taps.open("cp-1", fails)
    listener = Listener(stage)
    for number in range(1, 4):
        stage.station.sends(2, f"m{number}", "Heartbeat", {})
        stage["a"].sends(3, f"m{number}", {"currentTime": "x"})
        stage.station.gets([3, f"m{number}", {"currentTime": "x"}])
        assert [direction for direction, *_ in listener.take()] == ["to_backend", "from_station"]
        stage.wait(30)
    assert stage.notifier.faults == {"tap": 6}
    assert stage.reports == [("tap", "m1", 1), ("tap", "m3", 5)]


def test_a_command_is_heard_on_both_legs() -> None:
    """A backend's call is heard as the station answers it and as the backend is answered."""
    stage = playing("a")
    listener = Listener(stage)
    stage["a"].sends(2, "r1", "Reset", {"type": "Soft"})
    stage.station.sends(3, "r1", {"status": "Accepted"})
    accepted = {"status": "Accepted"}
    assert listener.take() == [("to_station", "Reset", "a", accepted), ("from_backend", "Reset", "a", accepted)]
    assert stage["a"].backend.commands.by_label["Reset"].results == 1
    stage["a"].gets([3, "r1", accepted])


def test_what_voltgate_answers_itself_is_heard() -> None:
    """An answer of Voltgate's own bears the name of no backend; one that nobody gave says why."""
    stage = Stage(one("a", actions=("Heartbeat",)), backends={"a": {"when_down": "refuse"}}, from_station=(strictly,))
    listener = Listener(stage)
    stage["a"].refuses()
    stage.station.sends(2, "m1", "Heartbeat", {"no": 1})
    stage.station.sends(2, "m2", "Heartbeat", {})
    stage.station.sends(2, "m3", "DataTransfer", {"vendorId": "x"})
    assert listener.take() == [
        ("from_station", "Heartbeat", None, "OccurenceConstraintViolation"),
        ("from_station", "Heartbeat", None, "gone"),
        ("from_station", "DataTransfer", None, "NotSupported"),
    ]


def test_a_call_of_somebody_else_bears_no_backend() -> None:
    """A call to the station that no backend made is heard all the same."""
    stage = playing("a")
    listener = Listener(stage)
    call = Call("x1", "Reset", b'{"type":"Soft"}')
    call.at, call.deadline, call.asker = stage.now, FOREVER, "somebody"
    replies: list[Any] = []
    stage.session.command(call, replies.append)
    stage.station.sends(3, "x1", {"status": "Accepted"})
    assert listener.take() == [("to_station", "Reset", None, {"status": "Accepted"})]
    assert len(replies) == 1


def test_sends_are_heard_without_an_answer() -> None:
    """A SEND is heard when it passes, in both directions: nobody answers it."""
    stage = playing("a", version="ocpp2.1")
    listener = Listener(stage)
    stage.station.sends(6, "s1", "NotifyPeriodicEventStream", {"id": 1})
    assert listener.take() == [
        ("from_station", "NotifyPeriodicEventStream", None, None),
        ("to_backend", "NotifyPeriodicEventStream", "a", None),
    ]
    stage["a"].sends(6, "s2", "NotifyPeriodicEventStream", {"id": 1})
    assert listener.take() == [
        ("from_backend", "NotifyPeriodicEventStream", "a", None),
        ("to_station", "NotifyPeriodicEventStream", "a", None),
    ]


def test_nobody_hears_another_station() -> None:
    """Who listens to one station hears nothing of another; who listens to all hears everything."""
    stage = playing("a")
    other, everybody = Listener(stage, "cp-2"), Listener(stage, None)
    assert stage.session.tap is not None
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    assert other.take() == []
    assert len(everybody.take()) == 2
    everybody.leaves()
    assert stage.session.tap is None


def test_listening_ends() -> None:
    """When the last has gone the session is as it was before; what is open then is answered all the same."""
    stage = playing("a")
    one_of_two, other = Listener(stage), Listener(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    one_of_two.leaves()
    assert stage.session.tap is not None
    other.leaves()
    assert stage.session.tap is None
    stage["a"].sends(3, "m1", {})
    stage.station.sends(2, "m2", "Heartbeat", {})
    stage["a"].sends(3, "m2", {})
    stage.station.gets([3, "m1", {}], [3, "m2", {}])
    assert (one_of_two.take(), other.take()) == ([], [])
    assert stage["a"].backend.calls.by_label["Heartbeat"].results == 2


def test_a_leg_that_comes_later_is_heard() -> None:
    """A backend that the station is moved to while somebody listens is heard like those that were there."""
    stage = playing("a")
    listener = Listener(stage)
    stage.moves(one("b"))
    stage.up("b")
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["b"].sends(3, "m1", {})
    assert [heard[:3] for heard in listener.take()] == [
        ("to_backend", "Heartbeat", "b"),
        ("from_station", "Heartbeat", "b"),
    ]


def test_calls_that_end_with_the_session_are_heard() -> None:
    """A call that Voltgate leaves unanswered, so that the station keeps it, is heard with no answer."""
    stage = playing("a")
    listener = Listener(stage)
    stage.station.sends(2, "m1", "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "x"})
    stage["a"].sends(2, "r1", "Reset", {"type": "Soft"})
    stage.now += 2
    stage.station.hangs_up()
    heard = listener.heard
    assert ("from_station", "StopTransaction", None, None) in [
        (each.direction, each.call.action, each.backend, _outcome(each)) for each in heard
    ]
    assert ("to_station", "Reset", "a", "gone") in [
        (each.direction, each.call.action, each.backend, _outcome(each)) for each in heard
    ]
    assert {each.took for each in heard} == {2.0}


def test_a_call_that_was_given_up_is_not_heard_again() -> None:
    """What comes of a backend's call after the session has ended was told as unanswered already."""
    stage = playing("a")
    listener = Listener(stage)
    leg = stage.session.legs["a"]
    leg.hold_back()
    stage["a"].sends(2, "r1", "Reset", {"type": "Soft"})
    stage.station.hangs_up()
    assert listener.take() == [("from_backend", "Reset", "a", None)]
    leg.let_pass()
    assert listener.take() == [("to_station", "Reset", "a", "gone")]


def _taken_over(stage: Stage) -> Session:
    """Let the station come again while its legs go on."""
    old = stage.session
    session, line = stage.newcomer()
    session.take_over(old, keep_legs=True)
    stage.session, stage.station = session, line
    stage.open()
    return old


def test_legs_that_go_on_are_heard_under_the_next_session() -> None:
    """When a station comes again, its backends' open calls and later ones are heard once each."""
    stage = playing("a")
    listener = Listener(stage)
    stage["a"].sends(2, "r1", "Reset", {"type": "Soft"})
    old = _taken_over(stage)
    assert listener.take() == [
        ("to_station", "Reset", "a", "gone"),
        ("from_backend", "Reset", "a", "gone"),
    ]
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    assert listener.take() == [("to_backend", "Heartbeat", "a", {}), ("from_station", "Heartbeat", "a", {})]
    assert old.ended


def test_a_backends_call_that_outlives_the_session_is_heard_once() -> None:
    """A backend's call that waits for the disk while the station comes again is heard when it is answered."""
    stage = playing("a")
    listener = Listener(stage)
    leg = stage.session.legs["a"]
    leg.hold_back()
    stage["a"].sends(2, "r1", "Reset", {"type": "Soft"})
    _taken_over(stage)
    assert listener.take() == []
    leg.let_pass()
    stage.station.sends(3, "r1", {"status": "Accepted"})
    accepted = {"status": "Accepted"}
    assert listener.take() == [("to_station", "Reset", "a", accepted), ("from_backend", "Reset", "a", accepted)]


class Notes:
    """A recorder of all stations."""

    def __init__(self) -> None:
        self.taken: list[Heard] = []
        self.take = self.taken.append

    def wants(self, key: str, route: str) -> bool:
        """Record everything."""
        return True

    def malformed(self, station: str, backend: str | None, at: float, text: bytes, why: str) -> None:
        """Take what is no message."""


def test_a_listener_takes_nothing_from_the_recorder() -> None:
    """What is recorded is the same before somebody listens, meanwhile, and after that."""
    stage, notes = playing("a"), Notes()
    stage.ports.taps.recorder = notes
    stage.session.look_for_taps()

    def called() -> int:
        stage.station.sends(2, "m1", "Heartbeat", {})
        stage["a"].sends(3, "m1", {})
        number = len(notes.taken)
        notes.taken.clear()
        return number

    assert called() == 2
    listener = Listener(stage)
    assert (called(), len(listener.take())) == (2, 2)
    listener.leaves()
    assert (called(), listener.take()) == (2, [])


def test_legs_outlive_the_last_listener() -> None:
    """A leg that goes on under a session to which nobody listens any more is heard by nobody."""
    stage = playing("a")
    listener = Listener(stage)
    stage.ports.taps.close("cp-1", listener.hear)
    _taken_over(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    stage.station.gets([3, "m1", {}])
    assert listener.take() == []


@pytest.mark.parametrize("action", ["Heartbeat", "StatusNotification"])
def test_nothing_is_in_the_way_while_nobody_listens(action: str) -> None:
    """Without a listener the turns of a session call its own handlers and nothing else."""
    stage = playing("a")
    assert stage.session.tap is None
    leg = stage.session.legs["a"]
    assert stage.session.turns._handler == stage.session.from_station
    assert leg.turns._handler == leg._called
    assert (leg._from_backend, leg._to_backend) == (None, None)
    stage.station.sends(2, "m1", action, {})
    assert len(stage["a"].line.take()) == 1
