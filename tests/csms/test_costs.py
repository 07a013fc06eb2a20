"""What transactions cost: computed once, at their end, kept with what it was computed from, and told to stations."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from voltgate.csms.costs import Account, account_of
from voltgate.csms.model import Token, Transaction
from voltgate.csms.ports import Decide, Needs
from voltgate.csms.tariffs import Tariff
from voltgate.ocpp.times import stamp

VENDOR = ("org.openchargealliance.costmsg", "FinalCost")
TARIFF = Tariff(
    name="day",
    since=NOON - 86400,
    currency="EUR",
    per_kwh=Decimal("0.40"),
    per_minute=Decimal("0.02"),
    per_session=Decimal("0.50"),
    per_idle_minute=Decimal("0.10"),
    vat=Decimal(19),
)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage(tokens="any", tell_costs=60, tell_cost_16=VENDOR) as stage:
        stage.rows.put(Token("04aa", "04AA", group="FAMILY"))
        stage.rows.tariffs = (TARIFF,)
        yield stage


async def begin(station: FakeStation, at: float = NOON, meter: int | None = 1000) -> int:
    said = {"connectorId": 1, "idTag": "04AA", "timestamp": stamp(at)} | (
        {} if meter is None else {"meterStart": meter}
    )
    return int((await station.say("StartTransaction", said))["transactionId"])


async def end(station: FakeStation, number: int, at: float, meter: int | None) -> None:
    said = {"transactionId": number, "timestamp": stamp(at), "reason": "Local"}
    await station.say("StopTransaction", said | ({} if meter is None else {"meterStop": meter}))


async def read(station: FakeStation, number: int, at: float, meter: int) -> None:
    value = {"timestamp": stamp(at), "sampledValue": [{"value": str(meter)}]}
    await station.say("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]})


def account(stage: Stage) -> Account:
    return account_of(stage.one(Transaction).cost_data)


async def test_an_end_is_priced(stage: Stage) -> None:
    """10 kWh in an hour: (4.00 + 1.20 + 0.50) * 1.19 = 6.78, and the station is told."""
    station = stage.station()
    number = await begin(station)
    assert (stage.one(Transaction).cost, stage.one(Transaction).cost_data) == (None, b"")
    await end(station, number, NOON + 3600, 11_000)
    tx, kept = stage.one(Transaction), account(stage)
    assert (tx.cost, tx.currency) == (678, "EUR")
    assert (kept.tariff, kept.energy, kept.seconds, kept.idle, kept.unknown) == (TARIFF, 10_000, 3600, 0, ())
    assert kept.cost is not None
    assert [line.kind for line in kept.cost.lines] == ["energy", "time", "idle", "session", "vat"]
    ((action, told),) = station.asked
    assert (action, told["messageId"]) == ("DataTransfer", "FinalCost")
    assert told["vendorId"] == VENDOR[0]
    assert json.loads(told["data"]) == {"transactionId": number, "cost": 6.78, "priceText": "6.78 EUR"}


async def test_a_tariff_that_changes_later_changes_nothing(stage: Stage) -> None:
    """Neither does the same end said again."""
    station = stage.station()
    number = await begin(station)
    await end(station, number, NOON + 3600, 11_000)
    before = stage.one(Transaction)
    stage.rows.tariffs = (Tariff(name="day", version=2, currency="CHF", per_kwh=Decimal(9)),)
    await end(station, number, NOON + 3600, 11_000)
    assert stage.one(Transaction) == before


async def test_a_real_end_replaces_the_cost_of_an_estimate(stage: Stage) -> None:
    """It is charged by the tariff that the estimate was charged by; the station is told what is true."""
    station = stage.station()
    number = await begin(station)
    await read(station, number, NOON + 600, 6000)
    await stage.wait(900)
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": stamp(NOON + 900)}
    await station.say("StatusNotification", free)
    tx = stage.one(Transaction)
    assert (tx.estimated != "", account(stage).energy, account(stage).idle) == (True, 5000, 300)
    assert tx.cost == 393  # (2.00 + 0.30 + 0.50 for idling + 0.50) * 1.19
    assert station.asked == []
    stage.rows.tariffs = ()
    await end(station, number, NOON + 1200, 9000)
    assert (stage.one(Transaction).estimated, stage.one(Transaction).cost) == ("", 488)
    assert len(station.asked) == 1


async def test_what_is_not_known_is_not_charged_and_said(stage: Stage) -> None:
    """An end without a register costs its time; one without a beginning its session."""
    station = stage.station()
    await end(station, await begin(station, meter=None), NOON + 3600, None)
    assert (account(stage).unknown, stage.one(Transaction).cost) == (("energy",), 202)
    other = stage.station("CP-2")
    await end(other, 4711, NOON + 3600, 11_000)
    (tx,) = (each for each in stage.rows.all(Transaction) if each.station == "cp-2")
    assert (account_of(tx.cost_data).unknown, tx.cost) == (("energy", "time"), 60)


async def test_without_a_tariff_nothing_is_charged_then_or_later(stage: Stage) -> None:
    """What was not charged when it ended stays free, whatever is put afterwards."""
    stage.rows.tariffs = ()
    station = stage.station(protocol="ocpp2.0.1")
    await station.say("TransactionEvent", event("Started", 0, NOON, 0))
    assert await station.say("TransactionEvent", event("Ended", 2, NOON + 60, 1000)) == {}
    stage.rows.tariffs = (TARIFF,)
    assert await station.say("TransactionEvent", event("Updated", 1, NOON + 30, 500)) == {}
    assert (stage.one(Transaction).cost, account(stage).tariff) == (None, None)


async def test_idling_is_charged_from_the_last_rise_of_the_register(stage: Stage) -> None:
    """Readings that stay where they were are no charging; a last step to the end is."""
    station = stage.station()
    number = await begin(station)
    for at, meter in ((300, 3000), (600, 5000), (900, 5000), (1200, 5000)):
        await read(station, number, NOON + at, meter)
    await end(station, number, NOON + 1800, 5000)
    assert account(stage).idle == 1200
    stage.rows.tables[Transaction].clear()
    number = await begin(station, NOON + 2000)
    await read(station, number, NOON + 2100, 3000)
    await end(station, number, NOON + 2600, 3500)
    assert account(stage).idle == 0


def event(kind: str, seq: int, at: float, meter: int, ref: str = "tx-1") -> dict[str, Any]:
    context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
    return {
        "eventType": kind,
        "seqNo": seq,
        "timestamp": stamp(at),
        "triggerReason": "CablePluggedIn",
        "transactionInfo": {"transactionId": ref},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": stamp(at), "sampledValue": [{"value": meter, "context": context}]}],
    }


async def test_stations_of_2_are_told(stage: Stage) -> None:
    """The answer to the last event has the total, also when it is said again; before that they are told if set so."""
    station = stage.station(protocol="ocpp2.1")
    assert await station.say("TransactionEvent", event("Started", 0, NOON, 1000)) == {}
    assert await station.say("TransactionEvent", event("Updated", 1, NOON + 600, 6000)) == {}
    stage.now += 1200
    await stage.csms.tell_costs(stage.csms.peers)
    assert station.asked == [("CostUpdated", {"transactionId": "tx-1", "totalCost": 4.64})]
    for _ in range(2):
        answer = await station.say("TransactionEvent", event("Ended", 2, NOON + 1800, 11_000))
        assert answer == {"totalCost": 6.07}
    await stage.csms.tell_costs(stage.csms.peers)
    assert len(station.asked) == 1


async def test_events_out_of_order_cost_the_same(stage: Stage) -> None:
    """The end comes first, and what it costs is known when the beginning has come, too."""
    station = stage.station(protocol="ocpp2.0.1")
    said = [
        event("Started", 0, NOON, 1000),
        event("Updated", 1, NOON + 600, 6000),
        event("Ended", 2, NOON + 1800, 11_000),
    ]
    for each in (said[2], said[0], said[1]):
        await station.say("TransactionEvent", each)
    tx = stage.one(Transaction)
    assert (tx.energy, tx.began, tx.ended, tx.cost) == (10_000, NOON, NOON + 1800, 607)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_events_out_of_order_go_by_the_same_tariff(stage: Stage, order: tuple[int, ...]) -> None:
    """The tariff is that of the beginning and of the group, also when the end comes first and says neither."""
    family = Tariff(name="family", currency="EUR", group="FAMILY", per_kwh=Decimal("0.10"))
    dearer = Tariff(name="family", version=2, currency="EUR", group="FAMILY", per_kwh=Decimal("0.90"), since=NOON + 100)
    stage.rows.tariffs = (TARIFF, family, dearer)
    station = stage.station(protocol="ocpp2.0.1")
    said = [
        event("Started", 0, NOON, 1000) | {"idToken": {"idToken": "04AA", "type": "ISO14443"}},
        event("Updated", 1, NOON + 600, 6000),
        event("Ended", 2, NOON + 1800, 11_000),
    ]
    await stage.wait(7200)
    for each in order:
        await station.say("TransactionEvent", said[each])
    assert (account(stage).tariff, stage.one(Transaction).cost) == (family, 100)


async def test_a_station_that_goes_before_it_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cost was being read when it went: the others are told."""
    station, other = (stage.station(name, protocol="ocpp2.1") for name in ("CP-1", "CP-2"))
    for each in (station, other):
        await each.say("TransactionEvent", event("Started", 0, NOON, 1000))
        await each.say("TransactionEvent", event("Updated", 1, NOON + 600, 6000))
    read = stage.rows.round

    async def leave(needs: Needs, decide: Decide) -> None:
        await read(needs, decide)
        station.leave()

    monkeypatch.setattr(stage.rows, "round", leave)
    await stage.csms.tell_costs(stage.csms.peers)
    assert [len(each.asked) for each in (station, other)] == [0, 1]


async def test_who_has_charged_is_said_after_the_end(stage: Stage) -> None:
    """What was priced for anybody is priced for the group of the token, whose tariff it is from then on."""
    family = Tariff(name="family", currency="EUR", group="FAMILY", per_kwh=Decimal("0.10"))
    stage.rows.tariffs = (TARIFF, family)
    station = stage.station(protocol="ocpp2.0.1")
    await station.say("TransactionEvent", event("Started", 0, NOON, 1000))
    await station.say("TransactionEvent", event("Ended", 2, NOON + 1800, 11_000))
    assert account(stage).tariff == TARIFF
    late = event("Updated", 1, NOON + 5, 1000) | {"idToken": {"idToken": "04AA", "type": "ISO14443"}}
    await station.say("TransactionEvent", late)
    assert (account(stage).tariff, stage.one(Transaction).cost) == (family, 100)


async def test_a_clock_that_was_set_in_between_costs_nobody_years(stage: Stage) -> None:
    """It began in 2020 by a clock that nobody had set, and ended today: how long it took is not known."""
    station, year_2020 = stage.station(), NOON - 6 * 365 * 86400
    number = await begin(station, year_2020)
    await stage.wait(3600)
    await end(station, number, NOON + 3600, 11_000)
    assert (account(stage).seconds, account(stage).unknown, account(stage).energy) == (0, ("time",), 10_000)
    assert stage.one(Transaction).cost == 536  # (4.00 + 0.50) * 1.19, by the tariff of today


async def test_a_clock_that_is_wrong_all_the_time_tells_how_long_it_took(stage: Stage) -> None:
    station, year_2020 = stage.station(), NOON - 6 * 365 * 86400
    number = await begin(station, year_2020)
    await stage.wait(3600)
    await end(station, number, year_2020 + 3600, 11_000)
    assert (account(stage).seconds, account(stage).unknown) == (3600, ())
    assert stage.one(Transaction).cost == 678
