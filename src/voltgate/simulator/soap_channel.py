"""A channel over SOAP: one simulated station's calls both ways over HTTP, checked as strictly as over a websocket.

Calls are sent one at a time and answered in the same HTTP exchange; commands arrive by the fleet's callback. There is
no lasting connection: the channel ends when an exchange fails, or when a Heartbeat is not answered. After a call that
failed a Heartbeat finds out whether only the message was bad (errata of OCPP-S 1.6 section 3.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.messages import Error
from voltgate.ocpp.soap.envelope import BadEnvelope
from voltgate.ocpp.soap.faults import Fault as SoapFault
from voltgate.ocpp.soap.faults import fault, fault_of
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.calls import Answer, CallError, MessageIds, OutgoingCall
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.soap_callback import HttpReply
from voltgate.simulator.soap_client import SoapClient
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_protocol import URN, SoapAnswer, SoapCommand, SoapProtocol, read
from voltgate.simulator.station import Station
from voltgate.simulator.tally import Fault, Tally

_REMEMBERED = 64
_NO_SUCH_MESSAGE = CallError("NotSupported", "this version has no such message")


class CallbackCommand:
    """A command that arrived by the callback, to be answered exactly once, now or later."""

    __slots__ = ("_command", "_reply", "channel")

    def __init__(self, channel: SoapChannel, judged: SoapCommand, reply: HttpReply) -> None:
        self.channel = channel
        self._command = judged
        self._reply = reply

    @property
    def action(self) -> str:
        """The action."""
        return self._command.action

    @property
    def payload(self) -> dict[str, Any]:
        """The payload, in the form of OCPP-J 1.6."""
        return self._command.payload

    def answer(self, payload: dict[str, Any]) -> None:
        """Answer with an envelope. Raise ValueError, after a fault was sent, when the version cannot express it."""
        channel = self.channel
        try:
            envelope = channel.protocol.result(self._command, payload, channel.mint())
        except ValueError:
            self.refuse("InternalError", "the station cannot say its answer")
            raise
        channel.served(self)
        self._reply.send(200, envelope)

    def refuse(self, code: str, description: str = "") -> None:
        """Answer with the fault for an error code."""
        self.refuse_with(fault_of(Error("", code, description)))

    def refuse_with(self, soap_fault: SoapFault) -> None:
        """Answer with a fault."""
        channel = self.channel
        envelope = channel.protocol.fault(self._command, soap_fault, channel.mint())
        channel.served(self)
        self._reply.send(400 if soap_fault.role == "Sender" else 500, envelope)

    def cut(self) -> None:
        """Never answer."""
        self._reply.cut()


class SoapChannel:
    """One station's channel, which handles the responses of its client."""

    __slots__ = (
        "_closed",
        "_current",
        "_expired",
        "_first",
        "_open_commands",
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
        self._closed = False
        client.handler = self

    @property
    def open(self) -> int:
        """The number of own calls that wait to be sent or answered."""
        return len(self._waiting) + (self._current is not None)

    # Sending

    def ask(self, call: OutgoingCall, now: float) -> None:
        """Send a call when those before it are answered. One that was sent before on another channel keeps its id."""
        if call.due is None:
            call.due = now
        self._waiting.append(call)
        self._next(now)

    def probe(self, now: float) -> None:
        """Send a Heartbeat before anything else, to find out whether the central system answers."""
        self._waiting.appendleft(OutgoingCall("Heartbeat", {}, _nothing, due=now))
        self._next(now)

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Do nothing: no version of OCPP-S has messages without answers."""

    def close(self, code: int, reason: str) -> None:
        """Abort the open exchange, and end."""
        self._end(code, reason)

    def mint(self) -> str:
        """Return the id of an answer."""
        return self._wire_id(self.message_ids.mint())

    def _next(self, now: float) -> None:
        while self._current is None and self._waiting and not self._closed:
            call = self._waiting.popleft()
            if not self._post(call, now):
                self.owner.call_ended(call, _NO_SUCH_MESSAGE, now)

    def _post(self, call: OutgoingCall, now: float) -> bool:
        """Send a call; False when this version has no such message."""
        if call.id is None or call.id in self._expired:
            call.id = self.message_ids.mint()
        payload = call.payload() if callable(call.payload) else call.payload
        envelope = self.protocol.call(call.action, payload, self._wire_id(call.id))
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
        """Pass on the outcome of a call; after a failed one, send a Heartbeat before anything else."""
        self._current = None
        if answer is None and call.action == "Heartbeat":
            self._end(NO_CLOSE, "nobody answers a Heartbeat", call)
            return
        if not isinstance(answer, dict) and call.action != "Heartbeat" and self.owner.online:
            self._waiting.appendleft(OutgoingCall("Heartbeat", {}, _nothing, due=now))
        self.owner.call_ended(call, answer, now)
        self._next(now)

    def _end(self, code: int, reason: str, last: OutgoingCall | None = None) -> None:
        if self._closed:
            return
        self._closed = True
        self.client.close()
        first = last or self._current
        calls = [*([first] if first is not None else []), *self._waiting]
        self._current = None
        self._waiting.clear()
        for command in self._open_commands:
            command.cut()
        self._open_commands.clear()
        self.owner.channel_closed(self, calls, code, reason)

    # Receiving

    def answered(self, message: Message) -> None:
        """Process the response to the open call."""
        call, now = self._current, self.clock()
        if call is None or call.id is None:  # it has timed out meanwhile
            return
        judged = self.protocol.judge_answer(call.action, message, self._stamp(now))
        for finding in judged.findings:
            self._fault(finding.fault, finding.what, message.body)
        answer = self._verified(call, judged, message)
        if answer is None:
            self.client.close_idle()
        else:
            self.tally.answer(call.action, now - (call.due or now))
        self._ended(call, answer, now)

    def _verified(self, call: OutgoingCall, judged: SoapAnswer, message: Message) -> Answer:
        """Return an answer that belongs to this call; None for one that does not."""
        if judged.answer is None:
            return None
        wanted = self._wire_id(call.id or "")
        if not judged.relates_to:
            self._fault(Fault.MALFORMED, f"the answer to {call.action} has no RelatesTo", message.body)
        elif judged.relates_to != wanted:
            self._fault(*self._classify(judged.relates_to), message.body)
            return None
        if isinstance(judged.answer, CallError) or call.verify is None:
            return judged.answer
        complaint = call.verify(judged.answer)
        if complaint is None:
            return judged.answer
        self._fault(Fault.WRONG, f"answer to {call.action}: {complaint}", message.body)
        return CallError("PropertyConstraintViolation", complaint)

    def failed(self, why: str) -> None:
        """End, because an exchange failed."""
        if self._current is not None:
            self.tally.cut += 1
        self._end(NO_CLOSE, why)

    def late(self, message: Message) -> None:
        """Count an answer to a call that has timed out."""
        self._fault(Fault.LATE, "an answer after its time-out", message.body)

    def unsolicited(self, message: Message) -> None:
        """Count an answer that no call waits for."""
        found = read(message.body)
        relates_to = "" if isinstance(found, BadEnvelope) else found.relates_to
        self._fault(*self._classify(relates_to), message.body)

    def malformed(self, why: str) -> None:
        """Count a response that is not HTTP."""
        self._fault(Fault.MALFORMED, why)

    def _classify(self, relates_to: str) -> tuple[Fault, str]:
        message_id = relates_to.removeprefix(URN)
        if message_id in self._expired:
            return Fault.LATE, f"answer to {self._expired.pop(message_id)} after its time-out"
        return self.message_ids.judge(message_id, self._first)

    def _wire_id(self, message_id: str) -> str:
        return URN + message_id if "-" in message_id else message_id

    # Commands

    def command_received(self, message: Message, reply: HttpReply) -> None:
        """Process a command."""
        judged = self.protocol.judge_command(message)
        command = CallbackCommand(self, judged, reply)
        self._open_commands.add(command)
        if self.settings.max_open is not None and len(self._open_commands) > self.settings.max_open:
            self._fault(Fault.CROWDED, "a command before the last one was answered", message.body)
        self.tally.commands[judged.action or "(unknown)"] += 1
        for finding in judged.findings:
            self._fault(finding.fault, finding.what, message.body)
        if judged.refusal is not None:
            command.refuse_with(judged.refusal)
        elif judged.action not in self.settings.serves:
            command.refuse_with(fault("NotSupported", f"{judged.action} is not for this side to serve"))
        else:
            self.owner.call_received(command, self.clock())

    def served(self, command: CallbackCommand) -> None:
        """Forget a command that is answered."""
        self._open_commands.discard(command)

    def _fault(self, fault: Fault, what: str, text: bytes = b"") -> None:
        self.tally.fault(fault, self.owner.identity, what, text)


def _nothing(answer: Answer, now: float) -> None:
    """Ignore the answer to a Heartbeat of the channel itself: that it arrived is enough."""
