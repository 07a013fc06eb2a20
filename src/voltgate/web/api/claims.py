"""Claims: the lists of stations that backends declare as their own."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from voltgate.claiming import Claiming
from voltgate.directory.claims import Holding
from voltgate.directory.register import Change, Contest, TooMany, TooShort
from voltgate.directory.rows import Address
from voltgate.directory.slices import unhurried
from voltgate.directory.urls import shown
from voltgate.relay.records import StoreAway
from voltgate.web.access import Caller, claimant, viewer
from voltgate.web.audited import say, some
from voltgate.web.claimant import Claimant, DeclaredAddress, NotAllowed
from voltgate.web.paging import AskedPart, Page, page_of
from voltgate.web.problems import Problem, declared, invalid
from voltgate.web.times import stamp

MOST = 250_000
"""Stations that one request may name; more need several."""
_SHOWN = 20
"""Mistakes of one list that are reported."""

router = APIRouter(tags=["claims"])


class _List(msgspec.Struct, forbid_unknown_fields=True):
    stations: list[str]
    url: str = ""
    soap_url: str = ""
    ip: str = ""


class _Amendment(msgspec.Struct, forbid_unknown_fields=True):
    add: list[str] = []
    remove: list[str] = []
    url: str = ""
    soap_url: str = ""
    ip: str = ""


class Conflict(BaseModel):
    """A station that several backends claim."""

    station: str
    held_by: str | None = Field(description="The backend that gets it; null: none of them.")
    claims: list[ClaimShown]


class ClaimShown(BaseModel):
    """One claim to a station."""

    backend: str
    since: str
    by: str


class Changed(BaseModel):
    """What became of a list."""

    backend: str
    stations: int = Field(description="How many the list holds now.")
    added: int
    removed: int
    contested: int = Field(description="How many of those that were added other backends claim, too.")
    conflicts: list[Conflict] = Field(description="The first hundred of them.")
    url: str | None = Field(description="Where the backend said that it is; null: where the configuration says.")
    soap_url: str | None


class Claimed(BaseModel):
    """A station on a backend's list."""

    station: str
    since: str
    renewed: str
    by: str
    holds: bool = Field(description="Whether the backend gets the station.")


class ClaimOfAll(Claimed):
    """A claim, and whose it is."""

    backend: str
    contested: bool


Conflict.model_rebuild()

Name = Annotated[str, Path(description="The backend's name in the configuration.", max_length=64)]
Force = Annotated[bool, Query(description="Take a list that is empty, or much shorter than the one before.")]
Format = Annotated[
    Literal["json", "hosts"],
    Query(description="`hosts`: all that the backend gets, a line `<its host> <identity>` each."),
]


def _body(kind: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is decoded without pydantic, for speed with 100,000 identities."""
    address_keys = {
        "url": {"type": "string", "description": "Where the backend is, within what the configuration allows."},
        "soap_url": {"type": "string", "description": "The same for SOAP."},
        "ip": {"type": "string", "description": "Its address, with ports and paths as configured."},
    }
    schema = {
        "type": "object",
        "title": kind,
        "additionalProperties": False,
        "properties": properties | address_keys,
        "required": required,
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_IDENTITIES = {"type": "array", "items": {"type": "string"}, "maxItems": MOST}


@router.put(
    "/backends/{name}/stations",
    summary="Claim a whole list",
    response_model=Changed,
    responses=declared(400, 401, 403, 404, 409, 413, 422, 429, 503),
    openapi_extra=_body("ClaimList", {"stations": _IDENTITIES}, ["stations"]),
)
async def replace(
    request: Request, name: Name, caller: Annotated[Caller, Depends(claimant)], force: Force = False
) -> Changed:
    """Replace the list of stations that a backend claims, all at once.

    A list that is empty, or a tenth shorter than the one before, is refused unless `force` is set.
    """
    backend, body = _claimant(request, name), await _read(request, _List)
    identities = _strings(body.stations, "stations")
    say(request, f"stations: {some(identities)}{_where(body)}{', force' if force else ''}")
    await _check(request, backend, identities, "stations")
    claiming, address = _claiming(request), _address(backend, body)
    return _changed(claiming, await _kept(claiming.replace(name, identities, caller.name, address, force=force)))


@router.patch(
    "/backends/{name}/stations",
    summary="Claim more stations, or fewer",
    response_model=Changed,
    responses=declared(400, 401, 403, 404, 413, 422, 429, 503),
    openapi_extra=_body("ClaimAmendment", {"add": _IDENTITIES, "remove": _IDENTITIES}, []),
)
async def amend(request: Request, name: Name, caller: Annotated[Caller, Depends(claimant)]) -> Changed:
    """Add stations to the list that a backend claims, and take others out of it."""
    backend, body = _claimant(request, name), await _read(request, _Amendment)
    add, remove = _strings(body.add, "add"), _strings(body.remove, "remove")
    say(request, f"add: {some(add)}, remove: {some(remove)}{_where(body)}")
    await _check(request, backend, add, "add")
    claiming = _claiming(request)
    return _changed(claiming, await _kept(claiming.amend(name, add, remove, caller.name, _address(backend, body))))


@router.get(
    "/backends/{name}/stations",
    summary="List a backend's claims",
    response_model=Page[Claimed],
    responses=declared(401, 403, 404, 422, 429, 503) | {200: {"content": {"text/plain": {}}}},
)
async def listed(
    request: Request,
    name: Name,
    caller: Annotated[Caller, Depends(claimant)],
    part: AskedPart,
    form: Annotated[Format, Query(alias="format")] = "json",
) -> Page[Claimed] | PlainTextResponse:
    """List the stations that a backend claims, in the order of their identities."""
    _claimant(request, name)
    queries, holding = request.app.state.queries, _claiming(request).register.claims.of(name)
    keys = (key for key, _ in holding)
    if form == "hosts":
        return PlainTextResponse(await _hosts(request, queries.host_of(name), holding))
    found, total = await queries.sorter.part(keys, _any, str, part)
    return page_of([Claimed(**_claimed(request, holding, key)) for key in found], total, part)


def _any(key: object) -> bool:
    return True


async def _hosts(request: Request, host: str, holding: Holding) -> str:
    """Return a line for each station that the backend holds: no station is listed for two backends."""
    holder = _claiming(request).register.holder
    lines = []
    async for few in unhurried(holding):
        lines += [f"{host} {claim.identity}\n" for key, claim in few if holder(key) == holding.backend]
    return "".join(lines)


@router.get(
    "/claims", summary="List all claims", response_model=Page[ClaimOfAll], responses=declared(401, 403, 422, 429, 503)
)
async def all_claims(
    request: Request,
    caller: Annotated[Caller, Depends(viewer)],
    part: AskedPart,
    station: Annotated[str | None, Query(description="Only claims to this station.", max_length=255)] = None,
    backend: Annotated[str | None, Query(description="Only claims of this backend.", max_length=64)] = None,
    contested: Annotated[bool | None, Query(description="Only stations that several, or not several, claim.")] = None,
    q: Annotated[str, Query(description="Part of the identity.", max_length=100)] = "",
) -> Page[ClaimOfAll]:
    """List the claims of every backend, in the order of identities and backends."""
    queries, register = request.app.state.queries, _claiming(request).register
    wanted = None if station is None else queries.snapshot.directory.key(station)
    text = q.casefold()
    holdings = register.claims.holdings  # a snapshot, however long the iteration takes

    def all_of_them() -> Iterator[tuple[str, str]]:
        for holding in holdings.values():
            if backend in (None, holding.backend):
                keys = (key for key, _ in holding) if wanted is None else [wanted] * (holding.find(wanted) is not None)
                yield from ((key, holding.backend) for key in keys)

    def is_wanted(claim: tuple[str, str]) -> bool:
        if text not in claim[0].casefold():
            return False
        return contested is None or (len(register.standing(claim[0])) > 1) is contested

    found, total = await queries.sorter.part(all_of_them(), is_wanted, tuple, part)
    items = []
    for key, name in found:
        item = _claimed(request, holdings[name], key)
        items.append(ClaimOfAll(**item, backend=name, contested=len(register.standing(key)) > 1))
    return page_of(items, total, part)


def _claimed(request: Request, holding: Holding, key: str) -> dict[str, Any]:
    claim = holding.find(key)
    assert claim is not None  # noqa: S101 - the key is from this list
    return {
        "station": claim.identity,
        "since": stamp(claim.since),
        "renewed": stamp(holding.renewed(claim)),
        "by": claim.by,
        "holds": _claiming(request).register.holder(key) == holding.backend,
    }


# Request bodies.


def _claiming(request: Request) -> Claiming:
    claiming: Claiming = request.app.state.claiming
    return claiming


def _claimant(request: Request, name: str) -> Claimant:
    find: Callable[[str], Claimant | None] = request.app.state.claimants
    found = find(name)
    if found is None:
        raise Problem(404, "Not Found", "There is no such backend.")
    return found


async def _read(request: Request, kind: type[Any]) -> Any:
    """Return the decoded body. Raises Problem."""
    body = await request.body()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        key = where.strip("`$.")
        raise invalid([{"loc": ("body", key) if key else ("body",), "msg": what}]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "Bad Request", "The body is not JSON.") from None


def _strings(identities: list[str], where: str) -> list[str]:
    if len(identities) > MOST:
        message = f"at most {MOST} stations in one call; say the rest with PATCH"
        raise invalid([{"loc": ("body", where), "msg": message}])
    return identities


async def _check(request: Request, backend: Claimant, identities: list[str], where: str) -> None:
    """Check that every identity is valid, and that the backend may claim it. Raises Problem 422 and 403."""
    objection = request.app.state.queries.snapshot.directory.objection
    wrong: list[dict[str, Any]] = []
    barred: list[str] = []
    number = 0
    async for few in unhurried(identities):
        for identity in few:
            problem = objection(identity)
            if problem is not None and len(wrong) < _SHOWN:
                wrong.append({"loc": ("body", where, number), "msg": problem})
            elif problem is None and not backend.may_claim(identity) and len(barred) < _SHOWN:
                barred.append(identity)
            number += 1
    if wrong:
        raise invalid(wrong)
    if barred:
        detail = f"Backend {backend.name} may not claim {', '.join(barred[:3])}: see claims.stations."
        raise Problem(403, "Forbidden", detail, stations=barred)


def _where(body: _List | _Amendment) -> str:
    where = {"url": shown(body.url), "soap_url": shown(body.soap_url), "ip": body.ip}
    return "".join(f", {name}: {text}" for name, text in where.items() if text)


def _address(backend: Claimant, body: _List | _Amendment) -> Address | None:
    declared_address = DeclaredAddress(body.url, body.soap_url, body.ip)
    if not declared_address:
        return None
    if declared_address.ip and (declared_address.url or declared_address.soap_url):
        raise invalid([{"loc": ("body", "ip"), "msg": "takes the place of url and soap_url"}])
    if declared_address.ip:
        try:
            ipaddress.ip_address(declared_address.ip)
        except ValueError:
            raise invalid([{"loc": ("body", "ip"), "msg": "is not an IP address"}]) from None
    try:
        return backend.address(declared_address)
    except NotAllowed as problem:
        raise Problem(403, "Forbidden", str(problem)) from None


async def _kept(change: Any) -> Change:
    try:
        result: Change = await change
    except StoreAway as away:
        raise Problem(503, "Service Unavailable", f"Nothing was changed: {away}.") from None
    except TooMany as many:
        raise Problem(409, "Conflict", f"Nothing was changed: {many}.") from None
    except TooShort as short:
        detail = f"Nothing was changed: {short}. If that is meant: ?force=true."
        raise Problem(409, "Conflict", detail, stations=short.stations, before=short.before) from None
    return result


def _changed(claiming: Claiming, change: Change) -> Changed:
    address = claiming.register.addresses.get(change.backend, Address())
    return Changed(
        backend=change.backend,
        stations=change.stations,
        added=change.added,
        removed=change.removed,
        contested=change.contested,
        conflicts=[_conflict(contest) for contest in change.contests],
        url=shown(address.url),
        soap_url=shown(address.soap_url),
    )


def _conflict(contest: Contest) -> Conflict:
    claims = [ClaimShown(backend=name, since=stamp(since), by=by) for name, since, by in contest.claims]
    return Conflict(station=contest.station, held_by=contest.holder or None, claims=claims)
