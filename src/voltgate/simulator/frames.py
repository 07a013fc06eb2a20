"""OCPP-J frames, read strictly: a frame is valid, valid with a slip, or unusable.

On purpose nothing of `voltgate.ocpp.framing` is used: a check of the gateway must not share its mistakes.
Source: OCPP-J 1.6 section 4.2; OCPP 2.1 Part 4 section 4.2.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from voltgate.ocpp.dialect import is_modern

CALL, RESULT, ERROR, COMPLAINT, SEND = 2, 3, 4, 5, 6

LONGEST_ID = 36
LONGEST_DESCRIPTION = 255

_COMMON = frozenset(
    """
    NotImplemented NotSupported InternalError ProtocolError SecurityError PropertyConstraintViolation
    TypeConstraintViolation GenericError
    """.split()
)
_CODES_16 = _COMMON | {"FormationViolation", "OccurenceConstraintViolation"}
_CODES_2 = _COMMON | {
    "FormatViolation",
    "OccurrenceConstraintViolation",
    "MessageTypeNotSupported",
    "RpcFrameworkError",
}

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SPACE = re.compile(rb"[ \t\r\n]")
_SALVAGE = re.compile(rb'\s*\[\s*([2-6])\s*,\s*"([\x20-\x7e]{1,36}?)"')

NOISE = frozenset({b"", b"ping", b"pong"})
"""Text frames that some far ends send and that are not answered."""

_PADDING = b" \t\r\n\x00"
_BOM = b"\xef\xbb\xbf"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def read(text: bytes) -> Any:
    """Return a parsed frame. Raise ValueError for anything but JSON in UTF-8 (`msgspec.DecodeError` is one)."""
    return _decode(text)


def unpadded(text: bytes) -> bytes:
    """Return a frame without surrounding white space, NUL bytes and byte order mark."""
    return text.strip(_PADDING).removeprefix(_BOM).strip(_PADDING)


def is_compact(text: bytes) -> bool:
    """Return whether there is no white space between tokens (mobilityhouse/ocpp#63: it breaks a charger)."""
    if _SPACE.search(text) is None:
        return True
    return _SPACE.search(_STRING.sub(b"", text)) is None


def salvage(text: bytes) -> tuple[int, str] | None:
    """Return type and id from the beginning of a broken frame; None when they cannot be read."""
    head = _SALVAGE.match(text)
    return None if head is None else (int(head[1]), head[2].decode())


def flaw_of_error(parts: list[Any], version: str) -> str | None:
    """Return what is wrong with a CALLERROR or CALLRESULTERROR; None when nothing is (FR-21, FR-22, FR-23)."""
    if len(parts) != 5:
        return "an error has five elements"
    _, _, code, description, details = parts
    if code not in (_CODES_2 if is_modern(version) else _CODES_16):
        return "the error code is not one of this version"
    if not isinstance(description, str) or len(description) > LONGEST_DESCRIPTION:
        return "the description is not a string of at most 255 characters"
    return None if isinstance(details, dict) else "the details are not an object"


def call(message_id: str, action: str, payload: dict[str, Any], kind: int = CALL) -> bytes:
    """Return a CALL or SEND."""
    return b'[%d,"%b","%b",%b]' % (kind, message_id.encode(), action.encode(), _encode(payload))


def result(message_id: str, payload: dict[str, Any]) -> bytes:
    """Return a CALLRESULT."""
    return _encode((RESULT, message_id, payload))


def error(message_id: str, code: str, description: str = "", kind: int = ERROR) -> bytes:
    """Return a CALLERROR or CALLRESULTERROR."""
    return _encode((kind, message_id, code, description[:LONGEST_DESCRIPTION], {}))
