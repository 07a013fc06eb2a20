"""Waits that have a deadline: a test that hangs fails and names what it waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

DEADLINE = 30.0
"""Seconds after which a wait counts as a hang; enough for a slow machine under load."""

T = TypeVar("T")


async def within(awaitable: Awaitable[T], what: str, seconds: float = DEADLINE) -> T:
    """Await something that must happen; fail with `what` if it takes longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):  # `wait_for` forgets that it was cancelled when an answer comes with that
            return await awaitable
    except TimeoutError:
        raise AssertionError(f"waited {seconds:.0f} s for: {what}") from None


async def until(holds: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Poll until `holds` returns (or its awaitable results in) a true value, and return that value."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for: {what} (last seen: {found!r})")
        await asyncio.sleep(0.01)
