"""A backend behind RabbitMQ: it consumes the queues of calls as whoever answers there would, on aio-pika alone.

Each gateway has queues of its own, so that it is known who says what.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.connection import make_url

from chaos.broker import Behind, Topic
from chaos.records import Books
from chaos.shape import QUEUES, prefix_of
from tests.amqp_ends import CALLS

_ADDRESSES = 2
"""How often a backend may change its address, this one included."""
_AWAY = (OSError, RuntimeError, aio_pika.exceptions.AMQPError, TimeoutError)
"""What is raised when the broker is away, or goes."""
_PATIENCE = 5.0
"""Seconds that the broker may take to do anything."""
_WAITS = 30.0
"""Seconds for which somebody needs what is said."""

for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # the broker is away on purpose


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AbstractConnection]:
    """Connect, and close whatever comes of it: one that aio-pika cannot connect is left open by `aio_pika.connect`."""
    connection = aio_pika.Connection(make_url(url))
    try:
        await connection.connect(timeout=_PATIENCE)
        yield connection
    finally:
        with suppress(*_AWAY):
            async with asyncio.timeout(1):
                await connection.close()


class BehindRabbitMQ(Behind):
    """A backend behind RabbitMQ. `run` tells its queues from those of other runs."""

    def __init__(self, name: str, port: int, books: Books, *, seed: int, run: str, gateways: int) -> None:
        super().__init__(name, port, books, seed=seed)
        prefixes = [prefix_of(run, name, *each) for each in itertools.product(range(gateways), range(_ADDRESSES))]
        self.calls = [f"{prefix}.calls.{number}" for prefix in prefixes for number in range(QUEUES)]
        """The names of its queues of calls."""
        self._channel: AbstractChannel | None = None
        self._own = ""
        self._staying: asyncio.Task[None] | None = None

    @property
    def gateways(self) -> list[str]:
        """The names of the queues that gateways hear at, as far as they are known."""
        return sorted({topic.answers for topic in self._topics.values()})

    async def consumes(self, queue: str) -> bool:
        """Tell whether a queue of calls is there and consumed."""
        with suppress(*_AWAY):
            async with asyncio.timeout(2), _connected(self._url) as connection:
                found = await (await connection.channel()).declare_queue(queue, passive=True)
                return bool(found.declaration_result.consumer_count)
        return False

    async def start(self) -> None:
        """Consume; while the broker is away, try again."""
        self._staying = asyncio.get_running_loop().create_task(self._stay())

    async def stop(self) -> None:
        """Consume no more."""
        staying, self._staying = self._staying, None
        if staying is not None:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
        self.cut()

    async def drop(self) -> None:
        """End, and delete the queues: the broker is for other runs as well."""
        await super().drop()
        with suppress(*_AWAY):
            async with asyncio.timeout(_PATIENCE), _connected(self._url) as connection:
                channel = await connection.channel()
                for queue in self.calls:
                    await channel.queue_delete(queue)

    @property
    def _url(self) -> str:
        return f"amqp://127.0.0.1:{self._port}"

    async def _stay(self) -> None:
        while self._staying is asyncio.current_task():  # what it awaits may keep to itself that it is cancelled
            with suppress(*_AWAY):
                await self._one_stay()
            self.cut()
            await asyncio.sleep(0.2)

    async def _one_stay(self) -> None:
        """Connect and consume, until the connection or a queue is lost."""
        lost = asyncio.Event()
        async with _connected(self._url) as connection:
            connection.close_callbacks.add(lambda *_: lost.set())
            channel = await connection.channel()
            (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda *_: lost.set())
            channel.close_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=100)
            own = await channel.declare_queue(exclusive=True, timeout=_PATIENCE)
            await own.consume(self._said)
            for name in self.calls:
                await self._consume(channel, name)
            self._channel, self._own = channel, own.name
            try:
                await lost.wait()
            finally:
                self._channel = None

    async def _consume(self, channel: AbstractChannel, name: str) -> None:
        queue = await channel.declare_queue(name, durable=True, arguments=CALLS, timeout=_PATIENCE)
        await queue.consume(self._said, timeout=_PATIENCE)
        # a new queue does not outlive a kill before it has had a message
        await asyncio.wait_for(channel.default_exchange.publish(aio_pika.Message(b"[]"), name), _PATIENCE)

    # What is said.

    async def _said(self, message: AbstractIncomingMessage) -> None:
        for item in json.loads(message.body):
            self._take_item(message, item)
        with suppress(*_AWAY):
            await message.ack()

    def _take_item(self, message: AbstractIncomingMessage, item: dict[str, Any]) -> None:
        """Take an item: no call for which nobody waits any more, and none that the broker brings again."""
        said, answers = item.get("message"), message.reply_to or ""
        if item.get("event") == "disconnected":
            return
        topic = self._topic(int(answers.split(".")[2]), item["station"], item["protocol"], answers)
        if said is None:  # it says that the station is connected there
            return
        if said["type"] == 2:
            is_known = topic.keys.get(said["id"]) == item["key"]
            if item["until"] < time.time() or (message.redelivered and is_known):
                return
            topic.keys[said["id"]] = item["key"]
        self._hear(topic, said)

    async def _publish(self, topic: Topic, envelope: dict[str, Any]) -> bool:
        channel, message_id = self._channel, envelope["id"]
        if channel is None:
            return False
        key = message_id if envelope["type"] == 2 else topic.keys[message_id]
        item = {"station": topic.station, "key": key, "until": time.time() + _WAITS, "message": envelope}
        message = aio_pika.Message(json.dumps([item]).encode(), reply_to=self._own)
        try:
            async with asyncio.timeout(_PATIENCE):
                await channel.default_exchange.publish(message, topic.answers, mandatory=False)
        except _AWAY:
            return False
        return True
