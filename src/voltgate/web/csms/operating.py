"""What operators tell stations by the API: commands, jobs, and the uploads that these ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from fastapi import Depends, Request
from pydantic import BaseModel, Field

from voltgate.csms.commands.outcome import NOT_SENT, UNANSWERED, UNSUPPORTED, Outcome
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.commands.table import COMMANDS, Spec, WrongParameters, parameters
from voltgate.csms.jobs import LONGEST, MOST_AT_ONCE, MOST_RATE, MOST_STATIONS, Job, JobItem, State
from voltgate.csms.operators import Operators
from voltgate.csms.uploads import Folder, Upload
from voltgate.store.csms.jobs import JobStore
from voltgate.web.csms.parts import Csms
from voltgate.web.csms.stations import MATCH, NAME, Registration
from voltgate.web.models import Asked, Time
from voltgate.web.networks import Reach, reach_of
from voltgate.web.problems import Problem, invalid
from voltgate.web.times import stamp


@dataclass(frozen=True, slots=True)
class OperatingParts:
    """The parts of a process by which operators tell stations something. `folder`: None if no uploads are taken."""

    operators: Operators
    jobs: JobStore
    folder: Folder | None


async def _parts(request: Request, _: Csms) -> OperatingParts:
    parts: OperatingParts = request.app.state.operating
    return parts


async def _uploads(request: Request) -> Folder | None:
    parts: OperatingParts | None = getattr(request.app.state, "operating", None)
    return None if parts is None else parts.folder


Operating = Annotated[OperatingParts, Depends(_parts)]
Uploads = Annotated[Folder | None, Depends(_uploads)]
"""The folder of uploads; None if none are taken."""


# Commands.


class CommandDescribed(BaseModel):
    """A command. Where a version lacks it, `nearest` says what comes nearest."""

    name: str
    description: str
    versions: list[str]
    nearest: str
    repeatable: bool = Field(description="Whether a station may be told twice without harm.")
    parameters: dict[str, Any] = Field(description="The JSON schema of its parameters.")


class Following(BaseModel):
    """What the station sends later about a command: its notes have it, by `request` where there is a number."""

    actions: list[str]
    request: int | None


class CommandAnswered(BaseModel):
    """What became of a command at a station."""

    station: str
    command: str
    accepted: bool = Field(description="Whether the station does as it was told.")
    status: str = Field(description='The station\'s own word, or the code of its CALLERROR; "": it has none to say.')
    info: str = Field(description="A sentence for people.")
    result: dict[str, Any] = Field(description="What was asked for, the same for every version.")
    sent: bool
    follow: Following | None = Field(description="What the station sends later about it.")


def described(spec: Spec) -> CommandDescribed:
    """Describe a command."""
    return CommandDescribed(
        name=spec.name,
        description=spec.description,
        versions=list(spec.versions),
        nearest=spec.nearest,
        repeatable=spec.repeatable,
        parameters=schema_of(spec.parameters),
    )


def schema_of(kind: type[Parameters]) -> dict[str, Any]:
    """Return the JSON schema of parameters, with what it refers to in its place: it stands for itself."""
    (made,), named = msgspec.json.schema_components([kind], ref_template="{name}")
    inlined: dict[str, Any] = _inlined(made, named)
    return inlined


def _inlined(schema: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            return _inlined(named[schema["$ref"]], named)
        return {name: _inlined(each, named) for name, each in schema.items()}
    return [_inlined(each, named) for each in schema] if isinstance(schema, list) else schema


BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"anyOf": [schema_of(each.parameters) for each in COMMANDS.values()]}}
        }
    }
}
"""The OpenAPI description of a body with the parameters of a command."""


def read_parameters(name: str, fields: object, where: str) -> Parameters:
    """Return the parameters of a command that is there. Raise Problem 422 with the place of the mistake."""
    try:
        return parameters(name, fields)
    except WrongParameters as error:
        what, _, place = str(error).partition(" - at `$")
        raise invalid([{"loc": (where + place.rstrip("`"),), "msg": what.removeprefix(f"{name}: ")}]) from None


def answered(station: str, command: str, outcome: Outcome) -> CommandAnswered:
    """Return what a station answered. Raise Problem: 409, 422 or 504, where it did not answer."""
    if outcome.status == UNSUPPORTED:
        raise Problem(422, "Unprocessable Content", f"{outcome.info}.", code=UNSUPPORTED)
    if outcome.status == NOT_SENT:
        raise Problem(409, "Conflict", f"{outcome.info}.", sent=False)
    if outcome.status == UNANSWERED or outcome.accepted is None:
        raise Problem(504, "Gateway Timeout", f"{outcome.info}.", sent=True, result=outcome.result)
    return CommandAnswered(
        station=station,
        command=command,
        accepted=outcome.accepted,
        status=outcome.status,
        info=outcome.info,
        result=outcome.result,
        sent=outcome.sent,
        follow=_following(outcome),
    )


def _following(outcome: Outcome | None) -> Following | None:
    follow = None if outcome is None else outcome.follow
    return None if follow is None else Following(actions=list(follow.actions), request=follow.request)


# Jobs.


class StationsWanted(Asked):
    """Which stations a job is for: those for which all of this holds."""

    match: Annotated[str | None, Field(max_length=255, description=MATCH)] = None
    network: Annotated[str | None, Field(pattern=NAME)] = None
    connected: bool | None = None
    registration: Registration | None = None
    version: Annotated[str | None, Field(max_length=16)] = None
    text: Annotated[str | None, Field(max_length=100, description="Part of its name, place, vendor …")] = None


class JobWanted(Asked):
    """A job to be made: one command for many stations, that are listed, or found by a filter as they are now."""

    command: Annotated[str, Field(max_length=50, examples=["configuration-set"])]
    parameters: dict[str, Any] = Field(default={})
    stations: Annotated[list[str] | None, Field(min_length=1, max_length=MOST_STATIONS)] = None
    filter: StationsWanted | None = None
    rate: Annotated[float, Field(gt=0, le=MOST_RATE, description="Commands a second.")] = 10.0
    at_once: Annotated[int, Field(ge=1, le=MOST_AT_ONCE, description="Answers that are waited for at a time.")] = 50
    seconds: Annotated[
        float,
        Field(gt=0, le=LONGEST, allow_inf_nan=False, description="How long stations may be away until they fail."),
    ] = 86_400.0
    away: Literal["wait", "fail"] = Field(
        default="wait", description="What becomes of a station that is not connected: it is waited for, or fails."
    )


JobState: TypeAlias = Literal["running", "cancelling", "cancelled", "ended"]


class JobShown(BaseModel):
    """A job, with how many of its stations have come how far."""

    id: str
    command: str
    parameters: dict[str, Any] | None = Field(description="null for a viewer: there may be passwords in them.")
    by: str
    created: Time
    deadline: Time
    ended: Time | None
    state: JobState
    rate: float
    at_once: int
    away: Literal["wait", "fail"]
    stations: int
    counts: dict[str, int] = Field(description="Stations by the state of each; those without any are left out.")


class JobItemShown(BaseModel):
    """One station of a job, and what it said."""

    station: str
    state: State
    accepted: bool | None = Field(description="Whether the station does as it was told; null: nobody knows.")
    status: str
    info: str
    result: dict[str, Any] | None = Field(description="null for a viewer: there may be passwords in it.")
    follow: Following | None = Field(description="What the station sends later about it.")
    at: Time | None = Field(description="When its state changed last.")
    tries: int


def job_shown(job: Job, counts: Counter[State], reach: Reach) -> JobShown:
    """Show a job to a caller."""
    state: JobState = "cancelled" if job.cancelled else "ended"
    if job.ended is None:
        state = "cancelling" if job.cancelled else "running"
    return JobShown(
        id=job.id,
        command=job.command,
        parameters=job.fields if _sees_all(reach) else None,
        by=job.by,
        created=stamp(job.created),
        deadline=stamp(job.deadline),
        ended=None if job.ended is None else stamp(job.ended),
        state=state,
        rate=job.rate,
        at_once=job.at_once,
        away=job.away,
        stations=sum(counts.values()),
        counts={name: count for name, count in sorted(counts.items()) if count},
    )


def item_shown(item: JobItem, identity: str, reach: Reach) -> JobItemShown:
    """Show a station of a job to a caller."""
    outcome = item.outcome
    return JobItemShown(
        station=identity,
        state=item.state,
        accepted=None if outcome is None else outcome.accepted,
        status="" if outcome is None else outcome.status,
        info="" if outcome is None else outcome.info,
        result=None if not _sees_all(reach) else {} if outcome is None else outcome.result,
        follow=_following(outcome),
        at=stamp(item.at) if item.at else None,
        tries=item.tries,
    )


def _sees_all(reach: Reach) -> bool:
    """Return whether a caller could have told the stations that it sees the same."""
    told = reach_of(reach.caller, "operator").networks
    return told is None or (reach.networks is not None and reach.networks <= told)


# Uploads.


class UploadShown(BaseModel):
    """A file that a station was asked for, and has uploaded if `received` is there."""

    id: str
    about: str
    asked: Time
    expires: Time = Field(description="Until when it may come.")
    received: Time | None
    size: int | None = Field(description="Bytes.")


def upload_shown(upload: Upload) -> UploadShown:
    """Show an upload."""
    return UploadShown(
        id=upload.id,
        about=upload.about,
        asked=stamp(upload.asked),
        expires=stamp(upload.expires),
        received=None if upload.received is None else stamp(upload.received),
        size=upload.size,
    )
