"""MQTT: what a consumer behind a broker, its stations and an operator see. The broker is a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Gateway, Json, ScriptedStation, Stage, boot_accepted, free_port, toml, until
from tests.mqtt_ends import Consumer
from tests.scenarios.conftest import is_heard_over_a_reload
from tests.servers import Mosquitto, mosquitto


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    """A broker that all tests of this file share: each has a prefix of its own."""
    with mosquitto() as server:
        yield server


@pytest.fixture
async def consumer(request: pytest.FixtureRequest, broker: Mosquitto, prefix: str) -> AsyncIterator[Consumer]:
    """A consumer of all that stations say."""
    consumer = await Consumer.connect(broker, "cs" if "running" in request.fixturenames else prefix)
    yield consumer
    await consumer.drop()


@pytest.fixture(scope="module")
def running(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for the tests that need nothing special."""
    stage = Stage(tmp_path_factory.mktemp("mqtt"))
    yield asyncio.run(stage.gateway(behind(broker, "cs")))
    asyncio.run(stage.close())


def behind(broker: Mosquitto, prefix: str, *, store: Json | None = None, **changes: Any) -> Json:
    """Return a configuration with one backend, which is behind a broker; `changes` are the backend's."""
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "backends": {"bus": {"url": f"{broker.url}/{prefix}"} | changes},
        "routes": {"main": {"rules": [{"answer": "bus"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
        **({"store": store} if store else {}),
    }


async def test_a_call_and_its_answer(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """A station's call is published on its topic; what is published on the response topic answers it."""
    for version in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        station = await stage.station("CP-1", version, url=running.url("CP-1"))
        boot = "b-1"
        station.send('[2,"b-1","BootNotification",{"a": [1.50,{"ü":null}]}]')
        call = await consumer.next()
        assert call.topic == f"cs/in/{version}/CP-1"
        said = '{"type":2,"action":"BootNotification","id":"b-1","request":{"a": [1.50,{"ü":null}]}}'
        assert call.payload == said.encode()
        assert call.properties.ContentType == "application/json"
        assert call.properties.ResponseTopic == f"cs/out/{version}/CP-1"
        trace = json.loads(call.properties.CorrelationData)
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace["traceparent"])
        await consumer.answer(call, boot_accepted())
        assert (await station.expect_result(boot)).payload == boot_accepted()


async def test_a_command_and_its_answer(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """What a station answers a consumer names the action and repeats the request, and whatever state came with it."""
    station = await stage.station("CP-1", url=running.url("CP-1"))
    asked = await consumer.ask("CP-1", "Reset", {"type": "Soft"}, state={"user": 7}, correlation=b"mine")
    await station.answer(await station.expect("Reset", id=asked), {"status": "Accepted"})
    answer = await consumer.expect_answer(asked)
    assert answer.topic == "cs/in/ocpp1.6/CP-1"
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


async def test_every_call_is_answered(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """Whoever is asked and says nothing: the asker hears that, but nobody answers what somebody is paid by."""
    document = behind(broker, prefix, when_down="refuse") | {"calls": {"backend": 1, "station": 1}}
    gateway = await stage.gateway(document)
    station = await stage.station("CP-1", "ocpp2.0.1")
    beat = await station.ask("Heartbeat")
    call = await consumer.expect("Heartbeat")
    assert (await station.expect_error(beat, "InternalError")).description
    await consumer.answer(call)  # too late: it has had its answer
    asked = await consumer.ask("CP-1", "GetVariables", {"x": 1}, protocol="ocpp2.0.1", state="s")
    await station.expect("GetVariables")
    refused = (await consumer.expect_answer(asked)).envelope
    assert (refused["type"], refused["error_code"], refused["state"]) == (4, "InternalError", "s")
    assert (refused["action"], refused["request"]) == ("GetVariables", {"x": 1})
    station.send("[2,")
    assert (await station.next()).parts[:3] == [4, "-1", "RpcFrameworkError"]
    station.send('[2,"short"]')
    assert (await station.next()).parts[:3] == [4, "short", "FormatViolation"]
    await consumer.publish("out/ocpp2.0.1/CP-1", b"no envelope")
    assert (await consumer.next()).envelope["error_code"] == "RpcFrameworkError"
    await station.ask("TransactionEvent", {"eventType": "Started", "transactionInfo": {"transactionId": "t"}})
    await consumer.expect("TransactionEvent")
    assert (await station.closed()).code == 1001
    assert await gateway.metric("voltgate_mishaps_total", side="bus", kind="late") == 1
    assert await gateway.metric("voltgate_mishaps_total", side="brokers", kind="link unreadable") == 1


async def test_one_call_at_a_time(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """In each direction one call is open; when both ask at once, the station has its answer first."""
    station = await stage.station("CP-1", url=running.url("CP-1"))
    first, second = [await station.ask("Heartbeat", {}, each) for each in ("1", "2")]
    call = await consumer.expect("Heartbeat")
    one, two = [await consumer.ask("CP-1", action) for action in ("ClearCache", "Reset")]
    await stage.quiet(station)
    assert not consumer.unread
    await consumer.answer(call, {"currentTime": "t"})
    await station.expect_result(first)
    asked = await station.expect("ClearCache", id=one)
    call = await consumer.expect("Heartbeat")
    assert call.id == second
    await stage.quiet(station)
    await station.answer(asked)
    await consumer.expect_answer(one)
    await station.answer(await station.expect("Reset", id=two))
    await consumer.expect_answer(two)
    await consumer.fail(call, "InternalError", "later")
    assert (await station.expect_error(second, "InternalError")).description == "later"


async def test_late_answers(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """An answer that comes after its asker has asked and been asked again still reaches the asker."""
    await stage.gateway(behind(broker, prefix, window=4))
    station = await stage.station("CP-1")
    asked = await consumer.ask("CP-1", "Reset")
    reset = await station.expect("Reset")
    beats = [await station.ask("Heartbeat") for _ in range(3)]
    calls = [await consumer.expect("Heartbeat") for _ in beats]
    for call in reversed(calls):
        await consumer.answer(call)
    for beat in reversed(beats):
        await station.expect_result(beat)
    await station.answer(reset)
    assert (await consumer.expect_answer(asked)).action == "Reset"
    await consumer.publish("out/ocpp1.6/CP-1", {"type": 3, "id": "unknown", "response": {}})
    await stage.quiet(station)


async def test_nobody_consumes(stage: Stage, broker: Mosquitto, prefix: str) -> None:
    """The backend is away then, and does what is configured of it; it is there as soon as somebody subscribes."""
    retry = {"first": 0.05, "max": 0.05}
    gateway = await stage.gateway(behind(broker, prefix, when_down="refuse", retry=retry))
    station = await stage.station("CP-1")
    assert (await station.call("Heartbeat")).code == "InternalError"
    line = json.loads(await gateway.logged("backend away", "nobody subscribes"))
    assert line["reason"].endswith(f"nobody subscribes to {prefix}/in/ocpp1.6/CP-1")
    assert (line["station"], line["backend"]) == ("CP-1", "bus")
    consumer = await Consumer.connect(broker, prefix)
    consumer.answers = True
    await until(lambda: _is_heard(station), "it is heard")
    await consumer.drop()


async def _is_heard(station: ScriptedStation) -> bool:
    return (await station.call("Heartbeat")).kind == 3


async def test_the_broker_is_killed(stage: Stage, tmp_path: Path) -> None:
    """Calls that are open go on when it is back, copies that must not be lost wait on disk; the station stays."""
    with mosquitto() as broker:
        await stage.backend("main")
        bus = {"url": broker.url, "deliver": "always", "retry": {"first": 0.1, "max": 0.1}}
        rules = [{"actions": ["DataTransfer"], "answer": "bus"}, {"answer": "main", "copy": ["bus"]}]
        gateway = await stage.gateway(backends={"bus": bus}, routes={"main": {"rules": rules}})
        consumer = await Consumer.connect(broker)
        station, link = await stage.meet("CP-1")
        asked = await station.ask("DataTransfer", {"vendorId": "x"})
        call = await consumer.expect("DataTransfer")
        broker.kill()
        await gateway.logged("carrier down")
        begun = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "t"}
        start = await station.ask("StartTransaction", begun)
        await link.answer(
            await link.expect("StartTransaction"), {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
        )
        await station.expect_result(start)
        broker.start()
        await until(consumer.client.is_connected, "the consumer is back")
        again = await consumer.expect("DataTransfer")
        assert (again.id, again.envelope) == (call.id, call.envelope)
        await consumer.answer(again, {"status": "Accepted"})
        assert (await station.expect_result(asked)).payload == {"status": "Accepted"}
        owed = await consumer.expect("StartTransaction")
        assert owed.envelope["request"]["idTag"] == "A"
        await consumer.answer(owed, {"transactionId": 9, "idTagInfo": {"status": "Accepted"}})
        await until(lambda: _owes_nothing(gateway), "it is struck out")
        await stage.quiet(station, link)
        ups = [json.loads(line) for line in gateway.log.splitlines() if '"carrier up"' in line]
        assert [line["first"] for line in ups] == [True, False]
        await consumer.drop()


async def _owes_nothing(gateway: Gateway) -> bool:
    return await gateway.metric("voltgate_store_owed_messages") == 0


async def test_two_gateways_and_one_consumer(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """Any gateway may hold any station: what is said to it reaches the one that has its socket, and no other."""
    gateways = [await stage.gateway(behind(broker, prefix)) for _ in range(2)]
    for number in range(6):
        here = gateways[number % 2]
        station = await stage.station("CP-1", url=here.url("CP-1"))
        other = await stage.station(f"CP-{number + 2}", url=gateways[1 - number % 2].url(f"CP-{number + 2}"))
        asked = await consumer.ask("CP-1", "Reset")
        await station.answer(await station.expect("Reset", id=asked))
        await consumer.expect_answer(asked)
        beat = await other.ask("Heartbeat")
        await consumer.answer(await consumer.expect("Heartbeat"))
        await other.expect_result(beat)
        await stage.quiet(station, other)
        await station.close()
        await here.logged('"station went"', "CP-1")
    assert not consumer.unread


async def test_a_station_that_connects_again(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """The newer connection gets the consumer's calls; what the older one was asked is answered."""
    old = await stage.station("CP-1", url=running.url("CP-1"))
    lost = await consumer.ask("CP-1", "Reset")
    await old.expect("Reset")
    new = await stage.station("CP-1", url=running.url("CP-1"))
    assert (await consumer.expect_answer(lost)).kind == 4
    assert (await old.closed()).code == 1001
    asked = await consumer.ask("CP-1", "ClearCache")
    await new.answer(await new.expect("ClearCache", id=asked))
    await consumer.expect_answer(asked)


async def test_what_a_consumer_may_not_ask(stage: Stage, broker: Mosquitto, prefix: str, consumer: Consumer) -> None:
    """Permits hold behind a broker too; identities that no topic ends with are refused; frames may go as they are."""
    await stage.gateway(behind(broker, prefix, permit="observe", envelope="ocpp"))
    station = await stage.station("CP-1")
    await consumer.publish("out/ocpp1.6/CP-1", [2, "1", "Reset", {"type": "Hard"}])
    assert json.loads((await consumer.next()).payload) == [3, "1", {"status": "Rejected"}]
    station.send('[2, "b", "Heartbeat", {}]')
    call = await consumer.next()
    assert call.payload == b'[2, "b", "Heartbeat", {}]'
    await consumer.publish("out/ocpp1.6/CP-1", b'[3, "b", {"currentTime": "t"}]')
    assert (await station.next()).text == '[3, "b", {"currentTime": "t"}]'
    await stage.quiet(station)
    refused = await stage.refused("CP+1")
    assert (refused.status_code, refused.body) == (
        400,
        b"The backend cannot have a topic for this identity, which contains '+'\n",
    )


async def test_another_prefix_and_the_end(stage: Stage, broker: Mosquitto, prefix: str) -> None:
    """A reload takes stations to other topics without their noticing; the end answers what was asked of them."""
    document = behind(broker, prefix) | {"shutdown": {"ahead": 0, "grace": 0.1, "spread": 0}}
    gateway = await stage.gateway(document)
    station = await stage.station("CP-1")
    for url in (prefix, f"{prefix}/other"):
        consumer = await Consumer.connect(broker, url)
        document["backends"]["bus"]["url"] = f"{broker.url}/{url}"
        if url != prefix:
            gateway.reload(toml(document))
            await gateway.logged("configuration changed")
        beat = await station.ask("Heartbeat")
        await consumer.answer(await consumer.expect("Heartbeat"))
        await station.expect_result(beat)
        asked = await consumer.ask("CP-1", "Reset")
        reset = await station.expect("Reset", id=asked)
        if url == prefix:
            await station.answer(reset)
            await consumer.expect_answer(asked)
            await consumer.drop()
    await gateway.stop()
    answer = await consumer.expect_answer(asked)
    assert (answer.kind, answer.action) == (4, "Reset")
    await consumer.drop()


async def test_a_reload_while_a_call_is_open(stage: Stage, broker: Mosquitto, prefix: str) -> None:
    """What a reload changes of the backend gives its stations other wires; the answer to what was open is heard."""
    consumer = await Consumer.connect(broker, prefix)
    await is_heard_over_a_reload(stage, behind(broker, prefix), consumer)
    await consumer.drop()
