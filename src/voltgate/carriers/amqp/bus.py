"""One connection to RabbitMQ with the stations on it. Whether somebody is there is asked of the broker each second."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable

from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts
from voltgate.carriers.amqp.shape import BusSettings
from voltgate.carriers.bus import Away, Bus, Surroundings
from voltgate.carriers.bus_wire import BusWire
from voltgate.relay.carrier import Verdict

_LOOK = 1.0
"""Seconds between two looks at who is there."""


class AmqpBus(Bus[str, BusWire[str, Past], Past]):
    """The connection, with what its wires send by. Stations are known by their identities."""

    counts: AmqpCounts

    def __init__(
        self, settings: BusSettings, surroundings: Surroundings, wall: Callable[[], float], counts: AmqpCounts
    ) -> None:
        super().__init__(settings.backend, settings.broker.patience, settings.retry, surroundings, counts)
        self.settings = settings
        self.wall = wall
        self.patience = settings.patience
        self.raw = settings.raw
        self._name = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._connection: Connection | None = None
        self._was_blocked = False

    async def join(self, identity: str, protocol: str) -> BusWire[str, Past] | Verdict:
        """Return a wire for a station; or why there is none."""
        with self._joining(identity) as wires:
            verdict = await self._come_up(identity)
            if verdict is not None:
                return verdict
            wire = self.settings.shape.wire(self, identity, protocol, self._pasts.pop(identity, Past()))
            wires.made.append(wire)
            return wire

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item to a queue; return why it cannot be sent."""
        return Obstacle.AWAY if self._connection is None else self._connection.put(queue, outgoing)

    def mint(self) -> str:
        """Return a key that no other call has."""
        return f"{self._name}-{next(self._numbers)}"

    def _take(self, message: Incoming) -> None:
        self.settings.shape.take(self, message)

    async def _stay(self) -> str:
        broker, shape = self.settings.broker, self.settings.shape
        connection = await Connection.open(broker, shape.own, self._take, self.clock, self.counts, self._names)
        self._connection = connection
        try:
            await shape.prepare(connection)
            while not connection.lost.done():
                self._go_by(await self._missing(connection))
                await asyncio.wait([connection.lost], timeout=_LOOK)
            why = connection.lost.result()
        except Away as problem:
            why = str(problem)
        finally:
            self._connection = None
            await connection.close()
        self.counts.losses += 1
        return why

    async def _missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if somebody can. Raise Away."""
        blocked = connection.is_blocked
        self.counts.blocked += blocked and not self._was_blocked
        self._was_blocked = blocked
        if blocked:
            return "the broker takes no messages: it is short of memory or disk"
        if connection.is_stuck(self.clock()):
            raise Away(f"no confirmation within {self.settings.broker.patience:g} s")
        return await self.settings.shape.missing(connection)
