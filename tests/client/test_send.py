"""`voltgate send`: a call to a charger, and what it really answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client.counterpart import Counterpart, Terminal, problem

CALLS = "stations/CP1/calls"
ANSWER: dict[str, Any] = {
    "station": "CP1",
    "action": "Reset",
    "version": "ocpp1.6",
    "message_id": "x",
    "latency_ms": 41.2,
    "result": {"status": "Accepted"},
}


def test_the_answer_is_printed(api: Counterpart, voltgate: Terminal) -> None:
    """The charger's result goes to standard output, who answered and how fast beside it."""
    api.says(f"POST {CALLS}", ANSWER)
    ended = voltgate("send", "CP1", "Reset", '{"type": "Soft"}', "--timeout", "5", "--no-check")
    assert (ended.code, json.loads(ended.out)) == (0, {"status": "Accepted"})
    assert ended.err == "CP1 answered Reset in 41.2 ms\n"
    assert api.asked[0].json == {"action": "Reset", "payload": {"type": "Soft"}, "timeout": 5.0, "check": False}


def test_the_payload_from_standard_input(api: Counterpart, voltgate: Terminal) -> None:
    """A payload may come by standard input, or be left out."""
    api.says(f"POST {CALLS}", ANSWER)
    assert voltgate("send", "CP1", "Reset", "-", "--json", stdin='{"type": "Hard"}').json == ANSWER
    assert voltgate("send", "CP1", "ClearCache").code == 0
    assert [asked.json["payload"] for asked in api.asked] == [{"type": "Hard"}, {}]
    assert api.asked[1].json["check"] is True


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("{", "the payload is not JSON"),
        ("[1]", "the payload is not a JSON object"),
        ('{"a": NaN}', "the payload is not JSON: NaN is not a number"),
        ("[" * 100_000, "the payload is not JSON"),
    ],
)
def test_a_payload_that_is_none(api: Counterpart, voltgate: Terminal, payload: str, said: str) -> None:
    """What is no JSON object is not sent."""
    ended = voltgate("send", "CP1", "Reset", payload)
    assert ended.code == 1
    assert said in ended.err
    assert api.asked == []


def test_a_payload_that_is_no_text(api: Counterpart, voltgate: Terminal) -> None:
    """What standard input has must be text, and no more than the gateway takes."""
    for stdin in (b'{"a": "\xff"}', b"[" * (1024 * 1024 + 1)):
        ended = voltgate("send", "CP1", "Reset", "-", stdin=stdin)
        assert ended.code == 1
        assert len(ended.err.splitlines()) == 1
    assert api.asked == []


def test_a_charger_that_answers_with_an_error(api: Counterpart, voltgate: Terminal) -> None:
    """A CALLERROR is the charger's refusal: exit code 1, and the whole of it with --json."""
    error = {"code": "NotSupported", "description": "no such\x1b thing", "details": {"a": 1}}
    answer = {key: said for key, said in ANSWER.items() if key != "result"} | {"error": error}
    api.says(f"POST {CALLS}", answer)
    ended = voltgate("send", "CP1", "Reset")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == 'voltgate: CP1 answered Reset with the error NotSupported no such\\x1b thing {"a":1}\n'
    ended = voltgate("send", "CP1", "Reset", "--json")
    assert (ended.code, ended.json) == (1, answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(504, "Gateway Timeout", "CP1 did not answer.", sent=True, waited_ms=30000.0), "the call was sent"),
        (problem(504, "Gateway Timeout", "CP1 did not answer.", sent=False, waited_ms=1.0), "the call was not sent"),
        (problem(409, "Conflict", "CP1 is not connected."), "CP1 is not connected"),
        (
            problem(422, "Unprocessable Content", "/type: is wrong.", code="FormationViolation", where="/type"),
            "/type: is wrong; FormationViolation",
        ),
    ],
)
def test_a_call_that_was_not_answered(api: Counterpart, voltgate: Terminal, answer: Any, said: str) -> None:
    """Why there is no answer is one sentence, with whether the charger got the call."""
    api.says(f"POST {CALLS}", answer)
    ended = voltgate("send", "CP1", "Reset")
    assert ended.code == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
