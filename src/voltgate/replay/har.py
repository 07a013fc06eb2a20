"""A recording as a HAR, as browsers' developer tools write it: an entry for each connection, with its messages.

HAR 1.2 has no websockets; `_webSocketMessages` is what Chrome has added since its version 76 and others read: HTTP
Toolkit, Proxyman, Reqable. There is no such form of OCPP's own.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import quote

from voltgate import __version__
from voltgate.replay.recording import Record, Recording

_TEXT = 1
"""The opcode of a websocket's texts."""


def write_har(recording: Recording, out: IO[bytes]) -> None:
    """Write a recording as a HAR. One message is in memory at a time, with the answers that are not due yet."""
    creator = {"name": "voltgate", "version": __version__}
    out.write(f'{{"log":{{"version":"1.2","creator":{_text(creator)},"pages":[],"entries":['.encode())
    between = b""
    for leg in recording.legs():
        for station in recording.stations(leg):
            out.write(between)
            _write_entry(recording, station, leg, out)
            between = b","
    out.write(b"]}}\n")


def _write_entry(recording: Recording, station: str, leg: str, out: IO[bytes]) -> None:
    entry = _text(_entry(station, leg, recording.version_of(station), next(recording.all(station, leg)).at))
    out.write(entry[:-1].encode() + b',"_webSocketMessages":[')
    between = b""
    for message in _messages(recording.all(station, leg)):
        out.write(between + _text(message).encode())
        between = b","
    out.write(b"]}")


def _entry(station: str, leg: str, version: str, began: str) -> dict[str, Any]:
    """Return what a HAR says of the handshake. The log has none that was accepted: leg and station are the address."""
    nothing: dict[str, Any] = {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1, "bodySize": -1}
    headers = [{"name": "Sec-WebSocket-Protocol", "value": version}]
    content = {"size": 0, "mimeType": "x-unknown"}
    answer = {"status": 101, "statusText": "Switching Protocols", "redirectURL": "", "content": content}
    return {
        "startedDateTime": began,
        "time": 0,
        "request": {
            "method": "GET",
            "url": f"ws://{quote(leg, safe='')}/{quote(station, safe='')}",
            "queryString": [],
            "headers": headers,
            **nothing,
        },
        "response": {**answer, "headers": headers, **nothing},
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "_resourceType": "websocket",
    }


def _messages(records: Iterator[Record]) -> Iterator[dict[str, Any]]:
    """Yield calls and answers in the order of their times."""
    due: list[tuple[float, int, dict[str, Any]]] = []
    for number, record in enumerate(records):
        at = record.seconds
        while due and due[0][0] <= at:
            yield heapq.heappop(due)[2]
        is_sent = record.caller == "station"
        yield _message(is_sent, at, _call(record))
        if record.outcome in ("result", "error"):
            answered = at + (record.latency_ms or 0.0) / 1000
            heapq.heappush(due, (answered, number, _message(not is_sent, answered, _answer(record))))
    while due:
        yield heapq.heappop(due)[2]


def _message(is_sent: bool, at: float, data: str) -> dict[str, Any]:
    return {"type": "send" if is_sent else "receive", "time": round(at, 6), "opcode": _TEXT, "data": data}


def _call(record: Record) -> str:
    if record.action is None:
        return record.payload if isinstance(record.payload, str) else _text(record.payload)
    return _text([6 if record.kind == "send" else 2, record.message_id or "", record.action, record.payload])


def _answer(record: Record) -> str:
    reply = record.reply
    if record.outcome == "error" and isinstance(reply, dict):
        said = [reply.get("code"), reply.get("description") or "", reply.get("details") or {}]
        return _text([4, record.message_id or "", *said])
    return _text([3, record.message_id or "", reply])


def _text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)
