"""Stations whose clock goes back, or is behind: nothing is closed with less than no time, or less than no energy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.csms.stage import NOON, Stage
from tests.csms.test_transactions_1x import begins, ends, values
from voltgate.csms.ends import ANOTHER, FREE
from voltgate.csms.model import Transaction
from voltgate.ocpp.times import stamp

HOUR = 3600.0


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage(tokens="any") as stage:
        yield stage
        for tx in stage.rows.all(Transaction):
            assert tx.energy is None or tx.energy >= 0
            assert tx.estimated == "" or tx.began is None or tx.ended is None or tx.ended >= tx.began


def free(at: float) -> dict[str, object]:
    return {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(at)}


async def test_a_beginning_by_a_clock_that_was_set_back(stage: Stage) -> None:
    """The end of what ran on the connector is lost. The register tells that the new one began after it."""
    station = stage.station()
    first = (await station.say("StartTransaction", begins()))["transactionId"]
    await values(station, first, NOON + HOUR, 3000, 7000)
    stage.now += 2 * HOUR
    second = (await station.say("StartTransaction", begins(NOON - HOUR, meter=3000)))["transactionId"]
    await values(station, second, NOON - HOUR + 600, 3500, 7000)
    old, new = stage.rows.all(Transaction)
    assert (old.number, old.estimated, old.ended, old.energy) == (first, ANOTHER, NOON + HOUR, 2000)
    assert (new.number, new.state, new.power) == (second, "running", 7000)
    await station.say("StopTransaction", ends(second, NOON - HOUR + 900, 3900))
    assert stage.rows.all(Transaction)[1].energy == 900


@pytest.mark.parametrize("meter", [0, 1000, 500])
async def test_a_beginning_from_before_what_runs_that_no_register_tells_apart(stage: Stage, meter: int) -> None:
    """By its time it was over when the other began: it is closed then, until its station says more of it."""
    station = stage.station()
    await station.say("StartTransaction", begins(meter=1000))
    late = (await station.say("StartTransaction", begins(NOON - HOUR, meter=meter)))["transactionId"]
    running, closed = stage.rows.all(Transaction)
    assert (running.state, closed.estimated, closed.ended, closed.energy) == ("running", ANOTHER, NOON, 0)
    await station.say("StopTransaction", ends(late, NOON - 1, meter + 400))
    assert stage.rows.all(Transaction)[1].energy == 400


async def test_a_connector_that_is_free_by_a_clock_that_is_behind(stage: Stage) -> None:
    """It was so before the transaction began, as far as anybody can tell: nothing is closed."""
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await station.say("StatusNotification", free(NOON - HOUR))
    await values(station, number, NOON - HOUR + 60, 1200, 7000)
    await station.say("StatusNotification", free(NOON - HOUR + 120))
    assert stage.one(Transaction).state == "running"
    await station.say("StatusNotification", free(NOON + 60))
    assert stage.one(Transaction).estimated == FREE


async def test_an_end_by_a_clock_that_was_set_back(stage: Stage) -> None:
    """The times are the station's, and no time is charged for them; a register that is lower is no energy."""
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await station.say("StopTransaction", ends(number, NOON - HOUR, 900))
    tx = stage.one(Transaction)
    assert (tx.state, tx.ended, tx.energy, tx.estimated) == ("ended", NOON - HOUR, 0, "")
