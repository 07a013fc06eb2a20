"""The message log of a whole cluster: each node has written its own, and any of them shows all, and records at all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.cluster import Cluster, cluster
from voltgate.telemetry.messages.reading import document
from voltgate.telemetry.messages.recorder import Recorder
from voltgate.telemetry.messages.segments import Bounds, Record, Segments
from voltgate.telemetry.messages.writer import Settings
from voltgate.web.message_log import MessageLog
from voltgate.web.wide import history

BEGAN = 1_800_000_000


def log_of(folder: Path, looked: list[str]) -> MessageLog:
    """Make the log of a node that nobody writes to here."""

    async def look() -> None:
        looked.append(folder.name)

    recorder = Recorder(Settings(str(folder), 1 << 30, 1e6), time.monotonic, time.time, str.casefold)
    return MessageLog(recorder, folder, look, str.casefold)


@contextlib.asynccontextmanager
async def logging(folder: Path, *names: str) -> AsyncIterator[tuple[Cluster, list[str]]]:
    """Run a cluster whose nodes have written 30 records each, in turns: one each second; and two of one moment."""
    looked: list[str] = []
    async with cluster(*names) as made:
        for number, name in enumerate(names):
            log = made[name].queries.messages = log_of(folder / name, looked)
            (folder / name).mkdir(parents=True)
            segments = Segments(folder / name, Bounds(1 << 30, 1e9))
            at = [BEGAN + number + len(names) * turn for turn in range(30)]
            ids = [(moment * 1_000_000 << 10, moment) for moment in at] + [((BEGAN + 500) * 1_000_000 << 10, 500)]
            segments.write(
                [
                    (each, 0, "CP-1", 0, None, str(said), "X", '{"a":"' + "x" * 100 + '"}', *([None] * 10))
                    for each, said in ids
                ],
                BEGAN,
            )
            segments.close()
            assert log.recorder.settings.folder == str(folder / name)
        yield made, looked
        for name in names:
            shut = made[name].queries.messages
            assert shut is not None
            shut.close()


async def whole(api: Any, limit: int, **query: Any) -> list[tuple[str, str]]:
    """Read the log, page by page, whichever way it is cut: what was said, and the node."""
    said: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = await api.log(limit=limit, cursor=cursor, **query)
        said += [(each["message_id"], each.get("node", "")) for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return said


@pytest.mark.parametrize("limit", [7, 1000])
async def test_one_list_of_all_nodes(tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest comes first, from whichever node; no record is missed or shown twice, also where answers are cut."""
    monkeypatch.setattr(history, "_SHARE", 4000)
    async with logging(tmp_path, "n1", "n2", "n3") as (made, _):
        expected = sorted(range(BEGAN, BEGAN + 90), reverse=True)
        for name in ("n1", "n2", "n3"):
            said = await whole(made[name].api, limit)
            assert {said[0][1], said[1][1], said[2][1]} == {"n1", "n2", "n3"}
            assert [each for each, _ in said[:3]] == ["500"] * 3
            assert [int(each) for each, _ in said[3:]] == expected


async def test_a_gateway_that_is_alone(tmp_path: Path) -> None:
    """Alone there is no node, and nobody is missing; times that are none are refused, and so is what is no role."""
    async with logging(tmp_path, "n1") as (made, _):
        page = await made["n1"].api.log(limit=2)
        assert "missing" not in page
        assert "node" not in page["items"][0]
        assert page["searched_to"] == page["items"][-1]["at"]
        state = (await made["n1"].api.get("/messages/recording")).gives(200)
        assert "missing" not in state
        assert [each["node"] for each in state["logs"]] == [None]
        assert len(await whole(made["n1"].api, 1000, since="2027-01-15", until="2027-01-15T08:00:10Z")) == 10
        log, made["n1"].queries.messages = made["n1"].queries.messages, None
        (await made["n1"].api.get("/messages/recording")).gives(503)
        made["n1"].queries.messages = log


async def test_pages_are_made_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a while, of megabytes, is done in a thread: alone, and for a cluster."""
    threads = set()

    def noted(record: Record) -> dict[str, Any]:
        threads.add(threading.current_thread())
        return document(record)

    monkeypatch.setattr(history, "document", noted)
    async with logging(tmp_path, "n1", "n2") as (made, _):
        assert len(await whole(made["n1"].api, 1000)) == 62
    async with logging(tmp_path / "alone", "n1") as (made, _):
        assert len(await whole(made["n1"].api, 1000)) == 31
    assert threads
    assert threading.current_thread() not in threads


async def test_recording_at_all_nodes(tmp_path: Path) -> None:
    """What is asked at one node is recorded at all, and sessions hear of it; each says how its log is."""
    async with logging(tmp_path, "n1", "n2") as (made, looked):
        wanted = {"stations": ["CP-*"], "routes": ["main"], "hours": 2}
        shown = (await made["n1"].api.ask("PUT", "/messages/recording", wanted)).gives(200)
        assert (shown["asked"]["stations"], shown["missing"]) == (["cp-*"], [])
        assert [each["node"] for each in shown["logs"]] == ["n1", "n2"]
        assert sorted(looked) == ["n1", "n2"]
        there = made["n2"].queries.messages
        assert there is not None
        assert there.recorder.wants("cp-7", "side")
        assert there.recorder.wants("x", "main")
        assert not there.recorder.wants("x", "side")
        assert [path.stat().st_mode & 0o777 for path in tmp_path.glob("n*/recording.json")] == [0o600, 0o600]
        again = log_of(tmp_path / "n2", [])
        again.remember()
        assert again.recorder.asked == there.recorder.asked
        again.close()
        (await made["n2"].api.ask("PUT", "/messages/recording", {})).gives(200)
        assert not there.recorder.wants("cp-7", "main")
        assert not (tmp_path / "n2" / "recording.json").exists()
