"""`/waiting`: unknown stations that were refused, to be accepted or dismissed."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.directory.waiting import UnknownStation
from voltgate.web import models
from voltgate.web.access import Operator, Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import Problem, declared
from voltgate.web.times import stamp

router = APIRouter(tags=["waiting"])


@router.get("/waiting", summary="List waiting stations")
async def waiting(queries: QueriesDependency, _: Viewer, part: AskedPart) -> Page[models.Waiting]:
    """List the stations that were turned away because nobody knows them, whoever came last first."""
    return cut([_shown(station) for station in queries.strangers()], part)


def _shown(station: UnknownStation) -> models.Waiting:
    return models.Waiting(
        identity=station.identity,
        first=stamp(station.first),
        last=stamp(station.last),
        tries=station.tries,
        address=station.address,
        offered=list(station.offered),
        reason=station.reason,
    )


@router.post(
    "/waiting/{identity}/accept", summary="Accept a station", status_code=201, responses=declared(404, 409, 422, 503)
)
async def accept(
    queries: QueriesDependency, caller: Operator, identity: Identity, asked: models.Acceptance
) -> models.Station:
    """Let a station in on a route from now on. It gets in when it comes again."""
    return await queries.accept(identity, asked.route, caller.name)


@router.delete("/waiting/{identity}", summary="Strike out a waiting station", status_code=204, responses=declared(404))
async def strike_out(queries: QueriesDependency, _: Operator, identity: Identity) -> None:
    """Take a station off the list; if it comes again, it is listed again."""
    if not any(station.identity == identity for station in queries.gateway.waiting_room):
        raise Problem(404, "Not Found", "No such station waits.")
    queries.gateway.waiting_room.forget(identity)
