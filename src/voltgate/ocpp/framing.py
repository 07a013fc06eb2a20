"""OCPP-J framing: the JSON array on the wire, to a message and back.

What is decoded keeps its bytes; `with_id` changes nothing but the message id. Codes of errors are spelt as 2.x does.
Source: OCPP-J 1.6 section 4.2; OCPP 2.1 Part 4 sections 4.2 and 7.1. What stations really send: lbbrhzn/ocpp#176,
#466, steve#66, evcc#3685 (BOM, NUL bytes, empty frames, "pong", truncated JSON). Half a surrogate pair, as it is left
where a text is cut, is JSON but no text (RFC 8259 section 8.2): it is read as U+FFFD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeAlias

import msgspec

from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.errors import LONGEST_DESCRIPTION
from voltgate.ocpp.messages import CALL, ERROR, RESULT, RESULT_ERROR, SEND, UNREADABLE, Call, Error, Result

LONGEST_ID = 36
"""Characters of a message id (2.1 Part 4 section 4.1.4; 1.6 errata)."""
DEEPEST = 256
"""Lists and objects of a message that may lie within each other: a text of twice as many bytes cannot hold more."""
MOST_VALUES = 100_000
"""Values of a message, by its commas and brackets, those in texts too: a megabyte of numbers takes 30 ms to build."""

_BOM = b"\xef\xbb\xbf"
_PADDING = b" \t\r\n\x00"
_HEAD = re.compile(rb'\s*\[\s*(-?\d{1,9})\s*,\s*("(?:[^"\\\x00-\x1f]++|\\.)*+"|-?\d++)')
"""Possessive: an id that never ends must not be tried in every division, which takes exponential time."""
_is_integer = re.compile(rb"-?\d+").fullmatch
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"((?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|%b)++)|\\u[dD][89a-fA-F][0-9a-fA-F]{2}" % _PAIR)
"""All that is whole, as one group; or, without a group, the escape of half a surrogate pair."""

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))

_decode_call = msgspec.json.Decoder(tuple[int, str, str, msgspec.Raw]).decode
_decode_result = msgspec.json.Decoder(tuple[int, str, msgspec.Raw]).decode
_decode_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_quote = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Complaint:
    """A CALLRESULTERROR: the asker of `id` says that the result it got was bad (2.1 Part 4 section 4.2.5)."""

    id: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame that is no message. `kind` and `id` are what could be read of it."""

    kind: int | None
    id: str | None
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class UnknownType:
    """A well-formed array with a message type number that no version of OCPP has."""

    kind: int
    id: str | None

    @property
    def description(self) -> str:
        """What is wrong with it."""
        return f"Message type {self.kind} is unknown"


@dataclass(frozen=True, slots=True)
class Noise:
    """An empty frame, or a "ping" or "pong" in a text frame: some stations send it, nobody answers it."""


Message: TypeAlias = Call | Result | Error | Complaint | Malformed | UnknownType | Noise


def decode(text: bytes) -> Message:
    """Read one text message. `text` must be valid UTF-8: the carrier has checked it."""
    if len(text) > 2 * DEEPEST and (excess := _excess(text)):
        return replace(_unreadable(text), description=excess)
    if text[-2:] == b"}]":  # so the last element is an object; a slice is faster than endswith
        head = text[:3]
        try:
            if head == b"[2,":
                _, message_id, action, payload = _decode_call(text)
                return Call(message_id, action, payload, text)
            if head == b"[3,":
                _, message_id, payload = _decode_result(text)
                return Result(message_id, payload, text)
        except UNREADABLE:
            return _decode_carefully(text)
    return _decode_carefully(text)


def _excess(text: bytes) -> str:
    """Return what a message has too much of, before anything is built from it; "" if nothing."""
    openings = len(text) - len(text.replace(b"{", b"").replace(b"[", b""))  # faster than to count them
    if len(text) > MOST_VALUES and openings + text.count(b",") > MOST_VALUES:
        return f"The frame holds more than {MOST_VALUES} values"
    if openings > DEEPEST:
        brackets = _TEXT.sub(b"", text).translate(None, _NO_BRACKETS)
        if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > DEEPEST:
            return f"The frame is nested more than {DEEPEST} deep"
    return ""


def _decode_carefully(text: bytes) -> Message:
    clean = text.strip(_PADDING).removeprefix(_BOM).strip(_PADDING)
    if not clean or clean.lower() in {b"ping", b"pong"}:
        return Noise()
    try:
        parts = _decode_parts(clean)
    except UNREADABLE:
        return _decode_halves(clean)
    kind = _integer(parts[0]) if parts else None
    if kind is None:
        return Malformed(None, None, "RpcFrameworkError", "The message type is not a number")
    message_id = _message_id(parts)
    if kind not in {CALL, RESULT, ERROR, RESULT_ERROR, SEND}:
        return UnknownType(kind, message_id)
    if message_id is None:
        return Malformed(kind, None, "RpcFrameworkError", "The message id is not a string")
    if not bytes(parts[1]).startswith(b'"'):  # a number where a string belongs: mended, or the asker may not know it
        clean = with_id(clean, message_id)
    return _message(kind, message_id, parts, clean)


def _decode_halves(text: bytes) -> Message:
    """Read a message with halves of surrogate pairs as if U+FFFD stood there. In its id they are not read.

    A transaction message goes on as it came. All else goes on as it was read here, so that no permit reads one text and
    a station another.
    """
    malformed, whole = _unreadable(text), _HALF.sub(lambda found: found[1] or rb"\ufffd", text)
    if malformed.id is None or whole == text:
        return malformed
    message = _decode_carefully(whole)
    if isinstance(message, Call) and is_transaction(message.action):
        message.text = text
    return message


def _message(kind: int, message_id: str, parts: list[msgspec.Raw], text: bytes) -> Message:
    if kind in {CALL, SEND}:
        return _call(kind, message_id, parts, text)
    if kind == RESULT:
        if len(parts) == 3 and _is_payload(parts[2]):
            return Result(message_id, parts[2], text)
        return Malformed(kind, message_id, "FormatViolation", "A CALLRESULT is [3, id, payload]")
    if kind == RESULT_ERROR:
        return Complaint(message_id, text)
    return _error(message_id, parts, text)


def _call(kind: int, message_id: str, parts: list[msgspec.Raw], text: bytes) -> Message:
    if len(parts) == 5 and _is_payload(parts[2]):
        # signed, as Part 4 section 7.1 prints it: [2, id, extension, action, payload]
        parts = [*parts[:2], *parts[3:]]
    if len(parts) != 4:
        return Malformed(kind, message_id, "FormatViolation", "A CALL is [2, id, action, payload]")
    action = _value(parts[2])
    if not isinstance(action, str):
        return Malformed(kind, message_id, "FormatViolation", "The action is not a string")
    if not _is_payload(parts[3]):
        return Malformed(kind, message_id, "FormatViolation", "The payload is not an object")
    return Call(message_id, action, parts[3], text, kind)


def _error(message_id: str, parts: list[msgspec.Raw], text: bytes) -> Error:
    """Read a CALLERROR, tolerantly: without details, with a string as details (steve#45), with too few elements."""
    code, description = (_words(parts, index) for index in (2, 3))
    complete = len(parts) == 5
    details = parts[4] if complete else b"{}"
    return Error(message_id, code or "GenericError", description, details, text if complete else None)


def _words(parts: list[msgspec.Raw], index: int) -> str:
    value = _value(parts[index]) if len(parts) > index else ""
    return value if isinstance(value, str) else ""


def _value(raw: msgspec.Raw) -> Any:
    """Parse one element; None for null and for what cannot be held (a number beyond all bounds)."""
    try:
        return _decode_any(raw)
    except UNREADABLE:
        return None


def _integer(raw: msgspec.Raw) -> int | None:
    digits = bytes(raw)
    return int(digits) if len(digits) <= 20 and _is_integer(digits) else None


def _message_id(parts: list[msgspec.Raw]) -> str | None:
    """Read the id, a string. A number stands for its digits, but not in a CALL: nobody knows what its answer bears."""
    raw = bytes(parts[1]) if len(parts) > 1 else b""
    if _is_integer(raw) and bytes(parts[0]) != b"2":
        return raw.decode("ascii")
    value = _value(parts[1]) if raw else None
    return value if isinstance(value, str) else None


def _is_payload(raw: msgspec.Raw) -> bool:
    payload = bytes(raw)
    return payload[:1] == b"{" or payload == b"null"


def _unreadable(text: bytes) -> Malformed:
    """Save what a broken frame still tells: with its type and id the open call fails at once instead of timing out."""
    head = _HEAD.match(text)
    if head is None:
        return Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")
    try:
        message_id = str(_decode_any(head[2])) if head[2].startswith(b'"') else head[2].decode("ascii")
    except UNREADABLE:
        message_id = None
    code = "RpcFrameworkError" if message_id is None else "FormatViolation"
    return Malformed(int(head[1]), message_id, code, "The frame is not valid JSON")


def with_id(text: bytes, message_id: str) -> bytes:
    """Return the message another id and leave every other byte alone."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("only a decoded message has an id to change")
    return text[: head.start(2)] + _quote(message_id) + text[head.end(2) :]


def encode_call(message_id: str, action: str, payload: bytes | msgspec.Raw, kind: int = CALL) -> bytes:
    """Write a CALL or SEND, compact (some chargers break on spaces: mobilityhouse/ocpp#63)."""
    return b"[%d,%b,%b,%b]" % (kind, _quote(message_id), _quote(action), bytes(payload))


def encode_result(message_id: str, payload: bytes | msgspec.Raw) -> bytes:
    """Write a CALLRESULT."""
    return b"[3,%b,%b]" % (_quote(message_id), bytes(payload))


def encode_error(
    message_id: str, code: str, description: str = "", details: bytes | msgspec.Raw = b"{}", kind: int = ERROR
) -> bytes:
    """Write a CALLERROR or CALLRESULTERROR: always five elements, the description cut to 255 characters."""
    description = description[:LONGEST_DESCRIPTION]
    return b"[%d,%b,%b,%b,%b]" % (kind, _quote(message_id), _quote(code), _quote(description), bytes(details))
