"""The recorder: hands over what is heard and never waits, whatever becomes of the writer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import until
from tests.relay.stage import Stage, playing
from voltgate.relay.events import StationCame, StationRefused
from voltgate.telemetry.messages import recorder as module
from voltgate.telemetry.messages.reading import Search, document, find
from voltgate.telemetry.messages.recorder import Recorder, Recording
from voltgate.telemetry.messages.writer import Settings

EVERY = Recording(("*",))


def made(folder: Path, *command: str) -> Recorder:
    """Make a recorder of all stations; `command` is in the place of the writer."""
    settings = Settings(str(folder / "messages"), 1 << 30, 1e9)
    more = (command,) if command else ()
    recorder = Recorder(settings, time.monotonic, time.time, str.casefold, *more)
    recorder.follow(settings, EVERY)
    return recorder


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[Recorder]:
    """Let a recorder work."""

    async def again(work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()

    tasks = [asyncio.ensure_future(again(work)) for _, work in recorder.work]
    yield recorder
    await recorder.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def beats(stage: Stage, number: int, payload: Any = None) -> None:
    """Have a station say that it is there, and be answered."""
    for each in range(number):
        stage.now += 0.001
        stage.station.sends(2, f"m{each}", "DataTransfer", payload or {"vendorId": "x"})
        stage["a"].sends(3, f"m{each}", {"status": "Accepted"})


def recorded(stage: Stage, recorder: Recorder) -> Stage:
    """Have a stage recorded."""
    stage.ports.taps.recorder = recorder
    stage.session.look_for_taps()
    return stage


def found(folder: Path, **wanted: Any) -> list[dict[str, Any]]:
    """Read the log."""
    return [document(record) for record in find(folder / "messages", Search(limit=1000, **wanted)).records]


async def test_everything_is_written(tmp_path: Path) -> None:
    """What is heard is in the log, with frames that are none and handshakes that were refused; other events are not."""
    async with running(made(tmp_path)) as recorder:
        stage = recorded(playing("a"), recorder)
        beats(stage, 600)
        stage.station.sends(b"[2,")
        recorder.note(StationRefused("CP-9", "/CP-9?x=1", "192.0.2.1", 401, "Wrong user name or password"))
        recorder.note(StationCame("CP-9", "192.0.2.1", "ocpp1.6", "home", replaced=False))
    assert recorder.counts.written == recorder.counts.recorded == 1202
    assert len(found(tmp_path, kind="call")) == 1000
    assert [each["payload"] for each in found(tmp_path, kind="malformed")] == ["[2,"]
    (refused,) = found(tmp_path, kind="refused")
    assert (refused["station"], refused["payload"]) == ("CP-9", "/CP-9?***")
    assert refused["description"] == "401: Wrong user name or password (from 192.0.2.1)"
    assert recorder.counts.lost == recorder.counts.restarts == 0


async def test_what_two_legs_say_is_handed_over_once(tmp_path: Path) -> None:
    """Both records of a call say all of it, with one pseudonym, though the writer gets it once."""
    handed = tmp_path / "handed"
    script = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open(sys.argv[1], 'wb'))"
    said = {"idTag": "04AABBCC", "vendorId": "x"}
    for command in ((), (sys.executable, "-c", script, str(handed))):
        async with running(made(tmp_path, *command)) as recorder:
            stage = recorded(playing("a"), recorder)
            beats(stage, 3, said)
            recorder.flush()
    assert handed.read_bytes().count(b"04AABBCC") == 3
    every = found(tmp_path, action="DataTransfer")
    assert [each["leg"] for each in every] == ["station", "a"] * 3
    assert len({each["payload"]["idTag"] for each in every}) == 1
    assert {each["payload"]["vendorId"] for each in every} == {"x"}
    assert [each["reply"] for each in every] == [{"status": "Accepted"}] * 6
    assert len({each["message_id"] for each in every}) == 3


async def test_a_frame_with_half_a_pair_of_surrogates(tmp_path: Path) -> None:
    """A station that sends one ends no writer, and takes nothing of others with it."""
    async with running(made(tmp_path)) as recorder:
        stage = recorded(playing("a"), recorder)
        beats(stage, 5)
        stage.station.sends(b'[2,"\\ud800')
        recorder.flush()
    assert (recorder.counts.written, recorder.counts.lost, recorder.counts.restarts) == (11, 0, 0)


async def test_strangers_do_not_fill_the_log(tmp_path: Path) -> None:
    """Of handshakes that are refused again and again some are recorded, and the others counted and told of."""
    async with running(made(tmp_path)) as recorder:
        for _ in range(5000):
            recorder.note(StationRefused("CP-9", "/" + "x" * 1000, "192.0.2.1", 401, "wrong"))
        recorder.flush()
        beats(recorded(playing("a"), recorder), 1)
    assert 400 < recorder.counts.written < 600
    assert recorder.counts.lost > 4400
    assert "entries that were made before" in found(tmp_path, kind="lost")[0]["description"]


async def test_a_writer_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not take is kept up to a bound, and then dropped and counted; nobody waits, and the end comes."""
    monkeypatch.setattr(module, "MOST", 200_000)
    monkeypatch.setattr(module, "_LAST_WORDS", 0.1)
    async with running(made(tmp_path, sys.executable, "-c", "import time; time.sleep(600)")) as recorder:
        stage = recorded(playing("a"), recorder)
        for _ in range(40):
            beats(stage, 100, {"vendorId": "x", "data": "y" * 500})
            recorder.flush()
            await asyncio.sleep(0)
        assert 0 < recorder.counts.dropped < recorder.counts.recorded == 8000
        kept = recorder.counts.recorded - recorder.counts.dropped
        assert kept / 2 * 500 < 2_000_000  # a call is handed over once for its two records
    assert recorder.counts.lost == 8000
    assert recorder.counts.numbers["dropped_total"] == 8000


async def test_a_writer_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends is begun again; what it was handed and did not write is counted, and said in the log."""
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    flag = tmp_path / "been"
    first = f"""
import os, pathlib, sys
flag = pathlib.Path({str(flag)!r})
if not flag.exists():
    flag.touch()
    os.read(0, 100)
    sys.exit(1)
os.execv(sys.executable, [sys.executable, "-m", "voltgate.telemetry.messages.writer"])
"""
    async with running(made(tmp_path, sys.executable, "-c", first)) as recorder:
        stage = recorded(playing("a"), recorder)
        beats(stage, 5)
        await until(lambda: recorder.counts.restarts, "the writer has ended")
        assert recorder.counts.lost == 10
        beats(stage, 5)
        await until(lambda: recorder.counts.written == 10, "another one writes")
    (lost,) = found(tmp_path, kind="lost")
    assert lost["description"].startswith("10 entries")


async def test_it_is_off(tmp_path: Path) -> None:
    """Without a recording no writer is begun, and nothing ticks; one that was asked for ends by itself."""
    recorder = made(tmp_path, "no-such-program")
    recorder.follow(recorder.settings, Recording())
    recorder.asked = Recording(("cp-*",), until=time.time() + 3600)
    assert recorder.wants("cp-1", "")
    recorder.asked = Recording(("cp-*",), until=time.time() - 1)
    assert not recorder.wants("cp-1", "")
    async with running(recorder):
        await asyncio.sleep(0.1)
        assert not recorder._is_on.is_set()
    assert not (tmp_path / "messages").exists()


async def test_settings_change_while_it_runs(tmp_path: Path) -> None:
    """Another mask holds for what is said after it was set."""
    async with running(made(tmp_path)) as recorder:
        stage = recorded(playing("a"), recorder)
        beats(stage, 1, {"vendorId": "x", "password": "y"})
        await until(lambda: recorder.counts.written == 2, "the first is written")
        recorder.follow(Settings(recorder.settings.folder, 1 << 30, 1e9, mask=False), EVERY)
        beats(stage, 1, {"vendorId": "x", "password": "y"})
    said = [each["payload"]["password"] for each in found(tmp_path)]
    assert said == ["y", "y", "***", "***"]


async def test_a_message_that_cannot_be_written_down(tmp_path: Path) -> None:
    """It is counted, and takes none of those beside it with it."""
    async with running(made(tmp_path)) as recorder:
        stage = recorded(playing("a"), recorder)
        beats(stage, 3)
        recorder.malformed("CP-\ud800", None, time.time(), b"[2,", "torn")
        recorder.malformed("CP-1", None, time.time(), b"[2,", "torn")
        spoilt = recorder._heard[2][2]
        spoilt.text = spoilt.payload = None  # type: ignore[assignment]  # a call that there cannot be
    assert (recorder.counts.written, recorder.counts.dropped) == (5, 3)
    assert len(found(tmp_path, kind="malformed")) == 1
