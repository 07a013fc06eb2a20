"""The connection that listens: it hears what is said, and notices when it is cut, with a word or without."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.harness.waiting import until
from tests.servers import PostgreSQL
from tests.store.cluster import empty
from voltgate.store import listening
from voltgate.store.listening import EVERYBODY, Listening, channel_of, tell


class Listener:
    """A node's connection, and what it has heard on each channel; `pid` is who serves it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.heard: Counter[str] = Counter()
        self.pid = self.beats = 0
        self.engine: AsyncEngine | None = engine
        channels = (EVERYBODY, channel_of("A"))
        hearing = {channel: (lambda channel=channel: self.heard.update([channel])) for channel in channels}
        self.listening = Listening(lambda: self.engine, hearing, self._beat)

    async def _beat(self, connection: AsyncConnection) -> None:
        self.pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        self.beats += 1

    async def live(self) -> None:
        """Go on for ever."""
        while True:
            await self.listening.hold()


@pytest.fixture
async def engine(server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    async with empty(server) as engine:
        yield engine


@pytest.fixture
async def listener(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    """A connection that listens, and beats often."""
    monkeypatch.setattr(listening, "EVERY", 0.05)
    listener = Listener(engine)
    living = asyncio.ensure_future(listener.live())
    await until(lambda: listener.listening.up, "it listens")
    yield listener
    living.cancel()
    with suppress(asyncio.CancelledError):
        await living


async def say(engine: AsyncEngine, channel: str) -> None:
    """Say something on a channel."""
    async with engine.begin() as connection:
        await tell(connection, channel)


async def test_it_hears_what_is_said(engine: AsyncEngine, listener: Listener) -> None:
    """What is said to everybody and to this node, and not what is said to others; at the start it looks itself."""
    assert listener.heard == {EVERYBODY: 1, channel_of("A"): 1}
    await say(engine, channel_of("B"))
    await say(engine, EVERYBODY)
    await until(lambda: listener.heard[EVERYBODY] == 2, "it hears what is said to all")
    await say(engine, channel_of("A"))
    await until(lambda: listener.heard[channel_of("A")] == 2, "it hears what is said to it")
    assert listener.heard == {EVERYBODY: 2, channel_of("A"): 2}


async def test_a_connection_that_is_closed_is_opened_again(engine: AsyncEngine, listener: Listener) -> None:
    """And then whatever was said meanwhile is looked for."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": listener.pid})
    await until(lambda: listener.heard == {EVERYBODY: 2, channel_of("A"): 2}, "it looks again")
    assert listener.listening.lost == 1
    await say(engine, EVERYBODY)
    await until(lambda: listener.heard[EVERYBODY] == 3, "it hears again")


async def test_a_connection_that_is_cut_silently_is_noticed(
    engine: AsyncEngine, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever serves it does not answer a beat in time: another connection is opened, without a good-bye."""
    silent = listener.pid
    os.kill(silent, signal.SIGSTOP)
    monkeypatch.setattr(listening, "_PATIENCE", 0.5)
    try:
        await until(lambda: listener.listening.lost and listener.listening.up, "another is opened")
        assert listener.pid != silent
    finally:
        os.kill(silent, signal.SIGCONT)


async def test_a_database_that_is_away_is_waited_for(engine: AsyncEngine, listener: Listener) -> None:
    """While it is, nothing is tried; it ages meanwhile."""
    listener.engine = None
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": listener.pid})
    await until(lambda: not listener.listening.up, "it is lost")
    await until(lambda: listener.listening.age > 0.2, "it ages")
    listener.engine = engine
    await until(lambda: listener.listening.up, "it is there again")
