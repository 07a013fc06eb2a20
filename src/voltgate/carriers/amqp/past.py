"""What a station's wire behind RabbitMQ leaves to the next one: what was sent, and what is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from voltgate.carriers import bus_wire
from voltgate.ocpp.envelope import Asked


class Sent(NamedTuple):
    """A call of the station that was sent: its own words, and the key under which it is known to whoever answers."""

    text: bytes
    key: str


class Open(NamedTuple):
    """A call for the station that is not answered yet: by whom it was made, and under which key."""

    asked: Asked
    key: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class Past(bus_wire.Past):
    """What a station's next wire has to know of the one that was lost."""

    sent: dict[str, Sent] = field(default_factory=dict)
    open: dict[str, Open] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.apart or self.sent or self.open)
