"""`/tokens`: the accepted tokens, and issuing new ones."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from voltgate.relay.records import StoreAway
from voltgate.web.access import Access, Admin, PersonRole, Role
from voltgate.web.issued_tokens import MOST, IssuedTokens
from voltgate.web.problems import Problem, declared
from voltgate.web.times import stamp

router = APIRouter(tags=["tokens"])

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME, description="What tells tokens apart in logs and lists.")]


class Token(BaseModel):
    """A token that is let in; what is carried of it is shown once, when it is made."""

    name: str
    role: Role
    backend: str | None = Field(description="The backend that it speaks for.")
    source: Literal["configuration", "api"]
    at: str | None = Field(description="When it was made, if through the API.")
    by: str | None = Field(description="The token with which it was made.")


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
    role: PersonRole


class Made(BaseModel):
    """A token that was made. It cannot be read again."""

    name: str
    role: PersonRole
    token: str


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
    issued = _issued(request)
    if wanted.name in {token.name for token in _access(request).configured}:
        raise Problem(409, "Conflict", f'The configuration has a token "{wanted.name}".')
    if len(issued.records) >= MOST:
        raise Problem(409, "Conflict", f"There are {MOST} tokens already: delete some.")
    try:
        token = await issued.make(wanted.name, wanted.role, caller.name)
    except StoreAway as error:
        raise _away(error) from None
    if token is None:
        raise Problem(409, "Conflict", f'There is a token "{wanted.name}" already.')
    return Made(name=wanted.name, role=wanted.role, token=token)


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


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _issued(request: Request) -> IssuedTokens:
    issued: IssuedTokens | None = request.app.state.issued_tokens
    if issued is None:
        raise Problem(503, "Service Unavailable", 'There is no database to keep a token in: store.url is "off".')
    return issued


def _all(request: Request) -> list[Token]:
    configured = [
        Token(name=token.name, role=token.role, backend=token.backend, source="configuration", at=None, by=None)
        for token in _access(request).configured
    ]
    issued: IssuedTokens | None = request.app.state.issued_tokens
    records = [] if issued is None else sorted(issued.records, key=lambda record: record.name)
    return configured + [
        Token.model_validate(
            {
                "name": record.name,
                "role": record.role,
                "backend": None,
                "source": "api",
                "at": stamp(record.at),
                "by": record.by,
            }
        )
        for record in records
    ]


def _away(error: StoreAway) -> Problem:
    return Problem(503, "Service Unavailable", str(error))
