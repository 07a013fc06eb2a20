"""Messages as the JSON objects that they are inside a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.envelope import Asked, Read, Unreadable, read, read_frame, write
from voltgate.ocpp.framing import decode
from voltgate.ocpp.messages import Call, Error, Result

RESET = Asked("Reset", b'{"type": "Soft"}', b'{"user":7}')


def written(text: bytes, asked: Asked | None = None) -> str:
    """Write a message of OCPP-J as an envelope."""
    return write(decode(text), asked).decode()  # type: ignore[arg-type]


def test_what_a_station_says() -> None:
    """Payloads are the station's own bytes; an answer repeats what was asked, with the state that came with it."""
    assert written(b'[2,"1","Boot",{"a": 1.50}]') == '{"type":2,"action":"Boot","id":"1","request":{"a": 1.50}}'
    assert written(b'[6,"1","Notify",{}]') == '{"type":6,"action":"Notify","id":"1","request":{}}'
    assert written(b'[3,"1",{"b":2}]') == '{"type":3,"id":"1","response":{"b":2}}'
    assert written(b'[3,"1",{"b":2}]', RESET) == (
        '{"type":3,"action":"Reset","id":"1","request":{"type": "Soft"},"response":{"b":2},"state":{"user":7}}'
    )
    assert written(b'[4,"1","NotSupported","no",{"x":1}]', Asked("Reset", b"{}")) == (
        '{"type":4,"action":"Reset","id":"1","request":{},"error_code":"NotSupported","error_description":"no"}'
    )


@pytest.mark.parametrize(
    ("text", "code", "description"),
    [
        (b'[5,"1","FormatViolation","bad",{}]', "FormatViolation", "bad"),
        (b' [ 5 ,"1","FormatViolation"]', "GenericError", ""),
        (b'[5,"1",7,8,{}]', "GenericError", ""),
    ],
)
def test_a_complaint_about_a_result(text: bytes, code: str, description: str) -> None:
    """CALLRESULTERROR is written as an error is, under its own type number."""
    said = {"type": 5, "id": "1", "error_code": code, "error_description": description}
    assert json.loads(written(text)) == said


@pytest.mark.parametrize(
    ("envelope", "text"),
    [
        ({"type": 2, "id": "1", "action": "Reset", "request": {"type": "Soft"}}, '[2,"1","Reset",{"type":"Soft"}]'),
        ({"type": 2, "id": "1", "action": "ClearCache"}, '[2,"1","ClearCache",{}]'),
        ({"type": 2, "id": "1", "action": "ClearCache", "request": None}, '[2,"1","ClearCache",{}]'),
        ({"type": 6, "id": "1", "action": "Notify"}, '[6,"1","Notify",{}]'),
        ({"type": 3, "id": "1", "response": {"a": 1}}, '[3,"1",{"a":1}]'),
        ({"type": 3, "id": "1", "action": "Boot", "more": [{}]}, '[3,"1",{}]'),
        ({"type": 4, "id": "1", "error_code": "X", "error_description": "y"}, '[4,"1","X","y",{}]'),
        ({"type": 4, "id": "1", "error_code": None}, '[4,"1","GenericError","",{}]'),
        ({"type": 5, "id": "1", "error_code": "X"}, '[5,"1","X","",{}]'),
    ],
)
def test_what_a_consumer_says(envelope: dict[str, Any], text: str) -> None:
    """Every type becomes the message of OCPP-J that it stands for."""
    found = read(json.dumps(envelope, separators=(",", ":")).encode())
    assert isinstance(found, Read)
    assert (found.kind, found.id, found.text.decode()) == (envelope["type"], "1", text)


def test_what_an_answer_will_repeat() -> None:
    """Action, request and state of a consumer's call are kept as they came; what is no call has none."""
    call = read(b'{"type":2,"id":"1","action":"Reset","request":{"type": "Soft"},"state":[1, 2]}')
    assert isinstance(call, Read)
    assert call.asked == Asked("Reset", b'{"type": "Soft"}', b"[1, 2]")
    result = read(b'{"type":3,"id":"1"}')
    assert isinstance(result, Read)
    assert result.asked is None


@pytest.mark.parametrize(
    ("data", "message_id", "code"),
    [
        (b"", "-1", "RpcFrameworkError"),
        (b"[]", "-1", "RpcFrameworkError"),
        (b"\xff", "-1", "RpcFrameworkError"),
        (b'{"type":2,"id":"1","action":"Reset","request":{"a":"\xff"}}', "-1", "RpcFrameworkError"),
        (b'{"type":2,"action":"Reset"}', "-1", "RpcFrameworkError"),
        (b'{"type":"2","id":"1"}', "-1", "RpcFrameworkError"),
        (b"[" * 100_000, "-1", "RpcFrameworkError"),
        (b'{"type":2,"id":"1"}', "1", "FormatViolation"),
        (b'{"type":2,"id":"1","action":""}', "1", "FormatViolation"),
        (b'{"type":2,"id":"1","action":"Reset","request":[]}', "1", "FormatViolation"),
        (b'{"type":7,"id":"1"}', "1", "MessageTypeNotSupported"),
    ],
)
def test_what_is_no_envelope(data: bytes, message_id: str, code: str) -> None:
    """Whoever sent it can be told, under its id where that could be read."""
    found = read(data)
    assert isinstance(found, Unreadable)
    assert (found.id, found.code) == (message_id, code)


@pytest.mark.parametrize(
    ("text", "kind", "asked"),
    [
        (b'[2,"1","Reset",{"type":"Soft"}]', 2, Asked("Reset", b'{"type":"Soft"}')),
        (b'[6,"1","Notify",{}]', 6, Asked("Notify", b"{}")),
        (b'[3,"1",{}]', 3, None),
        (b'[3,"1",7]', 3, None),
        (b'[4,"1","X","y",{}]', 4, None),
        (b'[4,"1","X', 4, None),
        (b'[5,"1","X","y",{}]', 5, None),
    ],
)
def test_frames_as_they_are(text: bytes, kind: int, asked: Asked | None) -> None:
    """A consumer may speak OCPP-J itself; an answer that is broken still ends the call that it names."""
    assert read_frame(text) == Read(kind, "1", text, asked)


@pytest.mark.parametrize(
    ("text", "message_id", "code"),
    [
        (b"\xff", "-1", "RpcFrameworkError"),
        (b"pong", "-1", "RpcFrameworkError"),
        (b"{}", "-1", "RpcFrameworkError"),
        (b'[2,"1",7,{}]', "1", "FormatViolation"),
        (b'[7,"1"]', "1", "MessageTypeNotSupported"),
        (b"[7]", "-1", "MessageTypeNotSupported"),
    ],
)
def test_frames_that_are_none(text: bytes, message_id: str, code: str) -> None:
    """They are told apart as those of stations are."""
    found = read_frame(text)
    assert isinstance(found, Unreadable)
    assert (found.id, found.code) == (message_id, code)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Whatever comes, something can be said of it."""
    assert isinstance(read(data), Read | Unreadable)
    assert isinstance(read_frame(data), Read | Unreadable)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(max_size=40), st.text(min_size=1, max_size=40), st.dictionaries(st.text(), _json))
def test_there_and_back(message_id: str, action: str, payload: dict[str, Any]) -> None:
    """What is written can be read, and is the same message: whatever texts there are in it."""
    body = json.dumps(payload).encode()
    call = read(write(Call(message_id, action, body), None))
    assert isinstance(call, Read)
    assert json.loads(call.text) == [2, message_id, action, payload]
    result = json.loads(write(Result(message_id, body), call.asked))
    assert (result["id"], result["action"], result["request"], result["response"]) == (
        message_id,
        action,
        payload,
        payload,
    )
    error = read(write(Error(message_id, action, message_id), call.asked))
    assert isinstance(error, Read)
    assert json.loads(error.text) == [4, message_id, action, message_id, {}]
