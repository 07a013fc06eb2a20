"""A management system alone, with stations in memory in front of it, a process of its own: what a call of one costs.

Half of the calls are meter values of running transactions, a quarter are Heartbeats, the others StatusNotifications,
Authorize, and the beginnings and ends of transactions: what a charger that is used says in a day. The stations' part of
the work, which is making payloads and counting answers, is in the figures.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec

from voltgate.app.database import upgrade
from voltgate.app.life import freeze
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.tariffs import Tariff
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.ocpp.times import stamp
from voltgate.ocpp.wheel import Wheel
from voltgate.store import Database
from voltgate.store.address import read_address
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore

STATIONS = 500
LARGEST = 6
"""Stations that say the largest message that they may: meter values, by turns of a transaction that runs and ends."""
_BYTES = 1 << 20
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
    """A station in memory; `identity`, `protocol`, `holder`, `said_at` and `command` are what a peer has."""

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

    def hold(self) -> Callable[[], None]:
        """Return what does nothing: nobody keeps anything until it is written down."""
        return lambda: None

    def command(self, call: Call, respond: Respond) -> None:
        """Take a call of the management system."""
        respond(Result(call.id, b'{"status":"Accepted"}'))

    def next(self, respond: Respond) -> None:
        """Say what is next."""
        step = CYCLE[self.said % len(CYCLE)]
        action, payload = getattr(self, f"_{step.lower()}")()
        self.said += 1
        self._handler(Call(f"{self.identity}-{self.said:023}", action, msgspec.json.encode(payload)), respond)

    def largest(self, *, is_end: bool) -> Call:
        """Return the largest message that there may be: the meter values of many hours."""
        name, (action, payload) = ("transactionData", self._stop()) if is_end else ("meterValue", self._values())
        entry = self._values()[1]["meterValue"][0]
        many = _BYTES // (len(msgspec.json.encode(entry)) + 1) - 2
        at = time.time() - many
        payload[name] = [entry | {"timestamp": stamp(at + number)} for number in range(many)]
        self.said += 1
        return Call(f"{self.identity}-{self.said:023}", action, msgspec.json.encode(payload))

    def say(self, call: Call, respond: Respond) -> None:
        """Make a call."""
        self._handler(call, respond)

    def heard(self, reply: Reply) -> None:
        """Take an answer."""
        if not isinstance(reply, Result):
            self.failed += 1
        elif b"transactionId" in reply.payload:
            self._number = reply.fields["transactionId"]

    def _start(self) -> tuple[str, dict[str, Any]]:
        return "StartTransaction", {
            "connectorId": 1,
            "idTag": f"TAG{self.identity}",
            "meterStart": self._register,
            "timestamp": stamp(time.time()),
        }

    def _values(self) -> tuple[str, dict[str, Any]]:
        self._register += 100
        said = [
            (str(self._register), "Energy.Active.Import.Register", "Wh"),
            ("11040.00", "Power.Active.Import", "W"),
            ("41", "SoC", "Percent"),
        ]
        samples = [{"value": value, "measurand": name, "unit": unit} for value, name, unit in said]
        entry = {"timestamp": stamp(time.time()), "sampledValue": samples}
        return "MeterValues", {"connectorId": 1, "transactionId": self._number, "meterValue": [entry]}

    def _beat(self) -> tuple[str, dict[str, Any]]:
        return "Heartbeat", {}

    def _status(self) -> tuple[str, dict[str, Any]]:
        said = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
        return "StatusNotification", said | {"timestamp": stamp(time.time())}

    def _authorize(self) -> tuple[str, dict[str, Any]]:
        return "Authorize", {"idTag": f"TAG{self.identity}"}

    def _stop(self) -> tuple[str, dict[str, Any]]:
        return "StopTransaction", {
            "transactionId": self._number,
            "meterStop": self._register,
            "timestamp": stamp(time.time()),
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


async def measure(url: str, seconds: float) -> dict[str, float]:
    """Measure one node on a database."""
    address = read_address(url)
    await upgrade(address)
    database = Database(address)
    await database.open()
    await TariffStore(database).put(Tariff(name="all", currency="EUR", per_kwh=Decimal("0.4")))
    settings = CsmsSettings(tokens="any")
    csms = ManagementSystem(
        CsmsStore(database), settings, Wheel(0.0), time.monotonic, time.time, str.casefold, database.node
    )

    async def repeat(work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()

    answering = asyncio.gather(*(repeat(work) for _, work in csms.rounds.tasks()))
    stations = [Station(number, csms) for number in range(STATIONS)]
    for number, station in enumerate(stations):
        station.said = number % len(CYCLE)
    await closed(stations, seconds / 4)
    freeze()
    figures = await closed(stations, seconds)
    figures |= await paced(stations, seconds, figures["rate"] / 2)
    figures["held"] = await held(stations) * 1e3
    figures["failed"] = float(sum(each.failed for each in stations))
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await database.close()
    return figures


async def held(stations: list[Station]) -> float:
    """Return how many seconds of CPU time the largest message keeps the loop from everything else: its longest stretch.

    It is the median of some messages, by turns of a transaction that goes on and of one that ends.
    """
    longest: list[float] = []
    for number, station in enumerate(stations[:LARGEST]):
        answers: list[Reply] = []
        call = station.largest(is_end=number % 2 > 0)
        began = time.thread_time()
        station.say(call, answers.append)
        stretches = [time.thread_time() - began]
        while not answers:
            began = time.thread_time()
            await asyncio.sleep(0)
            stretches.append(time.thread_time() - began)
        station.heard(answers[0])
        longest.append(max(stretches))
    return statistics.median(longest)


def main() -> dict[str, float]:
    """Measure what the arguments ask for: URL, core, seconds."""
    url, core, seconds = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    return asyncio.run(measure(url, float(seconds)))


if __name__ == "__main__":
    print(json.dumps(main()))
