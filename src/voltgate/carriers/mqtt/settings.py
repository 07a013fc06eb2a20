"""What a bus goes by, and what it is given of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.carriers.mqtt.wire import MqttCounts
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Retry
from voltgate.relay.events import Listen

Keep: TypeAlias = Callable[[str, Callable[[], Awaitable[object]]], asyncio.Task[None]]
"""Does some work in a task of this name until it returns, and begins it again after a fault, which it makes known."""


@dataclass(frozen=True, slots=True)
class BusSettings:
    """What a bus goes by. `patience` is how long the consumer may take to answer, in seconds."""

    backend: str
    broker: Broker
    prefix: str
    presence: str
    raw: bool
    patience: float
    retry: Retry
    home: HomeSettings | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a bus is given of the process. `names` looks up the brokers' hosts."""

    wheel: Wheel
    clock: Callable[[], float]
    draw: Callable[[], float]
    listen: Listen
    names: Resolver
    keep: Keep
    counts: MqttCounts = field(default_factory=MqttCounts)
