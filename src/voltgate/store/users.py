"""Those who use the API by a name and a password, and who of them is logged in, in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import AuditRecord
from voltgate.store.address import POSTGRESQL
from voltgate.store.chain import append
from voltgate.store.notices import USERS, announce
from voltgate.store.reach import Reach
from voltgate.store.tables import logins, users

MOST_LOGINS = 50
"""Logins of one user at a time; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user. `name` is the login casefolded. Times are in seconds since 1970.

    `roles` are the role in each network, "*" is all of them and what belongs to none. `password` is an argon2 hash, ""
    for one who has yet to choose it, which the token of the digest `invitation` allows until `invited_until`. `by`
    names who made the user.
    """

    name: str
    login: str
    person: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    invitation: str = field(default="", repr=False)
    invited_until: float | None = None
    at: float = 0.0
    by: str = ""


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """A login: the digest of its token, in hexadecimal digits, whose it is, since when and until when."""

    digest: str = field(repr=False)
    name: str
    at: float
    until: float


class Users:
    """The tables of users and logins. Everything raises StoreAway when the database does not do it in time.

    On PostgreSQL other nodes than `node` are told of what has changed.
    """

    def __init__(self, reach: Reach, node: str = "") -> None:
        self._reach = reach
        self._node = node

    async def read(self, now: float) -> tuple[list[UserRecord], list[LoginRecord]]:
        """Read all users, by name, and the logins that have not ended."""
        async with self._reach.read() as connection:
            found = [_read(row) for row in await connection.execute(select(users).order_by(users.c.name))]
            here = await connection.execute(select(logins).where(logins.c.until > now).order_by(logins.c.digest))
            return found, [LoginRecord(*row) for row in here]

    async def add(self, user: UserRecord) -> bool:
        """Add a user; return whether there was none of this name."""
        async with self._writing(user.name) as connection:
            return await add_user(connection, user)

    async def change(self, name: str, *, ends: bool = False, **values: Any) -> bool:
        """Change these of a user's values; return whether there is the user. `ends`: end the logins."""
        async with self._writing(name) as connection:
            found = await connection.execute(update(users).where(users.c.name == name).values(**_written(values)))
            if ends:
                await connection.execute(delete(logins).where(logins.c.name == name))
            return bool(found.rowcount)

    async def choose(self, invitation: str, password: str, now: float) -> str | None:
        """Give a password to whom an invitation was made, once; end the logins. Return the name; None: to nobody."""
        invited = users.c.invitation == invitation, users.c.invited_until > now
        async with self._writing("") as connection:
            name = (await connection.execute(select(users.c.name).where(*invited).with_for_update())).scalar()
            if name is not None:
                chosen = {"password": password, "invitation": "", "invited_until": None}
                await connection.execute(update(users).where(users.c.name == name).values(**chosen))
                await connection.execute(delete(logins).where(logins.c.name == name))
            return name

    async def remove(self, name: str) -> bool:
        """Delete a user with the logins; return whether there was one."""
        async with self._writing(name) as connection:
            await connection.execute(delete(logins).where(logins.c.name == name))
            return bool((await connection.execute(delete(users).where(users.c.name == name))).rowcount)

    async def log_in(self, login: LoginRecord, line: AuditRecord | None = None) -> bool:
        """Add a login, with a line of the audit trail, unless the user is gone.

        Those that have ended are deleted, and the oldest beyond MOST_LOGINS.
        """
        async with self._writing(login.name) as connection:
            there = await connection.execute(select(users.c.name).where(users.c.name == login.name).with_for_update())
            if there.first() is None:
                return False
            await connection.execute(delete(logins).where(logins.c.until <= login.at))
            newest = select(logins.c.digest).where(logins.c.name == login.name).order_by(logins.c.at.desc())
            kept = list((await connection.execute(newest.limit(MOST_LOGINS - 1))).scalars())
            await connection.execute(delete(logins).where(logins.c.name == login.name, logins.c.digest.not_in(kept)))
            await connection.execute(insert(logins), asdict(login))
            if line is not None:
                await append(connection, [line])
            return True

    async def log_out(self, digest: str, name: str) -> None:
        """Delete a login of a user."""
        async with self._writing(name) as connection:
            await connection.execute(delete(logins).where(logins.c.digest == digest))

    @asynccontextmanager
    async def _writing(self, name: str) -> AsyncIterator[AsyncConnection]:
        async with self._reach.write() as connection:
            yield connection
            if self._node and connection.dialect.name == POSTGRESQL:
                await announce(connection, self._node, USERS, name)


async def add_user(connection: AsyncConnection, user: UserRecord) -> bool:
    """Write a user; return whether there was none of the same name. Raises SQLAlchemyError."""
    if connection.dialect.name == POSTGRESQL:
        unless_there = postgresql.insert(users).on_conflict_do_nothing()
    else:
        unless_there = sqlite.insert(users).on_conflict_do_nothing()  # type: ignore[assignment]
    return bool((await connection.execute(unless_there, _written(asdict(user)))).rowcount)


def _written(values: dict[str, Any]) -> dict[str, Any]:
    if "roles" in values:
        values |= {"roles": msgspec.json.encode(dict(values["roles"]))}
    return values


def _read(row: Row[Any]) -> UserRecord:
    """Return a row as a user; one whose roles cannot be read has none."""
    values = row._asdict()
    try:
        values["roles"] = msgspec.json.decode(values["roles"], type=dict[str, str])
    except (msgspec.MsgspecError, TypeError):
        values["roles"] = {}
    return UserRecord(**values)
