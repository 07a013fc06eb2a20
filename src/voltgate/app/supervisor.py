"""The supervisor: runs several gateways on the same ports, starts those again that end, and ends when all have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from voltgate import __version__
from voltgate.app.service_manager import ServiceManager
from voltgate.app.worker import NOW, READY, RELOAD, STOP, Worker
from voltgate.config import Config, ConfigErrors, read
from voltgate.telemetry import logs
from voltgate.telemetry.lines import ERRORS, OUTPUT
from voltgate.web.ui import offered

COMMAND = (sys.executable, "-P", "-m", "voltgate", "run")
"""Runs a gateway. What lies in the folder that this is called in is not imported."""
_SHORTEST, _LONGEST = 0.5, 30.0
"""Seconds before a worker is started again that has not lived for `_LONGEST`: twice as many each time."""
MARGIN = 20.0
"""Seconds for what comes after a drain: the last answers, the last records, the database."""
_AT_ONCE = 2.0
"""Seconds that a worker has to end after the second signal."""
_LONGEST_NAME = 90
"""Bytes of the name of the folder with the workers' sockets: systems take a socket's name of 104, or a few more."""
_KILLED, _NOT_STARTED = 1, 126
"""Exit codes: where a worker had to be killed, and of one that could not be started."""

log = structlog.get_logger("voltgate")


def supervise(path: Path | None, number: int) -> int:
    """Run gateways in the foreground until SIGTERM or SIGINT; return the exit code. Raises ConfigErrors and OSError."""
    config = read(path, os.environ).config
    logs.configure(config.log.level, config.log.format)
    logs.catch_faults()
    reason = objection(config)
    if reason is not None:
        ERRORS.put(f"voltgate: {reason}")
        return 1
    with tempfile.TemporaryDirectory(prefix="voltgate-", ignore_cleanup_errors=True) as folder:
        if len(os.fsencode(folder)) > _LONGEST_NAME:
            ERRORS.put(f"voltgate: {folder} is too long a name for sockets in it: set TMPDIR to a shorter one, as /tmp")
            return 1
        return asyncio.run(Supervisor(path, config, number, folder).run())


def objection(config: Config) -> str | None:
    """Return why a configuration is for one process only; None if it is not."""
    if config.store.is_shared:
        return None
    what = (
        "there is no database (store.url)"
        if config.store.url == "off"
        else "the database is SQLite (store.url), which belongs to one process"
    )
    return (
        f"--workers needs a database that several gateways share, and {what}: "
        'set store.url = "postgresql://user@host/database", or leave --workers out'
    )


class Supervisor:
    """Several workers, each of them looked after. `path` is the configuration, as it was given.

    `command` runs one, which is told who it is by an argument, `READY` over the link being its answer.
    """

    def __init__(
        self, path: Path | None, config: Config, number: int, folder: str, command: Sequence[str] = COMMAND
    ) -> None:
        self._path = path
        self._command = command
        self._config = config
        self._of = number
        self._folder = folder
        self._begun = asyncio.Event()
        """Set when a worker has listened, or none will."""
        self._stopping = asyncio.Event()
        self._listened: set[int] = set()
        self._kept = number
        """Workers that are run, or are to be started again."""
        self._over = asyncio.Event()
        """Set when there are none."""
        self._children: dict[int, Process] = {}
        self._links: dict[int, socket.socket] = {}
        self._code = 0
        self._manager = ServiceManager(os.environ)

    async def run(self) -> int:
        """Run the workers until all have ended after a signal, or the first cannot start; return the exit code."""
        with self._signals():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end_in_time())
                attending = tasks.create_task(self._manager.attend(self._stopping))
                for number in range(1, self._of + 1):
                    tasks.create_task(self._look_after(number))
                await self._over.wait()
                attending.cancel()
        return self._code

    async def _look_after(self, number: int) -> None:
        try:
            await self._keep(number)
        finally:
            self._kept -= 1
            if not self._kept:
                self._over.set()

    async def _keep(self, number: int) -> None:
        """Run one worker, and start it again when it has ended, until this is stopped."""
        if number > 1:  # what keeps one from listening keeps all from it, and is said once
            await self._begun.wait()
        restarts, pause = 0, 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                code = await self._run(number, restarts)
            except OSError as error:  # no memory, no descriptor, no process: the others go on
                log.error("a worker cannot be started", worker=number, reason=str(error))  # noqa: TRY400 - no fault
                code = _NOT_STARTED
            if self._stopping.is_set() or not self._listened:
                self._code = self._code or code
                self._stop()
                return
            pause = 0.0 if time.monotonic() - began > _LONGEST else min(max(_SHORTEST, 2 * pause), _LONGEST)
            restarts += 1
            log.error("a worker has ended, and is started again", worker=number, code=code, after=pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _run(self, number: int, restarts: int) -> int:
        """Run one worker until it ends; return its exit code as a shell would show it."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = self._children[number] = await self._start(number, restarts, theirs.fileno())
            ours.setblocking(False)
            self._links[number] = ours
            if self._stopping.is_set():  # the signal came before the child
                self._tell(STOP)
            with contextlib.suppress(OSError):
                if await asyncio.get_running_loop().sock_recv(ours, len(READY)):
                    self._note_listening(number)
            code = await child.wait()
            del self._children[number], self._links[number]
        return code if code >= 0 else 128 - code

    async def _start(self, number: int, restarts: int, link: int) -> Process:
        worker = Worker(number, self._of, restarts, self._folder, link)
        configured = () if self._path is None else ("--config", str(self._path))
        return await asyncio.create_subprocess_exec(
            *(*self._command, *configured, "--worker", worker.text),
            env={
                **os.environ,
                "VOLTGATE_LISTEN__REUSE_PORT": "true",
                "VOLTGATE_CLUSTER__NODE": f"{self._config.cluster.node or socket.gethostname()[:50]}-{number}",
            },
            pass_fds=(link,),
        )

    def _note_listening(self, number: int) -> None:
        """Let the others begin; say so when all listen for the first time."""
        self._begun.set()
        before, self._listened = self._listened, self._listened | {number}
        if len(before) < len(self._listened) == self._of:
            listen = self._config.listen
            where = ", ".join(each.url for each in (*listen.stations, *listen.soap))
            http = f"; {offered()} on {listen.http_url}" if listen.http_url else ""
            OUTPUT.put(f"voltgate {__version__}: {self._of} workers listen for stations on {where}{http}")
            self._manager.ready(f"{__version__}, {self._of} workers for stations on {where}")
            log.info("all workers listen", workers=self._of, version=__version__)

    # The end.

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._hand_on, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _hand_on(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            self._tell(RELOAD)
        elif self._stopping.is_set():  # the second signal: now
            self._tell(NOW)
            asyncio.get_running_loop().call_later(_AT_ONCE, self._kill)
        else:
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._begun.set()
        self._tell(STOP)

    def _tell(self, word: bytes) -> None:
        for link in self._links.values():
            with contextlib.suppress(OSError):  # it has ended
                link.send(word)

    async def _end_in_time(self) -> None:
        """Wait until this is stopped; kill those workers that have not ended in the time that they may take."""
        await self._stopping.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(await self._longest_end()):
                await self._over.wait()
        self._kill()

    def _kill(self) -> None:
        """Kill those workers that are left."""
        if self._children:
            log.error("workers have not ended in time, and are killed", workers=sorted(self._children))
            self._code = _KILLED
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.kill()

    async def _longest_end(self) -> float:
        """Return how many seconds a worker may take to end, by the configuration that is in force now."""
        with contextlib.suppress(ConfigErrors, OSError):
            self._config = (await asyncio.to_thread(read, self._path, os.environ)).config
        shutdown = self._config.shutdown
        return self._config.ahead + shutdown.spread + shutdown.grace + 2 * self._config.store.patience + MARGIN
