"""A SOAP line: one simulated station's calls both ways over HTTP, kept as strictly as a websocket's.

Calls go out one at a time, answers come back on the same exchange; commands come in by the fleet's callback. A line has
no connection to lose: it ends when an exchange breaks off, or when nobody answers a Heartbeat. After a call that came
to nothing a Heartbeat finds out whether only the message was bad (errata of OCPP-S 1.6 section 3.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from voltgate.ocpp.messages import Error
from voltgate.ocpp.soap.envelope import BadEnvelope
from voltgate.ocpp.soap.faults import Fault as SoapFault
from voltgate.ocpp.soap.faults import fault, fault_of
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.calls import Answer, CallError, MessageIds, OutgoingCall
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.soap_callback import Reply
from voltgate.simulator.soap_client import SoapClient
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_protocol import URN, SoapAnswer, SoapCommand, SoapProtocol, read
from voltgate.simulator.station import Station
from voltgate.simulator.tally import Fault, Tally

_REMEMBERED = 64
_UNSAYABLE = CallError("NotSupported", "this version has no such message")


class CallbackCommand:
    """A command that came by the callback, to be answered once, now or later."""

    __slots__ = ("_order", "_reply", "channel")

    def __init__(self, channel: SoapChannel, order: SoapCommand, reply: Reply) -> None:
        self.channel = channel
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
        channel = self.channel
        try:
            envelope = channel.protocol.result(self._order, payload, channel.mint())
        except ValueError:
            self.refuse("InternalError", "the station cannot say its answer")
            raise
        channel.served(self)
        self._reply.send(200, envelope)

    def refuse(self, code: str, description: str = "") -> None:
        """Answer with the fault that an error code is."""
        self.refuse_with(fault_of(Error("", code, description)))

    def refuse_with(self, said: SoapFault) -> None:
        """Answer with a fault."""
        channel = self.channel
        envelope = channel.protocol.fault(self._order, said, channel.mint())
        channel.served(self)
        self._reply.send(400 if said.role == "Sender" else 500, envelope)

    def cut(self) -> None:
        """Never answer."""
        self._reply.cut()


class SoapChannel:
    """One station's line. It is its caller's listener."""

    __slots__ = (
        "_current",
        "_expired",
        "_first",
        "_open_commands",
        "_over",
        "_stamp",
        "_waiting",
        "_watched",
        "client",
        "clock",
        "message_ids",
        "owner",
        "protocol",
        "settings",
        "tally",
        "wheel",
    )  # fmt: skip

    def __init__(
        self,
        owner: Station,
        client: SoapClient,
        protocol: SoapProtocol,
        settings: ChannelSettings,
        tally: Tally,
        wheel: Wheel,
        clock: Callable[[], float],
        stamp: Callable[[float], str],
    ) -> None:
        self.owner = owner
        self.client = client
        self.protocol = protocol
        self.settings = settings
        self.tally = tally
        self.wheel = wheel
        self.clock = clock
        self.message_ids: MessageIds = owner.message_ids
        self._stamp = stamp
        self._first = owner.message_ids.last + 1
        self._current: OutgoingCall | None = None
        self._waiting: deque[OutgoingCall] = deque()
        self._expired: dict[str, str] = {}
        self._open_commands: set[CallbackCommand] = set()
        self._watched = False
        self._over = False
        client.handler = self

    @property
    def open(self) -> int:
        """The number of our calls that wait for an answer, or for their turn."""
        return len(self._waiting) + (self._current is not None)

    # What we say

    def ask(self, call: OutgoingCall, now: float) -> None:
        """Send a call when those before it are answered. One that was sent before on another line keeps its id."""
        if call.due is None:
            call.due = now
        self._waiting.append(call)
        self._next(now)

    def probe(self, now: float) -> None:
        """Ask, before anything else, whether the central system is there."""
        self._waiting.appendleft(OutgoingCall("Heartbeat", {}, _nothing, due=now))
        self._next(now)

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Do nothing: no version of OCPP-S has messages that nobody answers."""

    def close(self, code: int, reason: str) -> None:
        """Break off what is open, and end."""
        self._end(code, reason)

    def mint(self) -> str:
        """Make the id of an answer of ours."""
        return self._on_the_wire(self.message_ids.mint())

    def _next(self, now: float) -> None:
        while self._current is None and self._waiting and not self._over:
            call = self._waiting.popleft()
            if not self._post(call, now):
                self.owner.call_ended(call, _UNSAYABLE, now)

    def _post(self, call: OutgoingCall, now: float) -> bool:
        """Send a call; False when this version cannot say it."""
        if call.id is None or call.id in self._expired:
            call.id = self.message_ids.mint()
        payload = call.payload() if callable(call.payload) else call.payload
        envelope = self.protocol.call(call.action, payload, self._on_the_wire(call.id))
        call.attempts += 1
        if envelope is None:
            return False
        call.deadline = now + self.settings.timeout
        self._current = call
        self.tally.sent[call.action] += 1
        self.client.post(call.action, envelope)
        if not self._watched:
            self._watched = True
            self.wheel.at(call.deadline, self._expire)
        return True

    def _expire(self, now: float) -> None:
        call = self._current
        if call is not None and call.deadline > now:
            self.wheel.at(call.deadline, self._expire)
            return
        self._watched = False
        if call is None or call.id is None:
            return
        self._expired[call.id] = call.action
        if len(self._expired) > _REMEMBERED:
            del self._expired[next(iter(self._expired))]
        self._fault(Fault.MISSING, f"no answer to {call.action} within {self.settings.timeout:g} s")
        self.client.abandon()
        self._ended(call, None, now)

    def _ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Pass on how a call ended; when it came to nothing, look first whether anybody is there."""
        self._current = None
        if answer is None and call.action == "Heartbeat":
            self._end(1006, "nobody answers a Heartbeat", call)
            return
        if not isinstance(answer, dict) and call.action != "Heartbeat" and self.owner.online:
            self._waiting.appendleft(OutgoingCall("Heartbeat", {}, _nothing, due=now))
        self.owner.call_ended(call, answer, now)
        self._next(now)

    def _end(self, code: int, reason: str, last: OutgoingCall | None = None) -> None:
        if self._over:
            return
        self._over = True
        self.client.close()
        first = last or self._current
        calls = [*([first] if first is not None else []), *self._waiting]
        self._current = None
        self._waiting.clear()
        for command in self._open_commands:
            command.cut()
        self._open_commands.clear()
        self.owner.channel_closed(self, calls, code, reason)

    # What we hear

    def answered(self, message: Message) -> None:
        """Take the answer to the open call."""
        call, now = self._current, self.clock()
        if call is None or call.id is None:  # it has run out meanwhile
            return
        told = self.protocol.judge_answer(call.action, message, self._stamp(now))
        for finding in told.findings:
            self._fault(finding.fault, finding.what, message.body)
        answer = self._proven(call, told, message)
        if answer is None:
            self.client.hang_up()
        else:
            self.tally.answer(call.action, now - (call.due or now))
        self._ended(call, answer, now)

    def _proven(self, call: OutgoingCall, told: SoapAnswer, message: Message) -> Answer:
        """Give an answer that is meant for this call; None for one that is not."""
        if told.answer is None:
            return None
        wanted = self._on_the_wire(call.id or "")
        if not told.relates_to:
            self._fault(Fault.MALFORMED, f"the answer to {call.action} has no RelatesTo", message.body)
        elif told.relates_to != wanted:
            self._fault(*self._whose(told.relates_to), message.body)
            return None
        if isinstance(told.answer, CallError) or call.verify is None:
            return told.answer
        complaint = call.verify(told.answer)
        if complaint is None:
            return told.answer
        self._fault(Fault.WRONG, f"answer to {call.action}: {complaint}", message.body)
        return CallError("PropertyConstraintViolation", complaint)

    def failed(self, why: str) -> None:
        """Hear that an exchange broke off."""
        if self._current is not None:
            self.tally.cut += 1
        self._end(1006, why)

    def late(self, message: Message) -> None:
        """Count an answer to a call that has run out."""
        self._fault(Fault.LATE, "an answer after its time-out", message.body)

    def unsolicited(self, message: Message) -> None:
        """Count an answer to nothing."""
        found = read(message.body)
        relates_to = "" if isinstance(found, BadEnvelope) else found.relates_to
        self._fault(*self._whose(relates_to), message.body)

    def malformed(self, why: str) -> None:
        """Count what is no HTTP."""
        self._fault(Fault.MALFORMED, why)

    def _whose(self, relates_to: str) -> tuple[Fault, str]:
        message_id = relates_to.removeprefix(URN)
        if message_id in self._expired:
            return Fault.LATE, f"answer to {self._expired.pop(message_id)} after its time-out"
        return self.message_ids.judge(message_id, self._first)

    def _on_the_wire(self, message_id: str) -> str:
        return URN + message_id if "-" in message_id else message_id

    # What we are asked

    def command_received(self, message: Message, reply: Reply) -> None:
        """Take a command."""
        order = self.protocol.judge_command(message)
        command = CallbackCommand(self, order, reply)
        self._open_commands.add(command)
        if self.settings.max_open is not None and len(self._open_commands) > self.settings.max_open:
            self._fault(Fault.CROWDED, "a command before the last one was answered", message.body)
        self.tally.commands[order.action or "(unknown)"] += 1
        for finding in order.findings:
            self._fault(finding.fault, finding.what, message.body)
        if order.refusal is not None:
            command.refuse_with(order.refusal)
        elif order.action not in self.settings.serves:
            command.refuse_with(fault("NotSupported", f"{order.action} is not for this side to serve"))
        else:
            self.owner.call_received(command, self.clock())

    def served(self, command: CallbackCommand) -> None:
        """Note that a command is answered."""
        self._open_commands.discard(command)

    def _fault(self, fault: Fault, what: str, text: bytes = b"") -> None:
        self.tally.fault(fault, self.owner.identity, what, text)


def _nothing(answer: Answer, now: float) -> None:
    """Do nothing with the answer to a probe: that it came is enough."""
