"""One fault run, from the first charge to the comparison of the books."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from chaos.books import Verdict, compare
from chaos.charger import Charger, Deeds
from chaos.faults import Faults, Mortal
from tests.harness import free_port
from tests.servers import PostgreSQL, postgresql

_DRAIN = 90.0
"""Seconds that everything may take to arrive after the last fault."""

_CONFIGURATION = """\
[listen]
stations = ["ws://127.0.0.1:{port}"]
http = "127.0.0.1:{http}"
[store]
url = "{store}"
patience = 1
[journal]
rate = 10000
attempts = 1000
[limits]
handshakes_per_second = 0
[backends.billing]
url = "ws://127.0.0.1:{billing}/{{station}}"
deliver = "always"
when_down = "answer"
stand_in = {{ accept = "all" }}
retry = {{ first = 0.1, max = 0.5 }}
[backends.employer]
url = "ws://127.0.0.1:{employer}/{{station}}"
deliver = "always"
wait = 2
retry = {{ first = 0.1, max = 0.5 }}
[routes.main]
admit = "gateway"
rules = [
  {{ tokens = ["EMP*"], answer = "employer", copy = ["billing"] }},
  {{ answer = "billing", copy = ["employer"] }},
]
[[stations]]
match = "*"
[log]
format = "json"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many, and from which seed."""

    stations: int
    seconds: float
    seed: int
    database: Literal["sqlite", "postgresql"] = "sqlite"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    deeds: Deeds
    faults: Counter[str]
    verdict: Verdict
    log: str

    @property
    def good(self) -> bool:
        """Tell whether nothing was lost, doubled or somebody else's."""
        fair = self.verdict.good and not self.deeds.errors and "Traceback" not in self.log
        return fair and all(charge.ended for charge in self.deeds.charges)


@contextlib.contextmanager
def _database(plan: Plan, folder: Path) -> Iterator[tuple[str, Path | PostgreSQL]]:
    if plan.database == "sqlite":
        yield f"sqlite:///{folder / 'voltgate.db'}", folder / "voltgate.db"
        return
    with postgresql() as server:
        configuration = folder / "upgrade.toml"
        configuration.write_text(f'[store]\nurl = "{server.url}"\n')
        command = [sys.executable, "-m", "voltgate", "db", "upgrade", "-c", str(configuration)]
        subprocess.run(command, check=True, capture_output=True)
        yield server.url, server


async def run(plan: Plan, folder: Path) -> Outcome:
    """Charge and break things for a while, let everything arrive, and compare the books."""
    with _database(plan, folder) as (url, database):
        return await _run(plan, folder, url, database)


async def _run(plan: Plan, folder: Path, store: str, database: Path | PostgreSQL) -> Outcome:
    random = Random(plan.seed)
    ports = {name: free_port() for name in ("port", "http", "billing", "employer")}
    file = folder / "voltgate.toml"
    file.write_text(_CONFIGURATION.format(store=store, **ports))
    books = {name: folder / f"{name}.jsonl" for name in ("billing", "employer")}
    gateway = Mortal(["-m", "voltgate", "run", "-c", str(file)], folder / "voltgate.log")
    backends = [
        Mortal(["-m", "chaos.backend", name, str(ports[name]), str(path)], folder / f"{name}.log")
        for name, path in books.items()
    ]
    deeds = Deeds()
    address = f"ws://127.0.0.1:{ports['port']}"
    chargers = [
        Charger(address, f"CP-{n:04}", ("ocpp1.6", "ocpp2.0.1")[n % 2], Random(plan.seed * 100_003 + n), deeds)
        for n in range(plan.stations)
    ]
    faults = Faults(gateway, backends, chargers, database, random)
    over, gone = asyncio.Event(), asyncio.Event()
    try:
        for mortal in (*backends, gateway):
            mortal.start()
        with contextlib.suppress(TimeoutError):  # a charger that hangs has not ended its charge
            async with asyncio.timeout(plan.seconds + 2 * _DRAIN), asyncio.TaskGroup() as living:
                for charger in chargers:
                    living.create_task(charger.charge_until(over, gone))
                living.create_task(_direct(plan, faults, over, gone, deeds, books))
    finally:
        for mortal in (*backends, gateway):
            mortal.kill()
    log = (folder / "voltgate.log").read_text(errors="replace")
    return Outcome(deeds, faults.counts, compare(deeds.charges, books), log)


async def _direct(
    plan: Plan, faults: Faults, over: asyncio.Event, gone: asyncio.Event, deeds: Deeds, books: dict[str, Path]
) -> None:
    """Let faults happen for the time of the plan, then wait until every book is whole."""
    raging = asyncio.ensure_future(faults.rage(over))
    await asyncio.sleep(plan.seconds)
    over.set()
    await raging
    until = asyncio.get_running_loop().time() + _DRAIN
    while asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.5)
        if all(charge.ended for charge in deeds.charges) and not compare(deeds.charges, books).lost:
            break
    gone.set()
