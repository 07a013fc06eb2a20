"""Home Assistant behind a real Mosquitto: what it discovers, what it is shown, and its buttons."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Json, Stage, boot_accepted, until
from tests.mqtt_ends import Consumer
from tests.servers import Mosquitto, mosquitto

SENSOR = {"device_class", "options", "state_class", "state_topic", "unit_of_measurement", "value_template"}
BUTTON = {"command_topic", "payload_press", "qos"}
COMMON = {"availability", "availability_mode", "device", "name", "origin", "unique_id"}
DEVICE = {"identifiers", "manufacturer", "model", "name", "serial_number", "sw_version"}


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker."""
    with mosquitto() as server:
        yield server


def shown(broker: Mosquitto, **more: Any) -> Json:
    """Return a backend that Home Assistant reads."""
    return {"url": f"{broker.url}/cs", "homeassistant": True, "start_token": "HOME", "permit": "charge"} | more


class Home:
    """Home Assistant, as far as its documentation says what it does with a message."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.topics: dict[str, Any] = {}

    @classmethod
    async def connect(cls, broker: Mosquitto) -> Home:
        """Subscribe to what concerns it."""
        consumer = await Consumer.connect(broker, topic="")
        await consumer.subscribe("homeassistant/#")
        await consumer.subscribe("cs/homeassistant/#")
        return cls(consumer)

    def look(self) -> None:
        """Take what has come."""
        while self._consumer.unread:
            taken = self._consumer._inbox.popleft()
            try:
                self.topics[taken.topic] = taken.envelope
            except ValueError:
                self.topics[taken.topic] = taken.payload.decode()

    @property
    def entities(self) -> dict[str, Json]:
        """The discovered entities by their unique ids, each checked as its schema has it."""
        self.look()
        found = {}
        for topic, config in self.topics.items():
            if not topic.startswith("homeassistant/") or not config:  # an empty one removes what was there
                continue
            matched = re.fullmatch(r"homeassistant/(sensor|button)/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config", topic)
            assert matched, topic
            assert set(config) <= COMMON | (SENSOR if matched[1] == "sensor" else BUTTON), config
            assert config["availability_mode"] in ("all", "any", "latest")
            assert all(set(each) == {"topic"} for each in config["availability"])
            assert set(config["device"]) <= DEVICE
            assert config["device"]["identifiers"]
            assert all(isinstance(value, str) for key, value in config["device"].items() if key != "identifiers")
            found[config["unique_id"]] = config
        return found

    def is_available(self, unique_id: str) -> bool:
        """Return whether an entity is shown as available."""
        config = self.entities[unique_id]
        return all(self.topics.get(each["topic"]) == "online" for each in config["availability"])

    def value(self, unique_id: str) -> Any:
        """Return what a sensor shows."""
        config = self.entities[unique_id]
        (key,) = re.findall(r"^\{\{ value_json\.(\w+) \}\}$", config["value_template"])
        value = self.topics.get(config["state_topic"], {}).get(key)
        assert value is None or config.get("device_class") != "enum" or value in config["options"]
        return value

    async def shows(self, **expected: Any) -> None:
        """Wait until the sensors of the first connector of CP_1 show this."""
        ids = {kind: f"voltgate_CP_5f1_1_{kind}" for kind in expected}
        await until(lambda: all(each in self.entities for each in ids.values()), "it is discovered")
        await until(lambda: {kind: self.value(each) for kind, each in ids.items()} == expected, f"it shows {expected}")

    async def press(self, unique_id: str) -> None:
        """Press a button."""
        config = self.entities[unique_id]
        topic = config["command_topic"].removeprefix("cs/")
        await self._consumer.publish(topic, config["payload_press"].encode(), qos=config["qos"])

    async def drop(self) -> None:
        """Disconnect."""
        await self._consumer.drop()


async def test_with_another_backend_that_answers(stage: Stage, broker: Mosquitto) -> None:
    """Nobody need consume: a station is shown, charges by a button and stops by one, and shows when it is not there."""
    await stage.backend("main")
    rules = [{"answer": "main", "copy": ["home"]}]
    permits = {"home": {"base": "charge", "stop": "any"}}
    backends = {"home": shown(broker, permit="home")}
    gateway = await stage.gateway(backends=backends, routes={"main": {"rules": rules}}, permits=permits)
    home = await Home.connect(broker)
    station, link = await stage.meet("CP_1")
    await station.ask("BootNotification", {"chargePointVendor": "Vendor", "chargePointModel": "X"}, "b")
    await link.answer(await link.expect("BootNotification"), boot_accepted())
    await station.expect_result("b")
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}
    await station.ask("StatusNotification", status, "s")
    await link.answer(await link.expect("StatusNotification"))
    await station.expect_result("s")
    await home.shows(status="Preparing", power=None, energy=None, session=None)
    entities = home.entities
    kinds = ("status", "power", "energy", "session", "start", "stop")
    assert set(entities) == {f"voltgate_CP_5f1_1_{kind}" for kind in kinds}
    assert entities["voltgate_CP_5f1_1_power"]["unit_of_measurement"] == "W"
    assert entities["voltgate_CP_5f1_1_energy"]["unit_of_measurement"] == "kWh"
    about = {"identifiers": ["voltgate_CP_5f1"], "name": "CP_1", "manufacturer": "Vendor", "model": "X"}
    await until(lambda: home.entities["voltgate_CP_5f1_1_status"]["device"] == about, "its make is known")
    await until(lambda: home.is_available("voltgate_CP_5f1_1_start"), "it is there")

    await home.press("voltgate_CP_5f1_1_start")
    asked = await station.expect("RemoteStartTransaction")
    assert asked.payload == {"connectorId": 1, "idTag": "HOME"}
    await station.answer(asked, {"status": "Accepted"})
    begun = {"connectorId": 1, "idTag": "HOME", "meterStart": 1000, "timestamp": "2026-01-01T00:00:00Z"}
    await station.ask("StartTransaction", begun, "t")
    answered = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
    await link.answer(await link.expect("StartTransaction"), answered)
    number = (await station.expect_result("t")).payload["transactionId"]
    assert '"owner":"main"' in await gateway.logged("transaction began"), "whom the rules name, not the button"
    sampled = [{"value": "7.2", "unit": "kW", "measurand": "Power.Active.Import"}, {"value": "1500"}]
    values = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": sampled}]
    await station.ask("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values}, "m")
    await link.answer(await link.expect("MeterValues"))
    await station.expect_result("m")
    await home.shows(status="Preparing", power=7200.0, energy=1.5, session=0.5)

    late = await Home.connect(broker)
    await late.shows(status="Preparing", power=7200.0, energy=1.5, session=0.5)
    await until(lambda: late.is_available("voltgate_CP_5f1_1_status"), "all of it is retained")
    await late.drop()

    await home.press("voltgate_CP_5f1_1_stop")
    asked = await station.expect("RemoteStopTransaction")
    assert asked.payload == {"transactionId": number}, "as the station knows it"
    await station.answer(asked, {"status": "Accepted"})
    await stage.quiet(station, link)
    assert await gateway.metric("voltgate_mishaps_total", side="brokers", kind="link unheard") == 0
    await station.drop()
    await until(lambda: not home.is_available("voltgate_CP_5f1_1_status"), "the station has gone")
    await home.drop()


async def test_with_a_consumer(stage: Stage, broker: Mosquitto) -> None:
    """A consumer answers as ever, and hears nothing of the buttons; a backend that may not start does not."""
    consumer = await Consumer.connect(broker)
    document = stage.configuration() | {"backends": {"bus": shown(broker, permit="observe")}}
    gateway = await stage.gateway(document | {"routes": {"main": {"rules": [{"answer": "bus"}]}}})
    home = await Home.connect(broker)
    station = await stage.station("CP_1", "ocpp2.0.1")
    status = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    await station.ask("StatusNotification", status, "s")
    await consumer.answer(await consumer.expect("StatusNotification"))
    await station.expect_result("s")
    await home.shows(status="Occupied")
    await home.press("voltgate_CP_5f1_1_start")
    await gateway.logged("a button of Home Assistant was pressed")
    await home.press("voltgate_CP_5f1_1_stop")
    await consumer.publish("homeassistant/CP_5f1/press", b"start/99")
    await consumer.publish("homeassistant/CP_5f1/press", b"rm -rf")
    await consumer.publish("homeassistant/CP_5f1/press", b"start/1", retain=True)
    await stage.quiet(station)
    assert not consumer.unread
    gateway.signal(signal.SIGKILL)
    await until(lambda: not home.is_available("voltgate_CP_5f1_1_status"), "the gateway has gone: the broker says so")
    await home.drop()
    await consumer.drop()
