"""An empty PostgreSQL, and the ways of several nodes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.servers import PostgreSQL
from tests.store.conftest import emptied
from voltgate.app.database import upgrade
from voltgate.store.address import open_engine, read_address
from voltgate.store.reach import Reach


@asynccontextmanager
async def empty(server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    """Empty the database of a server, bring it to the wanted revision, and open it."""
    address = read_address(server.url)
    await emptied(address)
    await upgrade(address)
    engine = open_engine(address, 5)
    try:
        yield engine
    finally:
        await engine.dispose()


def reach(engine: AsyncEngine) -> Reach:
    """Return the way of a node to its database."""
    return Reach(lambda: engine)
