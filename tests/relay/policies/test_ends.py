"""The end of a transaction is told when its station says it: once, and with what it took."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_statuses import says
from tests.relay.stage import CALENDAR, START, Stage, playing
from voltgate.relay.events import TransactionBegan, TransactionEnded
from voltgate.relay.ledger import Ledger

BEGAN = {"connectorId": 1, "idTag": "A", "timestamp": "2027-01-15T08:00:00Z", "meterStart": 1000}
STOP = {"transactionId": 7, "timestamp": "2027-01-15T09:30:00+00:00", "meterStop": 21000, "reason": "PowerLoss"}


def starts(stage: Stage, **more: Any) -> None:
    """Start transaction 7 of 1.x."""
    says(stage, "StartTransaction", BEGAN | more, {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})


@pytest.mark.parametrize("version", ["ocpp1.2", "ocpp1.5", "ocpp1.6"])
def test_a_transaction_of_1_x(version: str) -> None:
    """Who owned it, where, why it ended, what it took and for how long."""
    stage = playing("a", version=version)
    starts(stage)
    says(stage, "StopTransaction", STOP)
    assert stage.happened(TransactionEnded) == [
        TransactionEnded("CP-1", "7", "a", 1, "PowerLoss", 20000.0, 5400.0),
    ]


def test_a_stop_that_is_repeated_is_told_once() -> None:
    """The station did not hear the answer, and says it again: also on another connection."""
    stage = playing("a")
    starts(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    says(stage, "StopTransaction", STOP)
    stage.station.sends(2, "y", "StopTransaction", STOP)
    assert len(stage.happened(TransactionEnded)) == 1


def test_a_stop_of_a_transaction_that_nobody_knows() -> None:
    """It is told too, once, with nothing of what was never heard."""
    stage = playing("a")
    for _ in range(2):
        says(stage, "StopTransaction", {"transactionId": 99, "timestamp": "tea", "meterStop": 9})
    says(stage, "StopTransaction", {"timestamp": 7, "meterStop": []})
    unknown = TransactionEnded("CP-1", "99", "", None, "Local", None, None)
    assert stage.happened(TransactionEnded) == [unknown, TransactionEnded("CP-1", "", "", None, "Local", None, None)]


def test_a_start_that_nobody_answered() -> None:
    """The stop says a number of the station's own: it is that transaction's end."""
    stage = playing("a")
    stage.station.sends(2, "s", "StartTransaction", BEGAN)
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.station.sends(2, "x", "StopTransaction", STOP | {"transactionId": -1})
    (ended,) = stage.happened(TransactionEnded)
    assert (ended.transaction, ended.owner, ended.energy_wh) == ("-1", "a", 20000.0)


def test_times_that_cannot_be_read_are_ours() -> None:
    """How long it took is then from when we heard of it."""
    stage = playing("a")
    starts(stage, timestamp="tea", meterStart="1e999")
    stage.wait(90)
    says(stage, "StopTransaction", STOP | {"meterStop": "2000", "reason": []})
    (ended,) = stage.happened(TransactionEnded)
    assert (ended.reason, ended.energy_wh, round(ended.seconds)) == ("Local", None, 90)


def test_the_meter_is_kept() -> None:
    """A gateway that was started again knows what the meter showed, and when it began by the station's clock."""
    stage = playing("a")
    starts(stage)
    ledger: Ledger = stage.ports.ledger("cp-1", stage.store.page("cp-1"))
    (tx,) = ledger.running.values()
    assert (tx.meter, tx.started, tx.began) == (1000.0, BEGAN["timestamp"], CALENDAR + START)


# 2.x.


def event(kind: str, readings: list[dict[str, Any]] | None = None, reason: str = "", **more: Any) -> dict[str, Any]:
    """Write a TransactionEvent of t1."""
    values = {} if readings is None else {"meterValue": [{"timestamp": "t", "sampledValue": readings}]}
    info = {"transactionId": "t1"} | ({"stoppedReason": reason} if reason else {})
    at = "2027-01-15T09:30:00Z" if kind == "Ended" else "2027-01-15T08:00:00Z"
    return {"eventType": kind, "timestamp": at, "seqNo": 0, "transactionInfo": info} | values | more


def kwh(value: Any, when: str = "Sample.Periodic", **more: Any) -> dict[str, Any]:
    """Write a reading in kWh."""
    return {"value": value, "context": when, "unitOfMeasure": {"unit": "kWh"}} | more


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_a_transaction_of_2_x(version: str) -> None:
    """What the meter showed at its beginning and its end is what it took."""
    stage = playing("a", version=version)
    says(stage, "TransactionEvent", event("Started", [kwh(1.0)], evse={"id": 2}))
    says(stage, "TransactionEvent", event("Updated", [kwh(9.0)]))
    says(stage, "TransactionEvent", event("Ended", [kwh(21.0, "Transaction.End")], "EmergencyStop"))
    (ended,) = stage.happened(TransactionEnded)
    assert ended == TransactionEnded("CP-1", "t1", "a", 2, "EmergencyStop", 20000.0, 5400.0)
    assert len(stage.happened(TransactionBegan)) == 1


def test_an_end_of_2_x_that_is_repeated() -> None:
    """It is told once."""
    stage = playing("a", version="ocpp2.0.1")
    says(stage, "TransactionEvent", event("Started", evse={"id": 2}))
    says(stage, "TransactionEvent", event("Ended"))
    stage.station.sends(2, "again", "TransactionEvent", event("Ended") | {"offline": True})
    assert stage.happened(TransactionEnded) == [TransactionEnded("CP-1", "t1", "a", 2, "Local", None, 5400.0)]


def test_an_end_of_2_x_of_which_nothing_was_heard_before() -> None:
    """It may hold the readings of its beginning and its end; only those of the whole connection's register count."""
    stage = playing("a", version="ocpp2.0.1")
    readings = [
        kwh(1.0, "Transaction.Begin"),
        kwh(7.0, "Transaction.End", phase="L1"),
        kwh(8.0, "Transaction.End", measurand="Power.Active.Import"),
        kwh("tea", "Transaction.End"),
        kwh(True, "Transaction.End"),
        kwh(1, "Transaction.End", unitOfMeasure={"multiplier": "x"}),
        {"value": 25, "unitOfMeasure": {"multiplier": 2}},
    ]
    says(stage, "TransactionEvent", event("Ended", readings, evse={"id": 1}))
    (ended,) = stage.happened(TransactionEnded)
    assert (ended.energy_wh, ended.owner) == (1500.0, "a")


def test_readings_that_are_none() -> None:
    """Whatever stands where readings should be, the end is told."""
    stage = playing("a", version="ocpp2.0.1")
    for values in ([], 7, [7], [{"sampledValue": 7}], [{"sampledValue": [{"value": 1, "unitOfMeasure": 7}]}]):
        says(stage, "TransactionEvent", event("Updated", meterValue=values))
    says(stage, "TransactionEvent", event("Ended", meterValue=[{"sampledValue": [{}]}], timestamp=7))
    (ended,) = stage.happened(TransactionEnded)
    assert (ended.energy_wh, ended.seconds) == (None, 0.0)
