"""`/events`: a live stream of events of stations and backends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.event_log import KINDS, EventsWanted
from voltgate.web.problems import declared, invalid
from voltgate.web.queries import Queries
from voltgate.web.stream import EventStream
from voltgate.web.wide import streams

router = APIRouter(tags=["live"])

STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The stream"}
}


@router.get("/events", summary="Watch what happens", response_class=Response, responses=STREAM | declared(503))
async def events(
    queries: QueriesDependency,
    _: Viewer,
    station: Annotated[str | None, Query(max_length=100, description="Only of this station.")] = None,
    kind: Annotated[list[str] | None, Query(max_length=20, description="Only of these kinds.")] = None,
    last_event_id: Annotated[str | None, Header(description="The last event that was seen: go on after it.")] = None,
) -> EventStream:
    """Stream events as they happen. Each has an id; who names the last one that he saw gets what came after it.

    What was forgotten meanwhile is counted in an event `lost` (null: since the gateway was started again). When the
    token is withdrawn, or gets another role, the last event is `ended`, with the reason. In a cluster an event
    `missing` names the nodes that do not answer, each time that this changes; an event's `node` is where it happened.
    """
    wanted = wanted_events(queries, station, kind or [], ("query", "kind"))
    return EventStream(streams.events(queries, wanted, last_event_id), queries.streams)


def wanted_events(queries: Queries, station: str | None, kinds: list[str], where: tuple[str, ...]) -> EventsWanted:
    """Return which events somebody asks for, who named the kinds `where`. Raise Problem for one that there is not."""
    for unknown in {*kinds} - KINDS:
        known = ", ".join(sorted(KINDS))
        raise invalid([{"loc": where, "msg": f"there is no {unknown}; kinds are {known}"}])
    return EventsWanted(None if station is None else queries.snapshot.directory.key(station), kinds)
