"""Long work in slices: a list of a hundred thousand stations must not hold up a single message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 0.005
"""Seconds of work between two looks at the sockets."""
_BETWEEN = 64
"""Things that are done between two looks at the clock."""


async def unhurried(things: Iterable[T]) -> AsyncIterator[list[T]]:
    """Give things a few at a time, and let everybody else go on whenever some milliseconds have gone."""
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
