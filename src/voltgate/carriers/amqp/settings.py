"""What connections to RabbitMQ go by, what is counted of them, and what they are given of the process."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable
from dataclasses import dataclass, field

from voltgate.carriers.mqtt.settings import Keep
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.events import Listen


@dataclass(frozen=True, slots=True)
class Broker:
    """A RabbitMQ server, and how it is connected to.

    `patience` is the seconds that it may take to answer anything. `trust` names the files that `ssl` was made of.
    """

    host: str
    port: int = 5672
    vhost: str = "/"
    login: tuple[str, str] | None = field(default=None, repr=False)
    patience: float = 10.0
    trust: tuple[object, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """The queues of a backend: their names begin with `prefix`, and the calls of stations are spread over `queues`."""

    prefix: str = "voltgate"
    queues: int = 4

    @property
    def calls(self) -> tuple[str, ...]:
        """The names of the queues of calls, in their order."""
        return tuple(f"{self.prefix}.calls.{number}" for number in range(self.queues))


@dataclass(slots=True)
class AmqpCounts:
    """What befell messages and connections of RabbitMQ, counted."""

    losses: int = 0
    """Connections that were lost."""
    blocked: int = 0
    """Times that the broker stopped taking messages, for want of memory or disk."""
    unroutable: int = 0
    """Messages whose queue was not there."""
    refused: int = 0
    """Messages that a queue did not take, because it is full."""
    overflows: int = 0
    """Messages that found too many waiting for the broker."""
    late: int = 0
    """Messages that came, or would have gone, when nobody needed them any more."""
    unreadable: int = 0
    """Messages that are none."""
    repeated: int = 0
    """Calls that came again and were not made again, and answers that came again."""
    turned_away: int = 0
    """Calls that were answered with an error because too many waited."""
    strays: int = 0
    """Messages for stations that are not here."""
    answers_lost: int = 0
    """Answers that nobody could be given."""
    faults: int = 0
    """Faults of Voltgate."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a bus is given of the process. `clock` is monotonic; `wall` is seconds since 1970.

    `names` looks up the brokers' hosts.
    """

    wheel: Wheel
    clock: Callable[[], float]
    wall: Callable[[], float]
    draw: Callable[[], float]
    listen: Listen
    names: Resolver
    keep: Keep
    counts: AmqpCounts = field(default_factory=AmqpCounts)
