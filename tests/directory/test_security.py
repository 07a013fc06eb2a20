"""What is known of stations' security, over a table that can be away and that others write."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.harness.waiting import until
from voltgate.directory.profiles import Arrival
from voltgate.directory.security import SecurityRecord, StationSecurity
from voltgate.relay.records import StoreAway

PROVEN = {number: Arrival(number, proven=True) for number in range(4)}


class Table:
    """A table in memory, which other gateways may write, and which can be away."""

    def __init__(self) -> None:
        self.rows: dict[str, SecurityRecord] = {}
        self.is_away = False

    async def read(self, stations: Collection[str] | None) -> list[SecurityRecord]:
        """Return rows."""
        self._look()
        return [row for key, row in self.rows.items() if stations is None or key in stations]

    async def came(self, records: Sequence[SecurityRecord]) -> None:
        """Write whoever came with no lower profile than is written."""
        self._look()
        for each in records:
            if self.rows.get(each.station, each).profile <= each.profile:
                self.rows[each.station] = each

    async def change(self, record: SecurityRecord, columns: Mapping[str, Any]) -> None:
        """Write some columns."""
        self._look()
        self.rows[record.station] = replace(self.rows.get(record.station, record), **columns)

    async def took(self, station: str, offered: str, password: str, at: float) -> None:
        """Write that a password was taken."""
        self._look()
        if self.rows[station].offered == offered:
            self.rows[station] = replace(self.rows[station], password=password, offered="", password_at=at)

    def _look(self) -> None:
        if self.is_away:
            raise StoreAway("it is away")


@pytest.fixture
def table() -> Table:
    """An empty table."""
    return Table()


def test_who_came_with_less_while_that_was_looked_at() -> None:
    """The lowest profile does not fall by an arrival with a lower one, whatever else that says."""
    security = StationSecurity(lambda: 5.0)
    for arrival in (Arrival(3, proven=True, until=100.0), PROVEN[2], Arrival(1, proven=True, until=7.0)):
        security.came("cp1", "CP1", arrival)
        assert (security.of("cp1").profile, security.of("cp1").until) == (3, arrival.until)
    security.came("cp2", "CP2", Arrival(2))
    assert security.of("cp2").profile == 0, "what was not proven here binds nobody"


def known(table: Table | None) -> StationSecurity:
    """Make what is known from a table."""
    return StationSecurity(lambda: 7.0, table)


async def test_an_operator_lowers_what_is_yet_to_be_written(table: Table) -> None:
    """A profile that a station has come with just before is not written over what an operator says."""
    security = known(table)
    await security.read()
    security.came("cp1", "CP1", PROVEN[3])
    await security.lower("cp1", "CP1", 1, "ann")
    await security.tend()
    await security.read()
    assert (security.of("cp1").profile, table.rows["cp1"].profile) == (1, 1)


async def test_a_station_comes_again_while_it_is_written(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of it by then is written as well: the profile that was raised meanwhile is not forgotten."""
    security, written = known(table), table.came

    async def slowly(records: Sequence[SecurityRecord]) -> None:
        monkeypatch.setattr(table, "came", written)
        security.came("cp1", "CP1", PROVEN[3])
        await written(records)

    monkeypatch.setattr(table, "came", slowly)
    security.came("cp1", "CP1", PROVEN[2])
    await security.tend()
    assert table.rows["cp1"].profile == 3


async def test_what_is_written_while_the_database_is_away_is_written_later(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile counts here at once, and is on disk when that is back; an operator changes nothing meanwhile."""
    monkeypatch.setattr("voltgate.directory.security._AGAIN", 0.001)
    security = known(table)
    table.is_away = True
    assert not security.is_read
    security.came("cp1", "CP1", PROVEN[2])
    assert security.of("cp1").profile == 2

    async def tend() -> None:
        while True:
            await security.tend()

    task = asyncio.create_task(tend())
    with pytest.raises(StoreAway):
        await security.lower("cp2", "CP2", 0, "anna")
    table.rows["cp3"] = SecurityRecord("cp3", "CP3", 3)
    table.is_away = False
    await until(lambda: "cp1" in table.rows, "it is written")
    assert security.is_read
    assert security.of("cp1").profile == 2
    assert security.of("cp3").profile == 3
    task.cancel()


async def test_what_others_write_counts_here(table: Table) -> None:
    """A row that another gateway has written is read again; what came here meanwhile with a higher profile stays."""
    security = known(table)
    await security.read()
    table.rows["cp1"] = SecurityRecord("cp1", "CP1", 1, password="p")
    await security.heard([["cp1"], ["cp9"]])
    assert security.of("cp1").profile == 1
    security.came("cp1", "CP1", PROVEN[3])
    await security.heard([["cp1"]])
    assert (security.of("cp1").profile, security.of("cp1").password) == (3, "p")
    table.rows["cp2"] = SecurityRecord("cp2", "CP2", 2)
    await security.missed()
    assert [security.of(key).profile for key in ("cp1", "cp2")] == [3, 2]


async def test_only_what_is_proven_and_higher_counts() -> None:
    """A lower profile, and one that nobody here has checked, change nothing; another certificate does."""
    security = known(None)
    security.came("cp1", "CP1", Arrival(3))
    assert security.of("cp1") == SecurityRecord("cp1", "cp1")
    security.came("cp1", "CP1", PROVEN[2])
    security.came("cp1", "CP1", PROVEN[1])
    assert security.of("cp1").profile == 2
    security.came("cp1", "CP1", Arrival(3, proven=True, until=100.0))
    security.came("cp1", "CP1", Arrival(3, proven=True, until=200.0))
    assert [each.until for each in security.ending(300.0)] == [200.0]
    assert list(security.ending(150.0)) == []
    await security.lower("cp1", "CP1", 1, "anna")
    assert (security.of("cp1").profile, security.of("cp1").by) == (1, "anna")
    security.came("cp1", "CP1", PROVEN[2])
    assert (security.of("cp1").profile, security.of("cp1").by) == (2, "")


async def test_passwords_that_were_offered(table: Table) -> None:
    """At most three of which nobody knows whether they were taken; what is settled late changes nothing."""
    security = known(table)
    await security.read()
    assert security.passwords("cp1", "own") == ("own",)
    for name in "abcd":
        await security.offer("cp1", "CP1", name)
    assert security.passwords("cp1", "own") == ("own", "b", "c", "d")
    await security.settle("cp1", "d", taken=False)
    assert security.passwords("cp1", "own") == ("own", "b", "c")
    security.used("cp1", "own")
    security.used("cp1", "c")
    assert security.passwords("cp1", "own") == ("c",)
    await security.settle("cp1", "b", taken=True)
    assert security.passwords("cp1", "own") == ("c",)
    await security.tend()
    assert (table.rows["cp1"].password, table.rows["cp1"].offered) == ("c", "")
    await security.offer("cp1", "CP1", "e")
    await security.settle("cp1", "e", taken=True)
    assert table.rows["cp1"].password == "e"
    assert await security.forget_password("cp1")
    assert not await security.forget_password("cp1")
    assert security.passwords("cp1", "own") == ("own",)


def test_no_hash_is_shown() -> None:
    """A record that is printed shows no hash."""
    assert "secret" not in repr(SecurityRecord("cp1", "CP1", password="secret", offered="secret"))
