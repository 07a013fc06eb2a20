"""A management system alone, with stations in memory in front of it, a process of its own: what a call of one costs.

Half of the calls are meter values of running transactions, a quarter are Heartbeats, the others StatusNotifications,
Authorize, and the beginnings and ends of transactions: what a charger that is used says in a day. The stations' part of
the work, which is making payloads and counting answers, is in the figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import random
import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec
from sqlalchemy import insert

from voltgate.app.database import upgrade
from voltgate.csms.model import Transaction
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.tariffs import Tariff
from voltgate.csms.times import written
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.ocpp.wheel import Wheel
from voltgate.store import Database
from voltgate.store.address import read_address
from voltgate.store.csms.queries import CsmsQueries, TransactionFilter, TransactionSort
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore

STATIONS = 500
CYCLE = (
    "Start",
    "Values",
    "Beat",
    "Values",
    "Status",
    "Values",
    "Beat",
    "Values",
    "Authorize",
    "Values",
    "Beat",
    "Stop",
)
"""What a station says, again and again; each begins at another place."""


class Station:
    """A station in memory; its public names but `said`, `failed`, `next` and `heard` are what a peer has."""

    protocol = "ocpp1.6"
    holder = ""
    said_at = 0.0

    def __init__(self, number: int, csms: ManagementSystem) -> None:
        self.identity = f"CP-{number:05}"
        self.said = self.failed = 0
        self.latencies: list[float] = []
        self._number = 0
        self._register = 1000 * number
        self._handler: Handler = csms.serve(self)

    def command(self, call: Call, respond: Respond) -> None:
        """Take a call of the management system."""
        respond(Result(call.id, b'{"status":"Accepted"}'))

    def next(self, respond: Respond) -> None:
        """Say what is next."""
        step = CYCLE[self.said % len(CYCLE)]
        action, payload = getattr(self, f"_{step.lower()}")()
        self.said += 1
        self._handler(Call(f"{self.identity}-{self.said:023}", action, msgspec.json.encode(payload)), respond)

    def heard(self, reply: Reply) -> None:
        """Take an answer."""
        if not isinstance(reply, Result):
            self.failed += 1
        elif b"transactionId" in reply.payload:
            self._number = reply.fields["transactionId"]

    def _start(self) -> tuple[str, object]:
        return "StartTransaction", {
            "connectorId": 1,
            "idTag": f"TAG{self.identity}",
            "meterStart": self._register,
            "timestamp": written(time.time()),
        }

    def _values(self) -> tuple[str, object]:
        self._register += 100
        said = [
            (str(self._register), "Energy.Active.Import.Register", "Wh"),
            ("11040.00", "Power.Active.Import", "W"),
            ("41", "SoC", "Percent"),
        ]
        samples = [{"value": value, "measurand": name, "unit": unit} for value, name, unit in said]
        entry = {"timestamp": written(time.time()), "sampledValue": samples}
        return "MeterValues", {"connectorId": 1, "transactionId": self._number, "meterValue": [entry]}

    def _beat(self) -> tuple[str, object]:
        return "Heartbeat", {}

    def _status(self) -> tuple[str, object]:
        said = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
        return "StatusNotification", said | {"timestamp": written(time.time())}

    def _authorize(self) -> tuple[str, object]:
        return "Authorize", {"idTag": f"TAG{self.identity}"}

    def _stop(self) -> tuple[str, object]:
        return "StopTransaction", {
            "transactionId": self._number,
            "meterStop": self._register,
            "timestamp": written(time.time()),
            "reason": "Local",
        }


async def closed(stations: list[Station], seconds: float) -> dict[str, float]:
    """Have each station say the next thing as soon as it is answered."""
    over = False

    def begin(station: Station) -> None:
        def respond(reply: Reply) -> None:
            loop.call_soon(answered, station, reply)

        station.next(respond)

    def answered(station: Station, reply: Reply) -> None:
        station.heard(reply)
        if not over:
            begin(station)

    loop, gone = asyncio.get_running_loop(), sum(each.said for each in stations)
    began, spent = time.monotonic(), time.process_time()
    for station in stations:
        begin(station)
    await asyncio.sleep(seconds)
    over = True
    told = sum(each.said for each in stations) - gone
    passed, spent = time.monotonic() - began, time.process_time() - spent
    await asyncio.sleep(1)
    return {"rate": told / passed, "micros": spent / told * 1e6, "share": spent / passed}


async def paced(stations: list[Station], seconds: float, rate: float) -> dict[str, float]:
    """Have stations say things at a rate, whoever was answered; return how long answers take."""
    took: list[float] = []
    free, loop = list(stations), asyncio.get_running_loop()
    random.Random(1).shuffle(free)

    def say(station: Station) -> None:
        asked = time.monotonic()

        def respond(reply: Reply) -> None:
            took.append(time.monotonic() - asked)
            station.heard(reply)
            loop.call_soon(free.append, station)

        station.next(respond)

    began, told, missed = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate)
        while told < due:
            told += 1
            if free:
                say(free.pop(0))
            else:
                missed += 1
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    took.sort()
    p50, p99 = (took[min(len(took) - 1, math.ceil(len(took) * part) - 1)] for part in (0.5, 0.99))
    return {"paced": told / seconds, "p50": p50 * 1e3, "p99": p99 * 1e3, "missed": float(missed)}


async def measure(url: str, folder: Path, seconds: float) -> dict[str, float]:
    """Measure one node on a database."""
    address = read_address(url, folder)
    await upgrade(address)
    database = Database(address)
    await database.open()
    await TariffStore(database).put(Tariff(name="all", currency="EUR", per_kwh=Decimal("0.4")))
    settings = CsmsSettings(tokens="any")
    csms = ManagementSystem(
        CsmsStore(database), settings, Wheel(0.0), time.monotonic, time.time, str.casefold, database.node
    )

    async def answer() -> None:
        while True:
            await csms.rounds.run()

    answering = asyncio.ensure_future(answer())
    stations = [Station(number, csms) for number in range(STATIONS)]
    for number, station in enumerate(stations):
        station.said = number % len(CYCLE)
    await closed(stations, seconds / 4)
    gc.collect()
    gc.freeze()
    figures = await closed(stations, seconds)
    figures |= await paced(stations, seconds, figures["rate"] / 2)
    figures["failed"] = float(sum(each.failed for each in stations))
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await database.close()
    return figures


async def lists(url: str, folder: Path, rows: int) -> dict[str, float]:
    """Measure the lists of transactions that people look at, of a database that has many."""
    address = read_address(url, folder)
    await upgrade(address)
    database = Database(address)
    await database.open()
    for at in range(0, rows, 10_000):
        many = [_ended(number) for number in range(at, at + 10_000)]
        mine = shape(Transaction)
        async with database.there().begin() as connection:
            values = [dict(zip(mine.names, row, strict=True)) for row in zip(*mine.written(many), strict=True)]
            await connection.execute(insert(mine.table), values)
    queries = CsmsQueries(database)
    kinds: dict[str, tuple[TransactionFilter, TransactionSort]] = {
        "all": (TransactionFilter(), "began"),
        "station": (TransactionFilter(station="old-00077"), "began"),
        "token": (TransactionFilter(token="TAG77"), "began"),
        "days": (TransactionFilter(began_from=_FIRST + rows * 30, began_to=_FIRST + rows * 30 + 86_400), "began"),
        "running": (TransactionFilter(state="running"), "began"),
        "running by end": (TransactionFilter(state="running"), "ended"),
    }
    figures: dict[str, float] = {"rows": float(rows)}
    for name, (wanted, sort) in kinds.items():
        took: list[float] = []
        after: str | None = None
        for _ in range(60):
            began = time.monotonic()
            found = await queries.list_transactions(wanted, sort, after)
            took.append(time.monotonic() - began)
            after = found.after
        figures[f"{name} p95"] = sorted(took)[int(len(took) * 0.95)] * 1e3
    await database.close()
    return figures


_FIRST = 1_700_000_000.0


def _ended(number: int) -> Transaction:
    began, station = _FIRST + number * 60, f"old-{number % 1000:05}"  # none of those that were measured before
    running = number % 10_000 == 9999
    tx = Transaction(station, str(number + 1), number + 1, version="ocpp1.6", evse=1, connector=1)
    tx.token, tx.began, tx.began_received, tx.meter_start = f"TAG{number % 5000}", began, began, number * 10.0
    if not running:
        tx.state, tx.ended, tx.ended_received, tx.energy = "ended", began + 3000, began + 3000, 11_000.0
        tx.meter_stop, tx.currency, tx.cost, tx.cost_data = number * 10.0 + 11_000, "EUR", 523, b"{}" * 200
    return tx


def main() -> dict[str, float]:
    """Measure what the arguments ask for: what, URL, folder, core, and seconds or rows."""
    what, url, folder, core, much = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    if what == "lists":
        return asyncio.run(lists(url, Path(folder), int(much)))
    return asyncio.run(measure(url, Path(folder), float(much)))


if __name__ == "__main__":
    print(json.dumps(main()))
