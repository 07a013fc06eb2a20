"""One station's share of a connection to a broker: a `Wire` whose messages travel by two topics.

Towards the station one call of the consumer's goes at a time, and none while the station itself waits for an answer of
the consumer: it is held back, in a bounded queue. What is not passed on is answered: there is no other end of this wire
that could notice that something was dropped.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.calls import Answered, Given, Open, Past
from voltgate.carriers.mqtt.connection import Publication
from voltgate.ocpp import envelope
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.envelope import Asked, Read, Unreadable
from voltgate.ocpp.framing import Complaint, decode, encode_call, encode_error, encode_result
from voltgate.ocpp.messages import CALL, ERROR, RESULT, SEND, Call, Error, Result
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Receiver

MOST_HELD = 8
"""Calls of the consumer that wait at one station until it has its own answer, or until its session has begun."""


@dataclass(slots=True)
class MqttCounts:
    """What befell messages and connections of brokers, counted."""

    losses: int = 0
    """Connections that were lost."""
    unheard: int = 0
    """Messages that the broker had nobody to give to."""
    refused: int = 0
    """Messages that the broker did not take."""
    overflows: int = 0
    """Messages that found too many waiting for the broker."""
    oversized: int = 0
    """Messages that were larger than the broker takes."""
    unreadable: int = 0
    """Messages of consumers that are none."""
    repeated: int = 0
    """Calls of consumers that came again, and were not made again."""
    turned_away: int = 0
    """Calls of consumers that were answered with an error because too many waited."""
    retained: int = 0
    """Messages that the broker had kept, which no station gets."""
    strays: int = 0
    """Messages for stations that are not here."""
    answers_lost: int = 0
    """Answers to consumers that nobody has heard, and that were given up."""
    faults: int = 0
    """Faults of Voltgate, each of which has ended one station's wire."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The two topics of a station."""

    towards_consumer: bytes
    towards_station: bytes

    @classmethod
    def of(cls, prefix: str, protocol: str, identity: str) -> Topics:
        """Return the topics of a station that speaks `protocol`: `ocpp1.6` for example."""
        return cls(*(f"{prefix}/{way}/{protocol}/{identity}".encode() for way in ("in", "out")))

    @property
    def identity(self) -> str:
        """The station's identity, in which there is no `/`."""
        return self.towards_station.rpartition(b"/")[2].decode()

    @classmethod
    def of_station(cls, prefix: str, towards_station: bytes) -> Topics:
        """Return the topics of which one is known."""
        start = prefix.encode()
        return cls(start + b"/in" + towards_station.removeprefix(start + b"/out"), towards_station)


class Obstacle(enum.Enum):
    """Why a message cannot be sent."""

    AWAY = "the broker is away"
    TOO_LARGE = "the message is larger than the broker takes"
    TOO_MANY = "too many messages wait for the broker"


class Post(Protocol):
    """What a wire needs of the connection that many share."""

    wheel: Wheel
    clock: Callable[[], float]
    counts: MqttCounts

    def publish(self, message: Publication) -> Obstacle | None:
        """Send a message; return why it cannot be sent."""

    def attach(self, wire: MqttWire, receiver: Receiver) -> None:
        """Tell `receiver` when the connection is lost."""

    def forget(self, wire: MqttWire, past: Past) -> None:
        """Bring this wire nothing more; keep `past` for the next one of this station."""

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""


class Watcher(Protocol):
    """Whoever is shown what a station says besides its consumer."""

    def said(self, call: Call) -> None:
        """Take a call of the station."""

    def awaits(self, message_id: str) -> bool:
        """Return whether it wants to know what this call is answered."""

    def answered(self, reply: Result) -> None:
        """Take the answer."""

    def answer(self, call: Call) -> bytes | None:
        """Return the payload of the answer to a call that nobody consumes; None if it is not for us to answer."""


class MqttWire:
    """A station's wire. `raw` says that frames of OCPP-J are published as they are, in place of envelopes.

    `patience` is how long the consumer may take to answer, in seconds: a call that it makes meanwhile waits for so long
    at most. `past` is what was left by a wire that was lost: what was open on it is answered now.
    """

    __slots__ = (
        "_answered", "_asking", "_due", "_field", "_held", "_is_over", "_open", "_patience", "_pauses", "_plain",
        "_post", "_pressed", "_raw", "_receiver", "shared", "subprotocol", "topics", "watcher",
    )  # fmt: skip

    def __init__(self, post: Post, topics: Topics, protocol: str, past: Past, patience: float, *, raw: bool) -> None:
        self.subprotocol = protocol
        self.topics = topics
        self.shared = not past.apart
        self._post = post
        self._raw = raw
        self._patience = patience
        self._answered = past.answered
        self._field = packets.field(topics.towards_consumer)
        self._plain = b"\x03" + packets.field(b"application/json") + b"\x08" + packets.field(topics.towards_station)
        self._receiver: Receiver | None = None
        self.watcher: Watcher | None = None
        self._pressed: set[str] = set()
        """The calls that were made for the watcher."""
        self._open: dict[str, Open] = {}
        """The consumer's calls that the station has not answered."""
        self._asking: dict[str, float] = {}
        """The station's calls that the consumer has not answered, each with the time until which it may."""
        self._held: list[bytes] = []
        self._due = 0.0
        self._pauses = 0
        self._is_over = False
        for message_id, call in past.open.items():
            self._refuse(message_id, "InternalError", _UNKNOWN_OUTCOME, call)

    @property
    def answered(self) -> Answered:
        """The answers that its consumer was given, which a newer wire of this station must know."""
        return self._answered

    @property
    def started(self) -> bool:
        """Whether there is somebody who takes its messages."""
        return self._receiver is not None

    def start(self, receiver: Receiver) -> None:
        """Bring messages to `receiver` from now on: those first that came while the session began."""
        if self._is_over:
            receiver.lost(NO_CLOSE, "the connection was lost meanwhile")
            return
        self._receiver = receiver
        self._post.attach(self, receiver)
        if not self._asking:
            self._release()

    # What the relay says.

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Publish one message of the station."""
        if self._is_over:
            return
        message = decode(text)
        match message:
            case Call():
                if self.watcher is not None:
                    self.watcher.said(message)
                self._ask(message, text)
            case Result() | Error() if message.id in self._pressed:
                self._pressed.discard(message.id)
            case Result() | Error():
                self._answer(message, text)
            case Complaint():
                self._publish(text if self._raw else envelope.write(message, None))

    def _ask(self, call: Call, text: bytes) -> None:
        if call.kind == CALL:
            now = self._post.clock()
            self._drop_late(now)
            self._asking[call.id] = now + self._patience
        payload = text if self._raw else envelope.write(call, None)
        problem = self._publish(payload, None, partial(self._settled, call))
        if problem is not None:
            self._post.soon(lambda: self._unsent(call, problem))

    def _unsent(self, call: Call, problem: Obstacle) -> None:
        """Say that a call cannot be sent: to the station, unless somebody is paid by it: then nobody answers it."""
        if problem is not Obstacle.TOO_LARGE or is_transaction(call.action):
            self.lose(problem.value)
        elif call.kind == CALL:
            self._replied(Read(ERROR, call.id, encode_error(call.id, "InternalError", problem.value)))

    def _answer(self, reply: Result | Error, text: bytes) -> None:
        call = self._open.pop(reply.id, None)
        payload = text if self._raw else envelope.write(reply, None if call is None else call.asked)
        instead = partial(self._refuse, reply.id, "InternalError", _LARGE_ANSWER, call)
        correlation = None if call is None else call.correlation
        if self._publish(payload, correlation, instead=instead) is Obstacle.TOO_LARGE:
            instead()
        elif call is not None:
            self._answered.remember(reply.id, Given(call, payload, self._post.clock()))

    def close(self, code: int, reason: str) -> None:
        """End: what the consumer asked of the station and was not answered is answered now."""
        if self._is_over:
            return
        left, self._open = self._open, {}
        for message_id, call in left.items():
            self._refuse(message_id, "InternalError", reason or "The station has gone", call)
        self._end()
        self._post.forget(self, Past(answered=self._answered))

    def pause(self) -> None:
        """Refuse the consumer's calls: the station does not read. Others share the connection, which goes on."""
        self._pauses += 1

    def resume(self) -> None:
        """Undo one `pause`."""
        self._pauses -= 1

    # What the consumer says.

    def take(self, data: bytes, correlation: bytes | None) -> None:
        """Take one message of the consumer."""
        found = envelope.read_frame(data) if self._raw else envelope.read(data)
        if isinstance(found, Unreadable):
            self._post.counts.unreadable += 1
            self._fail(found.id, found.code, found.description, None, correlation)
        elif found.asked is None:
            self._replied(found)
        elif found.kind == SEND or self._is_new(found, Open(found.asked, correlation)):
            self._called(found)

    def _replied(self, reply: Read) -> None:
        if self._receiver is None:
            self._post.counts.strays += 1
        is_awaited = self._asking.pop(reply.id, None) is not None
        if (
            self.watcher is not None
            and self.watcher.awaits(reply.id)
            and isinstance(said := decode(reply.text), Result)
        ):
            self.watcher.answered(said)
        self._receive(reply.text)
        if is_awaited:
            self._release()

    def _is_new(self, call: Read, opened: Open) -> bool:
        """Return whether a call is to be made; else it has been dealt with."""
        before, given = self._open.get(call.id), self._answered.find(call.id, opened.asked, self._post.clock())
        if before is not None and before.asked != opened.asked:
            self._fail(call.id, "GenericError", "Another call with this id is open", opened)
        elif before is not None or given is not None:
            self._post.counts.repeated += 1
            if given is not None:
                self._publish(given.payload, opened.correlation)
        else:
            self._open[call.id] = opened
            return True
        return False

    def _called(self, call: Read) -> None:
        self._drop_late(self._post.clock())
        if self._pauses:
            self._turn_away(call, "The station does not read")
        elif self._receiver is not None and not self._asking:
            self._receive(call.text)
        elif len(self._held) < MOST_HELD:
            self._held.append(call.text)
            self._watch()
        else:
            self._turn_away(call, "Too many calls wait for the station")

    def press(self, message_id: str, action: str, request: bytes) -> None:
        """Call the station for the watcher, in turn with the consumer's calls; its answer is not published."""
        if not self._is_over:
            self._pressed.add(message_id)
            self._called(Read(CALL, message_id, encode_call(message_id, action, request), Asked(action, request)))

    def _turn_away(self, call: Read, why: str) -> None:
        self._post.counts.turned_away += 1
        self._pressed.discard(call.id)
        opened = self._open.pop(call.id, None)
        if opened is not None:
            self._fail(call.id, "InternalError", why, opened)

    def _drop_late(self, now: float) -> None:
        if self._asking and min(self._asking.values()) <= now:
            self._asking = {each: until for each, until in self._asking.items() if until > now}

    def _watch(self) -> None:
        """See that what is held back goes on when the consumer does not answer the station."""
        if self._asking and not self._due:
            self._due = max(self._asking.values())
            self._post.wheel.at(self._due, self._look)

    def _look(self, now: float) -> None:
        self._due = 0.0
        self._release()

    def _release(self) -> None:
        """Pass on what was held back: it waits for what the station asked before it came, and for nothing later."""
        while self._held and self._receiver is not None and not self._is_over:
            self._receive(self._held.pop(0))

    def _receive(self, text: bytes) -> None:
        if self._receiver is not None and not self._is_over:
            self._receiver.received(text, None, self._post.clock())

    # To the consumer.

    def _publish(
        self,
        payload: bytes,
        correlation: bytes | None = None,
        settled: Callable[[int], None] | None = None,
        instead: Callable[[], None] | None = None,
    ) -> Obstacle | None:
        """Publish a message; one that answers a call carries the call's own correlation data."""
        data = self._plain + b"\x09" + packets.field(_trace() if correlation is None else correlation)
        properties = packets.complete(data)
        now, answers = self._post.clock(), settled is None
        message = Publication(self._field, properties, payload, now, settled, answers=answers, instead=instead)
        return self._post.publish(message)

    def _refuse(self, message_id: str, code: str, description: str, call: Open | None) -> None:
        """Answer a call with an error for good: the same call gets it again."""
        payload = self._fail(message_id, code, description, call)
        if call is not None:
            self._answered.remember(message_id, Given(call, payload, self._post.clock()))

    def _fail(
        self, message_id: str, code: str, description: str, call: Open | None, correlation: bytes | None = None
    ) -> bytes:
        """Publish an error and return it; it does not repeat the request of its call where that makes it too large."""
        if call is not None:
            correlation = call.correlation
        payload = self._error(message_id, code, description, call)
        if self._publish(payload, correlation) is Obstacle.TOO_LARGE and call is not None:
            payload = self._error(message_id, code, description, None)
            self._publish(payload, correlation)
        return payload

    def _error(self, message_id: str, code: str, description: str, call: Open | None) -> bytes:
        if self._raw:
            return encode_error(message_id, code, description)
        return envelope.write_error(message_id, code, description, None if call is None else call.asked)

    def _settled(self, call: Call, code: int) -> None:
        """Take what became of a call of the station: where nobody consumes, its backend is away."""
        topic = self.topics.towards_consumer.decode()
        answer = None if self.watcher is None or code != packets.NO_SUBSCRIBERS else self.watcher.answer(call)
        if answer is not None:
            if call.kind == CALL:
                self._replied(Read(RESULT, call.id, encode_result(call.id, answer)))
        elif code == packets.NO_SUBSCRIBERS:
            self._post.counts.unheard += 1
            self.lose(f"nobody subscribes to {topic}")
        elif code == packets.TOO_LARGE:
            self._post.soon(lambda: self._unsent(call, Obstacle.TOO_LARGE))
        elif code >= packets.REFUSED:
            self._post.counts.refused += 1
            self.lose(f"the broker does not take {topic}: {packets.reason(code)}", barred=code in packets.NOT_OURS)

    # The end.

    def lose(self, reason: str, *, barred: bool = False) -> None:
        """End because the consumer cannot be reached, whatever the connection does; `barred` if that will stay so."""
        if self._is_over:
            return
        self.shared = False  # what befalls this one alone is reported of this one
        receiver, past = self._receiver, self.end()
        self._post.forget(self, replace(past, apart=True, barred=reason if barred else ""))
        if receiver is not None:
            receiver.lost(NO_CLOSE, reason)

    def end(self) -> Past:
        """End; return what the next wire of this station has to know."""
        self._end()
        return Past(self._open, self._answered)

    def _end(self) -> None:
        self._is_over = True
        self._post.wheel.off(self._due, self._look)
        self._held.clear()


_LARGE_ANSWER = "The station's answer is larger than the broker takes"
_UNKNOWN_OUTCOME = "The broker was lost before the station had answered: whether it did this is not known"


def _trace() -> bytes:
    """Return a new trace context as a map in JSON (W3C Trace Context section 3.2)."""
    return b'{"traceparent":"00-%032x-%016x-01"}' % (random.getrandbits(128) or 1, random.getrandbits(64) or 1)
