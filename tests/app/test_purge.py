"""When what is too old is deleted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from voltgate.app import operating
from voltgate.app.operating import Operating
from voltgate.config.csms import Csms
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway


async def test_a_database_that_is_away_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for meter values soon after it is there, not an hour later; then it is looked at every hour."""
    slept: list[float] = []
    away = [StoreAway("away"), None]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def tend(keep: object) -> None:
        if (problem := away.pop(0)) is not None:
            raise problem

    async def purge(oldest: float) -> None:
        slept.append(0)

    monkeypatch.setattr(operating, "asyncio", SimpleNamespace(sleep=sleep))
    parts: Any = SimpleNamespace(jobs=SimpleNamespace(purge=purge))
    aging: Any = SimpleNamespace(tend=tend)
    config: Any = SimpleNamespace(csms=Csms())
    runner: Any = None
    tending = Operating(parts, runner, aging, Calendar(lambda: 0.0, lambda: 0.0), lambda: config)
    await tending.purge()
    await tending.purge()
    assert slept == [10, 0, 3600]
