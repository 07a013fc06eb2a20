"""A management system with simulated stations, for pages that tell stations something."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tests.dashboard.theatre import Theatre
from tests.harness import until
from tests.simulator.world import STILL, running
from tests.web.client import asking
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import StationSettings

CONFIG: dict[str, Any] = {"backends": {"csms": {"url": "local:"}}}
VERSIONS = {"A": "ocpp1.6", "B": "ocpp2.0.1"}
"""The prefix of the stations of each version: A00001, B00001."""


@contextlib.contextmanager
def simulated(theatre: Theatre, others: Sequence[str] = ()) -> Iterator[None]:
    """Run a station of each version, which the management system knows, as well as some others that never come."""
    stopped = asyncio.Event()
    started: list[asyncio.Task[None]] = []

    async def run(prefix: str, version: str, ready: asyncio.Event) -> None:
        settings = StationSettings(history=1000).impatient()
        url = theatre.gateway.url("").rstrip("/")
        async with running(Plan(url, 1, (version,), STILL, settings, prefix, duration=None)) as simulation:
            await simulation.until(lambda: simulation.fleet.chargers[0].online)
            ready.set()
            await stopped.wait()

    async def start() -> None:
        async with asking(theatre.gateway.http_port, theatre.tokens["admin"]) as api:
            for identity in (*(f"{prefix}00001" for prefix in VERSIONS), *others):
                (await api.post("/csms/stations", {"identity": identity})).gives(201)
            for prefix, version in VERSIONS.items():
                ready = asyncio.Event()
                task = asyncio.ensure_future(run(prefix, version, ready))
                started.append(task)
                waiting = asyncio.ensure_future(ready.wait())
                await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                assert ready.is_set(), task

                async def there(prefix: str = prefix) -> bool:
                    return bool((await api.get(f"/csms/stations/{prefix}00001")).gives(200)["connected"])

                await until(there, f"{prefix} is connected")

    async def stop() -> None:
        stopped.set()
        await asyncio.gather(*started)

    theatre.play(start())
    try:
        yield
    finally:
        theatre.play(stop())
