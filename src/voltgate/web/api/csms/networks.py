"""`/networks`: charging networks, or sites, with their stations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Request

from voltgate.csms.model import MAIN, Network
from voltgate.store.csms.listing import Listed
from voltgate.store.csms.networks import InUse
from voltgate.store.csms.queries import StationFilter
from voltgate.web.access import Admin, Operator
from voltgate.web.api.csms.stations import listed, make
from voltgate.web.audited import say, told
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.csms.stations import (
    NAME,
    CsmsNetwork,
    CsmsStation,
    CsmsStationInFull,
    CsmsStationWanted,
    NetworkChange,
    NetworkWanted,
    StationOfNetwork,
    network_of,
)
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["networks"])

Name = Annotated[str, Path(pattern=NAME)]


@router.get(
    "/networks",
    summary="List networks",
    response_model=CsmsPage[CsmsNetwork],
    responses=declared(409, 503) | STREAMED,
)
async def networks(csms: Csms, reach: ViewerReach, asked: AskedList) -> object:
    """List the networks, each with how many stations it has."""
    await csms.network(MAIN)

    async def show(rows: Sequence[Network]) -> list[CsmsNetwork]:
        counted = await csms.queries.count_stations()
        return [network_of(row, counted.get(row.id, (0, 0))) for row in rows]

    async def read_own(after: str | None, limit: int) -> Listed[Network]:
        rows = [row for name in sorted(reach.networks or ()) if (row := await csms.network(name)) is not None]
        return Listed(rows, None, len(rows), False)

    read = csms.queries.list_networks if reach.networks is None else read_own
    return await given(CsmsNetwork, read, show, asked)


@router.post("/networks", summary="Make a network", status_code=201, responses=declared(409, 503))
async def make_network(request: Request, csms: Csms, _: Operator, wanted: NetworkWanted) -> CsmsNetwork:
    """Make a network. Without a name it is called by its id."""
    say(request, told(wanted))
    row = Network(**wanted.model_dump() | {"name": wanted.name or wanted.id})
    if not await csms.networks.create(row):
        raise Problem(409, "Conflict", f'There is a network "{wanted.id}" already.')
    return network_of(row, (0, 0))


@router.get("/networks/{network}", summary="Show a network", responses=declared(404, 409, 503))
async def network(csms: Csms, _: ViewerReach, network: Name) -> CsmsNetwork:
    """Show one network."""
    return await _shown(csms, await found(csms, network))


@router.patch("/networks/{network}", summary="Change a network", responses=declared(404, 409, 503))
async def change(request: Request, csms: Csms, _: Operator, network: Name, change: NetworkChange) -> CsmsNetwork:
    """Change what is named of a network; null is as the configuration has it."""
    say(request, told(change))
    row = await csms.networks.change(network, **change.model_dump(exclude_unset=True))
    if row is None:
        raise unknown(network)
    return await _shown(csms, row)


@router.delete("/networks/{network}", summary="Delete a network", status_code=204, responses=declared(404, 409, 503))
async def remove(csms: Csms, _: Admin, network: Name) -> None:
    """Delete a network that has no stations, and no tokens that are for it alone."""
    if network == MAIN:
        raise Problem(409, "Conflict", f'"{MAIN}" is the network of all stations that are in no other: it stays.')
    try:
        known = await csms.networks.delete(network)
    except InUse as use:
        detail = f"{use}: delete them, or put them into another network first."
        raise Problem(409, "Conflict", detail, stations=use.stations, tokens=use.tokens) from None
    if not known:
        raise unknown(network)


@router.get(
    "/networks/{network}/stations",
    summary="List a network's stations",
    response_model=CsmsPage[CsmsStation],
    responses=declared(404, 409, 503) | STREAMED,
)
async def stations(csms: Csms, _: ViewerReach, network: Name, asked: AskedList) -> object:
    """List the stations of a network. `/csms/stations` has filters."""
    await found(csms, network)
    return await listed(csms, StationFilter(network=network), asked)


@router.post(
    "/networks/{network}/stations",
    summary="Make a station",
    status_code=201,
    responses=declared(404, 409, 503),
)
async def make_station(
    request: Request, csms: Csms, reach: OperatorReach, network: Name, wanted: StationOfNetwork
) -> CsmsStationInFull:
    """Make a station in a network, and let it in: it is claimed for the management system."""
    say(request, told(wanted))
    await found(csms, network)
    return await make(csms, CsmsStationWanted(network=network, **wanted.model_dump()), reach.caller.name)


async def found(csms: CsmsParts, name: str) -> Network:
    """Find a network. Raise Problem 404."""
    row = await csms.network(name)
    if row is None:
        raise unknown(name)
    return row


def unknown(name: str) -> Problem:
    """Return the problem of a network that is not there."""
    return Problem(404, "Not Found", f'There is no network "{name}".')


async def _shown(csms: CsmsParts, row: Network) -> CsmsNetwork:
    return network_of(row, (await csms.queries.count_stations()).get(row.id, (0, 0)))
