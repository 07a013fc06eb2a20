"""Home Assistant's MQTT discovery: stations as devices, with sensors and buttons for each connector.

What describes an entity is retained below Home Assistant's prefix, what it shows below the backend's. Source:
https://www.home-assistant.io/integrations/mqtt/ (discovery), sensor.mqtt and button.mqtt.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog

from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.connection import Publication
from voltgate.carriers.mqtt.device import Device
from voltgate.carriers.mqtt.packets import Published
from voltgate.carriers.mqtt.wire import MqttCounts, MqttWire, Obstacle, Topics
from voltgate.ocpp.messages import Call, Result
from voltgate.ocpp.times import stamp

_MOST_STATIONS = 1_000
"""Stations of one connection that Home Assistant is shown: it is for homes, not for networks."""
_BUTTON = re.compile(rb"(start|stop)/([1-9][0-9]{0,3})")
_PLAIN = re.compile("[A-Za-z0-9-]")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HomeSettings:
    """How Home Assistant is served.

    `prefix` is where it looks for devices, `token` what its start button presents: without one there is no such button.
    With `is_alone` nobody answers for this backend, which is only ever told: what nobody consumes is answered here.
    """

    prefix: str = "homeassistant"
    token: str = ""
    is_alone: bool = False


class Broker(Protocol):
    """What is needed of the connection."""

    clock: Callable[[], float]
    counts: MqttCounts

    def publish(self, message: Publication) -> Obstacle | None:
        """Send a message; return why it cannot be sent."""

    def find(self, name: bytes) -> MqttWire | None:
        """Return the wire of a station, by its topic."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that was pressed: the call that it stands for."""

    action: str
    request: bytes


def safe(identity: str) -> str:
    """Write an identity with letters, digits, `-` and `_` only, differently for every identity."""
    return "".join(
        each if _PLAIN.fullmatch(each) else "".join(f"_{byte:02x}" for byte in each.encode()) for each in identity
    )


class Shown:
    """A station as Home Assistant is shown it."""

    def __init__(self, home: Home, identity: str, protocol: str) -> None:
        self.device = Device(protocol)
        self._home = home
        self._identity = identity
        self._name = safe(identity)
        self._topic = f"{home.root}/{self._name}"
        self.buttons = f"{self._topic}/press".encode()
        self._here = False
        self._described: dict[int, bytes] = {}
        self._states: dict[int, bytes] = {}

    @property
    def is_here(self) -> bool:
        """Whether it is connected."""
        return self._here

    # What happens to it.

    def came(self) -> None:
        """Say that it is there, and all that is known of it: the broker may have lost it."""
        self._described.clear()
        self._states.clear()
        self._here = True
        self._publish(f"{self._topic}/availability", b"online")
        self._tell()

    def left(self) -> None:
        """Say that it is not there."""
        if self._here:
            self._here = False
            self._publish(f"{self._topic}/availability", b"offline")

    def said(self, call: Call) -> None:
        """Take a call of the station. Whatever it holds, the station notices nothing."""
        self._try(lambda: self.device.take(call))

    def awaits(self, message_id: str) -> bool:
        """Return whether the answer to this call says something."""
        return self.device.awaits(message_id)

    def answered(self, reply: Result) -> None:
        """Take an answer that the station was given."""
        self._try(lambda: self.device.started(reply.id, reply.fields))

    def pressed(self, payload: bytes) -> Pressed | None:
        """Return the call that a pressed button stands for; None if it stands for nothing that can be asked now."""
        found = _BUTTON.fullmatch(payload)
        if found is None:
            return None
        number, token = int(found[2]), self._home.settings.token
        if found[1] == b"stop":
            asked = self.device.end(number)
        else:
            asked = self.device.begin(number, token) if token and number in self.device.connectors else None
        return None if asked is None else Pressed(asked[0], msgspec.json.encode(asked[1]))

    def answer(self, call: Call) -> bytes | None:
        """Return the result of a call that nobody has read, if this backend is only ever told."""
        if not self._home.settings.is_alone:
            return None
        now = stamp(time.time(), "seconds")
        return msgspec.json.encode(self.device.answer(call, now))

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._tell()
        except Exception:
            self._home.broker.counts.faults += 1
            log.exception("a fault of Voltgate: Home Assistant is not told", station=self._identity)

    # What is published.

    def _tell(self) -> None:
        """Publish what has changed."""
        for number, connector in self.device.connectors.items():
            described = msgspec.json.encode(self.device.about)
            if self._described.get(number) != described:
                self._described[number] = described
                self._describe(number)
            state = msgspec.json.encode(connector.state(self.device.statuses))
            if self._states.get(number) != state:
                self._states[number] = state
                self._publish(f"{self._topic}/{number}", state)

    def _describe(self, number: int) -> None:
        kwh = {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "total_increasing"}
        watts = {"device_class": "power", "unit_of_measurement": "W", "state_class": "measurement"}
        status = {"device_class": "enum", "options": list(self.device.statuses)}
        for kind, more in (("status", status), ("power", watts), ("energy", kwh), ("session", kwh)):
            shown = {"state_topic": f"{self._topic}/{number}", "value_template": f"{{{{ value_json.{kind} }}}}"}
            self._discover("sensor", number, kind, more | shown)
        for kind in ("start", "stop") if self._home.settings.token else ("stop",):
            pressed = {"command_topic": self.buttons.decode(), "payload_press": f"{kind}/{number}", "qos": 1}
            self._discover("button", number, kind, pressed)

    def _discover(self, component: str, number: int, kind: str, more: dict[str, Any]) -> None:
        entity = f"{number}_{kind}"
        described = {
            "name": f"{'EVSE' if self.device.is_modern else 'Connector'} {number} {kind}",
            "unique_id": f"voltgate_{self._name}_{entity}",
            "availability": [{"topic": f"{self._topic}/availability"}, {"topic": self._home.alive}],
            "availability_mode": "all",
            "device": {"identifiers": [f"voltgate_{self._name}"], "name": self._identity} | self.device.about,
            "origin": {"name": "Voltgate"},
        }
        topic = f"{self._home.settings.prefix}/{component}/voltgate_{self._name}/{entity}/config"
        self._publish(topic, msgspec.json.encode(described | more))

    def _publish(self, topic: str, payload: bytes) -> None:
        self._home.publish(topic, payload)


class Home:
    """The stations of one connection, as Home Assistant is shown them. `prefix` is the backend's, `client_id` ours.

    `alive` is a topic that says whether the gateway is there, for the broker says so when it is not.
    """

    def __init__(self, broker: Broker, settings: HomeSettings, prefix: str, client_id: str, qos: int) -> None:
        self.broker = broker
        self.has_answers = qos > 0
        self.settings = settings
        self.root = f"{prefix}/homeassistant"
        self.alive = f"{self.root}/gateway/{client_id}"
        self.refused = ""
        """Why the broker does not let us publish these topics."""
        self._acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._stations: dict[bytes, Shown] = {}
        self._buttons: dict[bytes, bytes] = {}

    def will(self) -> packets.Will:
        """Return what the broker publishes when the gateway has gone."""
        return packets.Will(self.alive.encode(), b"offline")

    async def connected(self, lost: asyncio.Future[Any]) -> None:
        """Say that the gateway is there; `lost` is done when the connection is.

        One message after the other, and before any of a station: Mosquitto 2.0.11 closes the connection over one that
        is not allowed, so that what it says of it is lost where more was sent.
        """
        for topic, payload in ((self.alive, b"online"), (f"{self.settings.prefix}/sensor/voltgate/0/config", b"")):
            self._acknowledged = asyncio.get_running_loop().create_future()
            self.publish(topic, payload)
            if not self.refused and not lost.done() and self.has_answers:
                await asyncio.wait({self._acknowledged, lost}, return_when=asyncio.FIRST_COMPLETED)

    def leave(self) -> None:
        """Say that the gateway goes."""
        self.publish(self.alive, b"offline", packets.FOR_A_DAY)

    def buttons(self, topics: Topics) -> bytes:
        """Return the topic on which a station's buttons are pressed, which is to be subscribed to."""
        buttons = f"{self.root}/{safe(topics.identity)}/press".encode()
        self._buttons[buttons] = topics.towards_station
        return buttons

    def has(self, name: bytes) -> bool:
        """Return whether a topic is that of buttons of a station that is here."""
        return name in self._buttons

    def watch(self, wire: MqttWire) -> None:
        """Be shown what a station says from now on."""
        topics, old = wire.topics, self._stations.get(wire.topics.towards_station)
        if old is None and len(self._stations) >= _MOST_STATIONS and not self._make_room():
            return
        shown = old or Shown(self, topics.identity, wire.subprotocol)
        self._stations[topics.towards_station] = wire.watcher = shown
        shown.came()

    def _make_room(self) -> bool:
        gone = next((name for name, shown in self._stations.items() if not shown.is_here), None)
        if gone is not None:
            del self._stations[gone]
        return gone is not None

    def left(self, name: bytes) -> bytes | None:
        """Take note that a station has gone, by its topic; return its buttons' topic, which nobody needs now."""
        if name in self._stations:
            self._stations[name].left()
        buttons = next((each for each, station in self._buttons.items() if station == name), None)
        if buttons is not None:
            del self._buttons[buttons]
        return buttons

    def take(self, message: Published) -> bool:
        """Take a message; return False if it presses no button of a station that is here."""
        name = self._buttons.get(message.topic, b"")
        shown, wire = self._stations.get(name), self.broker.find(name)
        pressed = None if shown is None or message.retained else shown.pressed(message.payload)
        if pressed is None or wire is None:
            return False
        log.info("a button of Home Assistant was pressed", topic=name.decode(), action=pressed.action)
        wire.press(f"ha-{secrets.token_hex(8)}", pressed.action, pressed.request)
        return True

    def publish(self, topic: str, payload: bytes, properties: bytes = b"\0") -> None:
        """Publish a message that the broker keeps; one that cannot be sent is sent again when its station comes."""
        if not self.refused:
            named, now = packets.field(topic.encode()), self.broker.clock()
            self.broker.publish(Publication(named, properties, payload, now, self._settled, retain=True))

    def _settled(self, code: int) -> None:
        if not self._acknowledged.done():
            self._acknowledged.set_result(None)
        if code in packets.NOT_OURS and not self.refused:
            self.refused = packets.reason(code)
            log.error(
                "Home Assistant is not told any more: let the gateway publish below its prefix, then restart it",
                prefix=self.settings.prefix,
                root=self.root,
                reason=self.refused,
            )
