"""Authentication and authorization of the API: callers by their bearer tokens, and what their roles allow."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from voltgate.directory.throttle import Throttle
from voltgate.web.bearer import digest_of
from voltgate.web.problems import Problem

Role: TypeAlias = Literal["viewer", "operator", "admin", "backend"]
PersonRole: TypeAlias = Literal["viewer", "operator", "admin"]
"""The roles of operators of the gateway; each includes the ones before it."""

_RANK = {"viewer": 1, "operator": 2, "admin": 3}
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the API. `backend` is the one that a token of the role "backend" belongs to."""

    name: str
    role: Role
    backend: str | None = None

    @property
    def rank(self) -> int:
        """The level of the role: 3 for an admin, 0 for a backend."""
        return _RANK.get(self.role, 0)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An accepted token: its digest and its caller."""

    name: str
    role: Role
    digest: bytes = field(repr=False)
    backend: str | None = None


class Access:
    """Authenticates callers by the digests of their tokens, and limits failed attempts.

    There are two lists, which change independently: the tokens of the configuration, and those issued through the API.
    A digest on both is the configuration's. `failures` are allowed a minute to one token from one address; ten times as
    many to one address (0: no limit). A caller that succeeded from an address is not limited by others there.
    """

    __slots__ = ("_callers", "_changed", "_clock", "_configured", "_issued", "_throttle")

    def __init__(
        self, tokens: Iterable[AccessToken] = (), failures: int = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._throttle = Throttle(failures)
        self._clock = clock
        self._issued: tuple[AccessToken, ...] = ()
        self._changed = asyncio.Event()
        self.replace(tokens)

    def replace(self, tokens: Iterable[AccessToken]) -> None:
        """Replace the tokens of the configuration."""
        self._configured = tuple(tokens)
        self._index()

    def replace_issued(self, tokens: Iterable[AccessToken]) -> None:
        """Replace the tokens that were issued through the API."""
        self._issued = tuple(tokens)
        self._index()

    def _index(self) -> None:
        tokens = (*self._issued, *self._configured)
        self._callers = {token.digest: Caller(token.name, token.role, token.backend) for token in tokens}
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def failures(self) -> int:
        """How many tries with one unknown token are allowed a minute."""
        return self._throttle.per_minute

    @failures.setter
    def failures(self, per_minute: int) -> None:
        self._throttle.per_minute = per_minute

    @property
    def configured(self) -> tuple[AccessToken, ...]:
        """The tokens of the configuration."""
        return self._configured

    def caller(self, connection: HTTPConnection) -> Caller:
        """Return the caller of a connection. Raises Problem: 401 without a valid token, 429 after too many of those."""
        token = _carried(connection)
        if token is None:
            raise _unauthorized("This takes a bearer token.")
        digest, now = digest_of(token), self._clock()
        address = connection.client.host if connection.client is not None else ""
        wait = self._throttle.wait(digest.hex(), address, now)
        if wait > 0:
            raise _too_many(wait)
        counted = self._throttle.begin(digest.hex(), address, now)
        found = self._callers.get(digest)
        if found is None:
            raise _unauthorized("The bearer token is not known.")
        self._throttle.succeeded(counted, now)
        return found

    async def withdrawn(self, connection: HTTPConnection) -> None:
        """Wait until the token that a connection was let in with is gone, or is not what it was: of this role."""
        caller, digest = connection.state.caller, digest_of(_carried(connection) or b"")
        while self._callers.get(digest) == caller:
            await self._changed.wait()


def _carried(connection: HTTPConnection) -> bytes | None:
    """Return the one bearer token of a request (RFC 6750 section 2.1); never read from the URL."""
    headers = connection.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    token = token.strip(" ")
    return token.encode("latin-1") if scheme.lower() == "bearer" and token else None


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _too_many(wait: float) -> Problem:
    detail = "Too many tokens that are not known came from there."
    return Problem(429, "Too Many Requests", detail, headers={"Retry-After": str(math.ceil(wait))})


# Authorization.

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of the configuration (`voltgate token`), of `POST /api/v1/tokens`, or of a backend.",
)
_Shown = Annotated[object, Security(_bearer)]
"""Declares the security of an operation in the OpenAPI document."""


def caller_of(request: Request) -> Caller:
    """Return the caller of a request, authenticated once by the application's `state.access`. Raises Problem."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        access: Access = request.app.state.access
        caller = request.state.caller = access.caller(request)
    return caller


async def any_caller(request: Request, _: _Shown) -> Caller:
    """Admit any caller with a valid token."""
    return caller_of(request)


def _at_least(role: PersonRole) -> Callable[[Request, object], Awaitable[Caller]]:
    shown = Security(_bearer, scopes=[role])  # the document names the role (OpenAPI 3.1, security requirement object)

    async def admitted(request: Request, _: object = shown) -> Caller:
        caller = caller_of(request)
        if caller.rank < _RANK[role]:
            raise _forbidden(caller, f'This takes the role "{role}".')
        return caller

    return admitted


viewer = _at_least("viewer")
operator = _at_least("operator")
admin = _at_least("admin")


async def claimant(request: Request, _: _Shown) -> Caller:
    """Admit the callers for the claims of the path's backend: itself, admins, and operators to read."""
    caller = caller_of(request)
    role: Role = "operator" if request.method in _READING else "admin"
    if caller.rank < _RANK[role] and (caller.backend is None or caller.backend != request.path_params["name"]):
        raise _forbidden(caller, f'This takes the backend\'s own token, or the role "{role}".')
    return caller


def _forbidden(caller: Caller, detail: str) -> Problem:
    return Problem(403, "Forbidden", f'{detail} The token "{caller.name}" has "{caller.role}".')


AnyCaller = Annotated[Caller, Depends(any_caller)]
Viewer = Annotated[Caller, Depends(viewer)]
Operator = Annotated[Caller, Depends(operator)]
Admin = Annotated[Caller, Depends(admin)]
Claimant = Annotated[Caller, Depends(claimant)]
