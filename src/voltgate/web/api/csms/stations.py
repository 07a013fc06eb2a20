"""`/csms/stations`: the stations of the management system."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request

from voltgate.csms.model import Station
from voltgate.directory.register import TooMany
from voltgate.directory.slices import unhurried
from voltgate.store.csms.queries import StationFilter, TransactionFilter
from voltgate.store.csms.stations import OPERATORS
from voltgate.web.api.dependencies import Identity
from voltgate.web.audited import say, some, told
from voltgate.web.csms.forms import STREAMED, Asked, AskedList, CsmsPage, given
from voltgate.web.csms.imports import BODY, Imported, Mistake, begun, read_items
from voltgate.web.csms.operating import Uploads
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.csms.stations import (
    MATCH,
    NAME,
    CsmsStation,
    CsmsStationChange,
    CsmsStationInFull,
    CsmsStationWanted,
    Registration,
    station_in_full,
    station_of,
)
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.problems import MOST_ERRORS, Problem, declared, invalid

router = APIRouter(tags=["management system: stations"])

_NAMED = 3
"""Stations that a refusal names."""


@router.get(
    "/csms/stations",
    summary="List stations of the management system",
    response_model=CsmsPage[CsmsStation],
    responses=declared(409, 503) | STREAMED,
)
async def stations(
    csms: Csms,
    _: ViewerReach,
    asked: AskedList,
    match: Annotated[str | None, Query(max_length=255, description=MATCH)] = None,
    network: Annotated[str | None, Query(pattern=NAME)] = None,
    connected: bool | None = None,
    registration: Annotated[Registration | None, Query()] = None,
    version: Annotated[str | None, Query(max_length=16, description="What it spoke last: ocpp1.6.")] = None,
    text: Annotated[str | None, Query(max_length=100, description="Part of its name, place, vendor …")] = None,
) -> object:
    """List the stations of the management system, by identity."""
    looks = None if match is None else csms.key(match)
    only = csms.reach.only(network)
    return await listed(csms, StationFilter(only, connected, registration, version, text, match=looks), asked)


async def listed(csms: CsmsParts, wanted: StationFilter, asked: Asked) -> object:
    """Return a part of the list of stations, or all of it as a stream."""

    async def show(rows: Sequence[Station]) -> list[CsmsStation]:
        return list(map(station_of, rows))

    return await given(CsmsStation, lambda after, limit: csms.queries.list_stations(wanted, after, limit), show, asked)


@router.post("/csms/stations", summary="Make a station", status_code=201, responses=declared(409, 503))
async def make_station(
    request: Request, csms: Csms, reach: OperatorReach, wanted: CsmsStationWanted
) -> CsmsStationInFull:
    """Make a station, and let it in: it is claimed for the management system."""
    say(request, told(wanted))
    return await make(csms, wanted, reach.caller.name)


async def make(csms: CsmsParts, wanted: CsmsStationWanted, by: str) -> CsmsStationInFull:
    """Make a station. Raise Problem: 409, 422, 503."""
    objection = csms.objection(wanted.identity)
    if objection is not None:
        raise invalid([{"loc": ("body", "identity"), "msg": objection}])
    await _see_network(csms, wanted.network)
    row = _row(csms, wanted)
    if await csms.queries.station(row.key) is not None:
        raise _is_there(wanted.identity)
    await _let_in(csms, [row])
    if not await csms.stations.create(row):
        raise _is_there(wanted.identity)
    await _claim(csms, [row], by)
    return await _in_full(csms, row)


@router.get(
    "/csms/stations/{identity}", summary="Show a station of the management system", responses=declared(404, 409, 503)
)
async def station(csms: Csms, _: ViewerReach, identity: Identity) -> CsmsStationInFull:
    """Show all that is known of a station: what it said at its boot, its connectors, and when it was heard."""
    return await _in_full(csms, await found(csms, identity))


@router.patch("/csms/stations/{identity}", summary="Change a station", responses=declared(404, 409, 503))
async def change(
    request: Request, csms: Csms, _: OperatorReach, identity: Identity, change: CsmsStationChange
) -> CsmsStationInFull:
    """Change what is named of a station. Another registration is what its next BootNotification is answered with."""
    say(request, told(change))
    if "network" in change.model_fields_set:
        await _see_network(csms, change.network)
    key = (await found(csms, identity)).key
    row = await csms.stations.change(key, **change.model_dump(exclude_unset=True))
    if row is None:
        raise unknown()
    return await _in_full(csms, row)


@router.delete(
    "/csms/stations/{identity}",
    summary="Delete a station of the management system",
    status_code=204,
    responses=declared(404, 409, 503),
)
async def remove(csms: Csms, uploads: Uploads, reach: OperatorReach, identity: Identity) -> None:
    """Delete a station that charges nobody, with all that it has told, and take its claim back.

    Its transactions are kept, in the networks that they were charged in.

    One that the configuration lets in, or that was accepted from the waiting room, is there again when it comes again.
    """
    row = await found(csms, identity)
    running = await csms.queries.list_transactions(TransactionFilter(station=row.key, state="running"), limit=1)
    if running.rows:
        detail = f"Its transaction {running.rows[0].ref} runs: stop it, and delete the station when it has ended."
        raise Problem(409, "Conflict", detail)
    await csms.claiming.amend(csms.backend(), [], [row.identity], reach.caller.name, None)
    await csms.stations.delete(row.key)
    if uploads is not None:
        await asyncio.to_thread(uploads.remove_all, row.key)


@router.post(
    "/csms/stations/import", summary="Import stations", responses=declared(409, 413, 415, 503), openapi_extra=BODY
)
async def take(csms: Csms, reach: OperatorReach, request: Request) -> Imported:
    """Make the stations of a list, or change those that are there: all of them, or none when there is a mistake.

    A list is what the list of stations gives, in any of its forms: JSON, JSON lines, or CSV with a line of names.
    """
    items = await read_items(request, CsmsStationWanted, CsmsStation)
    say(request, f"stations: {some([wanted.identity for _, wanted in items])}")
    nowhere = await csms.unknown({wanted.network for _, wanted in items})
    foreign = await csms.foreign(Station, {csms.key(wanted.identity) for _, wanted in items})
    rows: list[Station] = []
    places: dict[str, str] = {}
    mistakes: list[Mistake] = []
    async for few in unhurried(items):
        for place, wanted in few:
            row = _row(csms, wanted)
            objection = csms.objection(wanted.identity)
            if row.key in places:
                objection = f"is the same as in {places[row.key]}"
            if row.key in foreign:
                objection = "is there already, in another network"
            if objection is not None:
                mistakes.append({"loc": (place, "identity"), "msg": objection})
            if wanted.network in nowhere:
                mistakes.append({"loc": (place, "network"), "msg": "there is no such network"})
            rows.append(row)
            places[row.key] = place
    if mistakes:
        raise invalid(mistakes)
    await _let_in(csms, rows)
    fields: dict[str, dict[str, Any]] = {}
    async for few_rows in unhurried(rows):
        fields |= {row.key: {name: getattr(row, name) for name in OPERATORS} for row in few_rows}
    with begun():
        await csms.stations.put({row.key: row.identity for row in rows}, fields)
        await _claim(csms, rows, reach.caller.name)
    return Imported(items=len(rows))


# How.


async def found(csms: CsmsParts, identity: str) -> Station:
    """Find a station. Raise Problem 404."""
    row = await csms.queries.station(csms.key(identity))
    if row is None or not csms.reach.has(row.network):
        raise unknown()
    return row


def unknown() -> Problem:
    """Return the problem of a station that is not there."""
    detail = "The management system does not know this station: one is known when it came, or was made in a network."
    return Problem(404, "Not Found", detail)


def _is_there(identity: str) -> Problem:
    detail = f'There is a station "{identity}" already: PATCH /csms/stations/{quote(identity, safe="")} changes it.'
    return Problem(409, "Conflict", detail)


def _row(csms: CsmsParts, wanted: CsmsStationWanted) -> Station:
    return Station(
        csms.key(wanted.identity),
        wanted.identity,
        network=wanted.network,
        name=wanted.name,
        location=wanted.location,
        registration=wanted.registration,
        validation=wanted.validation,
    )


async def _in_full(csms: CsmsParts, row: Station) -> CsmsStationInFull:
    return station_in_full(row, await csms.queries.connectors_of([row.key]))


async def _see_network(csms: CsmsParts, name: str) -> None:
    """Raise Problem 422 for a network that is none."""
    if await csms.network(name) is None:
        raise invalid([{"loc": ("body", "network"), "msg": "there is no such network"}])


async def _let_in(csms: CsmsParts, rows: Sequence[Station]) -> None:
    """See that stations may be claimed for the management system. Raise Problem 409 that names who has them."""
    register, backend = csms.claiming.register, csms.backend()
    others: dict[str, list[str]] = {}
    new = 0
    async for few in unhurried(rows):
        for row in few:
            claims = {name for _, name in register.standing(row.key)}
            new += backend not in claims
            for name in sorted(claims - {backend}):
                others.setdefault(name, []).append(row.identity)
    if others:
        told = "; ".join(f"{name} claims {_some(stations)}" for name, stations in sorted(others.items()))
        raise Problem(
            409, "Conflict", f"Nothing was changed, as others have these stations: {told}.", claims=_first(others)
        )
    if len(register.claims) + new > register.most:
        raise _too_many(register.most)


def _first(others: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    return {name: stations[:MOST_ERRORS] for name, stations in others.items()}


def _some(stations: Sequence[str]) -> str:
    more = len(stations) - _NAMED
    return ", ".join(stations[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _too_many(most: int) -> Problem:
    return Problem(409, "Conflict", f"{most} claims are as many as there may be (claims.most).")


async def _claim(csms: CsmsParts, rows: Sequence[Station], by: str) -> None:
    """Claim stations for the management system, so that they are let in. Raise Problem."""
    register, backend = csms.claiming.register, csms.backend()
    held = register.claims.of(backend)
    new = [row.identity for row in rows if held.find(row.key) is None]
    if not new:
        return
    try:
        await csms.claiming.amend(backend, new, [], by, None)
    except TooMany:
        raise _too_many(register.most) from None
