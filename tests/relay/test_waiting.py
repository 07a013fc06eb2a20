"""Calls that wait for a backend: what was planned for somebody moves only along the failover list of its own plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ocpp.line import Heard
from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Error, Reason, Unanswered
from voltgate.relay.asked import Asked
from voltgate.relay.backend import Retry
from voltgate.relay.leg import Leg
from voltgate.relay.plan import Plan
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed
from voltgate.relay.uplink import State

EMPLOYER = Rule(tokens=listed(["04EM*"]), answer=("b",))


def test_an_employers_card_is_not_shown_to_another_backend() -> None:
    """An Authorize that waits for the employer's backend is not sent to the other one when the dial fails."""
    stage = Stage(EMPLOYER, one("a"))
    stage.up("a")
    stage.station.sends(2, "1", "Authorize", {"idTag": "04EM17"})
    stage["b"].refuses()
    stage["a"].gets()
    stage.wait(1.2)
    stage.up("b")
    stage["b"].gets([2, "1", "Authorize", {"idTag": "04EM17"}])
    stage["b"].sends(3, "1", {"idTagInfo": {"status": "Accepted"}})
    stage.station.gets([3, "1", {"idTagInfo": {"status": "Accepted"}}])


def test_a_report_goes_to_nobody_but_who_asked_for_it() -> None:
    """A NotifyReport that answers b's request 7 is not sent to a, which has a request 7 of its own."""
    stage = Stage(EMPLOYER, one("a"), version="ocpp2.0.1")
    stage.up("a", "b")
    stage["b"].sends(2, "r", "GetReport", {"requestId": 7})
    stage.station.gets([2, "r", "GetReport", {"requestId": 7}])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].sends(2, "r", "GetReport", {"requestId": 7})
    ((_, _, _, asked),) = stage.station.take()
    assert asked["requestId"] != 7
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].line.take()
    stage["b"].hangs_up()
    stage.station.sends(2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0})
    stage.wait(1.2)
    stage["b"].refuses()
    stage["a"].gets()
    stage.wait(2.2)
    stage.up("b")
    assert stage["b"].line.take()[-1] == [2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0}]


def test_a_copy_is_not_told_twice_of_what_waits_for_the_owner() -> None:
    """A StatusNotification that waits for b, who owns what runs there, reaches a, which had its copy, once."""
    stage = Stage(EMPLOYER, one("a"))
    stage.up("a", "b")
    stage.station.sends(
        2, "s", "StartTransaction", {"connectorId": 1, "idTag": "04EM17", "meterStart": 0, "timestamp": "t"}
    )
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    stage["a"].line.take()
    stage["b"].hangs_up()
    news = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    stage.station.sends(2, "n", "StatusNotification", news)
    stage["a"].gets([2, "n", "StatusNotification", news])
    stage.wait(1.2)
    stage["b"].refuses()
    stage["a"].gets()


# One backend, and several askers of it.

WAIT: dict[str, Any] = {"then": "refuse", "retry": Retry(first=0.5, longest=0.5)}


def waiting(**settings: Any) -> Stage:
    """Make a stage whose one backend is waited for, and is being dialled; nobody closes the station."""
    return Stage(one("a"), backends={"a": WAIT | settings})


def ask(stage: Stage, message_id: str, asker: object = "us", patience: float = 30.0, **more: Any) -> Heard:
    """Ask the backend, now or when it is there, and give what will be heard."""
    heard, leg = Heard(), stage.session.legs["a"]
    call = call_of(stage, message_id, asker, patience, **more)
    leg.ask(Asked(stage.session.dispatcher, call, Plan(("a",), owned=True), heard.append, plain=True, question=True))
    return heard


def call_of(
    stage: Stage, message_id: str, asker: object = "us", patience: float = 30.0, payload: bytes = b"{}"
) -> Call:
    call = Call(message_id, "Heartbeat", payload, b'[2,"%b","Heartbeat",%b]' % (message_id.encode(), payload))
    call.at, call.deadline, call.asker = stage.now, stage.now + patience, asker
    return call


def got(stage: Stage) -> list[str]:
    """Give the ids of what the backend got since the last look."""
    return [message[1] for message in stage["a"].line.take()]


def back(stage: Stage) -> None:
    """Have the backend accept the next dial."""
    stage.wait(0.6)
    stage.up("a")


def replied(stage: Stage, message_id: str) -> None:
    """Have the backend answer."""
    stage["a"].sends(3, message_id, {})


def test_calls_wait_for_a_link() -> None:
    """What is asked before the link is open goes out in order when it is."""
    stage = waiting()
    heard = [ask(stage, str(n)) for n in range(3)]
    leg = stage.session.legs["a"]
    assert (leg.waiting_calls, leg.busy) == (3, True)
    stage.up("a")
    assert got(stage) == ["0", "1", "2"]
    assert heard == [[], [], []]
    assert (leg.waiting_calls, leg.turns.open_calls) == (0, 3)


def test_calls_wait_for_a_link_only_so_long() -> None:
    """Without a link a call is given up after the backend's `wait`, or at its deadline if that comes first."""
    stage = waiting(wait=10.0)
    patient, impatient = ask(stage, "1"), ask(stage, "2", patience=5.0)
    stage.wait(6)
    assert isinstance(impatient.only, Unanswered)
    assert impatient.only.reason is Reason.GONE
    stage.wait(3.9)
    assert patient == []
    stage.wait(0.3)
    assert isinstance(patient.only, Unanswered)
    assert (patient.only.reason, patient.only.description) == (Reason.GONE, "Waited 10 s for a connection")
    stage.up("a")
    assert got(stage) == []


def test_a_link_in_time_lifts_the_wait() -> None:
    """Once the link is open a call waits for its turn until its deadline."""
    stage = waiting(wait=10.0, window=1)
    ask(stage, "0", patience=60.0)
    heard = ask(stage, "1")
    stage.wait(5)
    stage.up("a")
    stage.wait(20)
    assert heard == []
    stage.wait(6)
    assert isinstance(heard.only, Unanswered)
    assert (heard.only.reason, heard.only.description) == (Reason.TIMED_OUT, "Its turn never came")
    assert got(stage) == ["0"]


def test_where_calls_are_refused_a_lost_link_ends_what_was_open() -> None:
    """With `when_down = "refuse"` what was open, and what waited for its turn, is answered at once."""
    stage = waiting(when_down="refuse", window=1)
    stage.up("a")
    open_call, waited = ask(stage, "1"), ask(stage, "2")
    stage["a"].hangs_up()
    assert isinstance(open_call.only, Unanswered)
    assert (open_call.only.reason, open_call.only.description, open_call.only.id) == (
        Reason.GONE,
        "The connection was lost",
        "1",
    )
    assert isinstance(waited.only, Unanswered)
    assert waited.only.description == "Backend a is away"
    assert ask(stage, "3").short == "gone"
    back(stage)
    ask(stage, "4")
    assert got(stage) == ["4"]


def test_a_lost_link_repeats_what_was_open() -> None:
    """What was open goes out again first, in order and under the ids it had; then goes what waits."""
    stage = waiting(window=2)
    stage.up("a")
    heard = [ask(stage, "1", "a"), ask(stage, "1", "b"), ask(stage, "3", "c"), ask(stage, "4", "a")]
    before = stage["a"].line.take()
    stage["a"].hangs_up()
    back(stage)
    assert stage["a"].line.take() == before
    for _, message_id, _, _ in before:
        replied(stage, message_id)
    assert got(stage) == ["3", "4"]
    assert [h.short for h in heard] == ["{}", "{}", None, None]


def test_what_is_repeated_goes_before_what_waits() -> None:
    """A call that was sent once does not queue again behind those of other askers."""
    stage = waiting(window=1)
    stage.up("a")
    ask(stage, "a1", "a")
    ask(stage, "b1", "b")
    stage["a"].hangs_up()
    ask(stage, "c1", "c")
    back(stage)
    assert got(stage)[-1:] == ["a1"]
    for message_id in ("a1", "b1"):
        replied(stage, message_id)
    assert got(stage) == ["b1", "c1"]


def test_what_was_repeated_once_is_repeated_in_order() -> None:
    """A link that is lost again, before it took all that the one before had left open, changes no order."""
    stage = waiting(window=3)
    stage.up("a")
    for message_id in ("1", "2", "3"):
        ask(stage, message_id)
    stage["a"].hangs_up()
    stage.session.boot = b"{}"
    back(stage)
    (boot,) = got(stage)
    stage["a"].line.is_full()
    replied(stage, boot)
    stage["a"].line.has_drained()
    assert got(stage) == ["1", "2", "3"]
    stage["a"].hangs_up()
    back(stage)
    (boot,) = got(stage)
    replied(stage, boot)
    assert got(stage) == ["1", "2", "3"]


def test_a_link_that_fills_while_it_takes_what_was_left_open() -> None:
    """When the buffer runs full in the middle of it and the link is lost again, the next one gets all, in order."""
    stage = waiting(window=3)
    stage.up("a")
    heard = [ask(stage, message_id) for message_id in ("1", "2", "3")]
    stage["a"].hangs_up()
    stage.wait(0.6)
    fills_after_one(stage)
    assert got(stage) == ["1"]
    stage["a"].hangs_up()
    back(stage)
    assert got(stage) == ["1", "2", "3"]
    assert heard == [[], [], []]


def fills_after_one(stage: Stage) -> None:
    """Have the backend accept a link whose buffer is full after one message."""
    leg = stage["a"].dials[0]
    stage.session.boot = b"{}"
    line = stage["a"].accepts()
    stage.session.boot = None
    (boot,) = line.take()
    take = line.send

    def send(text: bytes, frame: bytes | None = None) -> None:
        take(text, frame)
        assert isinstance(leg, Leg)
        leg.writable(False)

    line.send = send  # type: ignore[method-assign]
    line.sends(3, boot[1], {"status": "Accepted"})


def test_what_waits_when_the_link_is_lost_waits_no_longer_than_the_wait() -> None:
    """A lost link is waited for as long by the calls that were not sent yet as by those that were."""
    stage = waiting(wait=10.0, window=1)
    stage.up("a")
    sent, unsent = ask(stage, "1", patience=60.0), ask(stage, "2", patience=60.0)
    stage.wait(20)
    stage["a"].hangs_up()
    stage.wait(9.8)
    assert (sent, unsent) == ([], [])
    stage.wait(0.4)
    assert (sent.short, unsent.short) == ("gone", "gone")
    stage.up("a")
    stage["a"].gets()


def test_the_wait_begins_anew_with_each_loss() -> None:
    """A call that lived through one absence may live through the next."""
    stage = waiting(wait=10.0, window=1)
    ask(stage, "1", patience=60.0)
    heard = ask(stage, "2", patience=60.0)
    stage.wait(8)
    stage.up("a")
    stage.wait(8)
    stage["a"].hangs_up()
    stage.wait(8)
    assert heard == []
    stage.up("a")
    assert got(stage) == ["1"]
    replied(stage, "1")
    assert got(stage) == ["2"]


@pytest.mark.parametrize("how", ["connect", "answer"])
def test_a_call_that_waited_is_not_sent_after_its_deadline(how: str) -> None:
    """Though no tick has come since its deadline, an expired call is not sent when its turn comes."""
    stage = waiting(window=1, wait=60.0)
    if how == "answer":
        stage.up("a")
        ask(stage, "1")
    heard, next_one = ask(stage, "2", patience=5.0), ask(stage, "3")
    stage.now += 5.05
    if how == "answer":
        replied(stage, "1")
    else:
        stage.up("a")
    assert heard.short == "timed out"
    assert got(stage)[-1] == "3"
    assert next_one == []
    stage.wait(1)
    assert len(heard) == 1


def test_what_was_left_open_is_not_sent_after_its_deadline() -> None:
    """A call that a lost link left open is not sent again once its time is over."""
    stage = waiting(wait=60.0)
    stage.up("a")
    heard = ask(stage, "1", patience=5.0)
    stage["a"].hangs_up()
    stage.wait(0.6)
    stage.now += 5
    stage.up("a")
    assert (stage["a"].line.sent, heard.short) == ([], "timed out")


def test_the_end_of_a_session_answers_what_waits() -> None:
    """At the end everybody hears who waits for the link or was left by one, and so does everybody who asks later."""
    stage = waiting()
    stage.up("a")
    heard = [ask(stage, "1")]
    stage["a"].hangs_up()
    heard.append(ask(stage, "2"))
    stage.session.end(1001, "over")
    heard.append(ask(stage, "3"))
    leg_tell(stage, "4")
    assert [h.only.description for h in heard if isinstance(h.only, Error)] == [
        "The station has gone",
        "The station has gone",
        "The connection has ended",
    ]
    assert stage["a"].backend.copies_dropped == {"gone": 1}
    stage.wait(60)
    assert [len(h) for h in heard] == [1, 1, 1]
    assert not stage["a"].dials


def leg_tell(stage: Stage, message_id: str, patience: float = 30.0) -> None:
    """Tell the backend of a call that another one answers."""
    leg = stage["a"].lines[-1].receiver if stage["a"].lines else stage.session.legs["a"]
    assert isinstance(leg, Leg)
    leg.tell(call_of(stage, message_id, patience=patience))


def test_who_hears_that_nobody_came_may_end_it_all() -> None:
    """An asker that ends the session when it hears that it waited too long takes nobody's answer away."""
    stage = waiting(wait=5.0)
    ended, heard = call_of(stage, "1"), Heard()
    plan, dispatcher, leg = Plan(("a",), owned=True), stage.session.dispatcher, stage.session.legs["a"]

    def end(reply: object) -> None:
        stage.session.end(1001, "over")

    leg.ask(Asked(dispatcher, ended, plan, end, plain=True, question=True))
    leg.ask(Asked(dispatcher, call_of(stage, "2"), plan, heard.append, plain=True, question=True))
    later = call_of(stage, "3")
    later.at += 3
    leg.ask(Asked(dispatcher, later, plan, heard.append, plain=True, question=True))
    stage.wait(6)
    assert [reply.reason for reply in heard if isinstance(reply, Unanswered)] == [Reason.GONE] * 2
    assert leg.state is State.ENDED


def test_who_hears_that_its_turn_never_came_may_end_it_all() -> None:
    """An asker that ends the session when its call expires unsent takes nobody's answer away; nothing is sent."""
    stage = waiting(wait=60.0)
    plan, dispatcher, leg, heard = Plan(("a",)), stage.session.dispatcher, stage.session.legs["a"], Heard()
    call = call_of(stage, "1", patience=5.0)
    leg.ask(Asked(dispatcher, call, plan, lambda _: stage.session.end(1001, "over"), plain=True, question=True))
    leg.ask(Asked(dispatcher, call_of(stage, "2"), plan, heard.append, plain=True, question=True))
    stage.now += 6
    stage.up("a")
    assert heard.short == "gone"
    assert stage["a"].line.sent == []


def test_what_waits_goes_behind_a_replayed_boot() -> None:
    """On a new link the station's boot goes first; what was left open and what waits goes when that was answered."""
    stage = waiting()
    stage.up("a")
    ask(stage, "1")
    stage["a"].line.take()
    stage["a"].hangs_up()
    ask(stage, "2")
    stage.session.boot = b"{}"
    back(stage)
    ((_, boot, action, _),) = stage["a"].line.take()
    assert action == "BootNotification"
    ask(stage, "3")
    stage["a"].line.is_full()
    stage["a"].line.has_drained()
    stage["a"].gets()
    replied(stage, boot)
    assert got(stage) == ["1", "2", "3"]


def test_a_replayed_boot_that_is_not_answered() -> None:
    """When the replayed boot times out the rest goes out all the same; the next link has a boot of its own."""
    stage = waiting(wait=100.0)
    stage.session.boot = b"{}"
    ask(stage, "1", patience=100.0)
    stage.up("a")
    (first,) = got(stage)
    stage["a"].hangs_up()
    back(stage)
    (second,) = got(stage)
    assert len({first, second, "1"}) == 3
    stage.wait(30.2)
    assert got(stage) == ["1"]


def test_a_boot_that_waits_is_not_replayed() -> None:
    """A BootNotification that waits for the link is sent once, in its turn; so is one that a lost link left open."""
    stage = waiting()
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    stage.up("a")
    assert got(stage) == ["b"]
    stage["a"].hangs_up()
    back(stage)
    assert got(stage) == ["b"]


def test_what_waits_for_a_backend_is_bounded_for_each_asker() -> None:
    """The queue of an asker is bounded, and does not fill those of others."""
    stage = waiting(waiting=2)
    heard = [ask(stage, str(n), "a") for n in range(4)]
    other = ask(stage, "x", "b")
    assert [h.short for h in heard] == [None, None, "overloaded", "overloaded"]
    assert (other.short, stage.session.legs["a"].waiting_calls) == (None, 3)
    assert stage["a"].backend.counts.overloaded == 2


def test_what_waits_for_a_backend_has_a_bounded_size() -> None:
    """The bytes that wait are bounded for each asker and over all, and freed when they go."""
    stage = waiting(waiting_bytes=200)
    big = b'{"a":"%b"}' % (b"x" * 100)
    heard = [ask(stage, "2", "a", payload=big), ask(stage, "3", "a", payload=big), ask(stage, "4", "c")]
    assert [h.short for h in heard] == [None, "overloaded", None]
    stage.up("a")
    stage["a"].hangs_up()
    assert ask(stage, "5", "b", payload=big).short is None


def test_askers_take_turns_at_a_backend() -> None:
    """An asker with one call does not wait for all those of another; copies keep their place among calls."""
    stage = waiting(window=1)
    for n in range(3):
        ask(stage, f"a{n}", "a")
    ask(stage, "b0", "b")
    leg_tell(stage, "us0")
    ask(stage, "us1")
    stage.up("a")
    order = []
    while sent := got(stage):
        order += sent
        replied(stage, sent[0])
    assert order == ["a0", "b0", "us0", "a1", "us1", "a2"]


def test_a_copy_that_waits_too_long_is_dropped() -> None:
    """A copy waits for the link no longer than a call does, and is counted when it is dropped."""
    stage = waiting(wait=10.0)
    leg_tell(stage, "1")
    leg_tell(stage, "2", patience=5.0)
    stage.wait(5.2)
    assert stage["a"].backend.copies_dropped == {"gone": 1}
    stage.wait(5)
    assert stage["a"].backend.copies_dropped == {"gone": 2}
    stage.up("a")
    stage["a"].gets()


def test_a_copy_that_waits_where_calls_are_refused() -> None:
    """Where calls are refused a copy that waited for its turn waits for the next link no longer than any other."""
    stage = waiting(when_down="refuse", wait=5.0, window=1)
    stage.up("a")
    ask(stage, "1")
    leg_tell(stage, "2")
    stage["a"].hangs_up()
    stage.wait(4.8)
    assert stage["a"].backend.copies_dropped == {}
    stage.wait(0.4)
    assert stage["a"].backend.copies_dropped == {"gone": 1}


def test_only_what_was_never_sent_goes_elsewhere() -> None:
    """What waits and was never sent can be taken, in order; what a link left open stays, and so does a copy."""
    stage = waiting(window=1)
    stage.up("a")
    sent, unsent, kept = ask(stage, "1"), [ask(stage, "2"), ask(stage, "3")], ask(stage, "4")
    leg_tell(stage, "5")
    stage["a"].hangs_up()
    leg = stage.session.legs["a"]
    taken = leg.take_waiting(lambda asked: asked.call.id != "4")
    assert [asked.call.id for asked in taken] == ["2", "3"]
    assert leg.waiting_calls == 3
    for asked in taken:
        asked.respond(Unanswered(Reason.REFUSED, "taken"))
    assert leg.take_waiting(lambda asked: asked.call.id == "4")[0].respond == kept.append
    stage.session.end(1001, "over")
    assert ([h.short for h in unsent], sent.short, kept) == (["refused"] * 2, "gone", [])
    assert leg.take_waiting(lambda asked: True) == []


def test_nothing_overtakes_what_waits_for_a_backend() -> None:
    """A plain call of the station goes behind those that wait, though the link could take one."""
    stage = playing("a", backends={"a": WAIT | {"window": 1}})
    stage.station.sends(2, "1", "Heartbeat", {})
    stage.station.sends(2, "2", "Heartbeat", {})
    stage.station.sends(2, "3", "Heartbeat", {})
    assert got(stage) == ["1"]
    replied(stage, "1")
    replied(stage, "2")
    assert got(stage) == ["2", "3"]
    stage.station.gets([3, "1", {}], [3, "2", {}])


def test_a_new_link_is_not_choked() -> None:
    """That the lost link was full says nothing of the new one."""
    stage = waiting()
    stage.up("a")
    stage["a"].line.is_full()
    ask(stage, "1")
    stage["a"].hangs_up()
    back(stage)
    assert got(stage) == ["1"]
    assert stage.station.pauses == 0


def test_waiting_for_turns_fills_no_memory() -> None:
    """However often a call waits for its turn, few wakes are in the wheel."""
    stage = waiting(window=1)
    stage.up("a")
    for n in range(200):
        ask(stage, f"a{n}")
        ask(stage, f"b{n}")
        replied(stage, f"a{n}")
        replied(stage, f"b{n}")
    assert len(stage.wheel) <= 15


def test_a_station_is_let_go_when_the_backend_that_it_moves_to_cannot_keep_all() -> None:
    """Of two starts that waited for the first backend the second finds no room with the other: nothing is answered."""
    stage = Stage(one("a", "b"), backends={"b": {"waiting": 1}})
    stage["a"].refuses()
    stage["b"].refuses()
    for n in "12":
        stage.station.sends(2, n, "StartTransaction", {"connectorId": int(n), "idTag": "04"})
    stage.wait(1.2)
    line = stage["b"].accepts()
    assert stage.station.closed == (1013, "Nobody took StartTransaction: keep it and come again")
    assert line.closed == (1000, "The station has gone")
    line.gets()
    assert stage["b"].backend.up == 0


def test_a_station_that_repeats_itself_without_end_is_let_go() -> None:
    """Of one start that comes again and again while its owner is silent sixteen wait; then the station is let go."""
    stage = Stage(one("a"))
    stage.up("a")
    start = {"connectorId": 1, "idTag": "04", "meterStart": 0, "timestamp": "t"}
    for n in range(16):
        stage.station.sends(2, f"s{n}", "StartTransaction", start)
    stage["a"].gets([2, "s0", "StartTransaction", start])
    assert stage.station.closed is None
    stage["a"].sends(3, "s0", {"transactionId": 5})
    assert [(kind, message_id) for kind, message_id, _ in stage.station.take()] == [(3, f"s{n}") for n in range(16)]
    again = start | {"timestamp": "u"}
    for n in range(17):
        stage.station.sends(2, f"t{n}", "StartTransaction", again)
    reason = "StartTransaction was repeated too often: keep it and come again"
    assert stage.station.closed == (1013, reason)
