"""The shape of what goes over RabbitMQ: which queues there are, when somebody is there, and what a message is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVarTuple

from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts, Broker
from voltgate.carriers.bus_wire import BusWire, Post
from voltgate.relay.backend import Retry
from voltgate.relay.carrier import Verdict

Ts = TypeVarTuple("Ts")


class Carrying(Post[str, Past], Protocol):
    """A bus, as its shape and its wires see it."""

    wall: Callable[[], float]
    counts: AmqpCounts
    patience: float
    raw: bool

    def find(self, name: str) -> BusWire[str, Past] | None:
        """Return the wire that gets what comes for a station; None if it is not here."""

    def wires(self, name: str) -> Sequence[BusWire[str, Past]]:
        """Return the wires of a station, the newest last."""

    def guard(self, wire: BusWire[str, Past], take: Callable[[*Ts], None], *what: *Ts) -> None:
        """Have a wire take something; a fault of ours in it ends that wire only."""

    def bar(self, name: str, verdict: Verdict) -> None:
        """Let this station have no wire for a while."""

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item; return why it cannot be sent."""

    def mint(self) -> str:
        """Return a key that no other call has."""


class Shape(Protocol):
    """One layout."""

    @property
    def own(self) -> str:
        """What the names of gateways' own queues begin with."""

    async def prepare(self, connection: Connection) -> None:
        """Declare what there has to be. Raise Away."""

    async def missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if somebody can. Raise Away."""

    def wire(self, bus: Carrying, identity: str, protocol: str, past: Past) -> BusWire[str, Past]:
        """Return a wire for a station."""

    def take(self, bus: Carrying, message: Incoming) -> None:
        """Take a message that has come to our queue."""


@dataclass(frozen=True, slots=True)
class BusSettings:
    """What a bus goes by. `patience` is the seconds that an answer may take; `raw` sends frames as they are."""

    backend: str
    broker: Broker
    shape: Shape
    raw: bool
    patience: float
    retry: Retry
