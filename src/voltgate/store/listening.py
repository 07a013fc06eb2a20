"""A connection that listens to PostgreSQL, and shows that it lives by a beat that has a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.store.failures import FAILURES, words

Beat: TypeAlias = Callable[[AsyncConnection], Awaitable[None]]

EVERYBODY = "voltgate"
"""The channel on which every node listens."""
EVERY = 2.0
"""Seconds between two beats."""
_PATIENCE = 3.0
"""Seconds that a beat, or opening the connection, may take: a connection that was cut silently is noticed by then."""
_SHORTEST, _LONGEST = 0.2, 2.0
"""Seconds between two tries while it cannot be had."""
_FAILURES = (*FAILURES, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger("voltgate.store")


def channel_of(node: str) -> str:
    """Return the channel of one node, by its `id`."""
    return f"{EVERYBODY}_{node}"


class Listening:
    """Listens on some channels, with a connection of its own, for as long as the process lives.

    `engine` returns what opens it, None while the database is away. `heard` has what is called when something was said
    on a channel, and each time that the connection is there again: what was said meanwhile nobody repeats. `beat` is
    done at once and then every `EVERY` seconds, over this connection.
    """

    def __init__(
        self, engine: Callable[[], AsyncEngine | None], heard: Mapping[str, Callable[[], None]], beat: Beat
    ) -> None:
        self._engine = engine
        self._heard = heard
        self._beat = beat
        self._wait = _SHORTEST
        self._last = time.monotonic()
        self.up = False
        """Whether the connection is there."""
        self.lost = 0
        """How many times it was lost."""

    @property
    def age(self) -> float:
        """Seconds since the last beat, or since the start."""
        return time.monotonic() - self._last

    async def hold(self) -> None:
        """Listen until the connection is lost, or could not be had, and wait a little before the next try."""
        engine = self._engine()
        if engine is not None:
            try:
                await self._listen(engine)
            except _FAILURES as error:
                if self.up:
                    reason = words(error)
                    log.warning("the connection to the other gateways is lost, and is opened again", reason=reason)
            finally:
                self.lost += self.up
                self.up = False
        await asyncio.sleep(self._wait)
        self._wait = min(self._wait * 2, _LONGEST)

    async def _listen(self, engine: AsyncEngine) -> None:
        """Listen until the connection is lost, which raises one of `_FAILURES`."""
        gone = asyncio.Event()
        async with asyncio.timeout(_PATIENCE):
            connection = await engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        try:
            async with asyncio.timeout(_PATIENCE):
                driver.add_termination_listener(lambda _: gone.set())
                for channel in self._heard:
                    await driver.add_listener(channel, self._hear)
                await self._beat(connection)
            self._is_there()
            while not gone.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await gone.wait()
                async with asyncio.timeout(_PATIENCE):
                    await self._beat(connection)
                self._last = time.monotonic()
        finally:
            driver.terminate()  # one that hangs takes no good-bye
            with suppress(*_FAILURES):
                async with asyncio.timeout(_PATIENCE):
                    await connection.invalidate()
                    await connection.close()

    def _is_there(self) -> None:
        self.up, self._wait, self._last = True, _SHORTEST, time.monotonic()
        log.info("the connection to the other gateways is there")
        for hear in self._heard.values():
            hear()

    def _hear(self, connection: object, pid: int, channel: str, said: str) -> None:
        self._heard[channel]()


async def tell(connection: AsyncConnection, channel: str) -> None:
    """Have those who listen on a channel hear of it, when this transaction is committed."""
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})
