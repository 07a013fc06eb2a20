"""A SOAP line: one simulated station's calls both ways over HTTP, kept as strictly as a websocket's.

Calls go out one at a time, answers come back on the same exchange; commands come in by the fleet's callback. A line has
no connection to lose: it ends when an exchange breaks off, or when nobody answers a Heartbeat. After a call that came
to nothing a Heartbeat finds out whether only the message was bad (errata of OCPP-S 1.6 section 3.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voltgate.ocpp.messages import Error
from voltgate.ocpp.soap.envelope import BadEnvelope
from voltgate.ocpp.soap.faults import Fault as Said
from voltgate.ocpp.soap.faults import fault, fault_of
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.line import Answer, Asked, Refused, Serials, Terms
from voltgate.simulator.soap_callback import Reply
from voltgate.simulator.soap_caller import Caller
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_speech import URN, Order, Speech, Told, read
from voltgate.simulator.tally import Fault, Tally

if TYPE_CHECKING:
    from voltgate.simulator.charger import Charger

_REMEMBERED = 64
_UNSAYABLE = Refused("NotSupported", "this version has no such message")


class Ordered:
    """A command that came by the callback, to be answered once, now or later."""

    __slots__ = ("_order", "_reply", "line")

    def __init__(self, line: SoapLine, order: Order, reply: Reply) -> None:
        self.line = line
        self._order = order
        self._reply = reply

    @property
    def action(self) -> str:
        """What is to be done."""
        return self._order.action

    @property
    def payload(self) -> dict[str, Any]:
        """What with, as OCPP-J 1.6 has it."""
        return self._order.payload

    def answer(self, payload: dict[str, Any]) -> None:
        """Answer with an envelope. Raises ValueError, behind a fault, for what the version has no words for."""
        line = self.line
        try:
            envelope = line.speech.result(self._order, payload, line.mint())
        except ValueError:
            self.refuse("InternalError", "the station cannot say its answer")
            raise
        line.served(self)
        self._reply.send(200, envelope)

    def refuse(self, code: str, description: str = "") -> None:
        """Answer with the fault that an error code is."""
        self.say(fault_of(Error("", code, description)))

    def say(self, said: Said) -> None:
        """Answer with a fault."""
        line = self.line
        envelope = line.speech.fault(self._order, said, line.mint())
        line.served(self)
        self._reply.send(400 if said.role == "Sender" else 500, envelope)

    def cut(self) -> None:
        """Never answer."""
        self._reply.cut()


class SoapLine:
    """One station's line. It is its caller's listener."""

    __slots__ = (
        "_current", "_expired", "_first", "_obeyed", "_over", "_stamp", "_waiting", "_watched", "caller", "clock",
        "owner", "serials", "speech", "tally", "terms", "wheel",
    )  # fmt: skip

    def __init__(
        self,
        owner: Charger,
        caller: Caller,
        speech: Speech,
        terms: Terms,
        tally: Tally,
        wheel: Wheel,
        clock: Callable[[], float],
        stamp: Callable[[float], str],
    ) -> None:
        self.owner = owner
        self.caller = caller
        self.speech = speech
        self.terms = terms
        self.tally = tally
        self.wheel = wheel
        self.clock = clock
        self.serials: Serials = owner.serials
        self._stamp = stamp
        self._first = owner.serials.last + 1
        self._current: Asked | None = None
        self._waiting: deque[Asked] = deque()
        self._expired: dict[str, str] = {}
        self._obeyed: set[Ordered] = set()
        self._watched = False
        self._over = False
        caller.listener = self

    @property
    def open(self) -> int:
        """The number of our calls that wait for an answer, or for their turn."""
        return len(self._waiting) + (self._current is not None)

    # What we say

    def ask(self, asked: Asked, now: float) -> None:
        """Send a call when those before it are answered. One that was sent before on another line keeps its id."""
        if asked.due is None:
            asked.due = now
        self._waiting.append(asked)
        self._next(now)

    def probe(self, now: float) -> None:
        """Ask, before anything else, whether the central system is there."""
        self._waiting.appendleft(Asked("Heartbeat", {}, _nothing, due=now))
        self._next(now)

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Do nothing: no version of OCPP-S has messages that nobody answers."""

    def close(self, code: int, reason: str) -> None:
        """Break off what is open, and end."""
        self._end(code, reason)

    def mint(self) -> str:
        """Make the id of an answer of ours."""
        return self._on_the_wire(self.serials.mint())

    def _next(self, now: float) -> None:
        while self._current is None and self._waiting and not self._over:
            asked = self._waiting.popleft()
            if not self._post(asked, now):
                self.owner.ended(asked, _UNSAYABLE, now)

    def _post(self, asked: Asked, now: float) -> bool:
        """Send a call; False when this version cannot say it."""
        if asked.id is None or asked.id in self._expired:
            asked.id = self.serials.mint()
        payload = asked.payload() if callable(asked.payload) else asked.payload
        envelope = self.speech.call(asked.action, payload, self._on_the_wire(asked.id))
        asked.attempts += 1
        if envelope is None:
            return False
        asked.deadline = now + self.terms.timeout
        self._current = asked
        self.tally.sent[asked.action] += 1
        self.caller.post(asked.action, envelope)
        if not self._watched:
            self._watched = True
            self.wheel.at(asked.deadline, self._expire)
        return True

    def _expire(self, now: float) -> None:
        asked = self._current
        if asked is not None and asked.deadline > now:
            self.wheel.at(asked.deadline, self._expire)
            return
        self._watched = False
        if asked is None or asked.id is None:
            return
        self._expired[asked.id] = asked.action
        if len(self._expired) > _REMEMBERED:
            del self._expired[next(iter(self._expired))]
        self._fault(Fault.MISSING, f"no answer to {asked.action} within {self.terms.timeout:g} s")
        self.caller.abandon()
        self._ended(asked, None, now)

    def _ended(self, asked: Asked, answer: Answer, now: float) -> None:
        """Pass on how a call ended; when it came to nothing, look first whether anybody is there."""
        self._current = None
        if answer is None and asked.action == "Heartbeat":
            self._end(1006, "nobody answers a Heartbeat", asked)
            return
        if not isinstance(answer, dict) and asked.action != "Heartbeat" and self.owner.online:
            self._waiting.appendleft(Asked("Heartbeat", {}, _nothing, due=now))
        self.owner.ended(asked, answer, now)
        self._next(now)

    def _end(self, code: int, reason: str, last: Asked | None = None) -> None:
        if self._over:
            return
        self._over = True
        self.caller.close()
        first = last or self._current
        calls = [*([first] if first is not None else []), *self._waiting]
        self._current = None
        self._waiting.clear()
        for ordered in self._obeyed:
            ordered.cut()
        self._obeyed.clear()
        self.owner.closed(self, calls, code, reason)

    # What we hear

    def answered(self, message: Message) -> None:
        """Take the answer to the open call."""
        asked, now = self._current, self.clock()
        if asked is None or asked.id is None:  # it has run out meanwhile
            return
        told = self.speech.told(asked.action, message, self._stamp(now))
        for verdict in told.verdicts:
            self._fault(verdict.fault, verdict.what, message.body)
        answer = self._proven(asked, told, message)
        if answer is None:
            self.caller.hang_up()
        else:
            self.tally.answer(asked.action, now - (asked.due or now))
        self._ended(asked, answer, now)

    def _proven(self, asked: Asked, told: Told, message: Message) -> Answer:
        """Give an answer that is meant for this call; None for one that is not."""
        if told.answer is None:
            return None
        wanted = self._on_the_wire(asked.id or "")
        if not told.relates_to:
            self._fault(Fault.MALFORMED, f"the answer to {asked.action} has no RelatesTo", message.body)
        elif told.relates_to != wanted:
            self._fault(*self._whose(told.relates_to), message.body)
            return None
        if isinstance(told.answer, Refused) or asked.proof is None:
            return told.answer
        complaint = asked.proof(told.answer)
        if complaint is None:
            return told.answer
        self._fault(Fault.WRONG, f"answer to {asked.action}: {complaint}", message.body)
        return Refused("PropertyConstraintViolation", complaint)

    def failed(self, why: str) -> None:
        """Hear that an exchange broke off."""
        if self._current is not None:
            self.tally.cut += 1
        self._end(1006, why)

    def late(self, message: Message) -> None:
        """Count an answer to a call that has run out."""
        self._fault(Fault.LATE, "an answer after its time-out", message.body)

    def unasked(self, message: Message) -> None:
        """Count an answer to nothing."""
        found = read(message.body)
        relates_to = "" if isinstance(found, BadEnvelope) else found.relates_to
        self._fault(*self._whose(relates_to), message.body)

    def garbled(self, why: str) -> None:
        """Count what is no HTTP."""
        self._fault(Fault.MALFORMED, why)

    def _whose(self, relates_to: str) -> tuple[Fault, str]:
        message_id = relates_to.removeprefix(URN)
        if message_id in self._expired:
            return Fault.LATE, f"answer to {self._expired.pop(message_id)} after its time-out"
        return self.serials.judge(message_id, self._first)

    def _on_the_wire(self, message_id: str) -> str:
        return URN + message_id if "-" in message_id else message_id

    # What we are asked

    def ordered(self, message: Message, reply: Reply) -> None:
        """Take a command."""
        order = self.speech.order(message)
        ordered = Ordered(self, order, reply)
        self._obeyed.add(ordered)
        if self.terms.crossing is not None and len(self._obeyed) > self.terms.crossing:
            self._fault(Fault.CROWDED, "a command before the last one was answered", message.body)
        self.tally.commands[order.action or "(unknown)"] += 1
        for verdict in order.verdicts:
            self._fault(verdict.fault, verdict.what, message.body)
        if order.refusal is not None:
            ordered.say(order.refusal)
        elif order.action not in self.terms.serves:
            ordered.say(fault("NotSupported", f"{order.action} is not for this side to serve"))
        else:
            self.owner.asked(ordered, self.clock())

    def served(self, ordered: Ordered) -> None:
        """Note that a command is answered."""
        self._obeyed.discard(ordered)

    def _fault(self, fault: Fault, what: str, text: bytes = b"") -> None:
        self.tally.fault(fault, self.owner.identity, what, text)


def _nothing(answer: Answer, now: float) -> None:
    """Do nothing with the answer to a probe: that it came is enough."""
