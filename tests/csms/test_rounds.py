"""Rounds: what one call costs the others, and what becomes of it when it cannot be kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.csms.stage import Note, Rows, Stage
from voltgate.csms.handlers import tables
from voltgate.csms.model import Station
from voltgate.csms.ports import Decide, Needs, StoreAway
from voltgate.csms.said import Said
from voltgate.csms.table import Entry
from voltgate.ocpp.messages import Error, Unanswered


def breaks(*args: object) -> Any:
    raise RuntimeError("a fault")


def tells(desk: Any) -> dict[str, Any]:
    desk.tell("TriggerMessage", {"requestedMessage": "Heartbeat"})
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
