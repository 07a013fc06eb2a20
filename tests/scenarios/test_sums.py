"""What simulated stations have charged, in the database of a process that was killed in the middle of it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from tests.harness import free_port, toml, until
from tests.harness.command import VOLTGATE
from voltgate.app.database import upgrade
from voltgate.csms.tariffs import Tariff
from voltgate.ocpp.schemas import load
from voltgate.simulator.fleet import Fleet, Plan
from voltgate.simulator.history import TransactionRecord
from voltgate.simulator.profile import PROFILES, StationSettings
from voltgate.store import Database
from voltgate.store.address import read_address
from voltgate.store.csms.tariffs import TariffStore

STATIONS, TRANSACTIONS, KILLS = 18, 60, 3
PER_KWH = "123.457"
"""So dear that each Wh is seen in the cost."""


async def test_what_was_charged_is_in_the_database(tmp_path: Path) -> None:
    """Each transaction once, to the Wh and the cent, although the process was killed three times meanwhile."""
    port, path = free_port(), tmp_path / "sums.db"
    await _price(path)
    configuration = {
        "listen": {"stations": [f"ws://127.0.0.1:{port}"]},
        "store": {"url": f"sqlite:///{path}"},
        "backends": {"csms": {"url": "local:"}},
        "csms": {"tokens": "any"},
        "routes": {"main": {"rules": [{"answer": "csms"}]}},
        "stations": [{"match": "*"}],
    }
    (tmp_path / "voltgate.toml").write_text(toml(configuration))
    load()
    settings = StationSettings(timeout=3, transactions=TRANSACTIONS, history=TRANSACTIONS, attempts=1000).impatient()
    plan = Plan(
        f"ws://127.0.0.1:{port}",
        STATIONS,
        ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"),
        PROFILES["busy"],
        settings,
        duration=None,
    )
    fleet, over = Fleet(plan, lambda error: None), asyncio.Event()
    running = asyncio.ensure_future(fleet.run(over))
    for kill in range(1, KILLS + 1):
        async with _process(tmp_path) as process:
            enough = TRANSACTIONS * kill // (KILLS + 1)
            await until(lambda enough=enough: len(list(_confirmed(fleet))) >= enough, "they charge", 60)
            process.send_signal(signal.SIGKILL)
            await process.wait()
    async with _process(tmp_path):
        await until(lambda: len(list(_confirmed(fleet))) == TRANSACTIONS, "all is said", 60)
        over.set()
        await running
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "SELECT station, ref, meter_stop, energy, cost, state, estimated, missing FROM csms_transactions"
        ).fetchall()
    database.close()
    said = [(station.casefold(), str(each.name), *_sums(each), "ended", "", "") for station, each in _confirmed(fleet)]
    assert sorted(rows) == sorted(said)


def _confirmed(fleet: Fleet) -> Iterator[tuple[str, TransactionRecord]]:
    for charger in fleet.chargers:
        yield from ((charger.identity, record) for record in charger.history if record.confirmed)


def _sums(record: TransactionRecord) -> tuple[int, int, int]:
    """Return the last reading of the meter, the Wh, and the cents that they cost."""
    assert record.meter_stop is not None
    energy = record.meter_stop - record.meter_start
    return record.meter_stop, energy, int(Fraction(energy, 1000) * Fraction(PER_KWH) * 100 + Fraction(1, 2))


async def _price(path: Path) -> None:
    address = read_address(f"sqlite:///{path}", path.parent)
    await upgrade(address)
    database = Database(address)
    await database.open()
    await TariffStore(database).put(Tariff(name="all", currency="EUR", per_kwh=Decimal(PER_KWH)))
    await database.close()


@asynccontextmanager
async def _process(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    log = (folder / "voltgate.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        *VOLTGATE, "run", "-c", str(folder / "voltgate.toml"), stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        log.close()
