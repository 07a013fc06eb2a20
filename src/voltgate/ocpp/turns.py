"""Turns: one side's calls on one connection - ids, order, bounds, deadlines - and the answers to the other side's.

Towards a station one call is open at a time (OCPP-J 1.6 section 4.1.1, 2.1 Part 4 section 4.1.1); towards a backend as
many as the station itself chose to have open, up to a bound. What may not be sent yet waits, fairly between askers.
Turns outlive a connection: while there is none, calls wait for the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import uuid4

from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.framing import (
    LONGEST_ID,
    Complaint,
    Malformed,
    Noise,
    UnknownType,
    decode,
    encode_call,
    encode_error,
    encode_result,
    with_id,
)
from voltgate.ocpp.messages import (
    FOREVER,
    RESULT,
    SEND,
    Call,
    CarriedCall,
    CarriedResult,
    Error,
    Handler,
    Origin,
    Reason,
    Reply,
    Respond,
    Result,
    Unanswered,
    unheard,
)
from voltgate.ocpp.wheel import Wheel

_REMEMBERED_UNANSWERED = 32
"""Ids that timed out and are not given to another asker while a late answer may still come."""
_REMEMBERED_ANSWERS = 8
"""Answers that a CALLRESULTERROR may still complain about."""
UNREADABLE_ID = "-1"
"""The id of an answer to a frame whose own id cannot be read (2.1 Part 4 section 4.2.3)."""


class Send(Protocol):
    """What turns need of a connection."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one text message, or the frame that holds it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be open and waiting.

    `window` calls open at a time; `waiting` calls waiting for each asker; `waiting_bytes` of them in all; `hold`
    seconds that a call waits for a connection; `patience` seconds that the other side's calls may take here. Calls that
    a lost connection left unanswered are sent again on the next one when `resend`.
    """

    window: int = 1
    waiting: int = 32
    waiting_bytes: int = 1 << 20
    hold: float = 10.0
    patience: float = 30.0
    resend: bool = False


class Counts:
    """What turns drop or mend, counted. One object may serve many connections."""

    __slots__ = (
        "complaints_dropped",
        "faults",
        "late",
        "malformed",
        "minted",
        "noise",
        "overloaded",
        "undeliverable",
        "unknown",
        "unknown_types",
    )

    def __init__(self) -> None:
        self.late = 0
        self.unknown = 0
        self.malformed = 0
        self.noise = 0
        self.unknown_types = 0
        self.undeliverable = 0
        self.overloaded = 0
        self.minted = 0
        self.complaints_dropped = 0
        self.faults = 0


def _size(call: Call) -> int:
    return len(call.text or b"") or len(bytes(call.payload))


FAULTS = Counts()
"""Second answers to one call, process-wide: a fault of ours wherever it happens."""


class _Waiting(NamedTuple):
    call: Call
    respond: Respond
    id: str | None
    """The id that it was sent under on a connection that was lost; None when it was never sent."""


class Answer:
    """The respond of one call that arrived: carries the reply home, once."""

    __slots__ = ("_id", "_stay", "_turns")

    def __init__(self, turns: Turns, message_id: str) -> None:
        self._turns: Turns | None = turns
        self._id = message_id
        self._stay = turns.stay

    def __call__(self, reply: Reply) -> None:
        """Send the reply home."""
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.answer(self._id, reply, self._stay)
        else:
            FAULTS.faults += 1


Observe = Callable[[Call, Reply, float], None]
"""Told of each call of ours that ended, with the time: for metrics."""


def unobserved(call: Call, reply: Reply, now: float) -> None:
    """Observe nothing."""


class Turns:
    """One side's calls on one connection at a time, and the way home for the answers to the other side's calls.

    `handler` gets the other side's calls; `name` is the asker that they are stamped with.
    """

    __slots__ = (
        "_bounds",
        "_choked",
        "_counts",
        "_dialect",
        "_ended",
        "_first",
        "_full",
        "_given",
        "_handler",
        "_has_send",
        "_name",
        "_observe",
        "_open",
        "_sent",
        "_since",
        "_unanswered",
        "_waiting",
        "_waiting_bytes",
        "_watched",
        "_wheel",
        "_wire",
        "stay",
    )

    def __init__(
        self,
        dialect: Dialect,
        handler: Handler,
        name: object,
        bounds: Bounds,
        wheel: Wheel,
        counts: Counts,
        observe: Observe = unobserved,
    ) -> None:
        self._dialect = dialect
        self._has_send = dialect.has_send
        self._handler = handler
        self._name = name
        self._bounds = bounds
        self._wheel = wheel
        self._counts = counts
        self._observe = observe
        self._sent: Callable[[Call], None] | None = None
        self._wire: Send | None = None
        self._since = -FOREVER
        self._full = False
        self._first: str | None = None
        self._choked = False  # by a full buffer, or until the first call was answered
        self._ended = False
        self._open: dict[str, tuple[Call, Respond]] = {}
        self._waiting: dict[object, deque[_Waiting]] = {}
        self._waiting_bytes = 0
        self._unanswered: dict[str, object] | None = None
        self._given: dict[str, tuple[Origin, int, str]] | None = None
        self._watched = FOREVER
        self.stay = 0
        """The number of the connection: an answer belongs to the one its call came by."""

    def use(self, handler: Handler, observe: Observe, sent: Callable[[Call], None] | None = None) -> None:
        """Go by another handler and observer from now on; `sent` hears of each SEND of ours, which nobody answers."""
        self._handler, self._observe, self._sent = handler, observe, sent

    # The connection comes and goes.

    def connect(self, wire: Send, now: float, first: Call | None = None) -> None:
        """Speak on a new connection; what waits is sent in order, after `first` was answered or timed out."""
        self._wire = wire
        self.stay += 1
        self._unanswered = self._given = None
        self._full = self._choked = False
        if first is not None:
            self._put(wire, first, self._began, None)
            self._first = next(iter(self._open))
            self._choked = True
        self._pump(now)

    def _began(self, reply: Reply) -> None:
        """Let the rest go after the first call; whoever tells of its end goes on to `_pump`."""
        self._first = None
        self._choked = self._full

    def disconnect(self, now: float) -> None:
        """Lose the connection: open calls are kept for the next one (`Bounds.resend`) or answered `Unanswered`."""
        self._wire = None
        self._full = False
        self._since = now
        self.stay += 1
        left, self._open = self._open, {}
        if self._first is not None:
            del left[self._first]  # the next connection has its own
            self._first = None
        if self._bounds.resend:
            self._keep(left)
        else:
            self._refuse_open(left, "The connection was lost", now)
        self._look_out()

    def end(self, description: str, now: float) -> None:
        """Speak no more: everything open or waiting is answered, and so is every later call, at once."""
        self._ended = True
        self._wire = None
        self.stay += 1
        left, self._open = self._open, {}
        self._refuse_open(left, description, now)
        for entry in self._take_waiting(lambda _: True):
            self._tell(entry.call, entry.respond, Unanswered(Reason.GONE, description), now)

    def choke(self, now: float, *, choked: bool) -> None:
        """Hold back calls while the connection's write buffer is full."""
        self._full = choked
        self._choked = choked or self._first is not None
        self._pump(now)

    @property
    def connected(self) -> bool:
        """Tell whether there is a connection."""
        return self._wire is not None

    @property
    def full(self) -> bool:
        """Tell whether the connection's write buffer is full."""
        return self._full

    @property
    def open_calls(self) -> int:
        """The number of calls that are open."""
        return len(self._open)

    @property
    def waiting_calls(self) -> int:
        """The number of calls that wait."""
        return sum(map(len, self._waiting.values()))

    # Our calls.

    def ask(self, call: Call, respond: Respond) -> None:
        """Send `call` when its turn comes; `respond` hears the answer, or why there is none."""
        if (
            self._wire is not None
            and not self._waiting
            and not self._choked
            and (len(self._open) < self._bounds.window or call.kind == SEND)
        ):
            self._put(self._wire, call, respond, None)
        elif self._ended:
            self._tell(call, respond, Unanswered(Reason.GONE, "The connection has ended"), call.at)
        else:
            self._wait(call, respond)

    def _put(self, wire: Send, call: Call, respond: Respond, message_id: str | None) -> None:
        if call.kind == SEND:
            if self._sent is not None:
                self._sent(call)
            wire.send(call.text or encode_call(call.id, call.action, call.payload, SEND), call.frame)
            return
        if message_id is None:
            message_id = call.id
        if message_id in self._open or len(message_id) > LONGEST_ID or self._remembered(message_id, call.asker):
            self._counts.minted += 1
            message_id = str(uuid4())
        self._open[message_id] = (call, respond)
        if call.deadline < self._watched:
            self._watch(call.deadline)
        if call.text is None:
            if isinstance(call, CarriedCall):
                call.carry(wire, message_id)
            else:
                wire.send(encode_call(message_id, call.action, call.payload))
        elif message_id == call.id:
            wire.send(call.text, call.frame)
        else:
            wire.send(with_id(call.text, message_id))

    def _remembered(self, message_id: str, asker: object) -> bool:
        """Tell whether a late answer under this id may still come, and to somebody else."""
        return self._unanswered is not None and self._unanswered.get(message_id, asker) is not asker

    def _wait(self, call: Call, respond: Respond) -> None:
        mine = self._waiting.get(call.asker)
        size = _size(call)
        if (mine is not None and len(mine) >= self._bounds.waiting) or (
            self._waiting_bytes + size > self._bounds.waiting_bytes
        ):
            self._counts.overloaded += 1
            self._tell(call, respond, Unanswered(Reason.OVERLOADED, "Too many calls wait for this connection"), call.at)
            return
        if mine is None:
            mine = self._waiting[call.asker] = deque()
        entry = _Waiting(call, respond, None)
        mine.append(entry)
        self._waiting_bytes += size
        until = self._until(entry)
        if until < self._watched:
            self._watch(until)

    def _keep(self, left: dict[str, tuple[Call, Respond]]) -> None:
        """Put calls that a lost connection left open before everything that waits, under the ids they had."""
        waiting, self._waiting = self._waiting, {}
        for message_id, (call, respond) in left.items():
            self._waiting.setdefault(call.asker, deque()).append(_Waiting(call, respond, message_id))
            self._waiting_bytes += _size(call)
        for asker, mine in waiting.items():
            self._waiting.setdefault(asker, deque()).extend(mine)

    def _pump(self, now: float) -> None:
        """Send what waits and may be sent: the askers take turns."""
        while self._waiting and self._wire is not None and not self._choked and len(self._open) < self._bounds.window:
            asker, mine = next(iter(self._waiting.items()))
            del self._waiting[asker]
            entry = mine.popleft()
            if mine:
                self._waiting[asker] = mine
            self._waiting_bytes -= _size(entry.call)
            if entry.call.deadline > now:
                self._put(self._wire, entry.call, entry.respond, entry.id)
            else:
                self._give_up(entry, now)

    def take_unsent(self, chosen: Callable[[Call, Respond], bool]) -> list[tuple[Call, Respond]]:
        """Hand over, in order, those of the waiting calls that were never sent and are `chosen`."""
        unsent = self._take_waiting(lambda entry: entry.id is None and chosen(entry.call, entry.respond))
        return [(entry.call, entry.respond) for entry in unsent]

    def holds(self, action: str) -> bool:
        """Tell whether a call of this action waits."""
        return any(entry.call.action == action for mine in self._waiting.values() for entry in mine)

    def _take_waiting(self, chosen: Callable[[_Waiting], bool]) -> list[_Waiting]:
        taken: list[_Waiting] = []
        waiting, self._waiting = self._waiting, {}
        for asker, mine in waiting.items():
            kept: deque[_Waiting] = deque()
            for entry in mine:
                (taken if chosen(entry) else kept).append(entry)
            if kept:
                self._waiting[asker] = kept
        self._waiting_bytes -= sum(_size(entry.call) for entry in taken)
        return taken

    # Time.

    def _watch(self, when: float) -> None:
        self._watched = when
        self._wheel.at(when, self.expire)

    def expire(self, now: float) -> None:
        """End what is past its deadline; a call that expires while it waits is never sent."""
        if now < self._watched:  # a wake of old: something earlier was looked out for since
            return
        self._watched = FOREVER
        late = [message_id for message_id, (call, _) in self._open.items() if call.deadline <= now]
        for message_id in late:
            self._time_out(message_id, now)
        for entry in self._take_waiting(lambda entry: self._until(entry) <= now):
            self._give_up(entry, now)
        self._pump(now)
        self._look_out()

    def _look_out(self) -> None:
        """Be woken for the next deadline."""
        next_deadline = min(self._deadlines(), default=FOREVER)
        if next_deadline < self._watched:
            self._watch(next_deadline)

    def _time_out(self, message_id: str, now: float) -> None:
        asked = self._open.pop(message_id, None)
        if asked is None:  # whoever heard of the one before has ended these turns
            return
        call, respond = asked
        if self._unanswered is None:
            self._unanswered = {}
        elif len(self._unanswered) >= _REMEMBERED_UNANSWERED:
            del self._unanswered[next(iter(self._unanswered))]
        self._unanswered[message_id] = call.asker
        silence = Unanswered(Reason.TIMED_OUT, f"No answer within {now - call.at:.0f} s")
        silence.id = message_id
        self._tell(call, respond, silence, now)

    def _until(self, entry: _Waiting) -> float:
        """Give the time until which a call waits; for a connection no longer than `Bounds.hold`."""
        call = entry.call
        if self._wire is not None:
            return call.deadline
        return min(call.deadline, max(call.at, self._since) + self._bounds.hold)

    def _give_up(self, entry: _Waiting, now: float) -> None:
        reason = Reason.GONE if self._wire is None else Reason.TIMED_OUT
        waited = f"Waited {now - entry.call.at:.0f} s for a connection" if self._wire is None else "Its turn never came"
        self._tell(entry.call, entry.respond, Unanswered(reason, waited), now)

    def _deadlines(self) -> Iterator[float]:
        yield from (call.deadline for call, _ in self._open.values())
        yield from (self._until(entry) for mine in self._waiting.values() for entry in mine)

    def _refuse_open(self, left: dict[str, tuple[Call, Respond]], description: str, now: float) -> None:
        for message_id, (call, respond) in left.items():
            gone = Unanswered(Reason.GONE, description)
            gone.id = message_id
            self._tell(call, respond, gone, now)

    def _tell(self, call: Call, respond: Respond, reply: Reply, now: float) -> None:
        self._observe(call, reply, now)
        respond(reply)

    # What arrives.

    def receive(self, text: bytes, frame: bytes | None, now: float) -> None:
        """Take one text message (valid UTF-8): a call goes to the handler, a reply to whoever asked."""
        message = decode(text)
        kind = type(message)
        if kind is Result or kind is Error:
            self._settle(message, text, frame, now)  # type: ignore[arg-type]
        elif kind is Call:
            self._take(message, text, frame, now)  # type: ignore[arg-type]
        else:
            self._odd(message, now)  # type: ignore[arg-type]

    def unanswered(self, message_id: str, description: str, now: float, *, sent: bool) -> None:
        """Hear from the carrier that nobody will answer a call that is open; `sent` says whether it has gone out."""
        asked = self._open.pop(message_id, None)
        if asked is None:
            return
        call, respond = asked
        silence = Unanswered(Reason.GONE, description)
        silence.id = message_id if sent else ""
        self._tell(call, respond, silence, now)
        self._pump(now)

    def asked(self, call: CarriedCall, now: float) -> None:
        """Take a call of the other side that did not come as text."""
        self._take(call, b"", None, now)

    def replied(self, reply: CarriedResult, now: float) -> None:
        """Take the answer to a call of ours that did not come as text."""
        self._settle(reply, b"", None, now)

    def _take(self, call: Call, text: bytes, frame: bytes | None, now: float) -> None:
        call.at = now
        call.deadline = now + self._bounds.patience
        call.asker = self._name
        if call.text is text:
            call.frame = frame
        if call.kind != SEND:
            self._handler(call, Answer(self, call.id))
        elif self._has_send:
            self._handler(call, unheard)
        else:
            self._odd(UnknownType(SEND, call.id), now)

    def _settle(self, reply: Reply, text: bytes, frame: bytes | None, now: float) -> None:
        asked = self._open.pop(reply.id, None)
        if asked is None:
            self._stray(reply.id)
            return
        if reply.text is text:
            reply.frame = frame
        reply.origin = self
        call, respond = asked
        self._observe(call, reply, now)
        respond(reply)
        if self._waiting:
            self._pump(now)

    def _stray(self, message_id: str) -> None:
        if self._unanswered is not None and self._unanswered.pop(message_id, None) is not None:
            self._counts.late += 1
        else:
            self._counts.unknown += 1

    def _odd(self, message: Complaint | Malformed | UnknownType | Noise, now: float) -> None:
        match message:
            case Complaint():
                self._complained(message, now)
            case Malformed():
                self._counts.malformed += 1
                self._malformed(message, now)
            case UnknownType():
                self._counts.unknown_types += 1
                if self._dialect.unknown_message_type == "answer":
                    self._object(message.id, "MessageTypeNotSupported", f"Message type {message.kind} is unknown")
            case _:
                self._counts.noise += 1

    def _malformed(self, frame: Malformed, now: float) -> None:
        match frame.kind, frame.id:
            case 3 | 4 as kind, str(message_id):
                if message_id in self._open:  # a broken answer fails its call at once (lbbrhzn/ocpp#176)
                    what = "result" if kind == RESULT else "error"
                    broken = Unanswered(Reason.MALFORMED, f"The {what} could not be read: {frame.description}")
                    broken.id = message_id
                    self._settle(broken, b"", None, now)
                else:
                    self._stray(message_id)
            case 2, str(message_id):
                self._object(message_id, frame.code, frame.description)
            case 3 | 4 | 5 | 6, _:
                return  # never answered, not even when they are bad (2.1 Part 2 FR.07; Java-OCA-OCPP#406)
            case _:
                if self._dialect.answers_bad_frames:
                    self._object(None, frame.code, frame.description)

    def _object(self, message_id: str | None, code: str, description: str) -> None:
        if self._wire is not None:
            self._wire.send(encode_error(message_id or UNREADABLE_ID, self._dialect.spell(code), description))

    # The answers to their calls.

    def answer(self, message_id: str, reply: Reply, stay: int) -> None:
        """Send the reply to a call that arrived during `stay`; too late for that connection, it is counted."""
        wire = self._wire
        if wire is None or stay != self.stay:
            self._counts.undeliverable += 1
            return
        if self._has_send and reply.origin is not None:
            self._remember(message_id, reply.origin, reply.id)
        if reply.text is None or (type(reply) is Error and self._misspelt(reply)):
            if isinstance(reply, CarriedResult):
                reply.carry(wire, message_id)
            else:
                wire.send(self._encode(message_id, reply))
        elif reply.id == message_id:
            wire.send(reply.text, reply.frame)
        else:
            wire.send(with_id(reply.text, message_id))

    def _misspelt(self, error: Error) -> bool:
        return self._dialect.error_codes == "translate" and self._dialect.spell(error.code) != error.code

    def _encode(self, message_id: str, reply: Reply) -> bytes:
        if isinstance(reply, Result):
            return encode_result(message_id, reply.payload)
        return encode_error(message_id, self._dialect.spell(reply.code), reply.description, reply.details)

    # Complaints about answers (2.1).

    def _remember(self, message_id: str, origin: Origin, origin_id: str) -> None:
        if self._given is None:
            self._given = {}
        elif len(self._given) >= _REMEMBERED_ANSWERS:
            del self._given[next(iter(self._given))]
        self._given[message_id] = (origin, origin.stay, origin_id)

    def _complained(self, complaint: Complaint, now: float) -> None:
        if not self._has_send:
            self._odd(UnknownType(5, complaint.id), now)
        elif self._given is not None and complaint.id in self._given:
            origin, stay, origin_id = self._given.pop(complaint.id)
            origin.complain(origin_id, complaint.text, stay)
        else:
            self._counts.complaints_dropped += 1

    def complain(self, message_id: str, text: bytes, stay: int) -> None:
        """Pass a CALLRESULTERROR on to who gave the result `message_id` during `stay`, unchanged but for the id."""
        if self._wire is not None and stay == self.stay:
            self._wire.send(with_id(text, message_id))
        else:
            self._counts.complaints_dropped += 1
