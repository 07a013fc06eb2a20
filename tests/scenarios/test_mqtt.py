"""MQTT: what a consumer behind a broker, its stations and an operator see. The broker is a real Mosquitto."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.harness import Json, Stage, boot_accepted, free_port
from tests.mqtt_ends import Consumer
from tests.servers import Mosquitto, mosquitto


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    """A broker that all tests of this file share: each has a prefix of its own."""
    with mosquitto() as server:
        yield server


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """What the topics of one test begin with."""
    return str(request.node.name).replace("[", "-").replace("]", "")


@pytest.fixture
async def consumer(broker: Mosquitto, prefix: str) -> AsyncIterator[Consumer]:
    """A consumer of all that stations say."""
    consumer = await Consumer.connect(broker, prefix)
    yield consumer
    await consumer.drop()


def behind(broker: Mosquitto, prefix: str, **changes: Any) -> Json:
    """Return a configuration with one backend, which is behind a broker."""
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "backends": {"bus": {"url": f"{broker.url}/{prefix}"} | changes},
        "routes": {"main": {"rules": [{"answer": "bus"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "shutdown": {"grace": 2, "spread": 0},
    }


async def test_a_call_and_its_answer(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """A station's call is published on its topic; what is published on the response topic answers it."""
    await stage.gateway(behind(broker, prefix))
    for version in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        station = await stage.station("CP-1", version)
        boot = "b-1"
        station.send('[2,"b-1","BootNotification",{"a": [1.50,{"ü":null}]}]')
        call = await consumer.next()
        assert call.topic == f"{prefix}/in/{version}/CP-1"
        said = '{"type":2,"action":"BootNotification","id":"b-1","request":{"a": [1.50,{"ü":null}]}}'
        assert call.payload == said.encode()
        assert call.properties.ContentType == "application/json"
        assert call.properties.ResponseTopic == f"{prefix}/out/{version}/CP-1"
        trace = json.loads(call.properties.CorrelationData)
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace["traceparent"])
        await consumer.answer(call, boot_accepted())
        assert (await station.expect_result(boot)).payload == boot_accepted()


async def test_a_command_and_its_answer(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """What a station answers a consumer names the action and repeats the request, and whatever state came with it."""
    await stage.gateway(behind(broker, prefix))
    station = await stage.station("CP-1")
    asked = await consumer.ask("CP-1", "Reset", {"type": "Soft"}, state={"user": 7}, correlation=b"mine")
    await station.answer(await station.expect("Reset", id=asked), {"status": "Accepted"})
    answer = await consumer.expect_answer(asked)
    assert answer.topic == f"{prefix}/in/ocpp1.6/CP-1"
    assert answer.envelope == {
        "type": 3,
        "action": "Reset",
        "id": asked,
        "request": {"type": "Soft"},
        "response": {"status": "Accepted"},
        "state": {"user": 7},
    }
    assert answer.properties.CorrelationData == b"mine"
    asked = await consumer.ask("CP-1", "UnlockConnector", {"connectorId": 1})
    await station.fail(await station.expect("UnlockConnector"), "NotSupported", "no", {"more": 1})
    assert (await consumer.expect_answer(asked)).envelope == {
        "type": 4,
        "action": "UnlockConnector",
        "id": asked,
        "request": {"connectorId": 1},
        "error_code": "NotSupported",
        "error_description": "no",
    }
    await stage.quiet(station)
