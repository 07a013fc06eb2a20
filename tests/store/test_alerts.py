"""Alerts in the database: what is told, when, and once; on each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import URL

from tests.store.alert_stage import Clock, Node, rule, status
from tests.store.conftest import NOW, SHARED
from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.deciding import REPEATS
from voltgate.alerts.records import Alert, Policy, StoredMute
from voltgate.alerts.rules import Hours, Mute, Rule, Rules, Whom
from voltgate.alerts.writing import Author
from voltgate.app.database import upgrade
from voltgate.relay.certificate_events import CertificateExpiring
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    ClockRight,
    ClockWrong,
    CommandRefused,
    Event,
    StationCame,
    StationRefused,
    StationWent,
    StatusChanged,
    TransactionBegan,
    TransactionEnded,
)
from voltgate.store import alerts as module
from voltgate.store.address import SQLITE, open_engine
from voltgate.store.alerts import AlertStore
from voltgate.store.alerts_here import AlertsHere
from voltgate.store.reach import Reach

FAULTED, FINE = status("Faulted", "ConnectorLockFailure"), status("Available")
OTHERWISE, DANGER = status("Faulted", "WeakSignal"), status("Faulted", "GroundFailure")
LOCKED = "alert: [CP-1] Connector #1 is now Faulted"
OVER = "recovery: Recovered: [CP-1] Connector #1 is now Faulted"
STATUSES = tuple(name for name in ALERTS if name.startswith("conStatus"))
REFUSED = CommandRefused("CP-1", "main", "Reset", "not permitted")


def came(station: str = "CP-1") -> StationCame:
    """Make the event of a station that came in."""
    return StationCame(station, "127.0.0.1", "ocpp1.6", "main", replaced=False)


def went(station: str = "CP-1", reason: str = "gone") -> StationWent:
    """Make the event of a station that has gone."""
    return StationWent(station, 1006, reason, "station", 1.0)


def by(rules: dict[str, set[str]]) -> Callable[[Alert], bool]:
    """Say what is told of by rules with these events."""
    return lambda alert: alert.event in rules.get(alert.rule, ())


Begin = Callable[..., Node]


@pytest.fixture
async def begin(address: URL) -> AsyncIterator[Begin]:
    """Begin a node on the database; all have one clock."""
    await upgrade(address)
    clock, engines = Clock(), []

    def beginning(*rules: Rule, name: str = "n1", mutes: tuple[Mute, ...] = (), **policy: float) -> Node:
        engines.append(engine := open_engine(address, 5))
        store = AlertStore(Reach(lambda: engine), name)
        return Node(store, rules, clock, mutes, {"ops": Policy(**policy)})  # type: ignore[arg-type]

    yield beginning
    for engine in engines:
        await engine.dispose()


# Holding.


async def test_what_lasts_is_told(begin: Begin) -> None:
    """It is told once it has lasted and its group is complete; then that it is over, and nothing else."""
    node = begin(rule("conStatusFaulted"))
    await node.sees(FAULTED)
    assert await node.after(69) == []
    assert await node.after(1) == [LOCKED]
    assert await node.after(3600) == []
    await node.sees(FINE)
    assert await node.after(9) == []
    assert await node.after(1) == [OVER]
    assert await node.after(3600) == []
    assert await node.rows() == [("cp-1 #1", "recovered")]


async def test_what_does_not_last_is_not_told(begin: Begin) -> None:
    """A fault that is over before its time leaves nothing; neither one that is over while its group is awaited."""
    node = begin(rule("conStatusFaulted"))
    for seconds in (59, 65):
        await node.sees(FAULTED)
        assert await node.after(seconds) == []
        await node.sees(FINE)
        assert await node.after(3600) == []
    assert await node.rows() == []


async def test_back_before_it_was_told(begin: Begin) -> None:
    """A fault that was told, is over, and is back before that is told, is as if it had not been over."""
    node = begin(rule("conStatusFaulted"))
    await node.sees(FAULTED)
    assert await node.after(70) == [LOCKED]
    await node.sees(FINE)
    assert await node.after(5) == []
    await node.sees(FAULTED)
    assert await node.after(3600) == []
    assert await node.rows() == [("cp-1 #1", "open")]


async def test_no_recovery_is_asked_for(begin: Begin) -> None:
    """A rule that tells of no end does not; the alert is over all the same, and the next one is told."""
    node = begin(rule("conStatusFaulted", hold=0, group=0, recovery=False))
    for _ in range(2):
        await node.sees(FAULTED)
        assert await node.after(0) == [LOCKED]
        await node.sees(FINE)
        assert await node.after(3600) == []


async def test_each_is_told_if_none_is_held(begin: Begin) -> None:
    """Without a hold time what comes again before its end was told is told, and so is its end."""
    node = begin(rule("conStatusFaulted", hold=0, group=10))
    await node.sees(FAULTED)
    assert await node.after(10) == [LOCKED]
    await node.sees(FINE)
    assert await node.after(5) == []
    await node.sees(FAULTED)
    assert sorted(await node.after(10)) == [LOCKED, OVER]


async def test_what_is_told_at_once_however_short(begin: Begin) -> None:
    """A rule that holds nothing tells of each status, and of each end, though they come in the same moment."""
    node = begin(rule("conStatusFaulted", hold=0, group=0))
    await node.sees(FAULTED, OTHERWISE, FINE, FAULTED)
    assert sorted(await node.after(0)) == [LOCKED, LOCKED, LOCKED, OVER]
    assert await node.after(3600) == []
    assert sorted(await node.rows()) == [("cp-1 #1", "open"), ("cp-1 #1", "passed"), ("cp-1 #1", "recovered")]


# The same.


async def test_the_same_status(begin: Begin) -> None:
    """The same status is the same status and the same error: also said by a new session, or after a restart."""
    node = begin(rule("conStatusFaulted", hold=0, group=0))
    await node.sees(FAULTED, FAULTED)
    assert await node.after(0) == [LOCKED]
    await node.sees(FAULTED)
    assert await node.after(10) == []
    again = begin(rule("conStatusFaulted", hold=0, group=0))
    await again.sees(FAULTED)
    assert await again.after(10) == [LOCKED], "which it had not seen before"
    assert await node.after(10) == [], "but it is the same message"
    await again.sees(OTHERWISE)
    assert await again.after(10) == [LOCKED]
    await again.sees(OTHERWISE)
    assert await again.after(10) == []
    assert await again.rows() == [("cp-1 #1", "open"), ("cp-1 #1", "replaced")]


async def test_another_error_meanwhile(begin: Begin) -> None:
    """What is held is held since it began, whatever the error is by then; what is told is the last one."""
    node = begin(rule("conStatusFaulted", group=0))
    await node.sees(FAULTED)
    await node.after(50)
    await node.sees(OTHERWISE)
    assert await node.after(10) == [LOCKED]
    (alert,) = await node.store.alerts((), None, 10)
    assert (alert.data["fields"]["error_code"], alert.at) == ("WeakSignal", NOW)


async def test_what_happens_again(begin: Begin) -> None:
    """What never lasts is told once a day in the same words; in other words it is told."""
    node = begin(rule("commandRefused", hold=60, group=0))
    await node.sees(REFUSED)
    assert await node.after(0) == ["alert: [CP-1] Command refused: Reset of main"], "to wait for its end is useless"
    await node.sees(REFUSED, REFUSED)
    assert await node.after(10) == []
    await node.sees(CommandRefused("CP-1", "main", "UnlockConnector", "not permitted"))
    assert await node.after(0) == ["alert: [CP-1] Command refused: UnlockConnector of main"]
    await node.after(REPEATS + 1)
    await node.sees(REFUSED)
    assert await node.after(0) == ["alert: [CP-1] Command refused: Reset of main"]


async def test_reminders(begin: Begin) -> None:
    """A certificate is told of at each reminder, though nothing has ended."""
    node = begin(rule("certificateExpiring", hold=0, group=0))
    for days, reminder in ((29.5, 30), (29.4, 30), (13.0, 14)):
        await node.sees(CertificateExpiring("cert.pem", "2026-12-31", days, reminder))
        await node.after(10)
    assert [row[1] for row in await node.rows()] == ["open", "replaced"]


async def test_a_newer_connection_is_no_loss(begin: Begin) -> None:
    """A station that comes again, here or at another node, has not gone."""
    node = begin(rule("disconnectedFromProxy", hold=0, group=0))
    await node.sees(came(), went(reason="Replaced by a new connection"))
    await node.sees(came(), went(reason="This station is connected to another gateway by now"))
    assert await node.after(10) == []


# Groups.


async def test_an_outage_of_500(begin: Begin) -> None:
    """500 stations that drop and return are one alert and one recovery, with the list."""
    node = begin(rule("disconnectedFromProxy", "stationSilent"))
    stations = [f"CP-{number:03}" for number in range(500)]
    await node.sees(*map(went, stations))
    assert await node.after(70) == ["alert: Client disconnected: 500 stations"]
    (told, *_) = await node.store.deliveries((), None, 10)
    assert [item["station"] for item in told.items] == stations
    assert all(station in told.text for station in stations)
    await node.sees(*map(came, stations))
    assert await node.after(10) == ["recovery: Recovered: Client disconnected: 500 stations"]
    assert await node.after(3600) == []


async def test_more_than_are_listed(begin: Begin) -> None:
    """Of a thousand 500 are named, and the others counted."""
    node = begin(rule("disconnectedFromProxy", hold=0))
    await node.sees(*(went(f"CP-{number:04}") for number in range(1000)))
    assert await node.after(10) == ["alert: Client disconnected: 1000 stations"]
    (told,) = await node.store.deliveries((), None, 10)
    assert (len(told.items), told.count) == (500, 1000)
    assert told.text.endswith("and 500 more")


async def test_events_are_told_apart(begin: Begin) -> None:
    """What is not the same is not in one message; two rules tell each their own."""
    node = begin(rule("disconnectedFromProxy", "backendAway", hold=0), rule("backendAway", name="s", hold=0))
    await node.sees(went(), BackendAway("main", "refused", 3))
    assert sorted(await node.after(10)) == [
        "alert: Backend away: main",
        "alert: Backend away: main",
        "alert: Client disconnected: CP-1",
    ]


# What endangers people.


async def test_danger_waits_for_nothing(begin: Begin) -> None:
    """A ground failure passes hold, group, mutes and the rate of a channel; that it is over waits as others do."""
    everything = Mute()
    node = begin(rule("conStatusFaulted"), mutes=(everything,), rate=1)
    await node.store.add_mute(StoredMute("m", ("*",), ("*",), ("*",), NOW, None, "anna"))
    await node.sees(*(status("Faulted", "GroundFailure", f"CP-{number}") for number in range(3)))
    assert await node.after(0) == ["alert: [3 stations] Connector #1 is now Faulted"]
    await node.sees(status("Faulted", "HighTemperature", "CP-9"))
    assert await node.after(0) == ["alert: [CP-9] Connector #1 is now Faulted"]
    assert {each.urgent for each in await node.store.deliveries((), None, 10)} == {True}


async def test_what_becomes_dangerous(begin: Begin) -> None:
    """A fault that is held is told at once when its error becomes one that endangers people."""
    node = begin(rule("conStatusFaulted"))
    await node.sees(FAULTED)
    assert await node.after(5) == []
    await node.sees(DANGER)
    assert await node.after(0) == [LOCKED]


# Mutes, hours, severity, whom.


async def test_what_is_muted(begin: Begin) -> None:
    """What is muted is not told, neither its end; it is in the list. What merely happened is not told later either."""
    node = begin(rule("conStatusFaulted", "commandRefused", hold=0, group=0))
    await node.store.add_mute(StoredMute("m", ("*",), ("cp-*",), ("*",), NOW, NOW + 60, "anna", "works"))
    await node.sees(FAULTED, REFUSED)
    assert await node.after(50) == []
    assert sorted(await node.rows()) == [("cp-1 #1", "muted"), ("cp-1 main", "muted")]
    await node.sees(FINE)
    assert await node.after(20) == []
    await node.sees(FAULTED, REFUSED)
    assert sorted(await node.after(0)) == ["alert: [CP-1] Command refused: Reset of main", LOCKED]


async def test_what_happens_again_while_it_is_muted(begin: Begin) -> None:
    """What is muted and said again and again is in the list once; it is told when it is said after that."""
    node = begin(rule("commandRefused", hold=0, group=0))
    await node.store.add_mute(StoredMute("m", ("*",), ("*",), ("*",), NOW, NOW + 60, "anna", "works"))
    for _ in range(3):
        await node.sees(REFUSED, REFUSED)
        assert await node.after(10) == []
    assert await node.rows() == [("cp-1 main", "muted")]
    await node.after(60)
    await node.sees(REFUSED)
    assert await node.after(0) == ["alert: [CP-1] Command refused: Reset of main"]


async def test_what_ends_something_is_muted(begin: Begin) -> None:
    """That a fault is over is told by the fault if the status that ends it is not told."""
    node = begin(rule("conStatusFaulted", "conStatusAvailable", hold=0, group=0))
    await node.store.add_mute(StoredMute("m", ("conStatusAvailable",), ("*",), ("*",), NOW, None, "anna", "noise"))
    await node.sees(FAULTED)
    assert await node.after(0) == [LOCKED]
    await node.sees(FINE)
    assert await node.after(0) == [OVER]


@pytest.mark.parametrize("taken_back", [False, True])
async def test_what_lasts_longer_than_a_mute(begin: Begin, taken_back: bool) -> None:
    """It is told as soon as nothing mutes it any more, though nothing else happens; then that it is over."""
    node = begin(rule("conStatusFaulted", hold=60, group=10))
    await node.store.add_mute(StoredMute("m", ("*",), ("*",), ("*",), NOW, NOW + 3600, "anna", "works"))
    await node.sees(FAULTED)
    assert await node.after(1800) == []
    if taken_back:
        assert await node.store.remove_mute("m")
    assert await node.after(1) == []
    assert await node.after(10) == ([LOCKED] if taken_back else [])
    assert await node.after(1790) == []
    assert await node.after(10) == ([] if taken_back else [LOCKED])
    await node.sees(FINE)
    assert await node.after(10) == [OVER]


async def test_mutes_without_end(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are so many at a time; those that are over make room when what is old goes."""
    node = begin()
    monkeypatch.setattr(module, "MUTES", 2)
    ends = (NOW + 60, None, None)
    mutes = [StoredMute(f"m{number}", ("*",), ("*",), ("*",), NOW, until, "anna") for number, until in enumerate(ends)]
    assert [await node.store.add_mute(mute) for mute in mutes] == [True, True, False]
    await node.store.purge(NOW + 61)
    assert [each.id for each in await node.store.mutes()] == ["m1"]
    assert await node.store.add_mute(mutes[2])


async def test_a_mute_that_ends_within_a_minute(begin: Begin) -> None:
    """What it held back is told when it ends, not at the next look."""
    node = begin(rule("conStatusFaulted", hold=0, group=0))
    await node.store.add_mute(StoredMute("m", ("*",), ("*",), ("*",), NOW, NOW + 90, "anna", "works"))
    await node.sees(FAULTED)
    assert [await node.after(seconds) for seconds in (0, 60, 30, 1)] == [[], [], [], [LOCKED]]


async def test_a_mute_that_ends_while_something_is_held(begin: Begin) -> None:
    """What has not lasted for long enough when a mute ends is held on, from when it began."""
    node = begin(rule("conStatusFaulted", hold=60, group=0))
    await node.store.add_mute(StoredMute("m", ("*",), ("*",), ("*",), NOW, NOW + 30, "anna", "works"))
    await node.sees(FAULTED)
    assert [await node.after(seconds) for seconds in (0, 30, 29, 1)] == [[], [], [], [LOCKED]]


async def test_what_lasts_longer_than_hours_of_a_mute(begin: Begin) -> None:
    """The same of what the configuration mutes at some hours."""
    hour = datetime.fromtimestamp(NOW, UTC).hour
    at_works = Mute(hours=Hours(hour * 60, (hour + 1) % 24 * 60, zone=UTC))
    node = begin(rule("conStatusFaulted", hold=0, group=0), mutes=(at_works,))
    await node.sees(FAULTED)
    assert await node.after(0) == []
    told = [await node.after(60) for _ in range(61)]
    assert [each for each in told if each] == [[LOCKED]]


async def test_a_mute_is_taken_back(begin: Begin) -> None:
    """What operators have muted is listed, and taken back once."""
    node = begin(rule("conStatusFaulted", hold=0, group=0))
    mute = StoredMute("m", ("con*",), ("*",), ("*",), NOW, None, "anna", "works")
    await node.store.add_mute(mute)
    assert await node.store.mutes() == [mute]
    assert await node.store.remove_mute("m")
    assert not await node.store.remove_mute("m")
    await node.sees(FAULTED)
    assert await node.after(0) == [LOCKED]


async def test_hours(begin: Begin) -> None:
    """Out of its hours a rule tells nothing, but that something is over which it has told."""
    hour = datetime.fromtimestamp(NOW, UTC).hour
    hours = Hours(hour * 60, (hour + 1) % 24 * 60, zone=UTC)
    node = begin(rule("conStatusFaulted", hold=0, group=0, hours=hours))
    await node.sees(FAULTED)
    assert await node.after(0) == [LOCKED]
    await node.after(2 * 3600)
    await node.sees(FINE)
    assert await node.after(0) == [OVER]
    await node.sees(FAULTED)
    assert await node.after(0) == []


async def test_whom_a_rule_means(begin: Begin) -> None:
    """Stations by their globs and tags, backends, and how grave it is."""
    only = [
        rule("conStatus*", "conStatusFaulted", name="a", hold=0, group=0, whom=Whom(("depot-*",))),
        rule("conStatusFaulted", name="b", hold=0, group=0, whom=Whom(tags=frozenset({"hpc"}))),
        rule("conStatusFaulted", name="c", hold=0, group=0, severity="danger"),
        rule("backendAway", name="d", hold=0, group=0, whom=Whom(backends=("oth*",))),
    ]
    node = begin(*only)
    await node.sees(FAULTED, BackendAway("main", "refused", 1))
    assert await node.after(0) == []
    await node.sees(status("Faulted", "WeakSignal", "DEPOT-1"), BackendAway("other", "refused", 1))
    assert sorted(await node.after(0)) == ["alert: Backend away: other", "alert: [DEPOT-1] Connector #1 is now Faulted"]
    await node.sees(DANGER)
    assert await node.after(0) == [LOCKED]


# Channels.


async def test_more_than_a_channel_takes(begin: Begin) -> None:
    """What is beyond its messages an hour is told in a digest; what endangers people is not held back."""
    node = begin(rule("conStatusFaulted", hold=0, group=0), rate=2, digest=900)
    told = []
    for number in range(5):
        await node.sees(status("Faulted", "WeakSignal", f"CP-{number}"))
        told += await node.after(1)
    assert told == [f"alert: [CP-{number}] Connector #1 is now Faulted" for number in range(2)]
    await node.sees(DANGER)
    told = await node.after(1)
    assert [each for each in told if "alert" in each] == ["alert: [CP-1] Connector #1 is now Faulted"]
    assert await node.after(880) == []
    assert await node.after(20) == ["digest: 3 alerts"]
    (digest, *_) = await node.store.deliveries((), None, 1)
    assert [line.partition("]")[0] for line in digest.text.splitlines()] == ["[CP-2", "[CP-3", "[CP-4"]
    assert await node.after(3600) == []
    await node.sees(status("Faulted", "WeakSignal", "CP-8"))
    assert await node.after(0) == ["alert: [CP-8] Connector #1 is now Faulted"], "another hour"


# Several nodes, and restarts.


@SHARED
async def test_two_nodes_see_the_same(begin: Begin) -> None:
    """What two nodes see is one alert; both look at what is due at once, and one of them tells it."""
    ours = rule("backendAway")
    nodes = begin(ours), begin(ours, name="n2")
    away = BackendAway("main", "refused", 3)
    await asyncio.gather(*(node.sees(away) for node in nodes for _ in range(5)))
    nodes[0].clock.now += 100
    await asyncio.gather(*(node.after(0) for node in nodes * 5))
    assert len(await nodes[0].store.deliveries((), None, 10)) == 1
    claimed = await asyncio.gather(*(node.store.claim({"ops": 4}, NOW + 100) for node in nodes))
    assert sorted(map(len, claimed)) == [0, 1]
    await nodes[1].sees(BackendBack("main", 3.0))
    assert await nodes[1].after(10) == ["recovery: Recovered: Backend away: main"]


async def put(node: Node, number: int) -> list[str]:
    """Have messages sent; return their ids."""
    test = Author().test("ops", "anna", NOW)
    return [(await node.store.put("ops", test, NOW)).id for _ in range(number)]


async def test_what_one_node_sends_no_other_sends(begin: Begin, address: URL) -> None:
    """A message is taken by one, no more at once than it asks for; another process on SQLite has none any more."""
    node, other = begin(), begin(name="n2")
    made = await put(node, 3)
    taken, rest = await node.store.claim({"ops": 2}, NOW), await node.store.claim({"ops": 2}, NOW)
    assert (len(taken), len(rest)) == (2, 1)
    taken += rest
    assert sorted(each.id for each in taken) == sorted(made)
    assert await node.store.claim({"ops": 2}, NOW) == []
    assert len(await other.store.claim({"ops": 3}, NOW)) == (3 if address.drivername == SQLITE else 0)


async def test_a_lease_that_ran_out(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its holder is silent of another one takes; the first, which comes late, changes nothing any more."""
    slow, other = begin(), begin(name="n2")
    await put(slow, 1)
    monkeypatch.setattr(module, "LEASE", -1.0)
    (late,) = await slow.store.claim({"ops": 1}, NOW)
    monkeypatch.undo()
    (taken,) = await other.store.claim({"ops": 1}, NOW)
    monkeypatch.setattr(module, "LEASE", -1.0)
    await slow.store.renew([late.id])
    await slow.store.settle(replace(late, attempts=7))
    monkeypatch.undo()
    assert await other.store.claim({"ops": 1}, NOW) == []
    await other.store.settle(replace(taken, status="sent"))
    assert [(each.attempts, each.status) for each in await slow.store.deliveries((), None, 9)] == [(0, "sent")]


async def test_a_lease_from_the_future(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that no clock that is right can have given binds nobody."""
    node = begin()
    made = await put(node, 1)
    monkeypatch.setattr(module, "LEASE", 1e6)
    assert len(await node.store.claim({"ops": 1}, NOW)) == 1
    assert await node.store.claim({"ops": 1}, NOW) == [], "it is a lease as others are"
    monkeypatch.undo()
    assert [each.id for each in await node.store.claim({"ops": 1}, NOW)] == made


async def test_urgent_ones_are_sent_first(begin: Begin) -> None:
    """What endangers people overtakes what waits for a channel that is slow."""
    node = begin(rule("conStatusFaulted", hold=0, group=0))
    await node.sees(*(status("Faulted", "WeakSignal", f"CP-{number}") for number in range(5)))
    await node.after(1)
    await node.sees(status("Faulted", "GroundFailure", "CP-9"))
    await node.after(1)
    everything = await node.store.claim({"ops": 9}, NOW + 9)
    assert [each.urgent for each in everything] == [True, False, False, False, False, False]
    for each in everything:
        await node.store.settle(each)
    assert [each.urgent for each in await node.store.claim({"ops": 1}, NOW + 9)] == [True]


async def test_what_nobody_says_lasts(begin: Begin) -> None:
    """A backend that was away when its node died is not away for ever: the others say what lasts by what they see."""
    ours = rule("backendAway", hold=0, group=0)
    dead, other = begin(ours), begin(ours, name="n2")
    await dead.sees(BackendAway("main", "refused", 3), BackendAway("spare", "refused", 3))
    await dead.after(0)
    await other.sees(BackendAway("spare", "refused", 1))
    for _ in range(6):
        other.clock.now += 60
        await other.store.confirm(other.engine.standing, other.clock.now)
    assert sorted(await other.after(0)) == [
        "alert: Backend away: main",
        "alert: Backend away: spare",
        "recovery: Recovered: Backend away: main",
    ]
    assert sorted(await other.rows()) == [("main", "recovered"), ("spare", "open")]


async def test_what_a_new_process_sees(begin: Begin) -> None:
    """What was told by a process that died, and does not last, is ended by name: that is told; nothing else is."""
    ours = rule("backendAway", "diskFilling", hold=0, group=0)
    dead = begin(ours, rule("backendAway", name="quiet", hold=0, group=0, recovery=False))
    await dead.sees(BackendAway("main", "refused", 3), BackendAway("spare", "refused", 3))
    await dead.after(0)
    new = begin(ours, name="n2")
    await new.store.end({("backendAway", "main"), ("diskFilling", "spare"), ("backendFailing", "main")}, NOW + 1)
    recoveries = [each for each in await new.after(1) if each.startswith("recovery")]
    assert recoveries == ["recovery: Recovered: Backend away: main"]
    assert sorted(await new.rows()) == 2 * [("main", "recovered")] + 2 * [("spare", "open")]
    await new.sees(BackendAway("main", "refused", 3))
    assert await new.after(0) == ["alert: Backend away: main"]


async def test_what_is_old(begin: Begin) -> None:
    """What was over before a time is deleted, with what was sent of it; what lasts stays."""
    node = begin(rule("conStatusFaulted", "commandRefused", hold=0, group=0))
    await node.sees(FAULTED, REFUSED)
    await node.after(0)
    for delivery in await node.store.claim({"ops": 9}, NOW):
        await node.store.settle(delivery)
    assert await node.store.purge(NOW + 1) == 1
    assert await node.rows() == [("cp-1 #1", "open")]


async def test_what_was_muted_is_old(begin: Begin) -> None:
    """What happened while it was muted goes as what was told does."""
    node = begin(rule("commandRefused", hold=0, group=0), mutes=(Mute(),))
    await node.sees(REFUSED)
    assert await node.after(0) == []
    assert await node.rows() == [("cp-1 main", "muted")]
    assert await node.store.purge(NOW + 1) == 1


async def test_what_is_back_again_and_again(begin: Begin) -> None:
    """That something is back is told each time, also by a rule that tells of nothing else."""
    node = begin(rule("backendBack", "clockRight", "faultCleared"))
    fine = StatusChanged("CP-1", None, 1, "Available", "NoError", "", "", cleared=True)
    back: list[Event] = [BackendBack("main", 3.0), ClockRight("CP-1"), fine]
    for _ in range(2):
        await node.sees(BackendAway("main", "refused", 3), ClockWrong("CP-1", 99.0), FAULTED)
        assert await node.after(100) == []
        await node.sees(*back)
        assert len(await node.after(100)) == len(back)


async def test_one_message_for_one_return(begin: Begin) -> None:
    """A rule that tells of what ends something is not told of the end as well; one that does not, is."""
    node = begin(rule("disconnectedFromProxy", "connectedToProxy"), rule("disconnectedFromProxy", name="s"))
    await node.sees(went())
    assert await node.after(70) == ["alert: Client disconnected: CP-1"] * 2
    await node.sees(came())
    told = sorted(await node.after(70))
    assert told == ["alert: Client connected: CP-1", "recovery: Recovered: Client disconnected: CP-1"]
    assert await node.after(3600) == []


async def test_no_error_at_first(begin: Begin) -> None:
    """That a station reports no error is no news unless it had reported one."""
    node = begin(rule("faultCleared", "faultReported", hold=0, group=0))
    await node.sees(status("Available"))
    assert await node.after(0) == []
    await node.sees(FAULTED)
    assert len(await node.after(0)) == 1
    await node.sees(status("Available"))
    assert await node.after(0) == ["alert: [CP-1] Connector #1 reports no error any more"]


async def test_each_transaction(begin: Begin) -> None:
    """Each is told, though a backend gives all of them one number."""
    node = begin(rule("conStartTransaction", "conStopTransaction", group=0))
    for _ in range(2):
        await node.sees(TransactionBegan("CP-1", "7", "main", 1))
        await node.sees(TransactionEnded("CP-1", "7", "main", 1, "Local", 5000.0, 60.0))
        told = await node.after(60)
        assert sorted(told) == ["alert: [CP-1] Transaction Started", "alert: [CP-1] Transaction Stopped"]


async def test_whom_no_rule_means_any_more(begin: Begin) -> None:
    """What lasts of a station that its rule means no more is over after a day, without a word."""
    node = begin(rule("conStatusFaulted"))
    await node.sees(FAULTED, status("Faulted", "WeakSignal", "DEPOT-1"))
    await node.after(100)
    node.engine.rules = Rules([rule("conStatusFaulted", whom=Whom(("depot-*",)))])
    await node.store.retire(node.engine.means, {"ops"}, NOW + REPEATS + 200)
    assert sorted(await node.rows()) == [("cp-1 #1", "recovered"), ("depot-1 #1", "open")]


async def test_more_than_a_digest_lists(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one message all the same: what is beyond is counted."""
    monkeypatch.setattr("voltgate.store.alerts._DIGESTED", 2)
    node = begin(rule("conStatusFaulted", hold=0, group=0), rate=1, digest=900)
    for number in range(6):
        await node.sees(status("Faulted", "WeakSignal", f"CP-{number}"))
        await node.after(1)
    assert await node.after(900) == ["digest: 5 alerts"]
    (digest, *_) = await node.store.deliveries((), None, 1)
    assert digest.text.splitlines()[-1] == "and 3 more"
    assert digest.count == 5
    assert await node.after(3600) == []


async def test_good_news_have_no_recovery(begin: Begin) -> None:
    """That a station is connected no more is no recovery: what is information alone ends without a word."""
    node = begin(rule("connectedToProxy", "disconnectedFromProxy"))
    await node.sees(came())
    assert await node.after(70) == ["alert: Client connected: CP-1"]
    await node.sees(went())
    assert await node.after(70) == ["alert: Client disconnected: CP-1"]


async def test_what_nobody_tells_of_any_more(begin: Begin) -> None:
    """What lasts for a rule that is gone, or that tells of other events now, is over after a day, without a word."""
    node = begin(rule("conStatusFaulted", name="a"), rule("conStatusFaulted", name="b"), rule(name="c"))
    await node.sees(FAULTED)
    await node.after(100)
    rules = {"b": {"backendAway"}, "c": set(ALERTS)}
    await node.store.retire(by(rules), {"ops"}, NOW + REPEATS)
    assert {each.status for each in await node.store.alerts((), None, 9)} == {"open"}
    await node.store.retire(by(rules), {"ops"}, NOW + REPEATS + 200)
    standing = {(each.rule, each.status) for each in await node.store.alerts((), None, 9)}
    assert standing == {("a", "recovered"), ("b", "recovered"), ("c", "open")}
    assert await node.store.purge(NOW + REPEATS + 300) == 2


async def test_who_knocks_no_more(begin: Begin) -> None:
    """A stranger who has not knocked for a day is forgotten; one who goes on is told of once."""
    node = begin(rule("unknownStation"))
    gone, stays = (StationRefused(each, "/x", "192.0.2.1", 404, "not known") for each in ("X1", "X2"))
    await node.sees(gone, stays)
    assert await node.after(100) == ["alert: Unknown station: 2 stations"]
    for _ in range(2):
        assert await node.after(REPEATS / 2) == []
        await node.sees(stays)
    await node.store.retire(by({"r": {"unknownStation"}}), {"ops"}, node.clock.now + 1)
    assert sorted(await node.rows()) == [("x1", "recovered"), ("x2", "open")]


async def test_a_channel_that_is_gone(begin: Begin) -> None:
    """What waits for a channel that is in no configuration any more is given up after a day, and is old some day."""
    node = begin(rule("commandRefused", hold=0, group=0), rate=1)
    for action in ("Reset", "UnlockConnector"):
        await node.sees(CommandRefused("CP-1", "main", action, "not permitted"))
        await node.after(0)
    await node.store.retire(by({}), (), NOW + REPEATS)
    await node.store.retire(by({}), {"ops"}, NOW + REPEATS + 1)
    assert {each.status for each in await node.store.deliveries((), None, 9)} == {"due", "digest"}
    await node.store.retire(by({}), {"other"}, NOW + REPEATS + 1)
    given_up = await node.store.deliveries((), None, 9)
    assert {(each.status, each.error) for each in given_up} == {("given up", "there is no such channel any more")}
    assert await node.store.purge(NOW + REPEATS + 2) == 4


async def test_back_after_a_moment(begin: Begin) -> None:
    """What is as it was told, after a moment of something else that was not told, is no news."""
    node = begin(rule("connectedToProxy", "disconnectedFromProxy", *STATUSES))
    await node.sees(came(), status("Charging"))
    assert len(await node.after(100)) == 2
    await node.sees(went(), status("SuspendedEV"))
    assert await node.after(20) == []
    await node.sees(status("SuspendedEVSE"))
    assert await node.after(20) == []
    await node.sees(came(), status("Charging"))
    assert await node.after(3600) == []
    await node.sees(went(), status("Finishing"))
    gone = await node.after(100)
    assert sorted(gone) == ["alert: Client disconnected: CP-1", "alert: [CP-1] Connector #1 is now Finishing"]
    await node.sees(came(), status("Charging", "GroundFailure"))
    assert len(await node.after(100)) == 2


async def test_back_after_its_end_was_told(begin: Begin) -> None:
    """A fault that comes back is told again if it was told that it is over, whatever came between."""
    node = begin(rule("conStatusFaulted"))
    await node.sees(FAULTED)
    assert await node.after(100) == [LOCKED]
    await node.sees(FINE)
    assert await node.after(30) == [OVER]
    await node.sees(FAULTED)
    assert await node.after(100) == [LOCKED]


async def test_back_after_what_came_between_was_told(begin: Begin) -> None:
    """A fault that comes back is told again if something else was told, and is as it was before that."""
    node = begin(rule(*STATUSES))
    await node.sees(FAULTED)
    assert await node.after(100) == [LOCKED]
    await node.sees(FINE)
    assert await node.after(30) == []
    await node.sees(FAULTED)
    assert await node.after(100) == []
    await node.sees(FINE)
    assert await node.after(100) == ["alert: [CP-1] Connector #1 is now Available"]
    await node.sees(FAULTED)
    assert await node.after(100) == [LOCKED]


async def test_danger_is_told_again(begin: Begin) -> None:
    """A station without a number for its transactions stops two in an emergency on one day: both are told."""
    node = begin(rule("transactionStoppedUnexpectedly"))
    stopped = TransactionEnded("CP-1", "-1", "main", 1, "EmergencyStop", None, None)
    told = "alert: [CP-1] Transaction stopped: EmergencyStop"
    await node.sees(stopped)
    assert await node.after(0) == [told]
    await node.sees(stopped)
    assert await node.after(301) == []
    await node.sees(stopped)
    assert await node.after(0) == [told]


async def test_danger_comes_back_after_a_moment(begin: Begin) -> None:
    """A ground failure that was gone for a moment, of which nothing was told, is told again."""
    node = begin(rule("conStatusFaulted", "conStatusAvailable"))
    told = ["alert: [CP-1] Connector #1 is now Faulted"]
    await node.sees(DANGER)
    assert await node.after(0) == told
    await node.sees(FINE)
    assert await node.after(5) == []
    await node.sees(DANGER)
    assert await node.after(0) == told


async def test_hostile_words(begin: Begin) -> None:
    """Whatever a station calls itself, and whatever it says, its alert is written down and told."""
    node = begin(rule("conStatusFaulted", "unknownStation", hold=0, group=0))
    words = "\0\ud800{x}<b>" * 200
    await node.sees(status("Faulted", words, "CP-\0" + "é" * 900), FAULTED)
    assert len(await node.after(0)) == 2


async def test_in_memory() -> None:
    """Without a database it is the same, in memory."""
    here = AlertsHere("n1")
    node = Node(here, [rule("conStatusFaulted")], Clock())
    await node.sees(FAULTED)
    assert await node.after(70) == [LOCKED]
    await asyncio.gather(*(here.numbers() for _ in range(5)), node.sees(FINE))
    assert await node.after(10) == [OVER]
    assert await here.numbers() == {"due": 2}
    await here.close()
