"""Files of recordings: written in bounded memory, read in the order of their times, and shown by others' tools."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from voltgate.replay.differences import Answer, differences
from voltgate.replay.har import write_har
from voltgate.replay.putting import Numbers, StandIns, put
from voltgate.replay.recording import NoRecording, Record, Recording
from voltgate.replay.writing import write


def record(number: int, action: str | None = "Heartbeat", **changes: Any) -> dict[str, Any]:
    """Give a record of the station's leg, at so many seconds past noon."""
    return {
        "id": str(number), "at": f"2026-11-21T12:00:{number:02}.000Z", "kind": "call", "station": "CP1",
        "leg": "station", "direction": "from_station", "action": action, "message_id": f"m{number}", "payload": {},
        "outcome": "result", "reply": {}, "latency_ms": 1500.0,
    } | changes  # fmt: skip


def written(folder: Path, *records: dict[str, Any], version: str | None = None) -> Path:
    """Write records, the newest first as the log gives them, to a file."""
    file = folder / "case.jsonl"
    with file.open("wb") as out:
        write(reversed(records), out, lambda _: version)
    return file


def test_the_head_says_what_it_is(tmp_path: Path) -> None:
    """A head counts what was masked; the records follow, the oldest first, however many there are."""
    card = record(1, "Authorize", payload={"idTag": "~0123456789"})
    secret = record(2, "DataTransfer", payload={"data": "***"})
    file = written(tmp_path, card, secret, *(record(each % 60) for each in range(2500)), version="ocpp1.6")
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert head == {
        "format": "voltgate-messages", "version": 1, "stations": {"CP1": "ocpp1.6"}, "from": card["at"],
        "until": lines[-1]["at"], "records": 2502, "masked": {"tokens": 1, "secrets": 1},
    }  # fmt: skip
    assert [each["message_id"] for each in lines[:3]] == ["m1", "m2", "m0"]
    with Recording(file) as recording:
        assert recording.count("CP1", "station") == 2502
        assert next(recording.calls("CP1", "station")).message_id == "m0", "read by time, whatever their order"


def test_a_long_recording_is_not_held_in_memory(tmp_path: Path) -> None:
    """Written, or read, it takes a small part of its size."""
    file = tmp_path / "case.jsonl"
    tracemalloc.start()
    try:
        with file.open("wb") as out:
            write((record(number % 60, payload={"more": "x" * 1000}) for number in range(10_000)), out, lambda _: None)
        with Recording(file) as recording:
            assert sum(1 for _ in recording.calls("CP1", "station")) == 10_000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < file.stat().st_size / 3


def test_what_is_no_recording(tmp_path: Path) -> None:
    """A file that is none, or of a newer shape, or torn, is named with the line and what to do."""
    file = tmp_path / "case.jsonl"
    for text, what in (
        ("", "is no recording: `voltgate log CP-1 --export FILE` writes one"),
        ('{"kind":"call"}\n', "is no recording"),
        ('{"format":"voltgate-messages","version":2}\n', "has shape 2, known is 1"),
        ('{"format":"voltgate-messages","version":1}\n{"station":\n', ":2: is no record"),
        ('{"format":"voltgate-messages","version":1}\n{"station":"CP1","at":"noon"}\n', ":2: is no record"),
        ('{"format":"voltgate-messages","version":1}\n{"reply":' + "[" * 100_000 + "\n", ":2: is no record"),
        (
            '{"format":"voltgate-messages","version":1}\n'
            '{"station":"CP1","at":"2026-11-21T12:00:00Z","payload":{"a":' + "[" * 600 + "]" * 600 + "}}\n",
            ":2: cannot be played: more than 100 lists and objects within each other",
        ),
    ):
        file.write_text(text)
        with pytest.raises(NoRecording, match=r"case\.jsonl") as raised:
            Recording(file)
        assert what in str(raised.value)


def test_the_version_of_a_station(tmp_path: Path) -> None:
    """It is the head's, else what the records tell."""
    for version, known in (("ocpp2.1", "ocpp2.1"), (None, "ocpp1.6")):
        with Recording(written(tmp_path, record(1, "StartTransaction"), version=version)) as recording:
            assert recording.version_of("CP1") == known
    boot = record(1, "BootNotification", payload={"chargingStation": {}})
    for modern in (record(1, "TransactionEvent"), boot):
        with Recording(written(tmp_path, modern)) as recording:
            assert recording.version_of("CP1") == "ocpp2.0.1"


def an_object(**fields: Any) -> dict[str, Any]:
    """Give the schema of an object that has all these fields, and no others but those of tools ("_…")."""
    return {
        "type": "object", "required": list(fields), "properties": fields, "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }  # fmt: skip


TEXT, WHOLE, SIZE = {"type": "string"}, {"type": "integer"}, {"type": "integer", "minimum": -1}
NAMED = {"type": "array", "items": an_object(name=TEXT, value=TEXT)}
MESSAGE = {"httpVersion": TEXT, "cookies": NAMED, "headers": NAMED, "headersSize": SIZE, "bodySize": SIZE}
HAR = an_object(
    log=an_object(
        version={"const": "1.2"},
        creator=an_object(name=TEXT, version=TEXT),
        pages={"const": []},
        entries={
            "type": "array",
            "items": an_object(
                startedDateTime={"type": "string", "format": "date-time"},
                time={"type": "number", "minimum": 0},
                request=an_object(method=TEXT, url={"type": "string", "format": "uri"}, queryString=NAMED, **MESSAGE),
                response=an_object(
                    status=WHOLE,
                    statusText=TEXT,
                    redirectURL=TEXT,
                    content=an_object(size=WHOLE, mimeType=TEXT),
                    **MESSAGE,
                ),
                cache={"const": {}},
                timings=an_object(**{key: {"type": "number", "minimum": 0} for key in ("send", "wait", "receive")}),
            ),
        },
    )
)
"""What HAR 1.2 demands (http://www.softwareishard.com/blog/har-12-spec/), of the fields that are written here."""


def test_a_har(tmp_path: Path) -> None:
    """Each connection is an entry: calls and answers as they were said, in their order, sent by the station or not."""
    torn = record(3, None, kind="malformed", payload='[2,"m3"', outcome=None, reply=None)
    asked = record(2, "Reset", direction="to_station", outcome="error", reply={"code": "NotSupported"}, latency_ms=10)
    other = record(1, direction="to_backend", leg="main")
    file = written(tmp_path, record(1), other, asked, torn, version="ocpp1.6")
    out = io.BytesIO()
    with Recording(file) as recording:
        write_har(recording, out)
    whole = json.loads(out.getvalue())
    assert list(jsonschema_rs.Draft7Validator(HAR, validate_formats=True).iter_errors(whole)) == []
    log = whole["log"]
    backend, station = log["entries"]
    assert (backend["request"]["url"], station["request"]["url"]) == ("ws://main/CP1", "ws://station/CP1")
    assert (station["response"]["status"], station["_resourceType"]) == (101, "websocket")
    messages = [(each["type"], json.loads(each["data"])) for each in station["_webSocketMessages"][:-1]]
    assert messages == [
        ("send", [2, "m1", "Heartbeat", {}]),
        ("receive", [2, "m2", "Reset", {}]),
        ("send", [4, "m2", "NotSupported", "", {}]),
        ("receive", [3, "m1", {}]),
    ]
    assert station["_webSocketMessages"][-1]["data"] == '[2,"m3"'
    times = [each["time"] for each in station["_webSocketMessages"]]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("was", "given", "found"),
    [
        ({"status": "Accepted"}, {"status": "Accepted"}, []),
        ({"status": "Accepted"}, {"status": "Blocked"}, [("status", "Accepted", "Blocked")]),
        ({"transactionId": 7}, {"transactionId": 90}, []),
        ({"transactionId": 7}, {}, [("transactionId", 7, None)]),
        ({"currentTime": "2026-01-01T00:00:00Z"}, {"currentTime": "2027-02-03T04:05:06.7+01:00"}, []),
        ({"idTagInfo": {"parentIdTag": "~0123456789"}}, {"idTagInfo": {"parentIdTag": "04A2"}}, []),
        ({"idTagInfo": {"parentIdTag": "~0123456789"}}, {}, [("idTagInfo", {"parentIdTag": "~0123456789"}, None)]),
        ({"list": [1, 2]}, {"list": [1, 3]}, [("list[1]", 2, 3)]),
        ({}, {"interval": 5}, [("interval", None, 5)]),
    ],
)  # fmt: skip
def test_what_differs(was: Any, given: Any, found: Any) -> None:
    """Fields differ; ids, times, and what was masked do not, as long as they are there."""
    assert list(differences(Record(**_known(record(1, reply=was))), Answer("result", given))) == found


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "id"}


def test_what_came_of_it_differs() -> None:
    """An error instead of an answer, another error, or none: each is one difference. What an error says is not."""
    result = Record(**_known(record(1)))
    error = Record(**_known(record(1, outcome="error", reply={"code": "InternalError", "description": "id 7"})))
    assert list(differences(result, Answer("error", code="InternalError"))) == [("", "result", "error InternalError")]
    assert list(differences(error, Answer("error", code="InternalError"))) == []
    assert list(differences(error, Answer("unanswered"))) == [("", "error InternalError", "unanswered")]


def test_what_is_put_in() -> None:
    """One mask has one stand-in that a card could have; numbers that the far end gives anew follow its answers."""
    numbers = Numbers()
    numbers.answered("StartTransaction", {"transactionId": 7}, {"transactionId": 90})
    numbers.asked("ReserveNow", {"reservationId": 3}, {"reservationId": 4})
    numbers.asked("GetBaseReport", {"requestId": 1}, {"requestId": 2})
    recorded = {
        "transactionId": 7, "reservationId": 3, "requestId": 1, "meterStop": 7, "idTag": "~0123456789",
        "transactionData": [{"parent": "~abcdef0123"}, {"again": "~0123456789"}],
    }  # fmt: skip
    assert put(recorded, StandIns({"~abcdef0123": "04A2"}), numbers.of) == {
        "transactionId": 90, "reservationId": 4, "requestId": 2, "meterStop": 7, "idTag": "00000123456789",
        "transactionData": [{"parent": "04A2"}, {"again": "00000123456789"}],
    }  # fmt: skip
    assert put("~0123456789", StandIns({"*": "X"}), numbers.of) == "X"
