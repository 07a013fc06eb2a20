"""`/messages`: a live stream of the messages of one station, or of all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from voltgate.web.access import Operator
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.api.events import STREAM
from voltgate.web.problems import declared
from voltgate.web.queries import Queries
from voltgate.web.stream import EventStream, Pieces
from voltgate.web.tail import Tail
from voltgate.web.wide.streams import wide_messages

router = APIRouter(tags=["live"])


@router.get("/messages", summary="Listen to messages", response_class=Response, responses=STREAM | declared(503))
async def messages(
    queries: QueriesDependency,
    _: Operator,
    station: Annotated[str | None, Query(max_length=255, description="Only of this station.")] = None,
) -> EventStream:
    """Stream every call with its answer, on the station's leg and on each backend's, as soon as it is answered.

    Who reads too slowly loses messages: they are counted in an event `lost`. When the token is withdrawn, or gets
    another role, the last event is `ended`, with the reason. In a cluster an event `missing` names the nodes
    that do not answer, each time that this changes; `lost` without a number names one that was not heard for a while.
    """
    key = None if station is None else queries.snapshot.directory.key(station)
    if queries.others is not None:
        return EventStream(wide_messages(queries, queries.others, key), queries.streams)
    return EventStream(_pieces(queries, Tail(queries.gateway, queries.taps, key)), queries.streams)


async def _pieces(queries: Queries, tail: Tail) -> Pieces:
    queries.tails.add(tail)
    pieces = tail.pieces()
    try:
        async for piece in pieces:
            yield piece
    finally:
        queries.tails.discard(tail)
        await pieces.aclose()
