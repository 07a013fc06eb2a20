"""The faults: processes that die and come back, sockets that are cut, a database that is held or killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

from chaos.charger import Charger
from tests.servers import PostgreSQL

ROOT = Path(__file__).parent.parent


class Mortal:
    """A child process that is killed and started again."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = [sys.executable, *command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it is not running."""
        if self._process is None:
            with self._log.open("ab") as log:
                environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment, cwd=ROOT)

    def kill(self) -> None:
        """Kill it as a loss of power does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None


class Faults:
    """Does harm at random, and counts it."""

    def __init__(
        self,
        gateway: Mortal,
        backends: list[Mortal],
        chargers: list[Charger],
        database: Path | PostgreSQL,
        random: Random,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._gateway = gateway
        self._backends = backends
        self._chargers = chargers
        self._database = database
        self._random = random

    async def rage(self, over: asyncio.Event) -> None:
        """Do one thing after the other until it is over; then everything runs again."""
        harm: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("Voltgate killed", self._kill_gateway),
            ("backend killed", self._kill_backend),
            ("sockets cut", self._cut),
            ("database away", self._hold_database),
        ]
        while not over.is_set():
            name, do = self._random.choice(harm)
            self.counts[name] += 1
            await do()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self._random.uniform(0.2, 1.5))
        for mortal in (self._gateway, *self._backends):
            mortal.start()

    async def _kill_gateway(self) -> None:
        self._gateway.kill()
        await asyncio.sleep(self._random.uniform(0, 0.5))
        self._gateway.start()
        await asyncio.sleep(1.0)

    async def _kill_backend(self) -> None:
        backend = self._random.choice(self._backends)
        backend.kill()
        await asyncio.sleep(self._random.uniform(0.1, 3.0))
        backend.start()

    async def _cut(self) -> None:
        for charger in self._random.sample(self._chargers, max(1, len(self._chargers) // 5)):
            charger.cut()
        await asyncio.sleep(0)

    async def _hold_database(self) -> None:
        """Keep the database to ourselves for a while, or kill it."""
        seconds = self._random.uniform(0.2, 2.0)
        if isinstance(self._database, Path):
            other = sqlite3.connect(self._database, isolation_level=None, timeout=5)
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN EXCLUSIVE")
                await asyncio.sleep(seconds)
                other.execute("ROLLBACK")
            other.close()
        else:
            self._database.kill()
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self._database.start)
