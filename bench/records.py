"""The measurement of the database: what a transaction and a station that comes make PostgreSQL do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.cluster import Cluster, Counters, Databank, databank
from bench.contenders import CONTENDERS, Manner, Running, free_ports, listening, settings, voltgate_command
from bench.machine import ROOT, Cores, Failure, Spent, Usage, usage
from bench.phases import Plan, Sample
from bench.results import Results
from bench.tables import table

COMING = 2000
"""Stations that come; before them a few, for what is done once."""
FEW = 200
CHARGING = 100
"""Stations that charge, one transaction after the other, with a meter value a second."""
SECONDS = 10
MANNERS = {"alone": Manner(), "copied": Manner(copy=True, journal=True)}
TITLES = {
    "coming": "a station that comes",
    "returning": "one that leaves and comes again",
    "alone": "a transaction, one backend",
    "copied": "a transaction, and a copy that is journalled",
}
_FIGURES = (("gateway", 2), ("database", 2), ("statements", 1), ("commits", 2), ("wal", 0))
_VOLTGATE = str(Path(sys.executable).parent / "voltgate")
_STARTING = 20.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a gateway and its database have done."""

    gateway: Spent
    database: Counters

    def each(self, name: str, things: int, without: Work | None = None) -> dict[str, float]:
        """Give the work of each of so many things, in milliseconds of CPU, counts and bytes."""
        worked, idle = self._sums(), without._sums() if without else [0.0] * len(_FIGURES)
        figures = (figure for figure, _ in _FIGURES)
        return {f"{name} {f}": (all_of - of) / things for f, all_of, of in zip(figures, worked, idle, strict=True)}

    def _sums(self) -> list[float]:
        database = self.database
        cpu = [self.gateway.total * 1000, database.seconds * 1000]
        return [*cpu, float(database.statements), float(database.commits), float(database.wal)]


def records(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure one gateway on PostgreSQL."""
    figures = _coming(plan, cores)
    for name, manner in MANNERS.items():
        figures |= _transactions(name, manner, cores)
    return Sample("voltgate", number, figures)


def _coming(plan: Plan, cores: Cores) -> dict[str, float]:
    with (
        databank(cores) as database,
        Cluster(partial(settings, manner=Manner(), database=database.url), cores, (cores.proxy,)) as cluster,
    ):

        def comes() -> None:
            cluster.open(COMING - FEW)
            time.sleep(plan.settle)

        def returns() -> None:
            cluster.leave()
            time.sleep(plan.settle)
            opened = cluster.connect(COMING)  # its backend need not see a new link
            if opened < COMING:
                raise Failure(f"{opened} of {COMING} stations came again\n{cluster.gateways[0].log()}")
            time.sleep(plan.settle)

        cluster.open(FEW)
        time.sleep(plan.settle)
        coming = _worked(cluster.usage, database, comes)
        returning = _worked(cluster.usage, database, returns)
    return coming.each("coming", COMING - FEW) | returning.each("returning", COMING)


def _worked(clocks: Callable[[], Usage], database: Databank, work: Callable[[], object]) -> Work:
    counted, before = database.counters(), clocks()
    work()
    return Work(clocks().since(before), database.counters().since(counted))


def _transactions(name: str, manner: Manner, cores: Cores) -> dict[str, float]:
    ports = dict(zip(("answer", "copy"), free_ports(2), strict=True))
    told: dict[str, Any] = {}
    with databank(cores) as database:
        command = voltgate_command(partial(settings, manner=manner, database=database.url))
        contender = replace(CONTENDERS["voltgate"], command=command)
        with _backends(list(ports.values()), cores), Running(contender, cores.proxy, ports, False) as gateway:

            def clocks() -> Usage:
                return usage(gateway.pid, cores.proxy)

            idle = _worked(clocks, database, lambda: _charge(gateway.port, 0, cores))
            empty = database.size("transactions")
            work = _worked(clocks, database, lambda: told.update(_charge(gateway.port, 1_000_000, cores)))
            grown = database.size("transactions") - empty
    begun = told["transactions"]["begun"]
    if not begun or told["failures"]:
        raise Failure(f"{begun} transactions, and what went wrong: {told['faults']}")
    more = {"calls": told["sent"] / begun, "transactions": float(begun), "row": grown / begun}
    return work.each(name, begun, idle) | {f"{name} {figure}": value for figure, value in more.items()}


@contextmanager
def _backends(ports: list[int], cores: Cores) -> Iterator[None]:
    on = ",".join(map(str, cores.others))
    started = [
        subprocess.Popen(
            ["taskset", "-c", on, _VOLTGATE, "backend", "--listen", f"ws://127.0.0.1:{port}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for port in ports
    ]
    try:
        until = time.monotonic() + _STARTING
        while not all(map(listening, ports)):
            if time.monotonic() > until:
                raise Failure("the stand-in backend does not listen")
            time.sleep(0.05)
        yield
    finally:
        for process in started:
            process.kill()
            process.wait(10)


def _charge(port: int, transactions: int, cores: Cores) -> dict[str, Any]:
    """Let simulated stations charge; give what the simulator has counted."""
    words = f"simulate ws://127.0.0.1:{port} -n {CHARGING} --versions 1.6 --profile busy --json --duration {SECONDS}"
    command = ["taskset", "-c", ",".join(map(str, cores.others)), _VOLTGATE, *words.split()]
    command += ["--transactions", str(transactions)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS + 90)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"failures": done.returncode}


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""
    if not results.of("records", "voltgate", "coming gateway"):
        return []
    rows = [
        [title, *(f"{results.median('records', 'voltgate', f'{name} {f}'):,.{digits}f}" for f, digits in _FIGURES)]
        for name, title in TITLES.items()
    ]
    calls = [results.median("records", "voltgate", f"{name} calls") for name in MANNERS]
    return [
        "## The database",
        "One gateway on a PostgreSQL whose commits are on disk: CPU time of the gateway and of PostgreSQL, statements, "
        "commits that write, and bytes of its log. What has come together is written with one commit: at little "
        f"traffic commits are more. Transactions are simulated, OCPP 1.6, {calls[0]:.0f} calls each "
        f"({calls[1]:.0f} with the copy), {CHARGING} stations at a time.",
        table(["", "ms of gateway", "ms of PostgreSQL", "statements", "commits", "bytes of log"], rows),
        f"A transaction is kept in {results.median('records', 'voltgate', 'alone row'):,.0f} bytes, indexes included.",
    ]
