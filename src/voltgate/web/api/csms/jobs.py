"""`/jobs`: one command for many stations."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request

from voltgate.csms.commands.table import COMMANDS, WrongParameters
from voltgate.csms.jobs import MOST_OPEN, MOST_STATIONS, Job, JobItem, State
from voltgate.csms.model import Station
from voltgate.store.csms.listing import Listed
from voltgate.store.csms.queries import StationFilter
from voltgate.web.api.csms.commands import CALLER
from voltgate.web.audited import say, some, told
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given
from voltgate.web.csms.operating import (
    JobItemShown,
    JobShown,
    JobWanted,
    Operating,
    OperatingParts,
    item_shown,
    job_shown,
    read_parameters,
)
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.networks import OperatorReach, Reach, ViewerReach
from voltgate.web.problems import Problem, declared, invalid

router = APIRouter(tags=["management system: jobs"])

_PART = 500
"""Stations that are looked for at once."""

Id = Annotated[str, Path(max_length=64, description="The job's id.")]


@router.post("/jobs", summary="Make a job", status_code=201, responses=declared(409, 413, 503))
async def make(request: Request, csms: Csms, operating: Operating, reach: OperatorReach, wanted: JobWanted) -> JobShown:
    """Have many stations carry out a command: as many a second as the job says, and through restarts.

    A station that is not connected is told when it comes, until the job's time is over.
    """
    say(request, _told(wanted))
    if wanted.command not in COMMANDS:
        raise invalid([{"loc": ("body", "command"), "msg": f"is none: there are {', '.join(COMMANDS)}"}])
    read_parameters(wanted.command, wanted.parameters, "body.parameters")
    open_ones = await operating.jobs.list_jobs(limit=1, ended=False)
    if open_ones.total >= MOST_OPEN:
        raise Problem(409, "Conflict", f"{MOST_OPEN:,} jobs have not ended: cancel some, or wait.")
    stations = await _stations(csms, wanted)
    now = time.time()
    job = Job(
        uuid4().hex,
        wanted.command,
        wanted.parameters,
        now,
        now + wanted.seconds,
        CALLER + reach.caller.name,
        wanted.rate,
        wanted.at_once,
        wanted.away,
    )
    try:
        await operating.jobs.create(job, stations)
    except WrongParameters as error:
        raise invalid([{"loc": ("body",), "msg": str(error)}]) from None
    say(request, f"{job.id}: {_told(wanted)}")
    return await _shown(operating, job, reach)


@router.get("/jobs", summary="List jobs", response_model=CsmsPage[JobShown], responses=declared(409, 503) | STREAMED)
async def jobs(
    csms: Csms,
    operating: Operating,
    reach: ViewerReach,
    asked: AskedList,
    ended: Annotated[bool | None, Query(description="Only those that have ended, or have not.")] = None,
) -> object:
    """List jobs, the last one first: those of which all stations are in networks that the caller sees."""

    def read(after: str | None, limit: int) -> Awaitable[Listed[Job]]:
        return operating.jobs.list_jobs(after, limit, ended, csms.reach.networks)

    async def show(rows: Sequence[Job]) -> list[JobShown]:
        counts = await operating.jobs.counts_of([job.id for job in rows])
        return [job_shown(job, counts[job.id], reach) for job in rows]

    return await given(JobShown, read, show, asked)


@router.get("/jobs/{job}", summary="Show a job", responses=declared(404, 409, 503))
async def job(csms: Csms, operating: Operating, reach: ViewerReach, job: Id) -> JobShown:
    """Show a job, with how many of its stations have come how far."""
    return await _shown(operating, await _found(csms, operating, job), reach)


@router.get(
    "/jobs/{job}/items",
    summary="List the stations of a job",
    response_model=CsmsPage[JobItemShown],
    responses=declared(404, 409, 503) | STREAMED,
)
async def items(
    csms: Csms, operating: Operating, reach: ViewerReach, job: Id, asked: AskedList, state: State | None = None
) -> object:
    """List the stations of a job, and what each of them said.

    What a station sends later about the command is among its notes: those with the `request` of `follow` as `about`.
    """
    known = await _found(csms, operating, job)

    def read(after: str | None, limit: int) -> Awaitable[Listed[JobItem]]:
        return operating.jobs.list_items(known.id, after, limit, state)

    async def show(rows: Sequence[JobItem]) -> list[JobItemShown]:
        names: dict[str, str] = {}
        for start in range(0, len(rows), _PART):
            names |= await csms.queries.identities([item.station for item in rows[start : start + _PART]])
        return [item_shown(item, names[item.station], reach) for item in rows]

    return await given(JobItemShown, read, show, asked)


@router.delete("/jobs/{job}", summary="Cancel a job", responses=declared(404, 409, 503))
async def cancel(csms: Csms, operating: Operating, reach: OperatorReach, job: Id) -> JobShown:
    """Tell no more stations. What is on its way ends as it ends; the job and its results are kept."""
    known = await _found(csms, operating, job)
    if not await operating.jobs.cancel(known.id):
        raise Problem(409, "Conflict", "The job has ended: there is nothing to cancel.")
    return await _shown(operating, await _found(csms, operating, job), reach)


def _told(wanted: JobWanted) -> str:
    """Return what a job is, for the audit trail: without the values of its parameters, which may be passwords."""
    named = "" if wanted.stations is None else f", stations: {some(wanted.stations)}"
    rest = told(wanted, "filter", "rate", "at_once", "seconds", "away")
    return f"{wanted.command}, parameters: {some(list(wanted.parameters))}{named}{', ' if rest else ''}{rest}"


async def _found(csms: CsmsParts, operating: OperatingParts, job: str) -> Job:
    found = await operating.jobs.job(job, csms.reach.networks)
    if found is None:
        raise Problem(404, "Not Found", "There is no such job.")
    return found


async def _shown(operating: OperatingParts, job: Job, reach: Reach) -> JobShown:
    return job_shown(job, await operating.jobs.counts(job.id), reach)


async def _stations(csms: CsmsParts, wanted: JobWanted) -> list[str]:
    """Return the keys of the stations that a job is for. Raise Problem 422."""
    if (wanted.stations is None) == (wanted.filter is None):
        raise invalid([{"loc": ("body",), "msg": 'names either "stations" or a "filter"'}])
    found = await (_listed(csms, wanted.stations) if wanted.stations is not None else _filtered(csms, wanted))
    if not found:
        raise invalid([{"loc": ("body", "filter"), "msg": "no station is like that"}])
    if len(found) > MOST_STATIONS:
        raise invalid([{"loc": ("body", "filter"), "msg": f"more than {MOST_STATIONS:,} stations are like that"}])
    return found


async def _listed(csms: CsmsParts, identities: Sequence[str]) -> list[str]:
    places = {csms.key(identity): number for number, identity in reversed(list(enumerate(identities)))}
    known = await csms.known(Station, places)
    unknown = sorted(number for key, number in places.items() if key not in known)
    if unknown:
        what = "the management system does not know {!r}".format
        raise invalid([{"loc": ("body", "stations", number), "msg": what(identities[number])} for number in unknown])
    return list(places)


async def _filtered(csms: CsmsParts, wanted: JobWanted) -> list[str]:
    assert wanted.filter is not None  # noqa: S101 - else there is a list
    by = wanted.filter
    match = None if by.match is None else csms.key(by.match)
    which = StationFilter(by.network, by.connected, by.registration, by.version, by.text, csms.reach.networks, match)
    return await csms.queries.keys_of_stations(which, MOST_STATIONS + 1)
