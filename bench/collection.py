"""How long a full collection of garbage stops Voltgate while many stations are connected.

Voltgate is started here with a signal handler added that collects and times it; no other measurement uses that.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from bench.contenders import CONTENDERS, Place, voltgate
from bench.machine import Cores, Failure
from bench.phases import Bench

TIMES = 3
WAIT = 10.0


def full_collection(stations: int, cores: Cores) -> float:
    """Measure seconds of a full collection with so many idle stations: the longest of a few."""
    contender = replace(CONTENDERS["voltgate"], command=_command)
    with Bench(contender, cores) as bench:
        bench.open(stations)
        bench.boot()
        assert bench.proxy is not None
        return max(_collected(bench.proxy.pid, bench.proxy.folder / "collection") for _ in range(TIMES))


def _collected(pid: int, file: Path) -> float:
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    until = time.monotonic() + WAIT
    while not file.exists():
        if time.monotonic() > until:
            raise Failure(f"Voltgate did not collect within {WAIT:.0f} s")
        time.sleep(0.02)
    return float(file.read_text(encoding="utf-8"))


def _command(place: Place) -> list[str]:
    _, *rest = voltgate()(place)
    return [sys.executable, "-m", "bench.collection", str(place.folder / "collection"), *rest]


def main() -> None:
    """Be Voltgate, and on SIGUSR2 collect and write the seconds that it took."""
    file = Path(sys.argv.pop(1))

    def collect(number: int, frame: FrameType | None) -> None:
        begun = time.perf_counter()
        gc.collect()
        took = time.perf_counter() - begun
        part = file.with_suffix(".part")
        part.write_text(str(took), encoding="utf-8")
        part.rename(file)

    signal.signal(signal.SIGUSR2, collect)
    from voltgate.cli import main as run  # noqa: PLC0415 - only in this process

    run()


if __name__ == "__main__":
    main()
