"""Turns: one side's calls on one connection, and the answers to the other side's."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.messages import SEND, Call, Error, Reason, Result, Unanswered, unheard
from voltgate.ocpp.turns import FAULTS, Bounds, Counts, Turns
from voltgate.ocpp.wheel import Wheel


def minted(message_id: str) -> bool:
    return str(UUID(message_id)) == message_id


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


# Ids.


def test_equal_ids_of_two_askers() -> None:
    """Two askers with one id each get their own answer."""
    line = Line(bounds=Bounds(window=2))
    wire = line.connect()
    first, second = line.ask("1", "a"), line.ask("1", "b")
    (_, kept, _, _), (_, other, _, _) = wire.take()
    assert kept == "1"
    assert minted(other)
    line.result(other, b'{"for":"b"}')
    line.result("1", b'{"for":"a"}')
    assert (first.short, second.short) == ('{"for":"a"}', '{"for":"b"}')
    assert line.counts.minted == 1


def test_an_id_stays_the_askers_own_when_it_can() -> None:
    """An id that was used before and answered is used again (FR-12)."""
    line = Line()
    wire = line.connect()
    for asker in "ab":
        line.ask("1", asker)
        line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1", "1"]
    assert line.counts.minted == 0


def test_an_id_that_is_too_long_is_replaced() -> None:
    """An id of 36 characters is kept; a longer one is not sent (FR-09)."""
    line = Line()
    wire = line.connect()
    line.ask("x" * 36)
    line.result("x" * 36)
    heard = line.ask("x" * 37)
    kept, other = (sent[1] for sent in wire.take())
    assert kept == "x" * 36
    assert minted(other)
    line.result(other, b'{"a":1}')
    assert heard.short == '{"a":1}'


def test_a_retry_keeps_its_id() -> None:
    """An asker that repeats a call that timed out keeps its id: the answer to either will do (FR-10)."""
    line = Line()
    wire = line.connect()
    first = line.ask("1", patience=5)
    line.wait(6)
    assert first.short == "timed out"
    second = line.ask("1")
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1", "1"]
    assert second.short == "{}"
    line.result("1")
    assert (line.counts.late, line.counts.unknown) == (1, 0)


def test_a_late_answer_reaches_nobody_else() -> None:
    """While the answer to a call that timed out may still come, its id is nobody else's (FR-16)."""
    line = Line()
    wire = line.connect()
    line.ask("1", "a", patience=5)
    line.wait(6)
    other = line.ask("1", "b")
    _, (_, replaced, _, _) = wire.take()
    line.result("1", b'{"late":true}')
    assert other.short is None
    assert line.counts.late == 1
    line.result(replaced)
    assert other.short == "{}"


def test_ids_that_timed_out_are_remembered_up_to_a_bound() -> None:
    """Of the ids that timed out the last 32 are remembered: a mute station fills no memory."""
    line = Line()
    line.connect()
    for n in range(40):
        line.ask(str(n), patience=1)
        line.wait(2)
    for n in range(40):
        line.result(str(n))
    assert (line.counts.late, line.counts.unknown) == (32, 8)


def test_a_new_connection_forgets_what_timed_out() -> None:
    """On a new connection ids start afresh (FR-11)."""
    line = Line()
    line.connect()
    line.ask("1", "a", patience=5)
    line.wait(6)
    line.disconnect()
    wire = line.connect()
    line.ask("1", "b")
    assert [sent[1] for sent in wire.take()] == ["1"]


# Bytes.


def test_a_call_leaves_with_its_bytes() -> None:
    """What needs no change is not changed, and its frame is sent on as it is."""
    line = Line()
    wire = line.connect()
    call = line.call()
    call.text, call.frame = b'[ 2,"1","Reset",{"a": 21.40} ]', b"a frame"
    line.turns.ask(call, Heard().append)
    assert (wire.sent, wire.frames) == ([call.text], [b"a frame"])


def test_a_call_of_our_own_is_written() -> None:
    """A call that never was a frame is written."""
    line = Line()
    wire = line.connect()
    line.turns.ask(Call("1", "Reset", b"{}"), Heard().append)
    assert wire.sent == [b'[2,"1","Reset",{}]']


def test_an_answer_leaves_with_its_bytes() -> None:
    """An answer under the id it came by goes home as it came; under another id only that is changed."""
    line = Line()
    wire = line.connect()
    line.receive(b'[2,"1","Heartbeat",{}]', b"a frame")
    line.receive(b'[2,"2","Heartbeat",{}]')
    (call, respond), (_, respond_too) = line.called
    assert (call.asker, call.at, call.deadline, call.frame) == ("far end", line.now, line.now + 30, b"a frame")
    answer = Result("1", b"{ }", b'[3, "1", { }]')
    answer.frame = b"its frame"
    respond(answer)
    respond_too(answer)
    assert wire.sent == [b'[3, "1", { }]', b'[3, "2", { }]']
    assert wire.frames == [b"its frame", None]


def test_a_cleaned_message_keeps_no_frame() -> None:
    """What had padding around it is not sent on as the frame it came in."""
    line = Line()
    wire = line.connect()
    line.receive(b'\x00[2,"1","Heartbeat",{}]', b"a frame")
    assert line.called[0][0].frame is None
    line.ask("1")
    wire.take()
    heard = line.ask("2")
    line.receive(b'[3,"1",{}] ', b"a frame")
    line.receive(b'[3,"2",{}]', b"a frame")
    assert heard.only.frame == b"a frame"


def test_answers_of_our_own_are_written() -> None:
    """An answer that never was a frame is written, its code as the version spells it."""
    for version, code in (("ocpp1.6", "FormationViolation"), ("ocpp2.0.1", "FormatViolation")):
        line = Line(version)
        wire = line.connect()
        for n, reply in enumerate((Result("x", b'{"a":1}'), Error("x", "FormatViolation", "why", b'{"b":1}'))):
            line.receive(b'[2,"%d","Heartbeat",{}]' % n)
            line.called[n][1](reply)
        assert wire.sent == [b'[3,"0",{"a":1}]', b'[4,"1","%b","why",{"b":1}]' % code.encode()]


@pytest.mark.parametrize(
    ("setting", "code", "sent"),
    [
        ("untouched", "FormatViolation", b'[4, "1", "FormatViolation", "", {}]'),
        ("translate", "FormatViolation", b'[4,"1","FormationViolation","",{}]'),
        ("translate", "GenericError", b'[4, "1", "GenericError", "", {}]'),
    ],
)
def test_error_codes_are_respelt_when_asked(setting: str, code: str, sent: bytes) -> None:
    """A code of another version passes untouched, or is respelt, as the setting says (FR-24)."""
    line = Line("ocpp1.6", error_codes=setting)
    wire = line.connect()
    line.receive(b'[2,"1","Heartbeat",{}]')
    line.called[0][1](Error("1", code, "", b"{}", b'[4, "1", "%b", "", {}]' % code.encode()))
    assert wire.sent == [sent]


# Time.


def test_a_call_times_out() -> None:
    """A call that nobody answers ends at its deadline; the next goes on (FR-16)."""
    line = Line()
    wire = line.connect()
    first, second = line.ask("1", patience=5), line.ask("2", patience=30)
    line.wait(4.9)
    assert first == []
    line.wait(0.3)
    assert isinstance(first.only, Unanswered)
    assert (first.only.reason, first.only.description) == (Reason.TIMED_OUT, "No answer within 5 s")
    assert [sent[1] for sent in wire.take()] == ["1", "2"]
    line.wait(30)
    assert second.short == "timed out"


def test_a_waiting_call_expires_unsent() -> None:
    """A call whose deadline passes while it waits is answered, and never sent."""
    line = Line()
    wire = line.connect()
    line.ask("1", patience=30)
    heard = line.ask("2", patience=5)
    line.wait(6)
    assert isinstance(heard.only, Unanswered)
    assert (heard.only.reason, heard.only.description) == (Reason.TIMED_OUT, "Its turn never came")
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1"]


@pytest.mark.parametrize("how", ["answer", "unchoke", "connect"])
def test_a_call_is_not_sent_after_its_deadline(how: str) -> None:
    """Though no tick has come since its deadline, an expired call is not sent when its turn comes."""
    line = Line()
    wire = line.connect()
    if how == "answer":
        line.ask("1", patience=30)
    elif how == "unchoke":
        line.choke(choked=True)
    else:
        line.disconnect()
    heard, next_one = line.ask("2", patience=5), line.ask("3", patience=30)
    line.now += 5.05
    if how == "answer":
        line.result("1")
    elif how == "unchoke":
        line.choke(choked=False)
    else:
        wire = line.connect()
    assert heard.short == "timed out"
    assert [sent[1] for sent in wire.take()][-1] == "3"
    assert next_one == []
    line.wait(1)
    assert len(heard) == 1


def test_nobody_is_woken_more_often_than_needed() -> None:
    """However long a busy connection lasts, a bounded number of its wakes is in the wheel."""
    line = Line(bounds=Bounds(window=100, waiting=10_000))
    line.connect()
    for n in range(60):
        line.ask(f"long{n}", patience=60)
        line.wait(2)
        line.ask(f"short{n}", patience=1)
        line.wait(4)
        assert len(line.wheel) <= 15


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


# What arrives.


@pytest.mark.parametrize("reply", [b'[3,"9",{}]', b'[4,"9","X","",{}]', b'[3,"9",[]]', b'[4,"9"', b"[3]", b"[4,null]"])
def test_strays(reply: bytes) -> None:
    """An answer to a call that was never made is counted and not answered (FR-05)."""
    line = Line("ocpp2.0.1")
    wire = line.connect()
    heard = line.ask("1")
    wire.take()
    line.receive(reply)
    assert (heard, wire.sent) == ([], [])
    assert line.counts.unknown + line.counts.malformed >= 1


def test_a_second_answer_is_a_stray() -> None:
    """Of two answers to one call the first counts."""
    line = Line()
    line.connect()
    heard = line.ask("1")
    line.result("1", b'{"n":1}')
    line.result("1", b'{"n":2}')
    assert heard.short == '{"n":1}'
    assert line.counts.unknown == 1


@pytest.mark.parametrize(
    ("frame", "description"),
    [
        (b'[3,"1",[]]', "The result could not be read: A CALLRESULT is [3, id, payload]"),
        (b'[3,"1",{"a"', "The result could not be read: The frame is not valid JSON"),
        (b'[4,"1","X', "The error could not be read: The frame is not valid JSON"),
    ],
)
def test_a_broken_answer_fails_its_call_at_once(frame: bytes, description: str) -> None:
    """A call whose answer cannot be read does not wait for its time-out."""
    line = Line("ocpp2.1")
    wire = line.connect()
    heard, waiting = line.ask("1"), line.ask("2")
    line.receive(frame)
    assert isinstance(heard.only, Unanswered)
    assert (heard.only.reason, heard.only.description) == (Reason.MALFORMED, description)
    assert [sent[1] for sent in wire.take()] == ["1", "2"]
    assert waiting == []
    assert line.counts.malformed == 1


def test_an_error_is_an_answer() -> None:
    """A CALLERROR reaches the asker."""
    line = Line()
    line.connect()
    heard = line.ask("1")
    line.receive(b'[4,"1","NotSupported","no",{}]')
    assert heard.short == "NotSupported"


@pytest.mark.parametrize(
    ("version", "frame", "answer"),
    [
        ("ocpp1.6", b"{oops", None),
        ("ocpp2.0.1", b"{oops", [4, "-1", "RpcFrameworkError", "The frame is not a JSON array", {}]),
        ("ocpp1.6", b'[2,17,"X",{}]', None),
        ("ocpp2.1", b'[2,17,"X",{}]', [4, "-1", "RpcFrameworkError", "The message id is not a string", {}]),
        ("ocpp1.6", b'[2,"7","X",[]]', [4, "7", "FormationViolation", "The payload is not an object", {}]),
        ("ocpp2.0.1", b'[2,"7","X",[]]', [4, "7", "FormatViolation", "The payload is not an object", {}]),
        ("ocpp2.1", b'[6,"7","X",[]]', None),
        ("ocpp2.1", b"[5", None),
        ("ocpp2.1", b"[5,null]", None),
        ("ocpp2.0.1", b'[9,"7","X",{}]', None),
        ("ocpp2.0.1", b"pong", None),
        ("ocpp2.0.1", b"", None),
    ],
)
def test_a_malformed_frame_is_answered_as_the_version_says(version: str, frame: bytes, answer: object) -> None:
    """A frame that is no message is answered, or not, as the version says, and disturbs nobody (FR-17 to FR-20)."""
    line = Line(version)
    wire = line.connect()
    heard = line.ask("1")
    wire.take()
    line.receive(frame)
    if frame == b"[5":  # of which nothing can be read at all
        answer = [4, "-1", "RpcFrameworkError", "The frame is not a JSON array", {}]
    assert wire.take() == ([answer] if answer else [])
    line.result("1")
    assert heard.short == "{}"


def test_settings_overrule_the_version() -> None:
    """Bad frames and unknown message types are answered or not as the settings say."""
    line = Line("ocpp1.6", bad_frame="answer", unknown_message_type="answer")
    wire = line.connect()
    line.receive(b"{oops")
    line.receive(b'[9,"7","X",{}]')
    line.receive(b"[9]")
    assert [(sent[1], sent[2]) for sent in wire.take()] == [
        ("-1", "GenericError"),
        ("7", "GenericError"),
        ("-1", "GenericError"),
    ]
    assert (line.counts.malformed, line.counts.unknown_types) == (1, 2)
    silent = Line("ocpp2.1", bad_frame="ignore")
    wire = silent.connect()
    silent.receive(b"{oops")
    silent.receive(b"ping")
    assert wire.sent == []
    assert silent.counts.noise == 1


def test_nothing_is_answered_without_a_connection() -> None:
    """What is left to read when the connection has ended is not answered."""
    line = Line("ocpp2.0.1")
    line.receive(b"{oops")
    assert line.counts.malformed == 1


# The answers to their calls.


def test_calls_of_both_sides_cross() -> None:
    """Our open call keeps nobody from being answered (FR-15)."""
    line = Line()
    wire = line.connect()
    heard = line.ask("1")
    line.receive(b'[2,"1","Authorize",{}]')
    line.called[0][1](Result("1", b'{"a":1}'))
    assert wire.take() == [[2, "1", "Reset", {}], [3, "1", {"a": 1}]]
    line.result("1")
    assert heard.short == "{}"


def test_an_answer_belongs_to_the_connection_of_its_call() -> None:
    """An answer that comes when the connection has been lost, or replaced, is counted and goes nowhere."""
    line = Line()
    line.connect()
    for n in range(3):
        line.receive(b'[2,"%d","Heartbeat",{}]' % n)
    line.disconnect()
    line.called[0][1](Result("0", b"{}"))
    wire = line.connect()
    line.called[1][1](Result("1", b"{}"))
    line.end()
    line.called[2][1](Result("2", b"{}"))
    assert wire.sent == []
    assert line.counts.undeliverable == 3


def test_a_second_answer_of_ours_is_a_fault() -> None:
    """Answering a call twice is a fault of ours: counted and ignored."""
    line = Line()
    wire = line.connect()
    line.receive(b'[2,"1","Heartbeat",{}]')
    faults = FAULTS.faults
    line.called[0][1](Result("1", b"{}"))
    line.called[0][1](Result("1", b"{}"))
    assert len(wire.sent) == 1
    assert FAULTS.faults == faults + 1


# SEND and CALLRESULTERROR (2.1).


def test_a_send_is_sent_while_a_call_is_open() -> None:
    """A SEND does not wait for an open call, and nobody waits for it (FR-04)."""
    line = Line("ocpp2.1")
    wire = line.connect()
    call, send = line.ask("1"), line.ask("2", kind=SEND)
    assert [sent[:2] for sent in wire.take()] == [[2, "1"], [6, "2"]]
    line.wait(60)
    assert (call.short, send.short) == ("timed out", None)


def test_a_send_waits_behind_what_waits() -> None:
    """A SEND keeps its place behind the calls before it, and is written when it never was a frame."""
    line = Line("ocpp2.1", bounds=Bounds(window=2))
    line.ask("1")
    line.turns.ask(Call("2", "NotifyPeriodicEventStream", b"{}", None, SEND), unheard)
    wire = line.connect()
    assert [sent[:2] for sent in wire.take()] == [[2, "1"], [6, "2"]]


def test_a_send_arrives() -> None:
    """A SEND reaches the handler; what is responded to it goes nowhere."""
    line = Line("ocpp2.1")
    wire = line.connect()
    line.receive(b'[6,"1","NotifyPeriodicEventStream",{}]')
    ((call, respond),) = line.called
    respond(Result("1", b"{}"))
    assert call.kind == SEND
    assert wire.sent == []


@pytest.mark.parametrize("frame", [b'[6,"1","X",{}]', b'[5,"1","X","",{}]'])
def test_earlier_versions_have_neither(frame: bytes) -> None:
    """Before 2.1 SEND and CALLRESULTERROR are message types that nobody knows."""
    line = Line("ocpp2.0.1", unknown_message_type="answer")
    wire = line.connect()
    line.receive(frame)
    assert [sent[1:3] for sent in wire.take()] == [["1", "MessageTypeNotSupported"]]
    assert line.called == []


def complaining(window: int = 100) -> tuple[Line, Line]:
    """Give a station's line and its backend's, on which the station's calls go on."""
    station, backend = Line("ocpp2.1"), Line("ocpp2.1", Bounds(window=window))
    station.connect()
    backend.connect()
    station.turns._handler = backend.turns.ask
    return station, backend


def test_a_complaint_goes_to_whoever_gave_the_answer() -> None:
    """A CALLRESULTERROR goes to the giver of the result, under the id that the giver knows it by."""
    station, backend = complaining()
    backend.ask("1", "somebody else")
    station.receive(b'[2,"1","Authorize",{}]')
    _, (_, known_as, _, _) = backend.wire.take()
    backend.result(known_as)
    assert station.wire.take() == [[3, "1", {}]]
    station.receive(b'[5, "1", "PropertyConstraintViolation", "No such tariff", {}]')
    assert backend.wire.sent == [b'[5, "%b", "PropertyConstraintViolation", "No such tariff", {}]' % known_as.encode()]
    station.receive(b'[5,"1","X","again",{}]')
    assert station.counts.complaints_dropped == 1


def test_the_last_few_answers_can_be_complained_about() -> None:
    """Answers are remembered for a complaint up to a bound."""
    station, backend = complaining()
    for n in range(12):
        station.receive(b'[2,"%d","Authorize",{}]' % n)
        backend.result(str(n))
    backend.wire.take()
    for n in range(12):
        station.receive(b'[5,"%d","X","",{}]' % n)
    assert [sent[1] for sent in backend.wire.take()] == ["4", "5", "6", "7", "8", "9", "10", "11"]
    assert station.counts.complaints_dropped == 4


def test_a_complaint_about_our_own_answer_goes_nowhere() -> None:
    """What Voltgate answered itself nobody can be told about."""
    line = Line("ocpp2.1")
    line.connect()
    line.receive(b'[2,"1","Authorize",{}]')
    line.called[0][1](Result("1", b"{}"))
    line.receive(b'[5,"1","X","",{}]')
    line.receive(b'[5,"other","X","",{}]')
    assert line.counts.complaints_dropped == 2


@pytest.mark.parametrize("back", [True, False])
def test_a_complaint_that_comes_too_late(back: bool) -> None:
    """A complaint about an answer of a connection that is gone is dropped: the next one never gave that answer."""
    station, backend = complaining()
    station.receive(b'[2,"1","Authorize",{}]')
    backend.result("1")
    backend.disconnect()
    if back:
        backend.connect()
    station.receive(b'[5,"1","X","",{}]')
    assert backend.wire.take() == ([] if back else [[2, "1", "Authorize", {}]])
    assert backend.counts.complaints_dropped == 1


def test_turns_observe_nothing_unless_told_to() -> None:
    """Metrics are somebody else's."""
    turns = Turns(Line().turns._dialect, lambda call, respond: None, "x", Bounds(), Wheel(0.0), Counts())
    line, heard = Line(), Heard()
    turns.connect(line.wire, 0.0)
    turns.ask(Call("1", "Reset", b"{}"), heard.append)
    turns.receive(b'[3,"1",{}]', None, 0.0)
    assert heard.short == "{}"
    assert json.loads(line.wire.sent[0])[1] == "1"
