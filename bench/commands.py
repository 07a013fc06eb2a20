"""The measurement of commands: calls of the API at 1, 2 and 4 gateways, for stations that another one holds."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from bench.cluster import Cluster, Counters, Databank, databank, store
from bench.contenders import Place
from bench.machine import Cores, Failure, Spent
from bench.phases import Plan, Sample
from bench.results import Results
from bench.tables import table
from bench.worker import Message, Worker, job, run, serve

GATEWAYS = (1, 2, 4)
STATIONS = 200
"""Stations of each gateway."""
RATE = 40.0
"""Commands a second that all gateways together are asked for: few, so that no two of them share a commit."""
QUIET = 4.0
"""Seconds in which nobody asks anything, for what gateways cost all the same."""
WINDOW = 8.0
TOGETHER = 16
"""Commands under way at once, at each gateway."""
TOKEN = "bench-" + "0123456789abcdef" * 2
BODY = b'{"action":"ClearCache","payload":{}}'


def settings(place: Place, url: str) -> str:
    """Write the configuration of one of several gateways on a PostgreSQL."""
    return f"""
admin_token = "{TOKEN}"

[listen]
stations = ["ws://127.0.0.1:{place.port}"]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000
messages_per_second = 100000
commands_per_second = 100000
commands_burst = 1000000
command_bytes_per_second = 1073741824

{store(url)}
[backends.first]
url = "ws://127.0.0.1:{place.backend}/{{station}}"

[routes.bench]
rules = [{{ answer = "first" }}]

[[stations]]
match = "*"
route = "bench"
"""


class Commanded(Cluster):
    """Gateways whose stations do what they are asked."""

    task: Mapping[str, Any] = {"obliging": True}


def commands(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure what a command costs all gateways and the database, at the same rate for any number of gateways."""
    figures: dict[str, float] = {}
    faults = 0
    foreign = 0.0
    for gateways in GATEWAYS:
        found, failed, spent = _measured(gateways, cores)
        figures |= {f"{name}{gateways}": value for name, value in found.items()}
        faults += failed
        foreign = max(foreign, spent.foreign)
    return Sample("voltgate", number, figures, {"unanswered": faults} if faults else {}, foreign)


def _measured(gateways: int, cores: Cores) -> tuple[dict[str, float], int, Spent]:
    with (
        databank(cores) as database,
        Commanded(partial(settings, url=database.url), cores, (cores.proxy,) * gateways) as cluster,
    ):
        cluster.open(STATIONS * gateways)
        cluster.boot()
        ports = [gateway.http for gateway in cluster.gateways]
        commander = Worker("bench.commands", {"ports": ports, "spin": False}, cores.others)
        try:
            commander.ready()
            commander.ask({"rate": RATE, "seconds": 1.0})
            idle, idling = _spent(cluster, database, QUIET)
            told, (spent, counters) = _commanded(cluster, database, commander)
            most = commander.ask({"rate": 0.0, "seconds": WINDOW / 2})
        finally:
            commander.close()
    if not told["done"]:
        raise Failure(f"no command was answered: {told['problem']}")
    done, part = told["done"], spent.seconds / idle.seconds
    figures = {
        "milliseconds": (spent.total - idle.total * part) / done * 1e3,
        "database": (counters.seconds - idling.seconds * part) / done * 1e3,
        "statements": (counters.statements - idling.statements * part) / done,
        "commits": (counters.commits - idling.commits * part) / done,
        "p50": told["p50"] * 1000,
        "p99": told["p99"] * 1000,
        "rate": most["done"] / most["seconds"],
        "idle": idle.total / idle.seconds / gateways * 1000,
    }
    return figures, told["failed"] + most["failed"], spent


def _spent(cluster: Cluster, database: Databank, seconds: float) -> tuple[Spent, Counters]:
    before, counted = cluster.usage(), database.counters()
    time.sleep(seconds)
    return cluster.usage().since(before), database.counters().since(counted)


def _commanded(cluster: Cluster, database: Databank, commander: Worker) -> tuple[Message, tuple[Spent, Counters]]:
    before, counted = cluster.usage(), database.counters()
    told = commander.ask({"rate": RATE, "seconds": WINDOW}, WINDOW + 60)
    return told, (cluster.usage().since(before), database.counters().since(counted))


# The process that asks.


class Caller:
    """Kept connections to the API of one gateway; it asks for stations of the next one."""

    def __init__(self, gateway: int, ports: list[int]) -> None:
        self._port = ports[gateway]
        first = (gateway + 1) % len(ports) * 20000
        self._stations: Iterator[str] = itertools.cycle(f"CP-{first + n:05d}" for n in range(STATIONS))
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.latencies: list[float] = []
        self.failed = 0
        self.problem = ""

    async def command(self, due: float) -> None:
        """Make one command; its latency counts from when it was due."""
        said = await self._exchange(next(self._stations))
        self.latencies.append(time.monotonic() - due)
        if not (said.startswith(b"HTTP/1.1 200") and b'"Accepted"' in said):
            self.failed += 1
            self.problem = said[:300].decode(errors="replace")

    async def _exchange(self, station: str) -> bytes:
        reader, writer = await self._connection()
        head = (
            f"POST /api/v1/stations/{station}/calls HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        writer.write(head.encode() + BODY)
        said = await reader.readuntil(b"\r\n\r\n")
        length = said.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        said += await reader.readexactly(int(length))
        self._kept.append((reader, writer))
        return said

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Give one that is kept, unless the gateway has closed it meanwhile."""
        while self._kept:
            reader, writer = self._kept.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close what is kept."""
        for _, writer in self._kept:
            writer.close()

    async def paced(self, rate: float, until: float) -> None:
        """Ask at a steady rate, whatever the answers take."""
        due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while due < until:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(self.command(due))
                due += 1 / rate

    async def busily(self, until: float) -> None:
        """Ask again as soon as there is an answer."""

        async def on() -> None:
            while (now := time.monotonic()) < until:
                await self.command(now)

        async with asyncio.TaskGroup() as group:
            for _ in range(TOGETHER):
                group.create_task(on())


async def ask(message: Message) -> Message:
    """Ask all gateways for some seconds."""
    ports = job()["ports"]
    callers = [Caller(number, ports) for number in range(len(ports))]
    began = time.monotonic()
    until, rate = began + message["seconds"], message["rate"] / len(ports)
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.paced(rate, until) if rate else caller.busily(until))
    for caller in callers:
        caller.close()
    latencies = sorted(itertools.chain.from_iterable(caller.latencies for caller in callers))
    failed = sum(caller.failed for caller in callers)
    return {
        "seconds": time.monotonic() - began,
        "done": len(latencies) - failed,
        "failed": failed,
        "problem": next((caller.problem for caller in callers if caller.problem), ""),
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


async def main() -> None:
    """Ask when told to."""
    await serve(ask)


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("commands", "voltgate", "milliseconds1"):
        return []
    rows = [
        [str(gateways), *(_figure(results, f"{name}{gateways}", digits) for name, digits in _FIGURES)]
        for gateways in GATEWAYS
    ]
    head = [
        "gateways",
        "ms of gateways",
        "ms of PostgreSQL",
        "statements",
        "commits",
        "p50 ms",
        "p99 ms",
        "most a second",
    ]
    idle = results.median("commands", "voltgate", f"idle{GATEWAYS[-1]}")
    return [
        "## Commands, from any gateway",
        "`POST /stations/{identity}/calls` at a gateway, for a station that the next one holds (one gateway: itself), "
        f"{STATIONS} stations each, one PostgreSQL whose commits are on disk. CPU time, statements and commits of a "
        f"command at {RATE:.0f} a second over all gateways, which share one core; what they cost without commands "
        f"({idle:.1f} ms of CPU a second each) is taken off. Most a second: with {TOGETHER} under way at each gateway, "
        "all on one core.",
        table(head, rows),
    ]


_FIGURES = (
    ("milliseconds", 2),
    ("database", 2),
    ("statements", 1),
    ("commits", 2),
    ("p50", 1),
    ("p99", 1),
    ("rate", 0),
)


def _figure(results: Results, name: str, digits: int) -> str:
    return f"{results.median('commands', 'voltgate', name):,.{digits}f}"


if __name__ == "__main__":
    sys.exit(run(main))
