"""Draining: the stations of this gateway go to others, and no new ones come; with or without its end after that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from voltgate.cluster.ports import NodeState
from voltgate.config import Config
from voltgate.gateway import Gateway
from voltgate.telemetry.supervision import Supervision

log = structlog.get_logger("voltgate")


class Draining:
    """Whether this gateway takes stations. `config` returns the settings in force."""

    def __init__(self, gateway: Gateway, config: Callable[[], Config], supervision: Supervision) -> None:
        self.state: NodeState = "serving"
        """What `/readyz` and the table of nodes say of this gateway."""
        self._gateway = gateway
        self._config = config
        self._supervision = supervision
        self._spread: float | None = None
        self._going: asyncio.Task[None] | None = None

    async def drain(self, spread: float | None = None) -> None:
        """Say so, then take no more stations and let those go that are here, over `spread` seconds (None: the setting).

        Return when it has begun. Again, it does nothing unless it is given another spread: that holds for those who
        are still here. A gateway that is stopping goes on with that.
        """
        if self.state == "stopping" or (self.state == "draining" and spread in {None, self._spread}):
            return
        await self._stay()
        self.state, self._spread = "draining", spread
        log.info("draining", stations=len(self._gateway.sessions))
        self._going = self._supervision.keep("drain", self._let_go)

    async def undrain(self) -> None:
        """Undo `drain`: take stations again, and keep those that are still here. What is stopping, stops."""
        if self.state == "draining":
            await self._stay()
            self.state, self._gateway.draining = "serving", False
            log.info("serving again", stations=len(self._gateway.sessions))

    def announce(self) -> None:
        """Say that this gateway is about to stop, so that nobody sends it stations: so far it takes them."""
        self.state = "stopping"
        log.info("stopping", stations=len(self._gateway.sessions))

    async def finish(self) -> None:
        """Take no more stations, and let those go that are here; return when all have gone."""
        await self._stay()
        await self._let_go()

    async def _let_go(self) -> None:
        config = self._config()
        if self.state == "draining" and not self._gateway.draining:
            await asyncio.sleep(config.ahead)  # so that a balancer sends nobody any more
        shutdown = config.shutdown
        spread = shutdown.spread if self._spread is None or self.state == "stopping" else self._spread
        await self._gateway.drain(shutdown.grace, spread)

    async def _stay(self) -> None:
        """Let no more of them go for now."""
        going, self._going = self._going, None
        if going is not None:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
