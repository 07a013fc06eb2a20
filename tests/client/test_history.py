"""`voltgate log` and `voltgate record`: what was said earlier, and what is written down."""

from __future__ import annotations

import json
from typing import Any

from tests.client.counterpart import Asked, Counterpart, Terminal, problem
from tests.client.test_live import MESSAGE

RECORD = MESSAGE | {"id": "7", "kind": "call", "rule": 0, "decided": "rule", "changed": None, "description": None}
TORN = RECORD | {"kind": "malformed", "action": None, "payload": "[2,", "outcome": None, "description": "no JSON"}


def part(*items: Any, following: str | None = None, **more: Any) -> dict[str, Any]:
    return {"items": list(items), "next": following, "searched_to": None, **more}


def test_the_last_comes_last(api: Counterpart, voltgate: Terminal) -> None:
    """Records are lines as those of `tail`, under the day that they are of; what is no message says what is wrong."""
    older = RECORD | {"at": "2026-11-20T07:30:00.125Z", "outcome": "unanswered", "reply": None}
    api.says("GET messages", part(TORN, RECORD, older))
    ended = voltgate("log", "CP1", "--since", "2026-11-20", "--action", "Heartbeat")
    assert ended.out.splitlines() == [
        "--- 2026-11-20",
        "07:30:00.125  CP1  station →  Heartbeat {}  ⇒ unanswered  12.3 ms  answered by billing",
        "--- 2026-11-21",
        '07:30:00.125  CP1  station →  Heartbeat {}  ⇒ {"currentTime":"x"}  12.3 ms  answered by billing',
        '07:30:00.125  CP1  malformed  "[2,"  no JSON',
    ]
    asked = api.asked[0]
    assert asked.headers["accept"] == "application/json"
    assert asked.query == {
        "station": "CP1",
        "action": "Heartbeat",
        "since": "2026-11-20T00:00:00+00:00",
        "limit": "100",
    }


def test_pages_are_followed(api: Counterpart, voltgate: Terminal) -> None:
    """As many parts are asked for as it takes, nodes that do not answer are named, and --json gives a line for each."""
    api.says("GET messages", part(RECORD, RECORD, following="5", missing=["n2"]), part(RECORD, following="4"))
    ended = voltgate("log", "--json", "--limit", "3", "--since", "1.5h", "--until", "10m")
    assert [json.loads(line) for line in ended.out.splitlines()] == [RECORD] * 3
    assert "n2" in ended.err
    assert [asked.query.get("cursor") for asked in api.asked] == [None, "5"]
    assert [asked.query["limit"] for asked in api.asked] == ["3", "1"]
    assert api.asked[0].query["since"] < api.asked[0].query["until"]


def test_nothing_is_there(api: Counterpart, voltgate: Terminal) -> None:
    """Who finds nothing is told how to have it written down; a time that is none is refused."""
    api.says("GET messages", part())
    ended = voltgate("log", "CP1")
    assert (ended.code, ended.out) == (0, "")
    assert "voltgate record" in ended.err
    refused = voltgate("log", "--since", "soon")
    assert refused.code == 2
    assert '"soon" is no time' in " ".join(refused.err.split())


def test_an_export(api: Counterpart, voltgate: Terminal) -> None:
    """An export has everything, the oldest first, a JSON document on each line; a folder that is none is named.

    Its head says of whom it is, what they speak, and what was masked.
    """
    api.says("GET messages", part(RECORD, following="5"), part(TORN))
    api.says("GET sessions/CP1", {"identity": "CP1", "version": "ocpp1.6"})
    assert voltgate("log", "CP1", "--export", "out.jsonl").out == "2 records written to out.jsonl\n"
    assert (voltgate.folder / "out.jsonl").stat().st_mode & 0o777 == 0o600
    head, *lines = map(json.loads, (voltgate.folder / "out.jsonl").read_text().splitlines())
    assert [line["kind"] for line in lines] == ["malformed", "call"]
    assert head == {
        "format": "voltgate-messages",
        "version": 1,
        "stations": {"CP1": "ocpp1.6"},
        "from": lines[0]["at"],
        "until": lines[1]["at"],
        "records": 2,
        "masked": {"tokens": 0, "secrets": 0},
    }
    failed = voltgate("log", "--export", "nowhere/out.jsonl")
    assert (failed.code, "nowhere/out.jsonl: No such file" in failed.err) == (1, True)


def test_an_export_for_other_tools(api: Counterpart, voltgate: Terminal) -> None:
    """A HAR has each connection with its messages; a station that is away is no obstacle; nothing else is left."""
    api.says("GET messages", part(RECORD, TORN))
    api.says("GET sessions/CP1", problem(404, "Not Found"))
    assert voltgate("log", "--export", "out.har", "--form", "har").out == "2 records written to out.har\n"
    (entry,) = json.loads((voltgate.folder / "out.har").read_text())["log"]["entries"]
    said = [json.loads(each["data"]) for each in entry["_webSocketMessages"][1:]]
    assert said == [[2, RECORD["message_id"], "Heartbeat", {}], [3, RECORD["message_id"], {"currentTime": "x"}]]
    assert [path.name for path in voltgate.folder.iterdir()] == ["out.har"]


def test_what_is_recorded(api: Counterpart, voltgate: Terminal) -> None:
    """`voltgate record` says whose messages are written down, and has more of them written, for a while or not."""
    nothing = {"stations": [], "routes": [], "until": None}
    shown: dict[str, Any] = {"configured": nothing | {"routes": ["home"]}, "asked": nothing, "logs": []}
    state = {"node": None, "recorded": 5, "written": 4, "dropped": 1, "bytes": 9, "segments": 1, "problem": None}

    def told(asked: Asked) -> Any:
        from tests.client.counterpart import Answer

        wanted = asked.json | {"until": "2026-11-21T07:30:00Z"}
        return Answer(document=shown | {"asked": nothing | {key: wanted[key] for key in nothing if key in wanted}})

    api.says("GET messages/recording", shown | {"logs": [state]})
    api.says("PUT messages/recording", told)
    ended = voltgate("record")
    assert ended.out.splitlines() == [
        "by the configuration  route home",
        "as asked              nothing",
        "recorded  written  dropped  bytes  segments",
        "       5        4        1      9         1",
    ]
    assert "CP1, CP2 until 2026-11-21 07:30:00" in voltgate("record", "CP1", "CP2", "--hours", "2").out
    assert api.asked[-1].json == {"stations": ["CP1", "CP2"], "routes": [], "hours": 2}
    assert json.loads(voltgate("record", "--off", "--json").out)["configured"]["routes"] == ["home"]
    assert api.asked[-1].json == {}
    assert voltgate("record", "--off", "CP1").code == 2
