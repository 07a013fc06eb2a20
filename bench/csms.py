"""The measurement of the management system: what a call costs one node, and how long lists of transactions take.

The node has its stations in memory (`bench.csms_node`): no gateway and no websocket is in these figures. What a message
costs the gateway in front of it is in the tables of forwarded calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

from bench.cluster import databank
from bench.csms_node import STATIONS
from bench.machine import ROOT, Cores, Failure, read
from bench.phases import Plan, Sample
from bench.results import Results
from bench.tables import number, table

ROWS = 1_000_000
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def csms(number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure one node on each database; in the first round also an idle process, and lists of a million rows."""
    figures: dict[str, float] = {}
    for name in DATABASES:
        with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as folder, databank(cores) as server:
            url = "sqlite:///csms.db" if name == "sqlite" else server.url
            found = _told("calls", url, folder, cores, 4 * plan.load)
            found |= {f"list {key}": value for key, value in _listed(number, url, folder, cores).items()}
        figures |= {f"{name} {figure}": value for figure, value in found.items()}
    if not number:
        figures["megabytes"] = _resident()
    failed = int(figures.get("sqlite failed", 0) + figures.get("postgresql failed", 0))
    return Sample("voltgate", number, figures, {"refused": failed} if failed else {})


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
    rows, lists = [], []
    for name, title in DATABASES.items():
        micros = median(f"{name} micros")
        found = [median(f"{name} {figure}") for figure in ("rate", "paced", "p50", "p99")]
        rows.append([title, number(micros, 1), number(1e6 / micros), *(number(value) for value in found)])
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
        f"The list of transactions, a hundred a part, {ROWS:,} in the database, p95 in ms:",
        table(["", "all", "of a station", "of a token", "of a day", "running", "running by end"], lists),
        f"`voltgate run` with nothing configured has {number(median('megabytes'))} MB.",
    ]
