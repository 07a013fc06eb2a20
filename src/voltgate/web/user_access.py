"""Users: kept in the database, let in by a name and a password, and passed to Access while they are logged in."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast
from uuid import uuid4

import structlog

from voltgate.directory.hashes import Busy, Hashes, Unusable
from voltgate.directory.throttle import Throttle
from voltgate.relay.records import AuditRecord, StoreAway
from voltgate.store.users import LoginRecord, UserRecord
from voltgate.web.access import ALL, Access, AccessToken, PersonRole, rank_of
from voltgate.web.bearer import digest_of, fresh

LOGIN = r"^[A-Za-z0-9][A-Za-z0-9_.+@-]{0,99}$"
"""What a user may be called."""
MOST = 2000
"""Users at most."""
VOUCHED = "oidc:"
"""What `by` of a user begins with for whom a provider of single sign-on vouches: no caller is named so."""
_READ_EVERY = 10.0
"""Seconds between two looks at what others have changed."""
_LATELY = 1.0
"""Seconds between two of them for the sake of invitations that nobody knows."""
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$Y2hhcmdpbmdzdGF0aW9ucw$0W0V7o3rLkqCkq3x5o9J7vY2m1Xh8Qf6b4T0nZc5sUE"
"""The hash that the password of a user is compared with who is not there: it takes as long as that of another."""

log = structlog.get_logger("voltgate.web")


class Wrong(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """The name or the password is wrong."""


class TooOften(Exception):  # noqa: N818
    """Too many passwords were wrong: the next one may be tried in `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"in {wait:.0f} s")
        self.wait = wait


class Taken(Exception):  # noqa: N818
    """There is another user of this name."""


class Full(Exception):  # noqa: N818
    """There are MOST users already."""


class Table(Protocol):
    """The storage of users and logins; every method raises StoreAway. `store.users` implements it."""

    async def read(self, now: float) -> tuple[list[UserRecord], list[LoginRecord]]:
        """Return all users, and the logins that have not ended."""

    async def add(self, user: UserRecord) -> bool:
        """Add a user; return whether there was none of this name."""

    async def change(self, name: str, *, ends: bool = False, **values: Any) -> bool:
        """Change these of a user's values; return whether there is the user. `ends`: end the logins."""

    async def choose(self, invitation: str, password: str, now: float) -> str | None:
        """Give a password to whom an invitation was made, once; return the name."""

    async def remove(self, name: str) -> bool:
        """Delete a user; return whether there was one."""

    async def log_in(self, login: LoginRecord, line: AuditRecord | None = None) -> bool:
        """Add a login, with a line of the audit trail, unless the user is gone."""

    async def log_out(self, digest: str, name: str) -> None:
        """Delete a login."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """Seconds that a login lasts, and an invitation; how many passwords may be wrong a minute (0: any number)."""

    login: float = 43_200.0
    invitation: float = 604_800.0
    failures: int = 10


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a user is handed once: the token of a login, or of an invitation, and when it ends."""

    token: str
    until: float
    user: UserRecord


class UserAccess:
    """The users. Changes made here apply at once; those of another gateway once they are read.

    Everything raises StoreAway while the database is away.
    """

    def __init__(
        self,
        access: Access,
        table: Table,
        settings: UserSettings | None = None,
        hashes: Hashes | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._table = table
        self._settings = settings or UserSettings()
        self._hashes = hashes or Hashes(threads=1, waiting=20)
        self._throttle = Throttle(self._settings.failures)
        self._clock = clock
        self._wall = wall
        self._users: dict[str, UserRecord] = {}
        self._owners: dict[bytes, str] = {}
        """Whose the token of a login is, by its digest."""
        self._changing = asyncio.Lock()
        self._read_at = -math.inf
        self._away = False

    def change_settings(self, settings: UserSettings) -> None:
        """Go by other settings from now on; logins last as long as they were made for."""
        self._settings = settings
        self._throttle.per_minute = settings.failures

    @property
    def users(self) -> tuple[UserRecord, ...]:
        """The users as last read, by name."""
        return tuple(self._users.values())

    def find(self, login: str) -> UserRecord | None:
        """Return a user."""
        return self._users.get(login.casefold())

    def close(self) -> None:
        """Verify nothing more."""
        self._hashes.close()

    # Reading.

    async def read(self) -> None:
        """Read them again. Raises StoreAway; then the former ones stay valid."""
        async with self._changing:
            await self._read()

    async def _read_lately(self) -> None:
        """Read them again unless that has just been done: strangers may ask for it as often as they like."""
        async with self._changing:
            if self._clock() - self._read_at >= _LATELY:
                await self._read()

    async def _read(self) -> None:
        users, logins = await self._table.read(self._wall())
        self._read_at = self._clock()
        self._users = {user.name: user for user in users}
        known = [login for login in logins if login.name in self._users]
        tokens = [_token(self._users[login.name], login) for login in known]
        self._owners = {token.digest: login.name for token, login in zip(tokens, known, strict=True)}
        self._access.replace_logins(tokens)

    async def heard(self, told: Sequence[Any]) -> None:
        """Read them again, because another gateway has changed some. Raises StoreAway."""
        await self.read()

    async def missed(self) -> None:
        """Read them again, because another gateway may have. Raises StoreAway."""
        await self.read()

    async def follow(self, every: float = _READ_EVERY) -> None:
        """Read them, and wait `every` seconds: again and again, so that one deleted elsewhere is invalid here too."""
        try:
            await self.read()
            self._away = False
        except StoreAway as error:
            if not self._away:
                log.warning("the users of the API cannot be read", reason=str(error))
            self._away = True
        await asyncio.sleep(every)

    # Passwords.

    async def log_in(self, login: str, password: str, address: str) -> Ticket:
        """Log a user in. Raises Wrong, TooOften, Busy."""
        return await self._logged_in(await self._proven(login, password, address), "by a password", address)

    async def _logged_in(self, user: UserRecord, how: str, address: str) -> Ticket:
        """Log in a user who has shown to be it; write down who, how and from where. Raises Wrong: the user is gone."""
        token, now = fresh(), self._wall()
        until, name = now + self._settings.login, f"user:{user.login}"
        line = AuditRecord(
            uuid4().hex, now, "", name, "Login", "", "passed", "", f"{how}, from {address or 'somewhere'}", "", address
        )
        if not await self._table.log_in(LoginRecord(digest_of(token).hex(), user.name, now, until), line):
            raise Wrong
        await self.read()
        log.info("a user has logged in", user=user.login, how=how, address=address)
        return Ticket(token, until, user)

    # Single sign-on.

    async def let_in(self, login: str, person: str, roles: Mapping[str, str], by: str, address: str) -> Ticket:
        """Log in somebody for whom a provider vouches: `by` is who that is there, and is the only one of it here.

        The user has these roles from now on, and the name of the first time. Raises Taken, Full, Wrong.
        """
        await self.read()
        user = self._vouched(by) or await self._met(login, person, roles, by)
        if user.person != person or dict(user.roles) != dict(roles):
            user = await self.change(user.name, person=person, roles=dict(roles)) or user
        return await self._logged_in(user, "by OpenID Connect", address)

    async def _met(self, login: str, person: str, roles: Mapping[str, str], by: str) -> UserRecord:
        if len(self._users) >= MOST:
            raise Full
        user = UserRecord(login.casefold(), login, person, dict(roles), at=self._wall(), by=by)
        if not await self._table.add(user):
            await self.read()
            found = self._vouched(by)  # the same person may have come twice at once
            if found is None:
                raise Taken
            return found
        return user

    async def shut_out(self, by: str) -> None:
        """Take the roles from whom a provider vouches for no longer, and end the logins."""
        await self.read()
        if (user := self._vouched(by)) is not None:
            await self._table.change(user.name, ends=True, roles={})
            await self.read()

    def _vouched(self, by: str) -> UserRecord | None:
        return next((user for user in self._users.values() if user.by == by), None)

    async def _proven(self, login: str, password: str, address: str) -> UserRecord:
        """Return the user whose password it is. Raises Wrong, TooOften, Busy."""
        name, now = login.casefold(), self._clock()
        wait = self._throttle.wait(name, address, now)
        if wait > 0:
            self._access.refused["too often"] += 1
            raise TooOften(wait)
        counted = self._throttle.begin(name, address, now)
        user = self._users.get(name)
        stored = user.password if user is not None and user.password else _NOBODY
        try:
            right = await self._hashes.verify(stored, [password.encode()])
        except Busy:
            self._throttle.undecided(counted, self._clock())
            raise
        except Unusable as error:
            log.warning("a user's password cannot be verified: invite the user again", user=name, reason=str(error))
            right = False
        user = self._users.get(name)  # another password may have been chosen meanwhile
        if not right or user is None or user.password != stored:
            self._access.refused["wrong"] += 1
            raise Wrong
        self._throttle.succeeded(counted, self._clock())
        return user

    async def log_out(self, digest: bytes) -> bool:
        """End the login of a token; return whether it was one."""
        name = self._owners.get(digest)
        if name is None:
            return False
        await self._table.log_out(digest.hex(), name)
        await self.read()
        return True

    async def change_password(self, login: str, password: str, new: str, address: str) -> None:
        """Change a user's password, who knows it, and end the logins. Raises Wrong, TooOften, Busy."""
        user = await self._proven(login, password, address)
        await self._table.change(user.name, ends=True, password=await self._hashes.make(new))
        await self.read()

    async def choose(self, invitation: str, password: str) -> str | None:
        """Choose a password by an invitation; return whose it is, None for one that is none. Raises Busy."""
        digest = digest_of(invitation).hex()
        if not any(user.invitation == digest for user in self._users.values()):
            await self._read_lately()  # it may have been made elsewhere just now
            if not any(user.invitation == digest for user in self._users.values()):
                return None
        name = await self._table.choose(digest, await self._hashes.make(password), self._wall())
        await self.read()
        return name

    # Users.

    async def make(self, login: str, person: str, roles: Mapping[str, str], by: str) -> Ticket | None:
        """Make a user; return the invitation to choose a password; None if there is one of this name."""
        token, now = fresh(), self._wall()
        until = now + self._settings.invitation
        user = invited(UserRecord(login.casefold(), login, person, dict(roles), at=now, by=by), token, until)
        if not await self._table.add(user):
            return None
        await self.read()
        return Ticket(token, until, user)

    async def invite(self, login: str) -> Ticket | None:
        """Return another invitation for a user, whose password stays until then; None if there is no such user."""
        token, until = fresh(), self._wall() + self._settings.invitation
        name, digest = login.casefold(), digest_of(token).hex()
        found = await self._table.change(name, invitation=digest, invited_until=until)
        await self.read()
        user = self._users.get(name)
        return Ticket(token, until, user) if found and user is not None else None

    async def change(self, login: str, **values: Any) -> UserRecord | None:
        """Change `person` or `roles` of a user; return the user, None if there is none."""
        found = not values or await self._table.change(login.casefold(), **values)
        await self.read()
        return self.find(login) if found else None

    async def remove(self, login: str) -> bool:
        """Delete a user, who is not logged in any more; return whether there was one."""
        found = await self._table.remove(login.casefold())
        await self.read()
        return found


def invited(user: UserRecord, token: str, until: float) -> UserRecord:
    """Return a user who is to choose a password by a token."""
    return replace(user, invitation=digest_of(token).hex(), invited_until=until)


def _token(user: UserRecord, login: LoginRecord) -> AccessToken:
    """Return what a login lets its user do: roles that this version does not know let nobody do anything."""
    known = {name: cast("PersonRole", role) for name, role in user.roles.items() if rank_of(role)}
    role = known.pop(ALL, None)
    return AccessToken(
        f"user:{user.login}",
        role or "member",
        bytes.fromhex(login.digest),
        login=user.login,
        networks=tuple(sorted(known.items())),
        until=login.until,
    )
