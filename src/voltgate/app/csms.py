"""The management system of a process: what it is handed, and what it goes by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from voltgate.app.claimants import claimants_of
from voltgate.carriers.local import LocalCarrier
from voltgate.claiming import Claiming
from voltgate.config import Config
from voltgate.config.backends import LOCAL
from voltgate.csms.service import ManagementSystem
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.signing import Authority
from voltgate.csms.watch import Watch
from voltgate.directory.stations import unlawful
from voltgate.ocpp.folding import folding
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.csms.networks import Networks
from voltgate.store.csms.of_stations import StationQueries
from voltgate.store.csms.stations import Stations
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore
from voltgate.store.csms.tokens import Tokens
from voltgate.store.csms.work import Work
from voltgate.web.csms.parts import CsmsParts

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
        section.keep_rows,
        patience=config.calls.backend,
    )


def csms_of(config: Config, database: Database, wheel: Wheel, clock: Callable[[], float]) -> ManagementSystem:
    """Return the management system of this process, on the database of the gateway."""
    store, fold = CsmsStore(database), partial(key_of, lambda: config)
    csms = ManagementSystem(store, csms_settings(config), wheel, clock, time.time, fold, database.node)
    csms.signer.authority = authority_of(config)
    store.bounds.most = lambda: csms.settings.keep_rows
    return csms


def authority_of(config: Config) -> Authority | None:
    """Return who signs the certificates of stations; None if nobody does."""
    section = config.csms.authority
    if section is None:
        return None
    return Authority(Path(section.certificate), Path(section.key), section.days, section.organization)


async def tell_costs(csms: ManagementSystem) -> None:
    """Tell the stations of this process what their transactions have cost so far, as often as it is set."""
    await asyncio.sleep(csms.settings.tell_costs or _TEND)
    await csms.tell_costs(csms.peers)


def key_of(config: Callable[[], Config], identity: str) -> str:
    """Return what an identity is compared by."""
    return folding(case_sensitive=config().directory.case_sensitive)(identity)


def backend_of(config: Config) -> str:
    """Return the name of the backend that the management system is; "": none is."""
    return next((name for name, section in config.backends.items() if section.url == LOCAL), "")


def parts_of(
    config: Callable[[], Config], database: Database | None, claiming: Claiming | None, name: str = ""
) -> CsmsParts | None:
    """Return what the API of the management system works with; None without a database.

    `config` is in force. `name` is that of the backend for which a CSMS node answers, where no gateway is.
    """
    if database is None:
        return None

    def backend() -> str:
        return name or backend_of(config())

    def objection(identity: str) -> str | None:
        told = unlawful(identity, config().limits.identity_length)
        claimant = None if told else claimants(backend())
        if claimant is not None and not claimant.may_claim(identity):
            told = f"is none of those that the management system may have: see backends.{backend()}.claims.stations"
        return told

    claimants, work = claimants_of(config), Work(database)
    return CsmsParts(
        StationQueries(database),
        Networks(work),
        Stations(work),
        Tokens(work),
        TariffStore(database),
        claiming,
        partial(key_of, config),
        objection,
        backend,
        lambda: config().csms.currency,
    )


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
