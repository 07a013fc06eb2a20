"""Where Voltgate spends its time under load: by function, as Python's profiler sees it, and by library, as perf does.

Voltgate is started here with signal handlers added that start and stop the profiler; no other measurement uses that.
The profiler makes calls of functions dearer than they are, so shares are for comparison with each other.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.contenders import CONTENDERS, Contender, Place
from bench.machine import ROOT, Cores, Failure
from bench.phases import STATIONS, Bench

SECONDS = 3.0
FUNCTIONS = 16
PATIENCE = 10.0


def by_function(
    cores: Cores, contender: Contender = CONTENDERS["voltgate"], bench_of: type[Bench] = Bench, stations: int = STATIONS
) -> list[tuple[str, float]]:
    """Give functions with their own share of the time, greatest first, under a closed loop."""
    with bench_of(replace(contender, command=_profiling(contender)), cores, awake=True) as bench:
        bench.open(stations)
        assert bench.proxy is not None
        file = bench.proxy.folder / "profile"
        _during(bench, lambda pid: _profiled(pid, file))
        return shares(pstats.Stats(str(file)))


def by_library(
    cores: Cores, contender: Contender = CONTENDERS["voltgate"], bench_of: type[Bench] = Bench, stations: int = STATIONS
) -> list[tuple[str, float]]:
    """Give the kernel, the interpreter and libraries with their shares of the time; nothing where perf is missing."""
    if shutil.which("perf") is None:
        return []
    with bench_of(contender, cores, awake=True) as bench:
        bench.open(stations)
        assert bench.proxy is not None
        file = bench.proxy.folder / "perf.data"
        _during(bench, lambda pid: _recorded(pid, file))
        report = ["perf", "report", "-i", str(file), "--sort", "dso", "--stdio", "--percent-limit", "0.5"]
        done = subprocess.run(report, capture_output=True, text=True, check=False)
    return libraries(done.stdout)


def libraries(text: str) -> list[tuple[str, float]]:
    """Read what perf reports: lines of a percentage and a library."""
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(row[1], float(row[0].rstrip("%")) / 100) for row in rows if len(row) == 2 and row[0].endswith("%")]


def shares(stats: pstats.Stats) -> list[tuple[str, float]]:
    """Give the functions that took longest by themselves, and their shares."""
    table: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in table.values()) or 1.0
    found = sorted(((entry[2] / total, where) for where, entry in table.items()), reverse=True)[:FUNCTIONS]
    return [(name_of(where), share) for share, where in found]


def name_of(where: tuple[str, int, str]) -> str:
    """Name a function: module, line and name; for one written in C what Python calls it."""
    file, line, name = where
    if file == "~":
        return name.strip("<>")
    path = Path(file)
    short = path.relative_to(ROOT / "src") if path.is_relative_to(ROOT / "src") else Path(path.name)
    return f"{short}:{line} {name}"


def _during(bench: Bench, look: Callable[[int], None]) -> None:
    """Look at the proxy while it is under load."""
    assert bench.proxy is not None
    looking = threading.Timer(0.8, look, (bench.proxy.pid,))
    looking.start()
    bench.drive({"do": "load"}, 0.5, SECONDS)
    looking.join(PATIENCE)


def _profiled(pid: int, file: Path) -> None:
    os.kill(pid, signal.SIGUSR1)
    time.sleep(SECONDS - 1)
    os.kill(pid, signal.SIGUSR2)
    until = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > until:
            raise Failure("Voltgate's profile did not appear")
        time.sleep(0.05)


def _recorded(pid: int, file: Path) -> None:
    record = ["perf", "record", "-q", "-F", "1999", "-p", str(pid), "-o", str(file), "--", "sleep", str(SECONDS - 1)]
    subprocess.run(record, capture_output=True, check=False)


def _profiling(contender: Contender) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        _, *rest = contender.command(place)
        return [sys.executable, "-m", "bench.profiling", str(place.folder / "profile"), *rest]

    return command


def main() -> None:
    """Be Voltgate; profile from SIGUSR1 to SIGUSR2."""
    file = Path(sys.argv.pop(1))
    profile = cProfile.Profile()

    def stop(*_: object) -> None:
        profile.disable()
        part = file.with_suffix(".part")
        profile.dump_stats(part)
        part.rename(file)

    signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
    signal.signal(signal.SIGUSR2, stop)
    from voltgate.cli import main as run  # noqa: PLC0415 - only in this process

    run()


if __name__ == "__main__":
    main()
