"""The bench's RabbitMQ and the node behind it: a process that starts the broker, and answers each call at once."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import structlog

from bench.frames import sequence_of
from bench.mqtt_consumer import MARK, Tally, kind_of
from bench.worker import job, run, serve
from tests.servers import RabbitMQ
from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.publisher import Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts, Broker, Layout
from voltgate.carriers.websocket.resolver import Resolver

_PATIENCE = 30.0
_MOST_MESSAGES = 100


class Consumer:
    """A node without a handler: each call has one answer, made beforehand."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.connection: Connection | None = None
        self._acks: set[asyncio.Task[None]] = set()

    def take(self, message: Incoming) -> None:
        """Answer the calls of a message, and acknowledge it."""
        for item in items.split(message.body)[0]:
            if not item.event:
                self._answer(item, message.reply_to or "")
        task = asyncio.get_running_loop().create_task(message.ack())
        self._acks.add(task)
        task.add_done_callback(self._acks.discard)

    def _answer(self, item: items.Item, reply_to: str) -> None:
        tally, said = self.tally, item.text
        at = said.find(MARK) + len(MARK)
        message_id = said[at : at + 36]
        kind, number = kind_of(said), sequence_of(message_id)
        if kind is None or number < 0 or self.connection is None:
            tally.wrong += 1
            return
        station = item.station.encode()
        tally.out_of_order += number != tally.following.get(station, 0)
        tally.following[station] = number + 1
        tally.calls += 1
        answer = b'{"type":3,"id":"%b","response":%b}' % (message_id, kind.answer)
        sent = items.message_item(items.head(item.station, ""), item.key, answer, item.until)
        self.connection.put(reply_to, Outgoing(sent, time.monotonic() + _PATIENCE))


async def main() -> None:
    """Start the broker, consume, and report the tally when asked."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the bench reads what is printed
    with tempfile.TemporaryDirectory(prefix="bench-amqp-", ignore_cleanup_errors=True) as folder:
        broker = RabbitMQ(Path(folder), job()["ports"]["answer"])
        try:
            await asyncio.to_thread(broker.start)
            await consume(broker.port)
        finally:
            broker.stop()


async def consume(port: int) -> None:
    """Connect, consume all queues, and serve the bench."""
    consumer, counts = Consumer(), AmqpCounts()
    where = Broker("127.0.0.1", port)
    opening = Connection.open(where, "bench.node", lambda message: None, time.monotonic, counts, Resolver())
    connection = consumer.connection = await opening
    for queue in Layout().calls:
        await connection.consume(queue, consumer.take, counts, _MOST_MESSAGES)
    connection.lost.add_done_callback(_gone)

    async def answer(_: dict[str, object]) -> dict[str, object]:
        tally = consumer.tally
        tally.links = len(tally.following)
        found = asdict(tally)
        del found["following"]
        return {"answer": found}

    await serve(answer)
    connection.lost.remove_done_callback(_gone)
    await connection.close()


def _gone(lost: asyncio.Future[str]) -> None:
    sys.exit(f"the broker has gone: {lost.result()}")


if __name__ == "__main__":
    sys.exit(run(main))
