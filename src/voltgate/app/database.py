"""The database of a configuration, for the gateway and for the commands that maintain it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL

from voltgate.config import Config, Loaded
from voltgate.config.store import OFF
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import StoreAway
from voltgate.store import Database, DatabaseSettings, schema
from voltgate.store.address import POSTGRESQL, SQLITE, open_engine, read_address
from voltgate.store.holder import this_process
from voltgate.store.locations import Alone, Locations
from voltgate.telemetry.supervision import Supervision

_A_DAY = 86400.0


def address_of(loaded: Loaded) -> URL | None:
    """Return the address of the database; None if there is none."""
    section = loaded.config.store
    if section.url == OFF:
        return None
    folder = Path() if loaded.source is None else loaded.source.parent
    address = read_address(section.url, folder.absolute())
    if section.password is not None:
        address = address.set(password=section.password.get_secret_value())
    return address


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


def _is_missing(address: URL) -> bool:
    return address.drivername == SQLITE and not Path(str(address.database)).exists()


async def revision(address: URL) -> str | None:
    """Return the revision of a database; None if it is empty. Raises SQLAlchemyError and OSError."""
    if _is_missing(address):
        return None
    engine = open_engine(address, 5.0)
    try:
        return await schema.current(engine)
    finally:
        await engine.dispose()


async def upgrade(address: URL) -> str:
    """Upgrade a database to the current revision, and return it. Raises SQLAlchemyError, OSError and StoreAway."""
    if address.drivername == SQLITE:
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(address, 30.0)
    try:
        if not schema.is_known(await schema.current(engine)):
            raise StoreAway(str(await schema.objection(engine)))
        await schema.upgrade(engine)
    finally:
        await engine.dispose()
    return schema.wanted()
