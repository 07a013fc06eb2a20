"""The measurement of an outage: what a day's messages cost that a backend is owed, on disk and in memory."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from pathlib import Path

from bench.phases import Sample
from voltgate.app.database import upgrade
from voltgate.ocpp.messages import Call
from voltgate.relay.calendar import Calendar
from voltgate.relay.ledger import Ledger
from voltgate.relay.records import Page
from voltgate.store import Database
from voltgate.store.address import read_address

STATIONS = 100
EACH = 1000
"""Messages of one station, as many as the journal takes by default: two sessions with a meter value a minute."""
_PAYLOAD = b'{"connectorId":1,"transactionId":1234567,"meterValue":[%s]}' % (b"x" * 340)


def outage() -> Sample:
    """Measure one store on SQLite: entering, reading back, and what the ledgers of connected stations hold."""
    with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder:
        return Sample("voltgate", 0, asyncio.run(_measured(Path(folder))))


async def _measured(folder: Path) -> dict[str, float]:
    address = read_address("sqlite:///outage.db", folder)
    await upgrade(address)
    store = Database(address)
    await store.open()
    empty = (folder / "outage.db").stat().st_size
    began = time.monotonic()
    for number in range(STATIONS):
        await _owe(store, _ledger(store, Page(f"CP-{number:05d}")))
    seconds = time.monotonic() - began
    held = await _held(store)
    await store.close()
    size = (folder / "outage.db").stat().st_size - empty
    return {
        "entered": STATIONS * EACH / seconds,
        "kilobytes": held / STATIONS / 1024,
        "disk": size / STATIONS / EACH,
    }


def _ledger(store: Database, page: Page) -> Ledger:
    return Ledger(page.station, store, Calendar(time.time, time.monotonic), lambda: 0.5, page)


async def _owe(store: Database, ledger: Ledger) -> None:
    """Enter the messages of one station, and wait until they are on disk."""
    for number in range(EACH):
        ledger.owe("billing", Call(f"{number:036d}", "MeterValues", _PAYLOAD), None)
    written = asyncio.Event()
    store.after(lambda _: written.set(), ledger.station)
    await written.wait()


async def _held(store: Database) -> float:
    """Return the bytes that the ledgers of all stations hold once they have come."""
    gc.collect()
    tracemalloc.start()
    try:
        ledgers = [_ledger(store, await store.pages.load(f"CP-{number:05d}")) for number in range(STATIONS)]
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(ledger.journal.messages("billing") == EACH for ledger in ledgers)
    return float(held)
