"""A bus: one connection to a broker that is kept open, and the stations whose messages it carries.

Their topics are subscribed to in batches. When the connection is lost every station's wire is, and each is dialled
again; what answered calls of the consumer and was not acknowledged is published once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from voltgate.carriers.mqtt.calls import Answered, Past
from voltgate.carriers.mqtt.connection import Away, Connection, Publication
from voltgate.carriers.mqtt.crossings import Crossings
from voltgate.carriers.mqtt.homeassistant import Home
from voltgate.carriers.mqtt.later import Later
from voltgate.carriers.mqtt.packets import NO_SUBSCRIBERS, QUOTA, REFUSED, TOO_LARGE, Published, reason
from voltgate.carriers.mqtt.presence import Presence
from voltgate.carriers.mqtt.settings import BusSettings, Surroundings
from voltgate.carriers.mqtt.subscriptions import Subscriptions
from voltgate.carriers.mqtt.wire import MOST_HELD, MqttWire, Obstacle, Topics
from voltgate.relay.carrier import SharedConnection, Verdict
from voltgate.relay.wire import Receiver

_NO_LIMIT = 1 << 32
_STEADY = 10.0
"""Seconds that a connection must last before its next loss counts as the first failure again."""
_LINGER = 30.0
"""Seconds that a connection without a station is kept open."""
_TOLD_AT_ONCE = 1.0
"""Seconds that a broker may take to tell who is there."""
_BARRED = 60.0
"""Seconds for which a station is left alone whose topic the broker does not let us publish on.

Some brokers close the connection of all stations at each attempt.
"""
_MOST_PAST = 10_000
"""Stations of which it is remembered what their lost wire left open."""
_LEARNED = 3600.0
"""Seconds for which a limit is remembered that the broker did not tell beforehand.

At each message beyond it some brokers close the connection of all stations.
"""
_AFTER_A_FAULT = 1.0
"""Seconds from a fault of ours to the next try, at least."""

log = structlog.get_logger(__name__)


class _Topic:
    """A station's topic: the wires that it feeds, the newest last, and how many wires are being made.

    `early` is what came before there was one.
    """

    __slots__ = ("early", "joining", "subscribed", "wires")

    def __init__(self) -> None:
        self.early: list[Published] = []
        self.wires: list[MqttWire] = []
        self.joining = 0
        self.subscribed = False


class Bus:
    """One connection with the stations on it: what their wires publish by, and what dials it again."""

    def __init__(self, settings: BusSettings, surroundings: Surroundings) -> None:
        self.settings = settings
        self.wheel = surroundings.wheel
        self.clock = surroundings.clock
        self.counts = surroundings.counts
        self.closed = False
        self._surroundings = surroundings
        self._stations = SharedConnection(settings.backend, surroundings.listen)
        self._presence = Presence(settings.presence)
        self._client_id = f"voltgate{secrets.token_hex(7)}"  # at most 23 letters and digits: every broker takes those
        home, qos = settings.home, settings.broker.qos
        self._home = None if home is None else Home(self, home, settings.prefix, self._client_id, qos)
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._expected_until = self.clock() + settings.broker.patience
        self._reason = "not connected yet"
        self._lost: asyncio.Future[str] | None = None
        self._topics: dict[bytes, _Topic] = {}
        self._past: dict[bytes, Past] = {}
        self._later = Later(self.publish, self.wheel, self.clock, self.counts)
        self._crossings = Crossings(self)
        self._subscriptions = Subscriptions(self, self._crossings)
        self._largest = _NO_LIMIT
        self._idle_since = self.clock()
        self._loop = asyncio.get_running_loop()
        self._living = surroundings.keep(f"broker {settings.backend}", self._live)

    def __len__(self) -> int:
        return len(self._topics)

    def carries(self, topics: Topics) -> bool:
        """Return whether a wire of this station is here, or being made."""
        return topics.towards_station in self._topics

    @property
    def connection(self) -> Connection | None:
        """The connection, while there is one."""
        return self._connection

    def has(self, name: bytes) -> bool:
        """Return whether a station is here, or coming, by its topic."""
        return name in self._topics or (self._home is not None and self._home.has(name))

    def wire(self, name: bytes) -> MqttWire | None:
        """Return the wire that a station's messages go to, by its topic."""
        wires = self._topics[name].wires if name in self._topics else []
        return next((each for each in reversed(wires) if each.started), wires[-1] if wires else None)

    def wires(self, topics: Topics) -> Sequence[MqttWire]:
        """Return the wires of a station, the newest last."""
        topic = self._topics.get(topics.towards_station)
        return () if topic is None else topic.wires

    def past(self, name: bytes) -> Past:
        """Take what is remembered of a station."""
        return self._past.pop(name, None) or Past()

    @property
    def waiting(self) -> int:
        """The number of messages that wait for the broker."""
        return 0 if self._connection is None else self._connection.waiting

    # Stations.

    async def join(self, topics: Topics, protocol: str) -> MqttWire | Verdict:
        """Return a wire for a station, whose topic is subscribed to; or why there is none."""
        name = topics.towards_station
        past = self._past.get(name)
        if past is not None and past.barred:
            return Verdict(None, past.barred)
        topic = self._topics.setdefault(name, _Topic())
        topic.joining += 1
        try:
            await self._come_up()
            refusal = await self._subscribe(topics, topic) if self._stations.is_up else ""
            if refusal:
                return Verdict(None, f"the broker does not let us subscribe to {name.decode()}: {refusal}")
            if not self._stations.is_up or not topic.subscribed:
                return Verdict(None, self._reason, shared=True)
            past = self._past.pop(name, None) or Past(answered=_answered(topic.wires))
            wire = MqttWire(self, topics, protocol, past, self.settings.patience, raw=self.settings.raw)
            topic.wires.append(wire)
            if self._home is not None:
                self._home.watch(wire)
            early, topic.early = topic.early, []
            for message in early:
                self._bring(wire, message)
            return wire
        finally:
            topic.joining -= 1
            self._tidy(name, topic)

    async def _come_up(self) -> None:
        """Wait for a connection that is being made for the first time, or that was there a short while ago."""
        while not self._stations.is_up and not self.closed and (left := self._expected_until - self.clock()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    async def _subscribe(self, topics: Topics, topic: _Topic) -> str:
        """Subscribe to a station's topic; return why the broker does not let us."""
        name = topics.towards_station
        if topic.subscribed:
            return ""
        wanted = self._subscriptions.want(name)
        if self._home is not None:
            self._subscriptions.want(self._home.buttons(topics))
        done, _ = await asyncio.wait([wanted], timeout=2 * self.settings.broker.patience)
        if not done:  # although it answers other things
            return "it does not answer"
        code = wanted.result()
        return reason(code) if code is not None and code >= REFUSED else ""

    def granted(self, name: bytes) -> None:
        """Take note that a topic is subscribed to; whoever wanted it may have gone."""
        topic = self._topics.get(name)
        if topic is not None:
            topic.subscribed = True
        elif not self.has(name):
            self._subscriptions.unwant(name)

    def _tidy(self, name: bytes, topic: _Topic) -> None:
        """Let go of a topic that nobody needs any more."""
        if topic.wires or topic.joining or self._topics.get(name) is not topic:
            return
        del self._topics[name]
        if topic.subscribed:
            self._subscriptions.unwant(name)
        if self._home is not None and (buttons := self._home.left(name)) is not None:
            self._subscriptions.unwant(buttons)
        for message in topic.early:
            self._take_other(message)
        if not self._topics:
            self._idle_since = self.clock()
            self.wheel.at(self._idle_since + _LINGER, self._look_idle)

    def _look_idle(self, now: float) -> None:
        if not self._topics and now - self._idle_since >= _LINGER:
            self.closed = True
            self._living.cancel()

    # What a wire needs.

    def publish(self, message: Publication) -> Obstacle | None:
        """Send a message; return why it cannot be sent."""
        connection = self._connection
        if connection is None:
            return self._unsent(message, Obstacle.AWAY)
        if message.size > min(connection.largest, self._largest):
            self.counts.oversized += 1
            return Obstacle.TOO_LARGE
        if message.answers:
            message.settled = partial(self._answer_settled, message)
        if not connection.publish(message):
            self.counts.overflows += 1
            return self._unsent(message, Obstacle.TOO_MANY)
        return None

    def _unsent(self, message: Publication, obstacle: Obstacle) -> Obstacle | None:
        """Keep what answers a consumer for later; a call is its sender's to repeat."""
        if not message.answers:
            return obstacle
        self._later.put(message)
        return None

    def _answer_settled(self, message: Publication, code: int) -> None:
        """Publish an answer again that nobody has heard: who asked may be on the way back to the broker."""
        if code in (NO_SUBSCRIBERS, QUOTA):
            self._later.put(message)
        elif code == TOO_LARGE and message.instead is not None:
            self.soon(message.instead)
        else:
            self.counts.answers_lost += 1

    def attach(self, wire: MqttWire, receiver: Receiver) -> None:
        """Tell a receiver when the connection is lost."""
        self._stations.attach(wire, receiver)

    def forget(self, wire: MqttWire, past: Past) -> None:
        """Bring a wire nothing more; keep what the next one of this station has to know."""
        self._stations.detach(wire)
        name = wire.topics.towards_station
        topic = self._topics.get(name)
        if topic is not None and wire in topic.wires:
            topic.wires.remove(wire)
            self._tidy(name, topic)
        self._keep(name, past)

    def _keep(self, name: bytes, past: Past) -> None:
        if past.barred:
            self.wheel.at(self.clock() + _BARRED, partial(self._unbar, name))
        if past.open or past.apart or len(past.answered):
            self._past[name] = past
            if len(self._past) > _MOST_PAST:
                del self._past[next(iter(self._past))]

    def _unbar(self, name: bytes, now: float) -> None:
        past = self._past.get(name)
        if past is not None:
            self._past[name] = replace(past, barred="")

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""
        self._loop.call_soon(callback)

    # What the broker says.

    def published(self, message: Published) -> None:
        """Take a message of the broker."""
        topic = self._topics.get(message.topic)
        if topic is None:
            self._take_other(message)
        elif message.retained:
            self.counts.retained += 1
        elif (wire := self.wire(message.topic)) is not None:
            self._bring(wire, message)
        elif len(topic.early) < MOST_HELD:
            topic.early.append(message)
        else:
            self.counts.strays += 1

    def _bring(self, wire: MqttWire, message: Published) -> None:
        try:
            wire.take(message.payload, message.correlation)
        except Exception as fault:
            self._faulted(wire, fault)

    def _take_other(self, message: Published) -> None:
        if self._crossings.take(message) or (self._home is not None and self._home.take(message)):
            return
        if not self._presence.matches(message.topic):
            self.counts.strays += 1
        elif self._presence.take(message.topic, message.payload):
            self._go_up()
        elif not self._presence.is_there:
            self._go_down(self._presence.reason, None)

    def _faulted(self, wire: MqttWire, fault: Exception) -> None:
        """Let one station go that met a fault of ours; the others share the connection."""
        self.counts.faults += 1
        name = wire.topics.towards_station.decode()
        log.error("a fault of Voltgate: a receiver failed", topic=name, exc_info=fault)
        try:
            wire.lose("internal error")
        except Exception:
            log.exception("a fault of Voltgate: a receiver failed", topic=name)

    def too_large(self, size: int) -> None:
        """Take note that the broker does not take messages of so many bytes."""
        self._largest = min(self._largest, size - 1)
        self.wheel.at(self.clock() + _LEARNED, self._forget_limit)

    def _forget_limit(self, now: float) -> None:
        self._largest = _NO_LIMIT

    def ended(self, connection: Connection, reason: str) -> None:
        """Take note that the connection was lost."""
        if connection is not self._connection or self._lost is None:
            return
        self.counts.losses += 1
        self._connection = None
        for message in connection.unsettled():
            if message.answers and not message.again:  # what kills a connection does so once
                message.again = True
                self._later.put(message)
        if not self._lost.done():
            self._lost.set_result(reason)

    # Life.

    async def _live(self) -> None:
        """Stay connected until the last try has failed; after a fault of ours it is called again."""
        try:
            await self._stay_connected()
            self.closed = True
        finally:
            self._disconnect()
            if not self.closed:
                self._go_down("a fault of Voltgate", _AFTER_A_FAULT)

    def _disconnect(self) -> None:
        if self._home is not None:
            self._home.leave()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _stay_connected(self) -> None:
        failures, surroundings = 0, self._surroundings
        while True:
            opened = self.clock()
            try:
                why = await self._one_stay()
            except Away as problem:
                why = str(problem)
            else:
                failures = 0 if self.clock() - opened >= _STEADY else failures
            failures += 1
            retry = self.settings.retry.delay(failures, surroundings.draw)
            self._go_down(why, retry)
            if retry is None:
                return
            await asyncio.sleep(retry)

    async def _one_stay(self) -> str:
        """Connect, and return why the connection has ended. Raise Away."""
        self._lost = self._loop.create_future()
        broker, names = self.settings.broker, self._surroundings.names
        will = None if self._home is None else self._home.will()
        connection = await Connection.open(broker, self._client_id, self, names, self.wheel, self.clock, will)
        self._connection = connection
        if self._home is not None:
            await self._home.connected(self._lost)
            if self._lost.done():
                return await self._lost
        await self._look_who_is_there(connection)
        if self._presence.is_there:
            self._go_up()
        else:
            self._go_down(self._presence.reason, None)
        return await self._lost

    async def _look_who_is_there(self, connection: Connection) -> None:
        """Ask for what consumers say of themselves; the broker tells it at once. Raise Away."""
        topic = self._presence.topic
        if not topic:
            return
        codes = await connection.subscribe([topic.encode()], retained=True)
        if codes and codes[0] >= REFUSED:
            connection.close()
            self._connection = None
            raise Away(f"the broker does not let us subscribe to {topic}: {reason(codes[0])}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), _TOLD_AT_ONCE)

    def _go_up(self) -> None:
        self._stations.up()
        self._wake()

    def _wake(self) -> None:
        """Have those look again who wait for the connection, or for a consumer."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _go_down(self, reason: str, retry: float | None) -> None:
        """Let every station go: none of them has a consumer now."""
        self._reason = reason
        if self._connection is None:
            self._presence.forget()
        if self._stations.is_up is not False:
            self._expected_until = self.clock() + (self.settings.broker.patience if self._stations.is_up else 0.0)
        for name, topic in list(self._topics.items()):
            wires, topic.wires, topic.subscribed = topic.wires, [], False
            for wire in wires:
                self._keep(name, wire.end())
            if self._connection is not None and wires:
                self._subscriptions.unwant(name)
            self._tidy(name, topic)
        try:
            self._stations.down(reason, retry)
        except ExceptionGroup as faults:
            self.counts.faults += len(faults.exceptions)
            log.exception("a fault of Voltgate: receivers failed")
        self._wake()

    async def close(self) -> None:
        """Leave the broker."""
        self.closed = True
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)


def _answered(wires: list[MqttWire]) -> Answered:
    """Return the answers that are remembered of a station: what comes twice may come to another wire of it."""
    return wires[-1].answered if wires else Answered()
