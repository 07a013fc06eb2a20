"""Turns: SEND and CALLRESULTERROR of OCPP 2.1."""

from __future__ import annotations

import pytest

from tests.ocpp.line import Line
from voltgate.ocpp.messages import SEND, Call, Result, unheard
from voltgate.ocpp.turn_ports import Bounds


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
    wire = line.connect()
    line.choke(choked=True)
    line.ask("1")
    line.turns.ask(Call("2", "NotifyPeriodicEventStream", b"{}", None, SEND), unheard)
    line.choke(choked=False)
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
