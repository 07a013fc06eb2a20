"""A process in the foreground: its signals, what it prints, and how many files it may open."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import NoReturn

import structlog
import uvloop

from voltgate import __version__
from voltgate.app import csms_process
from voltgate.app.life import Life, Running, ended, run_through
from voltgate.app.process import Process
from voltgate.app.service_manager import ServiceManager
from voltgate.app.worker import READY, Worker
from voltgate.config import Loaded, read
from voltgate.config.whole import CSMS
from voltgate.telemetry import logs
from voltgate.telemetry.lines import ERRORS, OUTPUT
from voltgate.web.ui import offered

log = structlog.get_logger("voltgate")


def run(path: Path | None, worker: Worker | None = None) -> int:
    """Run a gateway in the foreground until SIGTERM or SIGINT. Raises ConfigErrors and OSError.

    Without `path` the usual files are looked for. `worker` says which of several it is. Returns the exit code.
    """
    loaded = _begin(path, worker)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        make = partial(Process, loaded, worker)
        runner.run(_foreground(make) if worker is None else _work(make, worker))
    return 0


def run_apart(path: Path | None) -> int:
    """Run a gateway as `run` does, if it leaves the management system to other processes."""
    loaded = _begin(path)
    if (objection := has_local(loaded)) is not None:
        return _refuse(objection)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_foreground(partial(Process, loaded, objection=has_local)))
    return 0


def run_csms(path: Path | None, backends: Sequence[str]) -> int:
    """Run a CSMS node in the foreground, as `run` does: for these backends, or for all that it can answer for."""
    loaded = _begin(path)
    if (objection := csms_process.objection(loaded, backends)) is not None:
        return _refuse(objection)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_foreground(partial(csms_process.CsmsProcess, loaded, backends)))
    return 0


def has_local(loaded: Loaded) -> str | None:
    """Return why a configuration is none for a gateway that has no management system in its process."""
    names = [name for name, backend in loaded.config.backends.items() if backend.local_url]
    if not names:
        return None
    return (
        f'backend "{names[0]}" has url = "local:", the management system in the process of the gateway: '
        "give it the url of the RabbitMQ whose queues `voltgate csms` consumes, or use `voltgate run`"
    )


def _refuse(objection: str) -> int:
    ERRORS.put(f"voltgate: {objection}")
    return 1


def _begin(path: Path | None, worker: Worker | None = None) -> Loaded:
    """Read the configuration, and log from now on as it says. Raises ConfigErrors and OSError."""
    loaded = read(path, os.environ)
    logs.name_worker(0 if worker is None else worker.number)
    logs.configure(loaded.config.log.level, loaded.config.log.format)
    logs.catch_faults()
    for warning in loaded.warnings:
        log.warning("configuration", problem=str(warning))
    _raise_file_limit()
    return loaded


async def _foreground(make: Callable[[], Life]) -> None:
    stop, reload, manager = asyncio.Event(), asyncio.Event(), ServiceManager(os.environ)

    def ready(running: Running) -> None:
        _announce(running)
        manager.ready(f"{__version__}, for stations on {_where(running)}")

    attending = asyncio.create_task(manager.attend(stop))
    with _signals(stop, reload):
        try:
            await run_through(make(), ready, stop, reload)
        finally:
            await ended([attending])


async def _work(make: Callable[[], Life], worker: Worker) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    with _signals(stop, reload), worker.attached(stop, reload, _leave) as supervisor:
        await run_through(make(), lambda running: supervisor.sendall(READY), stop, reload)


_WHOLE = {
    "route": (
        "Nothing is configured, so this is a management system of its own: any station that comes by loopback may "
        "charge, with any token. Stations elsewhere cannot reach it: see docs/management.md."
    ),
    "quarantine": (
        "Only addresses are configured, so this is a management system of its own: a station waits until it is let in "
        "(`voltgate waiting`, `voltgate networks station`), and charges with a token that is known "
        "(`voltgate id-tokens add`). See docs/management.md."
    ),
}
"""What is said where there is no file, by what becomes of stations that nobody knows."""


def _where(running: Running) -> str:
    return ", ".join(url for urls in running.listeners.values() for url in urls) or "nothing of its own"


def _announce(running: Running) -> None:
    where = _where(running)
    http = f"; {offered()} on {running.http}" if running.http else ""
    source = f"by {running.source}" if running.source else "without a configuration file"
    if running.consumes:
        consumed = ", ".join(running.consumes)
        OUTPUT.put(f"voltgate {__version__} answers stations by RabbitMQ, for the backends {consumed}{http} ({source})")
        return
    OUTPUT.put(f"voltgate {__version__} listens for stations on {where}{http} ({source})")
    if running.source is None and running.backends == (CSMS,) and running.unknown in _WHOLE:
        OUTPUT.put(_WHOLE[running.unknown])
    if not running.backends:
        OUTPUT.put(
            "No backend is configured, so every station is refused. Write a voltgate.toml: "
            "examples/one-backend.toml is a start."
        )


@contextlib.contextmanager
def _signals(stop: asyncio.Event, reload: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    signals = count(1)

    def asked() -> None:
        if next(signals) > 1:  # now
            _leave()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _leave() -> NoReturn:
    ERRORS.flush(0.2)
    os._exit(130)


def _raise_file_limit() -> None:
    """Ask for as many open files as the system allows: a station takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
