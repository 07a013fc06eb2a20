"""The deletion of what the management system has kept for long enough, as a process does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voltgate.config import Config
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.csms.aging import Aging, Keep

_HOURLY = 3600.0
"""Seconds between two looks."""
_AGAIN = 10.0
"""Seconds until the next one, when the database was away."""
_A_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Tending:
    """Looks after what is kept for some time only; `config` is in force. Several nodes may do that at once."""

    aging: Aging
    config: Callable[[], Config]

    def keep(self) -> Keep:
        """Return for how long things are kept."""
        section = self.config().csms
        return Keep(section.keep_meter_values * _A_DAY, section.keep_history * _A_DAY)

    async def look(self) -> None:
        """Do what is due, and wait until the next look: soon, if the database is away."""
        try:
            await self.aging.tend(self.keep())
        except StoreAway:
            await asyncio.sleep(_AGAIN)
        else:
            await asyncio.sleep(_HOURLY)


def tending_of(config: Callable[[], Config], database: Database, wall: Calendar) -> Tending:
    """Return what looks after a database."""
    return Tending(Aging(database, wall), config)
