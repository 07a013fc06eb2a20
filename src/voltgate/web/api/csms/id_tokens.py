"""`/id-tokens`: what people charge by."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from voltgate.csms.model import Token
from voltgate.directory.slices import unhurried
from voltgate.store.csms.listing import Listed
from voltgate.store.csms.queries import TokenFilter
from voltgate.web.audited import say, some, told
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given
from voltgate.web.csms.imports import BODY, Imported, Mistake, begun, read_items
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.csms.stations import NAME
from voltgate.web.csms.tokens import IdToken, IdTokenChange, IdTokenWanted, Status, changes_of, row_of, token_of
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.problems import Problem, declared, invalid

router = APIRouter(tags=["id tokens"])

_FOREIGN = "is there already, in another network"

Text = Annotated[str, Path(min_length=1, max_length=255)]


@router.get(
    "/id-tokens", summary="List id tokens", response_model=CsmsPage[IdToken], responses=declared(409, 503) | STREAMED
)
async def tokens(
    csms: Csms,
    _: ViewerReach,
    asked: AskedList,
    group: Annotated[str | None, Query(max_length=255)] = None,
    network: Annotated[str | None, Query(pattern=NAME, description="Only those that are for this one.")] = None,
    status: Annotated[Status | None, Query()] = None,
    text: Annotated[str | None, Query(max_length=255, description="Part of the token, or of its holder.")] = None,
) -> object:
    """List the tokens that somebody has made known, by token."""
    wanted = TokenFilter(group, csms.reach.only(network), status, text)

    def read(after: str | None, limit: int) -> Awaitable[Listed[Token]]:
        return csms.queries.list_tokens(wanted, after, limit)

    async def show(rows: Sequence[Token]) -> list[IdToken]:
        return list(map(token_of, rows))

    return await given(IdToken, read, show, asked)


@router.post("/id-tokens", summary="Make an id token", status_code=201, responses=declared(409, 503))
async def make(request: Request, csms: Csms, _: OperatorReach, wanted: IdTokenWanted) -> IdToken:
    """Make a token known: whoever has it may charge."""
    say(request, told(wanted))
    await _see_network(csms, wanted.network)
    row = row_of(wanted)
    if not await csms.tokens.create(row):
        detail = f'There is a token "{wanted.token}" already: PATCH changes it, and so does a list that is imported.'
        raise Problem(409, "Conflict", detail)
    return token_of(row)


@router.post(
    "/id-tokens/import", summary="Import id tokens", responses=declared(409, 413, 415, 503), openapi_extra=BODY
)
async def take(csms: Csms, _: OperatorReach, request: Request) -> Imported:
    """Make the tokens of a list, in place of those that are there: all of them, or none when there is a mistake.

    A list is what the list of tokens gives, in any of its forms: JSON, JSON lines, or CSV with a line of names.
    """
    items = await read_items(request, IdTokenWanted, IdToken)
    say(request, f"id tokens: {some([wanted.token for _, wanted in items])}")
    nowhere = await csms.unknown({wanted.network for _, wanted in items} - ({""} if csms.reach.has("") else set()))
    foreign = await csms.foreign(Token, {wanted.token.casefold() for _, wanted in items})
    rows: dict[str, Token] = {}
    places: dict[str, str] = {}
    mistakes: list[Mistake] = []
    async for few in unhurried(items):
        for place, wanted in few:
            row = row_of(wanted)
            if row.id in rows:
                mistakes.append({"loc": (place, "token"), "msg": f"is the same as in {places[row.id]}"})
            if row.id in foreign:
                mistakes.append({"loc": (place, "token"), "msg": _FOREIGN})
            if wanted.network in nowhere:
                mistakes.append({"loc": (place, "network"), "msg": _nowhere(csms, wanted.network)})
            rows[row.id], places[row.id] = row, place
    if mistakes:
        raise invalid(mistakes)
    with begun():
        await csms.tokens.put(rows.values())
    return Imported(items=len(rows))


@router.get("/id-tokens/{token:path}", summary="Show an id token", responses=declared(404, 409, 503))
async def token(csms: Csms, _: ViewerReach, token: Text) -> IdToken:
    """Show one token, however it is written."""
    return token_of(await found(csms, token))


@router.patch("/id-tokens/{token:path}", summary="Change an id token", responses=declared(404, 409, 503))
async def change(request: Request, csms: Csms, _: OperatorReach, token: Text, change: IdTokenChange) -> IdToken:
    """Change what is named of a token: `{"status": "Blocked"}` keeps its holder from charging."""
    say(request, told(change))
    await found(csms, token)
    if "network" in change.model_fields_set:
        await _see_network(csms, change.network)
    row = await csms.tokens.change(token, **changes_of(change))
    if row is None:
        raise _unknown()
    return token_of(row)


@router.delete(
    "/id-tokens/{token:path}", summary="Delete an id token", status_code=204, responses=declared(404, 409, 503)
)
async def remove(csms: Csms, _: OperatorReach, token: Text) -> None:
    """Delete a token; transactions keep what they were begun with."""
    await found(csms, token)
    if not await csms.tokens.delete(token):
        raise _unknown()


async def found(csms: CsmsParts, text: str) -> Token:
    """Find a token. Raise Problem 404."""
    row = await csms.queries.token(text)
    if row is None or not csms.reach.has(row.network):
        raise _unknown()
    return row


def _unknown() -> Problem:
    return Problem(404, "Not Found", "Nobody knows this token.")


async def _see_network(csms: CsmsParts, name: str) -> None:
    """Raise Problem 422 for a network that is none; "" are all, for those who may give tokens for all."""
    if not csms.reach.has(name) or (name and await csms.network(name) is None):
        raise invalid([{"loc": ("body", "network"), "msg": _nowhere(csms, name)}])


def _nowhere(csms: CsmsParts, name: str) -> str:
    if name or csms.reach.networks is None:
        return "there is no such network"
    return f"is one of {', '.join(sorted(csms.reach.networks))}: a token of all networks takes a role in all of them"
