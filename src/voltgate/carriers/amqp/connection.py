"""One connection to RabbitMQ: a queue of its own, what is sent and taken, and how the loss of it is noticed.

It is made once and not mended: `aio_pika.connect_robust` makes a lost connection again by itself, under the same names
and at its own pace, and publishing fails meanwhile. Whoever owns this one is told of its end, and opens another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import quote

import structlog

from voltgate.carriers.amqp.publisher import Obstacle, Outgoing, Publisher
from voltgate.carriers.amqp.reaching import Reaching
from voltgate.carriers.amqp.settings import AmqpCounts, Broker
from voltgate.carriers.bus import Away
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

_HEARTBEAT = 10
"""Seconds: a connection on which nothing has come for three times as long is given up."""
_FAREWELL = 1.0
"""Seconds that a broker may take to say that a connection is closed."""
_CALLS: Mapping[str, str | int] = {
    "x-queue-type": "quorum",
    "x-max-length": 100_000,
    "x-overflow": "reject-publish",
    "x-delivery-limit": 20,
}
"""The arguments of a queue of calls: on several servers, bounded, and rid of what nobody can take."""
_OWN: Mapping[str, int] = {"x-max-length": 100_000}

log = structlog.get_logger(__name__)
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what befalls a connection is logged here, once, and counted


class Incoming(Protocol):
    """A message of the broker's."""

    body: bytes
    reply_to: str | None
    routing_key: str | None
    headers: Mapping[str, Any]

    async def ack(self) -> None:
        """Have the broker forget it."""


Take: TypeAlias = Callable[[Incoming], None]
"""Takes a message."""


class Connection:
    """An open connection. `queue` is the name of its own queue, which ends with it; `lost` says at last why it did."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, broker: Broker, queue: str) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.queue = queue
        self._connection = connection
        self._channel = channel
        self._broker = broker
        self._looking: AbstractChannel | None = None
        self._publisher: Publisher | None = None
        self._own: Any = None

    @classmethod
    async def open(
        cls, broker: Broker, name: str, take: Take, clock: Callable[[], float], counts: AmqpCounts, names: Resolver
    ) -> Connection:
        """Connect, and take what comes to a queue of our own, whose name begins with `name`. Raise Away.

        `names` looks up the broker's host.
        """
        connection = await _reached(broker, names)
        try:
            channel = await _within(broker, connection.channel(on_return_raises=True))
            opened = cls(connection, channel, broker, f"{name}.{secrets.token_hex(8)}")
            await opened._begin(take, clock, counts)
        except BaseException:
            await _leave(connection)
            raise
        return opened

    async def _begin(self, take: Take, clock: Callable[[], float], counts: AmqpCounts) -> None:
        self._connection.close_callbacks.add(self._closed)
        self._channel.close_callbacks.add(self._closed)
        underlying = await self._channel.get_underlay_channel()
        underlying.on_consumer_cancel_callbacks.add(self._cancelled)
        self._publisher = Publisher(self._channel, self.queue, clock, counts, self.lose)
        own = await _within(self._broker, self._channel.declare_queue(self.queue, exclusive=True, arguments={**_OWN}))
        self._own = own
        await _within(self._broker, own.consume(_guarded(take, counts), no_ack=True))

    # Sending.

    @property
    def waiting(self) -> int:
        """The number of items that wait to be sent."""
        return 0 if self._publisher is None else self._publisher.waiting

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item to a queue; return why it cannot be sent."""
        if self._publisher is None or self.lost.done():
            return Obstacle.AWAY
        return self._publisher.put(queue, outgoing)

    # Looking.

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has said that it takes no messages, for want of memory or disk."""
        if self._connection.transport is None:
            return False
        ready = self._connection.transport.connection.ready()  # the library tells of it in no other way
        try:
            ready.send(None)
        except StopIteration:
            return False
        ready.close()
        return True

    def is_stuck(self, now: float) -> bool:
        """Return whether the broker has not confirmed a message for longer than it may take."""
        oldest = None if self._publisher is None else self._publisher.oldest
        return oldest is not None and now - oldest > self._broker.patience

    async def consumers(self, queue: str) -> int | None:
        """Return how many consume a queue, None if it is not there. Raise Away."""
        from aiormq.exceptions import ChannelLockedResource, ChannelNotFoundEntity  # noqa: PLC0415 - it is there already

        if self._looking is None or self._looking.is_closed:
            self._looking = await _within(self._broker, self._connection.channel(publisher_confirms=False))
        channel = await self._looking.get_underlay_channel()
        try:
            return int((await _within(self._broker, channel.queue_declare(queue, passive=True))).consumer_count or 0)
        except Away as problem:
            if isinstance(problem.__cause__, ChannelNotFoundEntity):
                return None
            if isinstance(problem.__cause__, ChannelLockedResource):  # it belongs to whoever consumes it
                return 1
            raise

    async def see_to(self, queue: str) -> int:
        """Declare a queue of calls unless it is there; return how many consume it. Raise Away."""
        consumers = await self.consumers(queue)
        if consumers is not None:
            return consumers
        declared = self._channel.declare_queue(queue, durable=True, arguments={**_CALLS})
        await _within(self._broker, declared)
        log.info("queue declared", queue=queue)
        return 0

    async def bind(self, exchange: str, kind: str, key: str) -> None:
        """Have what comes to an exchange, which ends with its last queue, come to our own queue. Raise Away."""
        declared = await _within(self._broker, self._channel.declare_exchange(exchange, kind, auto_delete=True))
        await _within(self._broker, self._own.bind(declared, key))

    async def consume(self, queue: str, take: Take, counts: AmqpCounts, most: int) -> None:
        """Take what comes to a queue of calls, `most` messages that are not acknowledged at a time. Raise Away."""
        await self.see_to(queue)
        channel = await _within(self._broker, self._connection.channel(publisher_confirms=False))
        channel.close_callbacks.add(self._closed)
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(self._cancelled)
        await _within(self._broker, channel.set_qos(prefetch_count=most))
        found = await channel.get_queue(queue, ensure=False)
        await _within(self._broker, found.consume(_guarded(take, counts)))

    # The end.

    def _closed(self, sender: object, fault: BaseException | None) -> None:
        self.lose(str(fault) if fault is not None else "closed")

    def _cancelled(self, frame: Any) -> None:
        self.lose("the broker has deleted a queue that was consumed")

    def lose(self, reason: str) -> None:
        """Take it for lost."""
        if not self.lost.done():
            self.lost.set_result(reason)

    async def close(self) -> None:
        """Leave the broker."""
        self.lose("closed")
        if self._publisher is not None:
            self._publisher.close()
        await _leave(self._connection)


async def _reached(broker: Broker, names: Resolver) -> AbstractConnection:
    """Connect to one of a broker's addresses. Raise Away; then another one is tried first for a while."""
    from aio_pika.connection import Connection as Pika  # noqa: PLC0415 - takes long, and not everybody has a broker
    from aio_pika.connection import make_url  # noqa: PLC0415 - likewise

    attempt = Attempt(names, broker.host, broker.port, broker.ssl)
    connection = Pika(make_url(_url(broker)), ssl_context=broker.ssl)
    connection.kwargs["transport_factory"] = Reaching(attempt, broker.patience)  # aio_pika hands on what is in there
    try:
        await _within(broker, connection.connect())
    except Away:
        attempt.failed()
        raise
    return connection


def _guarded(take: Take, counts: AmqpCounts) -> Callable[[AbstractIncomingMessage], Any]:
    """Return a consumer in which a fault of ours ends nothing."""

    async def consumer(message: AbstractIncomingMessage) -> None:
        try:
            take(message)  # type: ignore[arg-type]  # it is one: its expiration is what was sent
        except Exception:
            counts.faults += 1
            log.exception("a fault of Voltgate: a message could not be taken")

    return consumer


async def _within(broker: Broker, doing: Any) -> Any:
    """Await something of the broker's, for no longer than it may take. Raise Away."""
    from aio_pika.exceptions import CONNECTION_EXCEPTIONS  # noqa: PLC0415 - it is there already
    from aiormq.exceptions import InvalidFrameError  # noqa: PLC0415 - likewise

    try:
        async with asyncio.timeout(broker.patience):
            return await doing
    except TimeoutError:
        raise Away(f"no answer within {broker.patience:g} s") from None
    except InvalidFrameError as problem:
        if "Connection.OpenOk" not in str(problem):
            raise Away(str(problem)) from problem
        # it has closed the connection in place of opening the virtual host; its words are not handed on
        raise Away(f'there is no virtual host "{broker.vhost}", or this user may not use it') from None
    except CONNECTION_EXCEPTIONS as problem:
        raise Away(str(problem) or type(problem).__name__) from problem


async def _leave(connection: AbstractConnection) -> None:
    """Close a connection; a broker that does not answer is not waited for."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_FAREWELL):
            await connection.close()


def _url(broker: Broker) -> str:
    scheme = "amqp" if broker.ssl is None else "amqps"
    login = "" if broker.login is None else ":".join(quote(each, safe="") for each in broker.login) + "@"
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{scheme}://{login}{host}:{broker.port}/{quote(broker.vhost, safe='')}?heartbeat={_HEARTBEAT}&name=voltgate"
