"""The shape of what goes over RabbitMQ: which queues there are, when somebody is there, and what a message is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts, Broker
from voltgate.carriers.amqp.wire import Past
from voltgate.relay.backend import Retry
from voltgate.relay.carrier import DialledWire
from voltgate.relay.wire import Receiver


class BusWire(DialledWire, Protocol):
    """A station's wire, as its bus sees it."""

    identity: str

    def __hash__(self) -> int: ...

    @property
    def started(self) -> bool:
        """Whether there is somebody who takes its messages."""

    def lose(self, reason: str) -> None:
        """End because nobody can be reached."""

    def end(self) -> Past:
        """End; return what the next wire of this station has to know."""


class Carrying(Protocol):
    """A bus, as its shape and its wires see it."""

    clock: Callable[[], float]
    wall: Callable[[], float]
    counts: AmqpCounts
    patience: float
    raw: bool

    def find(self, identity: str) -> BusWire | None:
        """Return the wire that gets what comes for a station; None if it is not here."""

    def wires(self, identity: str) -> Sequence[BusWire]:
        """Return the wires of a station, the newest last."""

    def guard(self, wire: BusWire, take: Callable[[], None]) -> None:
        """Have a wire take something; a fault of ours in it ends that wire only."""

    def bar(self, identity: str, reason: str) -> None:
        """Let this station have no wire for a while."""

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item; return why it cannot be sent."""

    def mint(self) -> str:
        """Return a key that no other call has."""

    def attach(self, wire: BusWire, receiver: Receiver) -> None:
        """Tell `receiver` when the connection is lost."""

    def forget(self, wire: BusWire, past: Past | None) -> bool:
        """Bring this wire nothing more; keep `past` for the next one. Return whether it was the station's last one."""

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""


class Shape(Protocol):
    """One layout."""

    @property
    def own(self) -> str:
        """What the names of gateways' own queues begin with."""

    async def prepare(self, connection: Connection) -> None:
        """Declare what there has to be. Raise Away."""

    async def missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if somebody can. Raise Away."""

    def wire(self, bus: Carrying, identity: str, protocol: str, past: Past) -> BusWire:
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
