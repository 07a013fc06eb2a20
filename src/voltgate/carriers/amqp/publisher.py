"""What is sent to queues: one message at a time to each, with all that has come together meanwhile.

A message of AMQP costs more than a hundred microseconds, whatever it holds. So the items of many stations go in one,
and the next one goes when the broker has confirmed it: at little traffic an item leaves at once, at much traffic it
waits for about as long as a confirmation takes, and the order of a queue is kept.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.settings import AmqpCounts
from voltgate.relay.tracing import NAME, RUNNING

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel

_MOST_WAITING = 20_000
_MOST_WAITING_BYTES = 32 << 20
_MOST_TOGETHER = 200
_MOST_TOGETHER_BYTES = 256 << 10
_SHORTEST = 0.001

log = structlog.get_logger(__name__)


class Obstacle(enum.Enum):
    """Why an item cannot be sent, or was not taken."""

    AWAY = "the broker is away"
    TOO_MANY = "too many messages wait for the broker"
    UNROUTABLE = "the queue is not there"
    FULL = "the queue takes no more"
    LATE = "nobody needs it any more"


def _nothing(obstacle: Obstacle | None) -> None:
    pass


@dataclass(slots=True, eq=False)
class Outgoing:
    """An item on its way, which nobody needs any more at `expires`, by the clock.

    `settled` is told what became of it: None when the broker has it, else why not; never when the connection is lost.
    What has another `key` goes in another message. With an `exchange` it goes there, under this key, in a message of
    its own, with these `headers`.
    """

    item: bytes
    expires: float
    settled: Callable[[Obstacle | None], None] = _nothing
    exchange: str = ""
    key: str = ""
    headers: Mapping[str, str] | None = None
    context: str | None = field(default_factory=lambda: RUNNING.context)
    """The trace that it belongs to."""


@dataclass(slots=True, eq=False)
class _Queue:
    waiting: deque[Outgoing] = field(default_factory=deque)
    sent_at: float = 0.0
    """When the message went that is not confirmed yet."""


class Publisher:
    """Sends items through one channel with confirmations. `lose` is told when it turns out that the channel is lost."""

    def __init__(
        self,
        channel: AbstractChannel,
        reply_to: str,
        clock: Callable[[], float],
        counts: AmqpCounts,
        lose: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._reply_to = reply_to
        self._clock = clock
        self._counts = counts
        self._lose = lose
        self._queues: dict[str, _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._bytes = 0
        self.waiting = 0
        """Items that are not confirmed yet."""

    @property
    def oldest(self) -> float | None:
        """When the message went that has been without confirmation for the longest; None if there is none."""
        return min((queue.sent_at for queue in self._queues.values() if queue.sent_at), default=None)

    def put(self, name: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item to a queue, or to its exchange, soon; return why it cannot be sent."""
        if self.waiting >= _MOST_WAITING or self._bytes >= _MOST_WAITING_BYTES:
            self._counts.overflows += 1
            return Obstacle.TOO_MANY
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue()
            task = self._loop.create_task(self._drain(name, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.waiting.append(outgoing)
        self.waiting += 1
        self._bytes += len(outgoing.item)
        return None

    def close(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        self._queues.clear()

    async def _drain(self, name: str, queue: _Queue) -> None:
        """Send what waits for a queue, until nothing does."""
        try:
            while queue.waiting:
                batch = self._take(queue)
                queue.sent_at = self._clock()
                if batch and batch[0].exchange:
                    await asyncio.gather(*(self._send(name, [outgoing]) for outgoing in batch))
                elif batch:
                    await self._send(name, batch)
                queue.sent_at = 0.0
        except Exception as fault:
            self._lose(_reason(fault))
        finally:
            if self._queues.get(name) is queue:
                del self._queues[name]

    def _take(self, queue: _Queue) -> list[Outgoing]:
        """Return what goes in the next message, or to one exchange under one key: keys may stand for several queues."""
        batch: list[Outgoing] = []
        size, now, waiting = 0, self._clock(), queue.waiting
        while waiting and len(batch) < _MOST_TOGETHER and size < _MOST_TOGETHER_BYTES:
            if batch and waiting[0].key != batch[0].key:
                break
            outgoing = waiting.popleft()
            self.waiting -= 1
            self._bytes -= len(outgoing.item)
            if outgoing.expires <= now:
                self._counts.late += 1
                self._settle(outgoing, Obstacle.LATE)
                continue
            size += len(outgoing.item)
            batch.append(outgoing)
        return batch

    def _settle(self, outgoing: Outgoing, obstacle: Obstacle | None) -> None:
        try:
            outgoing.settled(obstacle)
        except Exception:
            self._counts.faults += 1
            log.exception("a fault of Voltgate: what became of a message was not taken")

    async def _send(self, name: str, batch: list[Outgoing]) -> None:
        obstacle = await self._publish(name, batch)
        for outgoing in batch:
            self._settle(outgoing, obstacle)

    async def _publish(self, name: str, batch: list[Outgoing]) -> Obstacle | None:
        """Send items as one message; return why the broker did not take it."""
        from aio_pika import DeliveryMode, Message  # noqa: PLC0415 - takes long, and not everybody has a broker
        from aio_pika.exceptions import DeliveryError, PublishError  # noqa: PLC0415

        first, channel = batch[0], self._channel
        alone = bool(first.exchange)
        message = Message(
            first.item if alone else items.join([outgoing.item for outgoing in batch]),
            content_type="text/plain" if alone else "application/json",
            headers={**(first.headers or {}), **context_of(batch)},
            reply_to=None if alone else self._reply_to,
            delivery_mode=DeliveryMode.PERSISTENT,
            expiration=max(max(outgoing.expires for outgoing in batch) - self._clock(), _SHORTEST),
        )
        exchange = await channel.get_exchange(first.exchange, ensure=False) if alone else channel.default_exchange
        try:
            await exchange.publish(message, first.key if alone else name, mandatory=True)
        except PublishError:
            self._counts.unroutable += len(batch)
            return Obstacle.UNROUTABLE
        except DeliveryError:
            self._counts.refused += len(batch)
            return Obstacle.FULL
        return None


def context_of(batch: list[Outgoing]) -> dict[str, str]:
    """Return the header of a message that holds one call that is traced; several calls have none in common."""
    context = batch[0].context if len(batch) == 1 else None
    return {} if context is None else {NAME: context}


def _reason(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
