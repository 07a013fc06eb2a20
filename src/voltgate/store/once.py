"""Callbacks of those who wait for the database: called once, within a bounded time, and no danger to whoever calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from voltgate.ocpp.counts import FAULTS

T = TypeVar("T")

log = structlog.get_logger("voltgate.store")


class Once(Generic[T]):
    """A callback that is called once: with an answer, or with `late` after `patience` seconds.

    What it raises is logged and counted as a fault of Voltgate, and goes no further: others wait, too.
    """

    __slots__ = ("_then", "_timer")

    def __init__(self, then: Callable[[T], None], late: T, patience: float) -> None:
        self._then = then
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(patience, self, late)

    def __call__(self, answer: T) -> None:
        """Hand over the answer, unless there was one."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        tell(self._then, answer)


def tell(then: Callable[[T], None], answer: T) -> None:
    """Call somebody else's callback; log and count what it raises."""
    try:
        then(answer)
    except Exception:
        FAULTS.faults += 1
        log.exception("a fault of Voltgate: what waited for the database failed")
