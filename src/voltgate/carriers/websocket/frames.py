"""Websocket frames as bytes and as events: what RFC 6455 says, without a socket.

`build` makes a frame; a `Reader` takes the bytes of one side in whatever pieces they come and gives what they say, one
event at a time. OCPP-J is text, so a binary message is a failure here (1003), not an event.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from typing import TypeAlias

from voltgate.ocpp.close_codes import BAD_DATA, NO_CODE, PROTOCOL_ERROR, TOO_BIG, UNSUPPORTED

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiler when it was installed: the same, slower
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
"""Opcodes (RFC 6455 section 5.2); all others are reserved."""

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MASKED = 0x80

LONGEST_CONTROL = 125
LONGEST_REASON = LONGEST_CONTROL - 2
MOST_SAID = 1024
"""Bytes that are kept of what broke the protocol."""

Inflate: TypeAlias = Callable[[bytes, int], bytes]
"""Decompress one message to at most so many bytes. Raises `Inflated` or `Garbled`."""


class Inflated(Exception):  # noqa: N818 - named for what happened
    """A compressed message is longer than the limit once it is decompressed."""


class Garbled(Exception):  # noqa: N818
    """A compressed message cannot be decompressed."""


class Text:
    """One whole text message. `frame` is the frame it came in when that frame may be sent on as it is."""

    __slots__ = ("frame", "text")

    def __init__(self, text: bytes, frame: bytes | None) -> None:
        self.text = text
        self.frame = frame


class Ping:
    """A ping; it wants a pong with the same payload."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class Pong:
    """A pong, asked for or not."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class Part:
    """A part of a message of which more is to come."""

    __slots__ = ()


class Closing:
    """A Close. Its code is 1005 when it carried none."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class Failure:
    """The far end broke the protocol: the connection is to be failed with this code (section 7.1.7).

    `said` is the beginning of what it said, unmasked; b"" where that is compressed. None: the reader is to look.
    """

    __slots__ = ("code", "reason", "said")

    def __init__(self, code: int, reason: str, said: bytes | None = None) -> None:
        self.code = code
        self.reason = reason
        self.said = said if said is None else said[:MOST_SAID]


Event: TypeAlias = Text | Part | Ping | Pong | Closing | Failure
_PART = Part()


class Masks:
    """Masking keys, drawn from the system in blocks: a system call for each frame would cost half a write."""

    __slots__ = ("_at", "_block", "_size")

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._block = b""
        self._at = size

    def key(self) -> bytes:
        """Four bytes that nobody can foresee (section 5.3)."""
        at = self._at
        if at >= self._size:
            self._block = os.urandom(self._size)
            at = 0
        self._at = at + 4
        return self._block[at : at + 4]


_key = Masks().key


def build(opcode: int, payload: bytes, masked: bool, bits: int = FIN) -> bytes:
    """One frame; `bits` are FIN and RSV as they stand in the first byte."""
    size = len(payload)
    if size <= 125:
        head = bytes((bits | opcode, size | (MASKED if masked else 0)))
    elif size <= 0xFFFF:
        head = bytes((bits | opcode, 126 | (MASKED if masked else 0), size >> 8, size & 0xFF))
    else:
        head = bytes((bits | opcode, 127 | (MASKED if masked else 0))) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = _key()
    return head + key + apply_mask(payload, key)


def close_payload(code: int, reason: str) -> bytes:
    """Make the payload of a Close: empty for 1005, the reason cut to what fits, never inside a character."""
    if code == NO_CODE:
        return b""
    text = reason.encode("utf-8", "replace")[:LONGEST_REASON]
    return code.to_bytes(2, "big") + text.decode("utf-8", "ignore").encode()


def may_travel(code: int) -> bool:
    """Whether a Close may carry this code (RFC 6455 section 7.4; 1012 to 1014 are in IANA's registry)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def is_utf8(text: bytes) -> bool:
    """Whether the bytes are UTF-8 (RFC 3629: no surrogates, nothing over-long)."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_close(payload: bytes) -> Closing | Failure:
    """Read what the payload of a Close says (section 5.5.1)."""
    if not payload:
        return Closing(NO_CODE, "")
    if len(payload) == 1:
        return Failure(PROTOCOL_ERROR, "a Close with half a code", payload)
    code = int.from_bytes(payload[:2], "big")
    if not may_travel(code):
        return Failure(PROTOCOL_ERROR, f"a Close with the code {code}, which may not travel", payload)
    try:
        return Closing(code, payload[2:].decode())
    except UnicodeDecodeError:
        return Failure(BAD_DATA, "a Close whose reason is not UTF-8", payload)


class _Frame:
    """The head of a frame: what it means, where its payload starts in the buffer, and how long that is."""

    __slots__ = ("compressed", "fin", "key", "length", "minimal", "opcode", "start")

    def __init__(self, first: int, start: int, length: int, key: bytes | None, minimal: bool) -> None:
        self.fin = bool(first & FIN)
        self.compressed = bool(first & RSV1)
        self.opcode = first & 0x0F
        self.start = start
        self.length = length
        self.key = key
        self.minimal = minimal


class Reader:
    """The bytes of one side of one connection, read with care. Ends with its first `Closing` or `Failure`.

    `masked` says which way the frames must be masked: True for what a client sends. `limit` is the size of the largest
    message in bytes, decompressed. `inflate` is there when compression was agreed on.
    """

    __slots__ = (
        "_at", "_buffer", "_checked", "_compressed", "_inflate", "_limit", "_masked", "_message", "_over", "_utf8",
    )  # fmt: skip

    def __init__(self, masked: bool, limit: int, inflate: Inflate | None = None) -> None:
        self._masked = MASKED if masked else 0
        self._limit = limit
        self._inflate = inflate
        self._buffer: bytes | bytearray = b""
        self._at = 0  # where the next frame starts in the buffer
        self._checked = 0  # bytes of an unfinished frame's payload whose UTF-8 was checked already
        self._message: bytearray | None = None  # the fragments so far
        self._compressed = False
        self._utf8: codecs.IncrementalDecoder | None = None
        self._over = False

    @property
    def idle(self) -> bool:
        """Whether nothing is kept: no part of a frame, no part of a message."""
        return self._message is None and self._at >= len(self._buffer) and not self._over

    def feed(self, data: bytes) -> None:
        """Take what was read. What is kept is bounded by one message and one read."""
        if self._over:
            return
        if self._at >= len(self._buffer):
            self._buffer, self._at = data, 0
            return
        if isinstance(self._buffer, bytes) or self._at:
            self._buffer, self._at = bytearray(memoryview(self._buffer)[self._at :]), 0
        self._buffer += data

    def next(self) -> Event | None:
        """Return the next event, or None until more was fed."""
        frame = None if self._over else self._head()
        if frame is None:
            return None
        if isinstance(frame, Failure):
            return self._end(frame)
        if len(self._buffer) - frame.start < frame.length:
            return self._peek(frame)
        return self._take(frame)

    def _end(self, event: Failure | Closing) -> Event:
        self._over = True
        if isinstance(event, Failure) and event.said is None:
            event.said = self._said()
        self._buffer, self._at, self._message, self._utf8 = b"", 0, None, None
        return event

    def _said(self) -> bytes:
        """Return the beginning of the message of which the frame that begins here is a part, unmasked."""
        before = b"" if self._message is None else bytes(self._message[:MOST_SAID])
        first, second = (bytes(self._buffer[self._at : self._at + 2]) + b"\0\0")[:2]
        if first & RSV1 or (self._message is not None and self._compressed):
            return b""
        start = self._at + 2 + {126: 2, 127: 8}.get(second & 0x7F, 0)
        key = bytes(self._buffer[start : start + 4]) if second & MASKED else b""
        payload = bytes(self._buffer[start + len(key) : start + len(key) + MOST_SAID])
        return (before + (apply_mask(payload, key) if key and payload else payload))[:MOST_SAID]

    def _head(self) -> _Frame | Failure | None:
        buffer, start = self._buffer, self._at + 2
        if len(buffer) < start:
            return None
        first, second = buffer[start - 2], buffer[start - 1]
        if first != FIN | TEXT or self._message is not None or second & MASKED != self._masked:
            wrong = self._objection(first, second)
            if wrong is not None:
                return wrong
        length = second & 0x7F
        short = 0
        if length > 125:
            size, short = (2, 125) if length == 126 else (8, 0xFFFF)
            if len(buffer) < start + size:
                return None
            length = int.from_bytes(buffer[start : start + size], "big")
            start += size
        return self._sized(first, start, length, length > short or not short)

    def _sized(self, first: int, start: int, length: int, minimal: bool) -> _Frame | Failure | None:
        if length >> 63:
            return Failure(PROTOCOL_ERROR, "a length of more than 63 bits")
        if length > self._limit - len(self._message or b"") and not first & 0x08:
            return Failure(TOO_BIG, f"a message of more than {self._limit} bytes")
        if not self._masked:
            return _Frame(first, start, length, None, minimal)
        if len(self._buffer) < start + 4:
            return None
        return _Frame(first, start + 4, length, bytes(self._buffer[start : start + 4]), minimal)

    def _objection(self, first: int, second: int) -> Failure | None:
        """Return what is wrong with the first two bytes of a frame (sections 5.1, 5.2, 5.4 and 5.5)."""
        opcode = first & 0x0F
        if first & (RSV2 | RSV3):
            return Failure(PROTOCOL_ERROR, "a reserved bit is set")
        if first & RSV1 and (self._inflate is None or opcode not in (TEXT, BINARY)):
            return Failure(PROTOCOL_ERROR, "a compressed frame where none may be")
        if second & MASKED != self._masked:
            return Failure(PROTOCOL_ERROR, "an unmasked frame" if self._masked else "a masked frame")
        if opcode >= CLOSE:
            return self._objection_to_control(opcode, first, second)
        if opcode > BINARY:
            return Failure(PROTOCOL_ERROR, f"the reserved opcode {opcode}")
        if (opcode == CONTINUATION) is (self._message is None):
            return Failure(PROTOCOL_ERROR, "a fragment out of turn")
        return Failure(UNSUPPORTED, "a binary message; OCPP is text") if opcode == BINARY else None

    def _objection_to_control(self, opcode: int, first: int, second: int) -> Failure | None:
        if opcode > PONG:
            return Failure(PROTOCOL_ERROR, f"the reserved opcode {opcode}")
        if not first & FIN:
            return Failure(PROTOCOL_ERROR, "a control frame in fragments")
        if second & 0x7F > LONGEST_CONTROL:
            return Failure(PROTOCOL_ERROR, "a control frame of more than 125 bytes")
        return None

    def _peek(self, frame: _Frame) -> Event | None:
        """Check the UTF-8 of a frame that is not whole yet, so that nonsense is refused before megabytes of it came."""
        compressed = self._compressed if self._message is not None else frame.compressed
        if frame.opcode >= CLOSE or compressed:
            return None
        chunk = bytes(memoryview(self._buffer)[frame.start + self._checked :])
        if frame.key is not None:
            turn = self._checked & 3
            chunk = apply_mask(chunk, frame.key[turn:] + frame.key[:turn])
        self._checked += len(chunk)
        return None if self._valid(chunk, False) else self._end(Failure(BAD_DATA, "a text that is not UTF-8"))

    def _valid(self, chunk: bytes, final: bool) -> bool:
        if self._utf8 is None:
            self._utf8 = codecs.getincrementaldecoder("utf-8")()
        try:
            self._utf8.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        if final:
            self._utf8 = None
        return True

    def _take(self, frame: _Frame) -> Event:
        end = frame.start + frame.length
        payload = bytes(memoryview(self._buffer)[frame.start : end])
        if frame.key is not None:
            payload = apply_mask(payload, frame.key)
        begin, self._at = self._at, end
        if frame.opcode >= CLOSE:
            return self._control(frame.opcode, payload)
        if self._message is not None or not frame.fin:
            return self._fragment(frame, payload)
        if frame.compressed and self._inflate is not None:
            return self._inflated(payload, self._inflate)
        if not (self._valid(payload[self._checked :], True) if self._checked else is_utf8(payload)):
            return self._end(Failure(BAD_DATA, "a text that is not UTF-8", payload))
        self._checked = 0
        return Text(payload, bytes(memoryview(self._buffer)[begin:end]) if frame.minimal else None)

    def _control(self, opcode: int, payload: bytes) -> Event:
        if opcode == PING:
            return Ping(payload)
        return Pong(payload) if opcode == PONG else self._end(read_close(payload))

    def _fragment(self, frame: _Frame, payload: bytes) -> Event:
        if self._message is None:
            self._message, self._compressed = bytearray(), frame.compressed
        self._message += payload
        if not self._compressed and not self._valid(payload[self._checked :], frame.fin):
            return self._end(Failure(BAD_DATA, "a text that is not UTF-8", bytes(self._message)))
        self._checked = 0
        if not frame.fin:
            return _PART
        message, self._message = bytes(self._message), None
        if self._compressed and self._inflate is not None:
            return self._inflated(message, self._inflate)
        return Text(message, None)

    def _inflated(self, message: bytes, inflate: Inflate) -> Event:
        try:
            text = inflate(message, self._limit)
        except Inflated:
            return self._end(Failure(TOO_BIG, f"a message of more than {self._limit} bytes when decompressed", b""))
        except Garbled:
            return self._end(Failure(BAD_DATA, "a message that cannot be decompressed", b""))
        return Text(text, None) if is_utf8(text) else self._end(Failure(BAD_DATA, "a text that is not UTF-8", text))
