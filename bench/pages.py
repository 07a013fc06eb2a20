"""The measurement of pages: how long a station that comes waits for what is on record of it, while others write."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from random import Random

from sqlalchemy import Connection, event
from sqlalchemy.util import await_only

from bench.machine import Failure
from bench.phases import Sample
from voltgate.app.database import upgrade
from voltgate.relay.records import OwedRecord, StoreAway
from voltgate.store import Database
from voltgate.store.address import read_address

RATE = 2000.0
"""Records a second that are written."""
COMMIT = 0.020
"""Seconds that a commit takes at least, as on a disk that is far away."""
STATIONS = 1000
EACH = 20
"""Messages that are owed of each station at the start."""
COMING = 100.0
"""Stations a second that come; one in two has put something just before."""
SECONDS = 10.0
_STEP = 0.005


def pages() -> Sample:
    """Measure one store on SQLite."""
    with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder:
        waits = sorted(asyncio.run(_measured(Path(folder))))
    figures = {"p50": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100], "max": waits[-1]}
    return Sample("voltgate", 0, {name: seconds * 1000 for name, seconds in figures.items()})


async def _measured(folder: Path) -> list[float]:
    address = read_address("sqlite:///pages.db", folder)
    await upgrade(address)
    store = Database(address)
    await store.open()
    for number in range(STATIONS * EACH):
        store.put(_owed(number))
    await _written(store)
    assert store.engine is not None
    event.listen(store.engine.sync_engine, "commit", _take_time)
    traffic = asyncio.create_task(_write_on(store))
    try:
        return await _come(store)
    except StoreAway as away:
        raise Failure(f"a page was not read: {away}") from away
    finally:
        traffic.cancel()
        event.remove(store.engine.sync_engine, "commit", _take_time)
        await _written(store)
        await store.close()


def _take_time(_: Connection) -> None:
    await_only(asyncio.sleep(COMMIT))


def _owed(number: int) -> OwedRecord:
    station, seq = f"CP-{number % STATIONS:05d}", number // STATIONS
    return OwedRecord(station, seq, "billing", time.time(), "MeterValues", f"{number:036d}", b"x" * 400, "")


async def _write_on(store: Database) -> None:
    """Put records at a steady rate, for ever."""
    began, number = time.monotonic(), STATIONS * EACH
    while True:
        due = STATIONS * EACH + int((time.monotonic() - began) * RATE)
        while number < due:
            store.put(_owed(number))
            number += 1
        await asyncio.sleep(_STEP)


async def _come(store: Database) -> list[float]:
    """Let stations come, one after the other, each without waiting for the one before; give the waits in seconds."""
    random = Random(1)
    began = time.monotonic()
    coming: list[asyncio.Task[float]] = []
    while len(coming) < SECONDS * COMING:
        await asyncio.sleep(max(0.0, began + len(coming) / COMING - time.monotonic()))
        number = random.randrange(STATIONS)
        if len(coming) % 2:
            store.put(_owed(10**9 + number))
        coming.append(asyncio.create_task(_read(store, f"CP-{number:05d}")))
    return await asyncio.gather(*coming)


async def _read(store: Database, station: str) -> float:
    began = time.monotonic()
    await store.pages.load(station)
    return time.monotonic() - began


async def _written(store: Database) -> None:
    while store.state.pending:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.02)
