"""A gateway as a child process that may be killed, frozen, told to change, and kept from writing."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from chaos.records import Spell

ROOT = Path(__file__).parent.parent
_UNLIMITED = resource.RLIM_INFINITY
_UNANSWERED = 3.0
"""Seconds for which a write may have waited when a gateway says that its database is away."""
_BEGINS = 4.0
"""Seconds that a gateway may take until it has read its configuration and heeds signals."""


class GatewayProcess:
    """`voltgate run -c FILE`; what it logs goes through a pipe of `cat`, so that a limit on files does not stop it."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.file = folder / f"voltgate{number}.toml"
        self._log = folder / f"voltgate{number}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._logging: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    def start(self) -> None:
        """Start it, if it is not running."""
        if self._process is not None:
            return
        self._began = time.monotonic()
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        command = [sys.executable, "-m", "voltgate", "run", "-c", str(self.file)]
        with self._log.open("ab") as log:
            self._logging = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        assert self._logging.stdin is not None
        with self._logging.stdin as pipe:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, cwd=ROOT
            )

    def kill(self) -> None:
        """Kill it as a loss of power does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if self._logging is not None:
            self._logging.wait()  # it ends with the last who writes to it
            self._logging = None

    def reload(self) -> None:
        """Have it read its configuration again, if it has run for long enough to know the signal."""
        if self._process is not None and time.monotonic() - self._began > _BEGINS:
            self._process.send_signal(signal.SIGHUP)

    def limit_files(self, size: int = _UNLIMITED) -> None:
        """Let it write no file beyond a size: the disk is full."""
        if self._process is not None:
            _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, most))

    @property
    def fell(self) -> bool:
        """Tell whether it has ended without being told to."""
        return self._process is not None and self._process.poll() is not None

    def spells(self) -> list[Spell]:
        """Return the times in which it could not write, by its own log; a busy machine may be too slow for it."""
        clocks = time.monotonic() - time.time()
        spells, begun = [], 0.0
        for line in self.log.splitlines():
            if '"the database is ' not in line:
                continue
            entry = json.loads(line)
            at = datetime.fromisoformat(entry["timestamp"]).timestamp() + clocks
            if entry["event"].endswith("away"):
                begun = begun or at - _UNANSWERED
            elif begun:
                spells.append(Spell(f"no database for gateway {self.number}", begun, at + 1))
                begun = 0.0
        return spells + [Spell(f"no database for gateway {self.number}", begun, time.monotonic())] * bool(begun)

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""
