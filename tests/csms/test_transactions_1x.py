"""Transactions of 1.x, as a station tells of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from voltgate.csms.ends import ANOTHER, FREE
from voltgate.csms.model import MeterValue, Token, Transaction
from voltgate.csms.times import written


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        stage.rows.put(Token("04aa", "04AA", group="FAMILY"))
        yield stage


def begins(at: float = NOON, *, connector: int = 1, token: str = "04AA", meter: int = 1000) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": token, "meterStart": meter, "timestamp": written(at)}


def ends(number: int, at: float, meter: int, **more: Any) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": meter, "timestamp": written(at), "reason": "Local", **more}


async def values(station: FakeStation, number: int, at: float, wh: int, watts: int) -> None:
    sampled = [
        {"value": str(wh)},
        {"value": str(watts), "measurand": "Power.Active.Import", "unit": "W"},
    ]
    said = {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": written(at), "sampledValue": sampled}],
    }
    assert await station.say("MeterValues", said) == {}


async def test_a_session(stage: Stage) -> None:
    station = stage.station()
    answer = await station.say("StartTransaction", begins())
    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FAMILY"}
    number = answer["transactionId"]
    await values(station, number, NOON + 60, 1200, 11_000)
    running = stage.one(Transaction)
    assert (running.state, running.power, running.meter_last, running.energy) == ("running", 11_000, 1200, None)
    assert await station.say("StopTransaction", ends(number, NOON + 120, 1383)) == {}
    tx = stage.one(Transaction)
    assert (tx.state, tx.energy, tx.reason, tx.estimated, tx.began, tx.ended) == (
        "ended", 383, "Local", "", NOON, NOON + 120,
    )  # fmt: skip
    assert [row.energy for row in stage.rows.all(MeterValue)] == [1200]


async def test_a_start_that_is_said_again_has_the_same_number(stage: Stage) -> None:
    station = stage.station()
    first = await station.say("StartTransaction", begins())
    assert await station.say("StartTransaction", begins()) == first
    await station.say("StopTransaction", ends(first["transactionId"], NOON + 60, 1100))
    assert await station.say("StartTransaction", begins(), "m1") == first  # the same message, brought twice
    other = await station.say("StartTransaction", begins())  # a station whose clock and register stand still
    assert other["transactionId"] != first["transactionId"]


async def test_an_end_that_is_said_again_changes_nothing(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await station.say("StopTransaction", ends(number, NOON + 60, 1100))
    await stage.wait(500)
    await station.say("StopTransaction", ends(number, NOON + 60, 1100))
    assert stage.one(Transaction).ended_received == NOON


async def test_an_end_without_a_beginning_is_kept(stage: Stage) -> None:
    station = stage.station()
    assert await station.say("StopTransaction", ends(4711, NOON, 900, idTag="04AA")) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}
    }
    tx = stage.one(Transaction)
    assert (tx.ref, tx.state, tx.meter_stop, tx.energy, tx.began) == ("4711", "ended", 900, None, None)


async def test_a_station_that_never_got_a_number(stage: Stage) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins())
    await station.say("StopTransaction", ends(-1, NOON + 60, 1500))
    assert stage.one(Transaction).energy == 500


@pytest.mark.parametrize(("token", "status"), [("04AA", "Accepted"), ("FFFF", "Invalid")])
async def test_a_session_is_kept_whoever_it_is_of(stage: Stage, token: str, status: str) -> None:
    answer = await stage.station().say("StartTransaction", begins(token=token))
    assert answer["idTagInfo"]["status"] == status
    assert stage.one(Transaction).token == token


async def test_a_transaction_that_never_ended(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await values(station, number, NOON + 60, 1200, 7000)
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": written(NOON + 600)}
    await station.say("StatusNotification", free)
    tx = stage.one(Transaction)
    assert (tx.state, tx.estimated, tx.energy, tx.ended) == ("ended", FREE, 200, NOON + 600)
    await station.say("StopTransaction", ends(number, NOON + 590, 1250))  # it had been kept, and comes at last
    tx = stage.one(Transaction)
    assert (tx.estimated, tx.energy, tx.ended) == ("", 250, NOON + 590)


async def test_another_begins_where_one_never_ended(stage: Stage) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins())
    await station.say("StartTransaction", begins(NOON + 60, meter=1700))
    first, second = stage.rows.all(Transaction)
    assert (first.estimated, first.energy, second.state) == (ANOTHER, 0, "running")


async def test_an_end_that_was_concluded_is_taken_back(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": written(NOON + 60)}
    await station.say("StatusNotification", free)
    assert stage.one(Transaction).state == "ended"
    await values(station, number, NOON + 120, 1300, 5000)
    assert (stage.one(Transaction).state, stage.one(Transaction).energy) == ("running", None)
