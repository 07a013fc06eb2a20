"""Jobs in the database: who may run one, what is left of it to do, and what is kept. In memory it is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.csms.job_ports import Database as Memory
from tests.store.conftest import NOW, Open
from voltgate.csms.commands.outcome import Follow, Outcome
from voltgate.csms.commands.table import WrongParameters
from voltgate.csms.jobs import Job, JobItem, Jobs, State, told
from voltgate.csms.model import Station
from voltgate.csms.ports import Unfit
from voltgate.store.csms.jobs import JobStore
from voltgate.store.csms.stations import Stations
from voltgate.store.csms.work import Work

JOB = Job("1", "data-transfer", {"vendor": "ü", "data": "a\0"}, NOW, NOW + 3600, by="anna", rate=2.5, at_once=7)
YES = Outcome(True, "Accepted", "", {"file": "x"}, Follow(("LogStatusNotification",), 5))
FOREVER = float("inf")
OpenJobs = Callable[[], Awaitable[Jobs]]
OnDisk = Callable[[], Awaitable[JobStore]]


@pytest.fixture
def on_disk(opened: Open) -> OnDisk:
    """Open jobs on a database."""

    async def opening() -> JobStore:
        return JobStore(Work(await opened()))

    return opening


@pytest.fixture
def jobs(request: pytest.FixtureRequest, on_disk: OnDisk) -> OpenJobs:
    """Open jobs, in memory or on a database of each kind."""
    kept = Memory(lambda: NOW)

    async def opening() -> Jobs:
        return kept if request.param == "memory" else await on_disk()

    return opening


ALIKE = pytest.mark.parametrize(
    ("jobs", "address"),
    [("memory", "sqlite"), ("sqlite", "sqlite"), ("postgresql", "postgresql")],
    indirect=True,
    ids=["memory", "sqlite", "postgresql"],
)
"""For a test of which all ports of jobs think the same."""


def item(station: str, state: State, **more: Any) -> JobItem:
    """Return an item of the job."""
    return JobItem("1", station, state, **more)


async def states(jobs: Jobs, job: str = "1") -> dict[str, str]:
    """Return what is to come and what is done, by station."""
    kinds: tuple[State, ...] = ("waiting", "sent", "done", "failed")
    return {each.station: kind for kind in kinds for each in await jobs.items(job, kind, FOREVER, 100)}


@ALIKE
async def test_a_job_is_kept_as_it_was_made(jobs: OpenJobs) -> None:
    """It comes back whole, with an item for each station, and is one's to run."""
    kept = await jobs()
    await kept.create(JOB, ["b", "a"])
    assert await kept.claim("A", NOW, 30.0) == JOB
    assert await kept.items("1", "waiting", NOW, 100) == [item("a", "waiting"), item("b", "waiting")]
    assert await kept.items("1", "waiting", NOW, 1) == [item("a", "waiting")]
    assert await kept.counts("1") == {"waiting": 2}
    assert await kept.counts("none") == {}


@ALIKE
async def test_one_process_has_a_job_at_a_time(jobs: OpenJobs) -> None:
    """Only the one that has it prolongs it, writes of it, and gives it back."""
    kept = await jobs()
    await kept.create(JOB, ["a"])
    assert await kept.claim("A", NOW, 30.0) is not None
    sent = told(item("a", "waiting"), NOW)
    assert await kept.renew("1", "B", 30.0) is None
    assert await kept.write("B", [sent]) is None
    await kept.release("1", "B")
    assert await states(kept) == {"a": "waiting"}
    assert await kept.renew("1", "A", 30.0) == JOB
    assert await kept.write("A", [sent]) == JOB
    assert await kept.items("1", "sent", FOREVER, 9) == [sent]
    await kept.release("1", "A")
    assert await kept.claim("B", NOW, 30.0) == JOB
    assert await kept.write("A", [sent]) is None


@ALIKE
async def test_what_there_is_to_do(jobs: OpenJobs) -> None:
    """The job that was made first; one whose stations are all away only when they may be tried again, or it is over."""
    kept = await jobs()
    await kept.create(replace(JOB, id="2", created=NOW + 1), ["z"])
    await kept.create(JOB, ["a"])
    first = await kept.claim("A", NOW, 30.0)
    assert first is not None
    assert first.id == "1"
    await kept.write("A", [item("a", "waiting", again=NOW + 30, at=NOW)])
    await kept.release("1", "A")
    second = await kept.claim("A", NOW, 30.0)
    assert second is not None
    assert second.id == "2"
    assert await kept.claim("A", NOW + 29, 30.0) is None
    assert await kept.items("1", "waiting", NOW + 29, 9) == []
    assert len(await kept.items("1", "waiting", NOW + 30, 9)) == 1
    for now in (NOW + 30, JOB.deadline):
        assert await kept.claim("A", now, 30.0) == JOB
        await kept.release("1", "A")
    assert await kept.cancel("1")
    assert await kept.claim("A", NOW, 30.0) == replace(JOB, cancelled=True)


@ALIKE
async def test_those_tried_longest_ago_come_first(jobs: OpenJobs) -> None:
    """So that no station waits for ever behind others that are away."""
    kept = await jobs()
    await kept.create(JOB, ["a", "b", "c"])
    await kept.claim("A", NOW, 30.0)
    await kept.write("A", [item("a", "waiting", at=NOW + 2), item("b", "waiting", at=NOW + 1)])
    assert [each.station for each in await kept.items("1", "waiting", FOREVER, 9)] == ["c", "b", "a"]


@ALIKE
async def test_a_job_ends_with_its_last_station(jobs: OpenJobs) -> None:
    """What each of them said is kept; nothing of it is to do, and it cannot be cancelled any more."""
    kept = await jobs()
    await kept.create(JOB, ["a", "b"])
    await kept.claim("A", NOW, 30.0)
    done = item("a", "done", outcome=YES, at=NOW + 5, tries=3)
    going_on = await kept.write("A", [done])
    assert going_on is not None
    assert going_on.ended is None
    ended = await kept.write("A", [item("b", "failed", outcome=Outcome(False, "NotSent", sent=False))])
    assert ended is not None
    assert ended.ended is not None
    assert await kept.items("1", "done", FOREVER, 9) == [done]
    assert await kept.counts("1") == {"done": 1, "failed": 1}
    await kept.release("1", "A")
    assert await kept.claim("A", FOREVER, 30.0) is None
    assert not await kept.cancel("1")
    assert not await kept.cancel("none")


@ALIKE
async def test_a_job_that_cannot_be_is_not_kept(jobs: OpenJobs) -> None:
    """It is refused for what is wrong, and nothing is there."""
    kept = await jobs()
    with pytest.raises(WrongParameters):
        await kept.create(replace(JOB, command="rest"), ["a"])
    assert await kept.counts("1") == {}


async def test_several_claim_at_once(on_disk: OnDisk) -> None:
    """Each job is claimed once, by whoever has it then."""
    kept = await on_disk()
    for number in range(6):
        await kept.create(replace(JOB, id=str(number)), ["a"])
    claimed = await asyncio.gather(*(kept.claim("A", NOW, 30.0) for _ in range(6)))
    while (more := await kept.claim("A", NOW, 30.0)) is not None:
        claimed.append(more)
    assert sorted(job.id for job in claimed if job is not None) == list("012345")


@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
async def test_a_lease_ends_by_the_clock_of_the_database(on_disk: OnDisk) -> None:
    """That of the nodes is not looked at; a lease from before the clock was set back holds nobody up."""
    kept = await on_disk()
    await kept.create(JOB, ["a"])
    assert await kept.claim("A", NOW, 30.0) == JOB
    assert await kept.claim("B", NOW + 1000, 30.0) is None
    for later in (-1.0, 86400.0):
        async with kept._work.writing() as connection:
            await connection.execute(text(f"UPDATE csms_jobs SET until = extract(epoch from now()) + {later}"))
        assert await kept.claim("B", NOW, 30.0) == JOB


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_a_process_that_has_its_database_to_itself(on_disk: OnDisk) -> None:
    """It need not wait for the leases of the one before it."""
    kept = await on_disk()
    await kept.create(JOB, ["a"])
    assert await kept.claim("before", NOW, 30.0) == JOB
    assert await kept.claim("before", NOW, 30.0) is None
    assert await kept.claim("now", NOW, 30.0) == JOB


async def test_a_large_job(on_disk: OnDisk) -> None:
    """All of its stations are kept with it, or none if one of them cannot be."""
    kept = await on_disk()
    with pytest.raises(Unfit):
        await kept.create(JOB, [*(f"s{number}" for number in range(3000)), "x" * 2000])
    assert await kept.job("1") is None
    await kept.create(JOB, [f"s{number}" for number in range(5000)])
    assert await kept.counts("1") == {"waiting": 5000}


async def test_lists(on_disk: OnDisk) -> None:
    """Jobs with the last one first, and their stations, in parts; what is no cursor is refused."""
    kept = await on_disk()
    for number in range(3):
        await kept.create(replace(JOB, id=str(number), created=NOW + number), ["a", "b", "c"])
    await kept.claim("A", NOW, 30.0)
    await kept.write("A", [JobItem("0", each, "done", YES) for each in "abc"])
    first = await kept.list_jobs(limit=2)
    assert ([job.id for job in first.rows], first.total) == (["2", "1"], 3)
    assert [job.id for job in (await kept.list_jobs(first.after, 2)).rows] == ["0"]
    assert [job.id for job in (await kept.list_jobs(ended=True)).rows] == ["0"]
    assert [job.id for job in (await kept.list_jobs(ended=False)).rows] == ["2", "1"]
    items = await kept.list_items("0", limit=2)
    assert [each.station for each in items.rows] == ["a", "b"]
    assert (await kept.list_items("0", items.after)).rows == [JobItem("0", "c", "done", YES)]
    assert (await kept.list_items("0", state="waiting")).rows == []
    with pytest.raises(ValueError, match="no cursor"):
        await kept.list_jobs("x")
    assert await kept.counts_of(["0", "1"]) == {"0": {"done": 3}, "1": {"waiting": 3}}


async def test_jobs_of_some_networks(opened: Open) -> None:
    """They are those of which all stations are in these networks now; one that is deleted is in none."""
    work = Work(await opened())
    kept, stations = JobStore(work), Stations(work)
    for key, network in {"n": "north", "s": "south"}.items():
        await stations.create(Station(key, key, network=network))
    for number, of in enumerate((["n"], ["n", "s"], ["s"], ["n", "gone"])):
        await kept.create(replace(JOB, id=str(number), created=NOW + number), of)

    async def seen(*networks: str) -> list[str]:
        rows = (await kept.list_jobs(networks=networks)).rows
        assert rows == [job for number in "3210" if (job := await kept.job(number, networks)) is not None]
        return [job.id for job in rows]

    assert await seen("north") == ["0"]
    assert await seen("north", "south") == ["2", "1", "0"]
    assert await seen("east") == await seen() == []
    assert (await kept.list_jobs()).total == 4


async def test_what_is_old_is_deleted(on_disk: OnDisk) -> None:
    """Jobs that ended long ago, with their stations; those that go on stay, however old they are."""
    kept = await on_disk()
    await kept.create(JOB, [f"s{number}" for number in range(1500)])
    await kept.claim("A", NOW, 30.0)
    await kept.write("A", [item(f"s{number}", "done") for number in range(1500)])
    await kept.create(replace(JOB, id="2"), ["a"])
    assert await kept.purge(0.0) == 0
    assert await kept.purge(FOREVER) == 1
    assert await kept.job("1") is None
    assert await kept.counts("1") == {}
    assert await kept.job("2") == replace(JOB, id="2")
