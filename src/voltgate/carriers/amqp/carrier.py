"""The carrier of amqp:// and amqps://: RabbitMQ, behind which any number of nodes answer what stations say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voltgate.carriers.amqp.bus import AmqpBus
from voltgate.carriers.amqp.everythingcharge import Everythingcharge
from voltgate.carriers.amqp.native import Native
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.settings import AmqpCounts, Broker, Layout
from voltgate.carriers.amqp.shape import BusSettings
from voltgate.carriers.bus import Buses, Surroundings
from voltgate.carriers.bus_wire import BusWire
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Verdict


@dataclass(frozen=True, slots=True)
class AmqpDialling:
    """How a backend behind RabbitMQ is reached. `layout` is None for that of EVerythingcharge.

    `raw` sends frames of OCPP-J in place of envelopes; `patience` is how long an answer may take, in seconds.
    """

    broker: Broker
    layout: Layout | None = Layout()  # noqa: RUF009 - frozen
    raw: bool = False
    patience: float = 30.0


class AmqpCarrier:
    """Connects to brokers: all stations of a backend share one connection. `counts` says what befell all of them."""

    def __init__(self, surroundings: Surroundings, wall: Callable[[], float]) -> None:
        self.counts = AmqpCounts()
        self._buses = Buses[BusSettings, AmqpBus](lambda settings: AmqpBus(settings, surroundings, wall, self.counts))

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> BusWire[str, Past] | Verdict:
        """Take a station onto the connection, which is there or is made now."""
        how, identity = endpoint.how, dial_context.identity
        assert isinstance(how, AmqpDialling)  # noqa: S101 - the composition root hands in nothing else
        shape = Native(how.layout) if how.layout is not None else Everythingcharge()
        settings = BusSettings(backend.name, how.broker, shape, how.raw, how.patience, backend.settings.retry)
        return await self._buses.bus(settings, identity).join(identity, offer[0])

    async def close(self) -> None:
        """Leave all brokers."""
        await self._buses.close()
