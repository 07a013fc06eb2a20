"""Streams: live messages and events, a line each, over connections that come and go."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.client.counterpart import DEADLINE, Answer, Counterpart, Terminal, lines, nobody, problem, sse, stream

MESSAGE: dict[str, Any] = {
    "at": "2026-11-21T07:30:00.125Z",
    "station": "CP1",
    "leg": "station",
    "direction": "from_station",
    "action": "Heartbeat",
    "message_id": "17",
    "payload": {},
    "outcome": "result",
    "reply": {"currentTime": "x"},
    "latency_ms": 12.34,
    "backend": "billing",
}


@contextmanager
def running(voltgate: Terminal, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = voltgate.start(*words)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def test_messages_are_lines_with_answer_and_latency(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate tail --legs` shows a message of either leg on one line, with what came of it and how long it took."""
    error = {"code": "NotSupported", "details": {}}
    api.says(
        "GET messages",
        stream(
            ": hello\n\n",
            sse("message", MESSAGE),
            sse("message", MESSAGE | {"leg": "billing", "direction": "to_backend"}),
            sse("message", MESSAGE | {"direction": "to_station", "outcome": "error", "reply": error, "backend": None}),
            sse("message", MESSAGE | {"direction": "from_backend", "outcome": "unanswered", "reply": None}),
            sse(
                "message",
                MESSAGE | {"outcome": None, "latency_ms": None, "payload": {"data": "x" * 500}},
            ),
            sse("lost", {"lost": 7}),
            None,
        ),
    )
    with running(voltgate, "tail", "CP1", "--legs") as process:
        said = list(lines(process, 5))
        assert said[:4] == [
            '07:30:00.125  CP1  station →  Heartbeat {}  ⇒ {"currentTime":"x"}  12.3 ms  answered by billing',
            '07:30:00.125  CP1  → billing  Heartbeat {}  ⇒ {"currentTime":"x"}  12.3 ms',
            '07:30:00.125  CP1  → station  Heartbeat {}  ⇒ error {"code":"NotSupported","details":{}}  12.3 ms',
            "07:30:00.125  CP1  billing →  Heartbeat {}  ⇒ unanswered  12.3 ms",
        ]
        assert said[4].endswith("x…  answered by billing")
        assert process.stderr is not None
        assert process.stderr.readline().endswith("faster than they were read: 7\n")
    assert api.asked[0].query == {"station": "CP1"}
    assert api.asked[0].headers["accept"] == "text/event-stream"


CALL = [
    MESSAGE | {"message_id": "said"},
    MESSAGE | {"message_id": "asked", "direction": "to_backend", "leg": "billing"},
    MESSAGE | {"message_id": "told", "direction": "to_backend", "leg": "watcher", "backend": "watcher"},
    MESSAGE | {"message_id": "ours", "direction": "to_station", "backend": None, "action": "Reset"},
    MESSAGE | {"message_id": "theirs", "direction": "from_backend", "leg": "billing", "outcome": "error"},
    MESSAGE | {"message_id": "passed on", "direction": "to_station", "outcome": "error"},
]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], ["said", "ours", "theirs"]),
        (["--legs"], ["said", "asked", "told", "ours", "theirs", "passed on"]),
        (["--backend", "watcher"], ["told"]),
        (["--backend", "billing"], ["asked", "theirs"]),
        (["--backend", "billing", "--legs"], ["said", "asked", "theirs", "passed on"]),
        (["--action", "Reset"], ["ours"]),
        (["--outcome", "error"], ["theirs"]),
        (["--outcome", "result", "--action", "Heartbeat", "--legs"], ["said", "asked", "told"]),
    ],
)
def test_a_call_is_one_line(api: Counterpart, voltgate: Terminal, words: list[str], shown: list[str]) -> None:
    """A call is shown as whoever made it saw it; of a backend as that saw it; and what is not asked for is left out."""
    end = MESSAGE | {"message_id": "end", "action": "Reset", "direction": "from_backend", "leg": "watcher"}
    ends = [
        end | {"outcome": outcome, "leg": leg, "action": action}
        for outcome in ("result", "error")
        for leg in ("billing", "watcher")
        for action in ("Reset", "Heartbeat")
    ]
    api.says("GET messages", stream(*(sse("message", each) for each in [*CALL, *ends]), None))
    with running(voltgate, "tail", "--json", *words) as process:
        assert [json.loads(line)["message_id"] for line in lines(process, len(shown) + 1)] == [*shown, "end"]


def test_messages_as_json_lines(api: Counterpart, voltgate: Terminal) -> None:
    """With --json each message is one line of JSON, as the gateway gave it."""
    api.says("GET messages", stream(sse("message", MESSAGE), sse("message", MESSAGE), None))
    with running(voltgate, "tail", "--json") as process:
        assert [json.loads(line) for line in lines(process, 2)] == [MESSAGE, MESSAGE]
    assert api.asked[0].query == {}


def test_events_go_on_where_they_were(api: Counterpart, voltgate: Terminal) -> None:
    """A stream that ends, breaks or is refused for a while is taken up behind the last event that came."""

    def event(number: int) -> str:
        at = "2026-11-21T07:30:00.000Z"
        return sse("StationCame", {"id": number, "at": at, "kind": "StationCame", "station": f"CP{number}"}, number)

    half = 'id: 3\nevent: StationCame\ndata: {"id": 3'
    api.says(
        "GET events",
        stream(event(1), event(2), half),
        problem(503, "Service Unavailable", "It stops."),
        Answer(0),
        stream(event(3), None),
    )
    with running(voltgate, "events", "--kind", "StationCame") as process:
        assert list(lines(process, 3)) == [f"07:30:00.000  StationCame  station=CP{n}" for n in (1, 2, 3)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert [asked.headers.get("last-event-id") for asked in api.asked] == [None, "2", "2", "2"]
    said = err.splitlines()
    assert len(said) == 3
    assert said[0] == "the gateway ended the stream; trying again in 0.5 s"
    assert "It stops" in said[1]


def test_events_behind_a_number(api: Counterpart, voltgate: Terminal) -> None:
    """`--after` begins where another run ended; a station can be singled out."""
    api.says("GET events", stream(sse("X", {"id": 8, "at": "", "kind": "X"}, 8), None))
    with running(voltgate, "events", "--after", "7", "--station", "CP1", "--json") as process:
        assert next(lines(process, 1)) == '{"id":8,"at":"","kind":"X"}'
    assert api.asked[0].headers["last-event-id"] == "7"
    assert api.asked[0].query == {"station": "CP1"}


def test_what_a_stream_leaves_out_is_said(api: Counterpart, voltgate: Terminal) -> None:
    """Events that the gateway has forgotten, and what cannot be read, are remarks beside the output."""
    at = "2026-11-21T07:30:00.000Z"
    api.says(
        "GET events",
        stream(
            sse("lost", {"lost": 12}),
            sse("lost", {"lost": None}),
            "data: {\n\n",
            sse("X", {"id": 20, "at": at, "kind": "X"}, 20),
            None,
        ),
    )
    with running(voltgate, "events", "--kind", "X", "--kind", "Y") as process:
        assert next(lines(process, 1)) == "07:30:00.000  X"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    said = err.splitlines()
    assert said[0] == "events not shown because the gateway has forgotten them: 12"
    assert said[1].startswith("the gateway was started again")
    assert said[2].startswith("an event is no JSON: ")
    assert api.asked[0].query == {"kind": "Y"}  # the last of both, as the counterpart reads a query


@pytest.mark.parametrize("command", ["tail", "events"])
def test_a_stream_that_is_refused(api: Counterpart, voltgate: Terminal, command: str) -> None:
    """Whoever may not listen is told so, at once; so is whoever asks a server that is none of ours."""
    path = {"tail": "messages", "events": "events"}[command]
    api.says(f"GET {path}", problem(403, "Forbidden", "This takes the role."), {"no": "stream"})
    ended = voltgate(command)
    assert (ended.code, ended.err) == (1, "voltgate: This takes the role\n")
    ended = voltgate(command)
    assert ended.code == 1
    assert "is it the right address?" in ended.err
    with nobody() as url:
        assert voltgate(command, "--url", url).code == 2


def test_a_token_that_is_withdrawn_ends_the_stream(api: Counterpart, voltgate: Terminal) -> None:
    """Coming back with a token that is no longer good is not tried again."""
    api.says("GET messages", stream(sse("message", MESSAGE)), problem(401, "Unauthorized", "The token is not known."))
    ended = voltgate("tail")
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("voltgate: The token is not known;")
