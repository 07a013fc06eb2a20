"""Turns: one side's calls on one connection - ids, order, bounds, deadlines - and the answers to the other side's.

Towards a station one call is open at a time (OCPP-J 1.6 section 4.1.1, 2.1 Part 4 section 4.1.1); towards a backend as
many as the station itself chose to have open, up to a bound. What may not be sent yet waits, fairly between askers.
What waits for a connection is its owner's to keep: the calls that a lost one left open are handed back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

from voltgate.ocpp.answers import Answer, Given, encoded, is_misspelt, objection
from voltgate.ocpp.carried import CarriedCall, CarriedResult
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.fair_queue import FairQueue
from voltgate.ocpp.framing import LONGEST_ID, Complaint, Malformed, Noise, UnknownType, decode, encode_call, with_id
from voltgate.ocpp.messages import FOREVER, SEND, Call, Error, Handler, Reply, Respond, Result, unheard
from voltgate.ocpp.silence import expired, gone, malformed, overloaded, timed_out
from voltgate.ocpp.turn_ports import Bounds, Feeder, Left, Listener, Observe, Send, unobserved
from voltgate.ocpp.wheel import Wheel

_REMEMBERED_UNANSWERED = 32
"""Ids that timed out and are not given to another asker while a late answer may still come."""


class _Waiting(NamedTuple):
    call: Call
    respond: Respond


class Turns:
    """One side's calls on one connection at a time, and the way home for the answers to the other side's calls.

    `handler` gets the other side's calls; `name` is the asker that they are stamped with.
    """

    __slots__ = (
        "_bounds", "_choked", "_counts", "_first", "_given", "_handler", "_has_send", "_observe", "_open",
        "_unanswered", "_waiting", "_watched", "_wheel", "_wire", "dialect", "feeder", "full", "listener", "name",
        "owed", "stay",
    )  # fmt: skip

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
        self.dialect = dialect
        """How this side speaks."""
        self._has_send = dialect.has_send
        self._handler = handler
        self.name = name
        self._bounds = bounds
        self._wheel = wheel
        self._counts = counts
        self._observe = observe
        self._wire: Send | None = None
        self.full = False
        self._first: str | None = None
        self._choked = False  # by a full buffer, or held
        self._open: dict[str, tuple[Call, Respond]] = {}
        self._waiting: FairQueue[_Waiting] | None = None
        self._unanswered: dict[str, object] | None = None
        self._given: Given | None = None
        self._watched = FOREVER
        self.owed = 0
        """Calls of the other side on this connection that are not answered yet."""
        self.feeder: Feeder | None = None
        """Pumped when another call may be sent; None while nothing waits with it."""
        self.listener: Listener | None = None
        """Hears what passes; None: nobody does."""
        self.stay = 0
        """The number of the connection: an answer belongs to the one its call came by."""

    def use(self, handler: Handler) -> None:
        """Hand the other side's calls to another handler from now on."""
        self._handler = handler

    # The connection comes and goes.

    def connect(self, wire: Send) -> None:
        """Speak on a new connection."""
        self._wire = wire
        self.stay, self.owed = self.stay + 1, 0
        self._unanswered = self._given = self._first = None
        self.full = self._choked = False

    def hold(self) -> None:
        """Send nothing more before `go_on`; the one call that is open, if any, is the first on this connection."""
        self._first = next(iter(self._open), "")
        self._choked = True

    def go_on(self, now: float) -> None:
        """Send the rest."""
        self._first = None
        self._choked = self.full
        self._pump(now)

    def disconnect(self, now: float) -> list[Left]:
        """Lose the connection: return the calls that were open, and answer those that waited `Unanswered`.

        A first call is not among them: the next connection has its own.
        """
        self._wire = None
        self.full = False
        self.stay, self.owed = self.stay + 1, 0
        left, self._open = self._open, {}
        self._refuse_waiting("The connection was lost", now)
        return [Left(message_id, *asked) for message_id, asked in left.items() if message_id != self._first]

    def end(self, description: str, now: float) -> None:
        """Speak no more: everything open or waiting is answered, and so is every later call, at once."""
        self._wire = None
        self._wheel.off(self._watched, self.expire)
        self.stay, self.owed = self.stay + 1, 0
        left, self._open = self._open, {}
        for message_id, (call, respond) in left.items():
            self.tell(call, respond, gone(description, message_id), now)
        self._refuse_waiting(description, now)

    def choke(self, now: float, *, choked: bool) -> None:
        """Hold back calls while the connection's write buffer is full."""
        self.full = choked
        self._choked = choked or self._first is not None
        self._pump(now)

    @property
    def open_calls(self) -> int:
        """The number of calls that are open."""
        return len(self._open)

    @property
    def waiting_calls(self) -> int:
        """The number of calls that wait for their turn."""
        return 0 if self._waiting is None else len(self._waiting)

    @property
    def free(self) -> bool:
        """Whether a call would be sent at once."""
        return (
            self._wire is not None
            and not self._choked
            and self._waiting is None
            and len(self._open) < self._bounds.window
        )

    # Our calls.

    def offer(self, call: Call, respond: Respond) -> bool:
        """Send `call` if it can be sent at once; return whether it was."""
        wire = self._wire
        if wire is None or self._choked or self._waiting is not None:
            return False
        if len(self._open) >= self._bounds.window and call.kind != SEND:
            return False
        self._put(wire, call, respond, call.id)
        return True

    def takes(self, call: Call) -> bool:
        """Return whether `offer` would send `call`: a SEND needs no room among the open calls."""
        is_clear = self._wire is not None and not self._choked and self._waiting is None
        return is_clear and (len(self._open) < self._bounds.window or call.kind == SEND)

    def ask(self, call: Call, respond: Respond) -> None:
        """Send `call` when its turn comes; `respond` hears the answer, or why there is none."""
        if self.offer(call, respond):
            return
        if self._wire is None:
            self.tell(call, respond, gone("The connection has ended"), call.at)
        else:
            self._wait(_Waiting(call, respond))

    def resend(self, left: Left) -> None:
        """Send a call that the last connection left open, under the id that it had."""
        if self._wire is not None:
            self._put(self._wire, left.call, left.respond, left.id)

    def _put(self, wire: Send, call: Call, respond: Respond, message_id: str) -> None:
        if call.kind == SEND:
            if self.listener is not None:
                self.listener.ended(call, None, call.at)
            wire.send(call.text or encode_call(call.id, call.action, call.payload, SEND), call.frame)
            return
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
        """Return whether a late answer under this id may still come, and to another asker."""
        return self._unanswered is not None and self._unanswered.get(message_id, asker) != asker

    def _wait(self, entry: _Waiting) -> None:
        call = entry.call
        if self._waiting is None:
            self._waiting = FairQueue(self._bounds.waiting, self._bounds.waiting_bytes)
        if not self._waiting.add(entry):
            self._counts.overloaded += 1
            self.tell(call, entry.respond, overloaded(), call.at)
            self._waiting = self._waiting or None
        elif call.deadline < self._watched:
            self._watch(call.deadline)

    def _pump(self, now: float) -> None:
        """Send what waits and may be sent: the askers take turns."""
        while self._waiting and self._wire is not None and not self._choked and len(self._open) < self._bounds.window:
            call, respond = self._waiting.pop()
            instead = call.objection() if call.objection is not None and call.deadline > now else None
            if instead is not None or call.deadline <= now:
                self.tell(call, respond, instead or expired(), now)
            else:
                self._put(self._wire, call, respond, call.id)
        if not self._waiting:
            self._waiting = None
            if self.feeder is not None and self._wire is not None:
                self.feeder.pump(now)

    def _refuse_waiting(self, description: str, now: float) -> None:
        waiting, self._waiting = self._waiting, None
        for entry in waiting or ():
            self.tell(entry.call, entry.respond, gone(description), now)

    # Time.

    def _watch(self, when: float) -> None:
        self._wheel.off(self._watched, self.expire)
        self._watched = when
        self._wheel.at(when, self.expire)

    def expire(self, now: float) -> None:
        """End what is past its deadline; a call that expires while it waits is never sent."""
        self._watched = FOREVER
        late = [message_id for message_id, (call, _) in self._open.items() if call.deadline <= now]
        for message_id in late:
            self._time_out(message_id, now)
        if self._waiting is not None:
            for entry in self._waiting.take(lambda entry: entry.call.deadline <= now):
                self.tell(entry.call, entry.respond, expired(), now)
        self._pump(now)
        next_deadline = min(self._deadlines(), default=FOREVER)
        if next_deadline < self._watched:
            self._watch(next_deadline)

    def _time_out(self, message_id: str, now: float) -> None:
        asked = self._open.pop(message_id, None)
        if asked is None:  # the asker of the one before has ended these turns
            return
        call, respond = asked
        if self._unanswered is None:
            self._unanswered = {}
        elif len(self._unanswered) >= _REMEMBERED_UNANSWERED:
            del self._unanswered[next(iter(self._unanswered))]
        self._unanswered[message_id] = call.asker
        self.tell(call, respond, timed_out(call, message_id, now), now)

    def _deadlines(self) -> Iterator[float]:
        yield from (call.deadline for call, _ in self._open.values())
        yield from (entry.call.deadline for entry in self._waiting or ())

    def tell(self, call: Call, respond: Respond, reply: Reply, now: float) -> None:
        """End a call."""
        self._observe(call, reply, now)
        if self.listener is not None:
            self.listener.ended(call, reply, now)
        respond(reply)

    # What arrives.

    def receive(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Take one text message (valid UTF-8): a call, of use `until` then, to the handler, a reply to the asker."""
        message = decode(text)
        kind = type(message)
        if kind is Result or kind is Error:
            self._settle(message, text, frame, now)  # type: ignore[arg-type]
        elif kind is Call:
            self._take(message, text, frame, now, until)  # type: ignore[arg-type]
        else:
            self._odd(message, text, now)  # type: ignore[arg-type]

    def unanswered(self, message_id: str, description: str, now: float, *, sent: bool) -> None:
        """End a call that the carrier knows to get no answer; `sent` says whether it has gone out."""
        asked = self._open.pop(message_id, None)
        if asked is not None:
            self.tell(*asked, gone(description, message_id if sent else ""), now)
            self._pump(now)

    def take_carried(self, call: CarriedCall, now: float) -> None:
        """Take a call of the other side that did not come as text."""
        self._take(call, b"", None, now)

    def take_carried_reply(self, reply: CarriedResult, now: float) -> None:
        """Take the answer to a call of ours that did not come as text."""
        self._settle(reply, b"", None, now)

    def _take(self, call: Call, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        call.at = now
        call.deadline = latest if (latest := now + self._bounds.patience) < until else until
        call.asker = self.name
        if call.text is text:
            call.frame = frame
        if call.kind != SEND:
            self.owed += 1
            self._handler(call, Answer(self, call.id))
        elif self._has_send:
            self._handler(call, unheard)
        else:
            self._odd(UnknownType(SEND, call.id), text, now)

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
        if self.listener is not None:
            self.listener.ended(call, reply, now)
        respond(reply)
        if self._waiting is not None or self.feeder is not None:
            self._pump(now)

    def _stray(self, message_id: str) -> None:
        if self._unanswered is not None and self._unanswered.pop(message_id, None) is not None:
            self._counts.late += 1
        else:
            self._counts.unknown += 1

    def _odd(self, message: Complaint | Malformed | UnknownType | Noise, text: bytes, now: float) -> None:
        if isinstance(message, Malformed | UnknownType):
            self.unreadable(text, message.description)
        match message:
            case Complaint():
                self._complained(message)
            case Malformed(kind=3 | 4 as kind, id=str(message_id)):
                self._counts.malformed += 1
                what = "result" if kind == 3 else "error"
                self._broken(message_id, f"The {what} could not be read: {message.description}", now)
            case Malformed():
                self._counts.malformed += 1
                self._object(message)
            case UnknownType():
                self._counts.unknown_types += 1
                self._object(message)
            case _:
                self._counts.noise += 1

    def unreadable(self, text: bytes, why: str) -> None:
        """Have it heard that the other side said what is no message, whether the connection ends with it or not."""
        if self.listener is not None:
            self.listener.malformed(text, why)

    def _broken(self, message_id: str, description: str, now: float) -> None:
        """Fail a call at once whose answer cannot be read (lbbrhzn/ocpp#176)."""
        if message_id not in self._open:
            self._stray(message_id)
            return
        self._settle(malformed(description, message_id), b"", None, now)

    def _object(self, frame: Malformed | UnknownType) -> None:
        text = objection(self.dialect, frame)
        if text is not None and self._wire is not None:
            self._wire.send(text)

    # The answers to their calls.

    def answer(self, message_id: str, reply: Reply, stay: int) -> None:
        """Send the reply to a call that arrived during `stay`; too late for that connection, it is counted."""
        wire = self._wire
        if wire is None or stay != self.stay:
            self._counts.undeliverable += 1
            return
        self.owed -= 1
        if self._has_send and reply.origin is not None:
            self._given = self._given or Given()
            self._given.remember(message_id, reply.origin, reply.id)
        if reply.text is None or (type(reply) is Error and is_misspelt(self.dialect, reply)):
            if isinstance(reply, CarriedResult):
                reply.carry(wire, message_id)
            else:
                wire.send(encoded(self.dialect, message_id, reply))
        elif reply.id == message_id:
            wire.send(reply.text, reply.frame)
        else:
            wire.send(with_id(reply.text, message_id))

    # Complaints about answers (2.1).

    def _complained(self, complaint: Complaint) -> None:
        if not self._has_send:
            self._counts.unknown_types += 1
            self._object(UnknownType(5, complaint.id))
        elif self._given is None or not self._given.complain(complaint.id, complaint.text):
            self._counts.complaints_dropped += 1

    def complain(self, message_id: str, text: bytes, stay: int) -> None:
        """Pass a CALLRESULTERROR on to who gave the result `message_id` during `stay`, unchanged but for the id."""
        if self._wire is not None and stay == self.stay:
            self._wire.send(with_id(text, message_id))
        else:
            self._counts.complaints_dropped += 1
