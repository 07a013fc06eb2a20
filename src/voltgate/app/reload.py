"""Changes of a gateway's configuration while it runs: planned whole and checked whole, then done, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voltgate.app.active import ActiveConfiguration
from voltgate.app.api_access import ApiAccess, configured_tokens
from voltgate.app.build import build
from voltgate.app.composition import Composition
from voltgate.app.listeners import Plan
from voltgate.app.reloading import Reloading
from voltgate.app.soap import soap_settings
from voltgate.config import Loaded
from voltgate.snapshot import Snapshot
from voltgate.soap_station import SoapSettings
from voltgate.telemetry import logs
from voltgate.web.access import AccessToken
from voltgate.web.audited import unnoted

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class _Change:
    """All that a configuration takes, made and ready to be put in force: nothing of it can fail any more."""

    loaded: Loaded
    listeners: Plan
    snapshot: Snapshot
    soap: SoapSettings
    tokens: list[AccessToken]


class Reload(Reloading):
    """Changes the configuration of a gateway. `access` gives the API's, None without one."""

    def __init__(self, active: ActiveConfiguration, parts: Composition, access: Callable[[], ApiAccess | None]) -> None:
        super().__init__(active, unnoted if parts.database is None else parts.database.put)
        self._parts = parts
        self._access = access

    async def _take(self, loaded: Loaded) -> None:
        change = await self._plan(loaded)
        if self._parts.draining.state == "stopping":
            await change.listeners.give_up()
            return
        self._warn(loaded)
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
