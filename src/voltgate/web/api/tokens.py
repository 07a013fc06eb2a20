"""`/tokens`: the accepted tokens, and issuing new ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from voltgate.relay.records import StoreAway
from voltgate.web.access import Access, Admin, PersonRole, Role
from voltgate.web.audited import say, told
from voltgate.web.issued_tokens import MOST, Ended, IssuedTokens
from voltgate.web.problems import Problem, declared, invalid
from voltgate.web.times import stamp

router = APIRouter(tags=["tokens"])

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Named = Annotated[str, Field(pattern=NAME)]
Seconds = Annotated[float, Field(ge=60, le=315_360_000)]
Name = Annotated[str, Field(pattern=NAME, description="What tells tokens apart in logs and lists.")]


class Token(BaseModel):
    """A token that is let in; what is carried of it is shown once, when it is made."""

    name: str
    role: Role
    backends: list[str] = Field(description="The backends that it claims for.")
    networks: dict[str, str] = Field(description="Its roles in single networks.")
    source: Literal["configuration", "api"]
    at: str | None = Field(description="When it was made, if through the API.")
    by: str | None = Field(description="The token with which it was made.")
    until: str | None = Field(description="When it ends; null: never.")
    used: str | None = Field(description="When it was used last, a minute more or less; null: not that we know.")
    former_until: str | None = Field(description="Until when the token before the last rotation is let in, too.")


class Tokens(BaseModel):
    """A part of the tokens."""

    items: list[Token]
    total: int
    offset: int
    limit: int


class Wanted(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    role: PersonRole | None = Field(default=None, description="What it lets do everywhere.")
    networks: Annotated[dict[Named, PersonRole], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="What it lets do with the stations of single networks, by their ids, in place of `role`.",
        examples=[{"north": "operator"}],
    )
    backends: Annotated[list[Named], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="The backends whose claims it sets and reads, and nothing else, in place of `role`.",
        examples=[["billing"]],
    )
    expires_in: Seconds | None = Field(default=None, description="Seconds that it is valid; null: for ever.")

    @model_validator(mode="after")
    def _has_one_scope(self) -> Wanted:
        if sum(scope is not None for scope in (self.role, self.networks, self.backends)) != 1:
            raise ValueError("has either a role, or networks, or backends")
        return self


class Rotation(BaseModel):
    """How a token is exchanged for another one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap: Annotated[float, Field(ge=0, le=2_592_000)] = Field(
        default=86_400, description="Seconds that the former one is let in yet, while its users change."
    )
    expires_in: Seconds | None = Field(
        default=None, description="Seconds that the new one is valid; null: as long as the former one would have been."
    )


class Made(BaseModel):
    """A token that was made. It cannot be read again."""

    name: str
    role: Role = Field(description='"member": it has roles in single networks only; "backend": it claims for backends.')
    token: str
    until: str | None = Field(description="When it ends; null: never.")
    former_until: str | None = Field(description="Until when the one before it is let in, too; null: there is none.")


@router.get("/tokens", summary="List the tokens")
async def tokens(
    request: Request,
    _: Admin,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Tokens:
    """List the tokens that are let in, those of the configuration first."""
    found = _all(request)
    return Tokens(items=found[offset : offset + limit], total=len(found), offset=offset, limit=limit)


@router.post("/tokens", status_code=201, summary="Make a token", responses=declared(409, 503))
async def make(request: Request, wanted: Wanted, caller: Admin) -> Made:
    """Make a token. The answer is the only place where it can be read."""
    role: Role = wanted.role or ("member" if wanted.networks else "backend")
    backends = tuple(sorted(set(wanted.backends or ())))
    scope = f"claims for {', '.join(backends)}" if backends else wanted.role or wanted.networks
    ends = "" if wanted.expires_in is None else f", for {wanted.expires_in:g} s"
    say(request, f"{wanted.name}, {scope}{ends}")
    issued = _issued(request)
    _know(request, wanted.backends or ())
    if wanted.name in {token.name for token in _access(request).configured}:
        raise Problem(409, "Conflict", f'The configuration has a token "{wanted.name}".')
    if len(issued.records) >= MOST:
        raise Problem(409, "Conflict", f"There are {MOST} tokens already: delete some.")
    try:
        token = await issued.make(wanted.name, role, caller.name, wanted.expires_in, wanted.networks, backends)
    except StoreAway as error:
        raise _away(error) from None
    if token is None:
        raise Problem(409, "Conflict", f'There is a token "{wanted.name}" already.')
    return _made(issued, wanted.name, token)


@router.post("/tokens/{name}/rotation", status_code=201, summary="Rotate a token", responses=declared(404, 409, 503))
async def rotate(request: Request, name: Annotated[str, Path(pattern=NAME)], asked: Rotation, _: Admin) -> Made:
    """Make another token of the same name and role. The former one is let in for a while yet: nobody is cut off."""
    say(request, told(asked))
    issued = _issued(request)
    if name in {token.name for token in _access(request).configured}:
        raise Problem(409, "Conflict", f'The token "{name}" stands in the configuration: change it there.')
    try:
        token = await issued.rotate(name, asked.overlap, asked.expires_in)
    except Ended:
        raise Problem(409, "Conflict", f'The token "{name}" has ended: say `expires_in` of the new one.') from None
    except StoreAway as error:
        raise _away(error) from None
    if token is None:
        raise Problem(404, "Not Found", f'There is no token "{name}".')
    return _made(issued, name, token)


@router.delete("/tokens/{name}", status_code=204, summary="Delete a token", responses=declared(404, 409, 503))
async def remove(request: Request, name: Annotated[str, Path(pattern=NAME)], _: Admin) -> Response:
    """Delete a token that was made through the API: it is not let in any more."""
    if name in {token.name for token in _access(request).configured}:
        raise Problem(409, "Conflict", f'The token "{name}" stands in the configuration: take it out there.')
    try:
        found = await _issued(request).remove(name)
    except StoreAway as error:
        raise _away(error) from None
    if not found:
        raise Problem(404, "Not Found", f'There is no token "{name}".')
    return Response(status_code=204)


def _made(issued: IssuedTokens, name: str, token: str) -> Made:
    record = next(record for record in issued.records if record.name == name)
    return Made(
        name=name,
        role=cast("Role", record.role),
        token=token,
        until=_stamp(record.until),
        former_until=_stamp(record.former_until),
    )


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _know(request: Request, backends: Sequence[str]) -> None:
    """Check that there are these backends. Raises Problem 422."""
    find: Callable[[str], object | None] = request.app.state.claimants
    wrong = [(number, name) for number, name in enumerate(backends) if find(name) is None]
    if wrong:
        raise invalid([{"loc": ("body", "backends", at), "msg": f'there is no backend "{name}"'} for at, name in wrong])


def _issued(request: Request) -> IssuedTokens:
    issued: IssuedTokens | None = request.app.state.issued_tokens
    if issued is None:
        raise Problem(503, "Service Unavailable", 'There is no database to keep a token in: store.url is "off".')
    return issued


def _all(request: Request) -> list[Token]:
    access = _access(request)
    configured = [
        Token(
            name=token.name,
            role=token.role,
            backends=list(token.backends),
            networks={},
            source="configuration",
            at=None,
            by=None,
            until=None if math.isinf(token.until) else stamp(token.until),
            used=_stamp(access.used.get(token.name)),
            former_until=None,
        )
        for token in access.configured
    ]
    issued: IssuedTokens | None = request.app.state.issued_tokens
    if issued is None:
        return configured
    return configured + [
        Token(
            name=record.name,
            role=cast("Role", record.role),
            backends=list(record.backends),
            networks=dict(record.networks),
            source="api",
            at=stamp(record.at),
            by=record.by,
            until=_stamp(record.until),
            used=_stamp(issued.used(record.name)),
            former_until=_stamp(record.former_until),
        )
        for record in sorted(issued.records, key=lambda record: record.name)
    ]


def _stamp(at: float | None) -> str | None:
    return None if at is None else stamp(at)


def _away(error: StoreAway) -> Problem:
    return Problem(503, "Service Unavailable", str(error))
