"""Turns: calls while the connection is lost, opened again or ended, and the first call of a connection."""

from __future__ import annotations

import pytest

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.messages import Error, Reason, Unanswered
from voltgate.ocpp.turn_ports import Bounds

# The connection comes and goes.


def test_calls_wait_for_a_connection() -> None:
    """What is asked before there is a connection goes out in order when there is one."""
    line = Line(bounds=Bounds(window=5))
    heard = [line.ask(str(n)) for n in range(3)]
    assert not line.turns.connected
    wire = line.connect()
    assert [sent[1] for sent in wire.take()] == ["0", "1", "2"]
    assert heard == [[], [], []]


def test_calls_wait_for_a_connection_only_so_long() -> None:
    """Without a connection a call is given up after `hold`, or at its deadline if that comes first."""
    line = Line(bounds=Bounds(hold=10))
    patient, impatient = line.ask("1", patience=30), line.ask("2", patience=5)
    line.wait(6)
    assert isinstance(impatient.only, Unanswered)
    assert impatient.only.reason is Reason.GONE
    line.wait(3.9)
    assert patient == []
    line.wait(0.3)
    assert isinstance(patient.only, Unanswered)
    assert (patient.only.reason, patient.only.description) == (Reason.GONE, "Waited 10 s for a connection")


def test_a_connection_in_time_lifts_the_hold() -> None:
    """Once there is a connection a call waits for its turn until its deadline."""
    line = Line(bounds=Bounds(hold=10))
    heard = line.ask("1", patience=30)
    line.wait(5)
    line.connect()
    line.choke(choked=True)
    line.wait(20)
    assert heard == []
    line.wait(6)
    assert heard.short == "timed out"


def test_a_lost_connection_ends_what_was_open() -> None:
    """Without `resend` a call that was open when the connection was lost is answered at once; what waits, waits on."""
    line = Line()
    line.connect()
    open_call, waiting = line.ask("1"), line.ask("2")
    line.disconnect()
    assert isinstance(open_call.only, Unanswered)
    assert (open_call.only.reason, open_call.only.description) == (Reason.GONE, "The connection was lost")
    assert waiting == []
    assert [sent[1] for sent in line.connect().take()] == ["2"]


def test_a_lost_connection_repeats_what_was_open() -> None:
    """With `resend` what was open goes out again first, in order and under the ids it had."""
    line = Line(bounds=Bounds(window=2, resend=True))
    wire = line.connect()
    heard = [line.ask("1", "a"), line.ask("1", "b"), line.ask("3", "c"), line.ask("4", "a")]
    before = wire.take()
    line.disconnect()
    wire = line.connect()
    assert wire.take() == before
    for _, message_id, _, _ in before:
        line.result(message_id)
    assert [sent[1] for sent in wire.take()] == ["3", "4"]
    assert [h.short for h in heard] == ["{}", "{}", None, None]


def test_what_is_repeated_goes_before_what_waits() -> None:
    """A call that was sent once does not queue again behind those of other askers."""
    line = Line(bounds=Bounds(window=1, resend=True))
    line.connect()
    line.ask("a1", "a")
    line.ask("b1", "b")
    line.disconnect()
    assert [sent[1] for sent in line.connect().take()] == ["a1"]


def test_what_waits_when_the_connection_is_lost_waits_no_longer_than_the_hold() -> None:
    """A lost connection is waited for as long by the calls that were not sent yet as by those that were."""
    line = Line(bounds=Bounds(hold=10, resend=True))
    line.connect()
    sent, unsent = line.ask("1", patience=60), line.ask("2", patience=60)
    line.wait(20)
    line.disconnect()
    line.wait(9.8)
    assert (sent, unsent) == ([], [])
    line.wait(0.4)
    assert (sent.short, unsent.short) == ("gone", "gone")


def test_the_hold_begins_anew_with_each_loss() -> None:
    """A call that lived through one absence may live through the next."""
    line = Line(bounds=Bounds(hold=10))
    line.ask("1", patience=60)
    heard = line.ask("2", patience=60)
    line.wait(8)
    line.connect()
    line.wait(8)
    line.disconnect()
    line.wait(8)
    assert heard == []
    assert [sent[1] for sent in line.connect().take()] == ["2"]


def test_a_new_connection_is_not_choked() -> None:
    """That the lost connection was full says nothing of the new one."""
    line = Line()
    line.connect()
    line.choke(choked=True)
    line.disconnect()
    wire = line.connect()
    line.ask("1")
    assert [sent[1] for sent in wire.take()] == ["1"]


def test_the_end() -> None:
    """At the end everybody hears, and so does everybody who asks later."""
    line = Line(bounds=Bounds(resend=True))
    line.connect()
    heard = [line.ask("1"), line.ask("2")]
    line.end()
    heard.append(line.ask("3"))
    assert [h.short for h in heard] == ["gone"] * 3
    assert [h.only.description for h in heard if isinstance(h.only, Error)] == [
        "It is over",
        "It is over",
        "The connection has ended",
    ]
    line.wait(60)
    assert [len(h) for h in heard] == [1, 1, 1]


def test_who_hears_of_a_time_out_may_end_it_all() -> None:
    """An asker that ends the turns when it hears of a time-out takes nobody's answer away."""
    line = Line(bounds=Bounds(window=2))
    line.connect()
    heard = Heard()

    def end(reply: object) -> None:
        line.end()

    for n in range(4):
        line.turns.ask(line.call(str(n), patience=5), end if n == 0 else heard.append)
    line.wait(6)
    assert [reply.reason for reply in heard if isinstance(reply, Unanswered)] == [Reason.GONE] * 3


def test_who_hears_that_it_was_not_sent_may_end_it_all() -> None:
    """An asker that ends the turns when its call expires unsent takes nobody's answer away, and nothing is sent."""
    line = Line()
    wire = line.connect()
    line.choke(choked=True)
    heard = Heard()
    line.turns.ask(line.call("1", patience=5), lambda _: line.end())
    line.turns.ask(line.call("2"), heard.append)
    line.now += 6
    line.choke(choked=False)
    assert heard.short == "gone"
    assert wire.sent == []


# The first call of a connection.


def test_the_first_call_goes_before_all_else() -> None:
    """What waits goes out when the first call was answered, and not before: not even when the buffer drains."""
    line = Line(bounds=Bounds(window=5))
    line.ask("1")
    wire = line.connect(line.call("first", asker="us"))
    line.ask("2")
    assert [sent[1] for sent in wire.take()] == ["first"]
    line.choke(choked=True)
    line.choke(choked=False)
    assert wire.take() == []
    line.result("first")
    assert [sent[1] for sent in wire.take()] == ["1", "2"]


def test_an_answer_to_the_first_call_does_not_drain_the_buffer() -> None:
    """When the first call was answered while the buffer is full, the rest waits for it to drain."""
    line = Line()
    wire = line.connect(line.call("first", asker="us"))
    line.ask("1")
    line.choke(choked=True)
    line.result("first")
    assert [sent[1] for sent in wire.take()] == ["first"]
    line.choke(choked=False)
    assert [sent[1] for sent in wire.take()] == ["1"]


def test_a_first_call_that_is_not_answered() -> None:
    """When the first call times out the rest goes out all the same."""
    line = Line()
    wire = line.connect(line.call("first", asker="us", patience=5))
    line.ask("1")
    line.wait(6)
    assert [sent[1] for sent in wire.take()] == ["first", "1"]


@pytest.mark.parametrize("resend", [True, False])
def test_a_first_call_is_not_repeated(resend: bool) -> None:
    """A connection lost before its first call was answered takes it along: the next one has its own."""
    line = Line(bounds=Bounds(window=5, resend=resend))
    line.connect(line.call("first", asker="us", action="BootNotification"))
    line.ask("1")
    line.disconnect()
    assert not line.turns.holds("BootNotification")
    wire = line.connect(line.call("second", asker="us", action="BootNotification"))
    assert [sent[1] for sent in wire.take()] == ["second"]
    line.result("second")
    assert [sent[1] for sent in wire.take()] == ["1"]


def test_the_end_before_the_first_answer() -> None:
    """The turns may end while the first call is open."""
    line = Line()
    line.connect(line.call("first", asker="us"))
    heard = line.ask("1")
    line.end()
    assert heard.short == "gone"
