"""One station, wherever it is connected: the node that holds it answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

import structlog
from pydantic import BaseModel

from voltgate.cluster.ports import Body
from voltgate.ocpp.actions import from_stations, plain_action
from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.ocpp.ids import Token
from voltgate.web import calling, models
from voltgate.web.problems import Problem, invalid
from voltgate.web.queries import Queries
from voltgate.web.wide.others import PATIENCE, UNREADABLE, unavailable

M = TypeVar("M", bound=BaseModel)

log = structlog.get_logger("voltgate.web")


async def show(queries: Queries, identity: str) -> models.StationInFull:
    """Show a station. Raise Problem: 404; 503 and 504 where its node does not say."""
    theirs = await _ask(queries, "station", identity, {}, models.StationInFull)
    return theirs or queries.station_in_full(queries.find(identity))


async def show_session(queries: Queries, identity: str) -> models.Session:
    """Show the session of a station. Raise Problem: 404; 503 and 504 where its node does not say."""
    theirs = await _ask(queries, "session", identity, {}, models.Session)
    return theirs or session_here(queries, identity)


def session_here(queries: Queries, identity: str) -> models.Session:
    """Show the session of a station that is connected here. Raise Problem 404."""
    session = queries.connected(identity)
    if session is None:
        raise Problem(404, "Not Found", "No such station is connected.")
    return queries.session_of(session)


async def disconnect(queries: Queries, identity: str, by: str) -> None:
    """Close the connection of a station. Raise Problem: 404, 409; 503 and 504 where its node does not say."""
    if await _ask(queries, "disconnect", identity, {"by": by}, Done) is None:
        end(queries, identity, by)


def end(queries: Queries, identity: str, by: str) -> None:
    """Close the connection of a station that is connected here. Raise Problem: 404, 409."""
    session = queries.session(identity)
    log.info("station is disconnected", station=session.identity, by=by)
    session.end(GOING_AWAY, "Disconnected by an operator")


async def forget_callback(queries: Queries, identity: str, by: str) -> None:
    """Forget where a SOAP station said that it is called. Raise Problem: 404, 409, 503 and 504."""
    if await _ask(queries, "forget callback", identity, {"by": by}, Done) is None:
        await forget_callback_here(queries, identity, by)


async def forget_callback_here(queries: Queries, identity: str, by: str) -> None:
    """Forget it of a station that is connected here, or nowhere. Raise Problem: 404, 409, 503."""
    station = queries.find(identity)
    refused = None if queries.forget_callback is None else await queries.forget_callback(station.identity)
    if refused is not None:
        status, reason = refused
        raise Problem(status, HTTPStatus(status).phrase, f"{reason}.")
    log.info("the callback address of a station is forgotten", station=station.identity, by=by)


async def call(queries: Queries, identity: str, by: str, asked: models.CallAsked) -> models.CallAnswered:
    """Make a call. Raise Problem: 404, 409, 413, 422, 503 or 504."""
    body = {"by": by, "asked": asked.model_dump(mode="json")}
    patience = asked.timeout + calling.GRACE + PATIENCE
    theirs = await _ask(queries, "call", identity, body, models.CallAnswered, patience)
    return theirs or await call_here(queries, identity, by, asked)


async def call_here(queries: Queries, identity: str, by: str, asked: models.CallAsked) -> models.CallAnswered:
    """Make a call to a station that is connected here. Raise Problem: 404, 409, 413, 422, 503 or 504."""
    return await calling.call(queries.session(identity), calling.Asker(by), asked)


class MatchAsked(BaseModel):
    """Which call it is whose rule is asked for."""

    action: str
    version: models.Version | None = None
    token: str | None = None
    token_type: str = ""
    connector: int | None = None


async def match(queries: Queries, identity: str, asked: MatchAsked) -> models.Match:
    """Say which rule a call would meet. Raise Problem: 404, 409, 422; 503 and 504 where its node does not say."""
    theirs = await _ask(queries, "match", identity, {"asked": asked.model_dump(mode="json")}, models.Match)
    return theirs or match_here(queries, identity, asked)


def match_here(queries: Queries, identity: str, asked: MatchAsked) -> models.Match:
    """Say which rule a call would meet; the station is connected here, or nowhere. Raise Problem: 404, 409, 422."""
    station, session = queries.find(identity), queries.connected(identity)
    spoken = asked.version or ("ocpp1.6" if session is None else session.dialect.version)
    if plain_action(asked.action) not in from_stations(spoken):
        raise invalid([{"loc": ("query", "action"), "msg": f"no station of {spoken} sends it"}])
    token = None if asked.token is None else Token(asked.token, asked.token_type)
    return queries.match(station, asked.version, asked.action, token, asked.connector)


class Done(BaseModel):
    """What was asked of a node was done."""


async def _ask(
    queries: Queries, kind: str, identity: str, body: Body, model: type[M], patience: float = PATIENCE
) -> M | None:
    """Ask the node that holds a station; None if it is connected here, or nowhere. Raise Problem."""
    others, directory = queries.others, queries.snapshot.directory
    if others is None or queries.connected(identity) is not None or directory.objection(identity) is not None:
        return None
    found = await others.at_holder(directory.key(identity), kind, {"identity": identity, **body}, patience)
    if found is None:
        return None
    node, answer = found
    try:
        return model.model_validate(answer)
    except UNREADABLE:
        detail = f"Node {node.name} holds the station, and answers as another version of Voltgate: ask it itself."
        raise unavailable(detail) from None
