"""Supervision: what lives as long as the process goes on after a fault, which is logged, counted and shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog

from voltgate.ocpp.counts import FAULTS
from voltgate.ocpp.messages import FOREVER

Work: TypeAlias = Callable[[], Awaitable[object]]

_SHORTEST, _LONGEST = 1.0, 30.0
"""Seconds between a fault and the next try: doubled each time."""
_PROVEN = 10.0
"""Seconds that something goes well after that before it is said to work: longer than any of it waits for its turn."""
_MOST_KINDS = 50
"""Kinds of faults of one task that are told apart; all others are one."""
LOOP = "callbacks"
"""In the place of a task: what the event loop calls, and whatever else nobody looks after."""

log = structlog.get_logger("voltgate")


@dataclass(slots=True)
class Task:
    """How one task is: `faults` since the start; it is said to fail until `until`, by the clock of its supervision.

    `since` is when that began (seconds since 1970). `problem` is the class of the last fault, and no more: its text may
    hold what not everybody should read.
    """

    faults: int = 0
    until: float = -FOREVER
    since: float = 0.0
    problem: str = ""
    pause: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)


class Supervision:
    """Runs the tasks of the process, and knows by name how each of them is."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        shortest: float = _SHORTEST,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._shortest = shortest
        self.tasks: dict[str, Task] = {LOOP: Task()}

    # Tasks and callbacks.

    def repeat(self, name: str, work: Work) -> asyncio.Task[None]:
        """Do `work`, which does its own waiting, again and again in a task of this name, until that is cancelled."""
        return self._begin(name, work, endless=True)

    def keep(self, name: str, work: Work) -> asyncio.Task[None]:
        """Do `work` in a task of this name until it returns, or is cancelled; begin it again after a fault."""
        return self._begin(name, work, endless=False)

    def _begin(self, name: str, work: Work, *, endless: bool) -> asyncio.Task[None]:
        self.tasks.setdefault(name, Task())
        return asyncio.get_running_loop().create_task(self._run(name, work, endless=endless), name=name)

    async def _run(self, name: str, work: Work, *, endless: bool) -> None:
        done = False
        while endless or not done:
            try:
                await work()
                done = True
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                # what the work waited for was cancelled, and not the task
                self.failed(name, RuntimeError("what it waited for was cancelled"))
                await asyncio.sleep(self.tasks[name].pause)
            except Exception as fault:
                self.failed(name, fault)
                await asyncio.sleep(self.tasks[name].pause)

    @contextmanager
    def watching(self, name: str) -> Iterator[None]:
        """Do the work of a callback: what it raises goes no further."""
        self.tasks.setdefault(name, Task())
        try:
            yield
        except Exception as fault:
            self.failed(name, fault)

    def of_the_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what reaches the event loop itself: it is a fault of ours like any other."""
        fault = context.get("exception")
        if isinstance(fault, Exception):
            self.failed(LOOP, fault)
        else:
            loop.default_exception_handler(context)

    # How they are.

    def fails(self, name: str) -> bool:
        """Return whether a task has failed, and has not gone well for long enough since."""
        return self._clock() < self.tasks[name].until

    def failed(self, name: str, fault: Exception) -> None:
        """Count a fault, and log it if it is the first, the tenth, the hundredth … of its kind."""
        if isinstance(fault, ExceptionGroup):
            for each in fault.exceptions:
                self.failed(name, each)
            return
        task, kind, now = self.tasks.setdefault(name, Task()), _kind(fault), self._clock()
        if now < task.until:
            task.pause = min(task.pause * 2, _LONGEST)
        else:
            task.since, task.pause = self._wall(), self._shortest
        task.faults, task.problem, task.until = task.faults + 1, type(fault).__name__, now + task.pause + _PROVEN
        FAULTS.faults += 1
        if kind not in task.kinds and len(task.kinds) >= _MOST_KINDS:
            kind = "other"
        times = task.kinds[kind] = task.kinds.get(kind, 0) + 1
        if str(times).rstrip("0") == "1":
            log.error("a fault of Voltgate: a task failed, and goes on", task=name, times=times, exc_info=fault)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _kind(fault: Exception) -> str:
    """Tell faults apart by what they are and where they were raised, not by their texts: these may be endless."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return type(fault).__name__ + where
