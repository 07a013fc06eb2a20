"""The schema: which revision a database has, which is wanted, and the way from one to the other."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.store.address import reading

_UPGRADE = "run `voltgate db upgrade`"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


@lru_cache(maxsize=1)
def wanted() -> str:
    """Return the revision that this version of Voltgate works with; read once, while there are descriptors for it."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - there is at least one
    return head


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def current(engine: AsyncEngine) -> str | None:
    """Return the revision of a database; None if it is empty. Raises SQLAlchemyError and OSError."""
    async with reading(engine).connect() as connection:
        return await connection.run_sync(_current)


async def upgrade(engine: AsyncEngine) -> None:
    """Bring a database to the wanted revision. Raises SQLAlchemyError and OSError."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def is_known(revision: str | None) -> bool:
    """Return whether there is a way from a revision (None: an empty database) to the wanted one."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision is None or revision in {script.revision for script in scripts}


async def objection(engine: AsyncEngine) -> str | None:
    """Return why this version of Voltgate cannot work with a database as it is; None if it can."""
    found, needed = await current(engine), wanted()
    if found == needed:
        return None
    if found is None:
        return f"the database is empty: {_UPGRADE}"
    if not is_known(found):
        made = f"the database has revision {found}, which a newer Voltgate has made, and this one knows {needed}"
        return f"{made}: run the newer one, or go back to a backup"
    return f"the database has revision {found} and {needed} is needed: {_UPGRADE}"
