"""The process: opens what listens, ticks the wheel, changes its configuration, drains and ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from voltgate import __version__
from voltgate.app.active import ActiveConfiguration
from voltgate.app.build import build
from voltgate.app.carriers import CARRIERS
from voltgate.app.composition import TICK, Composition
from voltgate.app.readiness import Readiness
from voltgate.app.web import Web, open_web
from voltgate.config import Config, ConfigErrors, Loaded, read
from voltgate.relay.records import StoreAway
from voltgate.telemetry import logs

_LOOK_AT_FILE = 2.0
"""Seconds between looks at the configuration's file."""
_TEND = 5.0
"""Seconds between two looks at what has expired."""
_READ_AGAIN = 1.0
"""Seconds between two tries to read what could not be read when a station came in."""
_GROWTH = 1.25
"""Growth of the number of sessions after which all that lives is frozen for the garbage collector again."""

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running gateway listens, for its starter. `listeners` are URLs for stations, by carrier."""

    listeners: Mapping[str, tuple[str, ...]]
    http: str | None
    source: Path | None
    backends: tuple[str, ...]


class Process:
    """One gateway process, from its configuration to its end."""

    def __init__(self, loaded: Loaded) -> None:
        self._active = ActiveConfiguration(loaded)
        self._parts = Composition(self._active)
        self._readiness = Readiness(self._parts, self._active)
        self._web: Web | None = None
        self._frozen = 1000.0
        self._ticking: asyncio.TimerHandle | None = None

    # Life.

    async def live(self, ready: Callable[[Running], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set, then drain. Raise OSError when an address cannot be listened on."""
        config, parts = self._active.config, self._parts
        self._tick()
        try:
            if parts.database is not None:
                await parts.database.open()
                await self._read_register()
            self._web = open_web(self._active, parts, self._readiness)
            await parts.listeners.follow(config)
            parts.follow_soap(config)
            async with asyncio.TaskGroup() as serving:
                tending = [serving.create_task(self._tend_register()), serving.create_task(self._tend_gateway())]
                if self._web is not None:
                    serving.create_task(self._web.server.serve())
                    tending.append(serving.create_task(self._web.access.follow()))
                self._freeze()
                self._say_ready(ready)
                await stop.wait()
                for task in tending:
                    task.cancel()
                await self._drain(config)
        finally:
            await self._close()

    async def _close(self) -> None:
        self._readiness.stopping = True
        parts = self._parts
        await parts.listeners.close()
        await parts.soap.close()
        await parts.dialler.close()
        await parts.carriers.close()
        if parts.database is not None:
            await parts.database.close()
        parts.surroundings.close()
        if self._ticking is not None:
            self._ticking.cancel()

    async def _read_register(self) -> None:
        """Read what backends and operators have said, if the database is there."""
        assert self._parts.database is not None  # noqa: S101
        try:
            records = await self._parts.database.read_register()
        except StoreAway:
            return
        await self._parts.surroundings.register.load(records)
        self._parts.follow_soap(self._active.config)
        await self._parts.rebuild()

    async def _tend_register(self) -> None:
        """Read the register as soon as the database is there; then remove what expires."""
        register = self._parts.surroundings.register
        while True:
            await asyncio.sleep(_TEND if register.loaded else 1.0)
            if not register.loaded:
                await self._read_register()
            else:
                await self._parts.claiming.tidy()

    async def _tend_gateway(self) -> None:
        """Read what is on record of stations that came in while the database was away."""
        while True:
            await asyncio.sleep(_READ_AGAIN)
            await self._parts.gateway.read_again()

    def _say_ready(self, ready: Callable[[Running], None]) -> None:
        config = self._active.config
        http = None if self._web is None else f"http://{config.listen.http}"
        listeners, source = self._parts.listeners.addresses(), self._active.loaded.source
        running = Running(listeners, http, source, tuple(config.backends))
        by_key = {CARRIERS[carrier].key: urls for carrier, urls in listeners.items()}
        log.info("listening", **by_key, http=http, version=__version__)
        ready(running)

    async def _drain(self, config: Config) -> None:
        """Accept nobody else, let open calls finish, and close the stations' sessions one after the other."""
        parts = self._parts
        log.info("stopping", stations=len(parts.gateway.sessions))
        self._readiness.stopping = True
        parts.gateway.draining = True
        await parts.listeners.stop_accepting()
        await parts.gateway.drain(config.shutdown.grace, config.shutdown.spread)
        await parts.listeners.emptied(timeout=2.0)
        parts.queries.close()
        if self._web is not None:
            await self._web.server.close()

    def _tick(self) -> None:
        now = self._parts.clock()
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)
        try:
            self._parts.wheel.tick(now)
        except ExceptionGroup:
            log.exception("a fault of Voltgate: a callback failed")
        if len(self._parts.gateway.sessions) > self._frozen:
            self._freeze()

    def _freeze(self) -> None:
        """Keep the collector from walking over every session again and again: a full collection stops the loop."""
        gc.set_threshold(100_000, 50, 1000)
        gc.collect()
        gc.freeze()
        self._frozen = max(1000.0, len(self._parts.gateway.sessions) * _GROWTH)

    # Change.

    async def change(self) -> None:
        """Read the configuration again and go by it: all of it or nothing."""
        active, parts = self._active, self._parts
        source = active.loaded.source
        active.note_files()
        try:
            loaded = self._as_begun(read(source, os.environ))
            snapshot = build(loaded.config, parts.surroundings, parts.gateway.snapshot)
            await parts.listeners.follow(loaded.config)
        except ConfigErrors as errors:
            return self._keep([str(problem) for problem in errors.problems])
        except OSError as error:
            return self._keep([str(error)])
        logs.configure(loaded.config.log.level, loaded.config.log.format)
        for key, new, old in (
            ("listen.http", loaded.config.listen.http, active.config.listen.http),
            ("store", loaded.config.store, active.config.store),
        ):
            if new != old:
                log.warning(f"{key} has changed: that takes a restart", key=key)
        parts.surroundings.follow(loaded.config)
        parts.follow_soap(loaded.config)
        active.take(loaded)
        if self._web is not None:
            self._web.access.change(loaded)
        await parts.gateway.change(snapshot)
        log.info("configuration changed", file=str(source), stations=len(parts.gateway.sessions))
        return None

    def _as_begun(self, loaded: Loaded) -> Loaded:
        """Compare identities as at the start: sessions, records and claims are kept by what they are compared by."""
        begun = self._active.config.directory
        if loaded.config.directory == begun:
            return loaded
        log.warning("directory.case_sensitive has changed: that takes a restart", key="directory.case_sensitive")
        return replace(loaded, config=loaded.config.model_copy(update={"directory": begun}))

    def _keep(self, problems: list[str]) -> None:
        """Keep the configuration in force, and log why."""
        self._active.problems = tuple(problems)
        for problem in problems:
            log.error("configuration not changed", problem=problem)

    async def watch(self, asked: asyncio.Event) -> None:
        """Change the configuration when `asked` is set, or when one of its files has changed."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), _LOOK_AT_FILE)
            if asked.is_set() or self._active.files_changed():
                asked.clear()
                await self.change()


async def serve(loaded: Loaded, ready: Callable[[Running], None], stop: asyncio.Event, reload: asyncio.Event) -> None:
    """Run a gateway in this loop until `stop` is set; `reload` makes it read its configuration again."""
    process = Process(loaded)
    watching = asyncio.ensure_future(process.watch(reload))
    try:
        await process.live(ready, stop)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
