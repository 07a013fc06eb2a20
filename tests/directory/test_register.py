"""The register: what is said of stations while the gateway runs, on disk before it is in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voltgate.app.database import upgrade
from voltgate.directory.claims import Conflict
from voltgate.directory.register import EXPIRY, MOST_TOLD, Change, Register, TooMany, TooShort
from voltgate.directory.rows import Address, Row
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Record, RegisterRecord, StoreAway
from voltgate.store import Database, DatabaseSettings
from voltgate.store.address import read_address

BACKENDS = ("a", "b", "c")
START = 1_800_000_000.0


@dataclass
class Clock:
    """A calendar that a test sets."""

    now: float = START

    def __post_init__(self) -> None:
        """Have a calendar that all registers of a test share."""
        self.calendar = Calendar(self, self)

    def __call__(self) -> float:
        """Give the seconds since 1970."""
        return self.now


@dataclass(slots=True)
class Disk:
    """A store in memory that writes behind, as the database does: while it is `away`, what is to be written waits."""

    rows: dict[tuple[Any, ...], RegisterRecord] = field(default_factory=dict)
    away: bool = False
    asked: int = 0
    waiting: dict[tuple[Any, ...], RegisterRecord | None] = field(default_factory=dict)
    unreadable: list[Record] = field(default_factory=list)

    def put(self, record: Record) -> None:
        """Keep a record."""
        assert isinstance(record, RegisterRecord)
        self.waiting[record.key] = record

    def strike(self, record: Record) -> None:
        """Forget a record."""
        self.waiting[record.key] = None

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Say whether all is on disk, a moment later."""
        self.asked += 1
        if not self.away:
            self.write()
        asyncio.get_running_loop().call_soon(then, not self.away)

    async def read(self, rows: Collection[Row] | None) -> list[RegisterRecord]:
        """Read these rows, None: all."""
        return [record for key, record in self.rows.items() if rows is None or key in rows]

    def spoilt(self, record: Record) -> None:
        """Note that a record cannot be read."""
        self.unreadable.append(record)

    def write(self) -> None:
        """Write what waits."""
        for key, record in self.waiting.items():
            if record is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = record
        self.waiting.clear()


def following(
    register: Register,
    *,
    conflict: Conflict = "first",
    expire: float = 0.0,
    most: int = 1000,
    case_sensitive: bool = False,
    known: Iterable[str] = BACKENDS,
    lasting: Iterable[str] = (),
) -> Register:
    """Let a register go by a configuration."""
    key = (lambda text: text) if case_sensitive else str.casefold
    register.follow(key, known, conflict, expire, most, lasting)
    return register


async def tidied(register: Register) -> list[Change]:
    """Strike out what has expired."""
    return [change async for change in register.tidy()]


async def opened(disk: Disk, wall: Clock | None = None, **configuration: Any) -> Register:
    """Make a register of what is on disk."""
    register = following(Register(disk, (wall or Clock()).calendar), **configuration)
    await register.load(disk.read)
    return register


def shown(register: Register) -> dict[str, Any]:
    """Give all that a register knows."""
    claims = {name: dict(holding) for name, holding in register.claims.holdings.items() if len(holding)}
    addresses = {name: address for name, address in register.addresses.items() if address != Address()}
    return {"claims": claims, "accepted": dict(register.accepted), "addresses": addresses}


# Lists.


async def test_a_list_replaces_the_one_before() -> None:
    """What is no longer on the list is claimed no longer; what stays keeps the time when it was first claimed."""
    clock = Clock()
    register = await opened(Disk(), clock)
    change = await register.replace("a", ["CP1", "CP2"], "billing")
    assert (change.stations, change.added, change.removed, change.keys) == (2, 2, 0, {"cp1", "cp2"})
    clock.now += 10
    change = await register.replace("a", ["CP2", "CP3"], "an operator")
    assert (change.stations, change.added, change.removed, change.keys) == (2, 1, 1, {"cp1", "cp3"})
    assert [register.holder(key) for key in ("cp1", "cp2", "cp3")] == ["", "a", "a"]
    since = {key: (claim.since - START, claim.by) for key, claim in register.claims.of("a")}
    assert since == {"cp2": (0, "billing"), "cp3": (10, "an operator")}


async def test_a_list_that_is_too_short() -> None:
    """A list that is empty, or a tenth shorter than the one before it, changes nothing unless that is meant."""
    disk = Disk()
    register = await opened(disk)
    with pytest.raises(TooShort):
        await register.replace("a", [], "billing")
    await register.replace("a", [f"CP{n}" for n in range(20)], "billing")
    for shorter in ([], ["CP1"], [f"CP{n}" for n in range(18)], ["CP1", "cp1"] * 10):
        before = shown(register)
        with pytest.raises(TooShort) as problem:
            await register.replace("a", shorter, "billing", Address("ws://10.0.0.1/x"))
        assert (problem.value.stations, problem.value.before) == (len({*map(str.casefold, shorter)}), 20)
        assert (shown(register), disk.waiting) == (before, {})
    assert (await register.replace("a", [f"CP{n}" for n in range(19)], "billing")).stations == 19
    assert (await register.replace("a", [], "billing", force=True)).removed == 19


async def test_a_list_is_amended() -> None:
    """Stations are added and taken out; all others stay as they were."""
    register = await opened(Disk())
    await register.replace("a", ["CP1", "CP2"], "billing")
    change = await register.amend("a", ["CP3", "cp2"], ["CP1", "CP9"], "billing")
    assert (change.stations, change.added, change.removed, change.keys) == (2, 1, 1, {"cp1", "cp3"})
    assert sorted(claim.identity for _, claim in register.claims.of("a")) == ["CP3", "cp2"]


async def test_identities_that_are_the_same() -> None:
    """One station that is named twice, in other letters, is one claim, unless letters count."""
    register = await opened(Disk())
    assert (await register.replace("a", ["CP1", "cp1", "CP1"], "billing")).stations == 1
    strict = await opened(Disk(), case_sensitive=True)
    assert (await strict.replace("a", ["CP1", "cp1", "CP1"], "billing")).stations == 2


async def test_conflicts_are_told() -> None:
    """Who claims what another claims is told so: who, since when, said by whom, and who gets it."""
    clock = Clock()
    register = await opened(Disk(), clock)
    await register.replace("a", ["CP1", "CP2"], "billing")
    clock.now += 5
    change = await register.replace("b", ["cp1", "CP3"], "an operator")
    assert change.contested == 1
    (contest,) = change.contests
    assert (contest.station, contest.holder) == ("CP1", "a")
    assert contest.claims == (("a", START, "billing"), ("b", START + 5, "an operator"))
    assert (await register.replace("b", ["cp1", "CP3"], "an operator")).contested == 0


async def test_not_every_conflict_is_told_by_itself() -> None:
    """Of a whole fleet that two claim, a hundred stations are told, and the number of all."""
    register = await opened(Disk())
    fleet = [f"CP{n}" for n in range(MOST_TOLD + 50)]
    await register.replace("a", fleet, "billing")
    change = await register.replace("b", fleet, "other")
    assert (change.contested, len(change.contests)) == (MOST_TOLD + 50, MOST_TOLD)


async def test_there_is_an_upper_bound() -> None:
    """Of all backends together only so many claims are taken; a list that is too long changes nothing."""
    disk = Disk()
    register = await opened(disk, most=5)
    await register.replace("a", ["CP1", "CP2", "CP3"], "billing")
    before, rows = shown(register), dict(disk.rows)
    with pytest.raises(TooMany, match=r"claims\.most"):
        await register.replace("b", ["CP1", "CP2", "CP3"], "other")
    with pytest.raises(TooMany):
        await register.amend("a", ["CP4", "CP5", "CP6"], [], "billing")
    assert (shown(register), disk.rows, disk.waiting) == (before, rows, {})
    assert (await register.replace("a", ["CP4", "CP5", "CP6", "CP7", "CP8"], "billing")).stations == 5
    assert (await register.amend("a", ["CP9"], ["CP4"], "billing")).stations == 5


async def test_a_bound_that_is_lowered_refuses_growth_only() -> None:
    """What is claimed already stays, can be said again, made less and expires; after a restart as well."""
    disk, clock = Disk(), Clock()
    before = await opened(disk, clock, expire=100)
    await before.replace("a", ["CP1", "CP2", "CP3"], "a")
    await before.amend("b", ["CP4"], [], "b")
    register = await opened(disk, clock, expire=100, most=2)
    assert len(register.claims) == 4
    clock.now += 50
    await register.replace("a", ["CP1", "CP2", "CP5"], "a")  # as many as before
    with pytest.raises(TooMany):
        await register.amend("a", ["CP6"], [], "a")
    await register.amend("b", ["CP7"], ["CP4"], "b")
    await register.amend("b", [], ["CP7"], "b")
    with pytest.raises(TooMany):
        await register.amend("b", ["CP7"], [], "b")
    clock.now += 60
    assert [change.backend for change in await tidied(register)] == []
    clock.now += 60
    assert [(change.backend, change.removed) for change in await tidied(register)] == [("a", 3)]
    await register.amend("b", ["CP7"], [], "b")


async def test_half_a_list_is_never_seen() -> None:
    """Whoever looks while a list is replaced sees the former one or the new one."""
    register = await opened(Disk(), most=100_000)
    old, new = {f"A{n}" for n in range(30_000)}, {f"B{n}" for n in range(30_000)}
    await register.replace("a", old, "billing")
    changing = asyncio.ensure_future(register.replace("a", new, "billing"))
    looks = 0
    while not changing.done():
        holding = register.claims.of("a")
        assert (len(holding), holding.find("a0") is None, holding.find("b0") is None) in {
            (30_000, False, True),
            (30_000, True, False),
        }
        looks += 1
        await asyncio.sleep(0)
    assert looks > 1
    assert {claim.identity for _, claim in register.claims.of("a")} == new


async def test_several_change_it_at_once() -> None:
    """Changes of the same list come one after the other: none is lost."""
    register = await opened(Disk())
    calls = [register.amend("a", [f"CP{n}"], [f"CP{n - 1}"] if n % 2 else [], "billing") for n in range(40)]
    changes = await asyncio.gather(*calls)
    assert sorted(claim.identity for _, claim in register.claims.of("a")) == sorted(f"CP{n}" for n in range(1, 40, 2))
    assert sum(change.added - change.removed for change in changes) == 20


# Where backends are.


async def test_a_backend_says_where_it_is() -> None:
    """A new address comes with a list or without, is kept until another one is said, and is told as a move once."""
    register = await opened(Disk())
    there = Address("ws://10.0.0.1/{station}", "", START, "billing")
    assert (await register.replace("a", ["CP1"], "billing", there)).moved
    again = Address(there.url, "", START + 5, "billing")
    assert not (await register.amend("a", [], [], "billing", again)).moved
    assert not (await register.replace("a", ["CP2"], "billing")).moved
    assert register.addresses["a"].url == there.url
    assert (await register.amend("a", [], [], "billing", Address(there.url, "http://10.0.0.1/soap"))).moved


# Expiry.


async def test_claims_expire() -> None:
    """A claim that is not said again is none; a list renews all of its claims, an amendment those that it names."""
    clock = Clock()
    register = await opened(Disk(), clock, expire=100)
    await register.replace("a", ["CP1", "CP2"], "billing")
    clock.now += 60
    await register.amend("a", ["CP2"], [], "billing")
    clock.now += 60
    assert [register.holder("cp1"), register.holder("cp2")] == ["", "a"]
    (change,) = await tidied(register)
    assert (change.backend, change.by, change.stations, change.keys) == ("a", EXPIRY, 1, {"cp1"})
    assert [key for key, _ in register.claims.of("a")] == ["cp2"]
    await register.replace("a", ["CP2"], "billing")
    clock.now += 99
    assert await tidied(register) == []
    assert register.holder("cp2") == "a"


async def test_claims_of_the_management_system_last() -> None:
    """A backend that nobody renews claims for keeps them, in its place, while those of others expire."""
    clock = Clock()
    register = await opened(Disk(), clock, expire=100, lasting=["a"])
    await register.amend("a", ["CP1"], [], "anna")
    await register.amend("b", ["CP1", "CP2"], [], "billing")
    clock.now += 1000
    assert [register.holder("cp1"), register.holder("cp2")] == ["a", ""]
    (change,) = await tidied(register)
    assert (change.backend, change.keys) == ("b", {"cp1", "cp2"})
    assert (await register.amend("a", ["CP1"], [], "bob")).added == 0


async def test_a_claim_that_has_expired_is_made_anew() -> None:
    """Whoever says a claim again too late has lost his place, and the station goes by that at once."""
    clock = Clock()
    register = await opened(Disk(), clock, expire=100)
    await register.replace("a", ["CP1"], "billing")
    clock.now += 50
    await register.replace("b", ["CP1"], "other")
    assert register.holder("cp1") == "a"
    clock.now += 60
    change = await register.replace("a", ["CP1"], "billing")
    assert register.holder("cp1") == "b"
    assert (change.keys, change.added, change.contested) == ({"cp1"}, 1, 1)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_renewal_beats_the_expiry_that_it_meets(whole: bool) -> None:
    """A list that is said again while the old claims are being struck out is not struck out with them."""
    clock, disk = Clock(), Disk()
    register = await opened(disk, clock, expire=100)
    await register.replace("a", ["CP1", "CP2"], "billing")
    clock.now += 100
    renewal = (
        register.replace("a", ["CP1"], "billing", force=True) if whole else register.amend("a", ["CP1"], [], "billing")
    )
    _, changes = await asyncio.gather(renewal, tidied(register))
    assert register.holder("cp1") == "a"
    assert all("cp1" not in change.keys for change in changes)
    assert register.claims.of("a").find("cp2") is None


# Accepted stations.


async def test_a_station_is_accepted_and_forgotten() -> None:
    """An operator lets a station in on a route, and takes that back; both are on disk."""
    disk = Disk()
    register = await opened(disk)
    accepted = await register.accept("CP1", "main", "an operator")
    assert (accepted.identity, accepted.route, accepted.by, accepted.at) == ("CP1", "main", "an operator", START)
    assert (await opened(disk)).accepted == register.accepted == {"cp1": accepted}
    assert await register.forget("cp1")
    assert not await register.forget("cp1")
    assert (await opened(disk)).accepted == register.accepted == {}


# The database.


async def test_what_is_kept_outlives_the_process() -> None:
    """After a restart there are the same claims, addresses, accepted stations and the same key."""
    disk = Disk()
    register = await opened(disk)
    await register.replace("a", [f"CP{n}" for n in range(500)], "billing", Address("ws://10.0.0.1/x", by="billing"))
    await register.amend("b", ["CP1", "Ü 1"], [], "an operator")
    await register.accept("CP-new", "main", "an operator")
    again = await opened(disk)
    assert shown(again) == shown(register)
    assert again.key_of_callbacks == register.key_of_callbacks
    assert len(again.key_of_callbacks) == 32


async def test_nothing_is_taken_before_what_is_on_disk_is_known() -> None:
    """While nobody knows what was claimed before, nothing can be claimed: it would strike out the rest."""
    disk = Disk()
    await (await opened(disk)).replace("a", ["CP1"], "billing")
    rows = dict(disk.rows)
    register = following(Register(disk))
    assert not register.loaded
    for change in (
        register.replace("a", ["CP2"], "billing"),
        register.amend("a", ["CP2"], [], "billing"),
        register.accept("CP2", "main", "an operator"),
    ):
        with pytest.raises(StoreAway):
            await change
    assert (disk.rows, disk.waiting, shown(register)["claims"]) == (rows, {}, {})


async def test_without_a_database() -> None:
    """A gateway that keeps nothing takes claims all the same."""
    register = following(Register())
    assert register.loaded
    await register.replace("a", ["CP1"], "billing")
    assert register.holder("cp1") == "a"
    assert len(register.key_of_callbacks) == 32


async def test_a_database_that_is_away_changes_nothing() -> None:
    """What cannot be written is refused, and neither the register nor the disk shows a trace of it, ever."""
    disk = Disk()
    register = await opened(disk)
    await register.replace("a", ["CP1", "CP2"], "billing", Address("ws://10.0.0.1/x"))
    await register.accept("CP1", "main", "an operator")
    before, rows = shown(register), {key: record.data for key, record in disk.rows.items()}
    disk.away = True
    for change in (
        register.replace("a", ["CP3", "CP4"], "billing", Address("ws://10.0.0.2/x")),
        register.replace("c", ["CP3"], "billing", Address("ws://10.0.0.2/x")),
        register.amend("b", ["CP3"], [], "billing"),
        register.accept("CP3", "main", "an operator"),
        register.forget("cp1"),
        register.accept("CP1", "other", "an operator"),
    ):
        with pytest.raises(StoreAway):
            await change
    assert shown(register) == before
    disk.away = False
    disk.write()
    assert shown(await opened(disk)) == before
    assert {key: record.data for key, record in disk.rows.items()}.items() >= rows.items()
    await register.amend("b", ["CP3"], [], "billing")
    assert register.holder("cp3") == "b"


A_MONTH = 30 * 86400.0


@pytest.mark.parametrize("by", [A_MONTH, -A_MONTH])
async def test_a_clock_that_jumps_and_comes_back(by: float) -> None:
    """No claim is void, or struck out, because of a look at a clock that is wrong; not at the next start either."""
    disk, clock, passed = Disk(), Clock(), [0.0]
    clock.calendar = Calendar(clock, lambda: passed[0])
    before = await opened(disk, clock, expire=7 * 86400)
    await before.replace("a", ["CP1"], "a")
    rows = dict(disk.rows)
    for jump in (by, -by):
        clock.now += jump
        for register in (before, await opened(disk, clock, expire=7 * 86400)):
            assert register.holder("cp1") == "a"
            assert await tidied(register) == []
        clock.now += 2 * 3600
        passed[0] += 2 * 3600
        assert before.holder("cp1") == "a"
        assert await tidied(before) == []
    assert disk.rows == rows
    other = Clock(clock.now + by)  # of a process that begins while the clock is wrong
    register = await opened(disk, other, expire=7 * 86400)
    assert (register.holder("cp1"), await tidied(register)) == ("a", [])
    clock.now += 7 * 86400
    passed[0] += 7 * 86400
    assert (before.holder("cp1"), len(await tidied(before))) == ("", 1)


SPOILT = {"no JSON": b"{", "no text": b"\xff", "another shape": b'{"backend":5}', "a list": b"[]", "empty": b""}
MANY = [f"CP{n}" for n in range(500)]


@pytest.mark.parametrize("data", SPOILT.values(), ids=SPOILT)
async def test_a_part_of_a_list_that_cannot_be_read(data: bytes) -> None:
    """The rest is read; the row stays until the whole list is said again, and whose its stations are nobody guesses."""
    disk, clock = Disk(), Clock()
    before = await opened(disk, clock, expire=100)
    await before.replace("a", MANY, "a")
    await before.replace("b", ["CP1"], "b")
    row = disk.rows["claims", "a/7"]
    bad = disk.rows["claims", "a/7"] = RegisterRecord(row.kind, row.name, row.at, data)
    register = await opened(disk, clock, expire=100)
    lost = [key for key in map(str.casefold, MANY) if not register.claims.of("a").find(key)]
    assert (disk.unreadable, 0 < len(lost) < 20) == ([bad], True)
    assert {key for key in map(str.casefold, MANY) if register.is_vague(key)} == set(lost)
    with pytest.raises(StoreAway, match="whole list"):
        await register.amend("a", ["NEW"], [], "a")
    await register.amend("b", ["NEW"], [], "b")
    clock.now += 200
    assert {change.backend for change in await tidied(register)} == {"b"}
    assert disk.rows["claims", "a/7"] == bad
    disk.away = True
    with pytest.raises(StoreAway):
        await register.replace("a", MANY, "a")
    disk.away = False
    disk.write()
    assert disk.rows["claims", "a/7"] == bad
    await register.replace("a", MANY, "a")
    await register.amend("a", ["NEW"], [], "a")
    register = await opened(disk, clock, expire=100)
    assert [key for key in lost if register.holder(key) != "a" or register.is_vague(key)] == []
    await register.amend("a", ["NEWER"], [], "a")


async def test_a_list_that_is_said_again_without_what_could_not_be_read() -> None:
    """The row is written over, too, where the new list holds nothing of that part."""
    disk, clock = Disk(), Clock()
    before = await opened(disk, clock)
    await before.replace("a", MANY, "a")
    row = disk.rows["claims", "a/7"]
    disk.rows["claims", "a/7"] = RegisterRecord(row.kind, row.name, row.at, b"{")
    register = await opened(disk, clock)
    there = [claim.identity for _, claim in register.claims.of("a")]
    await register.replace("a", there, "a", force=True)
    assert not any(map(register.is_vague, map(str.casefold, MANY)))
    disk.unreadable.clear()
    await opened(disk, clock)
    assert disk.unreadable == []


async def test_a_list_whose_time_cannot_be_read_counts_as_said_now() -> None:
    """Its claims hold for as long as claims do: nobody loses stations because of one row."""
    disk, clock = Disk(), Clock()
    before = await opened(disk, clock, expire=100)
    await before.replace("a", ["CP1"], "a")
    clock.now += 60
    await before.replace("a", ["CP1"], "a", force=True)  # the claim is of then, its list of now
    disk.rows["claimant", "a"] = RegisterRecord("claimant", "a", START, b"{")
    clock.now += 60
    register = await opened(disk, clock, expire=100)
    clock.now += 99
    assert register.holder("cp1") == "a"


async def test_other_rows_that_cannot_be_read() -> None:
    """A list whose time is unknown is not struck out; an accepted station is unknown until it is accepted again."""
    disk, clock = Disk(), Clock()
    before = await opened(disk, clock, expire=100)
    await before.replace("a", ["CP1"], "a")
    await before.accept("CP2", "main", "x")
    for key in (("claimant", "a"), ("accepted", "cp2")):
        disk.rows[key] = RegisterRecord(*key, START, b'{"later":1}')
    later = disk.rows["later", "x"] = RegisterRecord("later", "x", START, b"1")
    odd = disk.rows["claims", "odd"] = RegisterRecord("claims", "odd", START, b"1")
    rows = dict(disk.rows)
    register = await opened(disk, clock, expire=100, case_sensitive=True)
    assert {later, odd} < set(disk.unreadable)
    assert (len(disk.unreadable), register.accepted) == (4, {})
    assert [register.is_vague(key) for key in ("cp1", "cp2", "cp3")] == [False, True, False]
    clock.now += 500
    assert await tidied(register) == []
    disk.write()
    assert disk.rows == rows  # though identities are compared otherwise now
    register = await opened(disk, clock, expire=100)
    disk.away = True
    with pytest.raises(StoreAway):
        await register.accept("CP2", "main", "x")
    disk.away = False
    disk.write()
    assert disk.rows == rows
    await register.accept("CP2", "main", "x")
    assert (register.is_vague("cp2"), (await opened(disk, clock)).accepted["cp2"].route) == (False, "main")


async def test_identities_that_are_compared_otherwise_from_now_on() -> None:
    """Whether letters count may change from one start to the next: claims hold, and can be taken back."""
    disk = Disk()
    register = await opened(disk, case_sensitive=True)
    fleet = [f"Depot-{n}" for n in range(200)]
    await register.replace("a", fleet, "billing")
    await register.accept("CP-One", "main", "an operator")
    folded = await opened(disk)
    assert {folded.holder(f"depot-{n}") for n in range(200)} == {"a"}
    assert "cp-one" in folded.accepted
    change = await folded.amend("a", [], fleet[:199], "billing")
    assert (change.removed, change.stations) == (199, 1)
    assert await folded.forget("cp-one")
    for case_sensitive in (True, False, True):
        register = await opened(disk, case_sensitive=case_sensitive)
        assert [claim.identity for _, claim in register.claims.of("a")] == ["Depot-199"]
        assert register.accepted == {}
    assert register.holder("Depot-199") == "a"
    assert register.holder("depot-199") == ""


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    """Open a real SQLite database."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    made: list[Database] = []

    async def opening() -> Database:
        store = Database(address, DatabaseSettings(patience=10))
        made.append(store)
        await store.open()
        return store

    yield opening
    for store in made:
        await store.close()


async def test_a_real_database(database: Any) -> None:
    """Lists in SQLite are the same after a restart, whatever was done to them before."""
    store = await database()
    register = following(Register(store), most=100_000)
    await register.load(store.read_register)
    await register.replace("a", [f"CP{n}" for n in range(5000)], "billing", Address("ws://10.0.0.1/x"))
    await register.replace("a", [f"CP{n}" for n in range(2500, 7500)], "billing")
    await register.amend("b", ["CP1", "Ladesäule 7"], [], "an operator")
    await register.amend("a", [], ["cp2500"], "an operator")
    await register.accept("CP-new", "main", "an operator")
    await register.accept("CP-old", "main", "an operator")
    await register.forget("cp-old")
    await store.close()
    store = await database()
    again = following(Register(store), most=100_000)
    await again.load(store.read_register)
    assert shown(again) == shown(register)
    assert len(again.claims) == 4999 + 2
    assert again.key_of_callbacks == register.key_of_callbacks


# Others on the same disk.


def written_since(disk: Disk, before: dict[tuple[Any, ...], RegisterRecord]) -> set[Row]:
    """Return the rows that are others than before."""
    keys = disk.rows.keys() | before.keys()
    return {(str(kind), str(name)) for kind, name in keys if disk.rows.get((kind, name)) != before.get((kind, name))}


async def test_rows_that_others_have_written_are_taken() -> None:
    """Of these rows alone it is as if the whole disk had been read; stations that have not changed are left alone."""
    disk = Disk()
    one, other = await opened(disk), await opened(disk)
    changes: list[tuple[Callable[[], Any], set[str], bool]] = [
        (lambda: one.replace("a", ["CP1", "CP2", "Ü"], "x"), {"cp1", "cp2", "ü"}, False),
        (lambda: one.amend("b", ["CP1"], [], "x", Address("ws://10.0.0.1/x")), {"cp1"}, True),
        (lambda: one.amend("b", [], [], "x", Address("ws://10.0.0.1/x", at=5.0)), set(), False),
        (lambda: one.amend("a", ["CP9"], ["cp2"], "x"), {"cp9", "cp2"}, False),
        (lambda: one.accept("CP-new", "main", "x"), {"cp-new"}, False),
        (lambda: one.accept("CP-new", "other", "x"), {"cp-new"}, False),
        (lambda: one.forget("cp-new"), {"cp-new"}, False),
        (lambda: one.amend("b", [], [], "x", Address()), set(), True),
    ]
    for change, keys, moved in changes:
        before = dict(disk.rows)
        await change()
        taken = await other.take(disk.read, written_since(disk, before))
        assert (taken.keys, taken.moved, taken.other_key) == (keys, moved, False)
        assert shown(other) == shown(one) == shown(await opened(disk))
    assert (await other.take(disk.read, None)).keys == frozenset()


async def test_a_row_that_another_has_spoilt_and_mended() -> None:
    """While it cannot be read nobody knows whose its stations are; when it can, they know again."""
    disk = Disk()
    await (await opened(disk)).amend("a", ["CP1"], [], "x")
    register = await opened(disk)
    (row,) = (key for key in disk.rows if key[0] == "claims")
    good = disk.rows[row]
    disk.rows[row] = RegisterRecord(good.kind, good.name, good.at, b"{")
    await register.take(disk.read, {row})
    assert register.is_vague("cp1")
    assert register.unreadable.backends == {"a"}
    disk.rows[row] = good
    assert (await register.take(disk.read, {row})).keys == {"cp1"}
    assert (register.is_vague("cp1"), register.holder("cp1")) == (False, "a")


async def test_another_key_of_callbacks() -> None:
    """Two that begin at once each make one; the last that was written counts for both."""
    disk = Disk()
    register = await opened(disk)
    disk.rows["key", "callbacks"] = RegisterRecord("key", "callbacks", 0.0, b"another")
    assert (await register.take(disk.read, {("key", "callbacks")})).other_key
    assert register.key_of_callbacks == b"another"


async def test_rows_of_a_gateway_that_compares_identities_otherwise() -> None:
    """What stands in other parts than here is read as a whole, and nothing is written because of it."""
    disk = Disk()
    one, other = await opened(disk, case_sensitive=True), await opened(disk)
    before = dict(disk.rows)
    await one.replace("a", [f"CP{n}" for n in range(20)], "x")
    await other.take(disk.read, written_since(disk, before))
    assert (len(other.claims), other.holder("cp3")) == (20, "a")
    before = dict(disk.rows)
    await one.amend("a", [], ["CP3"], "x")
    await other.take(disk.read, written_since(disk, before))
    assert (len(other.claims), other.holder("cp3"), other.holder("cp4")) == (19, "", "a")
    assert disk.waiting == {}


# The model.

IDENTITIES = st.sampled_from(["CP1", "cp1", "CP2"])
SOME = st.one_of(st.just(["CP1"]), st.lists(IDENTITIES, max_size=3))
BACKEND = st.sampled_from(BACKENDS[:2])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("list"), BACKEND, SOME),
        st.tuples(st.just("amend"), BACKEND, SOME, SOME),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 30, 60])),
        st.tuples(st.just("tidy")),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("restart")),
    ),
    min_size=8,
    max_size=30,
)


@dataclass(slots=True)
class Model:
    """What the register should say, written down in the simplest way."""

    conflict: Conflict
    expire: int
    fold: Callable[[str], str]
    now: float = START
    lists: dict[str, dict[str, tuple[float, float]]] = field(default_factory=lambda: {name: {} for name in BACKENDS})
    """For each backend and key, since when it is claimed and when that was last said."""

    def stands(self, said: float) -> bool:
        """Tell whether a claim stands that was last said then."""
        return not self.expire or said + self.expire > self.now

    def put(self, name: str, identities: list[str]) -> None:
        """Replace a list."""
        self.lists[name] = {key: (self._since(name, key), self.now) for key in map(self.fold, identities)}

    def amend(self, name: str, add: list[str], remove: list[str]) -> None:
        """Amend a list."""
        added = {key: (self._since(name, key), self.now) for key in map(self.fold, add)}
        for key in map(self.fold, remove):
            self.lists[name].pop(key, None)
        self.lists[name].update(added)

    def _since(self, name: str, key: str) -> float:
        since, said = self.lists[name].get(key, (self.now, -1e12))
        return since if self.stands(said) or not self.expire else self.now

    def tidy(self) -> None:
        """Strike out what has expired."""
        for name, claims in self.lists.items():
            self.lists[name] = {key: claim for key, claim in claims.items() if self.stands(claim[1])}

    def holder(self, key: str) -> str:
        """Say whose a station is."""
        standing = sorted(
            (claims[key][0], name)
            for name, claims in self.lists.items()
            if key in claims and self.stands(claims[key][1])
        )
        if not standing or (self.conflict == "neither" and len(standing) > 1):
            return ""
        return standing[-1 if self.conflict == "newest" else 0][1]


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    conflict=st.sampled_from(["first", "newest", "neither"]),
    expire=st.sampled_from([0, 50]),
    case_sensitive=st.booleans(),
)
def test_any_history(steps: list[Any], conflict: Conflict, expire: int, case_sensitive: bool) -> None:
    """Whatever is said, waits, expires, fails or restarts: stations are whose they should be, and go there."""
    asyncio.run(_play(steps, conflict, expire, case_sensitive=case_sensitive))


async def _play(steps: list[Any], conflict: Conflict, expire: int, *, case_sensitive: bool) -> None:
    disk, clock = Disk(), Clock()
    model = Model(conflict, expire, (lambda text: text) if case_sensitive else str.casefold)
    configuration = {"conflict": conflict, "expire": expire, "case_sensitive": case_sensitive}
    register = await opened(disk, clock, **configuration)
    keys = {model.fold(identity) for identity in ("CP1", "cp1", "CP2")}
    placed = dict.fromkeys(keys, "")
    """Where stations are that go by what is said of changes."""
    for kind, *said in [*steps, ("away", False), ("tidy",)]:
        clock.now = model.now = model.now + 1
        if kind == "wait":
            clock.now = model.now = model.now + said[0]
        elif kind == "away":
            (disk.away,) = said
        elif kind == "restart":
            disk.away = False
            disk.write()
            register = await opened(disk, clock, **configuration)
            placed = {key: register.holder(key) for key in keys}
        else:
            moved = await _change(kind, said, register, model, disk)
            placed |= {key: register.holder(key) for key in moved}
            if kind == "tidy" and not disk.away:
                assert placed == {key: model.holder(key) for key in keys}
        assert {key: register.holder(key) for key in keys} == {key: model.holder(key) for key in keys}
        assert {name: {key for key, _ in register.claims.of(name)} for name in BACKENDS} == {
            name: set(claims) for name, claims in model.lists.items()
        }
        if not expire:
            assert placed == {key: model.holder(key) for key in keys}


async def _change(kind: str, said: list[Any], register: Register, model: Model, disk: Disk) -> Iterable[str]:
    name, *what = said or [""]
    try:
        if kind == "tidy":
            changes = await tidied(register)
            keys: Iterable[str] = {key for change in changes for key in change.keys}
        else:
            calls: dict[str, Callable[..., Any]] = {
                "list": partial(register.replace, force=True),
                "amend": register.amend,
            }
            change: Change = await calls[kind](name, *what, "somebody")
            assert change.stations == len(register.claims.of(name))
            keys = change.keys
    except StoreAway:
        assert disk.away
        return ()
    calls = {"list": model.put, "amend": model.amend, "tidy": model.tidy}
    calls[kind](*said)
    return keys
