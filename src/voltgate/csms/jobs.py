"""Jobs: one command for many stations, told at a bounded rate, on one node at a time, and through restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from voltgate.csms.commands.outcome import NOT_SENT, Outcome
from voltgate.csms.commands.table import COMMANDS, WrongParameters, parameters
from voltgate.csms.kept import kept

MOST_STATIONS = 100_000
"""Stations of one job."""
MOST_FIELDS = 1 << 20
"""Bytes of the parameters of one job, as JSON."""
MOST_OPEN = 1000
"""Jobs that have not ended."""
MOST_RATE = 100.0
"""Commands a second of one job at most."""
MOST_AT_ONCE = 500
"""Commands of one job that wait for answers at the same time."""
LONGEST = 30 * 86400.0
"""Seconds that a job may wait for stations that are away."""
AGAIN = 30.0
"""Seconds until a station that was away is tried again."""

UNKNOWN = "Unknown"
"""The status of a command that was on its way when the process that had sent it ended."""

State: TypeAlias = Literal["waiting", "sent", "done", "failed", "unanswered", "unknown", "cancelled"]
"""`waiting` and `sent` are to come; the others are ends. `unanswered`: the station was told and said nothing of use;
`unknown`: it may have been told, by a process that ended then."""


@dataclass(frozen=True, slots=True)
class Job:
    """One command for many stations.

    `fields`: its parameters as JSON. `rate`: commands a second. `away`: whether a station that is not connected fails
    at once, or is waited for until `deadline`. `ended`: when the last of its stations came to an end. Times are seconds
    since 1970.
    """

    id: str
    command: str
    fields: dict[str, Any]
    created: float
    deadline: float
    by: str = ""
    rate: float = 10.0
    at_once: int = 50
    away: Literal["wait", "fail"] = "wait"
    cancelled: bool = False
    ended: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether a station may be told twice. A command that is no more cannot be."""
        return self.command in COMMANDS and COMMANDS[self.command].repeatable


@dataclass(frozen=True, slots=True)
class JobItem:
    """One station of a job: `again` is when it may be tried, `at` when its state changed."""

    job: str
    station: str
    state: State = "waiting"
    outcome: Outcome | None = None
    at: float = 0.0
    again: float = 0.0
    tries: int = field(default=0)


class Jobs(Protocol):
    """Where jobs are kept. Each method is one transaction, and raises StoreAway while the database is away."""

    async def create(self, job: Job, stations: Sequence[str]) -> None:
        """Keep a job with an item for each of these stations, by key."""

    async def cancel(self, job: str) -> bool:
        """Let nothing more of a job be sent; return whether there is such a job that has not ended."""

    async def counts(self, job: str) -> Counter[State]:
        """Return how many items of a job have each state."""

    async def claim(self, owner: str, now: float, seconds: float) -> Job | None:
        """Lease a job that has something to do to `owner`, the one that was created first; None if there is none.

        The lease lasts so many seconds by the clock of the database, which all nodes share.

        Something to do is: an item that was sent (its process is dead, as the lease has ended), one that waits and may
        be tried at `now`, or any that waits if the job is cancelled or past its deadline.
        """

    async def renew(self, job: str, owner: str, seconds: float) -> Job | None:
        """Prolong a lease and return the job as it is now; None if the lease is another's."""

    async def release(self, job: str, owner: str) -> None:
        """Give a lease back."""

    async def items(self, job: str, state: State, until: float, most: int) -> list[JobItem]:
        """Return items in a state whose `again` is not after `until`, those tried longest ago first."""

    async def write(self, owner: str, items: Sequence[JobItem]) -> Job | None:
        """Write items of one job and return the job as it is now; None, and nothing written, without the lease."""


def checked(job: Job, stations: Sequence[str]) -> Job:
    """Return the job. Raise WrongParameters for a command, parameters or bounds that it cannot have."""
    parameters(job.command, job.fields)
    try:
        size = len(msgspec.json.encode(job.fields))
    except UnicodeEncodeError:
        raise WrongParameters("The parameters have half a surrogate pair: no text has that") from None
    if size > MOST_FIELDS:
        raise WrongParameters(f"The parameters of a job take {MOST_FIELDS >> 20} MiB at most")
    if not 1 <= len(stations) <= MOST_STATIONS:
        raise WrongParameters(f"A job is for 1 to {MOST_STATIONS:,} stations, and these are {len(stations):,}")
    if not 0 < job.rate <= MOST_RATE:
        raise WrongParameters(f"A job may send up to {MOST_RATE:.0f} commands a second, and more than 0")
    if not 1 <= job.at_once <= MOST_AT_ONCE:
        raise WrongParameters(f"A job may wait for 1 to {MOST_AT_ONCE} answers at once")
    if not job.created < job.deadline <= job.created + LONGEST:
        raise WrongParameters(f"The deadline of a job lies in the next {LONGEST / 86400:.0f} days")
    return job


def ended(job: Job, item: JobItem, outcome: Outcome, now: float) -> JobItem:
    """Return the item of a station that was told. One that heard nothing is told later, if the job waits for it.

    Of a job that was cancelled meanwhile it is cancelled, as those are that were not tried at that moment.
    """
    outcome = kept(outcome)
    if outcome.status == NOT_SENT:
        otherwise: State = "cancelled" if job.cancelled else "waiting"
        return _moved(item, otherwise if job.away == "wait" else "failed", outcome, now, now + AGAIN)
    if outcome.accepted is None:
        return _moved(item, "unanswered", outcome, now)
    return _moved(item, "done" if outcome.accepted else "failed", outcome, now)


def survived(job: Job, item: JobItem, now: float) -> JobItem:
    """Return an item that was sent by a process that has ended: told again only if that does no harm."""
    if job.repeatable:
        return _moved(item, "waiting", item.outcome, now)
    info = "The process that told the station ended before the answer came: whether the station did it is not known"
    return _moved(item, "unknown", Outcome(None, UNKNOWN, info), now)


def given_up(job: Job, item: JobItem, now: float) -> JobItem:
    """Return an item that is not told any more, since the job was cancelled or its time is over."""
    if job.cancelled:
        return _moved(item, "cancelled", item.outcome, now)
    info = "The station could not be told before the deadline"
    return _moved(item, "failed", Outcome(False, NOT_SENT, info, sent=False), now)


def told(item: JobItem, now: float) -> JobItem:
    """Return an item that is sent now."""
    return JobItem(item.job, item.station, "sent", item.outcome, now, tries=item.tries + 1)


def _moved(item: JobItem, state: State, outcome: Outcome | None, now: float, again: float = 0.0) -> JobItem:
    return JobItem(item.job, item.station, state, outcome, now, again if state == "waiting" else 0.0, item.tries)
