"""A gateway as a child process that may be killed, told to change, and live in surroundings that break."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from chaos.logs import Log, database_spells, said_of_database
from chaos.plan import LOG
from chaos.records import Look, Spell

ROOT = Path(__file__).parent.parent
_BEGINS = 4.0
"""Seconds that a gateway may take until it has read its configuration and heeds signals."""


class GatewayProcess:
    """`voltgate run -c FILE` in a launcher of ours. `moods` counts what is broken around it, by the plan's names.

    `life` is when the process that runs now was begun; 0.0 while there is none.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.file = folder / f"voltgate{number}.toml"
        self.moods: Counter[str] = Counter()
        self.life = 0.0
        self._lives: list[float] = []
        self._unread: list[Spell] = []
        self._log = Log(folder / f"voltgate{number}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it is not running."""
        if self._process is not None:
            return
        self.life = time.monotonic()
        self._lives.append(self.life)
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        command = [sys.executable, "-m", "chaos.launcher", "run", "-c", str(self.file)]
        log = self._log.writer
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, cwd=ROOT
        )
        self._surround()

    def kill(self) -> None:
        """Kill it as a loss of power does."""
        process, self._process, self.life = self._process, None, 0.0
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def freeze(self) -> None:
        """Let it stand still."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Kill it for good, and read its log to the end."""
        self.kill()
        self._log.copy()
        self._log.close()

    def reload(self) -> None:
        """Have it read its configuration again, if it has run for long enough to know the signal."""
        if time.monotonic() - self.life > _BEGINS:
            self._signal(signal.SIGHUP)

    # What is around it.

    def begin(self, what: str) -> None:
        """Break something around it."""
        self.moods[what] += 1
        self._surround()
        if what == "descriptors short" and self._process is not None:
            self._limit(resource.RLIMIT_NOFILE, len(self.descriptors()) // 2)  # some of these are soon closed

    def end(self, what: str, begun: float) -> None:
        """Mend what was broken at that time."""
        self.moods[what] -= 1
        self._surround()
        if what == "descriptors short" and not self.moods[what]:
            self._limit(resource.RLIMIT_NOFILE)
        if what in LOG:
            self._unread.append(Spell(what, begun, time.monotonic()))

    def _surround(self) -> None:
        self._log.be(gone=self.moods["log gone"] > 0, stalled=self.moods["log stalled"] > 0)
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended: that is found elsewhere
                os.write(self._process.stdin.fileno(), json.dumps(sorted(+self.moods)).encode() + b"\n")

    def limit_files(self, size: int | None = None) -> None:
        """Let it write no file beyond a size: the disk is full."""
        self._limit(resource.RLIMIT_FSIZE, size)

    def _limit(self, what: int, most: int | None = None) -> None:
        """Let its process have so much of something, or as much as it may ever have."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # it has ended: that is found elsewhere
                _, hard = resource.prlimit(self._process.pid, what)
                resource.prlimit(self._process.pid, what, (hard if most is None else most, hard))

    def descriptors(self) -> list[str]:
        """Return what each descriptor of its process is, as the system names it."""
        folder, names = Path(f"/proc/{self._process.pid if self._process else 0}/fd"), []
        with suppress(OSError):
            for each in folder.iterdir():
                with suppress(OSError):
                    names.append(str(each.readlink()))
        return names

    def look(self, what: str, explained: int = 0) -> Look | None:
        """Return what its process holds; None while there is none."""
        if self._process is None or self._process.poll() is not None:
            return None
        held = [name for name in self.descriptors() if ".db" not in name]
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        memory = pages * resource.getpagesize()
        times = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        worked = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        return Look(self.number, self.life, what, time.monotonic(), worked, len(held), memory, explained)

    # What became of it.

    @property
    def fell(self) -> bool:
        """Tell whether it has ended without being told to."""
        return self._process is not None and self._process.poll() is not None

    def spells(self) -> list[Spell]:
        """Return the times in which it could not write, by its own log."""
        now = time.monotonic()
        said = said_of_database(self._log.text, now - time.time())
        lives = ((life, "begun") for life in self._lives)
        what = f"no database for gateway {self.number}"
        return list(database_spells(what, (*said, *lives), self._unread, now))

    @property
    def log(self) -> str:
        """All that it has logged and somebody has read."""
        return self._log.text
