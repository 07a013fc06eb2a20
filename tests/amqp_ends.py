"""Whoever answers behind RabbitMQ, as an integrator would write it: on aio-pika, and JSON from Python's own library."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from tests.harness import Json, free_port, until
from tests.servers import RabbitMQ

CALLS: Any = {
    "x-queue-type": "quorum",
    "x-max-length": 100_000,
    "x-overflow": "reject-publish",
    "x-delivery-limit": 20,
}
"""The arguments of a queue of calls, as docs/rabbitmq.md has them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An item of a message that was received."""

    item: Json
    message: AbstractIncomingMessage
    beside: int
    """How many items the message has."""

    @property
    def said(self) -> Json:
        """The envelope."""
        said = self.item["message"]
        assert isinstance(said, dict)
        return said

    @property
    def key(self) -> str:
        """The key of the call."""
        return str(self.item["key"])

    @property
    def station(self) -> str:
        """The station's identity."""
        return str(self.item["station"])


class Consumer:
    """Takes what gateways put into the queues of calls: kept until the test reads it."""

    def __init__(self, connection: Any, channel: Any, own: Any) -> None:
        self.connection = connection
        self.channel = channel
        self.own = own
        self.events: list[tuple[str, str]] = []
        self.answers = False
        """Whether it answers every call with an empty result."""
        self._inbox: deque[Taken] = deque()
        self._replies: deque[Taken] = deque()

    @classmethod
    async def connect(cls, url: str, prefix: str, queues: int = 4) -> Consumer:
        """Connect and consume all queues, which are there already or are made now."""
        connection = await aio_pika.connect(url)
        channel = await connection.channel(on_return_raises=True)
        await channel.set_qos(prefetch_count=100)
        own = await channel.declare_queue(exclusive=True)
        consumer = cls(connection, channel, own)
        await own.consume(consumer._take_reply, no_ack=True)
        for number in range(queues):
            queue = await channel.declare_queue(f"{prefix}.calls.{number}", durable=True, arguments=CALLS)
            await queue.consume(consumer._take)
            await consumer.send(queue.name, [])  # a new queue does not outlive a kill before it has had a message
        return consumer

    async def _take(self, message: AbstractIncomingMessage) -> None:
        items = json.loads(message.body)
        for item in items:
            if "event" in item:
                self.events.append((item["event"], item["station"]))
                continue
            taken = Taken(item, message, len(items))
            if self.answers and item["message"]["type"] == 2:
                await self.answer(taken, acknowledge=False)
            else:
                self._inbox.append(taken)
        if self.answers or all("event" in item for item in items):
            await message.ack()

    async def _take_reply(self, message: AbstractIncomingMessage) -> None:
        self._replies.extend(Taken(item, message, 1) for item in json.loads(message.body))

    # What it hears.

    async def next(self) -> Taken:
        """Return the next message of a station."""
        await until(lambda: self._inbox, "a message for the consumer")
        return self._inbox.popleft()

    async def expect(self, action: str) -> Taken:
        """Return the next message; fail unless it is this call."""
        taken = await self.next()
        assert (taken.said["type"], taken.said["action"]) == (2, action), taken
        return taken

    async def expect_reply(self, key: str) -> Any:
        """Return the next answer to a command of ours; fail unless it is to this one."""
        await until(lambda: self._replies, "an answer for the consumer")
        taken = self._replies.popleft()
        assert taken.key == key, taken
        return taken.item["message"]

    @property
    def unread(self) -> list[Taken]:
        """What was received and not read by the test."""
        return [*self._inbox, *self._replies]

    # What it says.

    async def answer(self, call: Taken, response: Json | None = None, *, acknowledge: bool = True) -> None:
        """Answer a call with a result, then acknowledge it."""
        said = {"type": 3, "id": call.said["id"], "response": response or {}}
        await self.reply(call, said)
        if acknowledge:
            await call.message.ack()

    async def reply(self, call: Taken, said: Any, key: str | None = None) -> None:
        """Send something to where a call has come from."""
        assert call.message.reply_to
        item = {"station": call.station, "key": call.key if key is None else key, "message": said}
        await self.send(call.message.reply_to, [item])

    async def send(self, queue: str, body: Any, **more: Any) -> None:
        """Send a message to a queue; fail if that is not there."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = aio_pika.Message(data, reply_to=self.own.name, **more)
        await self.channel.default_exchange.publish(message, queue)

    async def ask(self, gateway: str, station: str, action: str, request: Json | None = None, **more: Any) -> str:
        """Call a station at a gateway, by the name of its queue; return the key of the call."""
        key = str(uuid4())
        said = {"type": 2, "id": more.pop("message_id", key), "action": action, "request": request or {}}
        item = {"station": station, "key": key, "until": time.time() + 30, "message": said} | more
        await self.send(gateway, [item])
        return key

    async def drop(self) -> None:
        """Disconnect: what it has not acknowledged goes to another."""
        await self.connection.close()


async def gateway_of(consumer: Consumer, station: Any) -> str:
    """Return the queue of the gateway that a station is connected to."""
    asked = await station.ask("Heartbeat")
    call = await consumer.expect("Heartbeat")
    await consumer.answer(call, {"currentTime": "t"})
    await station.expect_result(asked)
    assert call.message.reply_to
    await asyncio.sleep(0)
    return str(call.message.reply_to)


def deletion(queue: str) -> str:
    """Return what `rabbitmqctl eval` deletes any queue by, also one that only its own connection may delete."""
    return (
        f'case rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)) of '
        '{ok, Queue} -> rabbit_amqqueue:delete(Queue, false, false, <<"test">>); _ -> ok end.'
    )


def behind(rabbit: RabbitMQ, prefix: str, **changes: Any) -> Json:
    """Return a configuration with one backend, which is behind RabbitMQ."""
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "backends": {"bus": {"url": rabbit.url, "prefix": prefix} | changes},
        "routes": {"main": {"rules": [{"answer": "bus"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }
