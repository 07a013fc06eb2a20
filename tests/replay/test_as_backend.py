"""A recorded backend, played to scripted stations on real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.replay.test_playing import FAST
from tests.replay.test_recording import record, written
from voltgate.replay.differences import Report
from voltgate.replay.playing import Replay, as_backend
from voltgate.replay.recording import Recording


@asynccontextmanager
async def playing(file: Path, **how: Any) -> AsyncIterator[tuple[str, Report, asyncio.Event, asyncio.Task[None]]]:
    """Play the backend of a recording; give where it listens, its report, what stops it, and what ends with it."""
    report, stop = Report(), asyncio.Event()
    listens: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with Recording(file) as recording:
        replay = Replay(recording, pace=FAST, **how)
        task = asyncio.create_task(
            as_backend(replay, "ws://127.0.0.1:0", report, stop, lambda url, _: listens.set_result(url))
        )
        try:
            yield await listens, report, stop, task
        finally:
            stop.set()
            await task


async def said(link: ClientConnection, *frame: Any) -> Any:
    """Say something and give what is said next."""
    await link.send(json.dumps(frame))
    return json.loads(await asyncio.wait_for(link.recv(), 30))


async def test_it_answers_as_then(tmp_path: Path) -> None:
    """Answers go by action and order, the last one again and again; time is that of now; what it asks is compared."""
    file = written(
        tmp_path,
        record(1, "BootNotification", reply={"currentTime": "2026-11-21T12:00:01Z", "status": "Pending"}),
        record(2, "BootNotification", reply={"status": "Accepted"}),
        record(3, "Reset", direction="to_station", payload={"type": "Soft"}, reply={"status": "Accepted"}),
        record(4, "DataTransfer", outcome="error", reply={"code": "NotSupported", "description": "no"}),
    )
    async with playing(file) as (url, report, _, task):
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{url}/CP2", subprotocols=["ocpp1.6"])  # type: ignore[list-item]
        async with connect(f"{url}/CP1", subprotocols=["ocpp1.6"]) as link:  # type: ignore[list-item]
            first = await said(link, 2, "1", "BootNotification", {})
            assert first[2]["status"] == "Pending"
            assert first[2]["currentTime"] > "2026-11-21T12:00:01Z"
            assert await said(link, 2, "2", "BootNotification", {}) == [3, "2", {"status": "Accepted"}]
            kind, number, *reset = json.loads(await asyncio.wait_for(link.recv(), 30))
            assert (kind, reset) == (2, ["Reset", {"type": "Soft"}])
            await link.send(json.dumps([3, number, {"status": "Rejected"}]))
            assert await said(link, 2, "3", "BootNotification", {}) == [3, "3", {"status": "Accepted"}]
            unknown = await said(link, 2, "4", "Authorize", {})
            assert unknown[:3] == [4, "4", "NotSupported"]
            assert await said(link, 2, "5", "DataTransfer", {}) == [4, "5", "NotSupported", "no", {}]
            await asyncio.wait_for(asyncio.shield(task), 30)
    assert [(each.action, each.field, each.given) for each in report.differences] == [("Reset", "status", "Rejected")]
    assert (report.asked, report.unknown, report.untold, report.code) == (4, 1, 0, 1)


async def test_what_could_not_be_asked(tmp_path: Path) -> None:
    """A backend's connection can be played as well, of which the station heard nothing; what is left is counted."""
    asked = {"direction": "from_backend", "leg": "billing"}
    file = written(tmp_path, record(1), record(2, "Reset", **asked), record(3, "Reset", **asked))
    async with playing(file, leg="billing") as (url, report, stop, _):
        async with connect(f"{url}/CP1", subprotocols=["ocpp1.6"]) as link:  # type: ignore[list-item]
            frame = json.loads(await asyncio.wait_for(link.recv(), 30))
            assert frame[2] == "Reset"
        stop.set()
    assert [each.given for each in report.differences] == ["unanswered"]
    assert (report.calls, report.untold) == (1, 1)
