"""One established websocket, from either side: bytes of a socket to messages of the relay and back.

The fast path is `Link.data_received`: exactly one complete text frame in one read, which is practically always. All
else is the careful `Reader`'s, which exists only while it has something to do.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.carriers.websocket import frames
from voltgate.carriers.websocket.deflate import Deflate, inflate
from voltgate.carriers.websocket.frames import Closing, Event, Failure, Part, Ping, Pong, Reader, Text
from voltgate.ocpp import close_codes
from voltgate.ocpp.turn_ports import HearsUnreadable, Meters
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Receiver

try:
    from websockets.speedups import apply_mask as _unmask
except ImportError:  # no compiler when it was installed: the same, slower
    from websockets.utils import apply_mask as _unmask

Clock: TypeAlias = Callable[[], float]
"""Seconds on a clock that never goes back; the same clock that the wheel is ticked by."""


class Role(enum.Enum):
    """Which side of the websocket we are: a server reads masked frames and writes unmasked ones."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How links of one kind behave. Times in seconds, sizes in bytes."""

    message_limit: int = 1 << 20
    """The largest message, decompressed; a larger one closes the link with 1009."""
    write_high: int = 64 << 10
    """The write buffer counts as full above this and as drained below a quarter of it."""
    write_bound: int = 5 << 20
    """The link is cut when more than this waits to be written."""
    ping: float = 55.0
    """Seconds between pings; 0 sends none and finds no silence."""
    misses: int = 2
    """Silent intervals after a ping until the far end counts as dead."""
    close_timeout: float = 10.0
    """Seconds that the far end has to finish the closing handshake."""
    compress: bool = False
    """Agree to compression when it is offered; offer it when we dial."""
    compress_above: int = 512
    """The smallest message that is worth compressing."""


@dataclass(slots=True)
class LinkCounts:
    """What happened on links of one kind, counted."""

    silent: int = 0
    stalled: int = 0
    overflows: int = 0
    failures: int = 0
    faults: int = 0
    unfinished: int = 0
    pongs_skipped: int = 0


Report: TypeAlias = "Callable[[Exception, Link], None]"
"""Told of an exception that a receiver let out: a fault of ours, which closes its link with 1011."""

_OPEN, _CLOSING, _OVER = 0, 1, 2
# _CLOSING: we sent a Close and wait for the far end's. _OVER: nothing that arrives means anything any more.
# Whenever a link is not open, or is paused, it has a careful reader: that is how the fast path knows.

_AT_ONCE = 32  # frames, or times 2 KiB of messages, that are acted on before the others on the loop have their turn
_VANISHED = (close_codes.NO_CLOSE, "the connection ended without a Close")


class Link(asyncio.Protocol):
    """One established websocket: the `Wire` of a session, which feeds one `Receiver`.

    It reads nothing until `start`. `heard` is when anything last arrived, `address` the far end's IP, `name` who
    is at the far end, for logs; `subprotocol` what was agreed on.
    """

    __slots__ = (
        "_clock", "_counts", "_deflate", "_end", "_full", "_gone", "_mask_in", "_masks", "_misses", "_more",
        "_pauses", "_reader", "_receiver", "_report", "_settings", "_state", "_transport", "_visited", "_wheel",
        "address", "heard", "name", "subprotocol",
    )  # fmt: skip
    shared = False

    def __init__(
        self,
        role: Role,
        receiver: Receiver | None,
        settings: LinkSettings,
        wheel: Wheel,
        clock: Clock,
        *,
        report: Report,
        counts: LinkCounts,
        subprotocol: str | None = None,
        address: str = "",
        name: str = "",
        deflate: Deflate | None = None,
        gone: Callable[[Link], None] | None = None,
    ) -> None:
        self._mask_in = frames.MASKED if role is Role.SERVER else 0
        self._masks = role is Role.CLIENT
        self._receiver = receiver
        self._settings = settings
        self._wheel = wheel
        self._clock = clock
        self._report = report
        self._counts = counts
        self._deflate = deflate
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._reader: Reader | None = None
        self._pauses = 1  # until start
        self._more = False  # whether the rest of what came waits for the loop's next turn; until then nothing is read
        self._state = _OPEN
        self._end: tuple[int, str] | None = None
        self._full = 0.0  # since when the write buffer is full; 0: it is not
        self._misses = -1  # silent intervals; -1: the next one does not count
        self._visited = 0.0
        self.subprotocol = subprotocol
        self.address = address
        self.name = name
        self.heard = 0.0

    def attach(self, transport: asyncio.Transport, early: bytes = b"") -> None:
        """Take over a transport whose handshake is done, and `early`, what was read beyond the handshake."""
        transport.pause_reading()
        transport.set_write_buffer_limits(self._settings.write_high)
        transport.set_protocol(self)
        self._transport = transport
        self.heard = self._clock()
        self._careful().feed(early)

    def start(self, receiver: Receiver) -> None:
        """Begin to read, on behalf of `receiver`. What came before is delivered in the loop's next turn."""
        self._receiver = receiver
        if self._transport is None:
            asyncio.get_running_loop().call_soon(self._finish, *(self._end or _VANISHED))
            return
        if self._full:
            self._tell_writable(False)
        if self._settings.ping > 0:
            self._visited = self._clock()
            self._wheel.at(self._visited + self._settings.ping, self._visit)
        self.resume()

    # Reading

    def data_received(self, data: bytes) -> None:
        """Read what came: the fast path for one whole text frame, the careful reader for all else."""
        self.heard = now = self._clock()
        size = len(data)
        if self._reader is not None or size < 8 or data[0] != 0x81:
            return self._read(data, now)
        length = data[1] - self._mask_in
        start = 2
        if length == 126:
            length = data[2] << 8 | data[3]
            start = 4 if length > 125 else size + 1  # not the shortest form: for the careful reader
        elif not 0 <= length < 126:
            return self._read(data, now)
        if self._mask_in:
            if size != start + 4 + length:
                return self._read(data, now)
            text = _unmask(data[start + 4 :], data[start : start + 4])
        else:
            if size != start + length:
                return self._read(data, now)
            text = data[start:]
        if not (text.isascii() or frames.is_utf8(text)) or length > self._settings.message_limit:
            return self._read(data, now)
        try:
            self._receiver.received(text, data, now)  # type: ignore[union-attr]
        except Exception as fault:
            self._faulted(fault)
        return None

    def _careful(self) -> Reader:
        if self._reader is None:
            settings = self._settings
            self._reader = Reader(
                bool(self._mask_in), settings.message_limit, inflate if self._deflate is not None else None
            )
        return self._reader

    def _read(self, data: bytes, now: float) -> None:
        if self._state is not _OVER:
            self._careful().feed(data)
            if self._more and self._transport is not None:
                self._transport.pause_reading()
            else:
                self._drain(now)

    def _drain(self, now: float) -> None:
        """Act on what the reader holds, until somebody pauses us, or it is the others' turn."""
        left = float(_AT_ONCE)
        while self._reader is not None and (self._state is _CLOSING or not (self._state or self._pauses)):
            if left <= 0:
                return self._go_on_later()
            event = self._reader.next()
            if event is None:
                if self._reader.idle and self._state is _OPEN:
                    self._reader = None
                return None
            left -= 1 + len(event.text) / 2048 if isinstance(event, Text) else 1
            self._take(event, now)
        return None

    def _go_on_later(self) -> None:
        self._more = True
        if self._transport is not None:
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._drain_later)

    def _drain_later(self) -> None:
        """Go on with what the reader holds; then with what follows: more to read, or the end."""
        self._more = False
        self._drain(self._clock())
        if self._more:
            return
        if self._transport is None:
            self._is_over()
        elif self._state is _CLOSING or not (self._state or self._pauses):
            self._transport.resume_reading()

    def _take(self, event: Event, now: float) -> None:
        match event:
            case Text():
                if self._state is _OPEN:
                    self._deliver(event, now)
            case Ping() | Pong() | Part():
                if self._allowed(now) and isinstance(event, Ping):
                    self._pong(event.payload)
            case Closing():
                self._closed_by_peer(event)
            case Failure():
                self._fail(event)

    def _allowed(self, now: float) -> bool:
        """Count a frame that is no message, if the receiver counts them."""
        return not isinstance(self._receiver, Meters) or self._receiver.allows(now)

    def _deliver(self, message: Text, now: float) -> None:
        try:
            self._receiver.received(message.text, message.frame, now)  # type: ignore[union-attr]
        except Exception as fault:
            self._faulted(fault)

    def _pong(self, payload: bytes) -> None:
        if self._full:
            self._counts.pongs_skipped += 1
        elif self._state is _OPEN:
            self._write(frames.build(frames.PONG, payload, self._masks))

    def _faulted(self, fault: Exception) -> None:
        self._counts.faults += 1
        self._report(fault, self)
        self.close(close_codes.INTERNAL, "internal error")

    # Pauses

    def pause(self) -> None:
        """Stop reading until each pause was undone."""
        self._pauses += 1
        if self._pauses == 1 and self._transport is not None and self._state is _OPEN:
            self._careful()
            self._transport.pause_reading()

    def resume(self) -> None:
        """Undo one pause; with the last one reading goes on."""
        self._pauses -= 1
        if not self._pauses and self._transport is not None and self._state is _OPEN:
            self._read_on()

    def _read_on(self) -> None:
        if self._transport is None:
            return
        self._misses = -1  # the silence before was ours
        if self._reader is not None and self._reader.idle and self._state is _OPEN:
            self._reader = None
        elif self._reader is not None:
            asyncio.get_running_loop().call_soon(self._drain_later)
        self._transport.resume_reading()

    # Writing

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one text message; verbatim as `frame` when that is masked the way we must."""
        transport = self._transport
        if transport is None or self._state:
            return
        if frame is None or (frame[1] > 127) is not self._masks:
            frame = self._framed(text)
        transport.write(frame)
        if self._full:
            self._bound()

    def _framed(self, text: bytes) -> bytes:
        if self._deflate is None or len(text) <= self._settings.compress_above:
            return frames.build(frames.TEXT, text, self._masks)
        return frames.build(frames.TEXT, self._deflate.compress(text), self._masks, frames.FIN | frames.RSV1)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def _bound(self) -> None:
        waiting = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if waiting > self._settings.write_bound:
            self._counts.overflows += 1
            self.abort(f"{waiting} bytes wait to be written")

    def pause_writing(self) -> None:
        """Note that the write buffer is full."""
        self._full = self._clock() or 1e-9
        self._tell_writable(False)

    def resume_writing(self) -> None:
        """Note that the write buffer has drained."""
        self._full = 0.0
        self._tell_writable(True)

    def _tell_writable(self, yes: bool) -> None:
        if self._receiver is None or self._state:
            return
        try:
            self._receiver.writable(yes)
        except Exception as fault:
            self._faulted(fault)

    # The end

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake. A code that may not travel goes as none (1005) or as 1011."""
        if self._state or self._transport is None:
            return
        if code != close_codes.NO_CODE and not frames.may_travel(code):
            code = close_codes.INTERNAL
        self._send_close(code, reason)
        self._leave(_CLOSING)
        if self._pauses:
            self._read_on()  # to see the far end's Close

    def _leave(self, state: int) -> int:
        """Go on to a state that is not open; returns the one before."""
        before, self._state = self._state, state
        self._careful()
        return before

    def _send_close(self, code: int, reason: str) -> None:
        self._write(frames.build(frames.CLOSE, frames.close_payload(code, reason), self._masks))
        self._wheel.at(self._clock() + self._settings.close_timeout, self._cut)

    def _cut(self, now: float) -> None:
        if self._transport is not None:
            self._counts.unfinished += 1
            self.abort("the closing handshake was not finished in time")

    def abort(self, reason: str = "aborted") -> None:
        """Cut the connection now; `lost` follows with 1006 and the reason."""
        if self._transport is not None:
            self._leave(_OVER)
            self._end = self._end or (close_codes.NO_CLOSE, reason)
            self._transport.abort()

    def _closed_by_peer(self, event: Closing) -> None:
        """Finish the closing handshake (section 7.1.1: the server closes the connection first)."""
        if self._leave(_OVER) is _OPEN:
            self._send_close(event.code, "")
        if not self._masks and self._transport is not None:
            self._transport.close()
        self._finish(event.code, event.reason)

    def _fail(self, event: Failure) -> None:
        """Fail the connection (section 7.1.7): a Close, the end of what we write, and deaf to the rest."""
        self._counts.failures += 1
        if self._leave(_OVER) is _OPEN:
            self._send_close(event.code, event.reason)
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()  # close() could reset the connection before the Close is read
            else:
                self._transport.close()
        self._finish(event.code, event.reason, event.said)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is over, once what was read before is delivered."""
        self._end = self._end or ((close_codes.NO_CLOSE, str(exc)) if exc else _VANISHED)
        self._transport = None
        gone, self._gone = self._gone, None
        if gone is not None:
            gone(self)
        if self._receiver is None:
            self._is_over()
            return
        self._pauses = 0
        if not self._more:
            self._drain_later()

    def _is_over(self) -> None:
        self._leave(_OVER)
        self._finish(*(self._end or _VANISHED))

    def _finish(self, code: int, reason: str, said: bytes | None = None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        self._wheel.off(self._visited + self._settings.ping, self._visit)
        try:
            if said is not None and isinstance(receiver, HearsUnreadable):
                receiver.unreadable(said, reason)
            receiver.lost(code, reason)
        except Exception as fault:
            self._report(fault, self)

    # Liveness

    def _visit(self, now: float) -> None:
        """Look after the link once an interval: ping it, and cut it when it has been silent for too long."""
        if self._transport is None or self._state:
            return None
        settings = self._settings
        patience = settings.ping * settings.misses
        if self._full and now - self._full > patience:
            self._counts.stalled += 1
            return self.abort(f"{close_codes.READS_NOTHING} for {now - self._full:.0f} s")
        self._misses = 0 if self._pauses or self.heard >= self._visited else self._misses + 1
        if self._misses >= settings.misses:
            self._counts.silent += 1
            return self.abort(f"{close_codes.NO_SIGN_OF_LIFE} for {now - self.heard:.0f} s")
        if not self._full:
            self._write(frames.build(frames.PING, b"", self._masks))
        self._visited = now
        self._wheel.at(now + settings.ping, self._visit)
        return None
