"""One end of a WebSocket connection, controlled by a test: the protocol object, the streams and the transcript."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import State

from tests.harness.frames import frame
from tests.harness.transcript import Transcript
from tests.harness.waiting import DEADLINE, within


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection ended: the close code and reason that were received, 1006 if none were."""

    code: int
    reason: str


class Connection:
    """One end of a WebSocket connection.

    It answers pings (unless `pongs` is set false) and completes a closing handshake that the other side begins. A
    subclass defines what becomes of a text message, in `_text`.
    """

    def __init__(
        self,
        name: str,
        websocket: WebSocket,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        transcript: Transcript,
    ) -> None:
        self.name = name
        self.websocket = websocket
        self.request: Request | None = None
        self.response: Response | None = None
        self.pongs = True
        self.pings = 0
        self.ending: Closing | None = None
        self._reader, self._writer = streams
        self._transcript = transcript
        self._binary: list[bytes] = []
        self._pieces: list[bytes] = []
        self._pieces_opcode = Opcode.TEXT
        self._ponged: set[bytes] = set()
        self._changed = asyncio.Event()
        self._hears = asyncio.Event()
        self._hears.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start reading."""
        self._task = asyncio.ensure_future(self._listen())

    @property
    def certificate(self) -> str:
        """The certificate that the other side showed, in PEM."""
        shown = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return ssl.DER_cert_to_PEM_cert(shown)

    @property
    def subprotocol(self) -> str | None:
        """The negotiated subprotocol."""
        return self.websocket.subprotocol

    @property
    def is_open(self) -> bool:
        """Whether the connection has not ended."""
        return self.ending is None

    # Sending.

    def write(self, data: bytes) -> None:
        """Send raw bytes, which need not be valid frames."""
        self._writer.write(data)

    def send(self, text: str | bytes) -> None:
        """Send one text message."""
        data = text.encode() if isinstance(text, str) else text
        self._note("→", data.decode("utf-8", "backslashreplace"))
        self.websocket.send_text(data)
        self._flush()

    def send_frame(self, opcode: Opcode, data: bytes, *, fin: bool = True, rsv1: bool = False) -> None:
        """Send one frame as it is, masked if this end must mask."""
        self._note("→", f"<{opcode.name}{'' if fin else ' …'} {data[:80]!r}>")
        self.write(frame(opcode, data, fin=fin, rsv1=rsv1, mask=isinstance(self.websocket, ClientProtocol)))

    async def drained(self) -> None:
        """Wait until the other side has read what was sent."""
        await within(self._writer.drain(), f"{self.name}: the other side reads")

    # Control frames.

    async def ping(self) -> None:
        """Send a ping and wait for its pong, which comes after everything the other side had to send before it."""
        mark = os.urandom(8)
        self.websocket.send_ping(mark)
        self._flush()
        await self._until(lambda: mark in self._ponged, "the pong")

    async def expect_ping(self, number: int = 1) -> None:
        """Wait until that many pings have been received in total."""
        await self._until(lambda: self.pings >= number, f"ping number {number}")

    # The end.

    async def closed(self) -> Closing:
        """Wait until the connection has ended and return how."""
        await self._until(lambda: self.ending, "the end of the connection", or_end=False)
        assert self.ending is not None
        return self.ending

    async def close(self, code: int = 1000, reason: str = "") -> Closing:
        """Perform the closing handshake, if the connection has not ended yet, and return how it ended."""
        if self.ending is None and self.websocket.state is State.OPEN:
            self.websocket.send_close(code, reason)
            self._note("→", f"<CLOSE {code} {reason}>")
            self._flush()
        self.hear()
        return await self.closed()

    def kill(self) -> None:
        """Reset the TCP connection, without a closing handshake."""
        if sock := self._writer.get_extra_info("socket"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._note("→", "<RESET>")
        self._writer.transport.abort()

    def deafen(self) -> None:
        """Stop reading: the other side's messages pile up, and nothing is answered, not even a ping."""
        self._hears.clear()
        with contextlib.suppress(RuntimeError):
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def hear(self) -> None:
        """Resume reading."""
        self._hears.set()
        with contextlib.suppress(RuntimeError, AttributeError):  # one of TLS that is lost has no transport below
            self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def drop(self) -> None:
        """Release the connection and its task at the end of the test."""
        self.hear()
        with contextlib.suppress(AttributeError):  # asyncio's abort() fails on a connection that is lost already
            self._writer.transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)

    # Inside.

    def _text(self, text: str) -> None:
        raise NotImplementedError

    async def _until(self, holds: Callable[[], Any], what: str, *, or_end: bool = True) -> Any:
        end = time.monotonic() + DEADLINE
        while not (found := holds()):
            if or_end and self.ending is not None:
                raise AssertionError(f"{self.name}: waited for {what}, but it ended: {self.ending}\n{self._transcript}")
            self._changed.clear()
            try:
                async with asyncio.timeout(end - time.monotonic()):  # `wait_for` may forget that it was cancelled
                    await self._changed.wait()
            except TimeoutError:
                raise AssertionError(f"{self.name}: waited {DEADLINE:.0f} s for {what}\n{self._transcript}") from None
        return found

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(1 << 16):
                await self._hears.wait()
                self.websocket.receive_data(data)
                self._handle()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a reset: the ending below says 1006
        else:
            self.websocket.receive_eof()
            self._handle()
        self._ended()

    def _handle(self) -> None:
        for event in self.websocket.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self.websocket.state is State.CLOSED or (self.websocket.close_sent and self.websocket.close_rcvd):
            self._ended()
        self._changed.set()

    def _take(self, event: Frame) -> None:
        match event.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._piece(event)
            case Opcode.PING:
                self.pings += 1
                self._note("←", "<PING>")
            case Opcode.PONG:
                self._ponged.add(bytes(event.data))
            case Opcode.CLOSE:
                close = self.websocket.close_rcvd
                self._note("←", f"<CLOSE {close.code} {close.reason}>" if close else "<CLOSE>")

    def _piece(self, event: Frame) -> None:
        if event.opcode is not Opcode.CONT:
            self._pieces_opcode = event.opcode
        self._pieces.append(bytes(event.data))
        if not event.fin:
            return
        data = b"".join(self._pieces)
        self._pieces.clear()
        if self._pieces_opcode is Opcode.BINARY:
            self._note("←", f"<BINARY {data[:80]!r}>")
            self._binary.append(data)
            return
        text = data.decode()
        self._note("←", text)
        self._text(text)

    def _flush(self) -> None:
        for data in self.websocket.data_to_send():
            if not data:
                with contextlib.suppress(OSError, RuntimeError):
                    if self._writer.can_write_eof():
                        self._writer.write_eof()
            elif self.pongs or data[0] & 0x0F != Opcode.PONG:
                self._writer.write(data)

    def _ended(self) -> None:
        if self.ending is None:
            close = self.websocket.close_rcvd
            self.ending = Closing(close.code, close.reason) if close else Closing(1006, "")
            self._note("←", f"<ENDED {self.ending.code} {self.ending.reason}>")
            self._writer.close()
        self._changed.set()

    def _note(self, direction: str, text: str) -> None:
        self._transcript.note(self.name, direction, text)
