"""One station's connection to the simulated backend: it answers the station's calls and queues commands."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from voltgate.ocpp import actions
from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.schemas import check
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator import frames
from voltgate.simulator.behaviour import Behaviour, Boot, Lie, nonsense
from voltgate.simulator.calls import Answer, CallError, OnAnswer, OutgoingCall
from voltgate.simulator.clock import Clock, mark
from voltgate.simulator.command_mix import next_command
from voltgate.simulator.station_record import ReceivedTransaction, StationRecord
from voltgate.simulator.websocket_channel import IncomingCall, WebSocketChannel

MOST_WAITING = 100
"""Commands that wait for one station; more are refused."""

_WHILE_PENDING = frozenset({"NotifyReport", "LogStatusNotification", "SecurityEventNotification", "SignCertificate"})


class Backend(Protocol):
    """The simulated backend as its connections see it."""

    behaviour: Behaviour
    wheel: Wheel
    clock: Clock

    def mint(self) -> int:
        """Return the number of the next transaction (1.6)."""

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection that has ended."""


class Connection:
    """One station's connection to the simulated backend: the owner of its channel.

    `accepts_commands`: the station may be sent commands, as it is accepted or was before (RG-04, RG-06).
    """

    __slots__ = (
        "_backend",
        "_registered",
        "_sent",
        "_waiting",
        "accepts_commands",
        "channel",
        "identity",
        "record",
        "version",
    )

    def __init__(self, backend: Backend, identity: str, version: str, record: StationRecord) -> None:
        self._backend = backend
        self._registered = Boot.ACCEPTED  # a station that was accepted before need not boot again
        self._waiting: deque[OutgoingCall] = deque()
        self._sent = 0
        self.accepts_commands = False
        self.identity = identity
        self.version = version
        self.record = record
        self.channel: WebSocketChannel | None = None

    def begin(self, channel: WebSocketChannel, now: float) -> None:
        """Start with a channel, and schedule what the behaviour asks for."""
        self.channel = channel
        behaviour, wheel = self._backend.behaviour, self._backend.wheel
        if behaviour.babble:
            wheel.at(now + behaviour.babble, self._babble)
        if behaviour.commands:
            wheel.at(now + behaviour.commands, self._send_next_command)
        if behaviour.hang_up:
            wheel.at(now + behaviour.hang_up, self._hang_up)

    # Calls of the station

    def call_received(self, request: IncomingCall, now: float) -> None:
        """Answer a call, as the behaviour says."""
        behaviour = self._backend.behaviour
        action = actions.plain_action(request.action)
        self.record.count(action)
        if "*" in behaviour.silent or action in behaviour.silent:
            return
        if behaviour.delay:
            self._backend.wheel.at(now + behaviour.delay, lambda later: self._serve(request, action, later))
        else:
            self._serve(request, action, now)

    def _serve(self, request: IncomingCall, action: str, now: float) -> None:
        payload = _unsigned(request, self.version) if request.action != action else request.payload
        answer = _ANSWERS.get(action)
        if isinstance(payload, CallError):
            request.refuse(payload.code, payload.description)
        elif not self._is_allowed(action):
            request.refuse("SecurityError", "The BootNotification is not accepted yet")
        elif self._backend.behaviour.lie is Lie.ERROR:
            request.refuse("InternalError", "The stand-in was told to fail")
        elif answer is not None:
            self._answer(request, answer(self, payload, now))
        elif action in _EMPTY:
            self._answer(request, {})
        else:
            request.refuse("NotSupported", f"The stand-in does not serve {action}")

    def _is_allowed(self, action: str) -> bool:
        """Return whether a station may send this before it is accepted (RG-02; in 1.6 it may send anything)."""
        if self._registered is Boot.ACCEPTED or action == "BootNotification" or not is_modern(self.version):
            return True
        return self._registered is Boot.PENDING and action in _WHILE_PENDING

    def _answer(self, request: IncomingCall, payload: dict[str, Any]) -> None:
        text = _lie(self._backend.behaviour.lie, request, payload) or frames.result(request.id, payload)
        if self._backend.behaviour.lie is Lie.DOUBLED:
            request.channel.wire.send(text)
        request.channel.answered(text)
        self.accepts_commands = self.accepts_commands or self._registered is Boot.ACCEPTED

    # Answers

    def boot(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a BootNotification."""
        behaviour = self._backend.behaviour
        self._registered = behaviour.boot
        return {"currentTime": self._time(now), "interval": behaviour.interval, "status": behaviour.boot.value}

    def heartbeat(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a Heartbeat with the time, marked for this station."""
        return {"currentTime": self._time(now)}

    def _time(self, now: float) -> str:
        return self._backend.clock.stamp(now, mark(self.identity))

    def authorize(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer an Authorize: every card is accepted except those that begin with "BLOCKED"."""
        if not is_modern(self.version):
            return {"idTagInfo": _tag_info(payload["idTag"])}
        return {"idTokenInfo": _token_info(payload["idToken"]["idToken"])}

    def start(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a StartTransaction; a repeated one gets the same number."""
        key = (payload["connectorId"], payload["idTag"], payload["timestamp"], payload["meterStart"])
        number = self.record.starts.get(key)
        if number is None:
            number = self.record.starts[key] = self._backend.mint()
            self.record.add(ReceivedTransaction(number, payload["idTag"], key[0], payload["meterStart"]))
        return {"transactionId": number, "idTagInfo": _tag_info(payload["idTag"])}

    def stop(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a StopTransaction."""
        entry = self.record.transactions.get(payload["transactionId"])
        if entry is not None:
            entry.ended = True
            entry.meter_stop = payload["meterStop"]
            entry.messages += 1
        return {"idTagInfo": _tag_info(payload["idTag"])} if "idTag" in payload else {}

    def meter(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer MeterValues."""
        entry = self.record.transactions.get(payload.get("transactionId", 0))
        if entry is not None:
            entry.messages += 1
        return {}

    def event(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a TransactionEvent (2.x); a repeated one counts once."""
        name = payload["transactionInfo"]["transactionId"]
        tag = payload.get("idToken", {}).get("idToken", "")
        entry = self.record.transactions.get(name)
        if entry is None:
            entry = self.record.add(ReceivedTransaction(name, tag, payload.get("evse", {}).get("id", 0), messages=0))
        if payload["seqNo"] not in entry.events:
            entry.events.append(payload["seqNo"])
            entry.messages += 1
        entry.tag = entry.tag or tag
        entry.ended = entry.ended or payload["eventType"] == "Ended"
        return {"idTokenInfo": _token_info(tag)} if tag else {}

    def transfer(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Echo a DataTransfer of the simulator; other vendors are unknown."""
        if payload["vendorId"] != "voltgate.simulator":
            return {"status": "UnknownVendorId"}
        return {"status": "Accepted"} | ({"data": payload["data"]} if "data" in payload else {})

    # Calls to the station

    def command(self, action: str, payload: dict[str, Any], on_answer: OnAnswer | None = None) -> bool:
        """Queue a command for the station; False when too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(OutgoingCall(action, payload, on_answer or _nothing))
        self._next(self._backend.clock.now())
        return True

    def _next(self, now: float) -> None:
        if self.channel is not None and not self.channel.open and self._waiting:
            self.channel.ask(self._waiting.popleft(), now)

    def _send_next_command(self, now: float) -> None:
        if self.channel is None:
            return
        if self.accepts_commands and not self._waiting:
            command = next_command(self.version, self.record, self._sent)
            self._sent += 1
            if command is not None:
                self.command(*command)
        self._backend.wheel.at(now + self._backend.behaviour.commands, self._send_next_command)

    def _babble(self, now: float) -> None:
        if self.channel is not None:
            self.channel.wire.send(nonsense(self._sent))
            self._sent += 1
            self._backend.wheel.at(now + self._backend.behaviour.babble, self._babble)

    def _hang_up(self, now: float) -> None:
        if self.channel is not None:
            self.channel.wire.close(GOING_AWAY, "the stand-in was told to hang up")

    def send_received(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Count a SEND."""
        self.record.count(action)

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take the station's answer, and send the next command."""
        call.on_answer(answer, now)
        self._next(now)

    def channel_closed(self, channel: WebSocketChannel, unanswered: list[OutgoingCall], code: int, reason: str) -> None:
        """End the connection; open and waiting commands end unanswered."""
        self.channel = None
        self._backend.disconnected(self)
        now = self._backend.clock.now()
        waiting, self._waiting = self._waiting, deque()
        for call in [*unanswered, *waiting]:
            call.on_answer(None, now)


_ANSWERS: dict[str, Callable[[Connection, dict[str, Any], float], dict[str, Any]]] = {
    "BootNotification": Connection.boot,
    "Heartbeat": Connection.heartbeat,
    "Authorize": Connection.authorize,
    "StartTransaction": Connection.start,
    "StopTransaction": Connection.stop,
    "MeterValues": Connection.meter,
    "TransactionEvent": Connection.event,
    "DataTransfer": Connection.transfer,
    "OpenPeriodicEventStream": lambda connection, payload, now: {"status": "Accepted"},
    "SignCertificate": lambda connection, payload, now: {"status": "Rejected"},
    "GetCertificateStatus": lambda connection, payload, now: {"status": "Failed"},
    "NotifyEVChargingNeeds": lambda connection, payload, now: {"status": "Rejected"},
    "NotifyEVChargingSchedule": lambda connection, payload, now: {"status": "Accepted"},
}
_EMPTY = frozenset(
    """
    DiagnosticsStatusNotification FirmwareStatusNotification LogStatusNotification SecurityEventNotification
    SignedFirmwareStatusNotification StatusNotification ClearedChargingLimit NotifyChargingLimit
    NotifyCustomerInformation NotifyDisplayMessages NotifyEvent NotifyMonitoringReport NotifyReport
    PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate ClosePeriodicEventStream
    NotifyDERAlarm NotifyDERStartStop NotifyPriorityCharging ReportDERControl
    """.split()
)
"""Actions whose answer is empty. Any other action that OCPP knows is NotSupported."""


def _lie(lie: Lie, request: IncomingCall, payload: dict[str, Any]) -> bytes | None:
    """Return a wrong answer; None when this one is to be right."""
    match lie:
        case Lie.WRONG_ID:
            return frames.result(request.id[::-1], payload)
        case Lie.MALFORMED:
            return frames.result(request.id, payload)[:-2]
        case Lie.PAYLOAD:
            return frames.result(request.id, {"status": 7})
        case Lie.SPACES:
            return frames.result(request.id, payload).replace(b",", b", ", 1)
        case Lie.ANOTHER if "data" in payload:
            return frames.result(request.id, payload | {"data": "what somebody else has sent"})
        case Lie.ANOTHER if "idTagInfo" in payload:
            return frames.result(request.id, payload | {"idTagInfo": _tag_info("another card")})
        case Lie.ANOTHER if "idTokenInfo" in payload:
            return frames.result(request.id, payload | {"idTokenInfo": _token_info("another card")})
        case Lie.ANOTHER if "currentTime" in payload:
            time, milliseconds = payload["currentTime"][:-4], int(payload["currentTime"][-4:-1])
            return frames.result(request.id, payload | {"currentTime": f"{time}{(milliseconds + 1) % 1000:03d}Z"})
    return None


def _card_status(tag: str) -> str:
    return "Blocked" if tag.upper().startswith("BLOCKED") else "Accepted"


def _tag_info(tag: str) -> dict[str, Any]:
    """Return the status of a card (1.6), with the card as its own group, by which a station recognizes the answer."""
    return {"status": _card_status(tag), "parentIdTag": tag}


def _token_info(tag: str) -> dict[str, Any]:
    """Return the status of a card (2.x), likewise."""
    return {"status": _card_status(tag), "groupIdToken": {"idToken": tag, "type": "ISO14443"}}


def _unsigned(request: IncomingCall, version: str) -> dict[str, Any] | CallError:
    """Return the content of a signed call's JWS (2.1 Part 4 section 7.1), unverified, or the error to answer with."""
    try:
        raw = str(request.payload["payload"])
        payload = msgspec.json.decode(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    except (KeyError, binascii.Error, msgspec.DecodeError, ValueError):
        return CallError("FormatViolation", "The payload of the signed message cannot be read")
    if not isinstance(payload, dict):
        return CallError("FormatViolation", "The payload of the signed message is not an object")
    violation = check(version, actions.plain_action(request.action), "request", payload)
    return payload if violation is None else CallError(violation.code, violation.description)


def _nothing(answer: Answer, now: float) -> None:
    """Ignore an answer."""
