"""One station's wire to an API server of EVerythingcharge: what this hears at last of who is there and who is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from voltgate.carriers.amqp.everythingcharge import Everythingcharge, WorkerWire
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import AmqpCounts

CAME, WENT = ("connections", "new_connections"), ("connections", "lost_connections")
RETURNS = WorkerWire.RETURNS


class Bus:
    """A bus with one station, and the connection on which it looks at the API. `obstacle` is in the way of all."""

    def __init__(self) -> None:
        self.counts = AmqpCounts()
        self.patience = 30.0
        self.obstacle: Obstacle | None = None
        self.shape = Everythingcharge()
        self.consuming = 1
        self.ending = ""
        self._sent: list[Outgoing] = []

    def clock(self) -> float:
        """Give the time, which stands."""
        return 0.0

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Take what is sent, unless too much is."""
        if self.obstacle is Obstacle.TOO_MANY:
            return self.obstacle
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
        """Note why: the relay dials again."""
        self.ending = reason

    def confirmed(self) -> list[tuple[str, str]]:
        """Confirm what was sent since the last look, or not; return where it went."""
        sent, self._sent = self._sent, []
        for outgoing in sent:
            outgoing.settled(self.obstacle)
        return [(outgoing.exchange, outgoing.key) for outgoing in sent]

    async def replaced(self) -> list[tuple[str, str]]:
        """Let another API server begin beside this one, which ends then; return what is sent."""
        sent = []
        for self.consuming in (2, 1):
            sent += await self.look(1)
        return sent

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


async def test_an_api_server_that_takes_the_place_of_another() -> None:
    """It hears of all that are connected, though there was one all the time; of those that have gone it does not."""
    bus = Bus()
    await bus.look(1)
    wire = bus.comes()
    assert await bus.look(2) == [CAME]
    assert await bus.replaced() == [CAME, CAME]
    wire.end()
    assert await bus.replaced() == []


async def test_a_station_that_cannot_be_told_of() -> None:
    """It is without its backend, and dialled again: nobody would answer it."""
    bus = Bus()
    bus.obstacle = Obstacle.TOO_MANY
    bus.comes()
    assert bus.ending == "connections: too many messages wait for the broker"
