"""A channel over a websocket: one connection's calls both ways, checked strictly, for stations and the backend.

Whatever the far end does that OCPP-J does not allow is counted as a fault, with the frame as its example. Nothing here
blocks: calls expire by the timing wheel, with one entry a connection at most.
"""

from __future__ import annotations

from typing import Any, Protocol

from voltgate.ocpp import actions
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.schemas import check, knows
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Wire
from voltgate.simulator import frames
from voltgate.simulator.calls import Answer, CallError, MessageIds, OutgoingCall
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.tally import Fault, Tally

_REMEMBERED = 64
"""How many timed-out calls of a connection are remembered, to tell a late answer from a stray one."""


class IncomingCall:
    """A call of the far end on a websocket, to be answered exactly once, now or later."""

    __slots__ = ("action", "channel", "id", "payload")

    def __init__(self, channel: WebSocketChannel, message_id: str, action: str, payload: dict[str, Any]) -> None:
        self.channel = channel
        self.id = message_id
        self.action = action
        self.payload = payload

    def answer(self, payload: dict[str, Any]) -> None:
        """Send a CALLRESULT."""
        self.channel.answered(frames.result(self.id, payload))

    def refuse(self, code: str, description: str = "") -> None:
        """Send a CALLERROR."""
        self.channel.answered(frames.error(self.id, code, description))


class ChannelOwner(Protocol):
    """The user of a websocket channel: a simulated station, or the simulated backend's connection to one."""

    identity: str

    def call_received(self, request: IncomingCall, now: float) -> None:
        """Serve a valid call of the far end; it must be answered exactly once."""

    def send_received(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Take a SEND (2.1)."""

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take the outcome of a call, pass it on to `call.on_answer`, and send what waits."""

    def channel_closed(self, channel: WebSocketChannel, unanswered: list[OutgoingCall], code: int, reason: str) -> None:
        """Go on without the connection; `unanswered` are the calls that were open, oldest first."""


class WebSocketChannel:
    """One connection, as the wire's receiver. `ask` sends at once: the owner limits the number of open calls."""

    __slots__ = (
        "_expired",
        "_first",
        "_open",
        "_watched",
        "message_ids",
        "owner",
        "serving",
        "settings",
        "tally",
        "wheel",
        "wire",
    )

    def __init__(
        self,
        owner: ChannelOwner,
        wire: Wire,
        settings: ChannelSettings,
        tally: Tally,
        wheel: Wheel,
        message_ids: MessageIds,
    ) -> None:
        self.owner = owner
        self.wire = wire
        self.settings = settings
        self.tally = tally
        self.wheel = wheel
        self.message_ids = message_ids
        self.serving = 0
        self._first = message_ids.last + 1
        self._open: dict[str, OutgoingCall] = {}
        self._expired: dict[str, str] = {}
        self._watched = False

    @property
    def open(self) -> int:
        """The number of own calls that wait for an answer."""
        return len(self._open)

    # Sending

    def ask(self, call: OutgoingCall, now: float) -> None:
        """Send a call. One that was sent before on another connection keeps its id (2.1 Part 4 section 4.1.4)."""
        if call.id is None or call.id in self._expired:
            call.id = self.message_ids.mint()
        payload = call.payload() if callable(call.payload) else call.payload
        if call.due is None:
            call.due = now
        call.attempts += 1
        call.deadline = now + self.settings.timeout
        self._open[call.id] = call
        self.tally.sent[call.action] += 1
        self.wire.send(frames.call(call.id, call.action, payload))
        if not self._watched:
            self._watched = True
            self.wheel.at(call.deadline, self._expire)

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Send a SEND (2.1), which has no answer."""
        self.tally.streamed += 1
        self.wire.send(frames.call(self.message_ids.mint(), action, payload, frames.SEND))

    def answered(self, text: bytes) -> None:
        """Send the answer to a call of the far end."""
        self.serving -= 1
        self.wire.send(text)

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""
        self.wire.close(code, reason)

    def _expire(self, now: float) -> None:
        while self._open:
            message_id, call = next(iter(self._open.items()))
            if call.deadline > now:
                self.wheel.at(call.deadline, self._expire)
                return
            del self._open[message_id]
            self._remember(message_id, call.action)
            self._fault(Fault.MISSING, f"no answer to {call.action} within {self.settings.timeout:g} s")
            self.owner.call_ended(call, None, now)
        self._watched = False

    def _remember(self, message_id: str, action: str) -> None:
        self._expired[message_id] = action
        if len(self._expired) > _REMEMBERED:
            del self._expired[next(iter(self._expired))]

    # Receiving

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Process one frame."""
        try:
            parts = frames.read(text)
        except (ValueError, RecursionError):
            self._invalid_json(text, now)
            return
        if not frames.is_compact(text):
            self._fault(Fault.MALFORMED, "white space between tokens", text)
        self._dispatch(parts, text, now)

    def _invalid_json(self, text: bytes, now: float) -> None:
        """Process a frame that is not plain JSON: known noise is ignored, padding is removed (FR-27, FR-29)."""
        clean = frames.unpadded(text)
        if clean.lower() in frames.NOISE:
            self._fault(Fault.MALFORMED, "noise in a text frame", text)
            return
        try:
            parts = frames.read(clean)
        except (ValueError, RecursionError):
            self._unreadable(text, "not JSON", now)
            return
        self._fault(Fault.MALFORMED, "padding around the frame", text)
        self._dispatch(parts, clean, now)

    def _dispatch(self, parts: Any, text: bytes, now: float) -> None:
        if not isinstance(parts, list) or len(parts) < 3 or type(parts[0]) is not int or not isinstance(parts[1], str):
            self._unreadable(text, "not an array of type, id and the rest", now)
            return
        match parts[0]:
            case frames.RESULT:
                self._result(parts, text, now)
            case frames.CALL | frames.SEND:
                self._call(parts, text, now)
            case frames.ERROR:
                self._error(parts, text, now)
            case frames.COMPLAINT:
                self._complaint(parts, text)
            case _:
                self._fault(Fault.MALFORMED, "a message type that OCPP has not", text)

    def lost(self, code: int, reason: str) -> None:
        """End with the connection, and return every open call to the owner."""
        calls, self._open = list(self._open.values()), {}
        self.tally.cut += len(calls)
        self.owner.channel_closed(self, calls, code, reason)

    def writable(self, yes: bool) -> None:
        """Do nothing: one open call at a time is all that is ever buffered."""

    def _result(self, parts: list[Any], text: bytes, now: float) -> None:
        call = self._open.pop(parts[1], None)
        if call is None:
            self._unexpected(parts[1], text)
            return
        self.tally.answer(call.action, now - (call.due or now))
        flaw = self._flaw_of_result(call, parts)
        if flaw is None:
            self.owner.call_ended(call, parts[2] or {}, now)
            return
        self._fault(Fault.WRONG, f"answer to {call.action}: {flaw.description}", text)
        if self.settings.version == "ocpp2.1":
            self.wire.send(frames.error(parts[1], flaw.code, flaw.description, frames.COMPLAINT))
        self.owner.call_ended(call, flaw, now)

    def _flaw_of_result(self, call: OutgoingCall, parts: list[Any]) -> CallError | None:
        if len(parts) != 3:
            return CallError(self._format_violation, "a CALLRESULT has three elements")
        payload = parts[2]
        violation = check(self.settings.version, call.action, "response", payload)
        if violation is not None:
            return CallError(violation.code, violation.description)
        complaint = call.verify(payload) if call.verify is not None and payload is not None else None
        return None if complaint is None else CallError("PropertyConstraintViolation", complaint)

    def _error(self, parts: list[Any], text: bytes, now: float) -> None:
        flaw = frames.flaw_of_error(parts, self.settings.version)
        if flaw is not None:
            self._fault(Fault.MALFORMED, flaw, text)
        call = self._open.pop(parts[1], None)
        if call is None:
            self._unexpected(parts[1], text)
            return
        self.tally.answer(call.action, now - (call.due or now))
        code, description = str(parts[2]), str(parts[3]) if len(parts) > 3 else ""
        self._fault(Fault.REFUSED, f"{call.action} was refused", text)
        self.owner.call_ended(call, CallError(code, description), now)

    def _complaint(self, parts: list[Any], text: bytes) -> None:
        flaw = frames.flaw_of_error(parts, self.settings.version)
        if self.settings.version != "ocpp2.1":
            flaw = "CALLRESULTERROR exists in 2.1 only"
        if flaw is not None:
            self._fault(Fault.MALFORMED, flaw, text)
        else:
            self._fault(Fault.COMPLAINT, "an answer of ours was taken for bad", text)

    def _unexpected(self, message_id: str, text: bytes) -> None:
        """Count an answer that no open call waits for."""
        if message_id == "-1":
            self._fault(Fault.COMPLAINT, "a frame of ours could not be read", text)
        elif message_id in self._expired:
            self._fault(Fault.LATE, f"answer to {self._expired.pop(message_id)} after its time-out", text)
        else:
            self._fault(*self.message_ids.judge(message_id, self._first), text)

    def _unreadable(self, text: bytes, what: str, now: float) -> None:
        """Process an unreadable frame: an answer ends its open call; 2.x replies that it could not be read."""
        self._fault(Fault.MALFORMED, what, text)
        head = frames.salvage(text)
        if head is not None and head[0] in {frames.RESULT, frames.ERROR}:
            call = self._open.pop(head[1], None)
            if call is not None:
                self.owner.call_ended(call, CallError(self._format_violation, what), now)
        elif is_modern(self.settings.version) and (head is None or head[0] == frames.CALL):
            code = "RpcFrameworkError" if head is None else "FormatViolation"
            self.wire.send(frames.error("-1" if head is None else head[1], code, what))

    # Calls of the far end

    def _call(self, parts: list[Any], text: bytes, now: float) -> None:
        kind, message_id = parts[0], parts[1]
        if len(parts) == 5 and isinstance(parts[3], str) and parts[3].endswith(actions.SIGNED):
            parts = [kind, message_id, *parts[3:]]  # as 2.1 Part 4 section 7.1 prints a signed message
        refusal = self._objection(parts)
        if kind == frames.SEND:
            self._send(parts, refusal, text, now)
            return
        self.serving += 1
        if self.settings.max_open is not None and self.serving > self.settings.max_open:
            self._fault(Fault.CROWDED, "a call before the last one was answered", text)
        request = IncomingCall(self, message_id, str(parts[2]), parts[3] if len(parts) > 3 and parts[3] else {})
        self.tally.commands[request.action if self._has(request.action) else "(unknown)"] += 1
        if refusal is None:
            self.owner.call_received(request, now)
            return
        if refusal.code not in {"NotImplemented", "NotSupported"}:
            self._fault(Fault.WRONG, f"a call against the rules: {refusal.description}", text)
        request.refuse(refusal.code, refusal.description)

    def _send(self, parts: list[Any], refusal: CallError | None, text: bytes, now: float) -> None:
        """Process a SEND: valid or not, it is never answered (2.1 Part 2 FR.07)."""
        if self.settings.version != "ocpp2.1" or refusal is not None:
            self._fault(Fault.MALFORMED, "a SEND that is not in order", text)
        else:
            self.tally.commands[parts[2]] += 1
            self.owner.send_received(parts[2], parts[3] or {}, now)

    def _objection(self, parts: list[Any]) -> CallError | None:
        """Return why a call is not served; None when it is valid."""
        if len(parts) != 4 or not isinstance(parts[2], str) or not isinstance(parts[3], dict | None):
            return CallError(self._format_violation, "a CALL is [2, id, action, payload]")
        if len(parts[1]) > frames.LONGEST_ID and is_modern(self.settings.version):
            return CallError("FormatViolation", "a message id has at most 36 characters")
        action = parts[2]
        if action.endswith(actions.SIGNED) and self._has(action):
            return None
        violation = check(self.settings.version, action, "request", parts[3])
        if violation is not None and violation.code == "NotImplemented":
            return CallError("NotImplemented", violation.description)
        if action not in self.settings.serves:
            return CallError("NotSupported", f"{action} is not for this side to serve")
        return None if violation is None else CallError(violation.code, violation.description)

    def _has(self, action: str) -> bool:
        return knows(self.settings.version, action.removesuffix(actions.SIGNED))

    @property
    def _format_violation(self) -> str:
        return "FormatViolation" if is_modern(self.settings.version) else "FormationViolation"

    def _fault(self, fault: Fault, what: str, text: bytes = b"") -> None:
        self.tally.fault(fault, self.owner.identity, what, text)
