"""A link at its edges: what is in hand when something else happens. Reads are made exact with a transport in memory."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.carriers.test_frames import frame
from voltgate.carriers.websocket.deflate import Deflate
from voltgate.carriers.websocket.frames import CLOSE, CONTINUATION, PING, PONG, TEXT
from voltgate.carriers.websocket.link import Link, LinkCounts, LinkSettings, Role
from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.wheel import Wheel

SETTINGS = LinkSettings(ping=0)


class Pipe(asyncio.Transport):
    """A transport in memory: keeps what is written, and ends when it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = True
        self.ended = ""
        self.waiting = 0
        self._link: Any = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._link = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: Any) -> None:
        assert self.ended != "abort"
        self.written.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = "eof"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "close"

    def abort(self) -> None:
        self.ended = "abort"
        asyncio.get_running_loop().call_soon(self._link.connection_lost, None)


@dataclass
class Ear:
    """A receiver that keeps what it hears and does as it is told with each message."""

    heard: list[bytes] = field(default_factory=list)
    frames: list[bytes | None] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    writable_said: list[bool] = field(default_factory=list)
    then: Callable[[bytes], None] = lambda _: None

    counted: list[float] = field(default_factory=list)

    def allows(self, now: float) -> bool:
        self.counted.append(now)
        return True

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        self.heard.append(text)
        self.frames.append(frame)
        self.then(text)

    def lost(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))

    def writable(self, yes: bool) -> None:
        self.writable_said.append(yes)


@dataclass
class Scene:
    """A link between a pipe and an ear, and the clock it goes by."""

    link: Link
    pipe: Pipe
    ear: Ear
    wheel: Wheel
    counts: LinkCounts
    faults: list[Exception]
    now: list[float]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time."""
        for _ in range(round(seconds * 10)):
            self.now[0] += 0.1
            self.wheel.tick(self.now[0])


def scene(role: Role = Role.SERVER, settings: LinkSettings = SETTINGS, *, started: bool = True, **more: Any) -> Scene:
    """Set up a link on a pipe."""
    now, faults, counts, ear, pipe = [100.0], list[Exception](), LinkCounts(), Ear(), Pipe()
    wheel = Wheel(now[0])
    link = Link(
        role,
        None,
        settings,
        wheel,
        lambda: now[0],
        report=lambda fault, _: faults.append(fault),
        counts=counts,
        **more,
    )
    link.attach(pipe)
    if started:
        link.start(ear)
    return Scene(link, pipe, ear, wheel, counts, faults, now)


async def settle() -> None:
    """Let the loop do what it was asked to do soon."""
    for _ in range(3):
        await asyncio.sleep(0)


async def drained(stage: Scene) -> None:
    """Let the link act on all that came: it reads on when it has."""
    await settle()
    for _ in range(1000):
        if stage.pipe.reading:
            return
        await asyncio.sleep(0)
    raise AssertionError("the link does not read on")


def text(payload: bytes, *, masked: bool = True) -> bytes:
    return frame(TEXT, payload, masked=masked)


# Pauses in the middle of a read.


async def test_what_was_read_already_waits_for_the_pause_to_end() -> None:
    """Three calls in one read, a pause after the first: the others come in order once each pause is undone."""
    stage = scene()
    stage.ear.then = lambda _: stage.link.pause() if len(stage.ear.heard) == 1 else None
    stage.link.data_received(text(b'{"one"}') + text(b'{"two"}') + text(b'{"three"}')[:-3])
    assert stage.ear.heard == [b'{"one"}']
    assert not stage.pipe.reading
    stage.link.pause()
    stage.link.resume()
    await settle()
    assert stage.ear.heard == [b'{"one"}']
    stage.link.resume()
    assert stage.pipe.reading
    await settle()
    assert stage.ear.heard == [b'{"one"}', b'{"two"}']


async def test_reading_on_from_inside_a_delivery_keeps_the_order() -> None:
    """A pause that is undone inside the delivery of a message delivers the next one after it, not inside it."""
    stage = scene()
    depth: list[int] = []

    def blink(_: bytes) -> None:
        depth.append(1)
        stage.link.pause()
        stage.link.resume()
        assert len(depth) == 1
        depth.pop()

    stage.ear.then = blink
    stage.link.data_received(b"".join(text(b"%08d" % number) for number in range(5)))
    await settle()
    assert stage.ear.heard == [b"%08d" % number for number in range(5)]


async def test_what_was_read_is_delivered_before_the_end() -> None:
    """A station that says its last word and hangs up while it is paused is heard out."""
    stage = scene()
    stage.ear.then = lambda _: stage.link.pause() if len(stage.ear.heard) == 1 else None
    stage.link.data_received(text(b"first word") + text(b"last word"))
    stage.link.connection_lost(None)
    assert stage.ear.heard == [b"first word", b"last word"]
    assert stage.ear.ends == [(1006, "the connection ended without a Close")]


async def test_pauses_before_the_start_count() -> None:
    """Whoever pauses a link that is not started yet has to resume it; bytes that came early wait so long."""
    stage = scene(started=False)
    stage.link.data_received(text(b"early bird"))
    stage.link.pause()
    stage.link.start(stage.ear)
    await settle()
    assert stage.ear.heard == []
    stage.link.resume()
    await settle()
    assert stage.ear.heard == [b"early bird"]


# The end, from both sides.


async def test_a_link_cut_in_the_middle_of_a_read_hears_no_more() -> None:
    """What follows in the same read is not delivered, not even a Close, and the reason is that of the cut."""
    stage = scene()
    stage.ear.then = lambda _: stage.link.abort("enough")
    stage.link.data_received(text(b"one call") + text(b"another") + frame(CLOSE, b"\x03\xe8"))
    await settle()
    assert stage.ear.heard == [b"one call"]
    assert stage.ear.ends == [(1006, "enough")]


@pytest.mark.parametrize(("each", "at_once"), [(b"x", 32), (b"x" * 4000, 11)])
async def test_many_frames_of_one_read_leave_the_others_their_turn(each: bytes, at_once: int) -> None:
    """Of what came at once a part is acted on, and nothing more is read; the rest follows, in order, turn by turn."""
    stage = scene()
    stage.link.data_received(b"".join(text(each + str(number).encode()) for number in range(200)))
    assert 0 < len(stage.ear.heard) <= at_once
    assert not stage.pipe.reading
    stage.link.data_received(text(b"the last"))  # TLS may have had it already
    before = len(stage.ear.heard)
    await asyncio.sleep(0)
    assert before < len(stage.ear.heard) <= before + at_once
    await drained(stage)
    assert stage.ear.heard == [each + str(number).encode() for number in range(200)] + [b"the last"]


@pytest.mark.parametrize("opcode", [PING, PONG, CONTINUATION])
async def test_frames_that_are_no_message_leave_the_others_their_turn(opcode: int) -> None:
    """Thousands of pings, or of parts of one message, in one read are acted on turn by turn as well."""
    stage = scene()
    stage.link.data_received(frame(TEXT, b"", fin=False) + frame(opcode, b"", fin=opcode != CONTINUATION) * 1000)
    assert len(stage.ear.counted) < 40
    await drained(stage)
    assert len(stage.ear.counted) == 1001


@pytest.mark.parametrize("paused", [False, True])
async def test_what_is_left_of_one_read_is_delivered_before_the_end(paused: bool) -> None:
    """A connection that ends while a part of a read waits for its turn: the rest is delivered, then it is over."""
    stage = scene()
    stage.link.data_received(text(b"x") * 200)
    if paused:
        stage.link.pause()
    stage.link.connection_lost(None)
    assert stage.ear.ends == []
    for _ in range(10):
        await settle()
    assert len(stage.ear.heard) == 200
    assert len(stage.ear.ends) == 1


async def test_a_pause_during_a_long_read_holds_the_rest_back() -> None:
    """Who pauses a link in the middle of a long read hears nothing more until the pause is undone."""
    stage = scene()
    stage.link.data_received(text(b"x") * 200)
    stage.link.pause()
    before = len(stage.ear.heard)
    for _ in range(10):
        await settle()
    assert len(stage.ear.heard) == before
    assert not stage.pipe.reading
    stage.link.resume()
    await settle()
    await drained(stage)
    assert len(stage.ear.heard) == 200


async def test_after_our_close_only_theirs_counts() -> None:
    """We closed, while paused: their Close is read all the same, their messages and pings are not."""
    stage = scene()
    stage.link.pause()
    stage.link.close(1001, "leaving")
    assert stage.pipe.reading
    stage.link.send(b"too late")
    stage.link.data_received(text(b"more calls") + frame(PING, b"?"))
    stage.link.data_received(text(b"more calls"))
    stage.link.data_received(frame(CLOSE, b"\x03\xe9") + text(b"after all"))
    assert stage.ear.heard == []
    assert stage.pipe.written == [frame(CLOSE, b"\x03\xe9leaving", masked=False)]
    assert stage.pipe.ended == "close"
    stage.link.connection_lost(None)
    assert stage.ear.ends == [(1001, "")]


@pytest.mark.parametrize(("role", "ended"), [(Role.SERVER, "close"), (Role.CLIENT, "")])
async def test_the_server_hangs_up_first(role: Role, ended: str) -> None:
    """Their Close is echoed; then the server closes the connection, and a client waits for that, not forever."""
    stage = scene(role)
    stage.link.data_received(frame(CLOSE, b"\x0f\xa0bye", masked=role is Role.SERVER))
    assert stage.ear.ends == [(4000, "bye")]
    assert len(stage.pipe.written) == 1
    assert stage.pipe.written[0][0] == 0x80 | CLOSE
    assert stage.pipe.ended == ended
    stage.pass_time(11)
    await settle()
    assert stage.pipe.ended == "abort"
    assert stage.ear.ends == [(4000, "bye")]


async def test_a_close_without_a_code() -> None:
    """A Close without code is answered by one without, and reported as 1005."""
    stage = scene()
    stage.link.data_received(frame(CLOSE))
    assert stage.pipe.written == [b"\x88\x00"]
    assert stage.ear.ends == [(1005, "")]


@pytest.mark.parametrize(("code", "payload"), [(1005, b""), (1006, b"\x03\xf3gone"), (1015, b"\x03\xf3gone")])
async def test_codes_that_must_not_travel(code: int, payload: bytes) -> None:
    """The code of one side's end can be passed on to the other: what may not travel goes as none, or as 1011."""
    stage = scene()
    stage.link.close(code, "gone")
    assert stage.pipe.written == [bytes([0x88, len(payload)]) + payload]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x85abcd", 1002),
        (frame(TEXT, b"nobody masked it", masked=False), 1002),
        (frame(2, b"binary"), 1003),
        (frame(TEXT, b"\xff\xfe not text"), 1007),
        (text(b"x" * 2000), 1009),
        (text(b"x" * 1001), 1009),
    ],
    ids=["rsv1", "unmasked", "binary", "not text", "long", "too long"],
)
async def test_a_broken_protocol_fails_the_link(data: bytes, code: int) -> None:
    """A Close with the right code, then nothing but the end: what comes after is not read, and it is counted."""
    stage = scene(settings=LinkSettings(ping=0, message_limit=1000))
    stage.link.data_received(data)
    stage.link.data_received(text(b"and more"))
    assert stage.pipe.written[0][2:4] == code.to_bytes(2, "big")
    assert len(stage.pipe.written) == 1
    assert stage.pipe.ended == "eof"
    assert stage.ear.heard == []
    assert stage.ear.ends[0][0] == code
    assert stage.counts.failures == 1
    stage.pass_time(11)
    assert stage.pipe.ended == "abort"
    await settle()
    assert len(stage.ear.ends) == 1


async def test_a_fault_of_ours_is_reported_once_and_closes_the_link() -> None:
    """On either path an exception out of the receiver is told, and the far end hears 1011."""
    for data in (text(b"one call"), text(b"one call") * 2):
        stage = scene()

        def burst(_: bytes) -> None:
            raise RuntimeError("a fault")

        stage.ear.then = burst
        stage.link.data_received(data)
        assert len(stage.faults) == stage.counts.faults == 1
        assert stage.pipe.written == [frame(CLOSE, b"\x03\xf3internal error", masked=False)]
        assert stage.ear.heard == [b"one call"]


# Frames that go on as they came.


async def test_which_frames_may_go_on() -> None:
    """One whole frame may; one joined from fragments, or with its length written too long, has to be made anew."""
    stage = scene()
    key = b"\0\0\0\0"
    whole, long = text(b"as it came"), b"\x81\xfe\x00\x0a" + key + b"too long !"
    longer = b"\x81\xff" + (200).to_bytes(8, "big") + key + b"x" * 200
    stage.link.data_received(whole)
    stage.link.data_received(long)
    stage.link.data_received(longer)
    stage.link.data_received(frame(TEXT, b"in two", fin=False) + frame(CONTINUATION, b" pieces"))
    assert stage.ear.heard == [b"as it came", b"too long !", b"x" * 200, b"in two pieces"]
    assert stage.ear.frames == [whole, None, None, None]


@pytest.mark.parametrize("role", list(Role))
async def test_a_frame_with_the_wrong_mask_is_made_anew(role: Role) -> None:
    """A frame is passed on verbatim only the way it is masked: a backend's frame to another backend is masked."""
    stage = scene(role)
    masked, plain = text(b"call me"), text(b"call me", masked=False)
    right, wrong = (masked, plain) if role is Role.CLIENT else (plain, masked)
    stage.link.send(b"call me", right)
    stage.link.send(b"call me", wrong)
    assert stage.pipe.written[0] is right
    assert (stage.pipe.written[1][1] > 127) is (role is Role.CLIENT)
    other = scene(Role.SERVER if role is Role.CLIENT else Role.CLIENT)
    other.link.data_received(stage.pipe.written[1])
    assert other.ear.heard == [b"call me"]


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 8, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("role", list(Role))
async def test_every_size_in_one_read_or_in_two(role: Role, size: int) -> None:
    """The short way and the careful one agree about each size near the edges of the length forms."""
    message = text(b"x" * size, masked=role is Role.SERVER)
    for at in (len(message), 1, 2, 5, len(message) - 1):
        stage = scene(role)
        for piece in (message[:at], message[at:]):
            if piece:
                stage.link.data_received(piece)
        assert stage.ear.heard == [b"x" * size]
        assert stage.ear.frames == [message]


async def test_compression_starts_above_a_size_and_each_message_stands_alone() -> None:
    """Small messages are not worth it; each compressed one can be inflated without those before it."""
    stage = scene(deflate=Deflate(12), settings=LinkSettings(ping=0, compress=True, compress_above=100))
    long = b'{"meterValue": "Energy.Active.Import.Register"}' * 20
    stage.link.send(b"x" * 100)
    stage.link.send(long)
    stage.link.send(long)
    small, *large = stage.pipe.written
    assert small == text(b"x" * 100, masked=False)
    for sent in large:
        assert sent[0] == 0xC1
        assert len(sent) < 126
        assert zlib.decompressobj(-12).decompress(sent[2:] + b"\x00\x00\xff\xff") == long


# Writing and silence.


async def test_pings_are_answered_unless_nobody_reads() -> None:
    """While the write buffer is full pongs are left out and counted: a flood of pings costs no memory."""
    stage = scene()
    stage.link.data_received(frame(PING, b"1"))
    stage.link.pause_writing()
    stage.link.data_received(frame(PING, b"2") * 100)
    await drained(stage)
    stage.link.resume_writing()
    stage.link.data_received(frame(PING, b"3") + frame(PONG, b"unasked"))
    assert stage.pipe.written == [frame(PONG, b"1", masked=False), frame(PONG, b"3", masked=False)]
    assert stage.counts.pongs_skipped == 100
    assert stage.ear.writable_said == [False, True]


async def test_a_far_end_that_does_not_read_is_bounded() -> None:
    """Beyond the hard bound of the write buffer the link is cut, and the reason says so."""
    stage = scene(settings=LinkSettings(ping=0, write_bound=1000))
    stage.link.pause_writing()
    stage.pipe.waiting = 1000
    stage.link.send(b"fits")
    stage.pipe.waiting = 1001
    stage.link.send(b"too much")
    await settle()
    assert stage.ear.ends == [(1006, "1001 bytes wait to be written")]
    assert stage.counts.overflows == 1


async def test_silence_is_measured_in_whole_intervals() -> None:
    """Two silent intervals after a ping end the link; any byte before counts as life and starts the count anew."""
    stage = scene(settings=LinkSettings(ping=10, misses=2))
    stage.pass_time(29)
    assert stage.pipe.written == [b"\x89\x00", b"\x89\x00"]
    stage.link.data_received(b"\x81")
    stage.pass_time(20)
    assert stage.pipe.ended == ""
    stage.pass_time(12)
    await settle()
    assert stage.pipe.ended == "abort"
    assert stage.counts.silent == 1
    assert stage.ear.ends[0][0] == 1006
    assert stage.ear.ends[0][1].startswith("no sign of life for 2")


async def test_a_side_that_we_paused_is_not_taken_for_silent() -> None:
    """However long we do not read; and once we do, it has its full time again."""
    stage = scene(settings=LinkSettings(ping=10, misses=1))
    stage.link.pause()
    stage.pass_time(65)
    stage.link.resume()
    stage.pass_time(14)
    assert stage.pipe.ended == ""
    stage.pass_time(12)
    assert stage.pipe.ended == "abort"


async def test_a_far_end_that_stops_reading_is_found() -> None:
    """It still pings, but takes nothing: after its misses the link is cut and counted as stalled."""
    stage = scene(settings=LinkSettings(ping=10, misses=2))
    stage.pass_time(1)
    stage.link.pause_writing()
    for _ in range(30):
        stage.pass_time(1)
        stage.link.data_received(frame(PING))
    await settle()
    assert stage.pipe.ended == "abort"
    assert stage.counts.stalled == 1
    assert stage.pipe.written == []
    assert stage.ear.ends[0][1].startswith("read nothing for 2")


async def test_a_link_without_pings_is_never_taken_for_silent() -> None:
    """An interval of 0 switches pings off."""
    stage = scene()
    stage.pass_time(1000)
    assert (stage.pipe.written, stage.pipe.ended) == ([], "")
    assert len(stage.wheel) == 0


async def test_a_link_that_ended_leaves_nothing_behind() -> None:
    """Once it is lost, calls of it are no-ops, nothing is written, and the wheel lets it go."""
    stage = scene(settings=LinkSettings(ping=10))
    stage.link.connection_lost(ConnectionResetError("reset by peer"))
    stage.link.send(b"nobody hears")
    stage.link.pause()
    stage.link.resume()
    stage.link.close(1000, "")
    stage.link.abort()
    stage.pass_time(30)
    assert stage.ear.ends == [(1006, "reset by peer")]
    assert stage.pipe.written == []
    assert len(stage.wheel) == 0


def test_a_link_is_small() -> None:
    """No dictionary, and a handful of attributes: ten thousand idle stations are twice as many links."""
    link = Link(Role.SERVER, None, SETTINGS, Wheel(0), time.monotonic, report=lambda *_: None, counts=LinkCounts())
    assert not hasattr(link, "__dict__")
    assert link.__sizeof__() < 256
