"""Authentication and authorization of the API: callers by their bearer tokens, and what their roles allow."""

from __future__ import annotations

import asyncio
import hmac
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from voltgate.directory.throttle import Throttle
from voltgate.web.bearer import digest_of
from voltgate.web.cookies import csrf_of, signed_in
from voltgate.web.problems import Problem

Role: TypeAlias = Literal["viewer", "operator", "admin", "member", "backend"]
"""A member has a role in named networks only; a backend has its claims, and so has who claims for backends."""
PersonRole: TypeAlias = Literal["viewer", "operator", "admin"]
"""The roles of operators of the gateway; each includes the ones before it."""

_RANK = {"viewer": 1, "operator": 2, "admin": 3}
_READING = frozenset({"GET", "HEAD"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing (RFC 9110 section 9.2.1)."""
_CSRF = "Who is signed in by a cookie shows `csrf` of GET /api/v1/me in the header X-CSRF-Token: load the page again."
_BURST = 10.0
"""Seconds' worth of requests that a token may make at once."""
_LOOK = 3600.0
"""Seconds between two looks whether a token has ended."""


ALL = "*"
"""Stands for all networks, and for what belongs to none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the API. `backends` are those that one of the role "backend" claims for.

    `login` is that of a user who has logged in, `networks` are the user's roles in single networks; `role` is the one
    in all of them.
    """

    name: str
    role: Role
    backends: tuple[str, ...] = ()
    login: str | None = None
    networks: tuple[tuple[str, PersonRole], ...] = ()

    @property
    def rank(self) -> int:
        """The level of the role: 3 for an admin, 0 for a backend or a member."""
        return rank_of(self.role)


def rank_of(role: str) -> int:
    """Return the level of a role: whoever has a higher one may do all that those below may."""
    return _RANK.get(role, 0)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An accepted token: its digest and its caller. It ends at `until`, in seconds since 1970."""

    name: str
    role: Role
    digest: bytes = field(repr=False)
    backends: tuple[str, ...] = ()
    login: str | None = None
    networks: tuple[tuple[str, PersonRole], ...] = ()
    until: float = math.inf

    @property
    def caller(self) -> Caller:
        """Whoever carries it."""
        return Caller(self.name, self.role, self.backends, self.login, self.networks)


class Access:
    """Authenticates callers by the digests of their tokens, and limits failed attempts.

    There are three lists, which change independently: the tokens of the configuration, those issued through the API,
    and those of users who have logged in. A digest on several is the configuration's. `failures` are allowed a minute
    to one token from one address; ten times as many to one address (0: no limit). A caller that succeeded from an
    address is not limited by others there.
    """

    __slots__ = (
        "_changed",
        "_clock",
        "_configured",
        "_issued",
        "_logins",
        "_rates",
        "_throttle",
        "_tokens",
        "_wall",
        "guards_metrics",
        "rate",
        "refused",
        "used",
    )

    def __init__(
        self,
        tokens: Iterable[AccessToken] = (),
        failures: int = 10,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.refused = {"wrong": 0, "unknown token": 0, "too often": 0}
        """How often somebody was not let in, since the start: "wrong" are passwords, "too often" is either."""
        self.guards_metrics = False
        """Whether the metrics take a token."""
        self.rate = 0.0
        """Requests a second that one token may make; 0: any number."""
        self._rates: dict[bytes, float] = {}
        """When the bucket of each token is empty again, by its digest and our clock."""
        self.used: dict[str, float] = {}
        """When each token was used last, by name, in seconds since 1970; logins are not among them."""
        self._throttle = Throttle(failures)
        self._clock = clock
        self._wall = wall
        self._issued: tuple[AccessToken, ...] = ()
        self._logins: tuple[AccessToken, ...] = ()
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

    def replace_logins(self, tokens: Iterable[AccessToken]) -> None:
        """Replace the tokens of users who have logged in."""
        self._logins = tuple(tokens)
        self._index()

    def _index(self) -> None:
        self._tokens = {token.digest: token for token in (*self._logins, *self._issued, *self._configured)}
        names = {token.name for token in self._tokens.values()}
        self.used = {name: at for name, at in self.used.items() if name in names}
        self._rates = {digest: at for digest, at in self._rates.items() if digest in self._tokens}
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def failures(self) -> int:
        """How many tries with one unknown token are allowed a minute."""
        return self._throttle.per_minute

    @failures.setter
    def failures(self, per_minute: int) -> None:
        self._throttle.per_minute = per_minute

    def ends(self) -> dict[str, float]:
        """Return when tokens of the configuration end that do, by name, in seconds since 1970."""
        return {token.name: token.until for token in self._configured if token.until < math.inf}

    @property
    def configured(self) -> tuple[AccessToken, ...]:
        """The tokens of the configuration."""
        return self._configured

    def caller(self, connection: HTTPConnection) -> Caller:
        """Return the caller of a connection. Raises Problem: 401 without a valid token, 429 after too many of those.

        403: who comes by a cookie, and wants more than to look, has not shown to be the page that was signed in.
        """
        token, by_cookie = _carried(connection)
        if token is None:
            raise _unauthorized("This takes a bearer token.")
        found = self.admit(token, connection)
        changes = connection.scope.get("method") not in _SAFE
        if by_cookie and changes and not is_csrf(token, connection.headers.get("x-csrf-token", "")):
            raise Problem(403, "Forbidden", _CSRF)
        return found.caller

    def admit(self, token: bytes, connection: HTTPConnection) -> AccessToken:
        """Return what a token lets its caller do. Raises Problem: 401, 429 after too many of those.

        Whose token it is stands in `connection.state.known` for the audit trail, also when it is not admitted.
        """
        digest, now, address = digest_of(token), self._clock(), address_of(connection)
        found = self._tokens.get(digest)
        if found is not None:
            connection.state.known = found.name
        wait = self._throttle.wait(digest.hex(), address, now)
        if wait > 0:
            self.refused["too often"] += 1
            raise _too_many(wait)
        counted = self._throttle.begin(digest.hex(), address, now)
        if found is None:
            self.refused["unknown token"] += 1
            raise _unauthorized("The bearer token is not known.")
        self._throttle.succeeded(counted, now)
        if (at := self._wall()) >= found.until:
            ended = "The token has ended." if found.login is None else "The login has ended: log in again."
            raise _unauthorized(ended)
        if found.login is None:
            self.used[found.name] = at
        self._count(digest, now)
        return found

    def _count(self, digest: bytes, now: float) -> None:
        """Count a request of a token. Raises Problem 429: there are more of them than it may make."""
        if self.rate:
            empty = max(self._rates.get(digest, 0.0), now) + 1 / self.rate
            if (wait := empty - now - max(_BURST, 1 / self.rate)) > 0:
                self.refused["too often"] += 1
                raise _too_many(wait, f"This token makes more than {self.rate:g} requests a second.")
            self._rates[digest] = empty

    def left(self, token: AccessToken) -> float:
        """Return for how many seconds a token is valid yet; infinity for one that does not end by itself."""
        return token.until - self._wall()

    async def withdrawn(self, connection: HTTPConnection) -> None:
        """Wait until the token that a connection was let in with is gone, or is not what it was: of this role."""
        await self.ended(carried_digest(connection), connection.state.caller)

    async def ended(self, digest: bytes, caller: Caller) -> None:
        """Wait until the token of a digest is gone, or is not what it was: of this caller."""
        while (token := self._tokens.get(digest)) is not None and token.caller == caller and token.until > self._wall():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(token.until - self._wall(), _LOOK)):
                    await self._changed.wait()


def carried_digest(connection: HTTPConnection) -> bytes:
    """Return the digest of the token that a request carries."""
    return digest_of(_carried(connection)[0] or b"")


def carried_token(connection: HTTPConnection) -> bytes | None:
    """Return the token of the cookie that a connection carries; None without one, or if it carries another token."""
    token, by_cookie = _carried(connection)
    return token if by_cookie else None


def csrf_value(connection: HTTPConnection) -> str | None:
    """Return what requests by a cookie show in `X-CSRF-Token`; None for a request that carries a token itself."""
    token = carried_token(connection)
    return None if token is None else csrf_of(token)


def is_csrf(token: bytes, sent: str) -> bool:
    """Return whether this is what the page shows that was signed in with a token."""
    return hmac.compare_digest(csrf_of(token).encode(), sent.encode())


def address_of(connection: HTTPConnection) -> str:
    """Return the address that a request came from; "" where that is not known."""
    return connection.client.host if connection.client is not None else ""


def _carried(connection: HTTPConnection) -> tuple[bytes | None, bool]:
    """Return the one bearer token of a request (RFC 6750 section 2.1), and whether it came in the cookie of a sign-in.

    It is never read from the URL. Who sends an Authorization header is not taken by a cookie.
    """
    headers = connection.headers.getlist("authorization")
    if not headers:
        return signed_in(connection), True
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    token = token.strip(" ")
    return (token.encode("latin-1") if scheme.lower() == "bearer" and token else None), False


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _too_many(wait: float, detail: str = "Too many tokens that are not known came from there.") -> Problem:
    return Problem(429, "Too Many Requests", detail, headers={"Retry-After": str(math.ceil(wait))})


# Authorization.

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of the configuration (`voltgate token`), of `POST /api/v1/tokens`, of `POST /api/v1/login`, "
    "or of a backend.",
)
_Shown = Annotated[object, Security(bearer)]
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
    shown = Security(bearer, scopes=[role])  # the document names the role (OpenAPI 3.1, security requirement object)

    async def admitted(request: Request, _: object = shown) -> Caller:
        caller = caller_of(request)
        if caller.rank < _RANK[role]:
            raise forbidden(caller, f'This takes the role "{role}".')
        return caller

    return admitted


viewer = _at_least("viewer")
operator = _at_least("operator")
admin = _at_least("admin")


async def claimant(request: Request, _: _Shown) -> Caller:
    """Admit the callers for the claims of the path's backend: those who claim for it, admins, and operators to read."""
    caller = caller_of(request)
    role: Role = "operator" if request.method in _READING else "admin"
    if caller.rank < _RANK[role] and request.path_params["name"] not in caller.backends:
        raise forbidden(caller, f'This takes a token that claims for the backend, or the role "{role}".')
    return caller


def forbidden(caller: Caller, detail: str) -> Problem:
    """Return the problem of somebody whose role does not suffice."""
    return Problem(403, "Forbidden", f'{detail} {_who(caller)} has "{caller.role}".')


def _who(caller: Caller) -> str:
    return f'The token "{caller.name}"' if caller.login is None else f'The user "{caller.login}"'


AnyCaller = Annotated[Caller, Depends(any_caller)]
Viewer = Annotated[Caller, Depends(viewer)]
Operator = Annotated[Caller, Depends(operator)]
Admin = Annotated[Caller, Depends(admin)]
Claimant = Annotated[Caller, Depends(claimant)]
