"""RabbitMQ: what whoever answers behind it, its stations and an operator see. The broker is a real one."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import aio_pika
import pytest

from tests.amqp_ends import Consumer, behind, gateway_of
from tests.harness import Gateway, Stage, boot_accepted, until
from tests.harness.command import VOLTGATE
from tests.harness.waiting import within
from tests.scenarios.conftest import is_heard_over_a_reload
from tests.servers import RabbitMQ


@pytest.fixture
async def consumer(request: pytest.FixtureRequest, rabbit: RabbitMQ, prefix: str) -> AsyncIterator[Consumer]:
    """Whoever takes all that stations say."""
    consumer = await Consumer.connect(rabbit.url, "shared" if "running" in request.fixturenames else prefix)
    yield consumer
    await consumer.drop()


@pytest.fixture(scope="module")
def running(rabbit: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for the tests that need nothing special."""
    stage = Stage(tmp_path_factory.mktemp("amqp"))
    yield asyncio.run(stage.gateway(behind(rabbit, "shared")))
    asyncio.run(stage.close())


class Start(Protocol):
    """Starts a command of voltgate, which ends with the test."""

    async def __call__(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start it with these arguments."""


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """What starts commands."""
    begun: list[asyncio.subprocess.Process] = []

    async def begin(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(*VOLTGATE, *arguments, stdout=PIPE, stderr=PIPE)
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_a_call_and_its_answer(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """A station's call is put into a queue; what is sent back to where it came from answers it."""
    for version in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        station = await stage.station("CP-1", version, url=running.url("CP-1"))
        station.send('[2,"b-1","BootNotification",{"a": [1.50,{"ü":null}]}]')
        call = await consumer.next()
        assert (
            b'"message":{"type":2,"action":"BootNotification","id":"b-1","request":{"a": [1.50,{"\xc3\xbc":null}]}}'
            in (call.message.body)
        )
        assert (call.station, call.item["protocol"]) == ("CP-1", version)
        assert call.message.content_type == "application/json"
        assert 0 < float(call.message.expiration or 0) <= 30
        assert 0 < call.item["until"] - time.time() <= 30
        await consumer.answer(call, boot_accepted())
        assert (await station.expect_result("b-1")).payload == boot_accepted()
        await consumer.reply(call, {"type": 3, "id": "b-1", "response": {}})
        await stage.quiet(station)

    async def is_counted() -> bool:
        return await running.metric("voltgate_mishaps_total", side="rabbitmq", kind="link repeated") == 3

    await until(is_counted, "each answer that came twice is counted once")
    await until(lambda: ("connected", "CP-1") in consumer.events, "it says that the station has come")


async def test_a_command_and_its_answer(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """What a station is asked at the queue of its gateway it answers, to the queue that was named."""
    station = await stage.station("CP-1", url=running.url("CP-1"))
    gateway = await gateway_of(consumer, station)
    key = await consumer.ask(gateway, "CP-1", "Reset", {"type": "Soft"}, message_id="r-1")
    await station.answer(await station.expect("Reset", id="r-1"), {"status": "Accepted"})
    assert await consumer.expect_reply(key) == {
        "type": 3,
        "action": "Reset",
        "id": "r-1",
        "request": {"type": "Soft"},
        "response": {"status": "Accepted"},
    }
    key = await consumer.ask(gateway, "CP-1", "UnlockConnector", {"connectorId": 1})
    await station.fail(await station.expect("UnlockConnector"), "NotSupported", "no", {"more": 1})
    assert (await consumer.expect_reply(key))["error_code"] == "NotSupported"
    key = await consumer.ask(gateway, "CP-2", "Reset")
    assert "not connected here" in (await consumer.expect_reply(key))["error_description"]
    key = await consumer.ask(gateway, "CP-1", "Reset", until=time.time() - 1)
    assert "too late" in (await consumer.expect_reply(key))["error_description"]
    await station.close()
    await until(lambda: ("disconnected", "CP-1") in consumer.events, "it says that the station has gone")
    with pytest.raises(aio_pika.exceptions.PublishError):
        await consumer.ask("shared.gateway.gone", "CP-1", "Reset")


async def test_a_station_that_connects_again(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """The newer connection gets the calls; what the older one was asked is answered; nobody says that it went."""
    old = await stage.station("CP-9", url=running.url("CP-9"))
    gateway = await gateway_of(consumer, old)
    lost = await consumer.ask(gateway, "CP-9", "Reset")
    await old.expect("Reset")
    new = await stage.station("CP-9", url=running.url("CP-9"))
    assert (await consumer.expect_reply(lost))["type"] == 4
    assert (await old.closed()).code == 1001
    key = await consumer.ask(gateway, "CP-9", "ClearCache")
    await new.answer(await new.expect("ClearCache", id=key))
    await consumer.expect_reply(key)
    assert await gateway_of(consumer, new) == gateway
    told = [event for event, station in consumer.events if station == "CP-9"]
    assert told == ["connected", "connected"]


async def test_odd_messages(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """What cannot be read is counted; it keeps nothing else from its station."""
    station = await stage.station("CP-1", url=running.url("CP-1"))
    gateway = await gateway_of(consumer, station)
    good = {"station": "CP-1", "key": "k", "message": {"type": 2, "id": "1", "action": "Reset"}}
    for odd in (b"[", b"\xff", b"{}", b'[{"station":"CP-1","key":"k","message":"x"}]'):
        await consumer.send(gateway, odd)
    assert (await consumer.expect_reply("k"))["error_code"] == "RpcFrameworkError"
    await consumer.send(gateway, [{"station": 7}, 3, good])
    await station.answer(await station.expect("Reset", id="1"), {"status": "Accepted"})
    assert (await consumer.expect_reply("k"))["response"] == {"status": "Accepted"}
    await until(lambda: _counts(running, "unreadable", 6), "each is counted")


async def _counts(gateway: Gateway, kind: str, number: int) -> bool:
    return await gateway.metric("voltgate_mishaps_total", side="rabbitmq", kind=f"link {kind}") == number


async def test_frames_as_they_are(stage: Stage, rabbit: RabbitMQ, prefix: str, consumer: Consumer) -> None:
    """With `envelope = "ocpp"` messages are frames of OCPP-J, both ways."""
    await stage.gateway(behind(rabbit, prefix, envelope="ocpp"))
    station = await stage.station("CP-1")
    station.send('[2,"1","Heartbeat",{}]')
    call = await consumer.next()
    assert call.item["message"] == [2, "1", "Heartbeat", {}]
    await consumer.reply(call, [3, "1", {"currentTime": "t"}])
    await call.message.ack()
    assert (await station.expect_result("1")).payload == {"currentTime": "t"}
    item = {"station": "CP-1", "key": "k", "message": [2, "2", "ClearCache", {}]}
    await consumer.send(call.message.reply_to or "", [item])
    await station.answer(await station.expect("ClearCache", id="2"), {"status": "Accepted"})
    assert await consumer.expect_reply("k") == [3, "2", {"status": "Accepted"}]


async def test_many_stations_share_messages(stage: Stage, running: Gateway, consumer: Consumer) -> None:
    """What comes while the broker confirms goes in one message; each station has its own answer."""
    stations = [await stage.station(f"CP-{number}", url=running.url(f"CP-{number}")) for number in range(40)]
    for station in stations:
        station.send('[2,"1","Heartbeat",{}]')
    calls = [await consumer.expect("Heartbeat") for _ in stations]
    assert max(call.beside for call in calls) > 1
    assert len({call.key for call in calls}) == len(stations)
    for call in calls:
        await consumer.reply(call, {"type": 3, "id": "1", "response": {"currentTime": call.station}})
    for number, station in enumerate(stations):
        assert (await station.expect_result("1")).payload == {"currentTime": f"CP-{number}"}


async def test_nobody_consumes(stage: Stage, rabbit: RabbitMQ, prefix: str) -> None:
    """The backend is away then, and does what is configured of it; it is there as soon as somebody consumes."""
    document = behind(rabbit, prefix, when_down="refuse", retry={"first": 0.05, "max": 0.05})
    document["routes"]["main"]["admit"] = "gateway"
    gateway = await stage.gateway(document)
    station = await stage.station("CP-1")
    assert (await station.call("Heartbeat")).code == "InternalError"
    line = json.loads(await gateway.logged("carrier down"))
    assert line["reason"] == f"nobody consumes {prefix}.calls.0"
    consumer = await Consumer.connect(rabbit.url, prefix)
    consumer.answers = True
    await gateway.logged("carrier up")
    await until(lambda: _is_heard(station), "it is heard")
    await consumer.drop()


async def _is_heard(station: Any) -> bool:
    return bool((await station.call("Heartbeat")).kind == 3)


async def test_every_call_is_answered(stage: Stage, rabbit: RabbitMQ, prefix: str, consumer: Consumer) -> None:
    """Whoever is asked and says nothing: the asker hears that, but nobody answers what somebody is paid by."""
    document = behind(rabbit, prefix, when_down="refuse") | {"calls": {"backend": 1, "station": 1}}
    await stage.gateway(document)
    station = await stage.station("CP-1", "ocpp2.0.1")
    beat = await station.ask("Heartbeat")
    call = await consumer.expect("Heartbeat")
    assert (await station.expect_error(beat, "InternalError")).description
    await consumer.answer(call)  # too late: it has had its answer
    key = await consumer.ask(call.message.reply_to or "", "CP-1", "GetVariables", {"x": 1})
    await station.expect("GetVariables")
    refused = await consumer.expect_reply(key)
    assert (refused["type"], refused["error_code"], refused["action"]) == (4, "InternalError", "GetVariables")
    await station.ask("TransactionEvent", {"eventType": "Started", "transactionInfo": {"transactionId": "t"}})
    await consumer.expect("TransactionEvent")
    assert (await station.closed()).code == 1001


async def test_two_gateways_and_two_nodes(
    stage: Stage, rabbit: RabbitMQ, prefix: str, tmp_path: Path, start: Start
) -> None:
    """Any node answers any station at any gateway; a command finds the gateway where the station is."""
    books = [tmp_path / f"book{number}" for number in range(2)]
    nodes = [await node(start, rabbit.url, prefix, "--commands", "0.2", "--book", str(book)) for book in books]
    gateways = [await stage.gateway(behind(rabbit, prefix)) for _ in range(2)]
    fleets = [
        await start("simulate", gateway.url(""), "--prefix", f"G{number}-", *LIFE)
        for number, gateway in enumerate(gateways)
    ]
    for fleet in fleets:
        said, _ = await within(fleet.communicate(), "the stations end", 60)
        tally = json.loads(said)
        assert not tally["failures"], tally["examples"]
        assert tally["sent"] == tally["answered"] > 50
        assert sum(tally["commands"].values()) > 5
    for each, book in zip(nodes, books, strict=True):
        each.send_signal(signal.SIGTERM)
        await within(each.communicate(), "the node ends")
        kept = json.loads(book.read_text())
        assert len(kept["stations"]) > 1
        refused = kept["tally"]["faults"].pop("refused")
        assert refused <= len(kept["stations"]), "it goes on with commands to stations that have gone"
        assert not any(kept["tally"]["faults"].values()), kept["tally"]


LIFE = ("-n", "8", "--duration", "4", "--impatient", "--json", "--echo")
"""A short life of eight stations, whose answers are checked for being theirs."""


async def node(start: Start, url: str, prefix: str, *more: str) -> asyncio.subprocess.Process:
    """Start a stand-in backend behind RabbitMQ, and wait until it answers."""
    process = await start("backend", "--listen", f"{url}/?prefix={prefix}", *more)
    assert process.stdout is not None
    line = await within(process.stdout.readline(), "the node answers")
    assert f"the stand-in backend answers on {url}" in line.decode()
    return process


async def test_by_tls(stage: Stage, rabbit: RabbitMQ, prefix: str, start: Start) -> None:
    """Gateways and nodes verify the broker's certificate by the authority that they are told of, and by no other."""
    url, login = rabbit.secure_url, {"username": "guest", "password": "guest"}
    stranger = await start("backend", "--listen", url.replace("//", "//guest:guest@"))
    _, trusting, distrusting = await asyncio.gather(
        node(start, url, prefix, "--ca", str(rabbit.authority)),
        stage.gateway(behind(rabbit, prefix, url=url, ca=str(rabbit.authority), **login)),
        stage.gateway(behind(rabbit, prefix, url=url, **login)),
    )
    station = await stage.station("CP-1", url=trusting.url("CP-1"))
    assert (await station.call("Heartbeat")).kind == 3
    assert (await stage.refused("CP-1", url=distrusting.url("CP-1"))).status_code == 503
    line = json.loads(await distrusting.logged("carrier down"))
    assert line["reason"] == NOT_ACCEPTED
    assert stranger.stderr is not None
    said = (await within(stranger.stderr.readline(), "the node says what is wrong")).decode()
    assert NOT_ACCEPTED in said
    assert not any("guest" in each for each in (said, trusting.log, distrusting.log))


NOT_ACCEPTED = (
    "the server's certificate is not accepted (unable to get local issuer certificate): "
    "name the authority that signed it in ca"
)


async def test_a_reload_while_a_call_is_open(stage: Stage, rabbit: RabbitMQ, prefix: str, consumer: Consumer) -> None:
    """What a reload changes of the backend gives its stations other wires; the answer to what was open is heard."""
    await is_heard_over_a_reload(stage, behind(rabbit, prefix), consumer)
