"""Rounds: what one call costs the others, and what becomes of it when it cannot be kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.csms.stage import Note, Rows, Stage
from voltgate.csms import rounds
from voltgate.csms.handlers import tables
from voltgate.csms.model import Station
from voltgate.csms.ports import Decide, Needs, StoreAway
from voltgate.csms.said import Said
from voltgate.csms.table import Entry
from voltgate.ocpp.messages import Call, Error, Reply, Result, Unanswered


def breaks(*args: object) -> Any:
    raise RuntimeError("a fault")


def tells(handling: Any) -> dict[str, Any]:
    handling.tell("TriggerMessage", {"requestedMessage": "Heartbeat"})
    return {}


def needs_nothing(said: Said, needs: Needs) -> None:
    pass


@pytest.mark.parametrize("entry", [Entry(breaks), Entry(tells, breaks)])
async def test_a_call_that_a_handler_fails_at_costs_nobody_else(monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
    monkeypatch.setattr(tables, "_OF_1X", {**tables._OF_1X, "DataTransfer": entry})
    async with Stage() as stage:
        one, other = stage.station("CP-1"), stage.station("CP-2")
        failed, answer = await asyncio.gather(one.call("DataTransfer", {"vendorId": "x"}), other.say("Heartbeat", {}))
        assert isinstance(failed, Error)
        assert not isinstance(failed, Unanswered)
        assert failed.code == "InternalError"
        assert "currentTime" in answer
        assert json.loads(stage.one(Note).data) == {"action": "DataTransfer", "payload": {"vendorId": "x"}}
        assert stage.csms.rounds.counts.faults == 1


class Failing(Rows):
    """A store that goes away when a round is to be written."""

    async def round(self, needs: Needs, decide: Decide) -> None:
        list(decide(self._found(needs)))
        raise StoreAway("the disk is gone")


async def test_what_is_not_on_disk_is_neither_answered_nor_acted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_OF_1X", {**tables._OF_1X, "DataTransfer": Entry(tells, needs_nothing)})
    async with Stage() as stage:
        station = stage.station()
        await station.say("DataTransfer", {"vendorId": "x"})
        assert len(station.asked) == 1
        stage.csms.rounds._store = Failing()
        assert isinstance(await station.call("DataTransfer", {"vendorId": "x"}), Unanswered)
        assert len(station.asked) == 1
        assert stage.one(Station).key == "cp-1"


async def test_rows_that_were_dropped_are_counted() -> None:
    async with Stage() as stage:
        station = stage.station()
        await stage.wait(0)
        stage.rows.dropped = 3
        await station.say("DataTransfer", {"vendorId": "finch"})
        assert stage.csms.rounds.counts.trimmed == 3


class Waiting(Rows):
    """A store that two may write to at once, and that takes its time over a station."""

    def __init__(self, station: str) -> None:
        super().__init__(at_once=2)
        self.may_end = asyncio.Event()
        self._station = station

    async def round(self, needs: Needs, decide: Decide) -> int:
        if self._station in needs.stations:
            await self.may_end.wait()
        return await super().round(needs, decide)


async def test_while_the_database_works_for_some_others_are_answered() -> None:
    """A station's own calls stay in the order in which it makes them."""
    rows = Waiting("cp-1")
    async with Stage(rows) as stage:
        first, second = stage.station("CP-1"), stage.station("CP-4")
        said = [asyncio.ensure_future(first.say("DataTransfer", {"vendorId": str(n)})) for n in range(3)]
        assert await second.say("DataTransfer", {"vendorId": "x"})
        assert not any(call.done() for call in said)
        rows.may_end.set()
        await asyncio.gather(*said)
        own = [note for note in stage.rows.all(Note) if note.station == "cp-1"]
        assert [json.loads(note.data)["vendorId"] for note in own] == ["0", "1", "2"]


async def test_a_call_that_cannot_even_be_set_aside_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its station keeps it, until there is a database again."""
    monkeypatch.setattr(tables, "_OF_1X", {**tables._OF_1X, "DataTransfer": Entry(breaks)})
    async with Stage() as stage:
        station = stage.station()
        await station.say("Heartbeat", {})
        stage.csms.rounds._store = Failing()
        assert isinstance(await station.call("DataTransfer", {"vendorId": "x"}), Unanswered)


async def test_more_calls_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not answered, and counted; each of the others is answered once."""
    monkeypatch.setattr(rounds, "WAITING", 2)
    async with Stage() as stage:
        station = stage.station()
        await station.say("Heartbeat", {})
        answers: list[Reply] = []
        for number in range(4):
            station._handler(Call(str(number), "DataTransfer", b'{"vendorId":"x"}'), answers.append)
        await stage.wait(0)
        assert [type(each) for each in answers] == [Unanswered, Unanswered, Result, Result]
        assert stage.csms.rounds.counts.overflow == 2


class Hanging(Rows):
    """A store that comes to no end."""

    async def round(self, needs: Needs, decide: Decide) -> None:
        list(decide(self._found(needs)))
        await asyncio.Event().wait()


@pytest.mark.parametrize("actions", [("Authorize",) * 2, ("Authorize", "Authorize", "DataTransfer")])
async def test_what_is_on_its_way_when_a_process_ends_is_not_answered(
    monkeypatch: pytest.MonkeyPatch, actions: tuple[str, ...]
) -> None:
    """Nothing of it is on disk: neither of a round, nor of its calls that are answered one by one since one failed."""
    monkeypatch.setattr(tables, "_OF_1X", {**tables._OF_1X, "DataTransfer": Entry(breaks)})
    async with Stage() as stage:
        station = stage.station()
        await station.say("Heartbeat", {})
        stage.csms.rounds._store = Hanging()
        answers: list[Reply] = []
        for number, action in enumerate(actions):
            said = {"Authorize": b'{"idTag":"A"}', "DataTransfer": b'{"vendorId":"x"}'}[action]
            station._handler(Call(str(number), action, said), answers.append)
        await stage.wait(0)
        assert not answers
        for task in stage._tasks:
            task.cancel()
        await stage.wait(0)
        assert [type(each) for each in answers] == [Unanswered] * len(actions)
