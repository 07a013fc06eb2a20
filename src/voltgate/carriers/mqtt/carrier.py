"""The carrier of mqtt:// and mqtts://: a broker of MQTT 5, behind which somebody consumes what stations say."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from voltgate.carriers.mqtt.bus import Bus
from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.carriers.mqtt.settings import BusSettings, Surroundings
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
        self._surroundings = surroundings
        self._most = most
        self._buses: dict[BusSettings, list[Bus]] = {}

    @property
    def counts(self) -> MqttCounts:
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
    ) -> MqttWire | Verdict:
        """Subscribe to a station's topic, on a connection that is there or is made now."""
        how, identity = endpoint.how, dial_context.identity
        assert isinstance(how, MqttDialling)  # noqa: S101 - the composition root hands in nothing else
        odd = _NOT_IN_A_LEVEL.search(identity)
        if odd is not None:
            return Verdict(400, f"cannot have a topic for this identity, which contains {odd[0]!a}", ours=True)
        topics = Topics.of(how.prefix, offer[0], identity)
        return await self._bus(backend, how, topics).join(topics, offer[0])

    def _bus(self, backend: Backend, how: MqttDialling, topics: Topics) -> Bus:
        """Return the connection that a station is on, else the first one that has room, else a new one."""
        settings = BusSettings(
            backend.name, how.broker, how.prefix, how.presence, how.raw, how.patience, backend.settings.retry, how.home
        )
        open_ones = _alive(self._buses.get(settings, []))
        found = next((bus for bus in open_ones if bus.carries(topics)), None)
        found = found or next((bus for bus in open_ones if len(bus) < self._most), None)
        if found is None:
            found = Bus(settings, self._surroundings)
            self._buses = {each: left for each, buses in self._buses.items() if (left := _alive(buses))}
            self._buses.setdefault(settings, []).append(found)
        return found

    async def close(self) -> None:
        """Leave all brokers."""
        buses = [bus for each in self._buses.values() for bus in each]
        await asyncio.gather(*(bus.close() for bus in buses))


def _alive(buses: list[Bus]) -> list[Bus]:
    return [bus for bus in buses if not bus.closed]
