"""Turns: what arrives, and the answers to the other side's calls."""

from __future__ import annotations

import pytest

from tests.ocpp.line import Line
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import Reason, Result, Unanswered

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
