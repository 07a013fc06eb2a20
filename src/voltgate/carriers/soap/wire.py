"""A SOAP station or a SOAP backend as a wire: what it says by HTTP becomes messages of OCPP-J 1.6, and back.

Either of them serves calls and makes calls: a station is called at its callback address, a backend calls Voltgate's.
Envelopes that need no change go on as they came: `Originals` finds the envelope that a message was made of.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import msgspec
import structlog

from voltgate.carriers.soap.answers import AWAY, REFUSES, enveloped, long_id, new_id, said, short_id
from voltgate.carriers.soap.client import Client, NoAnswer, Outcome, Response, Unreachable
from voltgate.carriers.soap.connection import Answer, Answered
from voltgate.carriers.soap.originals import Original, Originals
from voltgate.carriers.soap.target import Target
from voltgate.carriers.soap.whole import Known, TakesCalls, TakesReplies, WholeCall, WholeResult, WholeWire
from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.errors import LONGEST_DESCRIPTION, spell
from voltgate.ocpp.framing import decode, encode_call, encode_error, encode_result
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.ocpp.schemas import Violation
from voltgate.ocpp.soap import codec, writing
from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.codec import Assumed, NoCounterpart, nobody_counts
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import error_of, fault, fault_of
from voltgate.ocpp.soap.names import ANONYMOUS, Edition, Service, Version
from voltgate.ocpp.soap.operations import has
from voltgate.ocpp.soap.template import Match, Template, template
from voltgate.ocpp.times import stamp
from voltgate.relay.wire import Receiver

_MOST_KNOWN = 64
"""Kinds of answers of one backend that are known."""

log = structlog.get_logger(__name__)


class FarEnd(Protocol):
    """Where the other side of a wire is called, and how."""

    def target(self) -> Target | str:
        """Return where to post to now, or why that is not known."""

    def sender(self) -> str:
        """Return the address at which we are called back; "" for none."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return more headers of HTTP."""


@dataclass(frozen=True, slots=True)
class WireSettings:
    """How a wire behaves. Times are in seconds, `largest` in bytes."""

    connect: float = 10.0
    patience: float = 60.0
    largest: int = 1 << 20
    interval: int = 300
    """The heartbeat interval for a BootNotification that is answered without one, as 1.2 allows."""
    lost: Callable[[], None] = field(default=nobody_counts, compare=False)
    """Called for each sampled value that a backend of an older version cannot be told of."""


@dataclass(slots=True)
class _Exchange:
    """A request that waits for its answer; a station that repeats it meanwhile waits with it."""

    envelope: Envelope
    message_id: str
    version: Version
    raw: bytes
    answered: list[Answered] = field(default_factory=list)

    def give(self, answer: Answer) -> None:
        """Answer all that wait."""
        for answered in self.answered:
            answered(answer)


class SoapWire(WholeWire):
    """One side's SOAP, for one station: `serves` is the service that we are to it, "Cs" to a station.

    `version` is the one it speaks: a station's is that of its last request. `charges` tells whether a transaction runs
    on a connector: one that is Occupied, as 1.2 and 1.5 say, is Charging then, else Preparing. `known` are the answers
    that the far end gives, by action; wires to one backend share them.
    """

    __slots__ = (
        "_calls", "_client", "_far", "_is_closed", "_is_posting", "_known", "_leg", "_open", "_originals", "_queue",
        "_receiver", "_serves", "_session", "_settings", "charges", "clock", "edition", "heard", "identity",
        "is_station", "version",
    )  # fmt: skip
    subprotocol = "ocpp1.6"
    shared = False

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
        known: Known | None = None,
    ) -> None:
        self.identity = identity
        self.version: Version = version
        self.edition: Edition = "1.2"
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
        self._session: TakesCalls | None = None
        self._leg: TakesReplies | None = None
        self._open: dict[str, _Exchange] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._is_posting = False
        self._known = {} if known is None else known
        self._is_closed = False

    def start(self, receiver: Receiver) -> None:
        """Bring messages to a receiver from now on."""
        self._receiver = receiver
        self._session = receiver if isinstance(receiver, TakesCalls) else None
        self._leg = receiver if isinstance(receiver, TakesReplies) else None

    # What the far end asks.

    def take(self, envelope: Envelope, raw: bytes, answered: Answered) -> None:
        """Take a request of the far end; it is answered when the receiver has answered, or is gone."""
        self.heard = self.clock()
        if self.is_station:
            self.version, self.edition = envelope.version, envelope.edition
        if self._is_closed or self._receiver is None:
            answered(said(envelope, fault("InternalError", "Nobody is there to answer"), status=503))
            return
        payload = codec.decode(envelope, self._assumed())
        if isinstance(payload, Violation):
            answered(said(envelope, fault("ProtocolError", payload.description)))
            return
        message_id = short_id(envelope.message_id)
        if self._joins(message_id, raw, answered):
            return
        if message_id in self._open:
            message_id = short_id(f"{envelope.message_id} {self.heard}")
        self._open[message_id] = _Exchange(envelope, envelope.message_id, envelope.version, raw, [answered])
        text = encode_call(message_id, envelope.operation, msgspec.json.encode(payload))
        self._originals.keep(text, Original(envelope.version, envelope.edition, envelope.message_id, raw))
        self._receiver.received(text, None, self.heard)

    def _joins(self, message_id: str, raw: bytes, answered: Answered) -> bool:
        """Let a station that repeats a request, while it waits for the answer, wait with the first; tell whether."""
        exchange = self._open.get(message_id)
        if exchange is None or exchange.raw != raw:
            return False
        exchange.answered.append(answered)
        return True

    def take_whole(self, made: Template, match: Match, raw: bytes, answered: Answered) -> None:
        """Take a request that fits a template, and read no more of it than somebody asks for."""
        self.heard = self.clock()
        message_id = short_id(match.message_id)
        if self._joins(message_id, raw, answered):
            return
        session = self._session
        if self._is_closed or session is None or message_id in self._open:
            self._take_parsed(raw, answered)
            return
        self._open[message_id] = _Exchange(made.envelope, match.message_id, self.version, raw, [answered])
        session.take(WholeCall(message_id, made, match, raw, self._assumed), self.heard)

    def _take_parsed(self, raw: bytes, answered: Answered) -> None:
        envelope = parse(raw, self._settings.largest)
        if isinstance(envelope, BadEnvelope):
            answered(said(envelope, envelope.fault))
        else:
            self.take(envelope, raw, answered)

    def _assumed(self) -> Assumed:
        return Assumed(self._occupied, stamp(time.time()), self._settings.interval)

    def _occupied(self, connector: object) -> str:
        """Return the status of 1.6 for a connector that is Occupied, as 1.2 and 1.5 say."""
        return "Charging" if self.charges is None or self.charges(connector) else "Preparing"

    # What the relay says: the Wire.

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one message: an answer goes home with its request, a call is posted in its turn."""
        if self._is_closed:
            return
        message = decode(text)
        if isinstance(message, Call):
            self._enqueue(partial(self._post, text))
        elif isinstance(message, Result | Error):
            exchange = self._open.pop(message.id, None)
            if exchange is not None:
                exchange.give(self._answer(exchange, message, text))

    def post_whole(self, call: WholeCall, message_id: str) -> bool:
        """Post a request as it came; False when this wire speaks otherwise."""
        said = call.made.envelope
        if self.is_station or message_id != call.id or (self.version, self.edition) != (said.version, said.edition):
            return False
        self._enqueue(partial(self._post_whole, call, message_id))
        return True

    def answer_whole(self, reply: WholeResult, message_id: str) -> bool:
        """Answer a request with an envelope as it came; False when who asked speaks otherwise."""
        exchange, said = self._open.get(message_id), reply.made.envelope
        if exchange is None or (exchange.version, exchange.envelope.edition) != (said.version, said.edition):
            return False
        del self._open[message_id]
        exchange.give(enveloped(reply.raw, said.edition, 200))
        return True

    def _answer(self, exchange: _Exchange, reply: Result | Error, text: bytes) -> Answer:
        edition = exchange.envelope.edition
        original = self._originals.find(text, exchange.version, edition)
        if original is not None:
            return enveloped(original.raw, edition, 500 if isinstance(reply, Error) else 200)
        if isinstance(reply, Error):
            return said(exchange.envelope, fault_of(reply))
        version, operation = exchange.version, exchange.envelope.operation
        body = codec.encode_json(version, self._serves, operation, "response", reply.payload)
        if not isinstance(body, str):
            why = body.description if isinstance(body, Violation) else body.what
            return said(
                exchange.envelope, fault("InternalError", f"The answer cannot be said in OCPP {version}: {why}")
            )
        written = writing.response(
            version, self._serves, operation, body, message_id=new_id(), relates_to=exchange.message_id, edition=edition
        )
        return enveloped(written, edition, 200)

    def close(self, code: int, reason: str) -> None:
        """End: nobody who waits for an answer hears that all was well; the far end keeps what it must not lose."""
        if self._is_closed:
            return
        self._is_closed = True
        left, self._open = self._open, {}
        for exchange in left.values():
            exchange.give(said(exchange.envelope, fault("InternalError", reason), status=503))
        self._queue.clear()

    def pause(self) -> None:
        """Go on: an HTTP request is answered before the next comes, which is pause enough."""

    def resume(self) -> None:
        """Go on: nothing was paused."""

    # Our calls: posted one after the other.

    def _enqueue(self, post: Callable[[], None]) -> None:
        if self._is_posting:
            self._queue.append(post)
        elif not self._is_closed:
            self._is_posting = True
            post()

    def _posted(self) -> None:
        """Go on with the next call."""
        if self._queue and not self._is_closed:
            self._queue.popleft()()
        else:
            self._is_posting = False

    def _post(self, text: bytes) -> None:
        call = decode(text)
        assert isinstance(call, Call)  # noqa: S101 - `send` queues nothing else
        target = self._far.target()
        if isinstance(target, str):
            self._posted()
            self._silence(call, target, sent=False)
            return
        original = self._originals.find(text, self.version, self.edition)
        written = self._request(call, original, target)
        if isinstance(written, Error):
            self._not_posted(call, written)
        else:
            self._send_off(target, written, call.action, partial(self._heard_of, call, original))

    def _not_posted(self, call: Call, error: Error) -> None:
        self._posted()
        self._failed(call, error.code, error.description)

    def _send_off(self, target: Target, written: bytes, action: str, then: Callable[[Outcome], None]) -> None:
        settings = self._settings
        self._client.post(
            target, written, f"/{action}", self._far.headers(), settings.connect, settings.patience, then, self.edition
        )

    def _heard_of(self, call: Call, original: Original | None, outcome: Outcome) -> None:
        self._posted()
        if isinstance(outcome, Response):
            self._answered(call, outcome, original)
        else:
            self._unanswered(call, outcome)

    def _post_whole(self, call: WholeCall, message_id: str) -> None:
        target = self._far.target()
        written = call.forwarded(target.url, self._far.sender()) if isinstance(target, Target) else None
        if written is None or isinstance(target, str):
            self._post(encode_call(message_id, call.action, call.payload))
        else:
            self._send_off(target, written, call.action, partial(self._heard_whole, call, message_id))

    def _heard_whole(self, call: WholeCall, message_id: str, outcome: Outcome) -> None:
        """Take the answer to a request that went on as it came: by a template, else as any other."""
        reply = self._whole_result(call, message_id, outcome)
        if reply is not None and self._leg is not None and not self._is_closed:
            self._posted()
            self.heard = self.clock()
            self._leg.replied(reply, self.heard)
        else:
            sent = Call(message_id, call.action, b"")
            self._heard_of(sent, Original(self.version, self.edition, call.match.message_id, call.raw), outcome)

    def _whole_result(self, call: WholeCall, message_id: str, outcome: Outcome) -> WholeResult | None:
        if not isinstance(outcome, Response) or outcome.status != 200:
            return None
        known = self._known.get((self.version, call.action))
        match = known.match(outcome.body, self._settings.largest) if known is not None else None
        if known is not None and match is not None and match.relates_to in ("", call.match.message_id):
            return WholeResult(message_id, known, outcome.body, self._assumed)
        envelope = parse(outcome.body, self._settings.largest)
        if isinstance(envelope, Envelope) and envelope.kind == "response" and envelope.operation == call.action:
            made = template(outcome.body, envelope)
            if made is not None and len(self._known) < _MOST_KNOWN:
                self._known[self.version, call.action] = made
        return None

    def _request(self, call: Call, original: Original | None, target: Target) -> bytes | Error:
        """Return the envelope of a call: as it came but for the addresses, or written anew."""
        sender = self._far.sender()
        if original is not None:
            made = None if original.message_id else long_id(call.id)
            readdressed = readdress(original.raw, target.url, sender or None, ANONYMOUS, made)
            if isinstance(readdressed, bytes):
                return readdressed
        if not has(self.version, self._calls, call.action):
            return Error("", "NotSupported", f"OCPP-S {self.version} has no {call.action}")
        body = codec.encode_json(self.version, self._calls, call.action, "request", call.payload, self._settings.lost)
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
                    message_id=long_id(call.id),
                    to=target.url,
                    sender=sender,
                    edition=self.edition,
                )

    def _unanswered(self, call: Call, problem: Unreachable | NoAnswer | TimeoutError) -> None:
        """Report that nobody answered; a backend that cannot be reached is away, like one whose socket has closed."""
        if isinstance(problem, TimeoutError):
            return  # the asker has a deadline of its own
        if isinstance(problem, Unreachable) and not self.is_station:
            self._lost(str(problem))
        else:
            self._silence(call, f"No answer: {problem}", sent=not isinstance(problem, Unreachable) or problem.sent)

    def _answered(self, call: Call, response: Response, original: Original | None) -> None:
        envelope = parse(response.body, self._settings.largest)
        if isinstance(envelope, BadEnvelope):
            if response.status in AWAY and not self.is_station:
                self._lost(f"HTTP {response.status}")
            elif response.status in REFUSES and not self.is_station:
                self._failed(call, "SecurityError", f"The backend answers HTTP {response.status}")
            else:
                self._silence(call, f"HTTP {response.status}, and no SOAP: {envelope.reason}", sent=True)
            return
        asked = (original.message_id if original is not None else "") or long_id(call.id)
        if envelope.relates_to and envelope.relates_to != asked:
            self._failed(call, "ProtocolError", "RelatesTo speaks of another request")
            return
        self.heard = self.clock()
        reply = self._reply(call, envelope)
        is_whole = envelope.kind == "fault" or isinstance(decode(reply), Result)
        if original is not None and is_whole:  # an answer that is none reaches nobody
            self._originals.keep(
                reply, Original(envelope.version, envelope.edition, envelope.message_id, response.body)
            )
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

    def _silence(self, call: Call, description: str, *, sent: bool) -> None:
        """Report that there is no answer: of a station so that nobody takes it for the station's own word."""
        if self._session is None:
            self._failed(call, "InternalError", description)
        elif not self._is_closed:
            self._session.unanswered(call.id, description, self.clock(), sent=sent)

    def _failed(self, call: Call, code: str, description: str) -> None:
        self._received(_error(call, code, description))

    def _received(self, text: bytes) -> None:
        if not self._is_closed and self._receiver is not None:
            self._receiver.received(text, None, self.clock())

    def _lost(self, reason: str) -> None:
        """Tell the receiver that the far end is away."""
        if not self._is_closed and self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            self.close(NO_CLOSE, reason)
            receiver.lost(NO_CLOSE, reason)


def _error(call: Call, code: str, description: str) -> bytes:
    """Write a CALLERROR as OCPP-J 1.6 spells it."""
    return encode_error(call.id, spell(code, modern=False), description[:LONGEST_DESCRIPTION])
