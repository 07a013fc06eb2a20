"""Turns: the order of one side's calls, how many may be open or wait, and taking back what waits."""

from __future__ import annotations

import json

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.messages import Call, Result
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
    assert (line.turns.open_calls, line.turns.waiting_calls, line.turns.connected) == (0, 0, True)


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
    turns = Turns(Line().turns._dialect, lambda call, respond: None, "x", Bounds(), Wheel(0.0), Counts())
    line, heard = Line(), Heard()
    turns.connect(line.wire, 0.0)
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
    """The bytes that wait are bounded over all askers, and freed when they go."""
    line = Line(bounds=Bounds(waiting_bytes=200))
    line.connect()
    line.ask("1")
    big = b'{"a":"%b"}' % (b"x" * 100)
    heard = line.ask("2", "a", payload=big), line.ask("3", "b", payload=big), line.ask("4", "c", payload=b"{}")
    assert [h.short for h in heard] == [None, "overloaded", None]
    line.result("1")
    assert line.ask("5", "b", payload=big).short is None


def test_a_call_of_our_own_has_a_size() -> None:
    """A waiting call that never was a frame counts with its payload."""
    line = Line(bounds=Bounds(waiting_bytes=100))
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
    for n in range(3):
        line.ask(str(n))

    class Narrow:
        sent: list[bytes] = []  # noqa: RUF012

        def send(self, text: bytes, frame: bytes | None = None) -> None:
            self.sent.append(text)
            line.choke(choked=True)

    line.turns.connect(Narrow(), line.now)
    assert len(Narrow.sent) == 1
    assert line.turns.waiting_calls == 2


# What waits can be taken back.


def test_unsent_calls_can_be_taken() -> None:
    """What was never sent can go elsewhere, in order; what was sent once stays, and so does what is not wanted."""
    line = Line(bounds=Bounds(window=1, resend=True))
    line.connect()
    told: list[object] = []
    sent = line.ask("1")
    line.turns.ask(line.call("2", action="Heartbeat"), told.append)
    unsent = line.ask("3"), line.ask("4")
    line.disconnect()
    taken = line.turns.take_unsent(lambda call, respond: respond != told.append)
    assert [call.id for call, _ in taken] == ["3", "4"]
    assert line.turns.waiting_calls == 2
    assert line.turns.holds("Heartbeat")
    assert not line.turns.holds("BootNotification")
    for call, respond in taken:
        respond(Result(call.id, b"{}"))
    line.end()
    assert ([h.short for h in unsent], sent.short, len(told)) == (["{}", "{}"], "gone", 1)
