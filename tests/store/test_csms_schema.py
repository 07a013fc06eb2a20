"""The tables of the management system: a database of the relay gets them and keeps what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection

from tests.store.conftest import Open, emptied
from tests.store.test_database import ALL
from voltgate.app.database import revision, upgrade
from voltgate.store import schema
from voltgate.store.address import POSTGRESQL, open_engine
from voltgate.store.csms import tables

BEFORE = "0004"
"""The last revision without these tables."""


async def test_the_scripts_make_the_tables(address: URL) -> None:
    """A database that was upgraded has what the program works with: no table, column or index more or less."""
    await upgrade(address)

    def differences(connection: Connection) -> Any:
        options = {"include_name": lambda name, kind, parents: kind != "table" or name in tables.metadata.tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)

    engine = open_engine(address, 5.0)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_a_database_of_the_relay(address: URL, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the relay has written stays as it was, and can be read from before and after."""
    if address.drivername == POSTGRESQL:
        await emptied(address)
    else:
        Path(str(address.database)).parent.mkdir()
    engine = open_engine(address, 5.0)
    await schema.upgrade(engine, BEFORE)
    await engine.dispose()
    with monkeypatch.context() as older:
        older.setattr(schema, "expanded", lambda: BEFORE)
        older.setattr(schema, "wanted", lambda: BEFORE)
        store = await opened()
        for record in ALL:
            store.put(record)
        page = await store.pages.load("cp-1")
        assert len(page.transactions) == 1
        await store.close()
    assert await revision(address) == BEFORE
    await upgrade(address)
    assert await (await opened()).pages.load("cp-1") == page
