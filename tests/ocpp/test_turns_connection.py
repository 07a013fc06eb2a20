"""Turns: calls while the connection is lost, opened again or ended, and the first call of a connection."""

from __future__ import annotations

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.messages import Error, Reason, Result, Unanswered
from voltgate.ocpp.turn_ports import Bounds

# The connection comes and goes.


def test_without_a_connection_a_call_is_answered_at_once() -> None:
    """What is asked before there is a connection, or after it was lost, is not kept."""
    line = Line(bounds=Bounds(window=5))
    heard = [line.ask("0")]
    assert not line.turns.free
    wire = line.connect()
    line.disconnect()
    heard.append(line.ask("1"))
    assert [h.only.description for h in heard if isinstance(h.only, Unanswered)] == ["The connection has ended"] * 2
    assert [h.short for h in heard] == ["gone", "gone"]
    line.connect()
    assert (wire.sent, line.wire.sent, line.turns.waiting_calls) == ([], [], 0)
    assert [(call_id, type(reply)) for call_id, reply in line.observed] == [("0", Unanswered), ("1", Unanswered)]


def test_a_lost_connection_hands_back_what_was_open() -> None:
    """A lost connection returns what was open, in order and with the ids it had, and answers what waited."""
    line = Line(bounds=Bounds(window=2))
    wire = line.connect()
    heard = [line.ask("1", "a"), line.ask("1", "b"), line.ask("3", "c")]
    ids = [sent[1] for sent in wire.take()]
    left = line.disconnect()
    assert [each.id for each in left] == ids
    assert [each.call.id for each in left] == ["1", "1"]
    assert [h.short for h in heard] == [None, None, "gone"]
    assert (line.turns.open_calls, line.turns.waiting_calls) == (0, 0)
    for each in left:
        each.respond(Result(each.id, b"{}"))
    assert [h.short for h in heard] == ["{}", "{}", "gone"]


def test_what_waited_hears_why() -> None:
    """A call that waited for its turn hears that the connection was lost; it is not sent on the next one."""
    line = Line()
    line.connect()
    line.ask("1")
    waited = line.ask("2")
    line.disconnect()
    assert isinstance(waited.only, Unanswered)
    assert (waited.only.reason, waited.only.description, waited.only.id) == (
        Reason.GONE,
        "The connection was lost",
        "",
    )
    assert line.connect().sent == []


def test_what_a_lost_connection_left_open_can_be_sent_again() -> None:
    """What was open goes out again under the ids that it had, minted ones too, and is answered by these."""
    line = Line(bounds=Bounds(window=2))
    wire = line.connect()
    heard = [line.ask("1", "a"), line.ask("1", "b")]
    before = wire.take()
    left = line.disconnect()
    wire = line.connect()
    for each in left:
        line.turns.resend(each)
    assert wire.take() == before
    for n, (_, message_id, _, _) in enumerate(before):
        line.result(message_id, b'{"n":%d}' % n)
    assert [h.short for h in heard] == ['{"n":0}', '{"n":1}']


def test_what_is_sent_again_times_out() -> None:
    """A call that is sent again keeps its deadline."""
    line = Line()
    line.connect()
    heard = line.ask("1", patience=10)
    line.wait(6)
    (left,) = line.disconnect()
    line.connect()
    line.turns.resend(left)
    line.wait(3.9)
    assert heard == []
    line.wait(0.3)
    assert heard.short == "timed out"


def test_nothing_is_sent_again_without_a_connection() -> None:
    """What was open stays with its owner as long as there is no connection."""
    line = Line()
    wire = line.connect()
    heard = line.ask("1")
    wire.take()
    (left,) = line.disconnect()
    line.turns.resend(left)
    assert (wire.sent, heard, line.turns.open_calls) == ([], [], 0)


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
    line = Line()
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
    wire = line.connect(line.call("first", asker="us"))
    line.ask("1")
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


def test_a_first_call_is_not_repeated() -> None:
    """A connection lost before its first call was answered takes it along: the next one has its own."""
    line = Line(bounds=Bounds(window=5))
    line.connect(line.call("first", asker="us", action="BootNotification"))
    waited = line.ask("1")
    assert line.disconnect() == []
    assert waited.short == "gone"
    wire = line.connect(line.call("second", asker="us", action="BootNotification"))
    line.ask("2")
    assert [sent[1] for sent in wire.take()] == ["second"]
    line.result("second")
    assert [sent[1] for sent in wire.take()] == ["2"]


def test_the_loss_of_a_connection_whose_first_call_was_answered() -> None:
    """What was open is handed back when the first call has ended, though it has the id that the first call had."""
    line = Line()
    line.connect(line.call("1", asker="us"))
    line.result("1")
    line.ask("1")
    assert [left.id for left in line.disconnect()] == ["1"]


def test_calls_are_held() -> None:
    """Calls that are held go out in order when they are let go, or end at their deadline, whatever the buffer does."""
    line = Line()
    wire = line.connect()
    line.turns.hold()
    late = line.ask("late", patience=5)
    line.ask("1")
    line.ask("2")
    line.choke(choked=True)
    line.choke(choked=False)
    line.wait(6)
    assert wire.take() == []
    assert late.short == "timed out"
    line.turns.go_on(line.now)
    assert [sent[1] for sent in wire.take()] == ["1"]
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["2"]


def test_what_is_held_when_the_connection_is_lost() -> None:
    """What was held and never sent ends with the connection, and the next one holds nothing."""
    line = Line()
    line.connect()
    line.turns.hold()
    heard = line.ask("1")
    line.disconnect()
    assert heard.short == "gone"
    wire = line.connect()
    line.ask("2")
    assert [sent[1] for sent in wire.take()] == ["2"]


def test_the_end_before_the_first_answer() -> None:
    """The turns may end while the first call is open."""
    line = Line()
    line.connect(line.call("first", asker="us"))
    heard = line.ask("1")
    line.end()
    assert heard.short == "gone"
