"""Voltgate's own layout: queues of calls that any number of nodes consume, and a queue for each gateway."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from voltgate.carriers.amqp import items
from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.items import DISCONNECTED, Item
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Outgoing
from voltgate.carriers.amqp.settings import Layout
from voltgate.carriers.amqp.shape import Carrying
from voltgate.carriers.amqp.told import ToldWire
from voltgate.carriers.amqp.wire import AmqpWire


@dataclass(frozen=True, slots=True)
class Native:
    """The shape of that layout."""

    layout: Layout
    told: dict[str, ToldWire] = field(default_factory=dict, compare=False, repr=False)
    """The last wire of each station that nodes take for connected, at the queue of the connection that is there."""

    @property
    def own(self) -> str:
        """What the names of gateways' own queues begin with."""
        return f"{self.layout.prefix}.gateway"

    async def prepare(self, connection: Connection) -> None:
        """Declare the queues of calls that are not there. Raise Away."""
        self.told.clear()  # the queue that they were at has ended
        for queue in self.layout.calls:
            await connection.see_to(queue)

    async def missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if each queue of calls has a consumer. Raise Away."""
        for queue in self.layout.calls:
            if not await connection.see_to(queue):
                return f"nobody consumes {queue}"
        for wire in list(self.told.values()):
            wire.looked(is_news=False)
        return ""

    def wire(self, bus: Carrying, identity: str, protocol: str, past: Past) -> AmqpWire:
        """Return a wire for a station, whose calls are all in one queue."""
        calls = self.layout.calls
        return AmqpWire(bus, identity, protocol, calls[zlib.crc32(identity.encode()) % len(calls)], past, self.told)

    def take(self, bus: Carrying, message: Incoming) -> None:
        """Take a message with answers and calls for stations."""
        found, odd = items.split(message.body)
        bus.counts.unreadable += odd
        for item in found:
            wire = bus.find(item.station)
            if isinstance(wire, AmqpWire):
                bus.guard(wire, wire.take, item, message.reply_to or "")
            else:
                self._stray(bus, item, message.reply_to or "")

    def _stray(self, bus: Carrying, item: Item, reply_to: str) -> None:
        """Answer a call for a station that is not here: who made it shall look for it elsewhere."""
        bus.counts.strays += 1
        found = items.read(item.text)
        asked = getattr(found, "asked", None)
        if asked is not None and reply_to:
            raw = item.text.startswith(b"[")
            error = items.failed(found.id, "InternalError", "The station is not connected here", asked, raw=raw)
            head = items.head(item.station, item.protocol)
            sent = items.message_item(head, item.key, error, bus.wall() + bus.patience, DISCONNECTED)
            bus.put(reply_to, Outgoing(sent, bus.clock() + bus.patience))
