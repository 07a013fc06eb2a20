"""The SOAP messages that the bench sends and their answers: OCPP-S 1.6, made beforehand.

As with frames, only the twelve hexadecimal digits at the end of a message's id differ from call to call: four name the
station, eight count its calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.frames import MOMENT, OPENING, SAMPLES
from voltgate.ocpp.soap import codec, writing

URN = "urn:uuid:"
DIGITS = 12
CALLBACK = "http://10.20.30.40:8080/ocpp"
ADDRESS = "http://csms.example.org:8080/ocpp/soap"
_OWN = f"{URN}0af1e7b5-0000-4000-8000-000000000001"
"""The id of every answer."""
_BLANK = f"{URN}{OPENING}{'0' * DIGITS}"
_HOLE = _BLANK.encode()
_OPENING = f"{URN}{OPENING}".encode()


@dataclass(frozen=True, slots=True)
class Kind:
    """One SOAP call of the bench: its operation, and the payloads of both its messages as OCPP-J 1.6 has them."""

    operation: str
    payload: dict[str, Any]
    answer: dict[str, Any]

    def call(self, station: str, message_id: str) -> bytes:
        """Write the whole envelope of a call."""
        content = _body(self.operation, "request", self.payload)
        return writing.request(
            "1.6",
            "Cs",
            self.operation,
            content,
            identity=station,
            message_id=message_id,
            to=ADDRESS,
            sender=CALLBACK,
        )

    def result(self, message_id: str) -> bytes:
        """Write the whole envelope of the answer to the call with that id."""
        content = _body(self.operation, "response", self.answer)
        return writing.response(
            "1.6",
            "Cs",
            self.operation,
            content,
            message_id=f"{URN}{OPENING.upper()}{'F' * DIGITS}",
            relates_to=message_id,
        )


def _body(operation: str, kind: Any, payload: dict[str, Any]) -> str:
    found = codec.encode("1.6", "Cs", operation, kind, payload)
    assert isinstance(found, str), found
    return found


def body(envelope: bytes) -> bytes:
    """Cut the body out of an envelope: what must arrive byte by byte, whoever changes the header."""
    at = envelope.index(b"Body>")
    return envelope[envelope.rindex(b"<", 0, at) :].strip()


def identity(station: int) -> str:
    """Give the name of a station."""
    return f"CP-{station:05d}"


HEARTBEAT = Kind("Heartbeat", {}, {"currentTime": MOMENT})
STATUS = Kind(
    "StatusNotification",
    {
        "connectorId": 1,
        "status": "SuspendedEV",
        "errorCode": "NoError",
        "info": "Vehicle does not draw power",
        "timestamp": MOMENT,
        "vendorId": "Example Vendor",
        "vendorErrorCode": "0",
    },
    {},
)
METER = Kind(
    "MeterValues",
    {"connectorId": 1, "transactionId": 4711, "meterValue": [{"timestamp": MOMENT, "sampledValue": SAMPLES[:10]}]},
    {},
)
KINDS = (HEARTBEAT, METER, STATUS)
PATTERN = (HEARTBEAT, METER, STATUS, HEARTBEAT, METER, HEARTBEAT, STATUS, METER, HEARTBEAT, STATUS)
"""4:3:3, mixed. A station's call number n is of the kind `PATTERN[n % 10]`, by which the upstream knows it."""
SIZES = tuple(len(kind.call(identity(0), _BLANK)) for kind in KINDS)


class Calls:
    """A station's calls as HTTP requests, put together from finished parts."""

    __slots__ = ("_opening", "_parts")

    def __init__(self, station: int, path: str) -> None:
        self._opening = b"%s%04x" % (_OPENING, station)
        self._parts = [_parts(_posted(kind.call(identity(station), _BLANK), kind.operation, path)) for kind in PATTERN]

    def call(self, sequence: int) -> tuple[bytes, bytes, bytes]:
        """Give the request of a call, and what its answer must hold: the id that it relates to, and the body."""
        message_id = b"%s%08x" % (self._opening, sequence)
        before, after = self._parts[sequence % len(PATTERN)]
        return before + message_id + after, message_id, ENDINGS[sequence % len(PATTERN)]


def _parts(message: bytes) -> tuple[bytes, bytes]:
    before, found, after = message.partition(_HOLE)
    assert found
    return before, after


def _posted(envelope: bytes, operation: str, path: str) -> bytes:
    """Write the HTTP request as stations do: SOAP 1.2 has the action in the content type."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: csms.example.org:8080\r\nUser-Agent: station/1.0\r\n"
        f'Content-Type: application/soap+xml; charset=utf-8; action="/{operation}"\r\n'
        f"Content-Length: {len(envelope)}\r\n\r\n"
    )
    return head.encode() + envelope


ENDINGS = tuple(body(kind.result(_BLANK)) for kind in PATTERN)


class Answers:
    """The answers of the upstream as HTTP responses, put together from finished parts."""

    def __init__(self) -> None:
        self._parts = [_parts(_answered(kind.result(_BLANK))) for kind in PATTERN]

    def answer(self, message_id: bytes, sequence: int) -> bytes:
        """Give the response to a call."""
        before, after = self._parts[sequence % len(PATTERN)]
        return before + message_id + after


def _answered(envelope: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {writing.CONTENT_TYPE}\r\nContent-Length: {len(envelope)}\r\n\r\n"
    return head.encode() + envelope


def number(message_id: bytes) -> tuple[int, int]:
    """Give the station and the sequence that an id is of; (-1, -1) when it is none of ours."""
    if len(message_id) != len(_HOLE) or not message_id.startswith(_OPENING):
        return -1, -1
    try:
        digits = int(message_id[-DIGITS:], 16)
    except ValueError:
        return -1, -1
    return digits >> 32, digits & 0xFFFFFFFF


class Cut(Exception):  # noqa: N818 - never leaves the bench's processes
    """What came is no HTTP message that the bench understands."""


class Messages:
    """Takes a stream of HTTP/1.1 messages with Content-Length apart, however it was cut."""

    __slots__ = ("_buffer", "_length", "_start")

    def __init__(self) -> None:
        self._buffer = b""
        self._start = self._length = 0

    def feed(self, data: bytes) -> tuple[bytes, int] | None:
        """Take bytes in; give a whole message and where its content begins. Raises Cut at anything but one a time."""
        if self._buffer:
            data = self._buffer + data
        if not self._start and not self._measure(data):
            self._buffer = data
            return None
        if len(data) < self._start + self._length:
            self._buffer = data
            return None
        if len(data) > self._start + self._length:
            raise Cut("more than one message at once")
        start, self._start, self._buffer = self._start, 0, b""
        return data, start

    def _measure(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        at = data.find(b"ontent-Length:", 0, end)
        if at < 0:
            at = data.find(b"ontent-length:", 0, end)
        if at < 0:
            raise Cut("a message without Content-Length")
        self._start = end + 4
        self._length = int(data[at + 14 : data.index(b"\r\n", at)])
        return True
