"""Turns: the bytes of calls and answers, passed on or written."""

from __future__ import annotations

import pytest

from tests.ocpp.line import Heard, Line
from voltgate.ocpp.messages import Call, Error, Result


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
