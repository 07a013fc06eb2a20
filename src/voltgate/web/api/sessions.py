"""`/sessions`: the sessions of connected stations, with their legs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voltgate.web import models
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.choice import SessionFilter, SessionSort
from voltgate.web.paging import AskedPart, Page, WidePage
from voltgate.web.problems import declared
from voltgate.web.wide import lists, one_station

router = APIRouter(tags=["sessions"])


@router.get(
    "/sessions",
    summary="List sessions",
    response_model=WidePage[models.Session],
    response_model_exclude_unset=True,
    responses=declared(503),
)
async def sessions(
    queries: QueriesDependency,
    _: Viewer,
    part: AskedPart,
    route: Annotated[str | None, Query(max_length=64)] = None,
    backend: Annotated[str | None, Query(max_length=64, description="Only with a leg of this backend.")] = None,
    version: Annotated[str | None, Query(max_length=16, examples=["ocpp1.6"])] = None,
    sort: SessionSort = "identity",
) -> Page[models.Session]:
    """List the sessions that there are."""
    return await lists.sessions(queries, SessionFilter(route, backend, version), sort, part)


@router.get(
    "/sessions/{identity}",
    summary="Show a session",
    response_model_exclude_unset=True,
    responses=declared(404, 503, 504),
)
async def session(queries: QueriesDependency, _: Viewer, identity: Identity) -> models.Session:
    """Show the session of a connected station."""
    return await one_station.show_session(queries, identity)
