"""Supervision: a fault is logged once, counted, shown until it is over, and ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from voltgate.ocpp.counts import FAULTS
from voltgate.telemetry.supervision import LOOP, Supervision

NOW = 1_800_000_000.0


class Work:
    """Work that fails as often as it is told."""

    def __init__(self, failing: int) -> None:
        self.failing = failing
        self.done = 0
        self.news = asyncio.Event()

    async def __call__(self) -> None:
        """Fail, or do it."""
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise KeyError("a secret")
        self.done += 1
        if self.done > 1:  # it is begun again though it has returned
            self.news.set()


def supervision(now: list[float]) -> Supervision:
    """Return one whose clock shows `now[0]`."""
    return Supervision(lambda: now[0], lambda: NOW, shortest=0.0)


async def test_a_task_goes_on_after_faults() -> None:
    """Twelve faults of one kind are two lines of the log; it is shown until it has gone well for a while."""
    now, work, before = [100.0], Work(12), FAULTS.faults
    tasks = supervision(now)
    with capture_logs() as logs:
        task = tasks.repeat("register", work)
        async with asyncio.timeout(30):
            await work.news.wait()
        shown = tasks.tasks["register"]
        assert (shown.faults, shown.since, shown.problem) == (12, NOW, "KeyError")
        assert FAULTS.faults == before + 12
        now[0] += 9.9
        assert tasks.fails("register")
        now[0] += 0.1
        assert not tasks.fails("register")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(line["task"], line["times"], line["log_level"]) for line in logs] == [
        ("register", 1, "error"),
        ("register", 10, "error"),
    ]


async def test_the_pause_grows_and_is_bounded() -> None:
    """Between two tries there is twice the time of the last, half a minute at most, until it works again."""
    now = [100.0]
    tasks = Supervision(lambda: now[0], lambda: NOW)
    pauses = []
    for _ in range(8):
        tasks.failed("register", KeyError())
        pauses.append(tasks.tasks["register"].pause)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    now[0] += 30 + 9.9
    assert tasks.fails("register")  # the pause is none of the time that it has gone well
    now[0] += 0.1
    assert not tasks.fails("register")
    tasks.failed("register", KeyError())
    assert tasks.tasks["register"].pause == 1


async def test_one_that_returns_has_ended() -> None:
    """What serves for ever is begun again after a fault; once it returns it is over."""
    done = []

    async def serve() -> None:
        done.append(1)
        if len(done) < 3:
            raise OSError("/etc/secret")

    tasks = supervision([100.0])
    async with asyncio.timeout(30):
        await tasks.keep("http", serve)
    assert (len(done), tasks.tasks["http"].faults) == (3, 2)


def fails(kind: Callable[[], Exception]) -> None:
    """Raise."""
    raise kind()


def test_faults_of_callbacks_are_told_apart() -> None:
    """Each of several faults counts; each kind is logged once, whatever its text is."""
    tasks = supervision([100.0])
    with capture_logs() as logs:
        for number in range(5):
            with tasks.watching("deadlines"):
                raise ExceptionGroup("", [KeyError(number), ExceptionGroup("", [ValueError(number)])])
    assert tasks.tasks["deadlines"].faults == 10
    assert len(logs) == 2


def raises(kind: Callable[[], Exception]) -> None:
    """Raise, at another place."""
    raise kind()


def test_the_same_fault_at_another_place_is_another() -> None:
    """Where it was raised counts, not who called that."""
    tasks = supervision([100.0])
    with capture_logs() as logs:
        for work in (fails, fails, raises):
            with tasks.watching("deadlines"):
                work(KeyError)
    assert [line["times"] for line in logs] == [1, 1]


def test_kinds_are_bounded() -> None:
    """Kinds without end are one kind from the fiftieth on."""
    tasks = supervision([100.0])
    with capture_logs() as logs:
        for number in range(1000):
            tasks.failed("deadlines", type(f"Fault{number}", (Exception,), {})())
    assert len(tasks.tasks["deadlines"].kinds) == 51
    assert len(logs) == 50 + 3  # of the others the first, the tenth and the hundredth


async def test_what_reaches_the_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    """What a callback raises that nobody looks after is counted; other complaints of the loop are logged as ever."""
    tasks, loop = supervision([100.0]), asyncio.get_running_loop()
    loop.set_exception_handler(tasks.of_the_loop)
    loop.call_soon(fails, KeyError)
    await asyncio.sleep(0.0)
    await asyncio.sleep(0.0)
    assert tasks.tasks[LOOP].problem == "KeyError"
    loop.call_exception_handler({"message": "a complaint"})
    assert "a complaint" in caplog.text
    context: MutableMapping[str, Any] = {"message": "x", "exception": KeyboardInterrupt()}
    loop.call_exception_handler(dict(context))
    assert tasks.tasks[LOOP].faults == 1


async def test_what_a_task_waits_for_is_cancelled() -> None:
    """A task ends when it is cancelled itself, and not when something is that it happens to wait for."""
    tasks, work, calls = supervision([100.0]), Work(0), 0

    async def wait_for_another() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            other = asyncio.get_running_loop().create_future()
            other.cancel()
            await other
        await work()

    task = tasks.repeat("late pages", wait_for_another)
    async with asyncio.timeout(30):
        await work.news.wait()
    assert (tasks.tasks["late pages"].faults, tasks.fails("late pages")) == (1, True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
