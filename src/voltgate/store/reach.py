"""The way to the database for those who read and write other things than records: in time, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

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
        async with self.in_time(), reading(self.there()).connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, which is committed at the end."""
        async with self.in_time(), self.there().begin() as connection:
            yield connection

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for longer; each thing must be done `in_time`. What is not committed is rolled back."""
        async with self.in_time():
            connection = await self.there().connect()
        try:
            yield connection
        finally:
            with suppress(StoreAway):
                async with self.in_time():
                    await connection.close()

    @asynccontextmanager
    async def in_time(self, seconds: float = 0.0) -> AsyncIterator[None]:
        """Do something with the database within the patience, or so many seconds if these are more."""
        with failing():
            async with asyncio.timeout(max(self._patience, seconds)):
                yield

    def there(self) -> AsyncEngine:
        """Return what opens connections. Raise StoreAway."""
        engine = self.engine()
        if engine is None:
            raise StoreAway("the database is away")
        return engine


@contextmanager
def failing() -> Iterator[None]:
    """Raise StoreAway for what is raised for a database that is away."""
    try:
        yield
    except FAILURES as error:
        raise StoreAway(words(error)) from None
