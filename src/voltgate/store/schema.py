"""The schema: which revision a database has, which is wanted, and the way from one to the other.

A revision says in its script who can work with it: `oldest` names the oldest revision whose programs can (without: only
those that know it), `contracts` that it does no more than remove what no program of its own version uses. So a new
version comes in two steps. What it needs is added (expanded) while the older gateways run; when they have ended, what
only they used is removed (contracted). The database keeps the word `oldest`, for programs that do not know the script.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate import __version__
from voltgate.store.address import POSTGRESQL, reading
from voltgate.store.leases import clock_of
from voltgate.store.tables import compatibility, nodes

SCRIPTS = Path(__file__).parent / "migrations"
"""Where the scripts of all revisions are that this program knows."""

LONGEST = 3600.0
"""Seconds that an upgrade may take: of a large database it copies whole tables."""
_UPGRADE = "run `voltgate db upgrade`"
_UPGRADING = 0x766F6C74
"""The key of the lock that whoever changes the schema holds: "volt", as other programs may have keys of their own."""
_ALIVE = 60.0
"""Seconds since its last sign of life for which a gateway counts as running."""


# What this program knows.


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


@lru_cache(maxsize=8)
def _known(folder: Path) -> tuple[Script, ...]:
    """Return the scripts, the newest first; read once, while there are descriptors for it."""
    return tuple(ScriptDirectory.from_config(_config()).walk_revisions())


def _revisions() -> list[str]:
    """Return the revisions, the newest first."""
    return [script.revision for script in _known(SCRIPTS)]


def wanted() -> str:
    """Return the newest revision that this version of Voltgate knows."""
    return _revisions()[0]


def expanded() -> str:
    """Return the revision that has all that this version works with: what comes after it only removes."""
    return next(s.revision for s in _known(SCRIPTS) if not getattr(s.module, "contracts", False))


def _oldest(revision: str) -> str:
    script = next(each for each in _known(SCRIPTS) if each.revision == revision)
    return str(getattr(script.module, "oldest", revision))


def is_known(revision: str | None) -> bool:
    """Return whether this version knows a revision; None is an empty database."""
    return revision is None or revision in _revisions()


def is_older(revision: str | None) -> bool:
    """Return whether this version can bring a revision further; None is an empty database."""
    return is_known(revision) and revision != wanted()


def _is_before(revision: str | None, other: str) -> bool:
    """Return whether a revision that is known comes before another."""
    return revision is None or _revisions().index(revision) > _revisions().index(other)


# What a database has.


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def current(engine: AsyncEngine) -> str | None:
    """Return the revision of a database; None if it is empty. Raises SQLAlchemyError and OSError."""
    async with reading(engine).connect() as connection:
        return await connection.run_sync(_current)


async def objection(engine: AsyncEngine) -> str | None:
    """Return why this version of Voltgate cannot work with a database as it is; None if it can.

    Raises SQLAlchemyError and OSError.
    """
    async with reading(engine).connect() as connection:
        return await connection.run_sync(_objection)


def _objection(connection: Connection) -> str | None:
    found, needed = _current(connection), expanded()
    if found is None:
        return f"the database is empty: {_UPGRADE}"
    if found in _revisions():
        unfit = _is_before(found, needed)
        return f"the database has revision {found} and {needed} is needed: {_UPGRADE}" if unfit else None
    oldest = _promised(connection)
    if oldest in _revisions():
        return None
    made = f"the database has revision {found}, which a newer Voltgate has made, and this one knows {wanted()}"
    return f"{made}: run the newer one, or go back to a backup"


def _promised(connection: Connection) -> str | None:
    """Return the oldest revision whose programs can work with the database; None if it does not say."""
    if not inspect(connection).has_table(compatibility.name):
        return None
    return connection.execute(select(compatibility.c.oldest)).scalar()


# The way.


async def upgrade(engine: AsyncEngine, target: str) -> None:
    """Bring a database to a revision; one that is there already, or further, stays. Raises SQLAlchemyError, OSError."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade, target)


def _upgrade(connection: Connection, target: str) -> None:
    shared = connection.dialect.name == POSTGRESQL
    if shared:  # of two that upgrade at once, the second one looks when the first has ended
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADING})")
    found = _current(connection)
    if found not in _revisions() or _is_before(found, target):
        config = _config()
        config.attributes["connection"] = connection
        if shared:  # who waits for a table keeps all gateways waiting behind it
            connection.exec_driver_sql("SET LOCAL lock_timeout = '3s'")
        command.upgrade(config, target)
        connection.execute(delete(compatibility))
        connection.execute(insert(compatibility), {"oldest": _oldest(target)})


async def left_behind(engine: AsyncEngine, target: str) -> list[str]:
    """Return the gateways of other versions that run and may not be able to work with a revision, with their versions.

    Raises SQLAlchemyError and OSError.
    """
    async with reading(engine).connect() as connection:
        return await connection.run_sync(lambda sync: list(_left_behind(sync, target)))


def _left_behind(connection: Connection, target: str) -> Iterator[str]:
    oldest = _promised(connection)
    if oldest is None or not _is_before(oldest, _oldest(target)):
        return
    alive = nodes.c.seen > clock_of(connection.dialect.name) - _ALIVE
    others = select(nodes.c.name, nodes.c.version).where(alive, nodes.c.version != __version__)
    for name, version in connection.execute(others.order_by(nodes.c.name)):
        yield f"{name} ({version})"
