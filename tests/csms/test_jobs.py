"""Jobs: one command for many stations, at a bounded rate, through restarts and with several nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.csms.job_ports import AWAY, BEGAN, YES, World
from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.table import COMMANDS, WrongParameters
from voltgate.csms.job_runner import Runner
from voltgate.csms.jobs import Job
from voltgate.csms.kept import MOST_KEPT, MOST_TEXT
from voltgate.relay.records import StoreAway

STATIONS = [f"s{number:03}" for number in range(20)]
NO = Outcome(False, "Rejected")
SILENCE = Outcome(None, "Unanswered", "No answer within 30 s")


async def test_each_station_has_its_own_result() -> None:
    """A Yes, a No, a silence and a fault of our own are told apart, and the station's answer is kept."""
    world = World()
    world.network.says = {"no": NO, "silent": SILENCE, "fault": KeyError("oops")}
    await world.job(["yes", "no", "silent", "fault"])
    await world.run(100)
    states = {"yes": "done", "no": "failed", "silent": "unanswered", "fault": "unanswered"}
    assert world.database.states() == states
    rows = world.database.rows
    assert [rows["1", each].outcome for each in ("yes", "no", "silent")] == [YES, NO, SILENCE]
    fault = rows["1", "fault"].outcome
    assert fault is not None
    assert (fault.status, fault.info) == ("Unknown", "A fault of the management system: KeyError: 'oops'")
    assert await world.database.counts("1") == {"done": 1, "failed": 1, "unanswered": 2}
    assert world.database.leases == {}


async def test_what_is_kept_of_a_result_is_bounded() -> None:
    """A station with a megabyte of settings, told by a job for 100,000, does not fill the disk: what is cut is said."""
    items = [{"name": f"Key{number:05}", "value": "x" * 100} for number in range(10_000)]
    large = Outcome(True, "Accepted", "All", {"unknown": ["A"], "items": items, "more": {"x": "y" * 40_000}})
    talker = Outcome(False, "S" * 2000, "ä" * 2000)
    world = World()
    world.network.says = {"large": large, "talker": talker, "small": YES}
    await world.job(["large", "talker", "small"], "configuration-get")
    await world.run(100)
    kept = {each.station: each.outcome for each in world.database.rows.values()}
    assert kept["small"] == YES
    for outcome in kept.values():
        assert outcome is not None
        assert len(msgspec.json.encode(outcome)) <= MOST_KEPT + 2 * MOST_TEXT * 2 + 500
    some = kept["large"]
    assert some is not None
    told = some.result["items"]
    assert (some.accepted, some.status, some.result["unknown"], "more" in some.result) == (
        True,
        "Accepted",
        ["A"],
        False,
    )
    assert told == items[: len(told)]
    assert len(told) > 200
    assert some.info == (
        f"All. Of this result {len(msgspec.json.encode(some.result)):,} of "
        f"{len(msgspec.json.encode(large.result)):,} bytes are kept: more, {10_000 - len(told):,} of items are left out"
    )
    cut = kept["talker"]
    assert cut is not None
    assert (cut.status, cut.info) == ("S" * MOST_TEXT + "…", "ä" * MOST_TEXT + "…")


async def test_the_rate_is_bounded() -> None:
    """Two a second, however quick the stations are; nobody is told twice."""
    world = World(takes=0.1)
    await world.job(STATIONS, rate=2.0)
    await world.run(100)
    assert [at for at, _ in world.network.heard] == [number / 2 for number in range(20)]
    assert sorted(station for _, station in world.network.heard) == STATIONS


async def test_the_commands_at_once_are_bounded() -> None:
    """Slow stations: three wait for their answers at a time, and the next one is told when one of them has answered."""
    world = World(takes=60.0)
    await world.job(STATIONS, at_once=3, rate=100.0)
    await world.run(3000)
    assert world.network.most == 3
    assert set(world.database.states().values()) == {"done"}


async def test_results_are_written_together() -> None:
    """What stations say at the same moment is one transaction."""
    world = World()
    world.network.at = BEGAN + 60
    await world.job(STATIONS, rate=100.0)
    await world.run(100)
    assert max(world.database.writes) == len(STATIONS) - 1  # those that came while the first one was written
    assert sum(world.database.writes) == 2 * len(STATIONS)


async def test_a_station_that_is_away_is_waited_for() -> None:
    """It is tried again until it is there."""
    world = World()
    world.network.says = {"s": [AWAY, AWAY, YES]}
    await world.job(["s"])
    await world.run(200)
    assert world.database.states() == {"s": "done"}
    assert world.database.rows["1", "s"].tries == 3
    assert [at >= 30 * number for number, (at, _) in enumerate(world.network.heard)] == [True, True, True]


async def test_a_station_that_nobody_could_look_up_is_waited_for() -> None:
    """The database was away when it was looked for: nothing was sent, and it is tried again."""
    world, tries = World(), list[str]()

    async def tell(station: str, job: Job) -> Outcome:
        tries.append(station)
        if len(tries) == 1:
            raise StoreAway("gone")
        return YES

    await world.job(["s"])
    await world.run(200, world.runner(tell=tell))
    assert (world.database.states(), tries) == ({"s": "done"}, ["s", "s"])


async def test_a_station_that_is_away_until_the_deadline_fails() -> None:
    """The job ends then, and says why."""
    world = World()
    world.network.says = {"s": AWAY}
    await world.job(["s"], deadline=BEGAN + 100)
    await world.run(200)
    assert world.database.states() == {"s": "failed"}
    assert max(at for at, _ in world.network.heard) < 100


async def test_a_station_that_is_away_fails_at_once_if_the_job_says_so() -> None:
    """A job that does not wait tries once."""
    world = World()
    world.network.says = {"s": AWAY}
    await world.job(["s"], away="fail")
    await world.run(200)
    assert world.database.states() == {"s": "failed"}
    assert len(world.network.heard) == 1


async def test_what_was_not_told_before_the_deadline_fails() -> None:
    """Too many stations for the rate and the time: those that were not told say so."""
    world = World(takes=0.1)
    await world.job(STATIONS, rate=1.0, deadline=BEGAN + 10)
    await world.run(100)
    states = list(world.database.states().values())
    assert (states.count("done"), states.count("failed")) == (10, 10)
    last = world.database.rows["1", STATIONS[-1]].outcome
    assert last is not None
    assert last.info == "The station could not be told before the deadline"


async def test_jobs_that_wait_do_not_hold_others_up() -> None:
    """More jobs wait for stations than a node runs at once: another one still runs."""
    world = World()
    world.network.says = {"away": AWAY}
    for number in range(5):
        await world.job(["away"], id=f"w{number}")
    await world.job(["here"], id="later", created=BEGAN + 1)
    await world.run(60)
    assert world.database.states("later") == {"here": "done"}


async def test_a_job_is_cancelled() -> None:
    """Nothing more is sent; what is on its way ends as it ends."""
    world = World(takes=5.0)
    await world.job(STATIONS, rate=0.5)
    running = asyncio.ensure_future(world.runner().run())
    await world.time.until(at=BEGAN + 10)
    await world.database.cancel("1")
    told = len(world.network.heard)
    await world.time.until(at=BEGAN + 100)
    running.cancel()
    states = list(world.database.states().values())
    assert (states.count("done"), states.count("cancelled")) == (
        len(world.network.heard),
        20 - len(world.network.heard),
    )
    assert told <= len(world.network.heard) <= told + 1  # the one that was written down as sent meanwhile


async def test_a_job_is_cancelled_while_a_station_is_looked_for() -> None:
    """One that was found away in that moment is cancelled like the others: it was told nothing, and did not fail."""
    world = World(takes=50.0)
    world.network.says = dict.fromkeys(("a", "b"), AWAY)
    await world.job(["a", "b"], rate=0.1)
    running = asyncio.ensure_future(world.runner().run())
    await world.time.until(at=BEGAN + 2)
    assert world.database.states() == {"a": "sent", "b": "waiting"}
    await world.database.cancel("1")
    await world.time.until(at=BEGAN + 100)
    running.cancel()
    assert world.database.states() == {"a": "cancelled", "b": "cancelled"}


async def crashed(command: str, **fields: Any) -> World:
    """Let a node die while stations are told, and another one go on."""
    world = World(takes=50.0)
    await world.job(["a", "b"], command, fields=fields, rate=0.1)
    first = asyncio.ensure_future(world.runner("A").run())
    await world.time.until(at=BEGAN + 5)
    world.database.away = 1000  # nothing more is written
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    world.database.away = 0
    assert world.database.states() == {"a": "sent", "b": "waiting"}
    world.network.takes = 1.0
    second = asyncio.ensure_future(world.runner("B").run())
    await world.time.until(at=BEGAN + 100)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    return world


async def test_what_may_happen_twice_is_repeated_after_a_crash() -> None:
    """Another node takes the job when the lease ends, and asks again for what nobody knows the answer of."""
    world = await crashed("configuration-get")
    assert world.database.states() == {"a": "done", "b": "done"}
    assert [station for _, station in world.network.heard] == ["a", "b", "a"]
    assert world.network.heard[1][0] >= 30


@pytest.mark.parametrize(("command", "fields"), [("reset", {}), ("start", {"token": "me"})])
async def test_what_must_not_happen_twice_is_unknown_after_a_crash(command: str, fields: dict[str, Any]) -> None:
    """A station that may have been reset is not reset again: the operator reads that nobody knows."""
    world = await crashed(command, **fields)
    assert world.database.states() == {"a": "unknown", "b": "done"}
    assert [station for _, station in world.network.heard] == ["a", "b"]
    outcome = world.database.rows["1", "a"].outcome
    assert outcome is not None
    assert (outcome.accepted, outcome.status) == (None, "Unknown")


async def test_a_runner_that_ends_waits_for_those_that_it_told() -> None:
    """A reset that is on its way has its answer; the rest is another node's at once, and nobody is told twice."""
    world = World(takes=20.0)
    await world.job(STATIONS, "reset", rate=0.5)
    first = world.runner("A")
    running = asyncio.ensure_future(first.run())
    await world.time.until(at=BEGAN + 5)
    first.stop()
    told = len(world.network.heard)
    await world.time.until(running)
    assert list(world.database.states().values()).count("done") == told == 3
    assert (world.database.leases, world.time.now() < BEGAN + 25) == ({}, True)
    await world.run(200, world.runner("B"))
    assert set(world.database.states().values()) == {"done"}
    assert sorted(station for _, station in world.network.heard) == STATIONS


async def test_a_runner_that_cannot_wait_gives_its_jobs_back() -> None:
    """What is not answered in time is not known; the rest of the job is another node's at once."""
    world = World(takes=500.0)
    await world.job(STATIONS, "reset", rate=0.5)
    first = world.runner("A")
    running = asyncio.ensure_future(first.run())
    await world.time.until(at=BEGAN + 5)
    first.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    world.network.takes = 1.0
    await world.run(6, world.runner("B"))
    states = list(world.database.states().values())
    assert (states[:3], states.count("waiting")) == (["unknown"] * 3, len(STATIONS) - 4)


async def test_a_runner_without_jobs_ends_at_once() -> None:
    """Nobody waits for it, nor for the next station of a job that tells one each minute."""
    world = World()
    for stations in ([], STATIONS):
        if stations:
            await world.job(stations, rate=1 / 60)
        runner = world.runner()
        running = asyncio.ensure_future(runner.run())
        await world.time.until(at=world.time.now() + 3)
        began = world.time.now()
        runner.stop()
        await world.time.until(running)
        assert (running.result(), world.time.now()) == (None, began)


def test_commands_that_must_not_happen_twice() -> None:
    """What starts, restarts or uploads something is told once; settings, lists and profiles may be told again."""
    once = {name for name, spec in COMMANDS.items() if not spec.repeatable}
    assert once >= {"reset", "start", "firmware", "unlock", "logs", "data-transfer"}
    assert once.isdisjoint({"configuration-get", "configuration-set", "local-list", "limit", "availability"})


async def test_two_nodes_share_jobs_and_no_station_is_told_twice() -> None:
    """Each job is one node's at a time."""
    world = World()
    for number in range(6):
        await world.job([f"{number}-{station}" for station in STATIONS], id=str(number), rate=5.0)
    nodes = [asyncio.ensure_future(world.runner(owner).run()) for owner in "AB"]
    await world.time.until(at=BEGAN + 300)
    for node in nodes:
        node.cancel()
    await asyncio.gather(*nodes, return_exceptions=True)
    heard = [station for _, station in world.network.heard]
    assert len(heard) == len(set(heard)) == 6 * len(STATIONS)
    assert all(set(world.database.states(str(number)).values()) == {"done"} for number in range(6))


async def test_a_node_that_lost_its_lease_stops() -> None:
    """Another node has the job now: this one tells no more stations and writes nothing over its results."""
    world = World(takes=0.1)
    await world.job(STATIONS, rate=1.0)
    running = asyncio.ensure_future(world.runner("A").once())
    await world.time.until(at=BEGAN + 5)
    world.database.leases["1"] = ("B", BEGAN + 1000)
    await world.time.until(running)
    assert running.result() is True
    assert len(world.network.heard) < 8
    assert world.database.leases["1"][0] == "B"


async def test_a_lost_lease_is_noticed_while_stations_are_silent() -> None:
    """The node does not wait for answers of stations that are another node's to tell now."""
    world = World(takes=500.0)
    await world.job(STATIONS, at_once=1)
    running = asyncio.ensure_future(world.runner("A").once())
    await world.time.until(at=BEGAN + 5)
    world.database.leases["1"] = ("B", BEGAN + 1000)
    await world.time.until(at=BEGAN + 20)
    assert running.done()
    assert running.result() is True


async def test_a_database_that_is_away_for_a_while() -> None:
    """Nothing is lost and nobody is told twice: what could not be written is written later."""
    world = World()
    await world.job(STATIONS, rate=2.0)
    running = asyncio.ensure_future(world.runner("A").run())
    await world.time.until(at=BEGAN + 3)
    world.database.away = 4
    await world.time.until(at=BEGAN + 100)
    running.cancel()
    assert set(world.database.states().values()) == {"done"}
    assert len(world.network.heard) == len(STATIONS)


async def test_a_lease_that_was_prolonged_outlasts_a_moment_without_a_database() -> None:
    """It ends so long after it was prolonged last, and not after it was had."""
    world = World()
    await world.job(STATIONS, rate=0.1)
    running = asyncio.ensure_future(world.runner("A").once())
    await world.time.until(at=BEGAN + 65)
    world.database.away = 3
    await world.time.until(at=BEGAN + 300)
    assert running.done()
    assert len(world.network.heard) == len(STATIONS)


async def test_a_node_runs_some_jobs_at_once() -> None:
    """The others wait, for a place or for another node."""
    world = World(takes=60.0)
    for number in ("1", "2", "3"):
        await world.job([f"s{number}"], id=number)
    await world.run(50)
    assert [station for _, station in world.network.heard] == ["s1", "s2"]


async def test_a_database_that_stays_away_ends_the_lease() -> None:
    """Another node may have the job by then: this one stops telling stations."""
    world = World()
    await world.job(STATIONS, rate=0.1)
    running = asyncio.ensure_future(world.runner("A").once())
    await world.time.until(at=BEGAN + 15)
    world.database.away = 10_000
    await world.time.until(at=BEGAN + 300)
    assert running.done()
    assert len(world.network.heard) == 2


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"command": "rest"}, "There is no command 'rest'"),
        ({"fields": {"x": 1}}, "clear-cache: Object contains unknown field `x`"),
        (
            {"command": "data-transfer", "fields": {"vendor": "v", "data": "x" * (1 << 20)}},
            "The parameters of a job take 1 MiB at most",
        ),
        ({"command": "data-transfer", "fields": {"vendor": "v", "data": "\ud800"}}, "The parameters have half a"),
        ({"stations": []}, "A job is for 1 to 100,000 stations"),
        ({"rate": 0.0}, "A job may send up to 100 commands a second"),
        ({"rate": float("nan")}, "A job may send up to 100 commands a second"),
        ({"at_once": 0}, "A job may wait for 1 to 500 answers at once"),
        ({"deadline": BEGAN}, "The deadline of a job lies in the next 30 days"),
        ({"deadline": BEGAN + 31 * 86400}, "The deadline of a job lies in the next 30 days"),
    ],
)
async def test_jobs_that_cannot_be(others: dict[str, Any], sentence: str) -> None:
    """A job with a wrong command, parameters or bounds is refused before anything is kept."""
    with pytest.raises(WrongParameters) as caught:
        await World().job(**{"stations": ["s"], **others})
    assert str(caught.value).startswith(sentence)


async def test_a_process_that_reaches_no_station_leaves_jobs_to_others() -> None:
    """A gateway beside nodes of the management system has their database, and none of their stations."""
    world = World()
    await world.job(STATIONS)
    gateway = Runner(world.database, world.network.tell, world.time, "gateway", reaches=lambda: False)
    await world.run(100, gateway)
    assert set(world.database.states().values()) == {"waiting"}
    await world.run(200)
    assert set(world.database.states().values()) == {"done"}
