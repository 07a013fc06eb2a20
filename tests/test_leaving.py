"""Letting stations go: what a station and its backends hear of it, whatever is open at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.harness import until
from tests.relay.calls import BEAT, BOOT, RESET
from tests.relay.stage import Stage, playing
from voltgate.leaving import LET_GO, let_all_go, let_go

LONG = 3600.0
"""A grace that no test waits for."""


@contextlib.asynccontextmanager
async def leaving(stage: Stage) -> AsyncIterator[asyncio.Task[None]]:
    """Let the station of a stage go meanwhile."""
    going = asyncio.ensure_future(let_go(stage.session, LONG))
    await asyncio.sleep(0.05)
    yield going
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)


async def test_an_idle_station_goes_at_once() -> None:
    """Nobody waits for anything: the station is told to come again."""
    stage = playing("a")
    await let_go(stage.session, LONG)
    assert stage.station.closed == (1001, LET_GO)


async def test_a_burst_is_cut_between_two_calls() -> None:
    """A station that always has something to say gets its last answer, and what it says next is left unread."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    async with leaving(stage) as going:
        assert stage.station.closed is None
        assert stage.station.pauses == 1
        stage["a"].gets([*BEAT])
        stage["a"].sends(3, "1", {"currentTime": "2027-01-15T08:00:00Z"})
        stage.station.gets([3, "1", {"currentTime": "2027-01-15T08:00:00Z"}])
        await going
    assert stage.station.closed == (1001, LET_GO)


async def test_a_command_gets_its_answer() -> None:
    """A command that the station has is answered by it; one that comes later is answered, and not sent."""
    stage = playing("a", "b")
    stage["a"].sends(*RESET)
    _, reset, *_ = stage.station.take()[0]
    async with leaving(stage) as going:
        assert (stage.station.pauses, stage.station.closed) == (0, None)
        stage["b"].sends(2, "late", "ClearCache", {})
        stage.station.sends(3, reset, {"status": "Accepted"})
        stage["a"].gets([3, "r", {"status": "Accepted"}])
        await asyncio.sleep(0.05)
        stage["b"].gets()
        stage.station.gets()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        _, late, action, _ = stage.station.take()[0]
        assert action == "ClearCache"
        stage.station.sends(3, late, {"status": "Accepted"})
        stage["b"].gets([3, "late", {"status": "Accepted"}])
    await let_go(stage.session, LONG)
    assert stage.station.closed == (1001, LET_GO)


async def test_what_a_station_has_not_read_yet() -> None:
    """One that reads slowly is let go when all that was said to it is on its way."""
    stage = playing("a")
    stage.station.is_full()
    async with leaving(stage) as going:
        assert stage.station.closed is None
        stage.station.has_drained()
        await going
    assert stage.station.closed == (1001, LET_GO)


async def test_what_cannot_wait_for_ever() -> None:
    """A call that nobody answers holds the station until the grace is over; its asker hears that it has gone."""
    stage = playing("a")
    stage["a"].sends(*RESET)
    await let_go(stage.session, 0.05)
    assert stage.station.closed == (1001, LET_GO)
    stage["a"].gets([4, "r", "InternalError", "The station has gone", {}])


async def test_who_is_not_let_go_after_all_goes_on() -> None:
    """A drain that is called off leaves no trace: the station is read, and commands are sent."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    async with leaving(stage):
        assert stage.station.pauses == 1
    assert (stage.station.pauses, stage.station.closed) == (0, None)
    stage["a"].gets([*BEAT])
    stage["a"].sends(*RESET)
    assert [action for _, _, action, _ in stage.station.take()] == ["Reset"]


async def test_what_waits_for_the_boot_waits_on() -> None:
    """A drain that is called off sends a station nothing that waits for its BootNotification."""
    stage = playing("a", registered=None, registration="gateway")
    stage["a"].sends(*RESET)
    async with leaving(stage):
        pass
    stage.station.gets()
    stage.station.sends(*BOOT)
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 300})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 300}], [*RESET])


async def test_stations_go_one_after_the_other() -> None:
    """They are spread over time, those that are idle as those that are not."""
    stages = [playing("a") for _ in range(5)]
    stages[1].station.sends(*BEAT)
    gone: list[int] = []

    def closed() -> list[int]:
        gone.extend(n for n, stage in enumerate(stages) if stage.station.closed and n not in gone)
        return gone

    going = asyncio.ensure_future(let_all_go([stage.session for stage in stages], 0.5, LONG))
    await until(lambda: len(closed()) >= 4, "all but one have gone")
    assert gone == [0, 2, 3, 4]
    assert not going.done()
    stages[1]["a"].sends(3, "1", {})
    await going
    assert closed() == [0, 2, 3, 4, 1]


async def test_a_spread_is_as_long_as_it_is_said() -> None:
    """The next of two stations goes half of it later."""
    stages = [playing("a") for _ in range(2)]
    going = asyncio.ensure_future(let_all_go([stage.session for stage in stages], LONG, LONG))
    await until(lambda: stages[0].station.closed, "the first has gone")
    await asyncio.sleep(0.05)
    assert stages[1].station.closed is None
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert stages[1].station.closed is None
