"""`/stations/{identity}/calls`: any OCPP call to a connected station; `/actions`: which there are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from voltgate.ocpp.actions import from_backends
from voltgate.ocpp.schemas import schema_of
from voltgate.web.access import Operator, Viewer, address_of
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.audited import said_already, say
from voltgate.web.calling import Asker
from voltgate.web.models import CallAnswered, CallAsked, Version
from voltgate.web.problems import Problem, declared
from voltgate.web.wide import one_station

router = APIRouter(tags=["stations"])

OfVersion = Annotated[Version, Query(description="What the station speaks.")]


class Actions(BaseModel):
    """The calls that stations of a version take, by their actions."""

    version: Version
    items: list[str]


class ActionDescribed(BaseModel):
    """A call that stations of a version take."""

    version: Version
    action: str
    payload: dict[str, Any] = Field(description="The JSON schema of its payload, as OCPP has it.")


@router.get("/actions", summary="List the calls that stations take")
async def actions(_: Viewer, version: OfVersion) -> Actions:
    """List the actions that stations of a version may be called with, by name."""
    return Actions(version=version, items=sorted(from_backends(version)))


@router.get("/actions/{action}", summary="Describe a call that stations take", responses=declared(404, 422))
async def action(
    _: Viewer,
    action: Annotated[str, Path(max_length=100, description="The action.", examples=["Reset"])],
    version: OfVersion,
) -> ActionDescribed:
    """Describe what a call of an action says to stations of a version: a form can be made of it."""
    schema = schema_of(version, action) if action in from_backends(version) else None
    if schema is None:
        raise Problem(404, "Not Found", f"No station of {version} takes {action}.")
    return ActionDescribed(version=version, action=action, payload=schema)


@router.post(
    "/stations/{identity}/calls",
    summary="Call a station",
    response_model_exclude_unset=True,
    responses=declared(404, 409, 413, 422, 503, 504),
)
async def make(
    request: Request, queries: QueriesDependency, caller: Operator, identity: Identity, asked: CallAsked
) -> CallAnswered:
    """Make a call to a connected station when its turn comes, and give what the station answered.

    Numbers in it are the station's own. 504: no answer came; `sent` says whether the call may have reached the station.
    """
    by = Asker(caller.name, address_of(request))
    say(request, asked.action)
    try:
        answered = await one_station.call(queries, identity, by, asked)
    except Problem as problem:
        if problem.status == HTTPStatus.CONFLICT or "reason" in problem.more:
            said_already(request)  # the station was asked
        raise
    said_already(request)
    return answered
