"""One connection to a broker of MQTT 5 with the stations on it, whose topics are subscribed to in batches.

What answered calls of the consumer and was not acknowledged when the connection was lost is published once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from functools import partial

from voltgate.carriers.bus import Away, Bus, Surroundings
from voltgate.carriers.bus_wire import MOST_HELD
from voltgate.carriers.mqtt.calls import Answered, Past
from voltgate.carriers.mqtt.connection import Connection, Publication
from voltgate.carriers.mqtt.crossings import Crossings
from voltgate.carriers.mqtt.homeassistant import Home
from voltgate.carriers.mqtt.later import Later
from voltgate.carriers.mqtt.packets import NO_SUBSCRIBERS, QUOTA, REFUSED, TOO_LARGE, Published, reason
from voltgate.carriers.mqtt.presence import Presence
from voltgate.carriers.mqtt.settings import BusSettings
from voltgate.carriers.mqtt.subscriptions import Subscriptions
from voltgate.carriers.mqtt.wire import MqttCounts, MqttWire, Obstacle, Topics
from voltgate.relay.carrier import Verdict

_NO_LIMIT = 1 << 32
_TOLD_AT_ONCE = 1.0
"""Seconds that a broker may take to tell who is there."""
_LEARNED = 3600.0
"""Seconds for which a limit is remembered that the broker did not tell beforehand.

At each message beyond it some brokers close the connection of all stations.
"""


class MqttBus(Bus[bytes, MqttWire, Past]):
    """The connection, with what its wires publish by. Stations are known by the topics of what they are told."""

    counts: MqttCounts

    def __init__(self, settings: BusSettings, surroundings: Surroundings, counts: MqttCounts) -> None:
        super().__init__(settings.backend, settings.broker.patience, settings.retry, surroundings, counts)
        self.settings = settings
        self._presence = Presence(settings.presence)
        self._client_id = f"voltgate{secrets.token_hex(7)}"  # at most 23 letters and digits: every broker takes those
        home, qos = settings.home, settings.broker.qos
        self._home = None if home is None else Home(self, home, settings.prefix, self._client_id, qos)
        self._connection: Connection | None = None
        self._lost: asyncio.Future[str] | None = None
        self._subscribed: set[bytes] = set()
        self._early: dict[bytes, list[Published]] = {}
        """What came for stations before there was a wire."""
        self._later = Later(self.publish, self.wheel, self.clock, counts)
        self._crossings = Crossings(self)
        self._subscriptions = Subscriptions(self, self._crossings)
        self._largest = _NO_LIMIT

    @property
    def connection(self) -> Connection | None:
        """The connection, while there is one."""
        return self._connection

    def has(self, name: bytes) -> bool:
        """Return whether a station is here, or coming, by its topic."""
        return name in self or (self._home is not None and self._home.has(name))

    def past(self, name: bytes) -> Past:
        """Take what is remembered of a station."""
        return self._pasts.pop(name, Past())

    @property
    def waiting(self) -> int:
        """The number of messages that wait for the broker."""
        return 0 if self._connection is None else self._connection.waiting

    # Stations.

    async def join(self, topics: Topics, protocol: str) -> MqttWire | Verdict:
        """Return a wire for a station, whose topic is subscribed to; or why there is none."""
        name = topics.towards_station
        with self._joining(name) as wires:
            verdict = await self._come_up(name) or await self._subscribe(topics)
            if verdict is not None:
                return verdict
            past = self.past(name) or Past(answered=_answered(wires.made))
            wire = MqttWire(self, topics, protocol, past, self.settings.patience, raw=self.settings.raw)
            wires.made.append(wire)
            if self._home is not None:
                self._home.watch(wire)
            for message in self._early.pop(name, ()):
                self._bring(wire, message)
            return wire

    async def _subscribe(self, topics: Topics) -> Verdict | None:
        """Subscribe to a station's topic; return why it cannot have a wire."""
        name = topics.towards_station
        if name not in self._subscribed:
            wanted = self._subscriptions.want(name)
            if self._home is not None:
                self._subscriptions.want(self._home.buttons(topics))
            done, _ = await asyncio.wait([wanted], timeout=2 * self.settings.broker.patience)
            code = wanted.result() if done else None
            if not done or (code is not None and code >= REFUSED):
                why = "it does not answer" if code is None else reason(code)  # although it answers other things
                return Verdict(None, f"the broker does not let us subscribe to {name.decode()}: {why}")
        return None if self._stations.is_up and name in self._subscribed else self._away

    def granted(self, name: bytes) -> None:
        """Take note that a topic is subscribed to; whoever wanted it may have gone."""
        if name in self:
            self._subscribed.add(name)
        elif not self.has(name):
            self._subscriptions.unwant(name)

    def _left(self, name: bytes) -> None:
        if name in self._subscribed:
            self._subscribed.discard(name)
            self._subscriptions.unwant(name)
        if self._home is not None and (buttons := self._home.left(name)) is not None:
            self._subscriptions.unwant(buttons)
        for message in self._early.pop(name, ()):
            self._take_other(message)

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

    # What the broker says.

    def published(self, message: Published) -> None:
        """Take a message of the broker."""
        wires = self._wires.get(message.topic)
        if wires is None:
            self._take_other(message)
        elif message.retained:
            self.counts.retained += 1
        elif (wire := wires.taking) is not None:
            self._bring(wire, message)
        elif len(early := self._early.setdefault(message.topic, [])) < MOST_HELD:
            early.append(message)
        else:
            self.counts.strays += 1

    def _bring(self, wire: MqttWire, message: Published) -> None:
        self.guard(wire, wire.take, message.payload, message.correlation)

    def _take_other(self, message: Published) -> None:
        if self._crossings.take(message) or (self._home is not None and self._home.take(message)):
            return
        if self._presence.matches(message.topic):
            self._presence.take(message.topic, message.payload)
            self._go_by(self._presence.missing)
        else:
            self.counts.strays += 1

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

    async def _stay(self) -> str:
        lost: asyncio.Future[str] = self._loop.create_future()
        self._lost = lost
        broker, home = self.settings.broker, self._home
        will = None if home is None else home.will()
        opening = Connection.open(broker, self._client_id, self, self._names, self.wheel, self.clock, will)
        connection = self._connection = await opening
        try:
            if home is not None:
                await home.connected(lost)
            if not lost.done():
                await self._look_who_is_there(connection)
                self._go_by(self._presence.missing)
            return await lost
        finally:
            self._leave()

    async def _look_who_is_there(self, connection: Connection) -> None:
        """Ask for what consumers say of themselves; the broker tells it at once. Raise Away."""
        topic = self._presence.topic
        if not topic:
            return
        codes = await connection.subscribe([topic.encode()], retained=True)
        if codes and codes[0] >= REFUSED:
            raise Away(f"the broker does not let us subscribe to {topic}: {reason(codes[0])}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TOLD_AT_ONCE):
                await self._changed.wait()

    def _leave(self) -> None:
        if self._connection is not None:
            if self._home is not None:
                self._home.leave()
            self._connection.close()
            self._connection = None

    def _go_down(self, reason: str, retry: float | None) -> None:
        if self._connection is None:
            self._presence.forget()
            self._subscribed.clear()
        super()._go_down(reason, retry)


def _answered(wires: list[MqttWire]) -> Answered:
    """Return the answers that are remembered of a station: what comes twice may come to another wire of it."""
    return wires[-1].answered if wires else Answered()
