"""The measurement of the management system: what a call costs one node, and how long lists of transactions take.

A node has its stations in memory (`bench.csms_node`): no gateway and no websocket is in these figures. Besides, a
gateway answers by itself (`local:`), with the simulator's stations at its websockets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial

from bench.cluster import databank
from bench.contenders import CONTENDERS, Place, Running, free_ports, voltgate_command
from bench.csms_node import STATIONS
from bench.machine import ROOT, Cores, Failure, read, usage
from bench.phases import Plan, Sample
from bench.results import Results
from bench.tables import number, table

CHARGING = 300
"""Simulated stations at a gateway."""
ROWS = 1_000_000
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def csms(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure one node on each database; in the first round also an idle process, and lists of a million rows."""
    figures: dict[str, float] = {}
    for name in DATABASES:
        with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder, databank(cores) as server:
            url = "sqlite:///csms.db" if name == "sqlite" else server.url
            found = _told("calls", url, folder, cores, 4 * plan.load)
            found |= _by_gateway(url, 10 * plan.load, cores)
            found |= {f"list {key}": value for key, value in _listed(number, url, folder, cores).items()}
        figures |= {f"{name} {figure}": value for figure, value in found.items()}
    if not number:
        figures["megabytes"] = _resident()
    failed = int(figures.get("sqlite failed", 0) + figures.get("postgresql failed", 0))
    return Sample("voltgate", number, figures, {"refused": failed} if failed else {})


def _by_gateway(url: str, seconds: float, cores: Cores) -> dict[str, float]:
    """Measure a gateway that answers by itself: simulated stations charge all the time, from their first call on."""
    contender = replace(CONTENDERS["voltgate"], command=voltgate_command(partial(_settings, url)))
    ports = dict(zip(("answer", "copy"), free_ports(2), strict=True))
    with Running(contender, cores.proxy, ports, False) as gateway:
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


def _settings(database: str, place: Place) -> str:
    url = database if database.startswith("postgresql") else f"sqlite:///{place.folder}/csms.db"
    return f"""
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


def _listed(number: int, url: str, folder: str, cores: Cores) -> dict[str, float]:
    return {} if number else _told("lists", url, folder, cores, ROWS)


def _told(what: str, url: str, folder: str, cores: Cores, much: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.csms_node", what, url, folder, str(cores.proxy), f"{much:g}"]
    if what == "lists":
        command[-1] = str(int(much))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=_environment())
    if done.returncode:
        raise Failure(f"the management system has failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


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
        found = [median(f"{name} {figure}") for figure in ("rate", "paced", "p50", "p99")]
        rows.append([title, number(micros, 1), number(1e6 / micros), *(number(value) for value in found)])
        found = [median(f"{name} gateway {figure}") for figure in ("micros", "rate", "p50", "p99")]
        whole.append([title, *(number(value) for value in found)])
        kinds = ("all", "station", "token", "days", "running", "running by end")
        lists.append([title, *(number(median(f"{name} list {kind} p95"), 1) for kind in kinds)])
    return [
        "## The management system",
        f"One node in one process on one core, {STATIONS} stations in memory in front of it, neither gateway nor "
        "websockets: what a used charger says in a day, half of it meter values of running transactions. What making "
        "the payloads and counting the answers takes is in the figures. A core carries so many calls as its time "
        "allows; the calls a second beside it are what came of it with the database's commits on disk. The latency is "
        "that at half of these.",
        table(["", "µs a call", "a core carries", "calls/s", "paced at", "p50 ms", "p99 ms"], rows),
        f"A gateway that answers by itself (`local:`), {CHARGING} simulated stations that charge all the time at its "
        "websockets; that they come and boot is in its CPU time:",
        table(["", "µs a call", "calls/s", "p50 ms", "p99 ms"], whole),
        f"The list of transactions, a hundred a part, {ROWS:,} in the database, p95 in ms:",
        table(["", "all", "of a station", "of a token", "of a day", "running", "running by end"], lists),
        f"`voltgate run` with nothing configured has {number(median('megabytes'))} MB.",
    ]
