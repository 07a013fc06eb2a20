"""A SOAP station or a SOAP backend as a wire: what it says by HTTP becomes messages of OCPP-J 1.6, and back.

Either of them serves calls and makes calls: a station is called at its callback address, a backend calls Voltgate's.
Envelopes that need no change go on as they came: `Originals` finds the envelope that a message was made of.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal, Protocol
from uuid import uuid4

import msgspec
import structlog

from voltgate.carriers.soap.client import Client, NoAnswer, Response, Target, Unreachable
from voltgate.carriers.soap.connection import Answer, Answered
from voltgate.ocpp.errors import LONGEST_DESCRIPTION, spell
from voltgate.ocpp.framing import LONGEST_ID, decode, encode_call, encode_error, encode_result
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.ocpp.schemas import Violation
from voltgate.ocpp.soap import codec, writing
from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.codec import Assumed, NoCounterpart
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import Fault, error_of, fault, fault_of
from voltgate.ocpp.soap.names import ANONYMOUS, Service, Version
from voltgate.ocpp.soap.operations import has
from voltgate.relay.wire import Receiver

_REMEMBERED = 32
"""Envelopes of one station that may still go on as they came."""
_URN = "urn:uuid:"
_AWAY = frozenset({502, 503, 504})
"""What a server that stands before a backend says when that is away."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Original:
    """An envelope as it came."""

    version: Version
    message_id: str
    raw: bytes


class Originals:
    """The envelopes that the last messages of one station and its backends were made of, by the message's text."""

    __slots__ = ("_by_text",)

    def __init__(self) -> None:
        self._by_text: OrderedDict[bytes, Original] = OrderedDict()

    def keep(self, text: bytes, original: Original) -> None:
        """Remember an envelope."""
        self._by_text[text] = original
        if len(self._by_text) > _REMEMBERED:
            self._by_text.popitem(last=False)

    def find(self, text: bytes, version: Version) -> Original | None:
        """Give the envelope of a message that is unchanged, if the other side speaks that version."""
        known = self._by_text.get(text)
        return known if known is not None and known.version == version else None


class FarEnd(Protocol):
    """Where the other side of a wire is called, and how."""

    def target(self) -> Target | str:
        """Give where to post to now, or say why that is not known."""

    def sender(self) -> str:
        """Give the address at which we are called back; "" for none."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give more headers of HTTP."""


@dataclass(frozen=True, slots=True)
class WireSettings:
    """How a wire behaves. Times are in seconds, `largest` in bytes."""

    connect: float = 10.0
    patience: float = 60.0
    largest: int = 1 << 20
    interval: int = 300
    """The heartbeat interval for a BootNotification that is answered without one, as 1.2 allows."""


@dataclass(slots=True)
class _Exchange:
    """A request that waits for its answer; a station that repeats it meanwhile waits with it."""

    envelope: Envelope
    message_id: str
    version: Version
    content: bytes
    answered: list[Answered] = field(default_factory=list)


class SoapWire:
    """One side's SOAP, for one station: `serves` is the service that we are to it, "Cs" to a station.

    `version` is the one it speaks: a station's is that of its last request. `charges` tells whether a transaction runs
    on a connector: one that is Occupied, as 1.2 and 1.5 say, is Charging then, else Preparing.
    """

    __slots__ = (
        "_calls", "_client", "_far", "_is_closed", "_open", "_originals", "_posting", "_queue", "_receiver", "_serves",
        "_settings", "charges", "clock", "heard", "identity", "is_station", "subprotocol", "version",
    )  # fmt: skip

    def __init__(
        self,
        identity: str,
        serves: Service,
        version: Version,
        far: FarEnd,
        client: Client,
        originals: Originals,
        settings: WireSettings,
        clock: Callable[[], float],
        charges: Callable[[object], bool] | None = None,
    ) -> None:
        self.identity = identity
        self.version: Version = version
        self.subprotocol = "ocpp1.6"
        self.is_station = serves == "Cs"
        self.heard = clock()
        self.clock = clock
        self.charges = charges
        self._serves: Service = serves
        self._calls: Service = "Cp" if serves == "Cs" else "Cs"
        self._far = far
        self._client = client
        self._originals = originals
        self._settings = settings
        self._receiver: Receiver | None = None
        self._open: dict[str, _Exchange] = {}
        self._queue: deque[bytes] = deque()
        self._posting: asyncio.Task[None] | None = None
        self._is_closed = False

    def start(self, receiver: Receiver) -> None:
        """Bring messages to a receiver from now on."""
        self._receiver = receiver

    # What the far end asks.

    def take(self, envelope: Envelope, raw: bytes, answered: Answered) -> None:
        """Take a request of the far end; it is answered when the receiver has answered, or is gone."""
        self.heard = self.clock()
        if self.is_station:
            self.version = envelope.version
        if self._is_closed or self._receiver is None:
            answered(said(envelope, fault("InternalError", "Nobody is there to answer"), status=503))
            return
        payload = codec.decode(envelope, self._assumed())
        if isinstance(payload, Violation):
            answered(said(envelope, fault("ProtocolError", payload.description)))
            return
        self._look_at_status(envelope, payload)
        content = msgspec.json.encode(payload)
        message_id = _short(envelope.message_id)
        exchange = self._open.get(message_id)
        if exchange is not None and (exchange.content, exchange.envelope.operation) == (content, envelope.operation):
            exchange.answered.append(answered)
            return
        if exchange is not None:
            message_id = _short(f"{envelope.message_id} {self.heard}")
        self._open[message_id] = _Exchange(envelope, envelope.message_id, envelope.version, content, [answered])
        text = encode_call(message_id, envelope.operation, content)
        self._originals.keep(text, Original(envelope.version, envelope.message_id, raw))
        self._receiver.received(text, None, self.heard)

    def _assumed(self) -> Assumed:
        now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return Assumed(now=now, interval=self._settings.interval)

    def _look_at_status(self, envelope: Envelope, payload: dict[str, Any]) -> None:
        """Say of a connector that is Occupied, in 1.2 and 1.5, what 1.6 wants to know."""
        is_old_status = envelope.operation == "StatusNotification" and envelope.version != "1.6"
        if is_old_status and payload.get("status") == "Charging" and self.charges is not None:
            payload["status"] = "Charging" if self.charges(payload.get("connectorId")) else "Preparing"

    # What the relay says: the Wire.

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one message: an answer goes home with its request, a call is posted in its turn."""
        if self._is_closed:
            return
        message = decode(text)
        if isinstance(message, Call):
            self._queue.append(text)
            if self._posting is None:
                self._posting = asyncio.get_running_loop().create_task(self._post_all())
        elif isinstance(message, Result | Error):
            exchange = self._open.pop(message.id, None)
            if exchange is not None:
                answer = self._answer(exchange, message, text)
                for answered in exchange.answered:
                    answered(answer)

    def _answer(self, exchange: _Exchange, reply: Result | Error, text: bytes) -> Answer:
        original = self._originals.find(text, exchange.version)
        if original is not None:
            return _envelope(original.raw, 500 if isinstance(reply, Error) else 200)
        if isinstance(reply, Error):
            return said(exchange.envelope, fault_of(reply))
        version, operation = exchange.version, exchange.envelope.operation
        body = codec.encode(version, self._serves, operation, "response", reply.fields)
        if not isinstance(body, str):
            return said(exchange.envelope, fault("InternalError", f"The answer cannot be said in OCPP {version}"))
        written = writing.response(
            version, self._serves, operation, body, message_id=_new_id(), relates_to=exchange.message_id
        )
        return _envelope(written, 200)

    def close(self, code: int, reason: str) -> None:
        """End: nobody who waits for an answer hears that all was well; the far end keeps what it must not lose."""
        if self._is_closed:
            return
        self._is_closed = True
        left, self._open = self._open, {}
        for exchange in left.values():
            answer = said(exchange.envelope, fault("InternalError", reason), status=503)
            for answered in exchange.answered:
                answered(answer)
        self._queue.clear()
        if self._posting is not None:
            self._posting.cancel()

    def pause(self) -> None:
        """Go on: an HTTP request is answered before the next comes, which is pause enough."""

    def resume(self) -> None:
        """Go on: nothing was paused."""

    # Our calls.

    async def _post_all(self) -> None:
        """Post what waits, one call after the other."""
        try:
            while self._queue and not self._is_closed:
                await self._post(self._queue.popleft())
        except Exception:
            log.exception("a fault of Voltgate: a call could not be posted", station=self.identity)
        finally:
            self._posting = None

    async def _post(self, text: bytes) -> None:
        call = decode(text)
        assert isinstance(call, Call)  # noqa: S101 - `send` queues nothing else
        target = self._far.target()
        if isinstance(target, str):
            self._failed(call, "InternalError", target)
            return
        original = self._originals.find(text, self.version)
        written = self._request(call, original, target)
        if isinstance(written, Error):
            self._failed(call, written.code, written.description)
            return
        try:
            response = await self._client.post(
                target,
                written,
                f"/{call.action}",
                self._far.headers(),
                self._settings.connect,
                self._settings.patience,
            )
        except (Unreachable, NoAnswer, TimeoutError) as problem:
            self._unanswered(call, problem)
        else:
            self._answered(call, response, original)

    def _request(self, call: Call, original: Original | None, target: Target) -> bytes | Error:
        """Give the envelope of a call: as it came but for the addresses, or written anew."""
        sender = self._far.sender()
        if original is not None:
            readdressed = readdress(original.raw, to=target.url, sender=sender or None, reply_to=ANONYMOUS)
            if isinstance(readdressed, bytes):
                return readdressed
        if not has(self.version, self._calls, call.action):
            return Error("", "NotSupported", f"OCPP-S {self.version} has no {call.action}")
        body = codec.encode(self.version, self._calls, call.action, "request", call.fields)
        match body:
            case NoCounterpart():
                return Error("", "NotSupported", f"OCPP-S {self.version} cannot say {body.what}")
            case Violation():
                return Error("", body.code, body.description)
            case _:
                return writing.request(
                    self.version,
                    self._calls,
                    call.action,
                    body,
                    identity=self.identity,
                    message_id=_long(call.id),
                    to=target.url,
                    sender=sender,
                )

    def _unanswered(self, call: Call, problem: Exception) -> None:
        """Say that nobody answered; a backend that cannot be reached is away, like one whose socket has closed."""
        if isinstance(problem, TimeoutError):
            return  # whoever asked has a deadline of his own
        if isinstance(problem, Unreachable) and not self.is_station:
            self._lost(str(problem))
        else:
            self._failed(call, "InternalError", f"No answer: {problem}")

    def _answered(self, call: Call, response: Response, original: Original | None) -> None:
        envelope = parse(response.body, self._settings.largest)
        if isinstance(envelope, BadEnvelope):
            if response.status in _AWAY and not self.is_station:
                self._lost(f"HTTP {response.status}")
            else:
                self._failed(call, "InternalError", f"HTTP {response.status}, and no SOAP: {envelope.reason}")
            return
        asked = _long(call.id) if original is None else original.message_id
        if envelope.relates_to and asked and envelope.relates_to != asked:
            self._failed(call, "ProtocolError", "RelatesTo speaks of another request")
            return
        self.heard = self.clock()
        reply = self._reply(call, envelope)
        if original is not None:
            self._originals.keep(reply, Original(envelope.version, envelope.message_id, response.body))
        self._received(reply)

    def _reply(self, call: Call, envelope: Envelope) -> bytes:
        """Read an answer as the message that it is."""
        if envelope.kind == "fault" and envelope.fault is not None:
            error = error_of(envelope.fault)
            return _error(call, error.code, error.description)
        if envelope.kind != "response" or envelope.operation != call.action:
            return _error(call, "ProtocolError", f"The answer is no {call.action}Response")
        payload = codec.decode(envelope, self._assumed())
        if isinstance(payload, Violation):
            return _error(call, payload.code, f"The answer cannot be read: {payload.description}")
        return encode_result(call.id, msgspec.json.encode(payload))

    def _failed(self, call: Call, code: str, description: str) -> None:
        self._received(_error(call, code, description))

    def _received(self, text: bytes) -> None:
        if not self._is_closed and self._receiver is not None:
            self._receiver.received(text, None, self.clock())

    def _lost(self, reason: str) -> None:
        """Have the receiver hear that the far end is away."""
        if not self._is_closed and self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            self.close(1006, reason)
            receiver.lost(1006, reason)


def _error(call: Call, code: str, description: str) -> bytes:
    """Write a CALLERROR as OCPP-J 1.6 spells it."""
    return encode_error(call.id, spell(code, modern=False), description[:LONGEST_DESCRIPTION])


def _short(message_id: str) -> str:
    """Give the id of a message of OCPP-J for a MessageID: the same one for the same, at most 36 characters."""
    short = message_id.removeprefix(_URN)
    if 0 < len(short) <= LONGEST_ID and short.isprintable():
        return short
    return blake2b(message_id.encode(), digest_size=16).hexdigest() if message_id else _new_id().removeprefix(_URN)


def _long(message_id: str) -> str:
    """Give the MessageID for the id of a message of OCPP-J."""
    return f"{_URN}{message_id}" if len(message_id) == LONGEST_ID else message_id


def _new_id() -> str:
    return f"{_URN}{uuid4()}"


def _envelope(body: bytes, status: Literal[200, 400, 500, 503]) -> Answer:
    headers = (("Retry-After", "10"),) if status == 503 else ()
    return Answer(status, body, writing.CONTENT_TYPE, headers)


def said(envelope: Envelope | BadEnvelope, what: Fault, status: Literal[400, 500, 503] | None = None) -> Answer:
    """Answer a request with a fault (SOAP 1.2 part 2 section 7.4.2: 400 for a Sender's, else 500)."""
    by_role: Literal[400, 500] = 400 if what.role == "Sender" else 500
    body = writing.fault(envelope.version, what, message_id=_new_id(), relates_to=envelope.message_id)
    return _envelope(body, status or by_role)
