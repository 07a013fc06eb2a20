"""The database of a configuration, for the gateway and for the commands that maintain it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from voltgate.config import Config, Loaded
from voltgate.config.store import OFF
from voltgate.directory.security import StationSecurity
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway
from voltgate.store import Database, DatabaseSettings, schema
from voltgate.store.address import POSTGRESQL, SQLITE, open_engine, read_address
from voltgate.store.holder import this_process
from voltgate.store.locations import Alone, Locations
from voltgate.store.reach import Reach
from voltgate.store.security import SecurityTable
from voltgate.telemetry.supervision import Supervision

_A_DAY = 86400.0
_LOCKED = "55P03"
"""SQLSTATE: a lock was not had in time."""


def address_of(loaded: Loaded) -> URL | None:
    """Return the address of the database; None if there is none."""
    section = loaded.config.store
    if section.url == OFF:
        return None
    address = read_address(section.url, loaded.home)
    if section.password is not None:
        address = address.set(password=section.password.get_secret_value())
    return address


def folder_of(loaded: Loaded) -> Path | None:
    """Return the folder of the database, if it is a file here."""
    address = address_of(loaded)
    is_file = address is not None and address.drivername == SQLITE and address.database
    return Path(str(is_file)).parent if is_file else None


def database_of(
    loaded: Loaded, supervision: Supervision, calendar: Calendar, lost: Callable[[str], None]
) -> Database | None:
    """Return the store of a gateway; None if there is no database.

    PostgreSQL may have several: `lost` is called with each station that another one has taken.
    """
    address = address_of(loaded)
    if address is None:
        return None
    holder = this_process()
    locations = Locations(holder.name, lost) if address.drivername == POSTGRESQL else Alone()
    return Database(address, database_settings(loaded.config), calendar, holder, supervision, locations)


def database_settings(config: Config) -> DatabaseSettings:
    """Return what bounds the use of the database."""
    return DatabaseSettings(
        config.store.patience,
        keep=config.store.keep_days * _A_DAY,
        keep_audit=config.store.audit_days * _A_DAY,
        keep_owed=config.journal.days * _A_DAY,
        lease=max(60.0, 2 * config.calls.backend),  # nothing is sent whose answer may come after it
    )


def security_of(database: Database | None) -> StationSecurity:
    """Return what is known of stations' security: in a database, or as long as the process lasts."""
    if database is None:
        return StationSecurity(time.time)
    reach = Reach(database.there, database.patience)
    return StationSecurity(time.time, SecurityTable(reach, database.node))


def is_missing(address: URL) -> bool:
    """Return whether a database is a file that is not there."""
    return address.drivername == SQLITE and not Path(str(address.database)).exists()


async def revision(address: URL) -> str | None:
    """Return the revision of a database; None if it is empty. Raises SQLAlchemyError and OSError."""
    if is_missing(address):
        return None
    engine = open_engine(address, 5.0)
    try:
        return await schema.current(engine)
    finally:
        await engine.dispose()


async def upgrade(address: URL) -> str:
    """Give a database all that this version works with, and return its revision. SQLite, which is alone, is contracted.

    Raises SQLAlchemyError, OSError and StoreAway.
    """
    return await _bring(address, schema.wanted() if address.drivername == SQLITE else schema.expanded())


async def contract(address: URL) -> str:
    """Remove from a database what only older versions use, too, and return its revision. Raises as `upgrade`."""
    return await _bring(address, schema.wanted())


async def _bring(address: URL, target: str) -> str:
    if address.drivername == SQLITE:
        Path(str(address.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(address, 30.0)
    try:
        found = await schema.current(engine)
        if not schema.is_known(found):
            objection = await schema.objection(engine)
            if objection is None:
                return str(found)
            raise StoreAway(objection)
        if others := await schema.left_behind(engine, target):
            raise StoreAway(f"gateways of another version run that cannot work with {target}: {', '.join(others)}")
        await schema.upgrade(engine, target)
        return str(await schema.current(engine))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCKED:
            raise StoreAway("somebody else keeps a table locked; nothing has changed: try again") from None
        raise
    finally:
        await engine.dispose()
