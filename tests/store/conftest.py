"""A database of each kind, empty and at the wanted revision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from tests.servers import PostgreSQL, postgresql
from voltgate.app.database import upgrade
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Store
from voltgate.store import Database, DatabaseSettings, database
from voltgate.store.address import open_engine, read_address
from voltgate.telemetry.supervision import Supervision

Open = Callable[..., Awaitable[Database]]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for all tests of a process."""
    with postgresql() as running:
        yield running


async def emptied(address: URL) -> None:
    """Take everything out of a PostgreSQL database."""
    engine = open_engine(address, 5)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


SHARED = pytest.mark.parametrize("address", ["postgresql"], indirect=True)
"""For a test with several gateways on one database."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """The address of a database at the wanted revision."""
    if request.param == "sqlite":
        return read_address("sqlite:///var/x.db", tmp_path)
    address = read_address(request.getfixturevalue("server").url)
    await emptied(address)
    await upgrade(address)
    return address


@pytest.fixture
async def opened(address: URL, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open stores on the database; they are closed at the end. It shows the time of the tests as well."""
    monkeypatch.setattr(database, "clocks_agree", agree)
    stores: list[Database] = []

    async def opening(**settings: float) -> Database:
        quick = Supervision(shortest=0.01)
        store = Database(address, DatabaseSettings(**settings), still(), None, quick)  # type: ignore[arg-type]
        stores.append(store)
        await store.open()
        return store

    yield opening
    for store in stores:
        await store.close()


NOW = 1_800_000_000.0
"""What the calendar of the tests shows, in seconds since 1970."""


async def agree(*_: object) -> bool:
    """Take the clock of the database for right."""
    return True


def still() -> Calendar:
    """Return a calendar that shows `NOW`, and is believed."""
    return Calendar(lambda: NOW, lambda: 0.0, steady=0.0)


async def written(store: Store) -> bool:
    """Wait until everything is on disk, or cannot be."""
    heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    store.after(heard.set_result)
    async with asyncio.timeout(30):
        return await heard
