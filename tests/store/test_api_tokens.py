"""The tokens of the API in the database: one of a name, and only their digests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL

from voltgate.app.database import upgrade
from voltgate.relay.records import StoreAway
from voltgate.store.address import open_engine, read_address
from voltgate.store.api_tokens import ApiTokens, TokenRecord

ONE = TokenRecord("ci", "viewer", b"\0\xff" * 16, 1_800_000_000.25, "admin")


@pytest.fixture
async def table(address: URL) -> AsyncIterator[ApiTokens]:
    """The table, in a database of each kind."""
    await upgrade(address)
    engine = open_engine(address, 5)
    yield ApiTokens(engine)
    await engine.dispose()


async def test_what_was_kept_is_read_again(table: ApiTokens) -> None:
    """A token comes back as it was, by name; forgetting tells whether there was one."""
    other = TokenRecord("a", "admin", b"\1" * 32, 0.0, "ci")
    assert await table.add(ONE)
    assert await table.add(other)
    assert await table.read() == [other, ONE]
    assert await table.remove("ci")
    assert not await table.remove("ci")
    assert await table.read() == [other]


async def test_a_scope_is_read_again(table: ApiTokens) -> None:
    """A token for networks, and one that claims for backends, come back with what they were made for."""
    member = TokenRecord("a", "member", b"\1" * 32, 0.0, "ci", networks={"north": "viewer"})
    claims = TokenRecord("b", "backend", b"\2" * 32, 0.0, "ci", backends=("billing", "employer"))
    assert [await table.add(each) for each in (member, claims)] == [True, True]
    assert await table.read() == [member, claims]


async def test_a_name_is_taken_once(table: ApiTokens) -> None:
    """Of several that take a name at the same time, one gets it, and nothing of the others is kept."""
    several = [TokenRecord("ci", "viewer", bytes([number]) * 32, 0.0, "x") for number in range(5)]
    taken = await asyncio.gather(*map(table.add, several))
    assert sum(taken) == 1
    (kept,) = await table.read()
    assert kept == several[taken.index(True)]


async def test_a_database_that_is_away_is_told() -> None:
    """Where nobody answers there is StoreAway, and no wait without end."""
    engine = open_engine(read_address("postgresql://nobody@127.0.0.1:1/x"), 5)
    table = ApiTokens(engine, 2.0)
    for doing in (table.read(), table.add(ONE), table.remove("ci")):
        with pytest.raises(StoreAway, match="does not answer"):
            await doing
    await engine.dispose()


async def test_use_and_rotation_are_kept(table: ApiTokens) -> None:
    """When a token was used, when it ends and what it follows come back; what is no token changes nothing."""
    assert await table.add(ONE)
    assert await table.change("ci", ONE.digest, digest=b"2" * 32, former=ONE.digest, former_until=5.5, until=9.0)
    assert not await table.change("nobody", ONE.digest, until=1.0)
    assert not await table.change("ci", ONE.digest, until=1.0), "it has another digest by now"
    await table.note_use({"ci": 7.25, "nobody": 1.0})
    assert await table.read() == [TokenRecord("ci", "viewer", b"2" * 32, ONE.at, "admin", 9.0, 7.25, ONE.digest, 5.5)]
