"""`/events`: a live stream of events of stations and backends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.event_log import KINDS, EventLog, EventsWanted, LoggedEvent, event_number
from voltgate.web.problems import declared, invalid
from voltgate.web.stream import COMMENT, QUIET, EventStream, Pieces, event_text
from voltgate.web.wide.streams import wide_events

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
    for unknown in {*(kind or ())} - KINDS:
        kinds = ", ".join(sorted(KINDS))
        raise invalid([{"loc": ("query", "kind"), "msg": f"there is no {unknown}; kinds are {kinds}"}])
    wanted = EventsWanted(None if station is None else queries.snapshot.directory.key(station), kind or [])
    if queries.others is not None:
        return EventStream(wide_events(queries, queries.others, wanted, last_event_id), queries.streams)
    takes = wanted.by(queries.snapshot.directory.key)
    return EventStream(_pieces(queries.events, event_number(last_event_id), takes), queries.streams)


async def _pieces(log: EventLog, seen: int | None, wanted: Callable[[LoggedEvent], bool]) -> Pieces:
    at = log.last if seen is None else seen
    loop = asyncio.get_running_loop()
    sent_at = loop.time()
    while True:
        closed = log.closed  # before reading: events recorded until then are still sent
        batch = log.after(at)
        texts = [event_text("lost", {"lost": batch.lost})] if batch.lost != 0 else []
        texts += [event_text(logged.kind, logged.document, logged.id) for logged in batch.events if wanted(logged)]
        if not texts and loop.time() - sent_at >= QUIET:
            texts = [COMMENT]
        if texts:
            sent_at = loop.time()
            yield b"".join(texts)
        if batch.last == at and batch.lost == 0:
            if closed:
                return
            await log.news(max(0.0, sent_at + QUIET - loop.time()))
        else:
            await asyncio.sleep(0)
        at = batch.last
