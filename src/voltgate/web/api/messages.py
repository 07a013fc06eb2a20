"""`/messages`: the messages of one station, or of all, while they pass."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from voltgate.web.access import Operator
from voltgate.web.api.at_desk import AtDesk
from voltgate.web.api.events import STREAM
from voltgate.web.desk import Desk
from voltgate.web.problems import declared
from voltgate.web.stream import EventStream, Pieces
from voltgate.web.tail import Tail

router = APIRouter(tags=["live"])


@router.get("/messages", summary="Listen to messages", response_class=Response, responses=STREAM | declared(503))
async def messages(
    desk: AtDesk,
    _: Operator,
    station: Annotated[str | None, Query(max_length=255, description="Only of this station.")] = None,
) -> EventStream:
    """Stream every call with its answer, on the station's leg and on each backend's, as soon as it is answered.

    Who reads too slowly loses messages: they are counted in an event `lost`.
    """
    key = None if station is None else desk.world.directory.key(station)
    return EventStream(_pieces(desk, Tail(desk.gateway, desk.taps, key)), desk.streams)


async def _pieces(desk: Desk, tail: Tail) -> Pieces:
    desk.tails.add(tail)
    pieces = tail.pieces()
    try:
        async for piece in pieces:
            yield piece
    finally:
        desk.tails.discard(tail)
        await pieces.aclose()
