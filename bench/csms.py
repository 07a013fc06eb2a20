"""The measurement of the management system: what a call costs one node, and how long lists of transactions take.

A node has its stations in memory (`bench.csms_node`): no gateway and no websocket is in these figures. Besides, a
gateway answers by itself (`local:`), with the simulator's stations at its websockets.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench import csms_lists
from bench.claims import TOKEN
from bench.cluster import databank
from bench.contenders import CONTENDERS, Place, Running, free_ports, voltgate_command
from bench.csms_lists import ROWS
from bench.csms_node import STATIONS
from bench.machine import ROOT, Cores, Failure, read, usage
from bench.phases import Plan, Sample
from bench.results import Results
from bench.tables import number, table

CHARGING = 300
"""Simulated stations at a gateway."""
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def csms(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure one node on each database; in the first round also lists of many transactions, and an idle process."""
    figures: dict[str, float] = {}
    for name in DATABASES:
        with _empty(name, cores) as url:
            found = _alone(url, cores, 4 * plan.load) | _by_gateway(url, 10 * plan.load, cores)
        if not number:
            with _empty(name, cores) as url:
                found |= {f"list {key}": value for key, value in _listed(url, cores).items()}
        figures |= {f"{name} {figure}": value for figure, value in found.items()}
    if not number:
        figures["megabytes"] = _resident()
    failed = int(figures["sqlite failed"] + figures["postgresql failed"])
    return Sample("voltgate", number, figures, {"refused": failed} if failed else {})


@contextlib.contextmanager
def _empty(name: str, cores: Cores) -> Iterator[str]:
    """Give the address of a database with nothing in it; PostgreSQL has the cores that Voltgate leaves."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder:
            yield f"sqlite:///{folder}/csms.db"
    else:
        with databank(cores) as server:
            yield server.url


def _alone(url: str, cores: Cores, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.csms_node", url, str(cores.proxy), f"{seconds:g}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=_environment())
    if done.returncode:
        raise Failure(f"the management system has failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _by_gateway(url: str, seconds: float, cores: Cores) -> dict[str, float]:
    """Measure a gateway that answers by itself: simulated stations charge all the time, from their first call on."""
    with _gateway(url, cores) as gateway:
        before = usage(gateway.pid, cores.proxy)
        command = [sys.executable, "-m", "voltgate", "simulate", f"ws://127.0.0.1:{gateway.port}", "--json"]
        command += ["-n", str(CHARGING), "--profile", "busy", "--duration", f"{seconds:g}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
        spent = usage(gateway.pid, cores.proxy).since(before)
    if done.returncode:
        raise Failure(f"stations were not answered well: {(done.stdout + done.stderr)[-2000:]}")
    latency = json.loads(done.stdout)["latency_ms"]["all"]
    calls = latency["count"]
    return {
        "gateway micros": spent.total / calls * 1e6,
        "gateway rate": calls / seconds,
        **{f"gateway {name}": latency[name] for name in ("p50", "p99")},
    }


def _listed(url: str, cores: Cores) -> dict[str, float]:
    """Measure lists over HTTP."""
    csms_lists.fill(url)
    with _gateway(url, cores) as gateway:
        return csms_lists.measure(gateway.http)


def _gateway(url: str, cores: Cores) -> Running:
    contender = replace(CONTENDERS["voltgate"], command=voltgate_command(partial(settings, url)))
    ports = dict(zip(("answer", "copy"), free_ports(2), strict=True))
    return Running(contender, cores.proxy, ports, False)


def settings(url: str, place: Place) -> str:
    """Write Voltgate's configuration: it is the management system of all stations, on a database."""
    return f"""
admin_token = "{TOKEN}"

[listen]
stations = ["ws://127.0.0.1:{place.port}"]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000

[store]
url = "{url}"

[csms]
tokens = "any"

[backends.csms]
url = "local:"

[routes.bench]
rules = [{{ answer = "csms" }}]

[[stations]]
match = "*"
route = "bench"
"""


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


def _resident() -> float:
    """Return the megabytes that `voltgate run` has with nothing configured, some seconds after it began."""
    with (
        tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder,
        subprocess.Popen(
            [sys.executable, "-m", "voltgate", "run"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as running,
    ):
        time.sleep(5)
        status = read(f"/proc/{running.pid}/status")
        running.terminate()
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    if not found:
        raise Failure("`voltgate run` has ended by itself")
    return int(found[0]) / 1024


def section(results: Results) -> list[str]:
    """Write what was found, as paragraphs of Markdown; nothing if it was not measured."""

    def median(figure: str) -> float:
        return results.median("csms", "voltgate", figure)

    if not results.of("csms", "voltgate", "sqlite micros"):
        return []
    rows, whole, lists = [], [], []
    for name, title in DATABASES.items():
        micros = median(f"{name} micros")
        found = [median(f"{name} {figure}") for figure in ("rate", "paced", "p50", "p99", "held")]
        rows.append([title, number(micros, 1), number(1e6 / micros), *(number(value) for value in found)])
        found = [median(f"{name} gateway {figure}") for figure in ("micros", "rate", "p50", "p99")]
        whole.append([title, *(number(value) for value in found)])
        lists.append([title, *(number(median(f"{name} list {kind}"), 1) for kind in LISTED)])
    return [
        "## The management system",
        f"One node in one process on one core, {STATIONS} stations in memory in front of it, neither gateway nor "
        "websockets: what a used charger says in a day, half of it meter values of running transactions, a quarter "
        "Heartbeats. What making the payloads and counting the answers takes is in the figures. A core carries so many "
        "calls as its time allows, without PostgreSQL's own; calls/s is what came of it by the clock, with all commits "
        "on disk. The latency is that at half of these. Held: the longest stretch of CPU time for which one message "
        "of 1 MiB, meter values of many hours, keeps the loop from everything else.",
        table(["", "µs a call", "a core carries", "calls/s", "paced at", "p50 ms", "p99 ms", "held ms"], rows),
        f"A gateway that answers by itself (`local:`), {CHARGING} simulated stations that charge all the time at its "
        "websockets; that they come and boot is in its CPU time:",
        table(["", "µs a call", "calls/s", "p50 ms", "p99 ms"], whole),
        f"Lists of transactions over HTTP (`GET /api/v1/transactions`), a hundred a part, one reader, p95 in ms. In "
        f"the database, made by one statement of SQL, are {ROWS:,} transactions of {csms_lists.STATIONS:,} stations, "
        f"{csms_lists.TOKENS:,} tokens and {csms_lists.NETWORKS} networks, one a minute, of which one in "
        f"{csms_lists.RUNNING:,} runs; they have no meter values. The total of a network is of a month, too.",
        table(["", *LISTED.values()], lists),
        f"`voltgate run` with nothing configured has {number(median('megabytes'))} MB.",
    ]


LISTED = {
    "first": "first part",
    "middle": "one in the middle",
    "station": "of a station",
    "token": "of a token",
    "network": "of a network",
    "day": "of a day",
    "running": "running",
    "total": "total of all",
    "total of a month": "total of a month",
    "total of a network": "total of a network",
    "total of a station": "total of a station",
}
"""The lists that are measured, and the heads of their columns."""
PARTS = tuple(f"list {kind}" for kind in (*csms_lists.LISTS, "middle"))
SUMS = tuple(f"list {kind}" for kind in csms_lists.TOTALS)


def longest(results: Results, *figures: str) -> float:
    """Return the largest of some figures of both databases."""
    return max(results.median("csms", "voltgate", f"{name} {figure}") for name in DATABASES for figure in figures)
