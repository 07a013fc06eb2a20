"""What a bus goes by."""

from __future__ import annotations

from dataclasses import dataclass

from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.relay.backend import Retry


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
