"""Alerts in memory: they outlive whoever is cut off while reading or writing them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter

from tests.harness.waiting import until
from voltgate.relay.records import StoreAway
from voltgate.store.alerts_here import AlertsHere


async def test_nobody_who_is_cut_off_takes_them_along() -> None:
    """Pages are closed in the middle of a question: what is kept in memory is there for the next who asks."""
    store = AlertsHere("one")
    try:
        errors: Counter[str] = Counter()
        for place in range(300):
            asked = [asyncio.create_task(store.alerts((), None, 10)) for _ in range(3)]
            await asyncio.sleep(random.random() * 0.004)
            for each in asked:
                each.cancel()
            for result in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(result, StoreAway):
                    errors[str(result)] += 1
            if place % 10 == 0:
                assert await store.alerts((), None, 10) == []
        assert not errors
    finally:
        await store.close()
        await until(lambda: not _threads(), "connections that were given up are closed")


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if "_connection_worker_thread" in each.name]
