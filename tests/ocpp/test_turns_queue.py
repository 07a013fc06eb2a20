"""Turns: the order of one side's calls, how many may be open or wait, and what stands against one that waited."""

from __future__ import annotations

import json

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.messages import Call, Reason, Result, Unanswered
from voltgate.ocpp.turn_ports import Bounds
from voltgate.ocpp.turns import Turns
from voltgate.ocpp.wheel import Wheel

# One at a time, in order, fairly.


def test_one_call_is_open_at_a_time() -> None:
    """Towards a station one call is open; the next goes when it is answered (FR-14)."""
    line = Line()
    wire = line.connect()
    first, second = line.ask("1"), line.ask("2")
    assert wire.take() == [[2, "1", "Reset", {}]]
    line.result("1", b'{"status":"Accepted"}')
    assert (first.short, second.short) == ('{"status":"Accepted"}', None)
    assert wire.take() == [[2, "2", "Reset", {}]]
    line.result("2")
    assert second.short == "{}"
    assert [call for call, _ in line.observed] == ["1", "2"]
    assert (line.turns.open_calls, line.turns.waiting_calls, line.turns.free) == (0, 0, True)


def test_several_calls_are_open_at_a_time() -> None:
    """Towards a backend as many are open as the bound says, and their answers come in any order."""
    line = Line(bounds=Bounds(window=3))
    wire = line.connect()
    heard = [line.ask(str(n)) for n in range(4)]
    assert [sent[1] for sent in wire.take()] == ["0", "1", "2"]
    line.result("2", b'{"n":2}')
    line.result("0", b'{"n":0}')
    assert [h.short for h in heard] == ['{"n":0}', None, '{"n":2}', None]
    assert [sent[1] for sent in wire.take()] == ["3"]


def test_askers_take_turns() -> None:
    """An asker with one call does not wait for all those of another."""
    line = Line()
    wire = line.connect()
    for n in range(4):
        line.ask(f"a{n}", "a")
    line.ask("b0", "b")
    line.ask("b1", "b")
    line.ask("c0", "c")
    order = []
    while sent := wire.take():
        ((_, message_id, _, _),) = sent
        order.append(message_id)
        line.result(message_id)
    assert order == ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]


def test_nothing_overtakes_what_waits() -> None:
    """A new call waits behind those that wait, though one may be sent."""
    line = Line()
    wire = line.connect()
    line.choke(choked=True)
    line.ask("1")
    line.turns._choked = False  # as if drained and not yet pumped
    line.ask("2")
    line.choke(choked=False)
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1", "2"]


def test_turns_observe_nothing_unless_told_to() -> None:
    """Metrics are somebody else's."""
    turns = Turns(Line().turns.dialect, lambda call, respond: None, "x", Bounds(), Wheel(0.0), Counts())
    line, heard = Line(), Heard()
    turns.connect(line.wire)
    turns.ask(Call("1", "Reset", b"{}"), heard.append)
    turns.receive(b'[3,"1",{}]', None, 0.0)
    assert heard.short == "{}"
    assert json.loads(line.wire.sent[0])[1] == "1"


# Bounds.


def test_an_asker_has_a_bounded_number_of_calls_waiting() -> None:
    """The queue of an asker is bounded, and does not fill those of others."""
    line = Line(bounds=Bounds(waiting=2))
    line.connect()
    heard = [line.ask(str(n), "a") for n in range(4)]
    other = line.ask("x", "b")
    assert [h.short for h in heard] == [None, None, None, "overloaded"]
    assert other.short is None
    assert line.turns.waiting_calls == 3
    assert line.counts.overloaded == 1


def test_what_waits_has_a_bounded_size() -> None:
    """The bytes that wait are bounded for each asker and over all, and freed when they go."""
    line = Line(bounds=Bounds(waiting_bytes=200))
    line.connect()
    line.ask("1")
    big = b'{"a":"%b"}' % (b"x" * 100)
    heard = line.ask("2", "a", payload=big), line.ask("3", "a", payload=big), line.ask("4", "c", payload=b"{}")
    assert [h.short for h in heard] == [None, "overloaded", None]
    line.result("1")
    assert line.ask("5", "b", payload=big).short is None


def test_a_call_of_our_own_has_a_size() -> None:
    """A waiting call that never was a frame counts with its payload."""
    line = Line(bounds=Bounds(waiting_bytes=100))
    line.connect()
    line.choke(choked=True)
    heard = Heard()
    line.turns.ask(Call("1", "Reset", b'{"a":"%b"}' % (b"x" * 100)), heard.append)
    assert heard.short == "overloaded"


def test_a_choked_connection_holds_calls_back() -> None:
    """While the write buffer is full calls wait, and go on in order when it has drained."""
    line = Line(bounds=Bounds(window=5))
    wire = line.connect()
    line.choke(choked=True)
    for n in range(3):
        line.ask(str(n))
    assert wire.sent == []
    line.choke(choked=False)
    assert [sent[1] for sent in wire.take()] == ["0", "1", "2"]


def test_a_connection_that_chokes_while_it_is_filled() -> None:
    """When the buffer runs full in the middle of what waited, the rest goes on waiting."""
    line = Line(bounds=Bounds(window=5))

    class Narrow:
        sent: list[bytes] = []  # noqa: RUF012

        def send(self, text: bytes, frame: bytes | None = None) -> None:
            self.sent.append(text)
            line.choke(choked=True)

    line.turns.connect(Narrow())
    line.choke(choked=True)
    for n in range(3):
        line.ask(str(n))
    line.choke(choked=False)
    assert len(Narrow.sent) == 1
    assert line.turns.waiting_calls == 2


# What stands against a call that waited.


def test_a_call_that_waited_may_be_objected_to() -> None:
    """A call is asked, when its turn comes, whether it may still be sent; if not, that is its answer."""
    line = Line()
    wire = line.connect()
    first, waited, next_one = line.ask("1"), Heard(), Heard()
    refused, fine = line.call("2"), line.call("3")
    refused.objection = lambda: Unanswered(Reason.REFUSED, "The transaction has ended")
    fine.objection = lambda: None
    line.turns.ask(refused, waited.append)
    line.turns.ask(fine, next_one.append)
    assert waited == []
    line.result("1")
    assert (first.short, waited.short, next_one.short) == ("{}", "refused", None)
    assert [sent[1] for sent in wire.take()] == ["1", "3"]
    assert [call_id for call_id, _ in line.observed] == ["1", "2"]
    line.result("3")
    assert next_one.short == "{}"


def test_an_objection_may_be_the_answer() -> None:
    """What is said instead of a call that may not be sent any more can be a result."""
    line = Line()
    wire = line.connect()
    line.choke(choked=True)
    call, heard = line.call("1"), Heard()
    call.objection = lambda: Result("", b'{"status":"Rejected"}')
    line.turns.ask(call, heard.append)
    line.choke(choked=False)
    assert (heard.short, wire.sent, line.turns.waiting_calls) == ('{"status":"Rejected"}', [], 0)


def test_what_is_sent_at_once_is_not_asked() -> None:
    """A call that does not wait was looked at just now: nobody asks again."""
    line = Line()
    wire = line.connect()
    call = line.call("1")
    call.objection = lambda: Unanswered(Reason.REFUSED, "never asked")
    line.turns.ask(call, Heard().append)
    assert [sent[1] for sent in wire.take()] == ["1"]


def test_what_has_expired_is_not_asked() -> None:
    """A call whose deadline has passed has timed out, whatever stands against it."""
    line = Line()
    line.connect()
    line.choke(choked=True)
    call, heard = line.call("1", patience=5), Heard()
    call.objection = lambda: Unanswered(Reason.REFUSED, "never asked")
    line.turns.ask(call, heard.append)
    line.now += 6
    line.choke(choked=False)
    assert heard.short == "timed out"


# What waits elsewhere.


class Fed:
    """An owner of turns that has calls of its own waiting."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.waiting = ["x", "y"]
        line.turns.feeder = self

    def pump(self, now: float) -> None:
        """Send what may be sent."""
        assert now == self._line.now
        while self.waiting and self._line.turns.free:
            self._line.ask(self.waiting.pop(0))


def test_an_owner_that_keeps_calls_is_pumped() -> None:
    """When nothing waits here and another call may be sent, the owner sends what waits with it."""
    line = Line()
    wire = line.connect()
    line.ask("1")
    line.ask("2")
    fed = Fed(line)
    line.result("1")
    assert fed.waiting == ["x", "y"]
    line.result("2")
    assert [sent[1] for sent in wire.take()] == ["1", "2", "x"]
    line.choke(choked=True)
    line.result("x")
    assert fed.waiting == ["y"]
    line.choke(choked=False)
    assert [sent[1] for sent in wire.take()] == ["y"]


def test_an_owner_is_not_pumped_without_a_connection() -> None:
    """Without a connection nobody asks the owner for more."""
    line = Line()
    line.connect()
    line.ask("1")
    fed = Fed(line)
    line.disconnect()
    line.choke(choked=False)
    line.end()
    assert fed.waiting == ["x", "y"]
