"""The management system of a process: what it is handed, and what it goes by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from voltgate.carriers.local import LocalCarrier
from voltgate.config import Config
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.watch import Watch
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.csms.store import CsmsStore

_TEND = 30.0
"""Seconds between two times that it is written down which stations were heard."""
_LOOK = 1.0
"""Seconds between two looks whether stations can be answered."""
_WATCH = 3.0
"""Seconds between two looks for stations whose gateway has died, or that stay away."""


def csms_settings(config: Config) -> CsmsSettings:
    """Return what the management system goes by."""
    section = config.csms
    return CsmsSettings(
        section.interval,
        section.registration,
        section.retry,
        section.tokens,
        section.grace,
        section.validation,
        section.currency,
        (section.cost_vendor, section.cost_message),
        section.tell_costs,
        patience=config.calls.backend,
    )


def csms_of(config: Config, database: Database, wheel: Wheel, clock: Callable[[], float]) -> ManagementSystem:
    """Return the management system of this process, on the database of the gateway."""

    def fold(identity: str) -> str:
        return identity if config.directory.case_sensitive else identity.casefold()

    store = CsmsStore(database)
    return ManagementSystem(store, csms_settings(config), wheel, clock, time.time, fold, database.node)


async def tell_costs(csms: ManagementSystem) -> None:
    """Tell stations what their transactions have cost so far, as often as it is set."""
    await asyncio.sleep(csms.settings.tell_costs or _TEND)
    await csms.tell_costs()


async def look(carrier: LocalCarrier) -> None:
    """Look now and then whether stations can be answered."""
    await asyncio.sleep(_LOOK)
    carrier.look()


async def watch(stations: Watch | None) -> None:
    """Look now and then for stations that have gone, and nobody said so; not while the database is away."""
    await asyncio.sleep(_WATCH)
    if stations is not None:
        with suppress(StoreAway):
            await stations.look()


async def tend(csms: ManagementSystem) -> None:
    """Write down now and then which stations were heard."""
    await asyncio.sleep(_TEND)
    await csms.write_seen()
