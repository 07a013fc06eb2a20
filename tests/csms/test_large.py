"""Messages that are large: nobody else waits long for them, and what is too much of them is dropped and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, MeterValue, Stage
from voltgate.csms import rounds
from voltgate.csms.handlers import metering
from voltgate.csms.meters import unpack
from voltgate.csms.model import Transaction
from voltgate.ocpp.times import stamp


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(metering, "MOST_VALUES", 4)
    monkeypatch.setattr(rounds, "MOST_BYTES", 1000)
    async with Stage(tokens="any") as stage:
        yield stage


async def begin(station: FakeStation) -> int:
    said = {"connectorId": 1, "idTag": "04AA", "meterStart": 1000, "timestamp": stamp(NOON)}
    number: int = (await station.say("StartTransaction", said))["transactionId"]
    return number


def reading(minute: int, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": stamp(NOON + 60 * minute), "sampledValue": list(samples)}


async def test_of_too_many_readings_the_most_telling_are_kept(stage: Stage) -> None:
    """The transaction follows all of them; those of its beginning and its end are kept however many there are."""
    station = stage.station()
    number = await begin(station)
    data = [reading(minute, {"value": str(1000 + 100 * minute)}) for minute in range(1, 10)]
    data.append(reading(10, {"value": "1950", "context": "Transaction.End"}))
    await station.say(
        "StopTransaction", {"transactionId": number, "timestamp": stamp(NOON + 600), "transactionData": data}
    )
    tx = stage.one(Transaction)
    assert (tx.meter_stop, tx.energy, tx.meter_last, tx.charged_until) == (1950, 950, 1950, NOON + 600)
    assert sorted(row.energy for row in stage.rows.all(MeterValue)) == [1100, 1200, 1300, 1950]
    assert stage.csms.rounds.counts.dropped == 6


async def test_of_too_many_values_of_one_moment_the_first_are_kept(stage: Stage) -> None:
    """The register counts wherever it stands."""
    station = stage.station()
    number = await begin(station)
    others = [{"value": str(volts), "measurand": "Voltage"} for volts in range(230, 240)]
    said = reading(1, *others, {"value": "1.5", "unit": "kWh"})
    await station.say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [said]})
    row = stage.one(MeterValue)
    assert [sample.value for sample in unpack(row.data).samples] == [230, 231, 232, 233]
    assert (row.energy, stage.one(Transaction).meter_last, stage.csms.rounds.counts.dropped) == (1500, 1500, 7)


async def test_what_is_not_too_much_is_kept_whole(stage: Stage) -> None:
    station = stage.station()
    number = await begin(station)
    said = [reading(minute, {"value": "1100"}, {"value": "230", "measurand": "Voltage"}) for minute in (1, 2)]
    await station.say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": said})
    assert [len(unpack(row.data).samples) for row in stage.rows.all(MeterValue)] == [2, 2]
    assert stage.csms.rounds.counts.dropped == 0


async def test_large_calls_are_answered_few_at_a_time(stage: Stage) -> None:
    """A round has no more bytes than it may; one call that has more is a round of its own."""
    stations = [stage.station(f"CP-{number}") for number in range(6)]
    await stage.wait(0)
    before = stage.csms.rounds.counts.rounds
    sizes = (400, 400, 400, 3000, 400, 400)
    said = [{"vendorId": "x", "data": "y" * size} for size in sizes]
    await asyncio.gather(*(each.say("DataTransfer", of) for each, of in zip(stations, said, strict=True)))
    assert stage.csms.rounds.counts.rounds - before == 4  # two and one, the large one, and two
