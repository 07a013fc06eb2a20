"""Replays against scripted far ends on real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.replay.test_recording import record, written
from voltgate.replay.differences import Report
from voltgate.replay.player import Pace
from voltgate.replay.playing import Replay, as_stations
from voltgate.replay.recording import Recording

FAST = Pace(float("inf"), 5.0)


@asynccontextmanager
async def far_end(serves: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve stations on a free port."""
    async with serve(serves, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def played(file: Path, url: str, **how: Any) -> Report:
    """Play a recording as its stations; give what came of it."""
    report = Report()
    with Recording(file) as recording:
        await as_stations(Replay(recording, pace=FAST, linger=5.0, **how), url, report)
    return report


async def test_numbers_follow_the_far_end(tmp_path: Path) -> None:
    """A stop names the transaction as this far end does, and a command gets the answer that was recorded."""
    heard: list[Any] = []

    async def backend(link: ServerConnection) -> None:
        async for text in link:
            heard.append(frame := json.loads(text))
            if frame[0] == 2:
                await link.send(json.dumps([3, frame[1], {"transactionId": 90} if "idTag" in frame[3] else {}]))
            if frame[2] == "StopTransaction":
                await link.send('[2,"r","Reset",{"type":"Soft"}]')

    start = record(1, "StartTransaction", payload={"idTag": "~0123456789"}, reply={"transactionId": 7})
    stop = record(3, "StopTransaction", payload={"transactionId": 7})
    reset = record(4, "Reset", direction="to_station", reply={"status": "Rejected"})
    async with far_end(backend) as url:
        report = await played(written(tmp_path, start, stop, reset), url)
    assert [frame[3] for frame in heard[:2]] == [{"idTag": "00000123456789"}, {"transactionId": 90}]
    assert heard[2] == [3, "r", {"status": "Rejected"}]
    assert (report.calls, report.same, report.asked, report.code) == (2, 2, 1, 0)


async def test_a_far_end_that_hangs_up(tmp_path: Path) -> None:
    """What it leaves unanswered is a difference, what follows is said on another connection; one that does it always
    is given up, and what is left is counted."""
    links: list[int] = []

    async def once(link: ServerConnection) -> None:
        links.append(1)
        async for text in link:
            if len(links) == 1:
                return
            await link.send(json.dumps([3, json.loads(text)[1], {}]))

    async with far_end(once) as url:
        report = await played(written(tmp_path, record(1), record(2)), url)
    assert [(each.recorded, each.given) for each in report.differences] == [("result", "unanswered")]
    assert (report.calls, report.same, len(links)) == (2, 1, 2)

    async def never(link: ServerConnection) -> None:
        await link.close(1008, "no")

    async with far_end(never) as url:
        report = await played(written(tmp_path, record(1), record(2)), url)
    assert report.same == 0
    assert report.calls + report.untold == 2
    assert report.code > 0


async def test_the_recorded_timing(tmp_path: Path) -> None:
    """At twenty times the speed two messages that were two seconds apart are at least a tenth of a second apart."""
    times: list[float] = []

    async def backend(link: ServerConnection) -> None:
        async for text in link:
            times.append(asyncio.get_running_loop().time())
            await link.send(json.dumps([3, json.loads(text)[1], {}]))

    report = Report()
    async with far_end(backend) as url:
        with Recording(written(tmp_path, record(1), record(3))) as recording:
            await as_stations(Replay(recording, pace=Pace(20.0, 5.0)), url, report)
    assert times[1] - times[0] > 0.09
    assert report.same == 2


async def test_nobody_is_there(tmp_path: Path) -> None:
    """A far end that refuses the station, or speaks another version, is named; nothing was played."""

    async def any_one(link: ServerConnection) -> None:
        await link.wait_closed()

    file = written(tmp_path, record(1), version="ocpp2.0.1")
    async with far_end(any_one) as url:
        report = await played(file, url)
    assert (report.calls, report.untold, report.code) == (0, 1, 2)
    assert "CP1" in report.faults[0]


async def test_a_far_end_that_answers_too_deep(tmp_path: Path) -> None:
    """What is nested deeper than anything can be read is no message, and ends nothing."""

    async def backend(link: ServerConnection) -> None:
        async for text in link:
            await link.send("[" * 100_000)
            await link.send(json.dumps([3, json.loads(text)[1], {}]))

    async with far_end(backend) as url:
        report = await played(written(tmp_path, record(1)), url)
    assert (report.calls, "is no message" in report.faults[0]) == (1, True)
