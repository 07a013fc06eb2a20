"""`/login`, `/logout`, `/password` and `/users`: those who use the API by a name and a password."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from voltgate.directory.hashes import Busy
from voltgate.relay.records import StoreAway
from voltgate.store.users import UserRecord
from voltgate.web.access import Admin, AnyCaller, PersonRole, address_of, carried_digest
from voltgate.web.audited import said_already, say, told
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import Problem, declared
from voltgate.web.times import stamp
from voltgate.web.user_access import LOGIN, MOST, VOUCHED, Ticket, TooOften, UserAccess, Wrong

router = APIRouter(tags=["users"])
open_router = APIRouter(tags=["users"])
"""What takes no token."""

Login = Annotated[str, Field(pattern=LOGIN, description="A name, or an address of e-mail. Case does not matter.")]
Network = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})$")]
Roles = Annotated[
    dict[Network, PersonRole],
    Field(
        max_length=1000,
        description='The role in each network, by its id. `"*"`: in all of them, and for what belongs to none.',
        examples=[{"*": "viewer", "main": "operator"}],
    ),
]
Person = Annotated[str, Field(max_length=200, description="What people call the user.")]
NewPassword = Annotated[str, Field(min_length=10, max_length=1000)]
_InPath = Annotated[str, Path(pattern=LOGIN)]


class User(BaseModel):
    """A user."""

    login: str
    person: str
    roles: dict[str, str]
    has_password: bool = Field(description="Whether a password was chosen yet.")
    invited_until: str | None = Field(description="Until when a password can be chosen by the last invitation.")
    at: str = Field(description="When the user was made.")
    by: str = Field(description="By whom.")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(_Body):
    """A name and a password."""

    login: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class LoggedIn(BaseModel):
    """A login. The token is sent as `Authorization: Bearer …`, and cannot be read again."""

    token: str
    until: str
    user: User


class Chosen(_Body):
    """A password that somebody chooses who was invited."""

    invitation: Annotated[str, Field(min_length=1, max_length=200)]
    password: NewPassword


class Changed(_Body):
    """Another password, chosen by somebody who knows the former one."""

    password: Annotated[str, Field(min_length=1, max_length=1000)]
    new: NewPassword


class Wanted(_Body):
    """A user to be made."""

    login: Login
    person: Person = ""
    roles: Roles


class Change(_Body):
    """What is to be changed of a user; what is left out stays."""

    person: Person | None = None
    roles: Roles | None = None


class Invited(BaseModel):
    """A user, and the token by which a password is chosen (`POST /password`). It cannot be read again."""

    user: User
    invitation: str
    until: str


# Without a token.


@open_router.post("/login", summary="Log in", responses=declared(400, 401, 408, 413, 422, 429, 503))
async def log_in(request: Request, said: Credentials) -> LoggedIn:
    """Get a token for a name and a password."""
    ticket = await logged_in(request, said)
    said_already(request)
    return LoggedIn(token=ticket.token, until=stamp(ticket.until), user=_shown(ticket.user))


async def logged_in(request: Request, said: Credentials) -> Ticket:
    """Return the login of a user, made for a name and a password. Raise Problem: 401, 429, 503."""
    say(request, said.login)
    async with _answered():
        return await _users(request).log_in(said.login, said.password, address_of(request))


async def logged_out(request: Request) -> bool:
    """End the login whose token a request carries; return whether it is of one. Raise Problem 503."""
    async with _answered():
        return await _users(request).log_out(carried_digest(request))


@open_router.post(
    "/password", status_code=204, summary="Choose a password", responses=declared(400, 404, 408, 413, 422, 503)
)
async def choose(request: Request, said: Chosen) -> None:
    """Choose a password by an invitation, which is used up by it. Whoever was logged in is not any more."""
    async with _answered():
        login = await _users(request).choose(said.invitation, said.password)
        if login is None:
            raise Problem(404, "Not Found", "There is no such invitation: it was used, or has ended. Ask for another.")
    say(request, login)


# With one.


@router.post("/logout", status_code=204, summary="Log out", responses=declared(409, 503))
async def log_out(request: Request, _: AnyCaller) -> None:
    """End the login whose token this is."""
    if not await logged_out(request):
        raise Problem(409, "Conflict", "This token is of no login: it stands in the configuration, or was made.")


@router.put("/me/password", status_code=204, summary="Change my password", responses=declared(409, 503))
async def change_password(request: Request, caller: AnyCaller, said: Changed) -> None:
    """Change the password, and end all logins, this one too."""
    if caller.login is None:
        raise Problem(409, "Conflict", "This token is no user's: it has no password.")
    async with _answered():
        await _users(request).change_password(caller.login, said.password, said.new, address_of(request))


@router.get("/users", summary="List the users", responses=declared(503))
async def users(request: Request, _: Admin, part: AskedPart) -> Page[User]:
    """List the users, by name."""
    return cut([_shown(user) for user in _users(request).users], part)


@router.post("/users", status_code=201, summary="Make a user", responses=declared(409, 503))
async def make(request: Request, wanted: Wanted, caller: Admin) -> Invited:
    """Make a user. The answer is the only place where the invitation can be read: hand it to the person."""
    say(request, f"{wanted.login}, {_written(wanted.roles)}")
    accounts = _users(request)
    if len(accounts.users) >= MOST:
        raise Problem(409, "Conflict", f"There are {MOST} users already: delete some.")
    async with _answered():
        ticket = await accounts.make(wanted.login, wanted.person, wanted.roles, caller.name)
    if ticket is None:
        raise Problem(409, "Conflict", f'There is a user "{wanted.login}" already.')
    return _invited(ticket)


@router.get("/users/{login}", summary="Show a user", responses=declared(404, 503))
async def user(request: Request, login: _InPath, _: Admin) -> User:
    """Show one user."""
    return _shown(_found(_users(request).find(login), login))


@router.patch("/users/{login}", summary="Change a user", responses=declared(404, 503))
async def change(request: Request, login: _InPath, said: Change, _: Admin) -> User:
    """Change a user's name or roles. That is in force at once, also for one who is logged in."""
    say(request, told(said))
    async with _answered():
        changed = await _users(request).change(login, **said.model_dump(exclude_none=True))
    return _shown(_found(changed, login))


@router.delete("/users/{login}", status_code=204, summary="Delete a user", responses=declared(404, 503))
async def remove(request: Request, login: _InPath, _: Admin) -> None:
    """Delete a user, who is not let in any more."""
    async with _answered():
        if not await _users(request).remove(login):
            raise _no_such(login)


@router.post("/users/{login}/invitation", status_code=201, summary="Invite a user", responses=declared(404, 409, 503))
async def invite(request: Request, login: _InPath, _: Admin) -> Invited:
    """Let a user choose another password, who has lost the former one. That one is valid until then."""
    user = _users(request).find(login)
    if user is not None and user.by.startswith(VOUCHED):
        raise Problem(409, "Conflict", f'"{login}" is signed in by OpenID Connect, and has no password here.')
    async with _answered():
        ticket = await _users(request).invite(login)
    if ticket is None:
        raise _no_such(login)
    return _invited(ticket)


def _users(request: Request) -> UserAccess:
    found: UserAccess | None = request.app.state.users
    if found is None:
        raise Problem(503, "Service Unavailable", 'There is no database to keep users in: store.url is "off".')
    return found


def _written(roles: Mapping[str, str]) -> str:
    return ", ".join(f"{network}={role}" for network, role in roles.items())


def _found(found: UserRecord | None, login: str) -> UserRecord:
    if found is None:
        raise _no_such(login)
    return found


def _no_such(login: str) -> Problem:
    return Problem(404, "Not Found", f'There is no user "{login}".')


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """Answer what came between with a problem."""
    try:
        yield
    except Wrong:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(401, "Unauthorized", "The name or the password is wrong.", headers=headers) from None
    except TooOften as often:
        headers = {"Retry-After": str(math.ceil(often.wait))}
        raise Problem(429, "Too Many Requests", "Too many passwords were wrong.", headers=headers) from None
    except Busy:
        raise Problem(503, "Service Unavailable", "Too many log in at once: try again.") from None
    except StoreAway as error:
        raise Problem(503, "Service Unavailable", str(error)) from None


def _shown(user: UserRecord) -> User:
    return User(
        login=user.login,
        person=user.person,
        roles=dict(user.roles),
        has_password=bool(user.password),
        invited_until=None if user.invited_until is None else stamp(user.invited_until),
        at=stamp(user.at),
        by=user.by,
    )


def _invited(ticket: Ticket) -> Invited:
    return Invited(user=_shown(ticket.user), invitation=ticket.token, until=stamp(ticket.until))
