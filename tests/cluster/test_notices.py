"""Notices reach whom they concern, and none is forgotten before it was taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.waiting import within
from voltgate.cluster import notices as module
from voltgate.cluster.notices import Notice, Notices, Read
from voltgate.relay.records import StoreAway


class Table:
    """Notices that were written; whoever reads gets those after `low`. A text in place of one stands for a failure."""

    def __init__(self) -> None:
        self.written: list[Notice] = []
        self.forgotten = False
        self.away = False

    def say(self, kind: str, data: Any) -> None:
        """Write a notice."""
        self.written.append(Notice(kind, json.dumps(data).encode()))

    async def read(self, before: Read | None) -> Read:
        """Read as the database does."""
        if self.away:
            raise StoreAway("it is away")
        forgotten, self.forgotten = self.forgotten, False
        new = None if before is None or forgotten else self.written[before.low :]
        return Read(new, len(self.written), frozenset(), 0.0)


class Follower:
    """Writes down what it hears; fails with what is in `failing`, once each."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.failing: list[Exception] = []

    async def heard(self, told: Sequence[Any]) -> None:
        self._fail()
        self.told.append(list(told))

    async def missed(self) -> None:
        self._fail()
        self.told.append("missed")

    def _fail(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.01)


class World:
    """Two followers, and what is read for them."""

    def __init__(self) -> None:
        self.table, self.one, self.other = Table(), Follower(), Follower()
        self.faults: list[Exception] = []
        self.notices = Notices(self.table.read, self.faults.append)
        self.notices.follow("one", self.one)
        self.notices.follow("other", self.other)

    async def read(self) -> None:
        """Have them hear what is new."""
        self.notices.wake()
        await within(self.notices.read_on(), "what is new is read")


async def test_each_hears_what_concerns_it() -> None:
    """In the order in which it was written, and once; what no follower knows passes, and is counted."""
    world = World()
    world.table.say("one", "before the start")
    await world.notices.begin()
    for kind, data in (("one", 1), ("other", [2]), ("one", 3), ("novelty", 4)):
        world.table.say(kind, data)
    await world.read()
    await world.read()
    assert (world.one.told, world.other.told) == ([[1, 3]], [[[2]]])
    assert (world.notices.count, world.notices.missed) == (4, 0)


async def test_who_may_have_missed_something_reads_everything() -> None:
    """After a start without a database, and after being away for too long."""
    world = World()
    await world.read()
    world.table.forgotten = True
    await world.read()
    world.table.say("one", 1)
    await world.read()
    assert (world.one.told, world.other.told) == (["missed", "missed", [1]], ["missed", "missed"])
    assert world.notices.missed == 2


async def test_what_could_not_be_taken_is_said_again() -> None:
    """While the database is away nothing is forgotten, whether it could not be read or not be taken."""
    world = World()
    await world.notices.begin()
    world.table.say("one", 1)
    world.table.away = True
    await world.read()
    world.table.away = False
    world.one.failing.append(StoreAway("away again"))
    await within(world.notices.read_on(), "it looks again by itself")
    assert world.one.told == []
    await within(world.notices.read_on(), "and again")
    assert world.one.told == [[1]]


async def test_what_is_forgotten_while_something_is_handed_over() -> None:
    """Nobody knows meanwhile what was written: everything is read again, whatever was being read."""
    world = World()

    class Unsure(Follower):
        async def heard(self, told: Sequence[Any]) -> None:
            await super().heard(told)
            world.notices.forget()

    unsure = Unsure()
    world.notices.follow("one", unsure)
    await world.notices.begin()
    world.table.say("one", 1)
    await world.read()
    await within(world.notices.read_on(), "it reads on by itself")
    assert unsure.told == [[1], "missed"]


async def test_one_that_fails_keeps_nobody_from_hearing() -> None:
    """A fault of ours, or a notice that is no JSON: it is told, and the others go on."""
    world = World()
    await world.notices.begin()
    world.one.failing.append(RuntimeError("a fault"))
    for kind in ("one", "other"):
        world.table.say(kind, 1)
    await world.read()
    world.table.written.append(Notice("one", b"{"))
    world.table.say("other", 2)
    await world.read()
    assert world.other.told == [[1], [2]]
    assert [type(fault) for fault in world.faults] == [RuntimeError, json.JSONDecodeError]
    assert world.one.told == ["missed", "missed"], "which has read everything instead"


async def test_nothing_is_read_until_somebody_wakes_it() -> None:
    """An idle node asks nothing of the database."""
    world = World()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await world.notices.read_on()
