"""The topics that are asked of a broker: in batches, for one by one is quadratic in some brokers."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from voltgate.carriers.mqtt.connection import Connection
from voltgate.carriers.mqtt.crossings import Crossings
from voltgate.carriers.mqtt.packets import REFUSED

_BATCH = 50
"""Topics in one SUBSCRIBE."""


class Here(Protocol):
    """Whoever wants topics."""

    @property
    def connection(self) -> Connection | None:
        """The connection, while there is one."""

    def has(self, name: bytes) -> bool:
        """Return whether a topic is wanted at all."""

    def granted(self, name: bytes) -> None:
        """Take note that a topic is subscribed to."""


class Subscriptions:
    """What is to be subscribed to and unsubscribed from; all that one turn of the event loop brings goes together."""

    def __init__(self, here: Here, crossings: Crossings) -> None:
        self._here = here
        self._crossings = crossings
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[bytes, asyncio.Future[int | None]] = {}
        self._unwanted: dict[bytes, None] = {}

    def want(self, name: bytes) -> asyncio.Future[int | None]:
        """Subscribe to a topic: return the broker's reason code, None where the connection was lost before it came."""
        if name not in self._wanted:
            self._soon_flush()
            self._wanted[name] = self._loop.create_future()
        return self._wanted[name]

    def unwant(self, name: bytes) -> None:
        """Unsubscribe from a topic, unless somebody wants it meanwhile."""
        self._soon_flush()
        self._unwanted[name] = None
        self._crossings.begin(name)

    def _soon_flush(self) -> None:
        if not self._wanted and not self._unwanted:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        wanted, self._wanted = self._wanted, {}
        unwanted, self._unwanted = list(self._unwanted), {}
        self._crossings.end(name for name in unwanted if self._here.has(name))
        connection = self._here.connection
        for batch in _batches([name for name in unwanted if not self._here.has(name)]):
            if connection is None:
                self._crossings.end(batch)
            else:
                connection.unsubscribe(batch).add_done_callback(partial(self._crossings.end, batch))
        for batch in _batches(list(wanted)):
            futures = {name: wanted[name] for name in batch}
            if connection is None:
                self._settle(futures, b"")
            else:
                connection.subscribe(batch).add_done_callback(partial(self._subscribed, futures))

    def _subscribed(self, wanted: dict[bytes, asyncio.Future[int | None]], answer: asyncio.Future[bytes]) -> None:
        self._settle(wanted, answer.result())

    def _settle(self, wanted: dict[bytes, asyncio.Future[int | None]], codes: bytes) -> None:
        """Take the broker's answer to a SUBSCRIBE: a code for each topic, none when the connection was lost."""
        for (name, waiting), code in zip(wanted.items(), codes or [None] * len(wanted), strict=False):
            if code is not None and code < REFUSED:
                self._here.granted(name)
            if not waiting.done():
                waiting.set_result(code)


def _batches(names: list[bytes]) -> list[list[bytes]]:
    return [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
