"""The process of a gateway: opens what listens, drains and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration, Objection, nothing_against
from voltgate.app.carriers import CARRIERS
from voltgate.app.composition import Composition
from voltgate.app.csms import backend_of, look, tell_costs, tend, watch
from voltgate.app.life import Life, Running, ended, finished, freeze, note_life, run_through
from voltgate.app.readiness import Readiness
from voltgate.app.reload import Reload
from voltgate.app.web import open_web
from voltgate.app.web_servers import Web
from voltgate.app.worker import Worker
from voltgate.config import Loaded
from voltgate.relay.records import StoreAway
from voltgate.web.server import WebServer

_TEND = 5.0
"""Seconds between two looks at what has expired."""
_READ_AGAIN = 1.0
"""Seconds between two tries to read what could not be read when a station came in."""
_LAST_ANSWERS = 5.0
"""Seconds that the HTTP server may take to end."""
_GROWTH = 1.25
"""Growth of the number of sessions after which all that lives is frozen for the garbage collector again."""

log = structlog.get_logger("voltgate")


class Process(Life):
    """One gateway process, from its configuration to its end."""

    def __init__(self, loaded: Loaded, worker: Worker | None = None, objection: Objection = nothing_against) -> None:
        self._worker = worker
        self._active = ActiveConfiguration(loaded, objection)
        parts = self._parts = Composition(self._active, "" if worker is None else f"worker-{worker.name}")
        reload = Reload(self._active, parts, lambda: None if self._web is None else self._web.access)
        super().__init__(parts.wheel, parts.clock, parts.calendar, parts.supervision, reload)
        self._readiness = Readiness(self._parts, self._active)
        self._web: Web | None = None
        self._uploads: WebServer | None = None
        self._frozen = 1000.0
        self._tending: list[asyncio.Task[None]] = []
        self._serving: list[asyncio.Task[None]] = []
        self._telling: list[asyncio.Task[None]] = []
        """What runs jobs; until the stations that they told have answered."""
        self._answering: list[asyncio.Task[None]] = []
        """What answers stations in this process; until all that they have said is answered."""
        self._recording: list[asyncio.Task[None]] = []
        """What hands messages to their writer, and hears of it; until the last one has been said."""
        self._alerting: list[asyncio.Task[None]] = []
        """What tells people; until the database is closed, as what the last stations did is to be told."""
        self._joined: list[asyncio.Task[None]] = []
        """What makes this process a node of a cluster; until it has drained, so that others hear of it meanwhile."""

    # Life.

    async def live(self, ready: Callable[[Running], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set, then drain. Raise OSError when an address cannot be listened on."""
        config, parts = self._active.config, self._parts
        self._start_ticking()
        try:
            if parts.database is not None:
                await parts.database.open()
                if parts.cluster is not None:
                    await parts.cluster.join()
                await self._read_register()
            self._web = open_web(self._active, parts, self._readiness, self._reload.change, self._worker)
            self._uploads = None if parts.operating is None else parts.operating.listen(shared=self._worker is not None)
            if parts.cluster is not None and self._web is not None:
                self._web.access.follow(parts.cluster.notices)
            await parts.listeners.follow(config)
            parts.follow_soap(config)
            self._reload.begun.set()
            self._begin()
            if parts.database is not None:
                note_life(parts.database, "Start")
            self._freeze()
            self._say_ready(ready)
            await stop.wait()
            await self._drain()
            if self._serving:
                await asyncio.wait(self._serving, timeout=_LAST_ANSWERS)
        finally:
            await self._close()

    def _begin(self) -> None:
        """Begin what lives as long as the process. The writing of the database has begun, and the ticks have."""
        parts, supervision = self._parts, self._parts.supervision
        self._tending = [
            supervision.repeat("register", self._tend_register),
            supervision.repeat("late pages", self._tend_gateway),
            supervision.repeat("station security", parts.surroundings.authentication.security.tend),
            supervision.repeat("monitoring", parts.monitoring.look),
            supervision.repeat("monitoring of the rest", parts.monitoring.look_around),
            supervision.repeat("recording", parts.messages.tend),
        ]
        recorder = parts.messages.recorder
        self._recording = [supervision.repeat(f"message log {what}", work) for what, work in recorder.work]
        if parts.traces is not None:
            self._recording.append(supervision.repeat("traces", parts.traces.run))
        self._alerting = [supervision.repeat(name, work) for name, work in parts.alerting.tasks()]
        if parts.csms is not None:
            self._tending += [
                supervision.repeat("csms heard", partial(tend, parts.csms)),
                supervision.repeat("csms costs", partial(tell_costs, parts.csms)),
                supervision.repeat("csms presence", partial(look, parts.carriers.local)),
                supervision.repeat("csms watch", self._watch),
                supervision.repeat("csms certificates", parts.csms.signer.run),
            ]
            self._answering = [supervision.repeat(name, work) for name, work in parts.csms.rounds.tasks()]
        if parts.operating is not None:
            self._telling = [supervision.keep("csms jobs", parts.operating.runner.run)]
            self._tending.append(supervision.repeat("csms old rows", parts.operating.purge))
        if self._uploads is not None:
            self._serving = [supervision.keep("uploads", self._uploads.serve)]
        if parts.cluster is not None:
            self._joined = parts.cluster.begin()
        if self._web is not None:
            self._serving += [supervision.keep(name, server.serve) for name, server in self._web.servers.items()]
            for name, follow in self._web.access.tasks():
                self._tending.append(supervision.repeat(name, follow))

    async def _close(self) -> None:
        await ended([*self._tending, *self._telling, *self._serving])
        parts = self._parts
        if self._web is not None:
            self._web.access.close()
            self._web.audit.refusals.close()
        await parts.listeners.close()
        parts.log_lines.close()
        await parts.soap.close()
        await parts.dialler.close()
        await parts.carriers.close()
        await parts.messages.recorder.close()
        await ended([*self._answering, *self._joined, *self._alerting, *self._recording])
        if parts.traces is not None:
            await parts.traces.close()
        parts.messages.close()
        await parts.alerting.close()
        if parts.cluster is not None and self._joined:
            await parts.cluster.leave()
        if parts.database is not None:
            note_life(parts.database, "Stop")
            await parts.database.close()
        parts.surroundings.close()
        self._stop_ticking()

    async def _read_register(self) -> None:
        """Read what backends and operators have said, if the database is there."""
        assert self._parts.database is not None  # noqa: S101
        try:
            await self._parts.surroundings.register.load(self._parts.database.read_register)
            await self._parts.surroundings.authentication.security.read()
        except StoreAway:
            return
        self._parts.follow_soap(self._active.config)
        await self._parts.rebuild()

    async def _tend_register(self) -> None:
        """Read the register as soon as the database is there; then remove what expires."""
        register = self._parts.surroundings.register
        await asyncio.sleep(_TEND if register.loaded else 1.0)
        if not register.loaded:
            await self._read_register()
        else:
            await self._parts.claiming.tidy()

    async def _tend_gateway(self) -> None:
        """Read what is on record of stations that came in while the database was away."""
        await asyncio.sleep(_READ_AGAIN)
        await self._parts.gateway.read_again()

    async def _watch(self) -> None:
        """Look after stations of the management system that nobody heard go, if it answers any here."""
        await watch(self._parts.watch if backend_of(self._active.config) else None)

    def _say_ready(self, ready: Callable[[Running], None]) -> None:
        config = self._active.config
        http = None if self._web is None else config.listen.http_url
        listeners, source = self._parts.listeners.addresses(), self._active.loaded.source
        running = Running(listeners, http, source, tuple(config.backends), unknown=config.unknown.policy)
        by_key = {CARRIERS[carrier].key: urls for carrier, urls in listeners.items()}
        log.info("listening", **by_key, http=http, version=__version__)
        ready(running)

    async def _drain(self) -> None:
        """Say that this gateway goes, then accept nobody else, and let the stations go one after the other."""
        parts = self._parts
        config = self._active.config
        parts.draining.announce()
        if parts.operating is not None:
            parts.operating.runner.stop()
        await asyncio.sleep(config.ahead)
        await ended(self._tending)
        await parts.listeners.stop_accepting()
        await asyncio.gather(parts.draining.finish(), finished(self._telling, config.shutdown.grace))
        await parts.listeners.emptied(timeout=2.0)
        parts.queries.close()
        if self._web is not None:
            for server in self._web.servers.values():
                await server.close()
        if self._uploads is not None:
            await self._uploads.close()

    def _ticked(self) -> None:
        super()._ticked()
        if len(self._parts.gateway.sessions) > self._frozen:
            self._freeze()

    def _freeze(self) -> None:
        freeze()
        self._frozen = max(1000.0, len(self._parts.gateway.sessions) * _GROWTH)


async def serve(
    loaded: Loaded,
    ready: Callable[[Running], None],
    stop: asyncio.Event,
    reload: asyncio.Event,
    worker: Worker | None = None,
) -> None:
    """Run a gateway in this loop until `stop` is set; `reload` makes it read its configuration again."""
    await run_through(Process(loaded, worker), ready, stop, reload)
