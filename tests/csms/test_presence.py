"""Who is connected: by what gateways say, in whatever order that is heard, and by which of them live."""

from __future__ import annotations

import asyncio

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from voltgate.csms import service
from voltgate.csms.model import Station
from voltgate.ocpp.messages import Reason, Result, Unanswered

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
FREE, AWAY = {(1, 1): "Available"}, {(1, 1): "Unavailable"}


async def look(stage: Stage, seconds: float = 0.0, dead: str = "") -> None:
    """Let time go by, and look twice."""
    await stage.wait(seconds)
    for _ in range(2):
        await stage.look({dead})


async def seen(stage: Stage) -> tuple[bool, str, dict[tuple[int, int], str]]:
    """Return whether the station is connected, at whom, and how its connectors are."""
    await stage.wait(0)
    row: Station = stage.one(Station)
    return row.connected, row.holder, stage.statuses()


async def reporting(stage: Stage, holder: str = "") -> FakeStation:
    """Have a station come and report."""
    station = stage.station(holder=holder)
    await station.say("StatusNotification", STATUS)
    return station


async def test_a_station_that_goes_and_stays_away() -> None:
    """It is not connected at once; what it has is Unavailable after the grace, and as it was when it comes again."""
    async with Stage(grace=60) as stage:
        station = await reporting(stage)
        assert await seen(stage) == (True, "here", FREE)
        station.leave()
        await stage.wait(0)
        rounds = stage.rows.rounds
        await look(stage, 59)
        assert await seen(stage) == (False, "here", FREE)
        assert stage.rows.rounds == rounds  # nobody is asked about those whose grace lasts
        await look(stage, 2)
        assert await seen(stage) == (False, "", AWAY)
        stage.station()
        assert await seen(stage) == (True, "here", FREE)


async def test_one_that_comes_and_goes_again_while_it_is_looked_for() -> None:
    """What was found out before it came counts no more: its grace begins anew."""
    async with Stage(grace=60) as stage:
        (await reporting(stage)).leave()
        await stage.wait(61)
        (found,) = await stage.rows.away_since(stage.now - 60)

        async def found_before(before: float) -> list[Station]:
            return [found]

        stage.rows.away_since = found_before  # type: ignore[method-assign]
        stage.station().leave()
        await look(stage)
        assert await seen(stage) == (False, "here", FREE)
        await look(stage, 61)
        assert await seen(stage) == (False, "", AWAY)


async def test_one_that_was_deleted_while_it_was_here() -> None:
    """That it goes then, and stays away, does not bring it back."""
    async with Stage(grace=60) as stage:
        station = await reporting(stage)
        stage.rows.tables[Station].clear()
        station.leave()
        await look(stage, 100)
        assert stage.rows.all(Station) == []


async def test_one_that_comes_again_in_time() -> None:
    """Nothing is marked, whichever of the two is heard first."""
    async with Stage(grace=60) as stage:
        old = await reporting(stage, "bus/q")
        await stage.wait(10)
        old.said_at = stage.now
        await stage.wait(1)
        stage.station(holder="bus/q")
        old.leave()  # is heard behind what came after it
        await look(stage, 100)
        assert await seen(stage) == (True, "bus/q", FREE)


async def test_one_that_has_moved() -> None:
    """The gateway where it was before says nothing of it any more; nor does what was sent there."""
    async with Stage(grace=60) as stage:
        old = await reporting(stage, "bus/old")
        await stage.wait(10)
        stage.station(holder="bus/new")
        await stage.wait(1)
        await old.say("Heartbeat", {})  # a call that is brought again
        old.said_at = stage.now
        old.leave()
        assert await seen(stage) == (True, "bus/new", FREE)


async def test_one_whose_process_was_taken_for_dead() -> None:
    """It says nothing but heartbeats, which its process answers alone: it is there again, and as it was."""
    async with Stage(grace=60) as stage:
        station = await reporting(stage)
        await look(stage, dead="here")
        await look(stage, 61)
        assert await seen(stage) == (False, "", AWAY)
        await station.say("Heartbeat", {})
        await stage.csms.write_seen()
        assert await seen(stage) == (True, "here", FREE)
        station.leave()
        await stage.csms.write_seen()
        assert (await seen(stage))[0] is False


async def test_what_is_not_written_down_yet() -> None:
    """Whoever brought that a station has come or gone is told when it is on record, and not before."""
    async with Stage() as stage:
        station = await reporting(stage, "bus/q")
        assert station.kept == 1
        stage.rows.away = "the database is away"
        station.leave()
        await stage.wait(4)
        assert station.kept == 1
        stage.rows.away = ""
        await stage.wait(10)
        assert station.kept == 2
        assert (await seen(stage))[0] is False


async def test_one_whose_coming_was_not_heard() -> None:
    """What it says shows that it is connected, unless that was said before it went."""
    async with Stage(grace=60) as stage:
        station = await reporting(stage, "bus/q")
        await stage.wait(10)
        station.said_at = stage.now
        station.leave()
        station.said_at -= 5
        await station.say("Heartbeat", {})
        assert (await seen(stage))[0] is False
        station.said_at += 10
        await station.say("Heartbeat", {})
        assert await seen(stage) == (True, "bus/q", FREE)


async def test_a_clock_that_was_ahead() -> None:
    """A time that has not come yet keeps nobody from being heard."""
    async with Stage() as stage:
        stage.now = NOON + 86_400
        station = await reporting(stage)
        stage.now = NOON
        station.leave()
        assert (await seen(stage))[0] is False
        stage.station()
        assert (await seen(stage))[0] is True


async def test_a_holder_that_dies() -> None:
    """Its stations are not connected, and Unavailable after the grace; one that came elsewhere in time is not."""
    async with Stage(grace=60) as stage:
        await reporting(stage, "bus/dying")
        await stage.look({"bus/dying"})
        assert (await seen(stage))[0] is True  # it may have begun only now
        await stage.look({"bus/dying"})
        assert await seen(stage) == (False, "bus/dying", FREE)
        await look(stage, 61)
        assert await seen(stage) == (False, "", AWAY)
        stage.station(holder="bus/other")
        await look(stage, 61)
        assert await seen(stage) == (True, "bus/other", FREE)


async def test_what_a_process_has_left() -> None:
    """A process that dies leaves rows that say connected: the next one waits for the stations, and marks the others."""
    async with Stage(grace=60) as stage:
        stage.rows.put(Station("cp-1", "CP-1", connected=True, holder="the one before", since=NOON - 5))
        stage.rows.put(Station("cp-2", "CP-2", connected=True, holder="the one before", since=NOON - 5))
        stage.station("CP-2")
        await look(stage, dead="the one before")
        await look(stage, 61)
        rows = {row.key: (row.connected, row.holder) for row in stage.rows.all(Station)}
        assert rows == {"cp-1": (False, ""), "cp-2": (True, "here")}


async def test_it_is_noted_when_the_database_is_there_again() -> None:
    """Coming and going are, each by its time."""
    async with Stage() as stage:
        station = await reporting(stage)
        for is_there in (False, True):
            stage.rows.away = "gone"
            if is_there:
                stage.station()
            else:
                station.leave()
            await stage.wait(1)
            stage.rows.away = ""
            await stage.wait(10)
            assert (await seen(stage))[0] is is_there


async def test_an_older_connection_that_ends() -> None:
    """A station that has come again is there, and can be called, though its older connection ends only now."""
    async with Stage() as stage:
        older = await reporting(stage)
        await stage.wait(1)
        newer = stage.station()
        older.leave()
        assert (await seen(stage))[0] is True
        assert isinstance(await stage.csms.call("cp-1", "Reset", {"type": "Soft"}, 30), Result)
        assert (older.asked, newer.asked) == ([], [("Reset", {"type": "Soft"})])
        newer.leave()
        assert (await seen(stage))[0] is False


async def test_a_call_that_nobody_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it hears soon after its deadline that there is no answer, though no clock has ended it."""
    monkeypatch.setattr(service, "GRACE", 0.01)
    async with Stage() as stage:
        monkeypatch.setattr(stage.station(), "command", lambda call, respond: None)
        async with asyncio.timeout(5):
            reply = await stage.csms.call("cp-1", "Reset", {"type": "Soft"}, 0.01)
        assert isinstance(reply, Unanswered)
        assert (reply.reason, bool(reply.id)) == (Reason.TIMED_OUT, True)


async def test_a_call_to_a_station() -> None:
    """Its answer, or that it is not connected, in which case nothing was sent."""
    async with Stage() as stage:
        station = stage.station()
        reply = await stage.csms.call("cp-1", "Reset", {"type": "Soft"}, 30)
        assert isinstance(reply, Result)
        assert station.asked == [("Reset", {"type": "Soft"})]
        station.leave()
        reply = await stage.csms.call("cp-1", "Reset", {"type": "Soft"}, 30)
        assert isinstance(reply, Unanswered)
        assert (reply.reason, reply.id) == (Reason.GONE, "")
