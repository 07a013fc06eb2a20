"""The carrier of mqtt:// and mqtts://: a broker of MQTT 5, behind which somebody consumes what stations say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voltgate.carriers.bus import Buses, Surroundings
from voltgate.carriers.mqtt.bus import MqttBus
from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.carriers.mqtt.settings import BusSettings
from voltgate.carriers.mqtt.wire import MqttCounts, MqttWire, Topics
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Verdict

MOST_STATIONS = 50_000
"""Stations on one connection; with more, another one is opened."""

_NOT_IN_A_LEVEL = re.compile("[/+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that part levels, are wildcards, or make brokers close the connection (MQTT 5 sections 1.5.4 and 4.7)."""


@dataclass(frozen=True, slots=True)
class MqttDialling:
    """How a backend behind a broker is reached.

    Topics begin with `prefix`. `presence` is the topic at which its consumers say that they are there, "" for none;
    `raw` publishes frames of OCPP-J in place of envelopes; `patience` is how long an answer may take, in seconds;
    `home` has stations shown to Home Assistant.
    """

    broker: Broker
    prefix: str = "cs"
    presence: str = ""
    raw: bool = False
    patience: float = 30.0
    home: HomeSettings | None = None


class MqttCarrier:
    """Connects to brokers: stations of one backend share connections. `counts` says what befell all of them."""

    def __init__(self, surroundings: Surroundings, most: int = MOST_STATIONS) -> None:
        self.counts = MqttCounts()
        self._buses = Buses[BusSettings, MqttBus](lambda settings: MqttBus(settings, surroundings, self.counts), most)

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> MqttWire | Verdict:
        """Subscribe to a station's topic, on a connection that is there or is made now."""
        how, identity = endpoint.how, dial_context.identity
        assert isinstance(how, MqttDialling)  # noqa: S101 - the composition root hands in nothing else
        odd = _NOT_IN_A_LEVEL.search(identity)
        if odd is not None:
            return Verdict(400, f"cannot have a topic for this identity, which contains {odd[0]!a}", ours=True)
        topics = Topics.of(how.prefix, offer[0], identity)
        settings = BusSettings(
            backend.name, how.broker, how.prefix, how.presence, how.raw, how.patience, backend.settings.retry, how.home
        )
        return await self._buses.bus(settings, topics.towards_station).join(topics, offer[0])

    async def close(self) -> None:
        """Leave all brokers."""
        await self._buses.close()
