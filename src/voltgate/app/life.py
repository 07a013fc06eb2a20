"""What every process of Voltgate does from its start to its end, whatever it is made of."""

from __future__ import annotations

import asyncio
import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltgate import __version__
from voltgate.app.reloading import Reloading
from voltgate.carriers.websocket import tls
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.calendar import Calendar
from voltgate.store import Database
from voltgate.store.chain import GATEWAY
from voltgate.telemetry.supervision import Supervision
from voltgate.web.audited import line

TICK = 0.1
"""Seconds between ticks of the wheel."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running process listens, for its starter. `listeners` are URLs for stations, by carrier.

    `consumes` names the backends whose queues a CSMS node consumes; `unknown` is what becomes of stations nobody knows.
    """

    listeners: Mapping[str, tuple[str, ...]]
    http: str | None
    source: Path | None
    backends: tuple[str, ...]
    consumes: tuple[str, ...] = ()
    unknown: str = ""


class Life(ABC):
    """One process: its deadlines are kept, its tasks looked after, and its configuration changes."""

    def __init__(
        self,
        wheel: Wheel,
        clock: Callable[[], float],
        calendar: Calendar,
        supervision: Supervision,
        reload: Reloading,
    ) -> None:
        self._wheel = wheel
        self._clock = clock
        self._calendar = calendar
        self._supervision = supervision
        self._reload = reload
        self._ticking: asyncio.TimerHandle | None = None

    @abstractmethod
    async def live(self, ready: Callable[[Running], None], stop: asyncio.Event) -> None:
        """Do what the process is for until `stop` is set, then end in order. Raise OSError when it cannot begin."""

    def begin_watching(self, asked: asyncio.Event) -> asyncio.Task[None]:
        """Begin the task that changes the configuration."""
        return self._supervision.keep("configuration", lambda: self._reload.watch(asked))

    def _start_ticking(self) -> None:
        """Keep deadlines from now on, and look after what reaches the event loop itself."""
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        self._tick()

    def _tick(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)
        with self._supervision.watching("deadlines"):
            self._wheel.tick(self._clock())
            self._ticked()

    def _ticked(self) -> None:
        """Do what is to be done with each tick."""
        self._calendar()  # so that no jump goes unnoticed

    def _stop_ticking(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what reaches the event loop itself."""
        if not tls.is_hang_up(context):
            self._supervision.of_the_loop(loop, context)


async def run_through(
    process: Life, ready: Callable[[Running], None], stop: asyncio.Event, reload: asyncio.Event
) -> None:
    """Run a process in this loop until `stop` is set; `reload` makes it read its configuration again."""
    watching = process.begin_watching(reload)
    try:
        await process.live(ready, stop)
    finally:
        await ended([watching])


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    """End tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def finished(tasks: list[asyncio.Task[None]], grace: float) -> None:
    """Wait until tasks that were told to end have ended; end those that have not after `grace` seconds."""
    if tasks:
        await asyncio.wait(tasks, timeout=grace)
    await ended(tasks)


def freeze() -> None:
    """Keep the collector from walking over all that lives again and again: a full collection stops the loop."""
    gc.set_threshold(100_000, 50, 1000)
    gc.collect()
    gc.freeze()


def note_life(database: Database, action: str) -> None:
    """Have the audit trail say that a process begins (Start) or ends (Stop): one that was killed has not ended."""
    database.put(line(GATEWAY, action, "passed", __version__, f"node {database.node}"))
