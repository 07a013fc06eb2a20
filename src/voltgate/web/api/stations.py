"""`/stations`: the known and the connected stations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from voltgate.web import models
from voltgate.web.access import Operator, Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.audited import name_station
from voltgate.web.choice import Filter, StationSort
from voltgate.web.paging import AskedPart, Page, WidePage
from voltgate.web.problems import declared
from voltgate.web.wide import lists, one_station

router = APIRouter(tags=["stations"])


@router.get(
    "/stations",
    summary="List stations",
    response_model=WidePage[models.Station],
    response_model_exclude_unset=True,
    responses=declared(503),
)
async def stations(
    queries: QueriesDependency,
    _: Viewer,
    part: AskedPart,
    q: Annotated[str | None, Query(max_length=100, description="Part of the identity or the name.")] = None,
    route: Annotated[str | None, Query(max_length=64)] = None,
    backend: Annotated[str | None, Query(max_length=64, description="Only those with a place for it.")] = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    connected: bool | None = None,
    version: Annotated[str | None, Query(max_length=16, description="Only those that are connected with it.")] = None,
    sort: StationSort = "identity",
) -> Page[models.Station]:
    """List the stations that are known one by one, and those that are connected."""
    wanted = Filter(q, route, backend, tag, connected, version)
    return await lists.stations(queries, wanted, sort, part)


@router.get(
    "/stations/{identity}",
    summary="Show a station",
    response_model_exclude_unset=True,
    responses=declared(404, 503, 504),
)
async def station(queries: QueriesDependency, _: Viewer, identity: Identity) -> models.StationInFull:
    """Show a station, with its session if it is connected."""
    return await one_station.show(queries, identity)


@router.delete("/stations/{identity}", summary="Forget a station", status_code=204, responses=declared(404, 503))
async def forget(queries: QueriesDependency, _: Operator, identity: Identity) -> None:
    """Take back that a waiting station was accepted. If it is connected and nothing else admits it, it has to go."""
    await queries.forget(identity)


@router.post(
    "/stations/{identity}/disconnect",
    summary="Disconnect a station",
    status_code=202,
    responses=declared(404, 409, 503, 504),
)
async def disconnect(request: Request, queries: QueriesDependency, caller: Operator, identity: Identity) -> None:
    """Close the connection of a station: it will come again."""
    name_station(request, queries.named(identity)[1])  # while it is connected
    await one_station.disconnect(queries, identity, caller.name)
