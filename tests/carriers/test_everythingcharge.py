"""One station's wire to an API server of EVerythingcharge: that this hears at last of every station that has gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from voltgate.carriers.amqp.everythingcharge import RETURNS, Everythingcharge, WorkerWire
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts
from voltgate.carriers.amqp.wire import Past

CAME, WENT = ("connections", "new_connections"), ("connections", "lost_connections")


class Bus:
    """A bus with one station, and the connection on which it looks at the API. `obstacle` is in the way of all."""

    def __init__(self) -> None:
        self.counts = AmqpCounts()
        self.patience = 30.0
        self.obstacle: Obstacle | None = None
        self.shape = Everythingcharge()
        self.consuming = 1
        self._sent: list[Outgoing] = []

    def clock(self) -> float:
        """Give the time, which stands."""
        return 0.0

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Take what is sent."""
        self._sent.append(outgoing)
        return None

    def attach(self, wire: object, receiver: object) -> None:
        """Do nothing: the test ends the wire itself."""

    def forget(self, wire: object, past: Past | None) -> bool:
        """Say that the station had no other wire."""
        return True

    def soon(self, callback: Callable[[], None]) -> None:
        """Do it now."""
        callback()

    async def consumers(self, queue: str) -> int:
        """Give the number of API servers."""
        return self.consuming

    def comes(self) -> WorkerWire:
        """Let the station come."""
        wire = self.shape.wire(self, "CP-1", "ocpp1.6", Past())  # type: ignore[arg-type]  # all that it needs
        wire.start(self)  # type: ignore[arg-type]  # likewise
        return wire

    def lost(self, code: int, reason: str) -> None:
        """Do nothing: the relay dials again."""

    def confirmed(self) -> list[tuple[str, str]]:
        """Confirm what was sent since the last look, or not; return where it went."""
        sent, self._sent = self._sent, []
        for outgoing in sent:
            outgoing.settled(self.obstacle)
        return [(outgoing.exchange, outgoing.key) for outgoing in sent]

    async def look(self, times: int = RETURNS) -> list[tuple[str, str]]:
        """Look at the API so often; return what was sent."""
        for _ in range(times):
            await self.shape.missing(self)  # type: ignore[arg-type]  # a connection that can only be looked through
        return self.confirmed()


@pytest.mark.parametrize("ends", [WorkerWire.end, lambda wire: wire.lose("full")])
async def test_a_station_that_goes_while_the_api_is_away(ends: Callable[[WorkerWire], Any]) -> None:
    """It is reported once, when it has not come again for a while since the API is there again."""
    bus = Bus()
    wire = bus.comes()
    assert bus.confirmed() == [CAME]
    ends(wire)
    bus.consuming = 0
    assert await bus.look(2 * RETURNS) == []
    bus.consuming = 1
    assert await bus.look(RETURNS - 1) == []
    assert await bus.look(1) == [WENT]
    assert await bus.look() == []


async def test_a_station_that_comes_again_in_time() -> None:
    """It is not reported as lost: the API would take it for unavailable."""
    bus = Bus()
    bus.comes().end()
    await bus.look(RETURNS - 1)
    wire = bus.comes()
    assert await bus.look(2 * RETURNS) == [CAME]
    wire.close(1000, "")
    assert bus.confirmed() == [WENT]
    assert await bus.look() == []


async def test_a_report_that_nobody_has_taken() -> None:
    """It is made again until somebody has, however the station went."""
    bus = Bus()
    wire = bus.comes()
    bus.confirmed()
    bus.obstacle = Obstacle.UNROUTABLE
    wire.close(1000, "")
    assert bus.confirmed() == [WENT]
    assert await bus.look() == [WENT]
    bus.obstacle = None
    assert await bus.look() == [WENT]
    assert await bus.look() == []
