"""`/commands` and `/csms/stations/{identity}/commands/…`: what operators tell stations, in every version of OCPP."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from voltgate.csms.commands.table import COMMANDS
from voltgate.web.api.csms.stations import found
from voltgate.web.api.dependencies import Identity
from voltgate.web.audited import say, some
from voltgate.web.csms.operating import (
    BODY,
    CommandAnswered,
    CommandDescribed,
    Operating,
    answered,
    described,
    read_parameters,
)
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["management system: commands"])

CALLER = "api:"
"""Stands before the name of a caller of the API in the audit trail."""
_LONGEST_REF = 255


class Commands(BaseModel):
    """All commands."""

    items: list[CommandDescribed]


@router.get("/commands", summary="List the commands for stations")
async def commands(_: ViewerReach) -> Commands:
    """List the commands that stations can be told, with their parameters; they are the same for every version."""
    return Commands(items=[described(spec) for spec in COMMANDS.values()])


@router.post(
    "/csms/stations/{identity}/commands/{command}",
    summary="Tell a station something",
    responses=declared(400, 404, 409, 413, 422, 503, 504),
    openapi_extra=BODY,
)
async def tell(
    csms: Csms,
    operating: Operating,
    reach: OperatorReach,
    identity: Identity,
    command: Annotated[str, Path(max_length=50, description="The name of a command.", examples=["reset"])],
    request: Request,
    timeout: Annotated[  # noqa: ASYNC109 - it is the station's, for each message
        float, Query(ge=0.1, le=300, allow_inf_nan=False, description="Seconds that the station may take.")
    ] = 30.0,
) -> CommandAnswered:
    """Carry out a command at a connected station, and give what it answered, in words that are the same everywhere.

    The body has the command's parameters. 409: the station is not connected, or could not be told now; 422: its version
    cannot do that, and `detail` says what comes nearest; 504: no answer came, and it may have done it.
    """
    if command not in COMMANDS:
        raise Problem(404, "Not Found", f"There is no such command; there are {', '.join(COMMANDS)}.")
    asked = _fields(await request.body())
    say(request, f"parameters: {some(list(asked) if isinstance(asked, dict) else [])}")
    row = await found(csms, identity)
    fields = await _as_spelt(csms, row.key, asked)
    wanted = read_parameters(command, fields, "body")
    outcome = await operating.operators.tell(row.key, command, wanted, CALLER + reach.caller.name, timeout)
    return answered(row.identity, command, outcome)


async def _as_spelt(csms: CsmsParts, station: str, fields: Any) -> Any:
    """Return parameters that name a transaction as its station does; they may name it by its `ref`."""
    if not isinstance(fields, dict):
        return fields
    profile, ref = fields.get("profile"), fields.get("transaction")
    if isinstance(profile, dict):
        fields = fields | {"profile": await _as_spelt(csms, station, profile)}
    row = await csms.queries.transaction(station, ref) if isinstance(ref, str) and len(ref) <= _LONGEST_REF else None
    return fields if row is None else fields | {"transaction": row.transaction_id}


def _fields(body: bytes) -> Any:
    """Return what a body says; one that is empty says nothing. Raise Problem 400."""
    try:
        return msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, RecursionError):
        raise Problem(400, "Bad Request", "The body is not JSON.") from None
