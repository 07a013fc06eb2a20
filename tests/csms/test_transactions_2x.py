"""Transactions of 2.x, as a station tells of them: events in any order, more than once, or with parts missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Note, Stage
from voltgate.csms.ends import ANOTHER, CROWDED, FREE, NO_READING
from voltgate.csms.model import Token, Transaction
from voltgate.ocpp.times import stamp

SEQ = {"Started": 0, "Updated": 1, "Ended": 2}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        stage.rows.put(Token("04aa", "04AA", group="FAMILY"))
        stage.rows.put(Token("one", "ONE", concurrent=1))
        yield stage


@pytest.fixture
def station(stage: Stage) -> FakeStation:
    return stage.station(protocol="ocpp2.0.1")


def event(kind: str, at: float, wh: float | None = None, *, tx: str = "T1", **more: Any) -> dict[str, Any]:
    """Return an event `at` seconds after noon, with a reading if there is one. `token` is its idToken."""
    said: dict[str, Any] = {
        "eventType": kind,
        "timestamp": stamp(NOON + at),
        "triggerReason": more.pop("trigger", "Trigger"),
        "seqNo": more.pop("seq", SEQ[kind]),
        "transactionInfo": {"transactionId": tx, **more.pop("info", {})},
        "evse": more.pop("evse", {"id": 1, "connectorId": 1}),
    }
    if wh is not None:
        said["meterValue"] = [reading(at, wh)]
    if "token" in more:
        said["idToken"] = {"idToken": more.pop("token"), "type": "ISO14443"}
    return {name: value for name, value in (said | more).items() if value is not None}


def reading(at: float, wh: float, context: str = "Sample.Periodic") -> dict[str, Any]:
    return {"timestamp": stamp(NOON + at), "sampledValue": [{"value": wh, "context": context}]}


def free(at: float, evse: int = 1, connector: int = 1) -> dict[str, Any]:
    status = {"connectorStatus": "Available", "evseId": evse, "connectorId": connector}
    return {"timestamp": stamp(NOON + at), **status}


async def tell(station: FakeStation, *events: dict[str, Any]) -> dict[str, Any]:
    """Say events, and return the last answer."""
    answers = [await station.say("TransactionEvent", each) for each in events]
    return answers[-1]


async def test_a_session(stage: Stage, station: FakeStation) -> None:
    answer = await tell(station, event("Started", 0, 1000, token="04aa"))
    assert answer == {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "FAMILY", "type": "Central"}}}
    assert await tell(station, event("Updated", 60, 1200, info={"chargingState": "Charging"})) == {}
    tx = stage.one(Transaction)
    assert (tx.state, tx.charging_state, tx.meter_last, tx.energy) == ("running", "Charging", 1200, None)
    assert await tell(station, event("Ended", 120, 1383, info={"stoppedReason": "EVDisconnected"})) == {}
    tx = stage.one(Transaction)
    assert (tx.state, tx.energy, tx.reason, tx.estimated, tx.began, tx.ended, tx.evse, tx.connector) == (
        "ended", 383, "EVDisconnected", "", NOON, NOON + 120, 1, 1,
    )  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_events_in_any_order_come_to_the_same(stage: Stage, station: FakeStation, order: list[int]) -> None:
    events = [event("Started", 0, 1000, token="04AA"), event("Updated", 60, 1200), event("Ended", 120, 1383)]
    await tell(station, *(events[number] for number in order))
    tx = stage.one(Transaction)
    assert (tx.state, tx.began, tx.ended, tx.energy, tx.meter_last) == ("ended", NOON, NOON + 120, 383, 1383)
    assert (tx.token, tx.seq, tx.missing, tx.charging_state, tx.power) == ("04AA", 2, "", "", None)


@pytest.mark.parametrize("kind", ["Updated", "Ended"])
async def test_whoever_ends_it_is_not_charged_for_who_began_it(stage: Stage, station: FakeStation, kind: str) -> None:
    """The event of the end comes first, with the token of a guard: it stands there until another comes."""
    guard = event(kind, 120, 1383, token="ONE", trigger="StopAuthorized")
    await tell(station, guard)
    assert (stage.one(Transaction).token, stage.one(Transaction).stop_token) == ("ONE", "ONE")
    await tell(station, event("Started", 0, 1000, token="04AA"))
    tx = stage.one(Transaction)
    assert (tx.token, tx.group, tx.stop_token) == ("04AA", "FAMILY", "ONE")
    await tell(station, event("Ended", 180, 1400, token="ONE", seq=3, trigger="StopAuthorized"))
    assert (stage.one(Transaction).token, stage.one(Transaction).stop_token) == ("04AA", "ONE")
    answer = await tell(station, event("Started", 300, 1400, tx="T2", token="ONE"))
    assert answer["idTokenInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("kind", ["Updated", "Ended"])
async def test_when_it_began_is_not_invented(stage: Stage, station: FakeStation, kind: str) -> None:
    """Its beginning is lost, or comes later."""
    await tell(station, event(kind, 60, 1200))
    assert (stage.one(Transaction).began, stage.one(Transaction).began_received) == (None, NOON)
    await tell(station, event("Started", 0, 1000))
    assert stage.one(Transaction).began == NOON


async def test_what_was_said_of_it_later_shows_that_it_was_not_over(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Updated", 60))
    await station.say("StatusNotification", free(30))
    assert stage.one(Transaction).state == "running"


async def test_what_is_said_again_changes_nothing(stage: Stage, station: FakeStation) -> None:
    events = [event("Started", 0, 1000), event("Updated", 60, 1200), event("Ended", 120, 1383)]
    await tell(station, *events)
    before = stage.one(Transaction)
    stage.now += 500
    await tell(station, *reversed(events), *events)
    assert stage.one(Transaction) == before


async def test_events_that_are_missing_are_known_until_they_come(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Updated", 60, 1200, seq=3))
    assert stage.one(Transaction).missing == "0 1 2"
    await tell(station, event("Started", 0, 1000), event("Updated", 30, 1100, seq=2))
    assert (stage.one(Transaction).missing, stage.one(Transaction).meter_last) == ("1", 1200)


async def test_a_station_that_counts_anew_is_heard(stage: Stage, station: FakeStation) -> None:
    """It has booted in the middle of the transaction."""
    await tell(station, event("Started", 0, 1000), event("Updated", 30, 1100), event("Updated", 60, 1200, seq=2))
    await tell(station, event("Updated", 90, 1300, seq=0), event("Ended", 120, 1400, seq=1))
    assert (stage.one(Transaction).state, stage.one(Transaction).energy) == ("ended", 400)


async def test_a_reading_after_the_end_does_not_begin_it_again(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Updated", 60, 1200), event("Ended", 120))
    await tell(station, event("Updated", 125, 1250, seq=3))
    tx = stage.one(Transaction)
    assert (tx.state, tx.estimated, tx.energy) == ("ended", NO_READING, 200)


async def test_a_reading_from_before_the_end_that_comes_late_counts(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Ended", 120, seq=3), event("Updated", 119, 1380))
    tx = stage.one(Transaction)
    assert (tx.state, tx.ended, tx.energy, tx.estimated) == ("ended", NOON + 120, 380, NO_READING)


async def test_an_end_that_is_said_again_later_with_less(stage: Stage, station: FakeStation) -> None:
    """A station that writes another time on what it sends again: the parking is not longer for that."""
    await tell(station, event("Started", 0, 1000, token="04AA"), event("Ended", 120, 1383), event("Ended", 900))
    tx = stage.one(Transaction)
    assert (tx.ended, tx.energy, tx.estimated) == (NOON + 120, 383, "")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_an_end_without_a_reading_in_any_order(stage: Stage, station: FakeStation, order: list[int]) -> None:
    events = [event("Started", 0, 1000, token="04AA"), event("Updated", 60, 1200), event("Ended", 120)]
    await tell(station, *[events[index] for index in order])
    tx = stage.one(Transaction)
    assert (tx.energy, tx.meter_stop, tx.estimated, tx.ended) == (200, 1200, NO_READING, NOON + 120)
    await tell(station, event("Ended", 120, 1383, seq=3))
    assert (stage.one(Transaction).energy, stage.one(Transaction).estimated) == (383, "")


async def test_the_end_is_read_from_what_is_of_the_end(stage: Stage, station: FakeStation) -> None:
    values = [reading(120, 1500, "Transaction.End"), reading(60, 1200), reading(0, 1000, "Transaction.Begin")]
    await tell(station, event("Ended", 120, meterValue=values, seq=0))
    tx = stage.one(Transaction)
    assert (tx.meter_start, tx.meter_stop, tx.energy) == (1000, 1500, 500)


async def test_the_beginning_alone_is_no_end(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Updated", 60, 1200))
    await tell(station, event("Ended", 120, meterValue=[reading(0, 1000, "Transaction.Begin")]))
    assert (stage.one(Transaction).energy, stage.one(Transaction).estimated) == (200, NO_READING)


async def test_an_event_that_does_not_say_its_transaction(stage: Stage, station: FakeStation) -> None:
    """It is of the one that runs there."""
    await tell(station, event("Started", 0, 1000), event("Started", 5, 0, tx="T2", evse={"id": 2}))
    await tell(station, event("Ended", 120, 1300) | {"transactionInfo": {}})
    assert {tx.ref: tx.energy for tx in stage.rows.all(Transaction)} == {"T1": 300, "T2": None}


async def test_a_name_that_is_too_long(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000, tx="x" * 5000), event("Started", 1, 0, tx="x" * 5001, evse={"id": 2}))
    await tell(station, event("Ended", 120, 1300, tx="x" * 5000))
    assert [(tx.energy, len(tx.ref) < 300) for tx in stage.rows.all(Transaction)] == [(300, True), (None, True)]


async def test_only_its_own_connector_being_free_ends_a_transaction(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000))
    await station.say("StatusNotification", free(60, connector=2))
    assert stage.one(Transaction).state == "running"
    await station.say("StatusNotification", free(60, connector=1))
    assert (stage.one(Transaction).estimated, stage.one(Transaction).ended) == (FREE, NOON + 60)


async def test_all_connectors_must_be_free_where_it_is_not_said_which(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000, evse={"id": 1}))
    await station.say("StatusNotification", free(10, connector=1) | {"connectorStatus": "Occupied"})
    await station.say("StatusNotification", free(60, connector=2))
    assert stage.one(Transaction).state == "running"
    await station.say("StatusNotification", free(60, connector=1))
    assert stage.one(Transaction).estimated == FREE


async def test_it_goes_on_after_it_seemed_to_have_ended(stage: Stage, station: FakeStation) -> None:
    """A station says that its connector is free, with the cable in (FoxESS); no reading comes with the next event."""
    await tell(station, event("Started", 0, 1000, token="ONE"))
    await station.say("StatusNotification", free(60))
    assert stage.one(Transaction).estimated == FREE
    await tell(station, event("Updated", 90))
    assert (stage.one(Transaction).state, stage.one(Transaction).estimated) == ("running", "")
    other = await tell(station, event("Started", 100, tx="T2", evse={"id": 2}, token="ONE"))
    assert other["idTokenInfo"]["status"] == "ConcurrentTx"


async def test_it_goes_on_for_who_charges_elsewhere_at_the_same_moment(stage: Stage, station: FakeStation) -> None:
    """Both events come in one round."""
    await tell(station, event("Started", 0, 1000, token="ONE"))
    await station.say("StatusNotification", free(60))
    goes_on, begins = event("Updated", 90), event("Started", 100, tx="T2", evse={"id": 2}, token="ONE")
    _, other = await asyncio.gather(*(station.say("TransactionEvent", each) for each in (goes_on, begins)))
    assert other["idTokenInfo"]["status"] == "ConcurrentTx"


async def test_an_event_from_before_does_not_take_an_end_back(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000))
    await station.say("StatusNotification", free(60))
    await tell(station, event("Updated", 50, 1100))
    tx = stage.one(Transaction)
    assert (tx.state, tx.estimated, tx.energy) == ("ended", FREE, 100)


async def test_a_beginning_that_comes_after_that_of_the_next(stage: Stage, station: FakeStation) -> None:
    """Its end is lost; the next one shows that it is over."""
    await tell(station, event("Started", 600, 2000, tx="T2"), event("Started", 0, 1000, tx="T1"))
    second, first = stage.rows.all(Transaction)
    assert (first.ref, first.estimated, first.ended) == ("T1", ANOTHER, NOON + 600)
    assert second.state == "running"


async def test_nothing_ends_what_may_be_elsewhere(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000, evse=None), event("Started", 60, 0, tx="T2", evse=None))
    assert [tx.state for tx in stage.rows.all(Transaction)] == ["running", "running"]


async def test_no_more_transactions_run_at_a_station_than_it_can_have(
    stage: Stage, station: FakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its calls reads all that runs, and others wait for it: what has run longest ends, until more is heard."""
    monkeypatch.setattr("voltgate.csms.ends.MOST", 3)
    for number in range(5):
        stage.now += 1
        await tell(station, event("Updated", number, 1000 + number, tx=f"T{number}", evse=None))
    ended = [(tx.ref, tx.estimated, tx.meter_stop) for tx in stage.rows.all(Transaction) if tx.state == "ended"]
    assert ended == [("T0", CROWDED, 1000), ("T1", CROWDED, 1001)]
    await tell(station, event("Updated", 600, 1500, tx="T0", evse=None, seq=7))
    ended = [(tx.ref, tx.estimated) for tx in stage.rows.all(Transaction) if tx.state == "ended"]
    assert ended == [("T1", CROWDED), ("T2", CROWDED)]


async def test_what_21_adds_is_kept(stage: Stage) -> None:
    costs = {"totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {}}, "totalUsage": {"energy": 1.0}}
    said = event("Updated", 60, costDetails=costs, info={"transactionLimit": {"maxCost": 10}})
    await tell(stage.station(protocol="ocpp2.1"), said)
    note = stage.one(Note)
    assert (note.kind, note.about) == ("TransactionDetails", "T1")
    assert json.loads(note.data) == {"costDetails": costs, "transactionLimit": {"maxCost": 10}}


async def test_what_was_offline_for_a_while(stage: Stage, station: FakeStation) -> None:
    """The transaction was, whatever its later events say."""
    await tell(station, event("Started", 0, 1000, offline=True))
    await tell(station, event("Updated", 90, 1100, offline=False), event("Ended", 100, 1200))
    assert stage.one(Transaction).offline is True


# Tokens.


async def test_a_token_that_charges_elsewhere(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000, token="ONE"))
    second = event("Started", 60, 1000, tx="T2", evse={"id": 2, "connectorId": 1}, token="one")
    assert (await tell(station, second))["idTokenInfo"]["status"] == "ConcurrentTx"
    for ends in (event("Updated", 80, token="ONE", trigger="StopAuthorized"), event("Ended", 90, 1300, token="ONE")):
        assert (await tell(station, ends))["idTokenInfo"]["status"] == "Accepted"  # whoever ends is not told of others


async def test_a_token_that_charges_elsewhere_from_the_same_moment(stage: Stage, station: FakeStation) -> None:
    """Two stations say so in one round: one of them is told."""
    other = stage.station("CP-2", protocol="ocpp2.0.1")
    begins = [event("Started", 0, 1000, tx=tx, token="ONE") for tx in ("T1", "T2")]
    told = await asyncio.gather(
        *(each.say("TransactionEvent", begun) for each, begun in zip((station, other), begins, strict=True))
    )
    assert [each["idTokenInfo"]["status"] for each in told] == ["Accepted", "ConcurrentTx"]


async def test_a_token_that_only_ended_it_charges_elsewhere_at_the_same_moment(
    stage: Stage, station: FakeStation
) -> None:
    """It was taken for that of the transaction, until an earlier event says whose it is."""
    await tell(station, event("Started", 0, 1000), event("Updated", 90, trigger="StopAuthorized", token="ONE"))
    earlier = event("Updated", 10, seq=7, trigger="Authorized", token="04AA")
    begins = event("Started", 100, 1000, tx="T2", token="ONE")
    other = stage.station("CP-2", protocol="ocpp2.0.1")
    said = ((station, earlier), (other, begins))
    told = await asyncio.gather(*(each.say("TransactionEvent", event) for each, event in said))
    assert [each["idTokenInfo"]["status"] for each in told] == ["Accepted", "Accepted"]


async def test_a_token_whose_transaction_never_ended_may_charge_there_again(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000, token="ONE"))
    again = await tell(station, event("Started", 60, 1000, tx="T2", token="ONE"))
    assert again["idTokenInfo"]["status"] == "Accepted"


async def test_a_token_that_comes_after_the_beginning(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Updated", 10, token="04AA", trigger="Authorized"))
    await tell(station, event("Ended", 60, 1100, token="ONE", trigger="StopAuthorized"))
    tx = stage.one(Transaction)
    assert (tx.token, tx.group, tx.stop_token) == ("04AA", "FAMILY", "ONE")


async def test_one_event_from_the_future_is_not_the_last(stage: Stage, station: FakeStation) -> None:
    await tell(station, event("Started", 0, 1000), event("Updated", 1e9, info={"chargingState": "SuspendedEV"}))
    await tell(station, event("Updated", 60, seq=2, info={"chargingState": "Charging"}))
    assert (stage.one(Transaction).charging_state, stage.one(Transaction).heard) == ("Charging", NOON + 60)
