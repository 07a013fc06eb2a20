"""A line: one connection's calls both ways, kept strictly. Stations and the stand-in backend speak through it.

Whatever the far end does that OCPP-J does not allow is a fault in the tally, with the frame as its example. Nothing
here waits: calls run out by the wheel, with one entry a connection at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from voltgate.ocpp import actions
from voltgate.ocpp.schemas import check, knows
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Wire
from voltgate.simulator import frames
from voltgate.simulator.tally import Fault, Tally

_REMEMBERED = 64
"""How many timed-out calls of a connection are remembered, to tell a late answer from a stray one."""


@dataclass(frozen=True, slots=True)
class CallError:
    """A CALLERROR in place of an answer; also what a call that got an unusable answer ends with."""

    code: str
    description: str = ""


Answer: TypeAlias = dict[str, Any] | CallError | None
"""How a call ended: its result, a refusal, or None when nothing came (timed out, or the connection was cut)."""

OnAnswer: TypeAlias = Callable[[Answer, float], None]
"""Called exactly once for each call, with the answer and the time."""

AnswerCheck: TypeAlias = Callable[[dict[str, Any]], str | None]
"""Looks whether a result belongs to the call that it claims to answer; gives what is wrong."""


class OutgoingCall:
    """A call of ours. `due` is the moment from which its latency counts, `kept` says that it outlives the connection.

    `payload` may be a function when what it says is known only at the moment of sending (1.6 transaction numbers).
    """

    __slots__ = ("action", "attempts", "deadline", "due", "id", "kept", "on_answer", "payload", "verify")

    def __init__(
        self,
        action: str,
        payload: dict[str, Any] | Callable[[], dict[str, Any]],
        on_answer: OnAnswer,
        *,
        kept: bool = False,
        verify: AnswerCheck | None = None,
        due: float | None = None,
    ) -> None:
        self.action = action
        self.payload = payload
        self.on_answer = on_answer
        self.kept = kept
        self.verify = verify
        self.due = due
        self.id: str | None = None
        self.attempts = 0
        self.deadline = 0.0


class IncomingCall:
    """A call of the far end on a websocket, to be answered once, now or later."""

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


class Command(Protocol):
    """A call of the far end as whoever obeys it sees it, whatever it came by."""

    @property
    def action(self) -> str:
        """What is to be done."""

    @property
    def payload(self) -> dict[str, Any]:
        """What with, as OCPP-J has it."""

    @property
    def channel(self) -> Channel:
        """What it came by."""

    def answer(self, payload: dict[str, Any]) -> None:
        """Answer it."""

    def refuse(self, code: str, description: str = "") -> None:
        """Answer it with an error."""


class Channel(Protocol):
    """A line as the simulated station that speaks through it sees it: websocket or SOAP."""

    @property
    def open(self) -> int:
        """The number of our calls that wait for an answer."""

    def ask(self, call: OutgoingCall, now: float) -> None:
        """Send a call."""

    def send(self, action: str, payload: dict[str, Any]) -> None:
        """Send what nobody answers (2.1)."""

    def close(self, code: int, reason: str) -> None:
        """Hang up; the owner hears `closed`."""


class ChannelOwner(Protocol):
    """Whoever a line belongs to: a simulated station, or the stand-in backend's place for one."""

    identity: str

    def call_received(self, request: IncomingCall, now: float) -> None:
        """Serve a call of the far end: it is in order and answered exactly once."""

    def send_received(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Hear a SEND (2.1)."""

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take how a call ended, pass it on to `asked.then`, and send what waits."""

    def channel_closed(self, channel: WebSocketChannel, unanswered: list[OutgoingCall], code: int, reason: str) -> None:
        """Go on without the connection; `unanswered` are the calls that were open, oldest first."""


class MessageIds:
    """Message ids of one asker, all different, that tell whose they are: "0000002a-5eed-4000-8000-000000000007".

    A plain counter ("7") instead when `plain`: many stations count so, and a gateway that mixes them up shows.
    """

    __slots__ = ("_prefix", "last")

    def __init__(self, number: int, *, plain: bool = False) -> None:
        self._prefix = "" if plain else f"{number:08x}-5eed-4000-8000-"
        self.last = 0

    def mint(self) -> str:
        """Make the next id."""
        self.last += 1
        return f"{self._prefix}{self.last:012x}" if self._prefix else str(self.last)

    def number(self, message_id: str) -> int | None:
        """Give the place of an id in the row; None for an id that is not of this asker."""
        if not message_id.startswith(self._prefix):
            return None
        digits = message_id[len(self._prefix) :]
        try:
            return int(digits, 16 if self._prefix else 10)
        except ValueError:
            return None

    def foreign(self, message_id: str) -> bool:
        """Tell whether this is the id of another simulated asker."""
        return bool(self._prefix) and message_id[8:24] == self._prefix[8:] and not message_id.startswith(self._prefix)

    def judge(self, message_id: str, first: int) -> tuple[Fault, str]:
        """Say what an answer is that no open call waits for; the connection's own ids begin with number `first`."""
        if self.foreign(message_id):
            return Fault.WRONG, "the answer to another station's call"
        number = self.number(message_id)
        if number is None or not 0 < number <= self.last:
            return Fault.STRAY, "the answer to a call that was never made"
        if number < first:
            return Fault.LATE, "the answer to a call of an earlier connection"
        return Fault.DOUBLED, "a second answer to the same call"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How lines of one kind behave. `serves` are the actions that the far end may call, `timeout` is in seconds.

    `crossing` is how many calls the far end may have open at a time, None for any number.
    """

    version: str
    serves: frozenset[str]
    timeout: float = 30.0
    max_open: int | None = 1

    @classmethod
    def of_station(cls, version: str, timeout: float) -> ChannelSettings:
        """Give the terms of a simulated station."""
        return cls(version, actions.from_backends(version), timeout)

    @classmethod
    def of_backend(cls, version: str, timeout: float) -> ChannelSettings:
        """Give the terms of the stand-in backend: a station may keep several calls open."""
        return cls(version, actions.from_stations(version), timeout, None)


class WebSocketChannel:
    """One connection. It is the wire's receiver; `ask` sends at once, whoever asks keeps the turns."""

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
        """The number of our calls that wait for an answer."""
        return len(self._open)

    # What we say

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
        """Send a SEND (2.1), which nobody answers."""
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

    # What we hear

    def received(self, text: bytes, frame: bytes | None, now: float) -> None:
        """Take one frame."""
        try:
            parts = frames.read(text)
        except (ValueError, RecursionError):
            self._sloppy(text, now)
            return
        if not frames.is_compact(text):
            self._fault(Fault.MALFORMED, "white space between tokens", text)
        self._take(parts, text, now)

    def _sloppy(self, text: bytes, now: float) -> None:
        """Take what some stations send: noise means nothing, padding is looked over (FR-27, FR-29)."""
        clean = frames.unpadded(text)
        if clean.lower() in frames.NOISE:
            self._fault(Fault.MALFORMED, "noise in a text frame", text)
            return
        try:
            parts = frames.read(clean)
        except (ValueError, RecursionError):
            self._broken(text, "not JSON", now)
            return
        self._fault(Fault.MALFORMED, "padding around the frame", text)
        self._take(parts, clean, now)

    def _take(self, parts: Any, text: bytes, now: float) -> None:
        if not isinstance(parts, list) or len(parts) < 3 or type(parts[0]) is not int or not isinstance(parts[1], str):
            self._broken(text, "not an array of type, id and the rest", now)
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
        """End with the connection, and hand back every open call."""
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
        """Say what an answer is that no open call waits for."""
        if message_id == "-1":
            self._fault(Fault.COMPLAINT, "a frame of ours could not be read", text)
        elif message_id in self._expired:
            self._fault(Fault.LATE, f"answer to {self._expired.pop(message_id)} after its time-out", text)
        else:
            self._fault(*self.message_ids.judge(message_id, self._first), text)

    def _broken(self, text: bytes, what: str, now: float) -> None:
        """Take what is no message: an answer to an open call ends it, and 2.x says that it could not read the frame."""
        self._fault(Fault.MALFORMED, what, text)
        head = frames.salvage(text)
        if head is not None and head[0] in {frames.RESULT, frames.ERROR}:
            call = self._open.pop(head[1], None)
            if call is not None:
                self.owner.call_ended(call, CallError(self._format_violation, what), now)
        elif self.settings.version.startswith("ocpp2") and (head is None or head[0] == frames.CALL):
            code = "RpcFrameworkError" if head is None else "FormatViolation"
            self.wire.send(frames.error("-1" if head is None else head[1], code, what))

    # What we are asked

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
        """Take a SEND: good or bad, it is never answered (2.1 Part 2 FR.07)."""
        if self.settings.version != "ocpp2.1" or refusal is not None:
            self._fault(Fault.MALFORMED, "a SEND that is not in order", text)
        else:
            self.tally.commands[parts[2]] += 1
            self.owner.send_received(parts[2], parts[3] or {}, now)

    def _objection(self, parts: list[Any]) -> CallError | None:
        """Say why a call is not served; None when it is in order."""
        if len(parts) != 4 or not isinstance(parts[2], str) or not isinstance(parts[3], dict | None):
            return CallError(self._format_violation, "a CALL is [2, id, action, payload]")
        if len(parts[1]) > frames.LONGEST_ID and self.settings.version.startswith("ocpp2"):
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
        return "FormatViolation" if self.settings.version.startswith("ocpp2") else "FormationViolation"

    def _fault(self, fault: Fault, what: str, text: bytes = b"") -> None:
        self.tally.fault(fault, self.owner.identity, what, text)
