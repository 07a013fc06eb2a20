"""What the gateway executes: `python -m bench.instructions`.

Instructions of its own process, without the kernel's, as callgrind counts them: for a message (there are two to a
call) and for a station that is let in, by ws, by wss, and by ws with the message log on. Unlike times, they hardly
differ from one run to the next, on a busy machine too: a regression of a hundredth shows.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.contenders import CONTENDERS, Manner, Place, settings, voltgate_command
from bench.installs import program
from bench.machine import Failure, cores
from bench.phases import Bench

STATIONS = 20
LET_IN = 200
WARM, LOAD = 3.0, 10.0
"""Seconds: under callgrind a gateway passes on a fiftieth of what it does."""
_SETTLED = 2.0
_PATIENCE = 300.0
_RECORDED = '\n[messages]\nstations = ["*"]\n'
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class Counted(Bench):
    """A gateway under callgrind, between the bench's own generator and backend."""

    def __init__(self, folder: Path, configuration: Callable[[Place], str], *, secure: bool) -> None:
        command = voltgate_command(configuration)
        callgrind = [program("valgrind"), "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/c"]
        contender = replace(CONTENDERS["voltgate"], command=lambda place: [*callgrind, sys.executable, *command(place)])
        super().__init__(contender, cores(), secure)
        self._folder = folder

    def count(self, work: Callable[[], int]) -> float:
        """Return the instructions for each of what is done, of which `work` says how many it were."""
        self._tell("--instr=on")
        self._tell("--zero")
        number = work()
        time.sleep(_SETTLED)
        before = set(self._folder.iterdir())
        self._tell("--dump")
        (dumped,) = set(self._folder.iterdir()) - before
        found = _TOTAL.search(dumped.read_text(encoding="utf-8"))
        if found is None:
            raise Failure(f"callgrind has written no sum to {dumped}")
        return int(found.group(1)) / number

    def _tell(self, *orders: str) -> None:
        pid = str(self.proxy.pid if self.proxy else 0)
        done = subprocess.run([program("callgrind_control"), *orders, pid], capture_output=True, text=True, check=False)
        if done.returncode or "Error" in done.stdout + done.stderr:
            raise Failure(f"callgrind_control {' '.join(orders)}: {done.stdout}{done.stderr}")

    def calls(self, warm: float, seconds: float) -> int:
        """Let the stations call as fast as they are answered; return how many calls there were."""
        before = self.heard("answer", "calls")
        counts, _ = self.drive({"do": "load"}, warm, seconds)
        if faults := self.faults(counts):
            raise Failure(f"not every call was answered once: {faults}")
        time.sleep(_SETTLED)
        return self.heard("answer", "calls") - before


def measure(*, secure: bool, recorded: bool) -> dict[str, float]:
    """Count on one gateway: instructions for a message, and for a station let in."""

    def configuration(place: Place) -> str:
        return settings(place, Manner()) + (_RECORDED if recorded else "")

    def let_in() -> int:
        bench.open(LET_IN, _PATIENCE)
        return LET_IN

    with (
        tempfile.TemporaryDirectory(prefix="instructions-") as folder,
        Counted(Path(folder), configuration, secure=secure) as bench,
    ):
        bench.open(STATIONS, _PATIENCE)
        bench.calls(0.5, WARM)
        message = bench.count(lambda: 2 * bench.calls(0.5, LOAD))
        return {"message": message, "let in": bench.count(let_in)}


def main() -> None:
    """Count on ws, on wss, and on ws with the message log on."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.parse_args()
    for title, secure, recorded in (("ws", False, False), ("wss", True, False), ("ws, recorded", False, True)):
        found = measure(secure=secure, recorded=recorded)
        print(f"{title:13} {found['message']:10,.0f} a message  {found['let in']:12,.0f} a station let in", flush=True)


if __name__ == "__main__":
    main()
