"""Jobs in the database: what is told to which stations, what each of them said, and which process tells them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Update, bindparam, delete, exists, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.jobs import Job, JobItem, State, checked
from voltgate.store.address import SQLITE
from voltgate.store.csms.links import Link
from voltgate.store.csms.listing import Listed, Listing, Order
from voltgate.store.csms.shapes import Shape
from voltgate.store.csms.speech import writing
from voltgate.store.csms.tables import job_items, jobs, stations
from voltgate.store.csms.work import Work
from voltgate.store.leases import clock_of

_LONGEST = 600.0
"""Seconds that a lease may last: one that ends later was taken before the database's clock was set back."""
_AT_ONCE = 2000
"""Stations of a new job that are written with one statement."""
_DELETED = 1000
"""Stations of an old job that are deleted with one commit."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands in the database."""

    id: str
    command: str
    fields: bytes
    created: float
    deadline: float
    by: str
    rate: float
    at_once: int
    away: str
    cancelled: bool
    ended: float | None
    owner: str
    until: float


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One station of a job as it stands in the database."""

    job: str
    station: str
    state: str
    outcome: bytes
    at: float
    again: float
    tries: int


_JOB, _ITEM = Shape(JobRow, jobs), Shape(ItemRow, job_items)
_J, _I, _S = jobs.c, job_items.c, stations.c


class JobStore:
    """Implements `csms.jobs.Jobs`, and reads jobs for the API. Every method raises StoreAway."""

    def __init__(self, work: Work) -> None:
        self._work = work

    # The port.

    async def create(self, job: Job, stations: Sequence[str]) -> None:
        """Keep a job with an item for each of these stations, by key. Raise WrongParameters; Unfit for a long key."""
        made = _written(checked(job, stations))

        async def write(link: Link) -> None:
            await link.write(writing(link.driver, _JOB, anew=True), *_JOB.written([made]))
            for start in range(0, len(stations), _AT_ONCE):
                few = stations[start : start + _AT_ONCE]
                rows = [ItemRow(job.id, station, "waiting", b"", 0.0, 0.0, 0) for station in few]
                await link.write(writing(link.driver, _ITEM, anew=True), *_ITEM.written(rows))

        await self._work.transact(write)

    async def cancel(self, job: str) -> bool:
        """Let nothing more of a job be sent; return whether there is such a job that has not ended."""
        async with self._work.writing() as connection:
            cancelling = update(jobs).where(_J.id == job, _J.ended.is_(None)).values(cancelled=True)
            return (await connection.execute(cancelling)).rowcount > 0

    async def counts(self, job: str) -> Counter[State]:
        """Return how many items of a job have each state."""
        return (await self.counts_of([job]))[job]

    async def claim(self, owner: str, now: float, seconds: float) -> Job | None:
        """Lease a job that has something to do to `owner`, the one that was created first; None if there is none."""
        async with self._work.reach.read() as connection:
            if (await connection.execute(select(_J.id).where(_J.ended.is_(None)).limit(1))).one_or_none() is None:
                return None
        async with self._work.writing() as connection:
            clock = clock_of(connection.dialect.name)
            free = or_(_J.until <= clock, _J.until > clock + _LONGEST)
            if connection.dialect.name == SQLITE:  # it is one process's: what another one had, that one has no more
                free = or_(free, _J.owner != owner)
            due = select(_J.id).where(_J.ended.is_(None), free, _is_due(now)).order_by(_J.created, _J.id).limit(1)
            found = (await connection.execute(due.with_for_update(skip_locked=True))).scalar_one_or_none()
            if found is None:
                return None
            leasing = update(jobs).where(_J.id == found).values(owner=owner, until=clock + seconds)
            return await _changed(connection, leasing)

    async def renew(self, job: str, owner: str, seconds: float) -> Job | None:
        """Prolong a lease and return the job as it is now; None if the lease is another's."""
        async with self._work.writing() as connection:
            until = clock_of(connection.dialect.name) + seconds
            return await _changed(connection, update(jobs).where(*_held(job, owner)).values(until=until))

    async def release(self, job: str, owner: str) -> None:
        """Give a lease back."""
        async with self._work.writing() as connection:
            await connection.execute(update(jobs).where(*_held(job, owner)).values(owner="", until=0.0))

    async def items(self, job: str, state: State, until: float, most: int) -> list[JobItem]:
        """Return items in a state whose `again` is not after `until`, those tried longest ago first."""
        wanted = select(*_ITEM.columns).where(_I.job == job, _I.state == state, _I.again <= until)
        async with self._work.reach.read() as connection:
            found = await connection.execute(wanted.order_by(_I.at, _I.station).limit(most))
            return [_item(ItemRow(*row)) for row in found]

    async def write(self, owner: str, items: Sequence[JobItem]) -> Job | None:
        """Write items of one job and return the job as it is now; None, and nothing written, without the lease.

        A job of which nothing is to come any more has ended by that.
        """
        job = items[0].job
        rows = [_bound(item) for item in items]
        async with self._work.writing() as connection:
            lease = select(_J.id).where(*_held(job, owner)).with_for_update()
            if (await connection.execute(lease)).one_or_none() is None:
                return None
            await connection.execute(_WRITE, rows)
            ended = func.coalesce(_J.ended, clock_of(connection.dialect.name))
            over = ~or_(_some("waiting"), _some("sent"))
            await connection.execute(update(jobs).where(_J.id == job, over).values(ended=ended))
            return await _changed(connection, update(jobs).where(_J.id == job).values(id=_J.id))

    # For the API.

    async def job(self, job: str, networks: Collection[str] | None = None) -> Job | None:
        """Return a job; None if there is none, or it has a station that is in none of these networks (None: any)."""
        wanted = select(*_JOB.columns).where(_J.id == job, *_all_in(networks))
        async with self._work.reach.read() as connection:
            return _read((await connection.execute(wanted)).one_or_none())

    async def counts_of(self, ids: Sequence[str]) -> dict[str, Counter[State]]:
        """Return how many items of each job have each state."""
        counted: dict[str, Counter[State]] = {job: Counter() for job in ids}
        counting = select(_I.job, _I.state, func.count()).where(_I.job.in_(ids)).group_by(_I.job, _I.state)
        async with self._work.reach.read() as connection:
            for job, state, count in await connection.execute(counting):
                counted[job][state] = count
        return counted

    async def list_jobs(
        self,
        after: str | None = None,
        limit: int = 100,
        ended: bool | None = None,
        networks: Collection[str] | None = None,
    ) -> Listed[Job]:
        """Return jobs whose stations are all in these networks (None: any), the last one first.

        Raise ValueError for a cursor that is none.
        """
        which = list(_all_in(networks))
        if ended is not None:
            which.append(_J.ended.is_not(None) if ended else _J.ended.is_(None))
        listing = Listing(_JOB, Order((_J.created, _J.id), backwards=True), (which,))
        async with self._work.reach.read() as connection:
            part = await listing.part(connection, after, limit)
        return Listed([_job(row) for row in part.rows], part.after, part.total, part.more)

    async def list_items(
        self, job: str, after: str | None = None, limit: int = 100, state: State | None = None
    ) -> Listed[JobItem]:
        """Return the stations of a job. Raise ValueError for a cursor that is none."""
        which = [_I.job == job, true() if state is None else _I.state == state]
        listing = Listing(_ITEM, Order((_I.station,)), (which,))
        async with self._work.reach.read() as connection:
            part = await listing.part(connection, after, limit)
        return Listed([_item(row) for row in part.rows], part.after, part.total, part.more)

    async def purge(self, before: float) -> int:
        """Delete jobs that ended before a time, a little at a time; return how many."""
        deleted = 0
        old = select(_J.id).where(_J.ended < before).limit(1)
        while True:
            async with self._work.reach.read() as connection:
                job = (await connection.execute(old)).scalar_one_or_none()
            if job is None:
                return deleted
            some = select(_I.station).where(_I.job == job).limit(_DELETED)
            there = 1
            while there:
                async with self._work.writing() as connection:
                    there = (
                        await connection.execute(delete(job_items).where(_I.job == job, _I.station.in_(some)))
                    ).rowcount
            async with self._work.writing() as connection:
                await connection.execute(delete(jobs).where(_J.id == job))
            deleted += 1


_WRITE = (
    update(job_items)
    .where(_I.job == bindparam("of"), _I.station == bindparam("to"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "outcome", "at", "again", "tries")})
)


def _bound(item: JobItem) -> dict[str, Any]:
    outcome = b"" if item.outcome is None else msgspec.json.encode(item.outcome)
    return {
        "of": item.job,
        "to": item.station,
        "new_state": item.state,
        "new_outcome": outcome,
        "new_at": item.at,
        "new_again": item.again,
        "new_tries": item.tries,
    }


def _some(state: State, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a job has items in a state."""
    return exists().where(_I.job == _J.id, _I.state == state, *more)


def _all_in(networks: Collection[str] | None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that all stations of a job are in these networks now; one that is deleted is in none."""
    if networks is None:
        return ()
    own = select(_S.key).where(_S.network.in_(networks))
    return (~exists().where(_I.job == _J.id, _I.station.not_in(own)),)


def _is_due(now: float) -> ColumnElement[bool]:
    """Return the condition that a job has something to do."""
    is_over = or_(_J.cancelled, _J.deadline <= now)
    return or_(_some("sent"), _some("waiting", _I.again <= now), is_over & _some("waiting"))


def _held(job: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return _J.id == job, _J.owner == owner


async def _changed(connection: AsyncConnection, changing: Update) -> Job | None:
    """Change a job; return it as it is then."""
    return _read((await connection.execute(changing.returning(*_JOB.columns))).one_or_none())


def _read(row: Any) -> Job | None:
    return None if row is None else _job(JobRow(*row))


def _written(job: Job) -> JobRow:
    return JobRow(
        job.id,
        job.command,
        msgspec.json.encode(job.fields),
        job.created,
        job.deadline,
        job.by,
        job.rate,
        job.at_once,
        job.away,
        job.cancelled,
        job.ended,
        "",
        0.0,
    )


def _job(row: JobRow) -> Job:
    return Job(
        row.id,
        row.command,
        msgspec.json.decode(row.fields),
        row.created,
        row.deadline,
        row.by,
        row.rate,
        row.at_once,
        "fail" if row.away == "fail" else "wait",
        bool(row.cancelled),
        row.ended,
    )


def _item(row: ItemRow) -> JobItem:
    outcome = msgspec.json.decode(row.outcome, type=Outcome) if row.outcome else None
    return JobItem(row.job, row.station, row.state, outcome, row.at, row.again, row.tries)  # type: ignore[arg-type]
