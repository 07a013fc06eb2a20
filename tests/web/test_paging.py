"""Long lists: right whatever their length, and never in the way of messages."""

from __future__ import annotations

import asyncio
import random
import time
from types import SimpleNamespace
from typing import Any

import pytest

from voltgate.directory.register import Register
from voltgate.directory.stations import Directory, Entry
from voltgate.gateway import Snapshot
from voltgate.relay.route import Route
from voltgate.relay.rule import CLAIMANT, Rule
from voltgate.web.choice import Choice, Filter, StationSort
from voltgate.web.paging import Part, Sorter
from voltgate.web.problems import Problem


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("part", [Part(0, 10), Part(1995, 10), Part(8990, 100), Part(20000, 5)])
async def test_a_part_is_what_sorting_all_would_give(part: Part, backwards: bool) -> None:
    """A part of a long list is the same as if all of it had been sorted at once."""
    numbers = list(range(12000))
    random.Random(1).shuffle(numbers)
    found, total = await Sorter().part(
        numbers, lambda number: number % 4 != 0, lambda number: number, part, backwards=backwards
    )
    whole = sorted((number for number in numbers if number % 4), reverse=backwards)
    assert (found, total) == (whole[part.offset : part.offset + part.limit], 9000)


async def test_too_many_long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lists are made a few at a time; who waits too long for the others is told so."""
    monkeypatch.setattr("voltgate.web.paging._PATIENCE", 0.05)
    sorter = Sorter(at_once=0)
    with pytest.raises(Problem) as raised:
        await sorter.part([], bool, bool, Part(0, 1))
    assert raised.value.status == 503


async def _claimed(number: int) -> Snapshot:
    """Make a snapshot in which two backends claim so many stations each, a third of them both."""
    register = Register()
    register.follow(str.casefold, ["a", "b"], "first", 0.0, 10_000_000)
    await register.replace("a", [f"CP-{n:07}" for n in range(number)], "a")
    await register.replace("b", [f"CP-{n:07}" for n in range(number * 2 // 3, number * 5 // 3)], "b")
    await register.accept("Yard", "home", "me")
    entries = [Entry("home", identity="Depot", name="The depot", tags=frozenset({"big"})), Entry("", identity="Lost")]
    directory = Directory(entries, register=register)
    claimed = Route("claimed", "backend", (Rule(answer=(CLAIMANT,)),))
    routes = {"claimed": claimed, "home": Route("home", "gateway", (Rule(answer=("b",)),))}
    return SimpleNamespace(directory=directory, routes=routes)  # type: ignore[return-value]


async def names(snapshot: Snapshot, wanted: Filter, sort: StationSort = "identity", part: Part | None = None) -> Any:
    """Give the part of the stations that are wanted, and how many there are."""
    choice = Choice(snapshot, {}, wanted, sort)
    return await Sorter().part(
        choice.roster(), choice.takes, choice.rank, part or Part(0, 1000), backwards=sort == "-identity"
    )


async def test_claimed_stations_are_listed() -> None:
    """The list holds each station once, whoever claims it, and finds it by its backend and route."""
    snapshot = await _claimed(9)
    whole = [*(f"CP-{n:07}" for n in range(15)), "Depot", "Lost", "Yard"]
    assert await names(snapshot, Filter()) == (whole, 18)
    assert await names(snapshot, Filter(), "-identity", Part(1, 2)) == (["Lost", "Depot"], 18)
    assert await names(snapshot, Filter(backend="a")) == (whole[:9], 9)
    assert await names(snapshot, Filter(backend="b")) == ([*whole[9:15], "Depot", "Yard"], 8)
    assert await names(snapshot, Filter(route="home")) == (["Depot", "Yard"], 2)
    assert await names(snapshot, Filter(route="")) == (["Lost"], 1)
    assert await names(snapshot, Filter(text="THE")) == (["Depot"], 1)
    assert await names(snapshot, Filter(text="cp-000000", route="claimed"), "route", Part(0, 2)) == (whole[:2], 10)
    assert await names(snapshot, Filter(tag="big")) == (["Depot"], 1)
    assert (await names(snapshot, Filter(), "route", Part(0, 1)))[0] == ["Lost"]


async def test_a_long_list_lets_the_loop_turn() -> None:
    """While a list of a hundred and fifty thousand stations is made, everybody else goes on."""
    snapshot = await _claimed(90_000)
    turns = 0

    async def turning() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.ensure_future(turning())
    began = time.monotonic()
    found, total = await names(snapshot, Filter(text="cp"), "identity", Part(100_000, 2))
    took = time.monotonic() - began
    others.cancel()
    assert (found, total) == (["CP-0100000", "CP-0100001"], 150_000)
    assert turns > 40, f"the loop turned {turns} times in {took:.2f} s"
