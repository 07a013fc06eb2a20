"""One station's share of a connection to a broker: a `Wire` whose messages travel by two topics.

Towards the station one call of the consumer's goes at a time, and none while the station itself waits for an answer of
the consumer: it is held back, in a bounded queue. What is not passed on is answered: there is no other end of this wire
that could notice that something was dropped.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from voltgate.carriers import bus_wire
from voltgate.carriers.bus import BusCounts
from voltgate.carriers.bus_wire import GONE, UNKNOWN_OUTCOME, BusWire
from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.calls import Answered, Given, Open, Past
from voltgate.carriers.mqtt.connection import Publication
from voltgate.ocpp import envelope
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.envelope import Asked, Read, Unreadable
from voltgate.ocpp.framing import Complaint, decode, encode_call, encode_error, encode_result
from voltgate.ocpp.messages import CALL, ERROR, RESULT, SEND, Call, Error, Result
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.carrier import Verdict
from voltgate.relay.tracing import NAME, RUNNING


@dataclass(slots=True)
class MqttCounts(BusCounts):
    """What befell messages and connections of brokers of MQTT, counted."""

    unheard: int = 0
    """Messages that the broker had nobody to give to."""
    oversized: int = 0
    """Messages that were larger than the broker takes."""
    retained: int = 0
    """Messages that the broker had kept, which no station gets."""


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


class Post(bus_wire.Post[bytes, Past], Protocol):
    """What a wire needs of the connection that many share."""

    wheel: Wheel
    counts: MqttCounts

    def publish(self, message: Publication) -> Obstacle | None:
        """Send a message; return why it cannot be sent."""

    def bar(self, name: bytes, verdict: Verdict) -> None:
        """Let this station have no wire for a while."""

    def wires(self, name: bytes) -> Sequence[MqttWire]:
        """Return the wires of a station, the newest last."""


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


class MqttWire(BusWire[bytes, Past]):
    """A station's wire. `raw` says that frames of OCPP-J are published as they are, in place of envelopes.

    `patience` is how long the consumer may take to answer, in seconds: a call that it makes meanwhile waits for so long
    at most. `past` is what was left by a wire that was lost: what was open on it is answered now.
    """

    __slots__ = (
        "_answered", "_asking", "_due", "_field", "_open", "_patience", "_plain", "_pressed", "_raw", "topics",
        "watcher",
    )  # fmt: skip
    _post: Post

    def __init__(self, post: Post, topics: Topics, protocol: str, past: Past, patience: float, *, raw: bool) -> None:
        super().__init__(post, topics.towards_station, protocol, shared=not past.apart)
        self.topics = topics
        self._raw = raw
        self._patience = patience
        self._answered = past.answered
        self._field = packets.field(topics.towards_consumer)
        self._plain = b"\x03" + packets.field(b"application/json") + b"\x08" + packets.field(topics.towards_station)
        self.watcher: Watcher | None = None
        self._pressed: set[str] = set()
        """The calls that were made for the watcher."""
        self._open: dict[str, Open] = {}
        """The consumer's calls that the station has not answered."""
        self._asking: dict[str, float] = {}
        """The station's calls that the consumer has not answered, each with the time until which it may."""
        self._due = 0.0
        for message_id, call in past.open.items():
            self._refuse(message_id, "InternalError", UNKNOWN_OUTCOME, call)

    @property
    def identity(self) -> str:
        """The station's identity."""
        return self.topics.identity

    @property
    def answered(self) -> Answered:
        """The answers that its consumer was given, which a newer wire of this station must know."""
        return self._answered

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
            self._refuse(message_id, "InternalError", reason or GONE, call)
        self._post.forget(self, self.end())

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
        """Have the wire take an answer that waits for it: after a reload that may be the one before."""
        wires = (self, *self._post.wires(self.name))
        next((each for each in wires if reply.id in each._asking), self)._settle(reply)

    def _settle(self, reply: Read) -> None:
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
        if hindrance := self._hindrance:
            self._turn_away(call, hindrance)
        else:
            self._bring(call.text)
            self._watch()

    @property
    def _waits(self) -> bool:
        return self._receiver is None or bool(self._asking)

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
        if self._held and self._asking and not self._due:
            self._due = max(self._asking.values())
            self._post.wheel.at(self._due, self._look)

    def _look(self, now: float) -> None:
        self._due = 0.0
        self._release()

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
        context = RUNNING.context
        if context is not None:
            data += packets.user_property(NAME, context)
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
            why = f"the broker does not take {topic}: {packets.reason(code)}"
            if code in packets.NOT_OURS:
                self._post.bar(self.name, Verdict(None, why))
            self.lose(why)

    # The end.

    def end(self) -> Past:
        """End; return what the next wire of this station has to know."""
        self._post.wheel.off(self._due, self._look)
        return super().end()

    def _past(self) -> Past:
        return Past(self._open, self._answered)


_LARGE_ANSWER = "The station's answer is larger than the broker takes"


def _trace() -> bytes:
    """Return a new trace context as a map in JSON (W3C Trace Context section 3.2)."""
    return b'{"traceparent":"00-%032x-%016x-01"}' % (random.getrandbits(128) or 1, random.getrandbits(64) or 1)
