"""The way to the database for those who read and write other things than records: in time, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.relay.records import StoreAway
from voltgate.store.address import reading
from voltgate.store.failures import FAILURES, words


class Reach:
    """Gives connections. `engine` returns what opens them, None while the database is away.

    All that is done with a connection must be done within `patience` seconds; else, and when the database fails,
    StoreAway is raised.
    """

    def __init__(self, engine: Callable[[], AsyncEngine | None], patience: float = 5.0) -> None:
        self.engine = engine
        self._patience = patience

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read with."""
        async with self._in_time() as engine, reading(engine).connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, which is committed at the end."""
        async with self._in_time() as engine, engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[AsyncEngine]:
        engine = self.engine()
        if engine is None:
            raise StoreAway("the database is away")
        try:
            async with asyncio.timeout(self._patience):
                yield engine
        except FAILURES as error:
            raise StoreAway(words(error)) from None
