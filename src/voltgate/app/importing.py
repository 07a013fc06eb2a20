"""Imports from the databases of others into our own: all of it with one commit, or nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.app.csms import backend_of, key_of
from voltgate.app.database import address_of, is_missing, upgrade
from voltgate.app.takeover import IMPORT, Here, Taken, taken_over, without_secrets
from voltgate.config import Config, Loaded
from voltgate.directory.register import Register, TooMany
from voltgate.directory.stations import unlawful
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway
from voltgate.store import schema
from voltgate.store.address import SQLITE, open_engine
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.tables import networks, stations
from voltgate.store.everythingcharge import Old, read_everythingcharge
from voltgate.store.failures import FAILURES, words
from voltgate.store.file_lock import lock_of
from voltgate.store.notices import USERS
from voltgate.store.tables import users
from voltgate.store.users import add_user
from voltgate.store.within import Within
from voltgate.web.access import PersonRole

_PATIENCE = 30.0
"""Seconds that our database may take for each thing."""


async def import_everythingcharge(loaded: Loaded, source: URL, role: PersonRole, *, dry_run: bool) -> Taken:
    """Take over what EVerythingcharge's database holds and ours does not; with `dry_run` only say what that is.

    Users get `role` in all networks. Raises StoreAway if one of the databases cannot be worked with, or there is no
    management system here; then nothing has changed.
    """
    address = address_of(loaded)
    if address is None:
        raise StoreAway('there is no database to import into: store.url is "off"')
    backend = backend_of(loaded.config)
    if not backend:
        raise StoreAway('no backend is the management system: write one with url = "local:"')
    old = await _read(source)
    try:
        async with _begun(address, dry_run=dry_run) as connection:
            taken = await _take(connection, loaded.config, backend, old, role)
            if dry_run:
                return without_secrets(taken)
            await connection.commit()
            return taken
    except TooMany as many:
        raise StoreAway(str(many)) from None
    except FAILURES as error:
        raise StoreAway(f"our own database: {words(error)}") from None


async def _read(source: URL) -> Old:
    try:
        return await read_everythingcharge(source)
    except StoreAway as error:
        raise StoreAway(f"{source.render_as_string(hide_password=True)}: {error}") from None


@asynccontextmanager
async def _begun(address: URL, *, dry_run: bool) -> AsyncIterator[AsyncConnection]:
    """Give a connection to our database; what is not committed is not kept. A file of SQLite must be no gateway's."""
    if address.drivername == SQLITE:
        if dry_run and is_missing(address):
            address = address.set(database=":memory:")
        else:
            await upgrade(address)
    lock = lock_of(address)
    if lock is not None:
        lock.take()
    engine = open_engine(address, _PATIENCE)
    try:
        await _see_that_it_fits(engine, address)
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
        if lock is not None:
            lock.release()


async def _see_that_it_fits(engine: AsyncEngine, address: URL) -> None:
    if address.database == ":memory:":
        await schema.upgrade(engine, schema.wanted())
    elif objection := await schema.objection(engine):
        raise StoreAway(objection)


async def _take(connection: AsyncConnection, config: Config, backend: str, old: Old, role: PersonRole) -> Taken:
    within, now = Within(connection, IMPORT), time.time()
    await within.begin()
    register = Register(None, Calendar(time.time, time.monotonic), within)
    claims = config.claims
    key = partial(key_of, lambda: config)
    register.follow(key, config.backends, claims.conflict, claims.expire, claims.most, [backend])
    await register.load(within.read_register)
    taken = taken_over(old, await _here(connection, config, backend, register), role, now, now + config.api.invitation)
    for row in (*taken.networks, *taken.stations, *taken.connectors):
        await within.add(shape(type(row)).table, [{name: getattr(row, name) for name in shape(type(row)).own}])
    for user in taken.users:
        await add_user(connection, user)
    if taken.users:
        await within.announce(USERS, IMPORT)
    if taken.stations:
        await register.amend(backend, [station.identity for station in taken.stations], [], IMPORT)
    return taken


async def _here(connection: AsyncConnection, config: Config, backend: str, register: Register) -> Here:
    def claimants(key: str) -> list[str]:
        return sorted({name for _, name in register.standing(key)} - {backend})

    return Here(
        {row.id: row.name for row in await connection.execute(select(networks.c.id, networks.c.name))},
        set((await connection.execute(select(stations.c.key))).scalars()),
        set((await connection.execute(select(users.c.name))).scalars()),
        partial(key_of, lambda: config),
        lambda identity: unlawful(identity, config.limits.identity_length),
        claimants,
    )
