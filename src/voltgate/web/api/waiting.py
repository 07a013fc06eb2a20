"""`/waiting`: unknown stations that were refused, to be accepted or dismissed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from voltgate.web import models
from voltgate.web.access import Operator, Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.audited import say
from voltgate.web.paging import AskedPart, Page, WidePage
from voltgate.web.problems import declared
from voltgate.web.wide import sums

router = APIRouter(tags=["waiting"])


@router.get(
    "/waiting",
    summary="List waiting stations",
    response_model=WidePage[models.Waiting],
    response_model_exclude_unset=True,
)
async def waiting(
    queries: QueriesDependency,
    _: Viewer,
    part: AskedPart,
    q: Annotated[str, Query(max_length=100, description="Part of the identity or the address.")] = "",
) -> Page[models.Waiting]:
    """List the stations that were turned away because nobody knows them, whoever came last first."""
    return await sums.strangers(queries, part, q)


@router.post(
    "/waiting/{identity}/accept",
    summary="Accept a station",
    status_code=201,
    response_model_exclude_unset=True,
    responses=declared(404, 409, 422, 503),
)
async def accept(
    request: Request, queries: QueriesDependency, caller: Operator, identity: Identity, asked: models.Acceptance
) -> models.Station:
    """Let a station in on a route from now on. It gets in when it comes again."""
    say(request, f"on the route {asked.route}")
    return await sums.accept(queries, identity, asked.route, caller.name)


@router.delete(
    "/waiting/{identity}", summary="Strike out a waiting station", status_code=204, responses=declared(404, 503)
)
async def strike_out(queries: QueriesDependency, _: Operator, identity: Identity) -> None:
    """Take a station off the list; if it comes again, it is listed again."""
    await sums.strike_out(queries, identity)
