"""What goes wrong with RabbitMQ: what stations get meanwhile, and afterwards. The broker is a real one."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import aio_pika
import pytest

from tests.amqp_ends import Consumer, deletion
from tests.harness import Gateway, Json, ScriptedStation, Stage, free_port, until
from tests.servers import RabbitMQ, rabbitmq

QUICK = {"first": 0.1, "max": 0.1}
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A broker to do harm to; each test leaves it running."""
    with rabbitmq() as server:
        yield server


class Connect(Protocol):
    """Connects whoever answers, until the end of the test."""

    async def __call__(self, prefix: str, queues: int = 4) -> Consumer:
        """Connect, and consume these queues."""


@pytest.fixture
async def connect(broker: RabbitMQ) -> AsyncIterator[Connect]:
    """What connects those who answer."""
    consumers = []

    async def begin(prefix: str, queues: int = 4) -> Consumer:
        consumers.append(await Consumer.connect(broker.url, prefix, queues))
        return consumers[-1]

    yield begin
    for consumer in consumers:
        await consumer.drop()


def behind(broker: RabbitMQ, prefix: str, **changes: Any) -> Json:
    """Return a configuration that lets stations in by itself, whose only backend is behind RabbitMQ."""
    bus = {"url": broker.url, "prefix": prefix, "retry": QUICK, "when_down": "refuse"}
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "backends": {"bus": bus | changes},
        "routes": {"main": {"admit": "gateway", "rules": [{"answer": "bus"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }


async def heard(station: ScriptedStation) -> bool:
    """Ask once; return whether somebody answers."""
    return bool((await station.call("Heartbeat")).kind == 3)


async def counts(gateway: Gateway, kind: str) -> float:
    """Return what is counted of the broker."""
    return float(await gateway.metric("voltgate_mishaps_total", side="rabbitmq", kind=f"link {kind}"))


async def test_the_broker_is_killed(stage: Stage, broker: RabbitMQ, prefix: str, connect: Connect) -> None:
    """Calls that are open go on when it is back, under their key; nobody is answered twice."""
    consumer = await connect(prefix)
    gateway = await stage.gateway(behind(broker, prefix, when_down="wait", wait=60))
    station = await stage.station("CP-1")
    beat = await station.ask("Heartbeat")
    lost = await consumer.expect("Heartbeat")
    start = await station.ask("StartTransaction", START)
    await asyncio.sleep(1)  # RabbitMQ writes down each half second which queues there are: it forgets newer ones
    broker.kill()
    await gateway.logged("carrier down")
    broker.start()
    consumer = await connect(prefix)
    keys, answered = set(), 0
    while answered < 2:
        call = await consumer.next()
        keys.add(call.key)
        response = {"Heartbeat": {"currentTime": "t"}, "StartTransaction": {"transactionId": 7}}[call.said["action"]]
        try:
            await consumer.answer(call, response)
        except aio_pika.exceptions.PublishError:  # the gateway's former queue is gone
            await call.message.ack()
        else:
            await consumer.answer(call, response, acknowledge=False)
            answered += 1
    assert (await station.expect_result(beat)).payload == {"currentTime": "t"}
    assert (await station.expect_result(start)).payload == {"transactionId": 7}
    assert lost.key in keys
    assert len(keys) == 2
    await stage.quiet(station)
    ups = [json.loads(line) for line in gateway.log.splitlines() if '"carrier up"' in line]
    assert [line["first"] for line in ups] == [True, False]
    assert await counts(gateway, "losses") >= 1


async def test_the_broker_runs_out_of_memory(stage: Stage, broker: RabbitMQ, prefix: str, connect: Connect) -> None:
    """While it takes no messages its backend is away, and what is asked meanwhile is not asked later."""
    gateway = await stage.gateway(behind(broker, prefix))
    consumer = await connect(prefix)
    consumer.answers = True
    station = await stage.station("CP-1")
    await until(lambda: heard(station), "it is heard")
    broker.control("set_vm_memory_high_watermark", "0.000001")
    await station.ask("Heartbeat")  # the first one that is not taken
    await gateway.logged("carrier down", "short of memory or disk")
    await station.next()
    assert (await station.call("Heartbeat")).code == "InternalError"
    broker.control("set_vm_memory_high_watermark", "0.4")
    await until(lambda: heard(station), "it is heard again")
    await stage.quiet(station)
    assert await counts(gateway, "blocked") == 1


async def test_a_queue_is_deleted(stage: Stage, broker: RabbitMQ, prefix: str, connect: Connect) -> None:
    """A queue of calls is declared again; a queue of the gateway's own that is deleted costs one connection."""
    gateway = await stage.gateway(behind(broker, prefix, queues=1, when_down="wait", wait=60))
    consumer = await connect(prefix, queues=1)
    station = await stage.station("CP-1")
    await consumer.channel.queue_delete(f"{prefix}.calls.0")
    beat = await station.ask("Heartbeat")
    await until(lambda: gateway.log.count('"queue declared"') == 1, "the queue is declared")
    await gateway.logged("carrier down", "nobody consumes")
    again = await connect(prefix, queues=1)
    await again.answer(await again.expect("Heartbeat"), {"currentTime": "1"})
    assert (await station.expect_result(beat)).payload == {"currentTime": "1"}
    beat = await station.ask("Heartbeat")
    call = await again.expect("Heartbeat")
    broker.control("eval", deletion(str(call.message.reply_to)))
    await gateway.logged("carrier down", "deleted a queue")
    repeated = await again.expect("Heartbeat")
    assert repeated.key == call.key
    assert repeated.message.reply_to != call.message.reply_to
    await again.answer(repeated, {"currentTime": "2"})
    assert (await station.expect_result(beat)).payload == {"currentTime": "2"}
    await stage.quiet(station)


async def test_credentials_are_revoked(stage: Stage, broker: RabbitMQ, prefix: str, connect: Connect) -> None:
    """The gateway says what the broker says, and is there again when it is let in again."""
    broker.control("eval", _user(prefix))
    gateway = await stage.gateway(behind(broker, prefix, username=prefix, password="secret"))
    consumer = await connect(prefix)
    consumer.answers = True
    station = await stage.station("CP-1")
    await until(lambda: heard(station), "it is heard")
    broker.control("delete_user", prefix)
    await gateway.logged("carrier down", "CONNECTION_FORCED")
    assert (await station.call("Heartbeat")).code == "InternalError"
    broker.control("eval", _user(prefix))
    await until(lambda: heard(station), "it is heard again")
    assert "secret" not in gateway.log


async def test_a_virtual_host_that_there_is_none_of(stage: Stage, broker: RabbitMQ, prefix: str) -> None:
    """The broker's words are not at hand; the log says in ours what is wrong."""
    gateway = await stage.gateway(behind(broker, prefix, url=f"{broker.url}/nosuch"))
    station = await stage.station("CP-1")
    assert (await station.call("Heartbeat")).code == "InternalError"
    await gateway.logged("carrier down", 'there is no virtual host \\"nosuch\\", or this user may not use it')


def _user(name: str) -> str:
    everything = ", ".join(['<<".*">>'] * 3)
    return (
        f'rabbit_auth_backend_internal:add_user(<<"{name}">>, <<"secret">>, <<"test">>), '
        f'rabbit_auth_backend_internal:set_permissions(<<"{name}">>, <<"/">>, {everything}, <<"test">>).'
    )


async def test_the_broker_hangs(stage: Stage, broker: RabbitMQ, prefix: str, connect: Connect) -> None:
    """A broker that says nothing is away as soon as it may take no longer; nothing stale is done when it goes on."""
    gateway = await stage.gateway(behind(broker, prefix, connect=1))
    consumer = await connect(prefix)
    consumer.answers = True
    station = await stage.station("CP-1")
    await until(lambda: heard(station), "it is heard")
    consumer.answers = False
    broker.signal(signal.SIGSTOP)
    try:
        beat = await station.ask("Heartbeat")
        await gateway.logged("carrier down", "within 1 s")
        assert (await station.expect_error(beat, "InternalError")).description
    finally:
        broker.signal(signal.SIGCONT)
    consumer.answers = True
    await until(lambda: heard(station), "it is heard again")
    await stage.quiet(station)


async def test_a_queue_is_full(stage: Stage, broker: RabbitMQ, prefix: str) -> None:
    """What a full queue does not take has met a backend that is away; what somebody is paid by is not answered."""
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=1)
    name, full = f"{prefix}.calls.0", {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await channel.declare_queue(name, durable=True, arguments=full)
    taken: list[Any] = []

    async def keep(message: Any) -> None:
        """Take a message, and never say that it is done."""
        taken.append(message)

    async def waits() -> bool:
        """Tell whether a message waits in the queue."""
        seen = await channel.declare_queue(name, durable=True, passive=True)
        return bool(seen.declaration_result.message_count)

    await queue.consume(keep)
    gateway = await stage.gateway(behind(broker, prefix, queues=1, retry={"first": 600}))
    names = ("CP-1", "CP-2", "CP-3", "CP-4")
    one, two, three, four = [await stage.station(name, url=gateway.url(name)) for name in names]
    await gateway.logged("carrier up")
    await one.ask("Heartbeat")
    await until(lambda: taken, "the first message at its consumer")
    await two.ask("Heartbeat")
    await until(waits, "the second message in the queue")
    await three.expect_error(await three.ask("Heartbeat"), "InternalError")
    await gateway.logged("backend away", "the queue takes no more")
    assert await counts(gateway, "refused") >= 1
    await four.ask("StartTransaction", START)
    assert (await four.closed()).reason == "Nobody took StartTransaction: keep it and come again"
    assert four.unread == []
    await connection.close()
