"""Changes of the configuration while the process runs: planned whole and checked whole, then done, or nothing is."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess, configured_tokens
from voltgate.app.build import build
from voltgate.app.composition import Composition
from voltgate.app.listeners import Plan
from voltgate.app.soap import soap_settings
from voltgate.config import ConfigErrors, Loaded, read
from voltgate.config.loading import SHORTAGES
from voltgate.snapshot import Snapshot
from voltgate.soap_station import SoapSettings
from voltgate.telemetry import logs
from voltgate.web.access import AccessToken

_LOOK_AT_FILES = 2.0
"""Seconds between looks at the files of the configuration."""

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class _Change:
    """All that a configuration takes, made and ready to be put in force: nothing of it can fail any more."""

    loaded: Loaded
    listeners: Plan
    snapshot: Snapshot
    soap: SoapSettings
    tokens: list[AccessToken]


class Reload:
    """Changes the configuration of a process. `access` gives the API's, None without one."""

    def __init__(self, active: ActiveConfiguration, parts: Composition, access: Callable[[], ApiAccess | None]) -> None:
        self._active = active
        self._parts = parts
        self._access = access
        self.begun = asyncio.Event()
        """Set when the process listens: there is nothing to change before."""

    async def watch(self, asked: asyncio.Event) -> None:
        """Change the configuration when `asked` is set, or when one of its files has changed."""
        await self.begun.wait()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AT_FILES):
                    await asked.wait()
            if asked.is_set() or self._active.files_changed():
                asked.clear()
                await self.change()

    async def change(self) -> None:
        """Read the configuration again and go by it: all of it or nothing. A fault of ours is said here, and raised."""
        self._active.note_files()
        try:
            await self._change()
        except ConfigErrors as errors:
            self._active.follow(errors.files)
            self._keep([str(problem) for problem in errors.problems])
        except OSError as error:
            if error.errno in SHORTAGES:
                self._active.look_again()
            self._keep([str(error) if error.filename is not None or error.strerror is None else error.strerror])
        except Exception as error:
            self._keep([f"a fault of Voltgate: {type(error).__name__}"])  # its text may hold a secret
            raise

    def _keep(self, problems: list[str]) -> None:
        """Keep the configuration in force, and log why."""
        self._active.refuse(problems)
        for problem in problems:
            log.error("configuration not changed", problem=problem)

    async def _change(self) -> None:
        # in a thread: lists of tokens may be long, and names of hosts are looked up
        loaded = await asyncio.to_thread(read, self._active.loaded.source, os.environ, self._active.config)
        self._active.follow(loaded.files)
        change = await self._plan(loaded)
        if self._parts.draining.state == "stopping":
            await change.listeners.give_up()
            return
        for warning in loaded.warnings:
            log.warning("configuration", problem=str(warning), key=warning.key)
        await self._do(change)
        stations = len(self._parts.gateway.sessions)
        log.info("configuration changed", file=str(loaded.source), stations=stations)

    async def _plan(self, loaded: Loaded) -> _Change:
        """Make all that can fail. Raise OSError for what cannot be had."""
        parts, config = self._parts, loaded.config
        plan = await parts.listeners.plan(config)
        try:
            snapshot = build(config, parts.surroundings, parts.gateway.snapshot)
            return _Change(loaded, plan, snapshot, soap_settings(config), configured_tokens(loaded))
        except BaseException:
            await plan.give_up()
            raise

    async def _do(self, change: _Change) -> None:
        parts, config = self._parts, change.loaded.config
        await parts.listeners.take(change.listeners)
        logs.configure(config.log.level, config.log.format)
        parts.follow(config, change.soap)
        access = self._access()
        if access is not None:
            access.change(change.tokens, config)
        self._active.take(change.loaded)
        await parts.gateway.change(change.snapshot)
