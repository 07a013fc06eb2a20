"""The product's own simulated backend, as a child process."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path

from tests.harness.command import VOLTGATE
from tests.harness.ports import free_port
from tests.harness.waiting import until


class StandIn:
    """`voltgate backend`, the product's own simulated backend, as a child process."""

    def __init__(self, name: str, log_file: Path, options: tuple[str, ...] = ()) -> None:
        self.name = name
        self.port = free_port()
        self._log_file = log_file
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL template for the configuration."""
        return f"ws://127.0.0.1:{self.port}/{{station}}"

    async def start(self) -> None:
        """Start the process and wait until it accepts connections."""
        command = [*VOLTGATE, "backend", "--listen", f"ws://127.0.0.1:{self.port}", *self._options]
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is started, not waited for
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        await until(self._listens, f"the simulated backend listens; its log: {self._log_file}")

    async def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the simulated backend ended:\n{self._log_file.read_text()}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def drop(self) -> None:
        """End the process if it still runs."""
        process = self._process
        if process is not None:
            process.kill()
            await until(lambda: process.poll() is not None, "the simulated backend ends")
