"""What connections to RabbitMQ go by, and what is counted of them."""

from __future__ import annotations

import ssl as tls
from dataclasses import dataclass, field

from voltgate.carriers.bus import BusCounts
from voltgate.relay.backend import Retry


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


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a node goes by. `patience` is how long a call may take, in seconds, either way.

    `raw`: stations that were not heard yet are called with frames of OCPP-J in place of envelopes. `name` is what all
    nodes call this broker and its queues.
    """

    broker: Broker
    layout: Layout = Layout()
    patience: float = 30.0
    retry: Retry = field(default_factory=lambda: Retry(longest=10.0))
    raw: bool = False
    name: str = ""


@dataclass(slots=True)
class AmqpCounts(BusCounts):
    """What befell messages and connections of RabbitMQ, counted."""

    blocked: int = 0
    """Times that the broker stopped taking messages, for want of memory or disk."""
    unroutable: int = 0
    """Messages whose queue was not there."""
    late: int = 0
    """Messages that came, or would have gone, when nobody needed them any more."""
