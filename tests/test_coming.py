"""What a gateway waits for while stations come and go."""

from __future__ import annotations

import asyncio

from tests.relay.stage import Shelf
from voltgate.coming import on_disk


async def test_whoever_waits_for_the_disk_may_give_up() -> None:
    """A database that answers when nobody waits any more meets no fault; who still waits is told."""
    shelf = Shelf()
    shelf.slow = True
    gives_up, waits = (asyncio.create_task(on_disk(shelf, "cp-1")) for _ in range(2))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.gather(gives_up, return_exceptions=True)
    shelf.writes()
    assert await waits
