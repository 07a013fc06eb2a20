"""`/routes`: the routes with their rules, and the rule that a call would match."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from voltgate.web import models
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import declared
from voltgate.web.wide import one_station
from voltgate.web.wide.one_station import MatchAsked

router = APIRouter(tags=["routes"])


@router.get("/routes", summary="List routes")
async def routes(queries: QueriesDependency, _: Viewer, part: AskedPart) -> Page[models.Route]:
    """List the routes, with their rules as they are configured."""
    return cut([queries.route(name) for name in queries.snapshot.routes], part)


@router.get("/routes/match", summary="Ask which rule a call would meet", responses=declared(404, 409, 422, 503, 504))
async def match(
    queries: QueriesDependency,
    _: Viewer,
    station: Annotated[str, Query(min_length=1, max_length=255)],
    action: Annotated[str, Query(min_length=1, max_length=100)],
    version: Annotated[
        models.Version | None, Query(description="Without it: what the station speaks. Away: actions of 1.6.")
    ] = None,
    token: Annotated[str | None, Query(max_length=255)] = None,
    token_type: Annotated[str, Query(max_length=30, description="2.x: ISO14443, eMAID …")] = "",
    connector: Annotated[int | None, Query(ge=0, le=1_000_000, description="Connector (1.6) or EVSE (2.x).")] = None,
) -> models.Match:
    """Say which rule of its route a call of this station would meet, and who would answer."""
    asked = MatchAsked(action=action, version=version, token=token, token_type=token_type, connector=connector)
    return await one_station.match(queries, station, asked)


@router.get("/routes/{name}", summary="Show a route", responses=declared(404))
async def route(queries: QueriesDependency, _: Viewer, name: Annotated[str, Path(max_length=64)]) -> models.Route:
    """Show one route."""
    return queries.route(name)
