"""Stations that speak to a broker themselves, a process of their own: what latency is without a gateway.

They use the gateway's own client of the broker, so that what is left out is the gateway alone: sockets of stations,
turns, sessions and routes.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from typing import TypeAlias

from bench.frames import OPENING, PATTERN, Kind
from bench.generator import Fleet, Station
from bench.mqtt_consumer import QUIET, Consumer
from bench.worker import Message, job, run, serve
from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.connection import Connection as AmqpConnection
from voltgate.carriers.amqp.connection import Incoming
from voltgate.carriers.amqp.publisher import Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts, Layout
from voltgate.carriers.amqp.settings import Broker as RabbitMQ
from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.connection import Broker, Connection, Publication
from voltgate.carriers.mqtt.packets import Published
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel

Say: TypeAlias = Callable[[str, bytes, bytes], None]
"""Sends what a station says: its identity, the message's id and its envelope."""

PROTOCOL = "ocpp1.6"
_PATIENCE = 30.0


class Direct(Station):
    """A station without a socket."""

    __slots__ = ("_number", "_say")

    def __init__(self, number: int, fleet: Fleet, say: Say) -> None:
        super().__init__(number, fleet.mint, fleet.offer, fleet.count)
        self._number = number
        self._say = say
        self.opened.set_result(True)

    @property
    def identity(self) -> str:
        """The station's name."""
        return self._path[1:]

    @property
    def connected(self) -> bool:
        """Tell that it is there, as it always is."""
        return True

    def call(self, kind: Kind | None = None) -> None:
        """Send the next call."""
        sequence = self._sequence
        self._sequence = sequence + 1
        kind = kind or PATTERN[sequence % len(PATTERN)]
        message_id = self._expected = b"%b%04x%08x" % (OPENING.encode(), self._number, sequence)
        self._count.sent += 1
        action, request = kind.action.encode(), kind.payload
        self._say(
            self.identity,
            message_id,
            b'{"type":2,"action":"%b","id":"%b","request":%b}' % (action, message_id, request),
        )

    def take(self, text: bytes) -> None:
        """Take an answer."""
        if self._expected and self._expected in text:
            self._expected = b""
            self._count.answered += 1
            self.then(self)
        else:
            self._count.wrong += 1


class DirectFleet(Fleet):
    """Stations that share one connection to a broker."""

    def __init__(self, task: Message) -> None:
        super().__init__(task)
        self._known: dict[str, Direct] = {}
        self._say: Say | None = None

    async def _open(self, stations: int, together: int) -> Message:
        opening = {"mqtt": self._mqtt, "amqp": self._amqp}[self._task["scheme"]]
        self._say = await opening("127.0.0.1", self._task["port"])
        return await super()._open(stations, together)

    async def _connect(self, number: int) -> None:
        assert self._say is not None
        station = Direct(number, self, self._say)
        self._known[station.identity] = station
        self.stations.append(station)

    async def _mqtt(self, host: str, port: int) -> Say:
        connection = await Connection.open(
            Broker(host, port, ping=0.0),
            "direct",
            _Answers(self._known),
            Resolver(),
            Wheel(time.monotonic()),
            time.monotonic,
        )
        await connection.subscribe([b"cs/out/#"])

        def say(identity: str, message_id: bytes, envelope: bytes) -> None:
            topic = packets.field(f"cs/in/{PROTOCOL}/{identity}".encode())
            connection.publish(Publication(topic, QUIET, envelope, 0.0))

        return say

    async def _amqp(self, host: str, port: int) -> Say:
        def take(message: Incoming) -> None:
            for item in items.split(message.body)[0]:
                self._known[item.station].take(item.text)

        where = RabbitMQ(host, port)
        connection = await AmqpConnection.open(where, "direct", take, time.monotonic, AmqpCounts(), Resolver())
        queues = Layout().calls

        def say(identity: str, message_id: bytes, envelope: bytes) -> None:
            queue = queues[zlib.crc32(identity.encode()) % len(queues)]
            until = time.time() + _PATIENCE
            item = items.message_item(items.head(identity, PROTOCOL), message_id.decode(), envelope, until)
            connection.put(queue, Outgoing(item, time.monotonic() + _PATIENCE))

        return say


class _Answers(Consumer):
    """Takes what is published for stations."""

    def __init__(self, stations: dict[str, Direct]) -> None:
        self._stations = stations

    def published(self, message: Published) -> None:
        """Hand it to its station."""
        self._stations[message.topic.rpartition(b"/")[2].decode()].take(message.payload)


async def main() -> None:
    """Play the stations until the bench has no more to ask."""
    fleet = DirectFleet(job())
    await serve(fleet.answer)


if __name__ == "__main__":
    sys.exit(run(main))
