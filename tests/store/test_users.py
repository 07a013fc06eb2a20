"""Users and their logins in the database: one of a name, only digests, and nothing left of who is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import URL, text

from voltgate.app.database import upgrade
from voltgate.relay.records import StoreAway
from voltgate.store.address import open_engine, read_address
from voltgate.store.reach import Reach
from voltgate.store.users import MOST_LOGINS, LoginRecord, UserRecord, Users

NOW = 1_800_000_000.25
ADA = UserRecord("ada@x.example", "Ada@x.example", "Ada L.", {"*": "admin"}, "$argon2id$…", "", None, NOW, "admin")
BOB = UserRecord("bob", "bob", "", {"main": "viewer", "north": "operator"}, "", "ab" * 32, NOW + 60, NOW, "ada")


@pytest.fixture
async def reach(address: URL) -> AsyncIterator[Reach]:
    """The way to a database of each kind."""
    await upgrade(address)
    engine = open_engine(address, 5)
    yield Reach(lambda: engine)
    await engine.dispose()


@pytest.fixture
def users(reach: Reach) -> Users:
    """The tables, as a node of many has them."""
    return Users(reach, "n1")


async def test_what_was_kept_is_read_again(users: Users) -> None:
    """Users come back as they were, by name; changing and removing tells whether there was one."""
    assert await users.add(BOB)
    assert await users.add(ADA)
    assert await users.read(NOW) == ([ADA, BOB], [])
    other = replace(BOB, roles={}, password="$argon2id$other", invitation="", invited_until=None)
    changes = {"roles": {}, "password": other.password, "invitation": "", "invited_until": None}
    assert await users.change(BOB.name, **changes)
    assert not await users.change("nobody", ends=True, person="N.")
    assert await users.remove(ADA.name)
    assert not await users.remove(ADA.name)
    assert await users.read(NOW) == ([other], [])


async def test_a_name_is_taken_once(users: Users) -> None:
    """Of several that take a name at the same time, one gets it, and nothing of the others is kept."""
    several = [replace(BOB, person=str(number)) for number in range(5)]
    taken = await asyncio.gather(*map(users.add, several))
    assert sum(taken) == 1
    assert await users.read(NOW) == ([several[taken.index(True)]], [])


async def test_logins_end(users: Users) -> None:
    """A login lasts until its time, a log-out, another password, or the end of its user."""
    await users.add(ADA)
    await users.add(BOB)
    first, short = LoginRecord("01", ADA.name, NOW, NOW + 60), LoginRecord("02", ADA.name, NOW, NOW + 10)
    of_bob = LoginRecord("03", BOB.name, NOW, NOW + 60)
    for login in (first, short, of_bob):
        assert await users.log_in(login)
    assert (await users.read(NOW))[1] == [first, short, of_bob]
    assert (await users.read(NOW + 10))[1] == [first, of_bob]
    await users.change(ADA.name, person="A.")
    await users.log_out("02", ADA.name)
    assert (await users.read(NOW))[1] == [first, of_bob]
    await users.change(ADA.name, ends=True, password="$argon2id$new")
    await users.remove(BOB.name)
    assert (await users.read(NOW))[1] == []
    assert not await users.log_in(of_bob), "a login of somebody who is gone"


async def test_an_invitation_is_taken_once(users: Users) -> None:
    """A password is given by an invitation that has not ended, once; whoever was logged in before is not any more."""
    await users.add(ADA)
    await users.add(BOB)
    await users.log_in(LoginRecord("01", BOB.name, NOW, NOW + 60))
    assert await users.choose("", "$argon2id$new", NOW) is None
    assert await users.choose(BOB.invitation, "$argon2id$late", NOW + 60) is None
    taken = await asyncio.gather(*(users.choose(BOB.invitation, f"$argon2id${n}", NOW) for n in range(3)))
    assert sorted(map(str, taken)) == ["None", "None", "bob"]
    chosen = replace(BOB, password=f"$argon2id${taken.index('bob')}", invitation="", invited_until=None)
    assert await users.read(NOW) == ([ADA, chosen], [])


async def test_logins_are_bounded(users: Users, reach: Reach) -> None:
    """One user has so many logins at most, and those that have ended go with the next one."""
    await users.add(ADA)
    for number in range(MOST_LOGINS + 1):
        await users.log_in(LoginRecord(f"{number:02}", ADA.name, NOW + number, NOW + 1000))
    kept = [login.digest for login in (await users.read(NOW))[1]]
    assert kept == [f"{number:02}" for number in range(1, MOST_LOGINS + 1)]
    await users.log_in(LoginRecord("late", ADA.name, NOW + 1000, NOW + 2000))
    async with reach.read() as connection:
        assert list((await connection.execute(text("SELECT digest FROM csms_logins"))).scalars()) == ["late"]


async def test_roles_that_cannot_be_read(users: Users, reach: Reach) -> None:
    """A row that somebody has spoilt lets its user do nothing, and keeps nobody else out."""
    await users.add(ADA)
    await users.add(BOB)
    async with reach.write() as connection:
        await connection.execute(text("UPDATE csms_users SET roles = :it WHERE name = 'bob'"), {"it": b"[1"})
    assert await users.read(NOW) == ([ADA, replace(BOB, roles={})], [])


async def test_a_database_that_is_away_is_told() -> None:
    """Where nobody answers there is StoreAway, and no wait without end."""
    engine = open_engine(read_address("postgresql://nobody@127.0.0.1:1/x"), 5)
    users = Users(Reach(lambda: engine, 2.0))
    for doing in (users.read(NOW), users.add(ADA), users.remove("ada"), users.log_out("01", "ada")):
        with pytest.raises(StoreAway):
            await doing
    await engine.dispose()
