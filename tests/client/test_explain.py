"""`voltgate explain`: sentences on what seldom happens, and on what only a part is known of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.counterpart import Counterpart, Terminal, problem
from tests.client.test_history import part
from voltgate.client.explanation import explain

SAID = {
    "id": "1", "at": "2026-11-21T07:30:00.125Z", "kind": "call", "station": "CP1", "leg": "station",
    "direction": "from_station", "action": "Heartbeat", "message_id": "m1", "payload": {}, "outcome": "result",
    "reply": {"currentTime": "x"}, "latency_ms": 12.34, "backend": "main", "route": "home", "rule": 2,
    "decided": "rule", "changed": None, "call": "7", "description": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"decided": "invitation"}, ["main had asked for this session: so it is who answers, whatever the rules say."]),
        ({"decided": "authorize"}, ["The backends of the rule were asked whose token it is: main accepted it."]),
        ({"decided": "nobody", "backend": None}, ['No rule of the route "home" is for it.', "It went to no backend."]),
        ({"decided": "gateway", "backend": None}, ["Voltgate answered it itself."]),
        ({"decided": None}, ["Why it went where it went is not in the log."]),
        (
            {"decided": "ledger", "backend": None},
            ["It had been answered before: the same was answered again, and no backend was asked."],
        ),
        (
            {"decided": "stand-in", "backend": None},
            ["The backend that would have answered was away: Voltgate stood in for it."],
        ),
    ],
)  # fmt: skip
def test_what_decided(changes: dict[str, Any], sentences: list[str]) -> None:
    """Whatever decided is told, in front of what the station got."""
    whose = "Voltgate's own answer" if "backend" in changes else "the answer of main"
    first, *rest = explain([SAID | changes])
    assert first.endswith("CP1 sent Heartbeat (m1): {}")
    if "backend" not in changes:
        sentences = [*sentences, "It went to no backend."]
    assert rest == [*sentences, f'CP1 got {whose} after 12.3 ms: {{"currentTime":"x"}}']


def test_what_is_no_call() -> None:
    """A SEND has no answer; a handshake that was refused, and records that are missing, say what they are."""
    send = SAID | {"kind": "send", "outcome": None, "reply": None, "latency_ms": None, "backend": None}
    leg = send | {"direction": "to_backend", "leg": "main", "backend": "main"}
    assert explain([send, leg])[2:] == [
        "It went to main, unchanged: it has no answer.",
        "It is a message without an answer: the station got none.",
    ]
    nothing = {"direction": None, "leg": None, "call": None, "action": None}
    refused = SAID | nothing | {"kind": "refused", "payload": "/CP1", "description": "401: The password is wrong"}
    assert [each.partition(" CP1 ")[2] or each for each in explain([refused])] == [
        "was refused at /CP1",
        "It was told 401: The password is wrong.",
    ]
    lost = SAID | nothing | {"kind": "lost", "description": "5 records are missing"}
    assert explain([lost])[0].endswith("5 records are missing.")


def test_only_the_end_is_known() -> None:
    """A call of which only a later leg is in the log is told as far as it goes; long waits as people do."""
    late = SAID | {"direction": "to_backend", "leg": "main", "outcome": "unanswered", "reply": None, "latency_ms": 3e7}
    sent, rest = explain([late])
    assert sent.endswith("main was sent Heartbeat (m1): {}")
    assert rest == "Who it came from is not in the log: it did not answer in 8 h 20 min."


def test_the_last_of_several(api: Counterpart, voltgate: Terminal) -> None:
    """An id that a station has used again means the last message of it; the others are counted."""
    api.says("GET messages", part(SAID, SAID | {"call": "3"}), part(SAID))
    ended = voltgate("explain", "CP1", "m1")
    assert ended.code == 0
    assert "1 older message of this id" in ended.err
    assert [asked.query.get("call") for asked in api.asked if "messages" in asked.path] == [None, "7"]


def test_what_is_owed_still(api: Counterpart, voltgate: Terminal) -> None:
    """What backends have not taken yet is told, but not of an older message with the same id; or nothing is known."""
    api.says("GET messages", part(SAID), part(SAID), part(SAID), part(SAID))
    owed = {"backend": "billing", "at": SAID["at"], "action": "Heartbeat", "message_id": "m1"}
    items = [owed, owed | {"backend": None}, owed | {"backend": "older", "at": "2026-11-21T07:00:00Z"}]
    api.says("GET stations/CP1/owed", {"items": items}, problem(503, "Service Unavailable"))
    told = voltgate("explain", "CP1", "m1").out
    assert "It is still owed to billing, which has not taken it yet." in told
    assert "It is kept for the backend that its transaction turns out to be of." in told
    assert "older" not in told
    ended = voltgate("explain", "CP1", "m1")
    assert (ended.code, "owed" in ended.out) == (0, False)
