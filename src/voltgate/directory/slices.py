"""Long work in slices: a list of a hundred thousand stations must not delay a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 0.005
"""Seconds of work between two turns of the event loop."""
_BETWEEN = 64
"""Items between two readings of the clock."""


async def unhurried(things: Iterable[T]) -> AsyncIterator[list[T]]:
    """Yield items a few at a time, and yield to the event loop after every few milliseconds."""
    few: list[T] = []
    began = time.monotonic()
    for thing in things:
        few.append(thing)
        if len(few) == _BETWEEN:
            yield few
            few = []
            if time.monotonic() - began > _LONGEST:
                await asyncio.sleep(0)
                began = time.monotonic()
    yield few
