"""The process: opens what listens, ticks the wheel, heeds signals, changes its configuration, and goes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog
import uvloop

from voltgate import __version__
from voltgate.app.api_access import ApiAccess
from voltgate.app.build import Surroundings, build
from voltgate.app.claimants import claimants_of
from voltgate.app.database import database_of
from voltgate.app.listeners import Listeners, report
from voltgate.app.rules import rules_of
from voltgate.app.soap import callback_base, soap_settings
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.client import Client
from voltgate.claiming import Claiming
from voltgate.config import Config, ConfigErrors, Loaded, read
from voltgate.dialler import Dialler, SoapDialling
from voltgate.directory.register import Register
from voltgate.gateway import Gateway
from voltgate.ocpp.turns import Counts
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend
from voltgate.relay.events import Event
from voltgate.relay.records import Nowhere, StoreAway, nothing_on_record
from voltgate.relay.session import Ports
from voltgate.relay.tap import Taps
from voltgate.soap_gateway import SoapGateway
from voltgate.telemetry import logs
from voltgate.telemetry.metrics import Gauges, Sources, VoltgateCollector
from voltgate.web.api import claims
from voltgate.web.api.resources import routers
from voltgate.web.event_log import EventLog
from voltgate.web.queries import Queries
from voltgate.web.server import WebServer, application

TICK = 0.1
"""Seconds between ticks of the wheel."""
_LOOK_AT_FILE = 2.0
"""Seconds between looks at the configuration's file."""
_TEND = 5.0
"""Seconds between two looks at what has expired."""
_GROWTH = 1.25
"""Growth of the number of sessions after which what lives is taken out of the garbage collector's sight again."""

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class Running:
    """What a running gateway tells whoever started it: where it listens."""

    stations: tuple[str, ...]
    soap: tuple[str, ...]
    http: str | None
    source: Path | None
    backends: tuple[str, ...]


@dataclass(slots=True)
class _Conf:
    """The configuration in force, and what became of the last attempt to change it."""

    loaded: Loaded
    problems: tuple[str, ...] = ()
    stamps: tuple[tuple[int, int] | None, ...] = ()
    changes: int = 0
    events: dict[str, int] = field(default_factory=dict)


class Process:
    """One gateway process, from its configuration to its end."""

    def __init__(self, loaded: Loaded) -> None:
        self._conf = _Conf(loaded, stamps=_stamps(loaded))
        self._clock = time.monotonic  # the loop's own has whole milliseconds
        self._wheel = Wheel(self._clock(), TICK)
        self._counts = Counts()
        self._soap_dialling = SoapDialling(
            Client(loaded.config.limits.message_size, f"voltgate/{__version__}"), Callbacks()
        )
        self._dialler = Dialler(self._wheel, self._clock, report, self._soap_dialling)
        self._database = database_of(loaded)
        self._surroundings = Surroundings(Register(self._database))
        snapshot = build(loaded.config, self._surroundings, None)
        self._surroundings.follow(loaded.config)
        self._events = EventLog()
        taps = Taps()
        ports = Ports(
            self._wheel,
            self._clock,
            random.random,
            self._dialler.start,
            self._happened,
            self._counts,
            time.time,
            self._database or Nowhere(),
            taps,
        )
        load = nothing_on_record if self._database is None else self._database.load
        self._gateway = Gateway(snapshot, ports, self._dialler, self._surroundings.room, load)
        self._claiming = Claiming(self._surroundings.register, self._gateway, self._rebuild, self._happened)
        self._soap = SoapGateway(
            self._gateway,
            self._soap_dialling.client,
            self._soap_dialling.callbacks,
            soap_settings(loaded.config),
            self._wheel,
            self._clock,
        )
        self._listeners = Listeners(self._gateway.admit, self._soap.take, self._wheel, self._clock)
        self._api_access: ApiAccess | None = None
        self._queries = Queries(
            self._gateway,
            self._events,
            taps,
            self._database,
            self._claiming,
            self._clock,
            rules=rules_of(lambda: self._conf.loaded.config),
        )
        self._web: WebServer | None = None
        self._frozen = 1000.0
        self._ticking: asyncio.TimerHandle | None = None
        self._stopping = False

    # Life.

    async def live(self, ready: Callable[[Running], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set, then drain. Raises OSError when an address cannot be listened on."""
        config = self._conf.loaded.config
        self._tick()
        try:
            if self._database is not None:
                await self._database.open()
                await self._read_register()
            self._web = self._open_web(config)
            await self._listeners.follow(config)
            self._follow_soap(config)
            async with asyncio.TaskGroup() as serving:
                if self._web is not None:
                    serving.create_task(self._web.serve())
                tending = [serving.create_task(self._tend_register())]
                if self._api_access is not None:
                    tending.append(serving.create_task(self._api_access.follow()))
                self._freeze()
                self._say_ready(ready)
                await stop.wait()
                for task in tending:
                    task.cancel()
                await self._go(config)
        finally:
            self._stopping = True
            await self._listeners.close()
            await self._soap.close()
            await self._dialler.close()
            if self._database is not None:
                await self._database.close()
            self._surroundings.close()
            if self._ticking is not None:
                self._ticking.cancel()

    def _follow_soap(self, config: Config) -> None:
        """Tell SOAP where it is reached, and what the configuration says of it."""
        self._soap.settings = soap_settings(config)
        self._soap_dialling.patience = config.calls.backend
        self._soap_dialling.largest = config.limits.message_size
        callbacks = self._soap_dialling.callbacks
        callbacks.base = callback_base(config)
        callbacks.key = self._surroundings.register.key_of_callbacks

    async def _read_register(self) -> None:
        """Read what backends and operators have said, if the database is there."""
        assert self._database is not None  # noqa: S101
        try:
            records = await self._database.read_register()
        except StoreAway:
            return
        await self._surroundings.register.load(records)
        self._follow_soap(self._conf.loaded.config)
        await self._rebuild()

    async def _tend_register(self) -> None:
        """Read the register as soon as the database is there; then strike out what expires."""
        register = self._surroundings.register
        while True:
            await asyncio.sleep(_TEND if register.loaded else 1.0)
            if not register.loaded:
                await self._read_register()
            else:
                await self._claiming.tidy()

    async def _rebuild(self) -> None:
        """Go by the same configuration and what the register says now."""
        snapshot, reason = self._gateway.snapshot, None
        try:
            snapshot = build(self._conf.loaded.config, self._surroundings, snapshot)
        except OSError as error:
            reason = str(error)
        if reason is not None:
            log.error("backends stay where they were: a file of the configuration cannot be read", reason=reason)
        await self._gateway.change(snapshot)

    def _open_web(self, config: Config) -> WebServer | None:
        address = config.listen.http_address
        if address is None:
            return None
        sources = Sources(
            self._backends,
            self._counts,
            lambda: {**self._listeners.refusals(), **self._gateway.refusals},
            self._gauges,
            {"station": self._listeners.counts, "backends": self._dialler.counts},
            self._conf.events,
            self._store_numbers,
            lambda: {name: len(each) for name, each in self._surroundings.register.claims.holdings.items()},
            lambda: {"stations": len(self._soap), "addresses_ignored_total": self._soap.addresses_ignored},
        )
        self._api_access = api_access = ApiAccess(self._conf.loaded, self._database)
        collector = VoltgateCollector(sources)
        resources = (claims.router, *routers())
        app = application(collector, self._readiness, __version__, api_access.access, api_access.issued, resources)
        app.state.queries = self._queries
        app.state.claiming = self._claiming
        app.state.claimants = claimants_of(lambda: self._conf.loaded.config)
        return WebServer(app, *address)

    def _backends(self) -> Iterable[Backend]:
        return self._gateway.snapshot.backends.values()

    def _say_ready(self, ready: Callable[[Running], None]) -> None:
        config = self._conf.loaded.config
        http = None if self._web is None else f"http://{config.listen.http}"
        listeners, source = self._listeners, self._conf.loaded.source
        running = Running(listeners.addresses(), listeners.soap_addresses(), http, source, tuple(config.backends))
        log.info("listening", stations=running.stations, soap=running.soap, http=http, version=__version__)
        ready(running)

    async def _go(self, config: Config) -> None:
        """Leave politely: nobody new, open calls finish, stations are let go one after the other."""
        log.info("stopping", stations=len(self._gateway.sessions))
        self._stopping = True
        self._gateway.draining = True
        await self._listeners.stop_accepting()
        await self._gateway.drain(config.shutdown.grace, config.shutdown.spread)
        await self._listeners.emptied(timeout=2.0)
        self._queries.close()
        if self._web is not None:
            await self._web.close()

    def _tick(self) -> None:
        now = self._clock()
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)
        try:
            self._wheel.tick(now)
        except ExceptionGroup:
            log.exception("a fault of Voltgate: a callback failed")
        if len(self._gateway.sessions) > self._frozen:
            self._freeze()

    def _freeze(self) -> None:
        """Keep the collector from walking over every session again and again: a full collection stops the loop."""
        gc.set_threshold(100_000, 50, 1000)
        gc.collect()
        gc.freeze()
        self._frozen = max(1000.0, len(self._gateway.sessions) * _GROWTH)

    # What is seen.

    def _happened(self, event: Event) -> None:
        name = type(event).__name__
        self._conf.events[name] = self._conf.events.get(name, 0) + 1
        self._events.note(event)
        logs.write(event)

    def _gauges(self) -> Gauges:
        sessions = self._gateway.sessions.values()
        turns = [
            turns for session in sessions for turns in (session.turns, *(leg.turns for leg in session.legs.values()))
        ]
        return Gauges(
            len(sessions),
            self._listeners.handshakes(),
            sum(each.waiting_calls for each in turns),
            sum(each.open_calls for each in turns),
            len(self._wheel),
        )

    def _readiness(self) -> dict[str, Any]:
        conf, snapshot = self._conf, self._gateway.snapshot
        return {
            "ready": not self._stopping,
            "stations": {
                "connected": len(self._gateway.sessions),
                "listeners": [*self._listeners.addresses(), *self._listeners.soap_addresses()],
            },
            "backends": {name: {"legs": backend.legs, "up": backend.up} for name, backend in snapshot.backends.items()},
            "store": self._store_state(),
            "configuration": {
                "file": str(conf.loaded.source) if conf.loaded.source else None,
                "changes": conf.changes,
                "problems": list(conf.problems),
            },
        }

    def _store_state(self) -> dict[str, Any]:
        """Say how the database is; without it stations of one backend are answered all the same."""
        if self._database is None:
            return {"status": "off"}
        state = self._database.state
        owed = {"messages": state.owed, "oldest_seconds": round(state.oldest_owed)}
        status = {"status": "ok"} if state.reason is None else {"status": "away", "reason": state.reason}
        return status | {"waiting_records": state.pending, "owed": owed}

    def _store_numbers(self) -> dict[str, float]:
        if self._database is None:
            return {}
        state = self._database.state
        return {
            "up": float(state.reason is None),
            "pending_records": state.pending,
            "commits_total": state.commits,
            "records_written_total": state.written,
            "failures_total": state.failures,
            "records_dropped_total": state.dropped,
            "slowest_commit_seconds": state.slowest,
            "owed_messages": state.owed,
            "owed_oldest_seconds": state.oldest_owed,
        }

    # Change.

    async def change(self) -> None:
        """Read the configuration again and go by it: all of it or nothing."""
        source = self._conf.loaded.source
        self._conf.stamps = _stamps(self._conf.loaded)
        try:
            loaded = self._as_begun(read(source, os.environ))
            snapshot = build(loaded.config, self._surroundings, self._gateway.snapshot)
            await self._listeners.follow(loaded.config)
        except ConfigErrors as errors:
            return self._keep([str(problem) for problem in errors.problems])
        except OSError as error:
            return self._keep([str(error)])
        logs.configure(loaded.config.log.level, loaded.config.log.format)
        if loaded.config.listen.http != self._conf.loaded.config.listen.http:
            log.warning("listen.http has changed: that takes a restart", key="listen.http")
        if loaded.config.store != self._conf.loaded.config.store:
            log.warning("store has changed: that takes a restart", key="store")
        self._surroundings.follow(loaded.config)
        self._follow_soap(loaded.config)
        self._conf.loaded, self._conf.problems, self._conf.stamps = loaded, (), _stamps(loaded)
        self._conf.changes += 1
        if self._api_access is not None:
            self._api_access.change(loaded)
        await self._gateway.change(snapshot)
        log.info("configuration changed", file=str(source), stations=len(self._gateway.sessions))
        return None

    def _as_begun(self, loaded: Loaded) -> Loaded:
        """Compare identities as at the start: sessions, records and claims are kept by what they are compared by."""
        begun = self._conf.loaded.config.directory
        if loaded.config.directory == begun:
            return loaded
        log.warning("directory.case_sensitive has changed: that takes a restart", key="directory.case_sensitive")
        return replace(loaded, config=loaded.config.model_copy(update={"directory": begun}))

    def _keep(self, problems: list[str]) -> None:
        self._conf.problems = tuple(problems)
        for problem in problems:
            log.error("configuration not changed", problem=problem)

    async def watch(self, asked: asyncio.Event) -> None:
        """Change the configuration when asked to, or when its file has changed."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), _LOOK_AT_FILE)
            if asked.is_set() or _stamps(self._conf.loaded) != self._conf.stamps:
                asked.clear()
                await self.change()


def _stamps(loaded: Loaded) -> tuple[tuple[int, int] | None, ...]:
    """Say which versions of its files a configuration is made of."""
    lists = [group.file for group in loaded.config.token_groups.values() if group.file is not None]
    return tuple(map(_stamp, (loaded.source, *lists)))


def _stamp(source: Path | None) -> tuple[int, int] | None:
    """Say which version of a file this is; None while there is none."""
    try:
        stat = source.stat() if source is not None else None
    except OSError:
        return None
    return None if stat is None else (stat.st_mtime_ns, stat.st_size)


async def serve(loaded: Loaded, ready: Callable[[Running], None], stop: asyncio.Event, reload: asyncio.Event) -> None:
    """Run a gateway in this loop until `stop` is set; `reload` makes it read its configuration again."""
    process = Process(loaded)
    watching = asyncio.ensure_future(process.watch(reload))
    try:
        await process.live(ready, stop)
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def run(path: Path | None) -> int:
    """Run a gateway in the foreground until SIGTERM or SIGINT. Raises ConfigErrors and OSError.

    Without `path` the usual files are looked for. Returns the exit code.
    """
    loaded = read(path, os.environ)
    logs.configure(loaded.config.log.level, loaded.config.log.format)
    for warning in loaded.warnings:
        log.warning("configuration", problem=str(warning))
    _raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_foreground(loaded))
        except* OSError as errors:
            raise errors.exceptions[0] from None
    return 0


async def _foreground(loaded: Loaded) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    with _signals(stop, reload):
        await serve(loaded, _announce, stop, reload)


def _announce(running: Running) -> None:
    where = ", ".join((*running.stations, *running.soap))
    http = f"; API, health and metrics on {running.http}" if running.http else ""
    source = f"by {running.source}" if running.source else "without a configuration file"
    print(f"voltgate {__version__} listens for stations on {where}{http} ({source})", flush=True)  # noqa: T201
    if not running.backends:
        print(  # noqa: T201
            "No backend is configured, so every station is refused. Write a voltgate.toml: "
            "examples/one-backend.toml is a start.",
            flush=True,
        )


@contextlib.contextmanager
def _signals(stop: asyncio.Event, reload: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)  # the second signal: now
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _raise_file_limit() -> None:
    """Ask for as many open files as the system allows: a station takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
