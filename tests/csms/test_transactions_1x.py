"""Transactions of 1.x, as a station tells of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from voltgate.csms.ends import ANOTHER, FREE, NO_READING
from voltgate.csms.model import MeterValue, Token, Transaction
from voltgate.ocpp.messages import Error, Result
from voltgate.ocpp.times import stamp


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        stage.rows.put(Token("04aa", "04AA", group="FAMILY"))
        yield stage


def begins(at: float = NOON, *, connector: int = 1, token: str = "04AA", meter: int = 1000) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": token, "meterStart": meter, "timestamp": stamp(at)}


def ends(number: int, at: float, meter: int, **more: Any) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": meter, "timestamp": stamp(at), "reason": "Local", **more}


async def values(station: FakeStation, number: int, at: float, wh: int, watts: int) -> None:
    sampled = [
        {"value": str(wh)},
        {"value": str(watts), "measurand": "Power.Active.Import", "unit": "W"},
    ]
    said = {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": stamp(at), "sampledValue": sampled}],
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


async def test_a_station_without_a_clock_that_counts_its_messages_anew(stage: Stage) -> None:
    """Each day it boots, and says the same with the same id: it is another transaction."""
    station, numbers = stage.station(), []
    for _ in range(2):
        for _ in range(2):  # the answer was lost
            answer = await station.say("StartTransaction", begins(meter=0) | {"timestamp": "1970-01-01T00:00:09Z"}, "4")
        numbers.append(answer["transactionId"])
        await station.say("StopTransaction", ends(numbers[-1], 0, 5000), "5")
        await stage.wait(86400)
    assert [(tx.number, tx.energy) for tx in stage.rows.all(Transaction)] == [(each, 5000) for each in numbers]
    assert len(set(numbers)) == 2


async def test_an_end_that_is_said_again_changes_nothing(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await station.say("StopTransaction", ends(number, NOON + 60, 1100))
    await stage.wait(500)
    await station.say("StopTransaction", ends(number, NOON + 60, 1100))
    assert stage.one(Transaction).ended_received == NOON


@pytest.mark.parametrize("odd", [b"1e999", b'"\\ud83d"', b'[1e999, "\\ud83d"]'])
async def test_what_no_reader_holds_makes_nothing_else_unreadable(stage: Stage, odd: bytes) -> None:
    station = stage.station()
    for action, said in (("StartTransaction", begins()), ("StopTransaction", ends(1, NOON + 60, 1500))):
        text = json.dumps(said | {"vendor": 0}).encode().replace(b'"vendor": 0', b'"vendor": ' + odd)
        assert isinstance(await station.call_with(action, text), Result)
    assert stage.one(Transaction).energy == 500


@pytest.mark.parametrize("text", [b"[", b"[1e999]", b"[" * 100_000, b'{"transactionId": ' + b"9" * 5000 + b"}"])
async def test_what_nobody_can_read_is_set_aside(stage: Stage, text: bytes) -> None:
    station = stage.station()
    assert isinstance(await station.call_with("StopTransaction", text), Result)
    assert isinstance(await station.call_with("StartTransaction", text), Error)


async def test_an_end_without_a_beginning_is_kept(stage: Stage) -> None:
    station = stage.station()
    assert await station.say("StopTransaction", ends(4711, NOON, 900, idTag="04AA")) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}
    }
    tx = stage.one(Transaction)
    assert (tx.ref, tx.state, tx.meter_stop, tx.energy, tx.began) == ("4711", "ended", 900, None, None)


async def test_a_number_is_of_one_transaction(stage: Stage) -> None:
    """An end that another system gave the number of, and a beginning right behind it: two transactions."""
    station = stage.station()
    said = (("StopTransaction", ends(2, NOON, 900)), ("StartTransaction", begins()))
    _, started = await asyncio.gather(*(station.say(*each) for each in said))
    assert started["transactionId"] == 1
    assert [(tx.number, tx.state) for tx in stage.rows.all(Transaction)] == [(2, "ended"), (1, "running")]


async def test_a_number_of_another_system_that_another_station_has_from_here(stage: Stage) -> None:
    """Each station has its own transaction 1: the end of one is not that of the other."""
    here, there = stage.station("CP-1"), stage.station("CP-2")
    assert (await here.say("StartTransaction", begins()))["transactionId"] == 1
    await values(there, 1, NOON + 30, 400, 7000)
    await there.say("StopTransaction", ends(1, NOON + 60, 900))
    assert [(tx.station, tx.state, tx.energy) for tx in stage.rows.all(Transaction)] == [
        ("cp-1", "running", None), ("cp-2", "ended", None),
    ]  # fmt: skip
    await there.say("StopTransaction", ends(1, NOON + 90, 5000))  # the end that was said first is its end
    assert stage.rows.all(Transaction)[1].meter_stop == 900


async def test_a_station_that_never_got_a_number(stage: Stage) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins())
    await station.say("StopTransaction", ends(-1, NOON + 60, 1500))
    assert stage.one(Transaction).energy == 500


@pytest.mark.parametrize("meter", [1500, None])
async def test_an_end_without_a_number_that_is_said_again_ends_nothing_else(stage: Stage, meter: int | None) -> None:
    """Its answer was lost: meanwhile another transaction runs, or none."""
    station = stage.station()
    await station.say("StartTransaction", begins())
    said = ends(-1, NOON + 60, 1500) | {"meterStop": meter}
    for _ in range(2):
        await station.say("StopTransaction", said)
    assert stage.one(Transaction).ended == NOON + 60
    other = await station.say("StartTransaction", begins(at=NOON + 90))
    await station.say("StopTransaction", said)
    assert [tx.state for tx in stage.rows.all(Transaction)] == ["ended", "running"]
    await station.say("StopTransaction", ends(-1, NOON + 120, 1600))
    assert stage.rows.all(Transaction)[1].number == other["transactionId"]
    assert stage.rows.all(Transaction)[1].ended == NOON + 120


@pytest.mark.parametrize(("token", "status"), [("04AA", "Accepted"), ("FFFF", "Invalid")])
async def test_a_session_is_kept_whoever_it_is_of(stage: Stage, token: str, status: str) -> None:
    answer = await stage.station().say("StartTransaction", begins(token=token))
    assert answer["idTagInfo"]["status"] == status
    assert stage.one(Transaction).token == token


async def test_a_transaction_that_never_ended(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await values(station, number, NOON + 60, 1200, 7000)
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(NOON + 600)}
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
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(NOON + 60)}
    await station.say("StatusNotification", free)
    assert stage.one(Transaction).state == "ended"
    await values(station, number, NOON + 120, 1300, 5000)
    assert (stage.one(Transaction).state, stage.one(Transaction).energy) == ("running", None)


async def test_a_token_whose_transaction_never_ended_may_charge_there_again(stage: Stage) -> None:
    stage.rows.put(Token("one", "ONE", concurrent=1))
    station = stage.station()
    await station.say("StartTransaction", begins(token="ONE"))
    elsewhere = await station.say("StartTransaction", begins(token="one", connector=2))
    assert elsewhere["idTagInfo"]["status"] == "ConcurrentTx"
    await station.say("StopTransaction", ends(elsewhere["transactionId"], NOON + 1, 1000))
    again = await station.say("StartTransaction", begins(NOON + 60, token="ONE"))
    assert again["idTagInfo"]["status"] == "Accepted"


async def test_a_token_that_charges_elsewhere_from_the_same_moment(stage: Stage) -> None:
    """Two stations say so in one round: one of them is told."""
    stage.rows.put(Token("one", "ONE", concurrent=1))
    stations = stage.station(), stage.station("CP-2")
    told = await asyncio.gather(*(each.say("StartTransaction", begins(token="ONE")) for each in stations))
    assert [each["idTagInfo"]["status"] for each in told] == ["Accepted", "ConcurrentTx"]


async def test_who_asks_or_ends_is_not_told_of_other_transactions(stage: Stage) -> None:
    """ConcurrentTx is for StartTransaction only (1.6 section 7.2)."""
    stage.rows.put(Token("one", "ONE", concurrent=1))
    station = stage.station()
    number = (await station.say("StartTransaction", begins(connector=2)))["transactionId"]
    await station.say("StartTransaction", begins(token="ONE"))
    assert (await station.say("Authorize", {"idTag": "ONE"}))["idTagInfo"]["status"] == "Accepted"
    stopped = await station.say("StopTransaction", ends(number, NOON + 60, 1100, idTag="ONE"))
    assert stopped["idTagInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("number", [2**63 - 1, -1, 0, "lost", 4711])
async def test_values_of_a_number_that_nobody_knows_are_of_what_runs(stage: Stage, number: int) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins())
    await station.say("StartTransaction", begins(connector=2))
    await values(station, number, NOON + 60, 1200, 7000)
    assert [tx.meter_last for tx in stage.rows.all(Transaction)] == [1200, None]
    assert stage.one(MeterValue).ref == stage.rows.all(Transaction)[0].ref


async def test_an_end_whose_register_stands_among_its_values(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    sampled = [{"value": "1400", "context": "Transaction.End"}, {"value": "1000", "context": "Transaction.Begin"}]
    said = ends(number, NOON + 60, 0, transactionData=[{"timestamp": stamp(NOON + 60), "sampledValue": sampled}])
    del said["meterStop"]
    await station.say("StopTransaction", said)
    assert (stage.one(Transaction).energy, stage.one(Transaction).estimated) == (400, "")


async def test_an_end_without_a_register(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await values(station, number, NOON + 30, 1300, 7000)
    said = ends(number, NOON + 60, 0)
    del said["meterStop"]
    await station.say("StopTransaction", said)
    assert (stage.one(Transaction).energy, stage.one(Transaction).estimated) == (300, NO_READING)
    await values(station, number, NOON + 59, 1302, 0)  # it was kept
    assert stage.one(Transaction).energy == 302
    await values(station, number, NOON + 61, 1310, 0)  # what some stations say behind the end
    assert (stage.one(Transaction).state, stage.one(Transaction).energy) == ("ended", 302)
    await station.say("StopTransaction", ends(number, NOON + 60, 1305))
    assert (stage.one(Transaction).energy, stage.one(Transaction).estimated) == (305, "")


@pytest.mark.parametrize("meter", [1000.5, "1000.5", " 1000.5"])
async def test_registers_that_are_no_whole_numbers(stage: Stage, meter: object) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins() | {"meterStart": meter}))["transactionId"]
    await station.say("StopTransaction", ends(number, NOON + 60, 0) | {"meterStop": "1500.75"})
    assert stage.one(Transaction).energy == 500.25


async def test_a_clock_that_was_ahead_and_has_been_set(stage: Stage) -> None:
    """Its transaction began at a time that has not come yet."""
    station = stage.station()
    await station.say("StartTransaction", begins(NOON + 8 * 3600))
    stage.now += 3600
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(stage.now)}
    await station.say("StatusNotification", free)
    assert stage.one(Transaction).estimated == FREE


async def test_a_clock_that_is_ahead_all_the_time(stage: Stage) -> None:
    """It writes local time as if it were UTC: what it says of durations is right all the same."""
    station, ahead = stage.station(), 8 * 3600
    await station.say("StartTransaction", begins(NOON + ahead))
    late = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(NOON + ahead - 60)}
    await station.say("StatusNotification", late)
    assert stage.one(Transaction).state == "running"
    stage.now += 3600
    await station.say("StatusNotification", late | {"timestamp": stamp(NOON + ahead + 3600)})
    assert (stage.one(Transaction).estimated, stage.one(Transaction).ended) == (FREE, NOON + ahead + 3600)


async def test_a_clock_that_jumps_ahead_ends_nothing_in_the_future(stage: Stage) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins())
    stage.now += 3600
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": "2099-01-01T00:00:00Z"}
    await station.say("StatusNotification", free)
    assert stage.one(Transaction).ended == NOON + 3600


async def test_a_beginning_that_was_kept_and_comes_after_the_next(stage: Stage) -> None:
    station = stage.station()
    await station.say("StartTransaction", begins(NOON + 600, meter=2000))
    stage.now += 700
    late = await station.say("StartTransaction", begins(NOON))
    second, first = stage.rows.all(Transaction)
    assert (first.number, first.estimated, first.ended) == (late["transactionId"], ANOTHER, NOON + 600)
    assert second.state == "running"
    await station.say("StopTransaction", ends(late["transactionId"], NOON + 500, 1900))
    assert stage.rows.all(Transaction)[1].energy == 900


async def test_a_beginning_without_a_connector_ends_nothing(stage: Stage) -> None:
    station = stage.station()
    for meter in (1000, 2000):
        said = begins(meter=meter)
        del said["connectorId"]
        await station.say("StartTransaction", said)
    assert [tx.state for tx in stage.rows.all(Transaction)] == ["running", "running"]


async def test_booting_does_not_end_a_transaction(stage: Stage) -> None:
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await station.say("BootNotification", {"chargePointVendor": "A", "chargePointModel": "B"})
    await values(station, number, NOON + 60, 1200, 7000)
    assert stage.one(Transaction).state == "running"


async def test_one_reading_from_the_future_is_not_the_last(stage: Stage) -> None:
    """A clock that jumps for a moment: what is read afterwards counts, and the transaction can end."""
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    await values(station, number, NOON + 1e9, 1100, 7000)
    stage.now += 120
    await values(station, number, NOON + 60, 1200, 5000)
    assert (stage.one(Transaction).meter_last, stage.one(Transaction).power) == (1200, 5000)
    await values(station, number, NOON + 30, 1150, 6000)
    assert stage.one(Transaction).meter_last == 1200
    await values(station, number, NOON + 1e9, 1210, 5000)
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(NOON + 110)}
    await station.say("StatusNotification", free)
    assert stage.one(Transaction).estimated == FREE
