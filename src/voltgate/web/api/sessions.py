"""`/sessions`: the sessions of connected stations, with their legs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from voltgate.relay.session import Session
from voltgate.web import models
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.paging import AskedPart, Page, page_of
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["sessions"])

Sort = Literal["identity", "-identity", "since", "-since", "route", "-route"]


@router.get("/sessions", summary="List sessions", responses=declared(503))
async def sessions(
    queries: QueriesDependency,
    _: Viewer,
    part: AskedPart,
    route: Annotated[str | None, Query(max_length=64)] = None,
    backend: Annotated[str | None, Query(max_length=64, description="Only with a leg of this backend.")] = None,
    version: Annotated[str | None, Query(max_length=16, examples=["ocpp1.6"])] = None,
    sort: Sort = "identity",
) -> Page[models.Session]:
    """List the sessions that there are."""

    def wanted(session: Session) -> bool:
        return (
            route in (None, session.route)
            and (backend is None or backend in session.legs)
            and version in (None, session.dialect.version)
        )

    def rank(session: Session) -> tuple[float | str, str]:
        name = sort.removeprefix("-")
        first = session.connected_at if name == "since" else session.route if name == "route" else ""
        return first, session.key

    there = list(queries.gateway.sessions.values())
    found, total = await queries.sorter.part(there, wanted, rank, part, backwards=sort.startswith("-"))
    return page_of([queries.session_of(session) for session in found], total, part)


@router.get("/sessions/{identity}", summary="Show a session", responses=declared(404))
async def session(queries: QueriesDependency, _: Viewer, identity: Identity) -> models.Session:
    """Show the session of a connected station."""
    found = queries.gateway.sessions.get(queries.snapshot.directory.key(identity))
    if found is None:
        raise Problem(404, "Not Found", "No such station is connected.")
    return queries.session_of(found)
