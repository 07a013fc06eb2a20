"""The carrier turned round: a node that takes stations' calls from the queues and has a handler answer them.

Any number of nodes may do so: each message goes to one of them. It is acknowledged when the answers to all its calls
are on their way, which is when the broker has confirmed them; a node that dies before leaves it to another, and so does
one that cannot answer anybody now. What comes again is recognised by its key, and gets the same answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog

from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.batch import Batch
from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.gateways import Gateways
from voltgate.carriers.amqp.items import CONNECTED, DISCONNECTED, Item
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.repeats import Repeats
from voltgate.carriers.amqp.settings import AmqpCounts, NodeSettings
from voltgate.carriers.bus import Away, stay_connected
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.envelope import Asked, Read, Unreadable
from voltgate.ocpp.framing import Complaint, decode
from voltgate.ocpp.messages import SEND, Call, Error, Handler, Reason, Reply, Respond, Result, Unanswered, unheard
from voltgate.ocpp.silence import gone, malformed, timed_out
from voltgate.ocpp.wheel import Wheel

_LOOK = 1.0
MOST_MESSAGES = 20
"""Messages of one queue that a node works on at a time."""
_MOST_STATIONS = 200_000
_MOST_COMMANDS = 10_000

log = structlog.get_logger(__name__)


class Station:
    """A station as a node knows it: `command` is a handler that calls it, wherever it is."""

    __slots__ = ("_node", "handler", "identity", "protocol", "raw", "reply_to", "said_at")

    def __init__(self, node: Node, identity: str, protocol: str) -> None:
        self._node = node
        self.identity = identity
        self.protocol = protocol
        self.reply_to = ""
        """The queue of the gateway where it was heard last."""
        self.said_at = 0.0
        """When its gateway sent what is being dealt with, in seconds since 1970, by that gateway's clock."""
        self.raw = node.settings.raw
        self.handler: Handler = _refuse

    @property
    def holder(self) -> str:
        """The gateway where it was heard last, as any node knows it: `NAME/QUEUE`."""
        return f"{self._node.settings.name}/{self.reply_to}"

    def hold(self) -> Callable[[], None]:
        """Keep the message that says this of it with the broker, until what this returns is called."""
        return self._node.hold()

    def command(self, call: Call, respond: Respond) -> None:
        """Call the station. It is Unanswered at once when its gateway is gone, and at the call's deadline at last."""
        self._node.command(self, call, respond)


Serve: TypeAlias = Callable[[Station], Handler]
"""Returns what answers a station's calls; called when the station is heard for the first time, or connects."""
Left: TypeAlias = Callable[[Station], None]
"""Takes note that a station has gone from the gateway of its `reply_to`; it may be that only other nodes heard it."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A call that a handler has not answered. `batches` are the messages that it came by: one, unless it came again."""

    station: Station
    call: Call
    asked: Asked
    reply_to: str
    raw: bool
    batches: list[Batch]


class Node:
    """Answers stations by way of RabbitMQ. `run` keeps it connected; `serve` and `left` are told of stations.

    `away` says why nobody can be answered now, "" if everybody can: meanwhile it leaves the queues to other nodes.
    """

    def __init__(
        self,
        settings: NodeSettings,
        serve: Serve,
        wheel: Wheel,
        clock: Callable[[], float],
        wall: Callable[[], float],
        left: Left = lambda station: None,
        draw: Callable[[], float] = lambda: 0.0,
        away: Callable[[], str] = lambda: "",
    ) -> None:
        self.settings = settings
        self.counts = AmqpCounts()
        self.stations: dict[str, Station] = {}
        """Those that were heard, by identity."""
        self._serve = serve
        self._left = left
        self._wheel = wheel
        self._clock = clock
        self._wall = wall
        self._draw = draw
        self._away = away
        self._gateways = Gateways()
        self._names = Resolver()
        self._connection: Connection | None = None
        self._open: dict[str, _Asked] = {}
        self._repeats = Repeats()
        self._commands: dict[str, Respond] = {}
        self._acks: set[asyncio.Task[None]] = set()
        self._taking: Batch | None = None

    # Life.

    async def run(self, connected: Callable[[], None] = lambda: None) -> None:
        """Stay connected until cancelled; `connected` is called each time that the node has begun to consume."""
        await stay_connected(partial(self._one_stay, connected), self._failed, self._clock)

    def _failed(self, why: str, failures: int) -> float:
        settings = self.settings.retry
        retry = settings.delay(failures, self._draw) or settings.longest
        log.warning("no stations are answered", prefix=self.settings.layout.prefix, reason=why, retry=round(retry, 1))
        return retry

    async def _one_stay(self, connected: Callable[[], None]) -> str:
        settings, calls = self.settings, self.settings.layout.calls
        while self._away():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(_LOOK)
        name = f"{settings.layout.prefix}.node"
        take, names = self._take_reply, self._names
        connection = await Connection.open(settings.broker, name, take, self._clock, self.counts, names)
        self._connection = connection
        try:
            for queue in calls:
                await connection.consume(queue, self._take, self.counts, MOST_MESSAGES)
            connected()
            while not connection.lost.done():
                if connection.is_stuck(self._clock()) and not connection.is_blocked:
                    raise Away(f"no confirmation within {settings.broker.patience:g} s")
                if why := self._away():
                    return why
                await asyncio.wait([connection.lost], timeout=_LOOK)
            return connection.lost.result()
        finally:
            self._connection = None
            self.counts.losses += 1
            self._forget_messages()
            await connection.close()

    def _forget_messages(self) -> None:
        """Go on with what was begun; the broker brings its messages again, to us or to another."""
        for asked in self._open.values():
            asked.batches.clear()
        for key in list(self._commands):
            self._end_command(key, gone("The broker was lost: whether the station did this is not known", key))

    @property
    def is_connected(self) -> bool:
        """Whether it is connected to the broker."""
        return self._connection is not None

    @property
    def open_calls(self) -> int:
        """The number of calls that are not answered yet."""
        return len(self._open)

    async def has_gone(self, queue: str) -> bool:
        """Return whether the gateway of a queue is known to be gone: the queue ends with its connection."""
        connection = self._connection
        if connection is None or self._gateways.is_there(queue, self._clock()):
            return False
        with contextlib.suppress(Away):
            return await connection.consumers(queue) is None
        return False

    # Calls of stations.

    def _take(self, message: Incoming) -> None:
        """Take a message with calls of stations."""
        self._gateways.hear(message.reply_to or "", self._clock())
        found, odd = items.split(message.body)
        self.counts.unreadable += odd
        batch = Batch(message)
        batch.left = 1  # until all are looked at
        self._taking = batch
        for item in found:
            self._guard(item, partial(self._take_item, message.reply_to or "", batch))
        self._taking = None
        self._done(batch)

    def hold(self) -> Callable[[], None]:
        """Keep the message that is being taken with the broker, until what this returns is called, once."""
        batch = self._taking
        if batch is None:
            return lambda: None
        batch.left += 1
        return partial(self._done, batch)

    def _guard(self, item: Item, take: Callable[[Item], None]) -> None:
        """Take an item; a fault of ours in it must not keep the others."""
        try:
            take(item)
        except Exception:
            self.counts.faults += 1
            log.exception("a fault of Voltgate: a message could not be taken", station=item.station)

    def _take_item(self, reply_to: str, batch: Batch, item: Item) -> None:
        if item.event == DISCONNECTED:
            self._has_left(item, reply_to)
            return
        station = self._station(item, reply_to)
        if item.event == CONNECTED or not item.text:
            return
        found = items.read(item.text)
        station.raw = item.text.startswith(b"[")
        if isinstance(found, Unreadable) or found.asked is None or not item.key:
            self.counts.unreadable += 1
        elif item.until < self._wall():
            self.counts.late += 1
        elif not self._is_repeated(item, reply_to, batch):
            self._call(station, found, item, reply_to, batch)

    def _station(self, item: Item, reply_to: str) -> Station:
        """Return a station, which is at the gateway where this was heard of it."""
        station = self.stations.get(item.station)
        if station is None or item.event == CONNECTED or (item.protocol and station.protocol != item.protocol):
            if station is not None:
                self._forget(item.station, station.reply_to, item)
            elif len(self.stations) >= _MOST_STATIONS:
                self._forget(next(iter(self.stations)), None)
            station = self.stations[item.station] = self._said(self.at(item.station, item.protocol, reply_to), item)
            station.handler = self._serve(station)
        station.reply_to = reply_to
        return self._said(station, item)

    def at(self, identity: str, protocol: str, reply_to: str) -> Station:
        """Return a station at the gateway of a queue, whether it was heard here or not."""
        station = Station(self, identity, protocol)
        station.reply_to = reply_to
        return station

    def _said(self, station: Station, item: Item) -> Station:
        """Return a station, with when its gateway sent this."""
        station.said_at = min(item.until - self.settings.patience, self._wall())
        return station

    def _has_left(self, item: Item, reply_to: str) -> None:
        """Take note that a station has gone from a gateway, whoever has heard it there."""
        if item.station in self.stations:
            self._forget(item.station, reply_to, item)
        else:
            self._left(self._said(self.at(item.station, item.protocol, reply_to), item))

    def _forget(self, identity: str, reply_to: str | None, item: Item | None = None) -> None:
        """Forget a station that has gone from a gateway, unless it is at another one now."""
        station = self.stations.get(identity)
        if station is not None and (reply_to is None or station.reply_to == reply_to):
            del self.stations[identity]
            if reply_to is None:
                station.reply_to = ""  # it has gone from nowhere
            self._left(station if item is None else self._said(station, item))

    def _is_repeated(self, item: Item, reply_to: str, batch: Batch) -> bool:
        """Return whether a call has come before; it gets the answer that it had, or will have."""
        given = self._repeats.find(item.key, self._clock())
        asked = self._open.get(item.key)
        if given is not None:
            batch.left += 1
            self._send(reply_to, given, partial(self._answered, [batch]))
        elif asked is not None:
            batch.left += 1
            asked.batches.append(batch)
            asked.reply_to = reply_to
        else:
            return False
        self.counts.repeated += 1
        return True

    def _call(self, station: Station, found: Read, item: Item, reply_to: str, batch: Batch) -> None:
        call = decode(found.text)
        assert isinstance(call, Call)  # noqa: S101 - it was read as one
        call.at = self._clock()
        call.deadline = call.at + self.settings.patience
        if call.kind == SEND:
            station.handler(call, unheard)
            return
        assert found.asked is not None  # noqa: S101 - it is a call
        batch.left += 1
        asked = self._open[item.key] = _Asked(station, call, found.asked, reply_to, station.raw, [batch])
        self._wheel.at(call.deadline, partial(self._expire, item.key, asked))
        try:
            station.handler(call, partial(self._respond, item.key, asked))
        except Exception:
            if self._open.get(item.key) is asked:  # its message is not kept until the deadline: others wait behind it
                self._respond(item.key, asked, Unanswered(Reason.REFUSED, "A fault of whoever answers this station"))
            raise

    def _respond(self, key: str, asked: _Asked, reply: Reply) -> None:
        if self._open.get(key) is not asked:
            if asked.call.deadline > self._clock():
                FAULTS.faults += 1
            return
        del self._open[key]
        batches, call = asked.batches, asked.call
        if isinstance(reply, Unanswered) and reply.reason is Reason.GONE:
            if batches and self._connection is not None:  # what is not answered is brought to another, or here again
                self._connection.lose(reply.description)
            return
        if isinstance(reply, Unanswered) and is_transaction(call.action):
            self._all_done(batches)  # nobody makes up an answer to what somebody is paid by: the station sends it again
            return
        text = items.frame(reply, call.id)
        message = decode(text)
        assert not isinstance(message, Call) and isinstance(message, Result | Error | Complaint)  # noqa: S101, PT018
        written = items.written(message, text, None, raw=asked.raw)
        until = self._wall() + self.settings.patience
        station = asked.station
        item = items.message_item(items.head(station.identity, station.protocol), key, written, until)
        if not isinstance(reply, Unanswered):
            self._repeats.remember(key, item, self._clock())
        self._send(asked.reply_to, item, partial(self._answered, batches))

    def _expire(self, key: str, asked: _Asked, now: float) -> None:
        """Give a call up that the handler has not answered: nobody waits for it any more."""
        if self._open.get(key) is asked:
            del self._open[key]
            self.counts.late += 1
            self._all_done(asked.batches)

    def _send(self, queue: str, item: bytes, settled: Callable[[Obstacle | None], None]) -> None:
        obstacle: Obstacle | None = Obstacle.AWAY
        if self._connection is not None:
            expires = self._clock() + self.settings.patience
            obstacle = self._connection.put(queue, Outgoing(item, expires, settled))
        if obstacle is not None:
            settled(obstacle)

    def _answered(self, batches: list[Batch], obstacle: Obstacle | None) -> None:
        self.counts.answers_lost += obstacle is not None
        self._all_done(batches)

    def _all_done(self, batches: list[Batch]) -> None:
        for batch in batches:
            self._done(batch)

    def _done(self, batch: Batch) -> None:
        """Acknowledge a message when nothing of it is left to do."""
        batch.left -= 1
        if not batch.left and self._connection is not None:
            task = asyncio.get_running_loop().create_task(batch.acknowledge())
            self._acks.add(task)
            task.add_done_callback(self._acks.discard)

    # Calls for stations.

    def command(self, station: Station, call: Call, respond: Respond) -> None:
        """Call a station at the gateway where it was heard last."""
        connection = self._connection
        now, wall = self._clock(), self._wall()
        deadline = min(call.deadline, now + self.settings.patience)
        if connection is None or not station.reply_to or connection.is_blocked:
            respond(gone("The station cannot be reached now"))
            return
        if len(self._commands) >= _MOST_COMMANDS:
            respond(Unanswered(Reason.OVERLOADED, "Too many calls wait for stations"))
            return
        key = secrets.token_hex(16)
        if call.kind != SEND:
            self._commands[key] = respond
            self._wheel.at(deadline, lambda now: self._end_command(key, timed_out(call, key, now)))
        sent = Call(key, call.action, call.payload, kind=call.kind)  # other nodes may use the same ids
        written = items.written(sent, items.frame(sent, key), None, raw=station.raw)
        head = items.head(station.identity, station.protocol)
        item = items.message_item(head, key, written, wall + deadline - now)
        settled = partial(self._command_settled, key, station, station.reply_to)
        obstacle = connection.put(station.reply_to, Outgoing(item, deadline, settled))
        if obstacle is not None:
            settled(obstacle)

    def _command_settled(self, key: str, station: Station, queue: str, obstacle: Obstacle | None) -> None:
        """Say at once that a command has not gone: its gateway is gone, for example."""
        if obstacle is Obstacle.UNROUTABLE and station.reply_to == queue:
            station.reply_to = ""
        if obstacle is not None:
            self._end_command(key, gone(f"The station's gateway: {obstacle.value}"))

    def _end_command(self, key: str, reply: Unanswered) -> None:
        respond = self._commands.pop(key, None)
        if respond is not None:
            respond(reply)

    def _take_reply(self, message: Incoming) -> None:
        """Take a message with stations' answers to commands."""
        found, odd = items.split(message.body)
        self.counts.unreadable += odd
        for item in found:
            self._guard(item, partial(self._take_answer, message.reply_to or ""))

    def _take_answer(self, reply_to: str, item: Item) -> None:
        if item.event == DISCONNECTED:  # another node was told, or nobody
            self._has_left(item, reply_to)
        respond = self._commands.pop(item.key, None)
        read = items.read(item.text)
        reply = decode(read.text) if isinstance(read, Read) else None
        if respond is None:
            self.counts.strays += 1
        elif item.event == DISCONNECTED:
            respond(gone("The station is not connected"))
        elif isinstance(reply, Result | Error):
            respond(reply)
        else:
            self.counts.unreadable += 1
            respond(malformed("The station's answer cannot be read", item.key))


def _refuse(call: Call, respond: Respond) -> None:
    respond(Unanswered(Reason.REFUSED, "Nobody answers this station"))
