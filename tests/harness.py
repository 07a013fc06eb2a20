"""The harness: a real gateway as a child process, and far ends that do what a test tells them.

The far ends speak through the sans-I/O core of the `websockets` library, so that whatever Voltgate puts on the wire is
judged by somebody else's reading of RFC 6455. A scenario is played on a `Stage`, which everything started belongs to:

    main = await stage.backend("main")
    watcher = await stage.backend("watcher")
    await stage.gateway()                            # the first backend answers, the others are copied
    station = await stage.station("CP1", "ocpp1.6")
    link = await main.station("CP1")
    beat = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
    await station.expect_answer(beat)
    await stage.quiet(station, link)                 # nothing else came

Every wait has a deadline that only a hang reaches. "Nothing came" is never a sleep: a ping makes a round trip behind
whatever might have come, and then nothing must be there.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

DEADLINE = 30.0
"""Seconds after which a wait is a hang, on the slowest machine that we care about."""

SUBPROTOCOLS = ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1")

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6

Json = dict[str, Any]
T = TypeVar("T")


# Waiting.


async def within(awaitable: Awaitable[T], what: str, seconds: float = DEADLINE) -> T:
    """Await something that must happen; a test that hangs says for what it hung."""
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:.0f} s in vain: {what}") from None


async def until(holds: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Poll until `holds` gives something true, and give that."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what} (last seen: {found!r})")
        await asyncio.sleep(0.01)


# What went over the wires.


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an end sent (`→`) or got (`←`)."""

    at: float
    end: str
    direction: str
    text: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 300 else f"{self.text[:280]}… ({len(self.text)} characters)"
        return f"{self.at:9.3f}  {self.end:<24} {self.direction} {shown}"


class Transcript:
    """What all far ends of one scenario sent and got, in the order they saw it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._start = time.monotonic()

    def note(self, end: str, direction: str, text: str) -> None:
        """Add a line."""
        self.lines.append(Line(time.monotonic() - self._start, end, direction, text))

    def got(self, end: str) -> list[str]:
        """Give what an end got, in order."""
        return [line.text for line in self.lines if line.end == end and line.direction == "←"]

    def sent(self, end: str) -> list[str]:
        """Give what an end sent, in order."""
        return [line.text for line in self.lines if line.end == end and line.direction == "→"]

    def __str__(self) -> str:
        shown = self.lines[-60:]
        skipped = [f"({len(self.lines) - len(shown)} earlier lines)"] if len(shown) < len(self.lines) else []
        return "\n".join([*skipped, *map(str, shown)]) or "(nothing was sent)"


class Message:
    """One text message as it came, and as OCPP-J reads it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def parts(self) -> list[Any]:
        """The JSON array."""
        parts = json.loads(self.text)
        assert isinstance(parts, list), f"not an OCPP-J message: {self.text!r}"
        return parts

    @property
    def kind(self) -> int:
        """The message type number."""
        return int(self.parts[0])

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.parts[1])

    @property
    def action(self) -> str:
        """The action of a CALL or SEND."""
        assert self.kind in (CALL, SEND), f"has no action: {self.text}"
        return str(self.parts[2])

    @property
    def payload(self) -> Any:
        """The payload of a CALL, SEND or CALLRESULT."""
        assert self.kind in (CALL, SEND, RESULT), f"has no payload: {self.text}"
        return self.parts[2] if self.kind == RESULT else self.parts[-1]

    @property
    def code(self) -> str:
        """The error code of a CALLERROR or CALLRESULTERROR."""
        assert self.kind in (ERROR, RESULT_ERROR), f"not an error: {self.text}"
        return str(self.parts[2])

    @property
    def description(self) -> str:
        """The error description."""
        assert self.kind in (ERROR, RESULT_ERROR), f"not an error: {self.text}"
        return str(self.parts[3])

    def __repr__(self) -> str:
        return f"Message({self.text})"


def compact(*parts: Any) -> str:
    """Write a message the way a well-behaved party does."""
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection ended: the close code and reason that came, 1006 when none did."""

    code: int
    reason: str


class Link:
    """One end of a websocket, in the hands of a test.

    It answers pings by itself (unless `pongs` is set false) and completes a close that the other side begins; all else
    is up to the test.
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
        self._inbox: deque[Message] = deque()
        self._binary: list[bytes] = []
        self._pieces: list[bytes] = []
        self._pieces_opcode = Opcode.TEXT
        self._ponged: set[bytes] = set()
        self._answers: dict[str, Answering] = {}
        self._changed = asyncio.Event()
        self._hears = asyncio.Event()
        self._hears.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.ensure_future(self._listen())

    @property
    def subprotocol(self) -> str | None:
        """The sub-protocol that was agreed."""
        return self.websocket.subprotocol

    @property
    def unread(self) -> list[Message]:
        """What came and no test has asked for yet."""
        return list(self._inbox)

    # Saying things.

    def write(self, data: bytes) -> None:
        """Send raw bytes: frames as broken as the test wants them."""
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
        """Wait until the other side has taken what was sent."""
        await within(self._writer.drain(), f"{self.name}: the other side reads")

    async def ask(self, action: str, payload: Any = None, id: str | None = None, *, kind: int = CALL) -> str:  # noqa: A002
        """Send a call and give its id; the answer is left to `expect_answer`."""
        message_id = str(uuid4()) if id is None else id
        self.send(compact(kind, message_id, action, {} if payload is None else payload))
        await self.drained()
        return message_id

    async def call(self, action: str, payload: Any = None, id: str | None = None) -> Message:  # noqa: A002
        """Send a call and wait for its answer, of whatever kind."""
        return await self.expect_answer(await self.ask(action, payload, id))

    async def answer(self, call: Message, payload: Any = None) -> None:
        """Answer a call with a result."""
        self.send(compact(RESULT, call.id, {} if payload is None else payload))
        await self.drained()

    async def fail(self, call: Message, code: str, description: str = "", details: Any = None) -> None:
        """Answer a call with an error."""
        self.send(compact(ERROR, call.id, code, description, {} if details is None else details))
        await self.drained()

    def answers(self, action: str, payload: Answering = None) -> None:
        """Answer every such call from now on without the test's doing; `payload` may be a function of the call."""
        self._answers[action] = payload

    # Hearing things.

    async def next(self) -> Message:
        """Give the next message that came, whatever it is."""
        await self._until(lambda: self._inbox, "a message")
        return self._inbox.popleft()

    async def expect(self, action: str, *, id: str | None = None, kind: int = CALL) -> Message:  # noqa: A002
        """The next message is this call."""
        message = await self.next()
        found = message.kind == kind and message.action == action and id in (None, message.id)
        assert found, f"{self.name}: expected the call {action} {id or ''}, got {message.text}\n{self._transcript}"
        return message

    async def expect_answer(self, message_id: str) -> Message:
        """An answer with this id comes; calls that come before it stay unread."""

        def found() -> Message | None:
            return next((m for m in self._inbox if _answers(m, message_id)), None)

        message: Message = await self._until(found, f"an answer to {message_id}")
        self._inbox.remove(message)
        return message

    async def expect_result(self, message_id: str) -> Message:
        """A result with this id comes."""
        message = await self.expect_answer(message_id)
        assert message.kind == RESULT, f"{self.name}: expected a result, got {message.text}\n{self._transcript}"
        return message

    async def expect_error(self, message_id: str, code: str | None = None) -> Message:
        """An error with this id comes."""
        message = await self.expect_answer(message_id)
        found = message.kind == ERROR and code in (None, message.code)
        assert found, f"{self.name}: expected the error {code or ''}, got {message.text}\n{self._transcript}"
        return message

    async def expect_text(self, text: str) -> Message:
        """The next message is exactly this text."""
        message = await self.next()
        assert message.text == text, f"{self.name}: expected {text}, got {message.text}\n{self._transcript}"
        return message

    async def expect_ping(self, number: int = 1) -> None:
        """That many pings in all have come."""
        await self._until(lambda: self.pings >= number, f"ping number {number}")

    async def ping(self) -> None:
        """Make a round trip: whatever the other side had to send before the pong has come after this."""
        mark = os.urandom(8)
        self.websocket.send_ping(mark)
        self._flush()
        await self._until(lambda: mark in self._ponged, "the pong")

    async def silence(self) -> None:
        """Nothing came, and nothing was under way either."""
        await self.ping()
        assert not self._inbox, f"{self.name}: expected nothing, got {self.unread}\n{self._transcript}"

    # The end.

    async def closed(self) -> Closing:
        """The connection ends: say how."""
        await self._until(lambda: self.ending, "the end of the connection", or_end=False)
        assert self.ending is not None
        return self.ending

    @property
    def is_open(self) -> bool:
        """Tell whether the connection still stands."""
        return self.ending is None

    async def close(self, code: int = 1000, reason: str = "") -> Closing:
        """End the connection in good order, if it has not ended yet."""
        if self.ending is None and self.websocket.state is State.OPEN:
            self.websocket.send_close(code, reason)
            self._note("→", f"<CLOSE {code} {reason}>")
            self._flush()
        self.hear()
        return await self.closed()

    def kill(self) -> None:
        """Reset the connection, as a power cut with a helpful kernel does."""
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
        """Read again."""
        self._hears.set()
        with contextlib.suppress(RuntimeError):
            self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def drop(self) -> None:
        """Let go of everything: the test is over."""
        self.hear()
        with contextlib.suppress(AttributeError):  # asyncio's abort() fails on a connection that is lost already
            self._writer.transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)

    # Inside.

    async def _until(self, holds: Callable[[], Any], what: str, *, or_end: bool = True) -> Any:
        end = time.monotonic() + DEADLINE
        while not (found := holds()):
            if or_end and self.ending is not None:
                raise AssertionError(f"{self.name}: waited for {what}, but it ended: {self.ending}\n{self._transcript}")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), end - time.monotonic())
            except TimeoutError:
                raise AssertionError(f"{self.name}: waited in vain for {what}\n{self._transcript}") from None
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
        self._message(Message(text))

    def _message(self, message: Message) -> None:
        with contextlib.suppress(ValueError, AssertionError, IndexError):
            if message.kind == CALL and message.action in self._answers:
                given = self._answers[message.action]
                payload = given(message) if callable(given) else given
                self.send(compact(RESULT, message.id, {} if payload is None else payload))
                return
        self._inbox.append(message)

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


Answering = Callable[[Message], Any] | Json | None
"""How to answer a call by itself: a payload, or a function of the call that gives one."""


def _answers(message: Message, message_id: str) -> bool:
    try:
        return message.kind in (RESULT, ERROR) and message.parts[1] == message_id
    except (ValueError, AssertionError, IndexError):
        return False


def frame(opcode: int, data: bytes, *, fin: bool = True, rsv1: bool = False, mask: bool = True) -> bytes:
    """Write one frame, sensible or not."""
    length = len(data)
    head = bytes([fin << 7 | rsv1 << 6 | opcode])
    bit = mask << 7
    if length < 126:
        head += bytes([bit | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", bit | 126, length)
    else:
        head += struct.pack("!BQ", bit | 127, length)
    if not mask:
        return head + data
    key = os.urandom(4)
    whole = (key * (length // 4 + 1))[:length]
    return head + key + (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")


def basic(user: str, password: str | bytes) -> str:
    """Give the value of an Authorization header."""
    secret = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


# Stations.


class Refused(Exception):  # noqa: N818 - what the gateway did, not what went wrong
    """The gateway turned a handshake down."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase}: {response.body!r}")
        self.response = response


class ScriptedStation(Link):
    """A station in the hands of a test: `connect` gives one, or raises `Refused`."""

    @classmethod
    async def connect(
        cls,
        url: str,
        offers: tuple[str, ...],
        transcript: Transcript,
        *,
        name: str = "station",
        headers: Mapping[str, str] | None = None,
        compression: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> ScriptedStation:
        """Make the handshake of a client on the `websockets` library."""
        uri = parse_uri(url)
        websocket = ClientProtocol(
            uri,
            subprotocols=list(offers) or None,  # type: ignore[arg-type]
            extensions=[ClientPerMessageDeflateFactory()] if compression else None,
            max_size=None,
        )
        streams = await within(asyncio.open_connection(uri.host, uri.port, ssl=tls), f"{name} connects", DEADLINE)
        station = cls(name, websocket, streams, transcript)
        request = websocket.connect()
        for key, value in (headers or {}).items():
            request.headers[key] = value
        station.request = request
        websocket.send_request(request)
        station._flush()
        try:
            await within(station._shake_hands(), f"{name}: an answer to the handshake")
        except BaseException:
            await station.drop()
            raise
        station.start()
        return station

    async def _shake_hands(self) -> None:
        websocket = self.websocket
        while self.response is None and not self._reader.at_eof():
            data = await self._reader.read(1 << 16)
            websocket.receive_data(data) if data else websocket.receive_eof()
            for event in websocket.events_received():
                if isinstance(event, Response):
                    self.response = event
                elif isinstance(event, Frame):
                    self._take(event)
        if self.response is None:
            raise ConnectionResetError("the connection ended before the handshake was answered")
        self._note("←", f"<{self.response.status_code} {self.response.reason_phrase}>")
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            raise Refused(self.response)
        if websocket.handshake_exc is not None:
            raise websocket.handshake_exc
        self._flush()
        if websocket.state is State.CLOSED:
            self._ended()

    async def boot(self, **more: Any) -> Message:
        """Send a BootNotification of this link's version and wait for its answer."""
        return await self.call("BootNotification", boot_payload(self.subprotocol or "ocpp1.6") | more)


def boot_payload(version: str) -> Json:
    """Give the payload of a BootNotification that each schema of OCPP likes."""
    if version.startswith("ocpp2"):
        return {"reason": "PowerUp", "chargingStation": {"model": "Sparrow", "vendorName": "Finch"}}
    return {"chargePointVendor": "Finch", "chargePointModel": "Sparrow"}


def boot_accepted(interval: int = 300) -> Json:
    """Give the payload of the answer that every station hopes for."""
    return {"currentTime": "2026-01-01T00:00:00Z", "interval": interval, "status": "Accepted"}


class RawStation:
    """A bare TCP socket towards the gateway: any HTTP head, any bytes."""

    def __init__(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], transcript: Transcript, name: str = "raw"
    ) -> None:
        self.name = name
        self._streams = streams
        self._reader, self._writer = streams
        self._transcript = transcript
        self._link: Link | None = None

    @classmethod
    async def connect(cls, host: str, port: int, transcript: Transcript, name: str = "raw") -> RawStation:
        """Open the connection and say nothing."""
        return cls(await within(asyncio.open_connection(host, port), "the raw station connects"), transcript, name)

    async def send(self, data: str | bytes) -> None:
        """Send bytes (text: its UTF-8 with every line end as CR LF)."""
        raw = data if isinstance(data, bytes) else "\r\n".join(data.splitlines()).encode() + b"\r\n\r\n"
        self._transcript.note(self.name, "→", raw.decode("utf-8", "backslashreplace"))
        self._writer.write(raw)
        await within(self._writer.drain(), "the gateway reads")

    async def handshake(self, path: str, *, without: tuple[str, ...] = (), **headers: str) -> Response:
        """Send a handshake for a raw path, with headers replaced, added or left out; give the answer."""
        lines = {
            "Host": "gateway",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "ocpp1.6",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [f"{name}: {value}" for name, value in lines.items() if name not in without]
        await self.send("\r\n".join([f"GET {path} HTTP/1.1", *kept]))
        return await self.response()

    async def response(self) -> Response:
        """Read one HTTP response."""
        head = await within(self._reader.readuntil(b"\r\n\r\n"), "an HTTP response")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = Headers([(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)])
        body = await within(self._reader.readexactly(int(headers.get("Content-Length", "0"))), "the body")
        self._transcript.note(self.name, "←", f"<{status} {reason}> {body.decode('utf-8', 'backslashreplace')}")
        return Response(int(status), reason, headers, body)

    def upgraded(self) -> Link:
        """Go on as a websocket."""
        websocket = ClientProtocol(parse_uri("ws://gateway/"), state=State.OPEN, max_size=None)
        self._link = Link(self.name, websocket, self._streams, self._transcript)
        self._link.start()
        return self._link

    async def ended(self) -> bytes:
        """Wait until the gateway has closed the connection, and give what came before."""
        chunks = []
        with contextlib.suppress(ConnectionError):
            while data := await within(self._reader.read(1 << 16), "the end of the connection"):
                chunks.append(data)
        return b"".join(chunks)

    async def drop(self) -> None:
        """Let go of the connection."""
        if self._link is not None:
            await self._link.drop()
            return
        self._writer.transport.abort()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)


# Backends.


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake that reached a backend."""

    at: float
    path: str
    headers: Headers

    @property
    def station(self) -> str:
        """The last path segment, decoded."""
        return unquote(self.path.partition("?")[0].rsplit("/", 1)[-1])


class ScriptedBackend:
    """A backend in the hands of a test: a websocket server on the `websockets` library.

    It accepts whoever comes, with the first sub-protocol offered that it speaks. `refuse` makes it answer another
    status, `hold` makes handshakes wait for `release`, `stop` makes connecting fail.
    """

    def __init__(
        self,
        name: str,
        transcript: Transcript,
        versions: tuple[str, ...] = SUBPROTOCOLS,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        compression: bool = False,
    ) -> None:
        self.name = name
        self.versions = versions
        self.host = host
        self.port = free_port()
        self.links: list[Link] = []
        self.knocks: list[Handshake] = []
        self._transcript = transcript
        self._tls = tls
        self._compression = compression
        self._server: asyncio.Server | None = None
        self._claimed: set[int] = set()
        self._refusal: tuple[int, str, dict[str, str]] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._answers: dict[str, Answering] = {}
        self._guests: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL template for the configuration."""
        return f"{'wss' if self._tls else 'ws'}://{self.host}:{self.port}/ocpp/{{station}}"

    async def start(self) -> None:
        """Listen (again)."""
        self._server = await asyncio.start_server(
            self._welcome, self.host, self.port, ssl=self._tls, reuse_address=True, backlog=1024
        )

    async def stop(self) -> None:
        """Listen no more, and reset every connection: the machine is gone."""
        await self._shut()
        for link in self.links:
            if link.is_open:
                link.kill()

    async def deny(self) -> None:
        """Listen no more, but keep the connections there are."""
        await self._shut()

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def refuse(self, status: int = 503, body: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Answer handshakes with this status from now on."""
        self._refusal = (status, body, dict(headers or {}))

    def accept(self) -> None:
        """Accept handshakes again."""
        self._refusal = None

    def hold(self) -> None:
        """Let handshakes wait."""
        self._open.clear()

    def release(self) -> None:
        """Decide the handshakes that wait."""
        self._open.set()

    def answers(self, action: str, payload: Answering = None) -> None:
        """Answer such calls without the test's doing, on every link from now on."""
        self._answers[action] = payload
        for link in self.links:
            link.answers(action, payload)

    async def station(self, identity: str) -> Link:
        """Give the link of a station; called again, the next one after that."""

        def found() -> Link | None:
            fresh = (link for link in self.links if id(link) not in self._claimed)
            return next((link for link in fresh if link.name == f"{self.name}/{identity}"), None)

        link = await until(found, f"{identity} comes to backend {self.name}\n{self._transcript}")
        assert link is not None
        self._claimed.add(id(link))
        return link

    async def knocked(self, number: int) -> list[Handshake]:
        """Wait until that many handshakes have come in all."""
        return await until(lambda: self.knocks if len(self.knocks) >= number else None, f"{number} handshakes")

    async def drop(self) -> None:
        """Let go of everything."""
        await self._shut()
        self.release()
        for guest in list(self._guests):
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        for link in self.links:
            await link.drop()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        try:
            if not await self._shake_hands(reader, writer):
                writer.close()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._guests.discard(task)

    async def _shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        websocket = _server(self)
        request = await _request(websocket, reader)
        if request is None:
            return False
        handshake = Handshake(time.monotonic(), request.path, request.headers)
        self.knocks.append(handshake)
        link = Link(f"{self.name}/{handshake.station}", websocket, (reader, writer), self._transcript)
        await self._open.wait()
        response = websocket.accept(request)
        if self._refusal is not None:
            status, body, headers = self._refusal
            response = websocket.reject(status, body)
            for key, value in headers.items():
                response.headers[key] = value
        websocket.send_response(response)
        self._transcript.note(link.name, "→", f"<{response.status_code} {response.reason_phrase}>")
        for data in websocket.data_to_send():
            writer.write(data)
        await writer.drain()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        link.request, link.response = request, response
        link._answers.update(self._answers)
        self.links.append(link)
        link._handle()
        link.start()
        return True


def _server(backend: ScriptedBackend) -> ServerProtocol:
    def choose(_: ServerProtocol, offered: Any) -> Any:
        return next((name for name in offered if name in backend.versions), None)

    factories = [ServerPerMessageDeflateFactory()] if backend._compression else None
    return ServerProtocol(
        subprotocols=list(backend.versions),  # type: ignore[arg-type]
        select_subprotocol=choose,
        extensions=factories,
        max_size=None,
    )


async def _request(websocket: ServerProtocol, reader: asyncio.StreamReader) -> Request | None:
    while True:
        data = await reader.read(1 << 16)
        if not data:
            return None
        websocket.receive_data(data)
        if requests := [event for event in websocket.events_received() if isinstance(event, Request)]:
            return requests[0]


# The gateway.


_locks: list[socket.socket] = []


def free_port() -> int:
    """Give a TCP port that nobody has, and that no other test of this machine will be given while we live.

    Below the ephemeral range, so that no outgoing connection takes it in the meantime.
    """
    for _ in range(1000):
        port = random.randint(10240, 32000)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0voltgate-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _is_free(port):
            _locks.append(lock)
            return port
        lock.close()
    raise AssertionError("no free port on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def release_ports() -> None:
    """Give back every port of this process: called between tests."""
    while _locks:
        _locks.pop().close()


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of the gateway's own pages."""

    status: int
    headers: Headers
    body: str


async def get(port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
    """Ask the gateway's HTTP port for a page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        raw = await within(reader.read(), f"{path} is answered")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in rest]
    found = Headers([(name.strip(), value.strip()) for name, _, value in pairs])
    if found.get("Transfer-Encoding", "").lower() == "chunked":
        body = _unchunked(body)
    return Reply(int(first.split(" ")[1]), found, body.decode())


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


class Gateway:
    """`voltgate run -c FILE` as a child process."""

    def __init__(self, folder: Path, configuration: str, stations_port: int, http_port: int) -> None:
        self.folder = folder
        self.file = folder / "voltgate.toml"
        self.stations_port = stations_port
        self.http_port = http_port
        self.address = ("127.0.0.1", stations_port)
        self._log_file = folder / "voltgate.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.file.write_text(configuration)

    @property
    def log(self) -> str:
        """Everything that the process has said so far."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    async def start(self, *, environment: Mapping[str, str] | None = None) -> None:
        """Start the process and wait until it is ready."""
        await self.launch(environment=environment)
        await until(self._is_ready, f"the gateway is ready; its log:\n{self.log}")

    async def launch(self, *, environment: Mapping[str, str] | None = None) -> None:
        """Start the process and wait for nothing."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is started, not waited for
                [*VOLTGATE, "run", "-c", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
            )

    async def _is_ready(self) -> bool:
        assert self.running, f"the gateway ended while it started:\n{self.log}"
        try:
            return (await self.get("/readyz")).status == HTTPStatus.OK
        except (OSError, IndexError):
            return False

    def url(self, identity: str) -> str:
        """Give the URL of a station."""
        return f"ws://127.0.0.1:{self.stations_port}/{quote(identity, safe='')}"

    async def get(self, path: str) -> Reply:
        """Ask for a page of the HTTP port."""
        return await get(self.http_port, path)

    async def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Give every sample by name and sorted labels."""
        families = text_string_to_metric_families((await self.get("/metrics")).body)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}

    async def metric(self, name: str, **labels: str) -> float:
        """Give the sum of all samples of this name that bear these labels; 0.0 when there is none."""
        wanted = set(labels.items())
        samples = await self.metrics()
        return sum(value for (sample, bears), value in samples.items() if sample == name and wanted <= set(bears))

    async def logged(self, *words: str) -> str:
        """Wait for a line of the log that holds all of these words, and give it."""

        def found() -> str | None:
            return next((line for line in self.log.splitlines() if all(word in line for word in words)), None)

        line = await until(found, f"a log line with {words}; the log:\n{self.log}")
        assert line is not None
        return line

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def reload(self, configuration: str | None = None) -> None:
        """Ask the gateway to read its configuration again, after changing it."""
        if configuration is not None:
            self.file.write_text(configuration)
        self.signal(signal.SIGHUP)

    async def exited(self, seconds: float = DEADLINE) -> int:
        """Wait for the end of the process and give its exit code."""
        process = self._process
        assert process is not None
        await until(lambda: process.poll() is not None, f"the gateway ends; its log:\n{self.log}", seconds)
        return int(process.returncode)

    async def stop(self) -> None:
        """End the process the ordinary way: it must end well and have nothing to be ashamed of in its log."""
        if self.running:
            self.signal(signal.SIGTERM)
        code = await self.exited()
        assert code == 0, f"the gateway ended with {code}; its log:\n{self.log}"
        self.check_log()

    def check_log(self) -> None:
        """Fail when the log shows a fault of the gateway's own."""
        assert "Traceback" not in self.log, f"the gateway's log shows a traceback:\n{self.log}"

    async def kill(self) -> None:
        """End the process as a power cut does."""
        if self.running:
            self.signal(signal.SIGKILL)
            await self.exited()
        self.check_log()

    async def drop(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.running:
            self.signal(signal.SIGKILL)
            await self.exited()


def _voltgate() -> list[str]:
    beside = Path(sys.executable).parent / "voltgate"
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "voltgate"]


VOLTGATE = _voltgate()
"""The command under test."""


class StandIn:
    """`voltgate backend`: the product's own stand-in for a backend, as a child process."""

    def __init__(self, name: str, log_file: Path, options: tuple[str, ...] = ()) -> None:
        self.name = name
        self.port = free_port()
        self._log_file = log_file
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL template for the configuration."""
        return f"ws://127.0.0.1:{self.port}/{{station}}"

    async def start(self) -> None:
        """Start the process and wait until it takes connections."""
        command = [*VOLTGATE, "backend", "--listen", f"ws://127.0.0.1:{self.port}", *self._options]
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is started, not waited for
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        await until(self._listens, f"the stand-in backend listens; its log: {self._log_file}")

    async def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the stand-in backend ended:\n{self._log_file.read_text()}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def drop(self) -> None:
        """Leave no process behind."""
        process = self._process
        if process is not None:
            process.kill()
            await until(lambda: process.poll() is not None, "the stand-in backend ends")


# Configurations.


def toml(document: Mapping[str, Any]) -> str:
    """Write a configuration: tables as tables, everything inside lists inline."""
    return "\n".join(_table((), document)) + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, Mapping) and not (not path and _is_tables(value)):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        inner = (*path, key)
        name = ".".join(map(_key, inner))
        if isinstance(value, Mapping):
            yield f"[{name}]"
            yield from _table(inner, value)
        elif not path and _is_tables(value):
            for one in value:
                yield f"[[{name}]]"
                yield from _table(inner, one)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Json:
    """Lay one document over another: tables are merged, all else is replaced, None removes."""
    whole = dict(below)
    for key, value in above.items():
        if value is None:
            whole.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(whole.get(key), Mapping):
            whole[key] = merged(whole[key], value)
        else:
            whole[key] = value
    return whole


# The stage.


@dataclass(slots=True)
class Stage:
    """Where one scenario plays: gateway, backends and stations, and the transcript of what they said."""

    folder: Path
    transcript: Transcript = field(default_factory=Transcript)
    backends: dict[str, ScriptedBackend] = field(default_factory=dict)
    gateways: list[Gateway] = field(default_factory=list)
    _ends: list[Any] = field(default_factory=list)

    async def backend(
        self, name: str = "main", versions: tuple[str, ...] = SUBPROTOCOLS, **more: Any
    ) -> ScriptedBackend:
        """Start a backend. Those started before the gateway stand in its configuration."""
        backend = ScriptedBackend(name, self.transcript, versions, **more)
        await backend.start()
        self.backends[name] = backend
        self._ends.append(backend)
        return backend

    def configuration(self, **changes: Any) -> Json:
        """Give a whole configuration as a document.

        Without changes: every backend of the stage, one route on which the first of them answers and the others are
        copied, every station on that route, the listeners on free ports.
        """
        names = list(self.backends)
        rules = [{"answer": names[0], "copy": names[1:]}] if names else []
        document: Json = {
            "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
            "backends": {name: {"url": backend.url} for name, backend in self.backends.items()},
            "routes": {"main": {"rules": rules}},
            "stations": [{"match": "*", "route": "main"}],
            "shutdown": {"grace": 2, "spread": 0},
        }
        return merged(document, changes)

    async def gateway(self, configuration: Json | None = None, *, ready: bool = True, **changes: Any) -> Gateway:
        """Start the gateway with the stage's configuration, changed as told."""
        document = configuration if configuration is not None else self.configuration(**changes)
        gateway = self.prepare(document)
        await (gateway.start() if ready else gateway.launch())
        return gateway

    def prepare(self, document: Json) -> Gateway:
        """Make a gateway and do not start it."""
        folder = self.folder / f"gateway{len(self.gateways)}"
        folder.mkdir()
        stations = document["listen"]["stations"][0]
        url = stations if isinstance(stations, str) else stations["url"]
        gateway = Gateway(folder, toml(document), _port(url), _port(document["listen"]["http"]))
        self.gateways.append(gateway)
        return gateway

    async def station(
        self, identity: str = "CP1", *offers: str, url: str | None = None, name: str | None = None, **more: Any
    ) -> ScriptedStation:
        """Connect a station to the newest gateway, offering `ocpp1.6` unless told otherwise; it must be let in."""
        station = await ScriptedStation.connect(
            url or self.gateways[-1].url(identity),
            offers or ("ocpp1.6",),
            self.transcript,
            name=name or identity,
            **more,
        )
        self._ends.append(station)
        return station

    async def meet(self, identity: str = "CP1", *offers: str, **more: Any) -> tuple[ScriptedStation, *tuple[Link, ...]]:
        """Connect a station and give it with its link at each backend of the stage, in the order they were started."""
        station = await self.station(identity, *offers, **more)
        return station, *[await backend.station(identity) for backend in self.backends.values()]

    async def stand_in(self, *options: str, name: str = "main") -> StandIn:
        """Start the stand-in backend of the product; it stands in the configuration like any other."""
        stand_in = StandIn(name, self.folder / f"{name}.log", options)
        await stand_in.start()
        self.backends[name] = stand_in  # type: ignore[assignment]
        self._ends.append(stand_in)
        return stand_in

    async def refused(self, identity: str = "CP1", *offers: str, **more: Any) -> Response:
        """Connect a station that must be turned away, and give the answer."""
        try:
            station = await self.station(identity, *offers, **more)
        except Refused as refused:
            return refused.response
        raise AssertionError(f"{station.name} was let in\n{self.transcript}")

    async def raw(self, name: str = "raw") -> RawStation:
        """Open a bare connection to the newest gateway."""
        raw = await RawStation.connect(*self.gateways[-1].address, self.transcript, name)
        self._ends.append(raw)
        return raw

    async def quiet(self, *links: Link) -> None:
        """Nothing is under way between these ends and the gateway, and nothing came that the test has not read.

        Each end makes a round trip, twice: what the first end sent has reached the others after that.
        """
        for _ in range(2):
            for link in links:
                await link.ping()
        for link in links:
            assert link.is_open, f"{link.name}: ended: {link.ending}\n{self.transcript}"
            assert not link.unread, f"{link.name}: expected nothing, got {link.unread}\n{self.transcript}"

    async def close(self) -> None:
        """End everything; every gateway that still runs must end well."""
        try:
            for gateway in self.gateways:
                if gateway.running:
                    await gateway.stop()
                else:
                    gateway.check_log()
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Leave nothing behind."""
        for gateway in self.gateways:
            await gateway.drop()
        for end in reversed(self._ends):
            await end.drop()
        await asyncio.sleep(0)
        release_ports()

    def __str__(self) -> str:
        logs = "".join(f"\n--- log of {gateway.folder.name}\n{gateway.log}" for gateway in self.gateways)
        return f"--- transcript\n{self.transcript}{logs}"


def _port(address: str) -> int:
    return int(address.rsplit(":", 1)[1].partition("/")[0])
