"""The stand-in backend: a strict little CSMS that answers any number of stations and keeps a book of what they did.

It is there to be talked to in demonstrations and tests; it stores nothing and charges nobody. Its answers prove for
whom they were meant (`mark`, the echo of DataTransfer), so that a gateway that mixes stations up is found out.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from voltgate.carriers.websocket.door import Admitted, Door, DoorSettings, Knock, Refused
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.ocpp import facts
from voltgate.ocpp.dialect import SUBPROTOCOLS
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Receiver
from voltgate.simulator import frames
from voltgate.simulator.charger import mark
from voltgate.simulator.clock import Clock
from voltgate.simulator.line import Answer, Asked, Line, Request, Serials, Terms, Then
from voltgate.simulator.tally import Tally

VERSIONS = tuple(version for version in SUBPROTOCOLS if version in {"ocpp1.6", "ocpp2.0.1", "ocpp2.1"})
_BEFORE_ACCEPTED = frozenset({"BootNotification"})
_WHILE_PENDING = frozenset({"NotifyReport", "LogStatusNotification", "SecurityEventNotification", "SignCertificate"})

Lie = Literal["", "wrong-id", "doubled", "malformed", "payload", "spaces", "another"]


@dataclass(frozen=True, slots=True)
class Manners:
    """How the stand-in behaves. Times are in seconds.

    `silent` names actions that it does not answer ("*": none at all), `delay` is the wait before each answer, `lie`
    makes its answers wrong in one way, `refuses` is the HTTP status that every station gets.
    """

    boot: Literal["Accepted", "Pending", "Rejected"] = "Accepted"
    interval: int = 300
    silent: frozenset[str] = frozenset()
    delay: float = 0.0
    lie: Lie = ""
    refuses: int | None = None
    timeout: float = 30.0


@dataclass(slots=True)
class Entry:
    """One transaction in the book. Meter readings are in Wh; `messages` counts what was said of it."""

    name: int | str
    tag: str
    connector: int
    meter_start: int | None = None
    meter_stop: int | None = None
    messages: int = 1
    ended: bool = False


@dataclass(slots=True)
class Book:
    """What one station did: its transactions by name, and how often it said what."""

    transactions: dict[int | str, Entry] = field(default_factory=dict)
    starts: dict[tuple[int, str, str, int], int] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)


class StandIn:
    """The stand-in backend. `books` holds a book for each station, `places` the connection of each that is there."""

    def __init__(self, manners: Manners, wheel: Wheel, clock: Clock) -> None:
        self.manners = manners
        self.wheel = wheel
        self.clock = clock
        self.tally = Tally()
        self.books: dict[str, Book] = {}
        self.places: dict[str, Place] = {}
        self.connections = 0
        self._transactions = 0

    async def admit(self, knock: Knock) -> Admitted | Refused:
        """Let in every station that offers a version we speak."""
        if self.manners.refuses is not None:
            return Refused(self.manners.refuses, "The stand-in was told to refuse")
        version = next((name for name in knock.offered if name in VERSIONS), None)
        if version is None or not knock.identity:
            return Refused(400, f"Offer one of {', '.join(VERSIONS)}, and name the station in the path")
        identity, chosen = knock.identity, version

        def opened(link: Link) -> Receiver:
            return self._opened(identity, chosen, link)

        return Admitted(version, opened)

    def _opened(self, identity: str, version: str, link: Link) -> Receiver:
        self.connections += 1
        place = Place(self, identity, version)
        terms = Terms.of_backend(version, self.manners.timeout)
        place.line = Line(place, link, terms, self.tally, self.wheel, Serials(self.connections + (1 << 31)))
        self.places[identity] = place
        return place.line

    def command(self, identity: str, action: str, payload: dict[str, Any], then: Then | None = None) -> bool:
        """Call a station that is there; False when it is not."""
        place = self.places.get(identity)
        if place is None:
            return False
        place.command(action, payload, then)
        return True

    def mint(self) -> int:
        """Give the next transaction its number (1.6)."""
        self._transactions += 1
        return self._transactions


class Place:
    """One station's connection at the stand-in: the owner of its line."""

    __slots__ = ("_backend", "_registered", "_waiting", "book", "identity", "line", "version")

    def __init__(self, backend: StandIn, identity: str, version: str) -> None:
        self._backend = backend
        self._registered = "Accepted"  # a station that was accepted before need not boot again
        self._waiting: deque[Asked] = deque()
        self.identity = identity
        self.version = version
        self.book = backend.books.setdefault(identity, Book())
        self.line: Line | None = None

    # Calls of the station

    def asked(self, request: Request, now: float) -> None:
        """Answer a call, or do what the manners say instead."""
        manners = self._backend.manners
        action = facts.plain_action(request.action)
        self.book.said[action] = self.book.said.get(action, 0) + 1
        if "*" in manners.silent or action in manners.silent:
            return
        if manners.delay:
            self._backend.wheel.at(now + manners.delay, lambda later: self._serve(request, action, later))
        else:
            self._serve(request, action, now)

    def _serve(self, request: Request, action: str, now: float) -> None:
        if not self._may(action):
            request.refuse("SecurityError", "The BootNotification is not accepted yet")
            return
        payload = _unsigned(request)
        answer = _ANSWERS.get(action)
        if answer is None and action not in _EMPTY:
            request.refuse("NotSupported", f"The stand-in does not serve {action}")
            return
        self._say(request, answer(self, payload, now) if answer is not None else {})

    def _may(self, action: str) -> bool:
        if self._registered == "Accepted" or action in _BEFORE_ACCEPTED or not self.version.startswith("ocpp2"):
            return True
        return self._registered == "Pending" and action in _WHILE_PENDING

    def _say(self, request: Request, payload: dict[str, Any]) -> None:
        text = frames.result(request.id, payload)
        match self._backend.manners.lie:
            case "wrong-id":
                text = frames.result(request.id[::-1] + "x", payload)
            case "malformed":
                text = text[:-2]
            case "payload":
                text = frames.result(request.id, {"status": 7})
            case "spaces":
                text = text.replace(b",", b", ", 1)
            case "another":
                text = frames.result(request.id, payload | {"currentTime": "2026-01-01T00:00:00Z", "data": "nobody's"})
            case "doubled" if self.line is not None:
                self.line.wire.send(text)
        request.line.answered(text)

    # What the answers say

    def boot(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a BootNotification."""
        self._registered = self._backend.manners.boot
        return {
            "currentTime": self._time(now),
            "interval": self._backend.manners.interval,
            "status": self._backend.manners.boot,
        }

    def heartbeat(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a Heartbeat: the time, marked with whose it is."""
        return {"currentTime": self._time(now)}

    def _time(self, now: float) -> str:
        return self._backend.clock.stamp(now, mark(self.identity))

    def authorize(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer an Authorize: every card may charge but those that begin with "BLOCKED"."""
        if self.version == "ocpp1.6":
            return {"idTagInfo": _tag_info(payload["idTag"])}
        return {"idTokenInfo": _token_info(payload["idToken"]["idToken"])}

    def start(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a StartTransaction; the same one told again gets the same number."""
        key = (payload["connectorId"], payload["idTag"], payload["timestamp"], payload["meterStart"])
        number = self.book.starts.get(key)
        if number is None:
            number = self.book.starts[key] = self._backend.mint()
            self.book.transactions[number] = Entry(number, payload["idTag"], key[0], payload["meterStart"])
        return {"transactionId": number, "idTagInfo": _tag_info(payload["idTag"])}

    def stop(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a StopTransaction."""
        entry = self.book.transactions.get(payload["transactionId"])
        if entry is not None:
            entry.ended = True
            entry.meter_stop = payload["meterStop"]
            entry.messages += 1
        return {"idTagInfo": _tag_info(payload["idTag"])} if "idTag" in payload else {}

    def meter(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer MeterValues."""
        entry = self.book.transactions.get(payload.get("transactionId", 0))
        if entry is not None:
            entry.messages += 1
        return {}

    def event(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a TransactionEvent (2.x)."""
        name = payload["transactionInfo"]["transactionId"]
        tag = payload.get("idToken", {}).get("idToken", "")
        entry = self.book.transactions.get(name)
        if entry is None:
            entry = self.book.transactions[name] = Entry(name, tag, payload.get("evse", {}).get("id", 0), messages=0)
        entry.messages += 1
        entry.tag = entry.tag or tag
        entry.ended = entry.ended or payload["eventType"] == "Ended"
        return {"idTokenInfo": _token_info(tag)} if tag else {}

    def transfer(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Echo a DataTransfer of the simulator; of other vendors nothing is known."""
        if payload.get("vendorId") != "voltgate.simulator":
            return {"status": "UnknownVendorId"}
        return {"status": "Accepted", "data": payload.get("data", "")}

    def certificate(self, payload: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer what asks for a certificate: the stand-in has none."""
        return {"status": "Failed"}

    # Calls to the station

    def command(self, action: str, payload: dict[str, Any], then: Then | None) -> None:
        """Call the station when its turn comes."""
        self._waiting.append(Asked(action, payload, then or _nothing))
        self._next(self._backend.clock.now())

    def _next(self, now: float) -> None:
        if self.line is not None and not self.line.open and self._waiting:
            self.line.ask(self._waiting.popleft(), now)

    def told(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Hear a SEND."""
        self.book.said[action] = self.book.said.get(action, 0) + 1

    def ended(self, asked: Asked, answer: Answer, now: float) -> None:
        """Take the station's answer."""
        asked.then(answer, now)
        self._next(now)

    def closed(self, line: Line, unanswered: list[Asked], code: int, reason: str) -> None:
        """Forget the connection."""
        self.line = None
        if self._backend.places.get(self.identity) is self:
            del self._backend.places[self.identity]
        now = self._backend.clock.now()
        for asked in [*unanswered, *self._waiting]:
            asked.then(None, now)
        self._waiting.clear()


_ANSWERS: dict[str, Callable[[Place, dict[str, Any], float], dict[str, Any]]] = {
    "BootNotification": Place.boot,
    "Heartbeat": Place.heartbeat,
    "Authorize": Place.authorize,
    "StartTransaction": Place.start,
    "StopTransaction": Place.stop,
    "MeterValues": Place.meter,
    "TransactionEvent": Place.event,
    "DataTransfer": Place.transfer,
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
"""Actions whose answer is empty. What is in neither is known to OCPP and not served: NotSupported."""


def _judge(tag: str) -> str:
    return "Blocked" if tag.upper().startswith("BLOCKED") else "Accepted"


def _tag_info(tag: str) -> dict[str, Any]:
    """Judge a card (1.6), and name it as its own group: so a station sees that the answer is about its card."""
    return {"status": _judge(tag), "parentIdTag": tag}


def _token_info(tag: str) -> dict[str, Any]:
    """Judge a card (2.x) likewise."""
    return {"status": _judge(tag), "groupIdToken": {"idToken": tag, "type": "ISO14443"}}


def _unsigned(request: Request) -> dict[str, Any]:
    """Give the payload; of a signed one what its JWS holds (2.1 Part 4 section 7.1), unchecked."""
    if not request.action.endswith(facts.SIGNED):
        return request.payload
    try:
        raw = str(request.payload["payload"])
        payload = msgspec.json.decode(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    except (KeyError, binascii.Error, msgspec.DecodeError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _nothing(answer: Answer, now: float) -> None:
    """Stand in for whoever does not care how a command ends."""


async def stand(backend: StandIn, host: str, port: int, *, prefix: str = "") -> Door:
    """Open the stand-in's door. Raises OSError when the address cannot be had."""
    settings = DoorSettings(f"ws://{host}:{port}", host, port, prefix=prefix, link=LinkSettings(ping=0))

    def report(fault: Exception, where: object) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "the stand-in failed", "exception": fault})

    door = Door(settings, backend.admit, backend.wheel, backend.clock.now, report=report)
    await door.open()
    return door
