"""Messages that cross a station's leave: they come while its topic is given up, or were on their way then.

The station may have come to another gateway, which has the message too if it had subscribed by then, and may have not.
So each is published again when nothing more comes from the topic: whoever has the station takes it, a second time as
one that was repeated; where nobody has it the broker says so, and whoever asked is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from voltgate.carriers.bus_wire import GONE, MOST_HELD
from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.calls import Past
from voltgate.carriers.mqtt.connection import Publication
from voltgate.carriers.mqtt.packets import Published
from voltgate.carriers.mqtt.settings import BusSettings
from voltgate.carriers.mqtt.wire import MqttWire, Post, Topics
from voltgate.ocpp.close_codes import NO_CLOSE


class Here(Post, Protocol):
    """What is needed of the connection."""

    settings: BusSettings

    def has(self, name: bytes) -> bool:
        """Return whether a station is here again, by its topic."""

    def published(self, message: Published) -> None:
        """Bring a message to a station that is here."""

    def past(self, name: bytes) -> Past:
        """Take what is remembered of a station that was here."""


class Crossings:
    """What came for stations whose topics are being given up."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._leaving: dict[bytes, list[Published]] = {}
        self._may_publish = True
        """Whether the broker lets us publish what stations are to get; it may have been configured not to."""

    def begin(self, name: bytes) -> None:
        """Keep what comes from a topic from now on."""
        self._leaving.setdefault(name, [])

    def take(self, message: Published) -> bool:
        """Keep a message; return False if its topic is not being given up, or too many are kept for it already."""
        kept = self._leaving.get(message.topic)
        if kept is None or message.retained or len(kept) >= MOST_HELD:
            return False
        kept.append(message)
        return True

    def end(self, names: Iterable[bytes], _: asyncio.Future[bytes] | None = None) -> None:
        """Pass on what was kept: nothing more comes from these topics."""
        for name in names:
            for message in self._leaving.pop(name, ()):
                self._pass_on(message)

    def _pass_on(self, message: Published) -> None:
        here = self._here
        if here.has(message.topic):
            here.published(message)
        elif here.settings.broker.qos and self._may_publish:
            said = b"" if message.correlation is None else b"\x09" + packets.field(message.correlation)
            topic, settled = packets.field(message.topic), partial(self._settled, message)
            again = Publication(topic, packets.complete(said), message.payload, here.clock(), settled)
            if here.publish(again) is not None:
                here.counts.strays += 1
        else:
            here.counts.strays += 1

    def _settled(self, message: Published, code: int) -> None:
        if code == packets.NO_SUBSCRIBERS:
            self._answer(message)
            return
        self._may_publish = code not in packets.NOT_OURS
        self._here.counts.strays += 1

    def _answer(self, message: Published) -> None:
        """Answer a call for a station that nobody has, as its wire would have done."""
        here, settings = self._here, self._here.settings
        topics = Topics.of_station(settings.prefix, message.topic)
        wire = MqttWire(here, topics, "", here.past(message.topic), settings.patience, raw=settings.raw)
        wire.take(message.payload, message.correlation)
        wire.close(NO_CLOSE, GONE)
