"""A station of 2.x that uses a transactionId again: it was reset to what it left the factory with, or it counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from tests.csms.test_transactions_2x import event, free, tell
from voltgate.csms.ends import AGAIN, FREE
from voltgate.csms.model import MeterValue, Token, Transaction
from voltgate.csms.tariffs import Tariff
from voltgate.csms.times import read_time
from voltgate.ocpp.times import stamp


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage(tell_costs=60.0) as stage:
        stage.rows.put(Token("one", "ONE", concurrent=1))
        yield stage


@pytest.fixture
def station(stage: Stage) -> FakeStation:
    return stage.station(protocol="ocpp2.0.1")


FIRST = [event("Started", 0, 1000, token="ADA"), event("Updated", 60, 1200), event("Ended", 120, 1400)]
SECOND = [event("Started", 600, 5000, token="BOB"), event("Updated", 660, 5300), event("Ended", 720, 5500)]
SHORT = [event("Started", 600, 5000, token="BOB"), event("Ended", 720, 5500, seq=1)]
"""Fewer events than the first: their numbers have all come before."""


def kept(stage: Stage) -> list[tuple[Any, ...]]:
    """Return what is known of each transaction, the first one first."""
    rows = sorted(stage.rows.all(Transaction), key=lambda tx: tx.nth)
    return [(tx.token, tx.began and tx.began - NOON, tx.ended and tx.ended - NOON, tx.energy) for tx in rows]


BOTH = [("ADA", 0, 120, 400), ("BOB", 600, 720, 500)]


@pytest.mark.parametrize("second", [SECOND, SHORT])
async def test_an_id_that_is_used_again_is_another_transaction(
    stage: Stage, station: FakeStation, second: list[dict[str, Any]]
) -> None:
    await tell(station, *FIRST, *second)
    assert kept(stage) == BOTH
    assert [(tx.ref, tx.transaction_id) for tx in stage.rows.all(Transaction)] == [("T1", "T1"), ("T1~2", "T1")]
    assert {row.ref: row.energy for row in stage.rows.all(MeterValue)} == {"T1": 1400, "T1~2": 5500}


async def test_a_third_time(stage: Stage, station: FakeStation) -> None:
    await tell(station, *FIRST, *SECOND, event("Started", 900, 5500, token="EVE"))
    assert kept(stage) == [*BOTH, ("EVE", 900, None, None)]
    assert stage.rows.all(Transaction)[-1].ref == "T1~3"


async def test_what_is_said_again_of_either_changes_neither(stage: Stage, station: FakeStation) -> None:
    await tell(station, *FIRST, *SECOND)
    before = stage.rows.all(Transaction)
    for _ in range(2):
        await tell(station, *FIRST, *SECOND, *reversed(FIRST), *reversed(SECOND))
    assert stage.rows.all(Transaction) == before


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_what_comes_late_of_the_first_is_of_the_first(stage: Stage, station: FakeStation, late: int) -> None:
    """One of its events, the beginning included, comes when the second transaction runs."""
    await tell(station, *(said for number, said in enumerate(FIRST) if number != late))
    await tell(station, *SECOND[:2], FIRST[late], SECOND[2])
    assert kept(stage) == BOTH


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_the_events_of_the_second_in_any_order(stage: Stage, station: FakeStation, order: list[int]) -> None:
    await tell(station, *FIRST, *(SECOND[number] for number in order))
    assert kept(stage) == BOTH


async def test_the_end_of_the_first_and_the_beginning_of_the_second_in_one_second(
    stage: Stage, station: FakeStation
) -> None:
    """The end is said again behind the beginning: it ends what it ended."""
    begins = event("Started", 120, 5000, token="BOB")
    await tell(station, *FIRST, begins, FIRST[2], begins)
    assert kept(stage) == [("ADA", 0, 120, 400), ("BOB", 120, None, None)]


async def test_one_that_never_ended_ends_when_its_id_is_used_again(stage: Stage, station: FakeStation) -> None:
    """Also on another EVSE: the station knows one transaction by that id. Its end may still come."""
    await tell(station, *FIRST[:2], event("Started", 600, 5000, token="BOB", evse={"id": 2}))
    assert kept(stage) == [("ADA", 0, 600, 200), ("BOB", 600, None, None)]
    assert stage.rows.all(Transaction)[0].estimated == AGAIN
    await tell(station, FIRST[2])
    assert kept(stage)[0] == BOTH[0]
    assert stage.rows.all(Transaction)[0].estimated == ""


async def test_one_that_was_closed_by_evidence(stage: Stage, station: FakeStation) -> None:
    await tell(station, *FIRST[:2])
    await station.say("StatusNotification", free(300))
    await tell(station, *SECOND)
    assert kept(stage) == [("ADA", 0, 300, 200), BOTH[1]]
    assert [tx.estimated for tx in stage.rows.all(Transaction)] == [FREE, ""]


async def test_a_station_that_counts_its_events_anew_within_a_transaction(stage: Stage, station: FakeStation) -> None:
    """It says no new beginning: it is the same transaction, also when its end had been concluded."""
    await tell(station, *FIRST[:2])
    await station.say("StatusNotification", free(70))
    await tell(station, event("Updated", 90, 1300, seq=0), event("Ended", 120, 1400, seq=1))
    assert kept(stage) == BOTH[:1]


async def test_a_station_without_a_clock(stage: Stage, station: FakeStation) -> None:
    """What tells its transactions apart is that the first one has ended; a beginning that is said again does not."""
    for hour in range(2):
        stage.now = NOON + 3600 * hour
        for said in (event("Started", 0, 1000), event("Started", 0, 1000), event("Updated", 0), event("Ended", 0)):
            await tell(station, said | {"timestamp": "1970-01-01T00:00:00Z"})
    assert [(tx.began, tx.state) for tx in stage.rows.all(Transaction)] == [(NOON, "ended"), (NOON + 3600, "ended")]


def later(seconds: float, *said: dict[str, Any]) -> list[dict[str, Any]]:
    """Return events with another time on them."""
    return [each | {"timestamp": stamp(read_time(each["timestamp"]) + seconds)} for each in said]


@pytest.mark.parametrize("seconds", [-0.5, 5])
async def test_a_beginning_that_is_said_again_with_another_time_on_it(
    stage: Stage, station: FakeStation, seconds: float
) -> None:
    """Its answer was lost, and its station writes the time when it sends."""
    await tell(station, FIRST[0], *later(seconds, FIRST[0]), *FIRST[1:])
    assert [(token, energy) for token, _, _, energy in kept(stage)] == [("ADA", 400)]


async def test_a_clock_that_is_set_within_a_transaction(stage: Stage, station: FakeStation) -> None:
    """What was said before it was set is said again; until then the time of arrival stood for its own."""
    stage.now = NOON + 300
    await tell(station, *(said | {"timestamp": "1970-01-01T00:00:00Z"} for said in FIRST[:2]))
    await tell(station, *FIRST)
    assert [(tx.ref, tx.energy, tx.estimated) for tx in stage.rows.all(Transaction)] == [("T1", 400, "")]


@pytest.mark.parametrize("seconds", [5, 900])
async def test_all_that_is_said_again_with_other_times(stage: Stage, station: FakeStation, seconds: float) -> None:
    await tell(station, *FIRST, *later(seconds, *FIRST))
    assert [(token, began, energy) for token, began, _, energy in kept(stage)] == [("ADA", 0, 400)]


async def test_a_reading_that_came_too_early_keeps_none_from_its_own(stage: Stage, station: FakeStation) -> None:
    """The first one of the second transaction that comes has a number that the first transaction had not."""
    await tell(station, event("Started", 0, 1000, token="ADA", seq=0), event("Ended", 60, 1200, seq=1))
    await tell(station, event("Updated", 780, 1400, seq=2), event("Updated", 720, 1300, seq=1))
    await tell(station, event("Ended", 840, 1500, seq=3), event("Started", 660, 1250, token="BOB", seq=0))
    assert kept(stage) == [("ADA", 0, 60, 200), ("BOB", 660, 840, 250)]


async def test_a_meter_that_begins_at_0_each_time(stage: Stage, station: FakeStation) -> None:
    first = [event("Started", 0, 0, token="ADA"), event("Updated", 60, 200)]
    await tell(station, *first, event("Started", 600, 0, token="ADA"), event("Ended", 720, 500))
    assert [energy for *_, energy in kept(stage)] == [200, 500]


@pytest.mark.parametrize("is_said", [True, False])
async def test_one_that_charged_nothing_and_was_over_says_nothing_of_the_next(
    stage: Stage, station: FakeStation, is_said: bool
) -> None:
    await tell(station, event("Started", 0, 1000, token="ADA"))
    if is_said:
        await tell(station, event("Ended", 60, 1000))
    else:
        await station.say("StatusNotification", free(60))
    await tell(station, event("Started", 600, 1000, token="ADA"), event("Ended", 720, 1500))
    assert kept(stage) == [("ADA", 0, 60, 0), ("ADA", 600, 720, 500)]


async def test_a_token_that_may_charge_once(stage: Stage, station: FakeStation) -> None:
    """The first transaction counts no more, the second does."""
    await tell(station, event("Started", 0, 1000, token="ONE"))
    again = await tell(station, event("Started", 600, 1000, token="ONE"))
    assert again["idTokenInfo"]["status"] == "Accepted"
    other = await tell(station, event("Started", 700, 0, tx="T2", evse={"id": 2}, token="ONE"))
    assert other["idTokenInfo"]["status"] == "ConcurrentTx"


async def test_the_cost_of_each(stage: Stage, station: FakeStation) -> None:
    """The end of each is answered with what it cost, also when it is said again; on the way by the station's own id."""
    stage.rows.tariffs = (Tariff(name="day", currency="EUR", per_kwh=Decimal(1)),)
    assert (await tell(station, *FIRST))["totalCost"] == 0.4
    await tell(station, *SECOND[:2])
    await stage.csms.tell_costs(stage.csms.peers)
    assert station.asked == [("CostUpdated", {"totalCost": 0.3, "transactionId": "T1"})]
    assert (await tell(station, SECOND[2]))["totalCost"] == 0.5
    assert (await tell(station, FIRST[2]))["totalCost"] == 0.4
    assert (await tell(station, SECOND[2]))["totalCost"] == 0.5
    assert [tx.cost for tx in stage.rows.all(Transaction)] == [40, 50]


async def test_an_id_that_looks_like_another_transaction_of_another_id(stage: Stage, station: FakeStation) -> None:
    await tell(station, *FIRST, SECOND[0], event("Started", 700, 0, tx="T1~2", evse={"id": 2}))
    assert [(tx.ref, tx.transaction_id) for tx in stage.rows.all(Transaction)] == [
        ("T1", "T1"), ("T1~2", "T1"), ("T1~2~1", "T1~2"),
    ]  # fmt: skip
