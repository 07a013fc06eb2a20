"""Running jobs: claims one, tells its stations, and writes down what each of them said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeAlias

import structlog

from voltgate.csms.commands.outcome import NOT_SENT, Outcome
from voltgate.csms.jobs import UNKNOWN, Job, JobItem, Jobs, State, ended, given_up, survived, told
from voltgate.ocpp.counts import FAULTS
from voltgate.relay.records import StoreAway

log = structlog.get_logger("voltgate.csms")

Tell: TypeAlias = Callable[[str, Job], Awaitable[Outcome]]
"""Commands a station, by key. One that is not connected is an outcome with the status NOT_SENT, and is no error.

Raises StoreAway before anything is sent."""

LEASE = 30.0
"""Seconds after which another node may go on with the jobs of one that is silent."""
_PAUSE = 2.0
"""Seconds between two looks for jobs, and between two tries of a database that is away."""
_BATCH = 500
"""Items that are read or written at once."""


class Clock(Protocol):
    """Time, which tests replace."""

    def now(self) -> float:
        """Return seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Stop:
    """Whether a runner ends. Whoever sleeps by it wakes then."""

    def __init__(self, clock: Clock) -> None:
        self.is_set = False
        self._clock = clock
        self._pauses: set[asyncio.Timeout] = set()

    def set(self) -> None:
        """Have the runner end."""
        self.is_set = True
        while self._pauses:
            self._pauses.pop().reschedule(0.0)

    async def sleep(self, seconds: float) -> None:
        """Wait; not after this is set."""
        if self.is_set:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as pause:
                self._pauses.add(pause)
                try:
                    await self._clock.sleep(seconds)
                finally:
                    self._pauses.discard(pause)


class _LeaseLostError(Exception):
    """Another node has the job."""


class Runner:
    """Runs the jobs of a network, some at once; any number of nodes may have one.

    `reaches` says whether this process reaches stations now: one that does not leaves jobs to others.
    """

    def __init__(
        self,
        jobs: Jobs,
        tell: Tell,
        clock: Clock,
        owner: str,
        most: int = 4,
        reaches: Callable[[], bool] = lambda: True,
    ) -> None:
        self._jobs = jobs
        self._tell = tell
        self._clock = clock
        self._owner = owner
        self._most = most
        self._reaches = reaches
        self._stop = Stop(clock)

    def stop(self) -> None:
        """Tell no more stations: `run` returns when those that were told have answered."""
        self._stop.set()

    async def run(self) -> None:
        """Run jobs until `stop` is called. When this is cancelled, what is on its way is repeated or unknown."""
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set:
                job = await self._claim() if len(running) < self._most else None
                if job is None:
                    await self._stop.sleep(_PAUSE)
                    continue
                task = group.create_task(self._run(job))
                running.add(task)
                task.add_done_callback(running.discard)

    async def once(self) -> bool:
        """Run one job as far as it can be run now; return whether there was one."""
        job = await self._claim()
        if job is not None:
            await self._run(job)
        return job is not None

    async def _claim(self) -> Job | None:
        """Return a job that is this node's now; None if there is none, or nobody knows."""
        if not self._reaches():
            return None
        with suppress(StoreAway):
            return await self._jobs.claim(self._owner, self._clock.now(), LEASE)
        return None

    async def _run(self, job: Job) -> None:
        """Run a job as far as it can be run now, and give it back; one that is another node's meanwhile is left."""
        run = _Run(self._jobs, self._tell, self._clock, self._owner, job, self._stop)
        held = True
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(run.hold())
                await run.through(group)
                renewing.cancel()
        except* _LeaseLostError:
            held = False  # nothing more is told or written here
        finally:
            if held:
                with suppress(StoreAway):  # the lease ends by itself
                    await self._jobs.release(job.id, self._owner)


class _Run:
    """One job while this node has it."""

    def __init__(self, jobs: Jobs, tell: Tell, clock: Clock, owner: str, job: Job, stop: Stop) -> None:
        self._jobs = jobs
        self._tell = tell
        self._clock = clock
        self._owner = owner
        self._job = job
        self._stop = stop
        self._until = clock.now() + LEASE
        self._next = 0.0
        self._open: set[asyncio.Task[None]] = set()
        self._unwritten: list[JobItem] = []
        self._writing = asyncio.Lock()

    async def hold(self) -> None:
        """Keep the lease, and see whether the job was cancelled. Raise _LeaseLostError if it is another's."""
        while True:
            await self._clock.sleep(LEASE / 3)
            until = self._clock.now() + LEASE
            try:
                job = await self._jobs.renew(self._job.id, self._owner, LEASE)
            except StoreAway:
                if self._clock.now() >= self._until:
                    raise _LeaseLostError from None
                continue
            if job is None:
                raise _LeaseLostError
            self._job, self._until = job, until

    async def through(self, group: asyncio.TaskGroup) -> None:
        """Tell every station that may be told now, and wait for what they say."""
        await self._all("sent", survived)
        while not self._ends:
            items = await self._items("waiting", self._clock.now())
            if items:
                await self._batch(group, items)
            elif self._open:
                await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
            else:
                return
        if self._open:
            await asyncio.wait(self._open)
        if self._over:
            await self._all("waiting", given_up)

    @property
    def _over(self) -> bool:
        return self._job.cancelled or self._clock.now() >= self._job.deadline

    @property
    def _ends(self) -> bool:
        """Whether no more stations are told here: the job is over, or another process goes on with it."""
        return self._over or self._stop.is_set

    async def _all(self, state: State, move: Callable[[Job, JobItem, float], JobItem]) -> None:
        """Move all items out of a state."""
        while items := await self._items(state, float("inf")):
            now = self._clock.now()
            self._unwritten += [move(self._job, item, now) for item in items]
            await self._write()

    async def _items(self, state: State, until: float) -> list[JobItem]:
        """Read items, as soon as the database lets."""
        while True:
            try:
                return await self._jobs.items(self._job.id, state, until, _BATCH)
            except StoreAway:
                await self._clock.sleep(_PAUSE)

    async def _batch(self, group: asyncio.TaskGroup, items: list[JobItem]) -> None:
        """Tell stations one after another, no faster than the job says; each is written down as sent before."""
        for item in items:
            while len(self._open) >= self._job.at_once:
                await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
            await self._pace()
            if self._ends:
                return
            sent = told(item, self._clock.now())
            self._unwritten.append(sent)
            await self._write()
            task = group.create_task(self._one(sent))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _pace(self) -> None:
        now = self._clock.now()
        at = max(now, self._next)
        self._next = at + 1 / self._job.rate
        if at > now:
            await self._stop.sleep(at - now)

    async def _one(self, item: JobItem) -> None:
        try:
            outcome = await self._tell(item.station, self._job)
        except StoreAway as away:
            outcome = Outcome(False, NOT_SENT, f"The database is away: {away}", sent=False)
        except Exception as error:
            FAULTS.faults += 1
            log.exception("a fault of Voltgate: a command of a job failed", station=item.station, job=item.job)
            outcome = Outcome(None, UNKNOWN, f"A fault of the management system: {type(error).__name__}: {error}")
        self._unwritten.append(ended(self._job, item, outcome, self._clock.now()))
        await self._write()

    async def _write(self) -> None:
        """Write what is not written yet: what comes meanwhile goes together, with the next one that waits here."""
        async with self._writing:
            while self._unwritten:
                items = self._unwritten[:_BATCH]
                try:
                    job = await self._jobs.write(self._owner, items)
                except StoreAway:
                    await self._clock.sleep(_PAUSE)
                    continue
                if job is None:
                    raise _LeaseLostError
                self._job = job
                del self._unwritten[: len(items)]
