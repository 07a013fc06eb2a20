"""`/messages`: what stations and backends said to each other, live as a stream, and earlier from the message log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import Response

from voltgate.csms.model import Station
from voltgate.telemetry.messages.reading import Search
from voltgate.telemetry.messages.recorder import Recording
from voltgate.web import models
from voltgate.web.access import Operator, Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.audited import say, told
from voltgate.web.csms.parts import CsmsParts
from voltgate.web.networks import OperatorReach, Reach
from voltgate.web.problems import Problem, declared, invalid
from voltgate.web.stream import EventStream
from voltgate.web.times import seconds_of
from voltgate.web.wide import history, streams

router = APIRouter(tags=["live"])
log = structlog.get_logger("voltgate.web")

_JSON = "application/json"
_BOTH: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {"schema": {"type": "string"}},
            _JSON: {"schema": {"$ref": "#/components/schemas/MessagePage"}},
        },
        "description": "The stream, or a part of the log",
        "model": models.MessagePage,
    }
}
Time = Annotated[str | None, Query(max_length=40, description="An RFC 3339 time, or a day in UTC.")]


@router.get(
    "/messages",
    summary="Listen to messages, or look them up",
    response_class=Response,
    response_model=None,
    responses=_BOTH | declared(404, 422, 503),
)
async def messages(
    request: Request,
    queries: QueriesDependency,
    reach: OperatorReach,
    station: Annotated[str | None, Query(max_length=255, description="Only of this station.")] = None,
    backend: Annotated[
        str | None, Query(max_length=64, description="Log: that it asked, answered or was told.")
    ] = None,
    action: Annotated[str | None, Query(max_length=100, description="Log: only of this action.")] = None,
    outcome: Annotated[
        Literal["result", "error", "unanswered"] | None, Query(description="Log: what came of it.")
    ] = None,
    kind: Annotated[
        Literal["call", "send", "malformed", "refused", "lost"] | None, Query(description="Log: only this.")
    ] = None,
    message_id: Annotated[str | None, Query(max_length=255, description="Log: with this message id.")] = None,
    call: Annotated[int | None, Query(ge=0, le=1 << 62, description="Log: the records of this one call.")] = None,
    text: Annotated[str | None, Query(max_length=255, description="Log: with this text somewhere.")] = None,
    since: Time = None,
    until: Time = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Log: how many records to give.")] = 100,
    cursor: Annotated[int | None, Query(ge=0, le=1 << 62, description="Log: `next` of the part before.")] = None,
) -> Response:
    """Stream every call with its answer, on the station's leg and on each backend's, as soon as it is answered.

    Who reads too slowly loses messages: they are counted in an event `lost`. When the token is withdrawn, or gets
    another role, the last event is `ended`, with the reason. In a cluster an event `missing` names the nodes
    that do not answer, each time that this changes; `lost` without a number names one that was not heard for a while.

    Who accepts `application/json`, and no stream, gets what the message log has instead, the newest first: of the
    stations that are recorded. Whoever has a role in some networks only names a station of them.
    """
    key = None if station is None else queries.snapshot.directory.key(station)
    await see_within(reach, request.app, key, ("query", "station"))
    accepted = request.headers.get("accept", "")
    if _JSON in accepted and "text/event-stream" not in accepted:
        search = Search(
            limit, station, queries.snapshot.directory.case_sensitive, backend, action, outcome, kind, message_id, text,
            call, _seconds("since", since), _seconds("until", until), cursor,
        )  # fmt: skip
        return Response(await history.history(queries, search), media_type=_JSON)
    return EventStream(streams.messages(queries, key), queries.streams)


async def see_within(reach: Reach, app: FastAPI, key: str | None, where: tuple[str, ...]) -> None:
    """See to it that a caller of some networks asks for a station of these. Raise Problem: 404, 422."""
    if reach.networks is None:
        return
    if key is None:
        raise invalid([{"loc": where, "msg": "is a station of a network in which you have a role"}])
    parts: CsmsParts | None = getattr(app.state, "csms", None)
    networks = {} if parts is None else await parts.queries.networks_of(Station, [key])
    if networks.get(key) not in reach.networks:
        raise Problem(404, "Not Found", "There is no such station.")


def _seconds(name: str, text: str | None) -> float | None:
    try:
        return None if text is None else seconds_of(text)
    except ValueError:
        raise invalid([{"loc": ("query", name), "msg": "is no time: 2026-11-21T07:30:00Z, or 2026-11-21"}]) from None


@router.get(
    "/messages/recording", summary="Show what is recorded", response_model_exclude_unset=True, responses=declared(503)
)
async def recording(queries: QueriesDependency, _: Viewer) -> models.Recordings:
    """Show whose messages are written to the log, and how the log is."""
    return await history.recording(queries)


@router.put(
    "/messages/recording", summary="Record messages", response_model_exclude_unset=True, responses=declared(422, 503)
)
async def record(
    request: Request, queries: QueriesDependency, caller: Operator, wanted: models.RecordingAsked
) -> models.Recordings:
    """Have messages of more stations written to the log, in place of what was asked for before.

    What the configuration has recorded goes on. A gateway that is started again goes on as well; one that joins the
    cluster later does not begin.
    """
    say(request, told(wanted))
    for number, name in enumerate(wanted.routes):
        if name not in queries.snapshot.routes:
            raise invalid([{"loc": ("body", "routes", number), "msg": "there is no such route"}])
    log.info("what is recorded has changed", by=caller.name, **wanted.model_dump())
    until = None if wanted.hours is None else queries.wall() + wanted.hours * 3600
    return await history.record(queries, Recording(tuple(wanted.stations), tuple(wanted.routes), until))
