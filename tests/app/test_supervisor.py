"""The supervisor, with workers of the test's own: when it starts one again, waits, kills one, and gives up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import structlog

from tests.harness import until
from voltgate.app import supervisor
from voltgate.app.supervisor import Supervisor
from voltgate.config import Config

WORKER = """
import json, os, socket, sys, time
who = json.loads(sys.argv[-1])
said = open(os.path.join(who["folder"], "said"), "a", buffering=1)
behaviour = sys.argv[1]
link = socket.socket(fileno=who["link"])
if behaviour != "mute":
    link.send(b".")
said.write(f"{who['number']} {who['restarts']}\\n")
if behaviour == "mute" or (behaviour == "mortal" and who["number"] == 2 and who["restarts"] < 2):
    sys.exit(7)
while behaviour == "deaf":
    time.sleep(60)
while True:
    word = link.recv(1)
    said.write(f"{who['number']} {word.decode()}\\n")
    if word != b"r":
        sys.exit(0 if word == b"s" else 130)
"""


class Workers:
    """A supervisor that runs, and what its workers have said."""

    def __init__(self, folder: Path, behaviour: str, program: str = sys.executable) -> None:
        command = (program, "-S", "-c", WORKER, behaviour)
        self._said = folder / "said"
        self.running = asyncio.ensure_future(Supervisor(None, Config(), 2, str(folder), command).run())

    @property
    def said(self) -> list[str]:
        """The lines, sorted."""
        return sorted(self._said.read_text().splitlines()) if self._said.exists() else []

    async def ended(self) -> int:
        """Wait for the exit code."""
        async with asyncio.timeout(30):
            return await self.running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long."""
    monkeypatch.setattr(supervisor, "_SHORTEST", 0.05)
    monkeypatch.setattr(supervisor, "_AT_ONCE", 0.3)
    monkeypatch.setattr(Supervisor, "_longest_end", soon)


async def soon(_: Supervisor) -> float:
    """Return the time that workers have to end."""
    return 0.3


async def long(_: Supervisor) -> float:
    """Return more than the test waits for."""
    return 600.0


async def test_who_dies_is_started_again(tmp_path: Path) -> None:
    """A worker that dies again and again is started again, each time after a longer pause, and told how often."""
    with structlog.testing.capture_logs() as lines:
        workers = Workers(tmp_path, "mortal")
        await until(lambda: workers.said == ["1 0", "2 0", "2 1", "2 2"], "it lives at the third time")
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: {"1 r", "2 r"} <= set(workers.said), "both are told to reload")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await workers.ended() == 0
    assert [line for line in workers.said if line.endswith("s")] == ["1 s", "2 s"]
    ends = [(line["worker"], line["code"], line["after"]) for line in lines if "code" in line]
    assert ends == [(2, 7, 0.05), (2, 7, 0.1)]


async def test_who_does_not_end_is_killed(tmp_path: Path) -> None:
    """A worker that does not end in time is killed, and the exit code says so."""
    workers = Workers(tmp_path, "deaf")
    await until(lambda: workers.said == ["1 0", "2 0"], "both live")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await workers.ended() == 1


async def test_who_does_not_hear_the_second_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs does not hear that it is to hurry; who asks twice does not wait for what it may take to end."""
    monkeypatch.setattr(Supervisor, "_longest_end", long)
    workers = Workers(tmp_path, "deaf")
    await until(lambda: workers.said == ["1 0", "2 0"], "both live")
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await workers.ended() == 1


async def test_what_the_first_cannot_the_others_do_not_try(tmp_path: Path) -> None:
    """A first worker that ends before it listens ends the supervisor, with its own exit code."""
    workers = Workers(tmp_path, "mute")
    assert await workers.ended() == 7
    assert workers.said == ["1 0"]


async def test_who_cannot_be_started_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker for which there is no process is tried again, while the others go on."""
    workers, start = Workers(tmp_path, "mortal"), Supervisor._start
    shortages = iter([OSError(11, "Resource temporarily unavailable")])

    async def short(self: Supervisor, number: int, restarts: int, link: int) -> object:
        if restarts:
            for shortage in shortages:
                raise shortage
        return await start(self, number, restarts, link)

    monkeypatch.setattr(Supervisor, "_start", short)
    await until(lambda: workers.said == ["1 0", "2 0", "2 2"], "it lives at the third time")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await workers.ended() == 0


async def test_what_cannot_be_started_at_all(tmp_path: Path) -> None:
    """Without a first worker there is none."""
    assert await Workers(tmp_path, "mortal", "/nowhere/python").ended() == 126
