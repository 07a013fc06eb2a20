"""The JSON object that a message is inside a broker, in place of OCPP-J's array, to a message of OCPP-J and back.

    {"type": 2, "action": "…", "id": "…", "request": {…}}
    {"type": 3, "action": "…", "id": "…", "request": {…}, "response": {…}, "state": …}
    {"type": 4, "action": "…", "id": "…", "request": {…}, "error_code": "…", "error_description": "…", "state": …}

What answers a call of the far end names the call's action, repeats its request, and its `state`, whatever that is, so
that whoever reads the answer need not have made the call. Payloads go through byte for byte. Types 5 and 6 of 2.1 are
written as 4 and 2 are. An error has no details here: towards a station they are `{}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from voltgate.ocpp.answers import UNREADABLE_ID
from voltgate.ocpp.framing import (
    Complaint,
    Malformed,
    UnknownType,
    decode,
    encode_call,
    encode_error,
    encode_result,
)
from voltgate.ocpp.messages import ERROR, RESULT, RESULT_ERROR, UNREADABLE, Call, Error, Result

_quote = msgspec.json.Encoder().encode
_NOTHING = msgspec.Raw(b"")
_ABSENT = frozenset({b"", b"null"})


class _Envelope(msgspec.Struct):
    type: int
    id: str
    action: str | None = None
    request: msgspec.Raw = _NOTHING
    response: msgspec.Raw = _NOTHING
    error_code: str | None = None
    error_description: str | None = None
    state: msgspec.Raw = _NOTHING


_decode = msgspec.json.Decoder(_Envelope).decode


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer repeats of the call of the far end that it answers. `state` is JSON, b"" if there was none."""

    action: str
    request: bytes
    state: bytes = b""


@dataclass(frozen=True, slots=True)
class Read:
    """A message of the far end: its type number, its id, and the text of OCPP-J that it stands for.

    `asked` is there when it is a call.
    """

    kind: int
    id: str
    text: bytes
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes of the far end that are no message. `id` is its id as far as that could be read, else "-1"."""

    id: str
    code: str
    description: str


Message: TypeAlias = Call | Result | Error | Complaint


# Towards the far end.


def write(message: Message, asked: Asked | None) -> bytes:
    """Write a message of the station; `asked` is the call that it answers, None if it is none or that is not known."""
    match message:
        case Call():
            return b'{"type":%d,"action":%b,"id":%b,"request":%b}' % (
                message.kind,
                _quote(message.action),
                _quote(message.id),
                bytes(message.payload),
            )
        case Result():
            return _answer(RESULT, message.id, asked, b'"response":%b' % bytes(message.payload))
        case Error():
            return write_error(message.id, message.code, message.description, asked)
        case _:
            return write_error(message.id, *_complaint(message.text), None, RESULT_ERROR)


def _complaint(text: bytes) -> tuple[str, str]:
    """Return code and description of a CALLRESULTERROR; it has the shape of a CALLERROR."""
    try:
        _, _, code, description, *_ = msgspec.json.decode(text, type=list[msgspec.Raw])
        return msgspec.json.decode(code, type=str), msgspec.json.decode(description, type=str)
    except (*UNREADABLE, ValueError):
        return "GenericError", ""


def write_error(message_id: str, code: str, description: str, asked: Asked | None = None, kind: int = ERROR) -> bytes:
    """Write an error; `kind` may say that it is about a result."""
    said = b'"error_code":%b,"error_description":%b' % (_quote(code), _quote(description))
    return _answer(kind, message_id, asked, said)


def _answer(kind: int, message_id: str, asked: Asked | None, said: bytes) -> bytes:
    if asked is None:
        return b'{"type":%d,"id":%b,%b}' % (kind, _quote(message_id), said)
    state = b',"state":%b' % asked.state if asked.state else b""
    return b'{"type":%d,"action":%b,"id":%b,"request":%b,%b%b}' % (
        kind,
        _quote(asked.action),
        _quote(message_id),
        asked.request,
        said,
        state,
    )


# From the far end.


def read(data: bytes) -> Read | Unreadable:
    """Read what the far end has sent. A payload that is missing or null is `{}`."""
    try:
        data.decode()  # payloads are not looked into
        found = _decode(data)
    except UNREADABLE:
        return Unreadable(UNREADABLE_ID, "RpcFrameworkError", "The message is no envelope in JSON")
    match found.type:
        case 2 | 6:
            return _call(found)
        case 3:
            return Read(RESULT, found.id, encode_result(found.id, _payload(found.response)))
        case 4 | 5:
            code, description = found.error_code or "GenericError", found.error_description or ""
            return Read(found.type, found.id, encode_error(found.id, code, description, kind=found.type))
        case _:
            return Unreadable(found.id, "MessageTypeNotSupported", f"Message type {found.type} is unknown")


def _call(found: _Envelope) -> Read | Unreadable:
    if not found.action:
        return Unreadable(found.id, "FormatViolation", "The call names no action")
    request = _payload(found.request)
    if not request.startswith(b"{"):
        return Unreadable(found.id, "FormatViolation", "The request is no object")
    asked = Asked(found.action, request, bytes(found.state))
    return Read(found.type, found.id, encode_call(found.id, found.action, request, found.type), asked)


def _payload(raw: msgspec.Raw) -> bytes:
    payload = bytes(raw)
    return b"{}" if payload in _ABSENT else payload


# Frames of OCPP-J as they are, in the same shape.


def read_frame(data: bytes) -> Read | Unreadable:
    """Read a frame of OCPP-J."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return Unreadable(UNREADABLE_ID, "RpcFrameworkError", "The frame is not UTF-8")
    match decode(data):
        case Call() as call:
            return Read(call.kind, call.id, data, Asked(call.action, bytes(call.payload)))
        case Result(id=message_id) | Malformed(kind=3, id=str(message_id)):
            return Read(RESULT, message_id, data)  # an answer that cannot be read ends its call at once
        case Error(id=message_id) | Malformed(kind=4, id=str(message_id)):
            return Read(ERROR, message_id, data)
        case Complaint(message_id):
            return Read(RESULT_ERROR, message_id, data)
        case Malformed() as odd:
            return Unreadable(odd.id or UNREADABLE_ID, odd.code, odd.description)
        case UnknownType() as odd:
            description = f"Message type {odd.kind} is unknown"
            return Unreadable(odd.id or UNREADABLE_ID, "MessageTypeNotSupported", description)
        case _:
            return Unreadable(UNREADABLE_ID, "RpcFrameworkError", "The frame is empty")
