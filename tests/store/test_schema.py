"""Two versions of the schema on one database: who can work with it, and who keeps whom from changing it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, insert, text

from tests.harness import until
from tests.servers import PostgreSQL
from tests.store.conftest import Open, emptied, still, written
from tests.store.expansion import CONTRACTED, EXPANDED, next_version
from tests.store.test_database import ALL
from voltgate.app.database import contract, revision, upgrade
from voltgate.relay.records import StoreAway
from voltgate.store import Database, DatabaseSettings, schema
from voltgate.store.address import open_engine, read_address
from voltgate.store.schema import expanded, objection, wanted
from voltgate.store.tables import nodes


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The scripts of the next version."""
    return next_version(tmp_path)


@contextmanager
def as_next(scripts: Path) -> Iterator[None]:
    """Be the next version meanwhile."""
    before, schema.SCRIPTS = schema.SCRIPTS, scripts
    try:
        yield
    finally:
        schema.SCRIPTS = before


async def complaint(address: URL) -> str | None:
    """Return why this version cannot work with a database."""
    engine = open_engine(address, 5.0)
    try:
        return await objection(engine)
    finally:
        await engine.dispose()


async def test_the_older_goes_on_while_it_is_expanded(opened: Open, address: URL, scripts: Path) -> None:
    """A gateway of this version writes and reads all it knows, before, during and after the next one expands it."""
    store = await opened()
    store.put(ALL[0])
    assert await written(store)
    with as_next(scripts):
        engine = open_engine(address, 5.0)
        await schema.upgrade(engine, EXPANDED)
        await engine.dispose()
        assert await complaint(address) is None
        assert await revision(address) == EXPANDED
    for record in ALL:
        store.put(record)
    assert await written(store)
    page = await store.pages.load("cp-1")
    assert (page.transactions, page.invitations, page.numbers, page.facts, page.owed) == tuple(
        (record,) for record in ALL[:5]
    )
    assert await complaint(address) is None
    await store.close()
    again = await opened()
    assert again.state.reason is None
    assert await again.pages.load("cp-1") == page
    assert await upgrade(address) == EXPANDED, "there is nothing to do for the older one"


async def test_the_newer_expands_first(server: PostgreSQL, scripts: Path) -> None:
    """It says what to do; then it works without the contraction, which it is told to run when the others have ended."""
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    known = wanted()
    with as_next(scripts):
        assert (expanded(), wanted()) == (EXPANDED, CONTRACTED)
        assert await complaint(address) == (
            f"the database has revision {known} and {EXPANDED} is needed: run `voltgate db upgrade`"
        )
        assert await upgrade(address) == EXPANDED
        assert await complaint(address) is None
        assert await contract(address) == CONTRACTED
        assert await complaint(address) is None
        assert await upgrade(address) == CONTRACTED
    assert await complaint(address) == (
        f"the database has revision {CONTRACTED}, which a newer Voltgate has made, and this one knows {known}: "
        "run the newer one, or go back to a backup"
    )
    with pytest.raises(StoreAway, match="newer"):
        await upgrade(address)
    store = Database(address, DatabaseSettings(patience=0.5), still())
    await store.open()
    assert "newer Voltgate" in str(store.state.reason)
    await store.close()


async def test_nobody_is_contracted_away(server: PostgreSQL, scripts: Path) -> None:
    """While a gateway of another version runs, what it needs stays; one that was heard of long ago does not count."""
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    engine = open_engine(address, 5.0)

    async def heard(ago: float) -> None:
        async with engine.begin() as connection:
            now = (await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one()
            await connection.execute(nodes.delete())
            row = {
                "id": "1",
                "name": "gw1",
                "version": "0.0.9",
                "state": "serving",
                "began": 0.0,
                "seen": float(now) - ago,
            }
            await connection.execute(insert(nodes), row | {"stations": 1, "load": 0.1})

    with as_next(scripts):
        await heard(5)
        assert await upgrade(address) == EXPANDED, "it can work with that"
        with pytest.raises(StoreAway, match=rf"gateways of another version run .* {CONTRACTED}: gw1 \(0.0.9\)"):
            await contract(address)
        assert await revision(address) == EXPANDED
        await heard(3600)
        assert await contract(address) == CONTRACTED
    await engine.dispose()


async def test_a_table_that_somebody_keeps(server: PostgreSQL, scripts: Path) -> None:
    """An upgrade waits for no lock behind which every gateway would wait: it changes nothing, and says so."""
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    engine = open_engine(address, 5.0)
    async with engine.connect() as other:
        await other.execute(text("LOCK TABLE transactions IN ROW EXCLUSIVE MODE"))
        with as_next(scripts), pytest.raises(StoreAway, match="a table locked; nothing has changed: try again"):
            await upgrade(address)
    assert await revision(address) == wanted()
    await engine.dispose()


async def test_two_that_upgrade_at_once(server: PostgreSQL) -> None:
    """As each machine's installation may: the second one waits, and finds that it is done."""
    address = read_address(server.url)
    await emptied(address)
    first, looking = open_engine(address, 5.0), open_engine(address, 5.0)
    async with looking.connect() as watch, first.begin() as connection:
        await connection.run_sync(schema._upgrade, expanded())
        second = asyncio.ensure_future(upgrade(address))

        async def waits() -> bool:
            locks = await watch.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return second.done() or bool(locks.scalar())

        await until(waits, "the second one waits")
    await first.dispose()
    await looking.dispose()
    assert await second == expanded()


async def test_sqlite_is_alone(tmp_path: Path, scripts: Path) -> None:
    """The next version brings its own file all the way; the one before says that it cannot go back."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    with as_next(scripts):
        store = Database(address, DatabaseSettings(patience=1))
        await store.open()
        assert store.state.reason is None
        await store.close()
        assert await revision(address) == CONTRACTED
    assert "newer Voltgate" in str(await complaint(address))
