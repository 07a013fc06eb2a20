"""`/stations/{identity}/calls`: any OCPP call to a connected station."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.web.access import Operator
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.models import CallAnswered, CallAsked
from voltgate.web.problems import declared
from voltgate.web.wide import one_station

router = APIRouter(tags=["stations"])


@router.post(
    "/stations/{identity}/calls",
    summary="Call a station",
    response_model_exclude_unset=True,
    responses=declared(404, 409, 413, 422, 503, 504),
)
async def make(queries: QueriesDependency, caller: Operator, identity: Identity, asked: CallAsked) -> CallAnswered:
    """Make a call to a connected station when its turn comes, and give what the station answered.

    Numbers in it are the station's own. 504: no answer came; `sent` says whether the call may have reached the station.
    """
    return await one_station.call(queries, identity, caller.name, asked)
