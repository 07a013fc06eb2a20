"""The gateway under test, as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.command import VOLTGATE
from tests.harness.http_client import Reply, get
from tests.harness.offspring import Child, Offspring
from tests.harness.waiting import DEADLINE, until


class Gateway:
    """`voltgate run -c FILE`, or what `does` says, with more `options` if wanted, as a child process."""

    def __init__(self, folder: Path, configuration: str, stations_port: int, http_port: int) -> None:
        self.folder = folder
        self.file = folder / "voltgate.toml"
        self.stations_port = stations_port
        self.http_port = http_port
        self.address = ("127.0.0.1", stations_port)
        self._log_file = folder / "voltgate.log"
        self.command: tuple[str, ...] = tuple(VOLTGATE)
        self.does = "run"
        self.options: tuple[str, ...] = ()
        self._process: Child | None = None
        self.file.write_text(configuration)

    @property
    def log(self) -> str:
        """Everything that the process has logged so far."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    async def start(self, *, environment: Mapping[str, str] | None = None, output: int | None = None) -> None:
        """Start the process and wait until it is ready."""
        await self.launch(environment=environment, output=output)
        await until(self._is_ready, f"the gateway is ready; its log:\n{self.log}")

    async def launch(self, *, environment: Mapping[str, str] | None = None, output: int | None = None) -> None:
        """Start the process without waiting until it is ready; what it prints goes to `output` instead of its log."""
        arguments, around = [self.does, "-c", str(self.file), *self.options], {**os.environ, **(environment or {})}
        if output is None and self.command == tuple(VOLTGATE):
            self._process = Offspring(arguments, self.folder, self._log_file, around)
            return
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is started, not waited for
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=around,
            )

    async def _is_ready(self) -> bool:
        assert self.running, f"the gateway ended while it started:\n{self.log}"
        try:
            return (await self.get("/readyz")).status == HTTPStatus.OK
        except (OSError, IndexError):
            return False

    def url(self, identity: str) -> str:
        """Return the URL at which a station connects."""
        return f"ws://127.0.0.1:{self.stations_port}/{quote(identity, safe='')}"

    async def get(self, path: str) -> Reply:
        """Request a page of the HTTP port."""
        return await get(self.http_port, path)

    async def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return every sample by name and sorted labels."""
        families = text_string_to_metric_families((await self.get("/metrics")).body)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of this name that have these labels; 0.0 if there is none."""
        wanted = set(labels.items())
        samples = await self.metrics()
        return sum(value for (sample, pairs), value in samples.items() if sample == name and wanted <= set(pairs))

    async def logged(self, *words: str) -> str:
        """Wait for a line of the log that contains all of these words, and return it."""

        def found() -> str | None:
            return next((line for line in self.log.splitlines() if all(word in line for word in words)), None)

        line: str | None = await until(found, f"a log line with {words}; the log:\n{self.log}")
        assert line is not None
        return line

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def reload(self, configuration: str | None = None) -> None:
        """Make the gateway reload its configuration; `configuration` replaces the file first."""
        if configuration is not None:
            self.file.write_text(configuration)
        self.signal(signal.SIGHUP)

    async def exited(self, seconds: float = DEADLINE) -> int:
        """Wait for the end of the process and return its exit code."""
        process = self._process
        assert process is not None
        await until(lambda: process.poll() is not None, f"the gateway ends; its log:\n{self.log}", seconds)
        return process.returncode or 0

    async def stop(self) -> None:
        """End the process with SIGTERM; fail unless it exits with 0 and its log shows no traceback."""
        if self.running:
            self.signal(signal.SIGTERM)
        code = await self.exited()
        assert code == 0, f"the gateway ended with {code}; its log:\n{self.log}"
        self.check_log()

    def check_log(self) -> None:
        """Fail if the log shows a traceback."""
        assert "Traceback" not in self.log, f"the gateway's log shows a traceback:\n{self.log}"

    async def kill(self) -> None:
        """End the process with SIGKILL."""
        if self.running:
            self.signal(signal.SIGKILL)
            await self.exited()
        self.check_log()

    async def drop(self) -> None:
        """End the process if it still runs, without any check."""
        if self.running:
            self.signal(signal.SIGKILL)
            await self.exited()
