"""The carrier of amqp:// and amqps://: RabbitMQ, behind which any number of nodes answer what stations say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from voltgate.carriers.amqp.bus import Bus
from voltgate.carriers.amqp.everythingcharge import Everythingcharge
from voltgate.carriers.amqp.native import Native
from voltgate.carriers.amqp.settings import AmqpCounts, Broker, Layout, Surroundings
from voltgate.carriers.amqp.shape import BusSettings, BusWire
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

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._buses: dict[BusSettings, Bus] = {}

    @property
    def counts(self) -> AmqpCounts:
        """What befell messages and connections."""
        return self._surroundings.counts

    def prefers(self, dial_context: DialContext) -> bool:
        """Return False: no station comes by a broker."""
        return False

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> BusWire | Verdict:
        """Take a station onto the connection, which is there or is made now."""
        how = endpoint.how
        assert isinstance(how, AmqpDialling)  # noqa: S101 - the composition root hands in nothing else
        shape = Native(how.layout) if how.layout is not None else Everythingcharge()
        settings = BusSettings(backend.name, how.broker, shape, how.raw, how.patience, backend.settings.retry)
        return await self._bus(settings).join(dial_context.identity, offer[0])

    def _bus(self, settings: BusSettings) -> Bus:
        bus = self._buses.get(settings)
        if bus is None or bus.closed:
            self._buses = {each: open_one for each, open_one in self._buses.items() if not open_one.closed}
            bus = self._buses[settings] = Bus(settings, self._surroundings)
        return bus

    async def close(self) -> None:
        """Leave all brokers."""
        await asyncio.gather(*(bus.close() for bus in self._buses.values()))
