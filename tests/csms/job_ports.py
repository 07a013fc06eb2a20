"""The ports of jobs in memory: a database that several nodes share, time that is moved on, and stations."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count

from voltgate.csms.commands.outcome import NOT_SENT, Outcome
from voltgate.csms.job_runner import Runner
from voltgate.csms.jobs import Job, JobItem, State, checked
from voltgate.relay.records import StoreAway

BEGAN = 1_000_000.0
AWAY = Outcome(False, NOT_SENT, "The station is not connected", sent=False)
YES = Outcome(True, "Accepted")


class Time:
    """A clock that stands while anything can still happen, and then jumps to the next moment that is waited for."""

    def __init__(self) -> None:
        self._now = BEGAN
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def now(self) -> float:
        """Return the time."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock is that far."""
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), woken))
        await woken

    async def until(self, work: asyncio.Task[object] | None = None, at: float = float("inf")) -> None:
        """Move time on until the work is done, or to a moment."""
        while True:
            for _ in range(100):
                await asyncio.sleep(0)
            if (work is not None and work.done()) or not self._sleepers or self._sleepers[0][0] > at:
                self._now = max(self._now, at) if work is None else self._now
                return
            self._now = self._sleepers[0][0]
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)


class Database:
    """Jobs in memory. `away` is how many calls of it still fail; `writes` are the sizes of what was written at once."""

    def __init__(self, clock: Callable[[], float] = lambda: BEGAN) -> None:
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.rows: dict[tuple[str, str], JobItem] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.away = 0
        self.writes: list[int] = []

    async def _answers(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise StoreAway("away")

    async def create(self, job: Job, stations: Sequence[str]) -> None:
        """Keep a job."""
        await self._answers()
        self.jobs[job.id] = checked(job, stations)
        self.rows.update({(job.id, station): JobItem(job.id, station) for station in stations})

    async def cancel(self, job: str) -> bool:
        """Cancel a job."""
        await self._answers()
        if job not in self.jobs or self.jobs[job].ended is not None:
            return False
        self.jobs[job] = replace(self.jobs[job], cancelled=True)
        return True

    async def counts(self, job: str) -> Counter[State]:
        """Count."""
        await self._answers()
        return Counter(item.state for item in self.rows.values() if item.job == job)

    async def claim(self, owner: str, now: float, seconds: float) -> Job | None:
        """Lease."""
        await self._answers()
        for job in sorted(self.jobs.values(), key=lambda each: each.created):
            if self.leases.get(job.id, ("", 0.0))[1] <= self.clock() and self._is_due(job, now):
                self.leases[job.id] = (owner, self.clock() + seconds)
                return job
        return None

    def _is_due(self, job: Job, now: float) -> bool:
        over = job.cancelled or job.deadline <= now
        return any(
            item.state == "sent" or (item.state == "waiting" and (over or item.again <= now))
            for item in self.rows.values()
            if item.job == job.id
        )

    async def renew(self, job: str, owner: str, seconds: float) -> Job | None:
        """Prolong."""
        await self._answers()
        if self.leases.get(job, ("", 0.0))[0] != owner:
            return None
        self.leases[job] = (owner, self.clock() + seconds)
        return self.jobs[job]

    async def release(self, job: str, owner: str) -> None:
        """Give back."""
        await self._answers()
        if self.leases.get(job, ("", 0.0))[0] == owner:
            del self.leases[job]

    async def items(self, job: str, state: State, until: float, most: int) -> list[JobItem]:
        """Read."""
        await self._answers()
        found = [each for each in self.rows.values() if (each.job, each.state) == (job, state) and each.again <= until]
        return sorted(found, key=lambda each: (each.at, each.station))[:most]

    async def write(self, owner: str, items: Sequence[JobItem]) -> Job | None:
        """Write."""
        await self._answers()
        if any(self.leases.get(item.job, ("", 0.0))[0] != owner for item in items):
            return None
        self.writes.append(len(items))
        self.rows.update({(item.job, item.station): item for item in items})
        job = self.jobs[items[0].job]
        if not self._is_open(job.id):
            self.jobs[job.id] = job = replace(job, ended=self.clock())
        return job

    def _is_open(self, job: str) -> bool:
        return any(item.state in {"waiting", "sent"} for item in self.rows.values() if item.job == job)

    def states(self, job: str = "1") -> dict[str, str]:
        """Return the state of each station of a job."""
        return {item.station: item.state for item in self.rows.values() if item.job == job}


class Network:
    """Stations that do as `says` has it (Accepted, if it says nothing of them), each after `takes` seconds.

    With `at` all of them answer at that moment.
    """

    def __init__(self, time: Time, takes: float = 1.0) -> None:
        self.time = time
        self.takes = takes
        self.at: float | None = None
        self.says: dict[str, list[Outcome] | Outcome | Exception] = {}
        self.heard: list[tuple[float, str]] = []
        self.most = 0
        self._now = 0

    async def tell(self, station: str, job: Job) -> Outcome:
        """Command a station."""
        self.heard.append((self.time.now() - BEGAN, station))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self.time.sleep(self.takes if self.at is None else self.at - self.time.now())
        finally:
            self._now -= 1
        said = self.says.get(station, YES)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Outcome) else said.pop(0)


class World:
    """One database, one clock, one network of stations."""

    def __init__(self, takes: float = 1.0) -> None:
        self.time = Time()
        self.database = Database(self.time.now)
        self.network = Network(self.time, takes)

    async def job(self, stations: Sequence[str], command: str = "clear-cache", **others: object) -> None:
        """Keep a job for these stations."""
        settings = {"id": "1", "fields": {}, "created": BEGAN, "deadline": BEGAN + 3600, **others}
        await self.database.create(Job(command=command, **settings), stations)  # type: ignore[arg-type]

    def runner(self, owner: str = "A", tell: Callable[[str, Job], Awaitable[Outcome]] | None = None) -> Runner:
        """Return the runner of a node."""
        return Runner(self.database, tell or self.network.tell, self.time, owner, most=2)

    async def run(self, seconds: float = 4000.0, runner: Runner | None = None) -> None:
        """Let one node run for a while."""
        running = asyncio.ensure_future((runner or self.runner()).run())
        await self.time.until(at=BEGAN + seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
