"""Frames: any split of any valid stream gives the same messages, any invalid one the right close code.

The groups are those of the Autobahn suite, written anew; OCPP-J is text, so binary messages are a failure (1003).
"""

from __future__ import annotations

import os
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.speedups import apply_mask

from voltgate.carriers.websocket.deflate import inflate
from voltgate.carriers.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    TEXT,
    Closing,
    Failure,
    Masks,
    Part,
    Ping,
    Pong,
    Reader,
    Text,
    build,
    close_payload,
)

LIMIT = 1 << 20


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, bits: int = 0) -> bytes:
    """Write a frame by hand: the tests must not trust the code they test."""
    size = len(payload)
    first = opcode | bits | (FIN if fin else 0)
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65536:
        head = bytes([first, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    return (
        head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        if size < 4096
        else _large(head, key, payload)
    )


def _large(head: bytes, key: bytes, payload: bytes) -> bytes:
    return head + key + apply_mask(payload, key)


def events(
    pieces: list[bytes], *, masked: bool = True, limit: int = LIMIT, compressed: bool = False
) -> list[tuple[str, object]]:
    """Read what comes in these pieces; the end is the last event."""
    reader = Reader(masked, limit, inflate if compressed else None)
    found: list[tuple[str, object]] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next()) is not None:
            match event:
                case Text():
                    found.append(("text", event.text))
                case Ping():
                    found.append(("ping", event.payload))
                case Pong():
                    found.append(("pong", event.payload))
                case Closing():
                    found.append(("close", event.code))
                case Failure():
                    found.append(("failure", event.code))
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut data at these places."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(marks)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[tuple[str, object]], bytes, bool]:
    """Draw a valid stream: messages in fragments, with control frames in between, from either side."""
    masked = draw(st.booleans())
    said: list[tuple[str, object]] = []
    data = b""

    def control() -> bytes:
        opcode = draw(st.sampled_from([PING, PONG]))
        payload = draw(st.binary(max_size=125))
        said.append(("ping" if opcode == PING else "pong", payload))
        return frame(opcode, payload, masked=masked)

    for _ in range(draw(st.integers(0, 4))):
        text = draw(st.text(st.characters(codec="utf-8"), max_size=300)).encode()
        pieces = cut(text, draw(st.lists(st.integers(0, 1000), max_size=4))) or [b""]
        for number, piece in enumerate(pieces):
            opcode = CONTINUATION if number else TEXT
            data += frame(opcode, piece, fin=number == len(pieces) - 1, masked=masked)
            if number == len(pieces) - 1:
                said.append(("text", text))
            if draw(st.booleans()):
                data += control()
    if draw(st.booleans()):
        code = draw(st.sampled_from([1000, 1001, 1011, 3000, 4999]))
        data += frame(CLOSE, code.to_bytes(2, "big") + b"bye", masked=masked)
        said.append(("close", code))
    return said, data, masked


@given(streams(), st.lists(st.integers(0, 100_000), max_size=12))
def test_any_split_gives_the_same_messages(
    stream: tuple[list[tuple[str, object]], bytes, bool], places: list[int]
) -> None:
    """However the bytes come, what they say is the same."""
    said, data, masked = stream
    assert events(cut(data, places), masked=masked) == said
    assert events([bytes([byte]) for byte in data], masked=masked) == said


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_no_bytes_break_the_reader(data: bytes, places: list[int], masked: bool) -> None:
    """Rubbish is read as rubbish: the same events however it is split, and nothing after the end."""
    whole = events([data], masked=masked)
    split = events(cut(data, places), masked=masked)
    assert [event for event in split if event[0] != "failure"] == [event for event in whole if event[0] != "failure"]
    for found in (whole, split):
        assert [kind for kind, _ in found[:-1] if kind in {"close", "failure"}] == []


# Group 1: sizes. Group 9 goes on where the limit is.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536, 262144])
@pytest.mark.parametrize("masked", [True, False])
def test_group_1_sizes(size: int, masked: bool) -> None:
    """A message of each length form arrives whole, and says in which frame it came."""
    data = frame(TEXT, b"*" * size, masked=masked)
    reader = Reader(masked, LIMIT)
    reader.feed(data)
    event = reader.next()
    assert isinstance(event, Text)
    assert (event.text, event.frame) == (b"*" * size, data)
    assert reader.idle


@pytest.mark.parametrize("chunk", [1, 997, 65536])
def test_group_9_messages_up_to_the_limit(chunk: int) -> None:
    """A message of exactly the limit passes, one byte more is too large; fragments are added up."""
    text = b"*" * 65536
    data = frame(TEXT, text)
    assert events([data[at : at + chunk] for at in range(0, len(data), chunk)], limit=65536) == [("text", text)]
    assert events([frame(TEXT, text + b"*")], limit=65536) == [("failure", 1009)]
    parts = [frame(TEXT, text[:40000], fin=False), frame(CONTINUATION, text[:40000])]
    assert events(parts, limit=65536) == [("failure", 1009)]


def test_group_9_a_length_that_nobody_can_send() -> None:
    """A length of 2^62 is refused by its head; one of more than 63 bits breaks the protocol."""
    assert events([b"\x81\xff" + (1 << 62).to_bytes(8, "big")]) == [("failure", 1009)]
    assert events([b"\x81\xff" + b"\xff" * 8]) == [("failure", 1002)]


# Group 2: pings.


def test_group_2_pings_and_pongs() -> None:
    """Pings up to 125 bytes are pings, unasked pongs are pongs, larger or fragmented ones break the protocol."""
    assert events([frame(PING)]) == [("ping", b"")]
    assert events([frame(PING, b"\x00\xff" * 62 + b"x")]) == [("ping", b"\x00\xff" * 62 + b"x")]
    assert events([frame(PONG, b"unasked")]) == [("pong", b"unasked")]
    assert events([frame(PING, b"x" * 126)]) == [("failure", 1002)]
    assert events([frame(PING, fin=False)]) == [("failure", 1002)]


# Group 3: reserved bits. Group 4: opcodes.


@pytest.mark.parametrize("bits", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("opcode", [TEXT, CONTINUATION, CLOSE, PING, PONG])
def test_group_3_reserved_bits(bits: int, opcode: int) -> None:
    """A reserved bit without an extension that means it ends the connection with 1002."""
    before = [frame(TEXT, b"a", fin=False)] if opcode == CONTINUATION else []
    assert events([*before, frame(opcode, b"", bits=bits)]) == [("failure", 1002)]


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_group_4_reserved_opcodes(opcode: int) -> None:
    """What was said before counts; the reserved opcode ends it with 1002."""
    assert events([frame(TEXT, b"a"), frame(opcode, b"x"), frame(TEXT, b"b")]) == [("text", b"a"), ("failure", 1002)]


@pytest.mark.parametrize("masked", [True, False])
def test_a_mask_in_the_wrong_direction(masked: bool) -> None:
    """A client masks, a server does not (section 5.1)."""
    assert events([frame(TEXT, b"a", masked=not masked)], masked=masked) == [("failure", 1002)]


def test_binary_messages_are_not_for_ocpp() -> None:
    """OCPP-J is text: a binary message ends the connection with 1003."""
    assert events([frame(BINARY, b"a")]) == [("failure", 1003)]


# Group 5: fragments.


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(PING, b"a", False), (CONTINUATION, b"b", True)], [("failure", 1002)]),
        ([(TEXT, b"a", False), (CONTINUATION, b"b", True)], [("text", b"ab")]),
        ([(TEXT, b"a", False), (PING, b"p", True), (CONTINUATION, b"b", True)], [("ping", b"p"), ("text", b"ab")]),
        ([(CONTINUATION, b"a", True)], [("failure", 1002)]),
        ([(CONTINUATION, b"a", False), (TEXT, b"b", True)], [("failure", 1002)]),
        ([(TEXT, b"a", False), (TEXT, b"b", True)], [("failure", 1002)]),
        ([(TEXT, b"", False), (CONTINUATION, b"", False), (CONTINUATION, b"", True)], [("text", b"")]),
        ([(TEXT, b"", False), (CONTINUATION, b"m", False), (CONTINUATION, b"", True)], [("text", b"m")]),
        ([(TEXT, b"a", True), (CONTINUATION, b"b", True)], [("text", b"a"), ("failure", 1002)]),
        (
            [(TEXT, b"a", False), (CONTINUATION, b"b", False), (PING, b"p", True), (CLOSE, b"\x03\xe8", True)],
            [("ping", b"p"), ("close", 1000)],
        ),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_group_5_fragments(
    parts: list[tuple[int, bytes, bool]], expected: list[tuple[str, object]], split: bool
) -> None:
    """Fragments in turn are one message, control frames may stand between them; anything else is 1002."""
    data = b"".join(frame(opcode, payload, fin=fin) for opcode, payload, fin in parts)
    assert events([bytes([byte]) for byte in data] if split else [data]) == expected


# Group 6: UTF-8.

GOOD = [
    "",
    "κόσμε",
    "\x00",
    "\x7f",
    "\u0080",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
]
BAD = [
    b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xc3", b"\xc3\x28", b"\xe0\x80\xaf", b"\xe0\x9f\xbf",
    b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xfe", b"\xff", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_group_6_what_is_utf8(text: str) -> None:
    """Whole, in fragments between and inside characters, byte by byte: the same text."""
    data = text.encode()
    assert events([frame(TEXT, data)]) == [("text", data)]
    pieces = [data[at : at + 1] for at in range(len(data))] or [b""]
    parts = [frame(CONTINUATION if at else TEXT, p, fin=at == len(pieces) - 1) for at, p in enumerate(pieces)]
    assert events(parts) == [("text", data)]


@pytest.mark.parametrize("data", BAD)
@pytest.mark.parametrize("around", [b"", b"before"])
def test_group_6_what_is_not_utf8(data: bytes, around: bytes) -> None:
    """Over-long forms, surrogates, stray bytes: 1007, in one frame or in many."""
    data = around + data
    assert events([frame(TEXT, data)]) == [("failure", 1007)]
    parts = [frame(CONTINUATION if at else TEXT, data[at : at + 1], fin=at == len(data) - 1) for at in range(len(data))]
    assert events(parts)[-1] == ("failure", 1007)


def test_group_6_4_nonsense_is_refused_before_the_message_is_whole() -> None:
    """The first bad byte ends it, however much is still to come: in fragments, and inside one long frame."""
    assert events([frame(TEXT, b"ok \xff", fin=False)]) == [("failure", 1007)]
    long = frame(TEXT, b"ok \xff" + b"x" * 1000)
    assert events([long[:20]]) == [("failure", 1007)]


# Group 7: closes.


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
def test_group_7_codes_that_may_travel(code: int) -> None:
    """A Close with a lawful code and a reason is a Close; nothing after it counts."""
    data = frame(CLOSE, code.to_bytes(2, "big") + "tschüß".encode()) + frame(TEXT, b"late")
    assert events([data]) == [("close", code)]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_group_7_codes_that_may_not(code: int) -> None:
    """Reserved and unknown codes break the protocol."""
    assert events([frame(CLOSE, code.to_bytes(2, "big"))]) == [("failure", 1002)]


def test_group_7_payloads_of_a_close() -> None:
    """None is lawful, one byte is half a code, 125 bytes fit, 126 do not, and a reason is UTF-8."""
    assert events([frame(CLOSE)]) == [("close", 1005)]
    assert events([frame(CLOSE, b"\x03")]) == [("failure", 1002)]
    assert events([frame(CLOSE, b"\x03\xe8" + b"x" * 123)]) == [("close", 1000)]
    assert events([frame(CLOSE, b"\x03\xe8" + b"x" * 124)]) == [("failure", 1002)]
    assert events([frame(CLOSE, b"\x03\xe8\xff")]) == [("failure", 1007)]


# Group 12: compression, without context takeover.


def deflated(text: bytes) -> bytes:
    """Compress one message as RFC 7692 section 7.2.1 says."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


@given(st.text(st.characters(codec="utf-8"), max_size=2000), st.lists(st.integers(0, 5000), max_size=4))
@settings(max_examples=50)
def test_group_12_compressed_messages(text: str, places: list[int]) -> None:
    """A compressed message is inflated, in one frame or in fragments; RSV1 stands on the first only."""
    data = deflated(text.encode())
    pieces = cut(data, places) or [b""]
    parts = [
        frame(CONTINUATION if at else TEXT, piece, fin=at == len(pieces) - 1, bits=0 if at else RSV1)
        for at, piece in enumerate(pieces)
    ]
    assert events(parts, compressed=True) == [("text", text.encode())]
    assert events([frame(TEXT, text.encode())], compressed=True) == [("text", text.encode())]


def test_group_12_a_bomb_is_too_large() -> None:
    """A megabyte that inflates to a gigabyte is refused by what it inflates to."""
    assert events([frame(TEXT, deflated(b"0" * (LIMIT + 1)), bits=RSV1)], compressed=True) == [("failure", 1009)]


def test_group_12_what_does_not_inflate() -> None:
    """Bytes that are no deflate stream, and text that is no UTF-8 once it is inflated, end the connection."""
    assert events([frame(TEXT, b"\xff\xff\xff", bits=RSV1)], compressed=True)[0][0] == "failure"
    assert events([frame(TEXT, deflated(b"\xff"), bits=RSV1)], compressed=True) == [("failure", 1007)]
    assert events([frame(PING, b"", bits=RSV1)], compressed=True) == [("failure", 1002)]


# Writing.


@given(st.binary(max_size=70_000), st.sampled_from([TEXT, PING, PONG, CLOSE]), st.booleans())
@settings(max_examples=50)
def test_what_is_built_can_be_read(payload: bytes, opcode: int, masked: bool) -> None:
    """A frame of ours has its length in the shortest form, and its mask where it belongs."""
    payload = payload if opcode == TEXT else payload[:125]
    data = build(opcode, payload, masked)
    assert bool(data[1] & 0x80) is masked
    size, start = data[1] & 0x7F, 2
    if size > 125:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
    assert size == len(payload)
    body = data[start + (4 if masked else 0) :]
    assert (apply_mask(body, data[start : start + 4]) if masked else body) == payload


def test_masks_are_never_the_same() -> None:
    """Keys come from the system, in blocks; none is used twice."""
    masks = Masks(64)
    keys = [masks.key() for _ in range(1000)]
    assert len(set(keys)) > 990
    assert {len(key) for key in keys} == {4}


def test_the_reason_of_a_close_is_cut_between_characters() -> None:
    """A reason that is too long is cut, and stays UTF-8."""
    payload = close_payload(1000, "ü" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "ü" * 61
    assert close_payload(1005, "never") == b""


SAID = b'[2,"1","Heartbeat",{}]'
UNREADABLE: dict[str, tuple[bytes, bytes]] = {
    "not UTF-8": (frame(TEXT, SAID + b"\xff"), SAID + b"\xff"),
    "not UTF-8, in fragments": (frame(TEXT, SAID, fin=False) + frame(CONTINUATION, b"\xff"), SAID + b"\xff"),
    "a reserved bit": (b"\x91" + frame(TEXT, SAID)[1:], SAID),
    "a reserved opcode": (frame(3, SAID), SAID),
    "binary": (frame(BINARY, SAID), SAID),
    "not masked": (frame(TEXT, SAID, masked=False), SAID),
    "too big": (frame(TEXT, SAID * 1000)[:40], (SAID * 1000)[:32]),
    "much too big": (frame(TEXT, b"x" * 70_000), b"x" * 1024),
    "out of turn": (frame(CONTINUATION, SAID), SAID),
    "fragments out of turn": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), b"ab"),
    "a Close that may not be": (frame(CLOSE, b"\x03\xed" + b"gone"), b"\x03\xedgone"),
    "compressed, unasked": (b"\xc1" + frame(TEXT, SAID)[1:], b""),
    "without anything": (frame(3, b""), b""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_broke_the_protocol_is_shown(name: str) -> None:
    """Of what ends a connection the beginning is kept, unmasked, and none of it where it is compressed."""
    data, said = UNREADABLE[name]
    reader = Reader(True, 4096)
    reader.feed(data)
    while isinstance(failure := reader.next(), Part):
        pass
    assert isinstance(failure, Failure)
    assert failure.said == said


def test_what_is_compressed_is_shown_as_far_as_it_is_text() -> None:
    """A text that is not UTF-8 once it is decompressed is shown; what cannot be decompressed is not."""
    deflate = zlib.compressobj(wbits=-15)
    text = (deflate.compress(SAID + b"\xff") + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    for data, said in ((text, SAID + b"\xff"), (b"\xff\xff", b"")):
        reader = Reader(True, LIMIT, inflate)
        reader.feed(frame(TEXT, data, bits=RSV1))
        failure = reader.next()
        assert isinstance(failure, Failure)
        assert failure.said == said
