"""Notices on PostgreSQL: each is read once by every other node, whatever the order in which they become visible."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.servers import PostgreSQL
from tests.store.cluster import empty, reach
from tests.store.conftest import still
from voltgate.cluster.notices import Read
from voltgate.relay.records import RegisterRecord
from voltgate.store import DatabaseSettings
from voltgate.store import notices as table
from voltgate.store.aging import purge
from voltgate.store.api_tokens import ApiTokens, TokenRecord
from voltgate.store.notices import NoticeTable, announce
from voltgate.store.register import SharedRegister
from voltgate.store.tables import notices


@pytest.fixture
async def engine(server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    async with empty(server) as engine:
        yield engine


def told(read: Read) -> list[Any] | None:
    """Return what a reading has found."""
    return None if read.notices is None else [json.loads(notice.data) for notice in read.notices]


async def say(connection: AsyncConnection, *words: str) -> None:
    """Write a notice of node A for each word."""
    for word in words:
        await announce(connection, "A", "words", word)


async def test_a_notice_that_becomes_visible_late_is_read_all_the_same(engine: AsyncEngine) -> None:
    """A transaction that began first and is committed last is read then; what was read before it, not again."""
    reader = NoticeTable(reach(engine), "B")
    read = await reader.read(None)
    async with engine.connect() as slow:
        await say(slow, "first")
        async with engine.begin() as quick:
            await say(quick, "second")
        read = await reader.read(read)
        assert told(read) == ["second"]
        await slow.commit()
    read = await reader.read(read)
    assert told(read) == ["first"]
    async with engine.begin() as connection:
        await say(connection, "third")
    read = await reader.read(read)
    assert told(read) == ["third"]
    read = await reader.read(read)
    assert (told(read), read.seen) == ([], frozenset()), "and nothing is remembered for ever"


async def test_what_was_rolled_back_was_never_said(engine: AsyncEngine) -> None:
    """A notice is of the transaction that it tells of; its own node does not read it."""
    reader, itself = NoticeTable(reach(engine), "B"), NoticeTable(reach(engine), "A")
    read, own = await reader.read(None), await itself.read(None)
    async with engine.connect() as connection:
        await say(connection, "never")
        await connection.rollback()
    async with engine.begin() as connection:
        await say(connection, "one", "two")
    assert told(await reader.read(read)) == ["one", "two"]
    assert told(await itself.read(own)) == []


async def test_who_was_away_for_too_long_reads_everything_again(engine: AsyncEngine) -> None:
    """Also who has missed too much, or finds a database that is another one: that some is missing is known."""
    reader = NoticeTable(reach(engine), "B")
    begun = await reader.read(None)
    assert told(begun) is None
    away = Read(None, begun.low, begun.seen, begun.at - table.KEEP)
    assert told(await reader.read(away)) is None
    other = Read(None, begun.low + 1_000_000, begun.seen, begun.at)
    assert told(await reader.read(other)) is None
    async with engine.begin() as connection:
        await say(connection, *map(str, range(4)))
    assert told(await reader.read(begun)) == ["0", "1", "2", "3"]


async def test_more_than_can_be_read_at_once(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then everything is read again, and what comes afterwards is heard."""
    monkeypatch.setattr(table, "_MOST", 3)
    reader = NoticeTable(reach(engine), "B")
    begun = await reader.read(None)
    async with engine.begin() as connection:
        await say(connection, *map(str, range(4)))
    read = await reader.read(begun)
    assert told(read) is None
    async with engine.begin() as connection:
        await say(connection, "after")
    assert told(await reader.read(read)) == ["after"]


async def test_old_ones_are_purged(engine: AsyncEngine) -> None:
    """Those of a day ago are deleted with what else has become old, and so are letters and nodes that are gone."""
    async with engine.begin() as connection:
        await say(connection, "old", "new")
        old = update(notices).where(notices.c.data == b'"old"')
        await connection.execute(old.values(at=notices.c.at - table.KEEP - 1))
        for age, node in ((601, "old"), (500, "new")):
            letter = (
                "INSERT INTO letters (node, kind, data, at) VALUES (:node, '', '', extract(epoch FROM now()) - :age)"
            )
            await connection.execute(text(letter), {"node": node, "age": age})
            row = "INSERT INTO nodes VALUES (:node, '', '', '', 0, extract(epoch FROM now()) - :age * 150, 0, 0)"
            await connection.execute(text(row), {"node": node, "age": age})
    await purge(engine, DatabaseSettings(), still())
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT data FROM notices"))).scalars().all() == [b'"new"']
        assert (await connection.execute(text("SELECT node FROM letters"))).scalars().all() == ["new"]
        assert (await connection.execute(text("SELECT id FROM nodes"))).scalars().all() == ["new"]


async def nothing() -> None:
    """Have nothing to catch up with."""


async def test_what_others_must_know_is_announced(engine: AsyncEngine, server: PostgreSQL) -> None:
    """The rows of the register that were written, by their keys, and each change of a token, by its name."""
    reader = NoticeTable(reach(engine), "B")
    read = await reader.read(None)
    claims, accepted = RegisterRecord("claims", "main/3", 0.0, b"{}"), RegisterRecord("accepted", "CP\ud800", 0.0, b"")
    async with SharedRegister(reach(engine), "A", nothing, bool).turn() as turn:
        await turn.keep([claims], [accepted], [])
    read = await reader.read(read)
    assert told(read) == [[["accepted", "CP\ud800"], ["claims", "main/3"]]]
    tokens = ApiTokens(engine, node="A")
    assert await tokens.add(TokenRecord("ci", "viewer", b"1", 0.0, "x"))
    assert not await tokens.add(TokenRecord("ci", "viewer", b"1", 0.0, "x"))
    assert await tokens.remove("ci")
    read = await reader.read(read)
    assert (told(read), [notice.kind for notice in read.notices or ()]) == (["ci", "ci"], ["tokens", "tokens"])
