"""What stations say of their connectors is told when it changes, in the words of 1.6 whatever they speak."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.relay.stage import Stage, playing
from voltgate.relay.events import StatusChanged

AT = "2027-01-15T08:00:00Z"
TRANSACTION = {"eventType": "Started", "timestamp": AT, "triggerReason": "CablePluggedIn"}
_NUMBERS = count()


def says(stage: Stage, action: str, payload: dict[str, Any], answer: dict[str, Any] | None = None) -> None:
    """Have the station say something, which its backend gets and answers."""
    stage.station.sends(2, action, action, payload)
    stage["a"].gets([2, action, action, payload])
    stage["a"].sends(3, action, answer or {})
    stage.station.gets([3, action, answer or {}])


def status(stage: Stage, connector: Any, word: Any, error: Any = "NoError", **more: Any) -> None:
    """Say a StatusNotification of 1.6."""
    says(stage, "StatusNotification", {"connectorId": connector, "status": word, "errorCode": error} | more)


def modern(stage: Stage, word: str, evse: int = 1, connector: int = 1) -> None:
    """Say a StatusNotification of 2.x."""
    said = {"timestamp": AT, "connectorStatus": word, "evseId": evse, "connectorId": connector}
    says(stage, "StatusNotification", said)


def transaction(stage: Stage, kind: str, state: str = "", **more: Any) -> None:
    """Say a TransactionEvent about transaction t1."""
    info = {"transactionId": "t1"} | ({"chargingState": state} if state else {})
    event = TRANSACTION | {"seqNo": next(_NUMBERS), "eventType": kind, "transactionInfo": info} | more
    says(stage, "TransactionEvent", event)


def told(stage: Stage) -> list[tuple[int | None, int | None, str, str]]:
    """Give what was told since the last look."""
    found = [(e.evse, e.connector, e.status, e.error_code) for e in stage.happened(StatusChanged)]
    stage.events.clear()
    return found


def test_a_status_is_told_when_it_changes() -> None:
    """Once for each change of status or error, of each connector; said again it is no news."""
    stage = playing("a")
    status(stage, 1, "Available")
    status(stage, 1, "Available")
    status(stage, 2, "Available")
    status(stage, 1, "Faulted", "GroundFailure")
    status(stage, 1, "Faulted", "GroundFailure")
    status(stage, 1, "Faulted", "HighTemperature")
    status(stage, 0, "Unavailable")
    assert told(stage) == [
        (None, 1, "Available", "NoError"),
        (None, 2, "Available", "NoError"),
        (None, 1, "Faulted", "GroundFailure"),
        (None, 1, "Faulted", "HighTemperature"),
        (None, 0, "Unavailable", "NoError"),
    ]


def test_an_error_that_is_cleared() -> None:
    """That there is no error is said of the one before; a first status without one, and the next, clear none."""
    stage = playing("a")
    for error in ("NoError", "GroundFailure", "HighTemperature", "NoError"):
        status(stage, 1, "Faulted" if error != "NoError" else "Available", error)
    status(stage, 1, "Charging")
    assert [event.cleared for event in stage.happened(StatusChanged)] == [False, False, False, True, False]


def test_what_a_vendor_says_is_told_with_it() -> None:
    """The vendor's own code makes another error, and the text goes with it; only that much of it is kept."""
    stage = playing("a")
    status(stage, 1, "Faulted", "OtherError", vendorErrorCode="E1", info="door " * 100)
    status(stage, 1, "Faulted", "OtherError", vendorErrorCode="E2")
    one, other = stage.happened(StatusChanged)
    assert (one.vendor_error_code, one.info[:10], len(one.info)) == ("E1", "door door ", 255)
    assert (other.vendor_error_code, other.info) == ("E2", "")


def test_a_new_connection_tells_anew() -> None:
    """What was said on a connection before may have been told otherwise meanwhile, to another node."""
    stage = playing("a")
    status(stage, 1, "Available")
    assert len(told(stage)) == 1
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    status(stage, 1, "Available")
    assert told(stage) == [(None, 1, "Available", "NoError")]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"connectorId": 1},
        {"connectorId": 1, "status": 7},
        {"connectorId": 1, "status": "Tea"},
        {"connectorId": [], "status": {}},
    ],
)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_what_cannot_be_read_is_not_told(version: str, payload: dict[str, Any]) -> None:
    """It is answered as ever."""
    stage = playing("a", version=version)
    says(stage, "StatusNotification", payload)
    assert told(stage) == []


def test_an_endless_number_of_connectors() -> None:
    """No more of them are remembered than any station has."""
    stage = playing("a")
    for number in range(300):
        status(stage, number, "Available")
    assert len(told(stage)) == 256


# 1.2 and 1.5 know no more than Occupied.


def test_occupied_in_1_5() -> None:
    """A connector prepares until a transaction starts, charges until it stops, and finishes until the car goes."""
    stage = playing("a", version="ocpp1.5")
    status(stage, 1, "Occupied")
    says(
        stage,
        "StartTransaction",
        {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 0},
        {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
    )
    status(stage, 1, "Occupied")
    says(stage, "StopTransaction", {"transactionId": 7, "timestamp": AT, "meterStop": 9})
    status(stage, 1, "Occupied")
    status(stage, 1, "Available")
    assert [each[2] for each in told(stage)] == ["Preparing", "Charging", "Finishing", "Available"]


def test_occupied_in_1_5_while_a_transaction_runs() -> None:
    """Who comes back in mid-charge charges; a stop of another's transaction changes nothing."""
    stage = playing("a", version="ocpp1.5")
    status(stage, 2, "Occupied")
    start = {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 0}
    says(stage, "StartTransaction", start, {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
    status(stage, 1, "Occupied")
    says(stage, "StopTransaction", {"transactionId": 8, "timestamp": AT, "meterStop": 9})
    assert [each[:3] for each in told(stage)] == [(None, 2, "Preparing"), (None, 1, "Charging")]


# 2.x says Occupied, and the rest with the transaction.


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_a_session_of_2_x(version: str) -> None:
    """What a driver sees of a session in 2.x are the statuses of 1.6."""
    stage = playing("a", version=version)
    modern(stage, "Available")
    modern(stage, "Occupied")
    transaction(stage, "Started", "EVConnected", evse={"id": 1, "connectorId": 1})
    transaction(stage, "Updated", "Charging")
    transaction(stage, "Updated", "Charging")
    transaction(stage, "Updated")
    transaction(stage, "Updated", "SuspendedEV")
    transaction(stage, "Updated", "SuspendedEVSE")
    transaction(stage, "Updated", "Charging")
    modern(stage, "Occupied")
    transaction(stage, "Updated", "EVConnected")
    transaction(stage, "Ended", "EVConnected")
    modern(stage, "Occupied")
    modern(stage, "Available")
    assert told(stage) == [
        (1, 1, word, "NoError")
        for word in """
        Available Preparing Charging SuspendedEV SuspendedEVSE Charging SuspendedEVSE Finishing Available
        """.split()
    ]


def test_a_cable_that_is_pulled() -> None:
    """A transaction that goes on without a car has finished; before it charged, it waits for one."""
    stage = playing("a", version="ocpp2.0.1")
    transaction(stage, "Started", "Idle", evse={"id": 2, "connectorId": 2})
    transaction(stage, "Updated", "Charging")
    transaction(stage, "Updated", "Idle")
    assert told(stage) == [(2, 2, word, "NoError") for word in ("Preparing", "Charging", "Finishing")]


def test_a_station_that_comes_back_in_mid_charge() -> None:
    """Where a transaction is, which says so only once, is known from the ledger."""
    stage = playing("a", version="ocpp2.0.1")
    transaction(stage, "Started", "Charging", evse={"id": 2})
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.events.clear()
    transaction(stage, "Updated", "Charging")
    assert told(stage) == [(2, 1, "Charging", "NoError")]


def test_what_was_long_ago_is_no_status() -> None:
    """Events that were kept while the station was offline, or that say not where they were, change no status."""
    stage = playing("a", version="ocpp2.0.1")
    modern(stage, "Available")
    transaction(stage, "Started", "Charging", evse={"id": 1}, offline=True)
    transaction(stage, "Ended", offline=True)
    transaction(stage, "Updated", "Charging", transactionInfo={"transactionId": "t2", "chargingState": "Charging"})
    transaction(stage, "Updated", transactionInfo=7)
    transaction(stage, "Started", transactionInfo=7)
    transaction(stage, "Ended", evse={"id": 1})
    assert told(stage) == [(1, 1, "Available", "NoError")]


def test_a_fault_outlasts_the_charging_state() -> None:
    """A connector that is faulted is so until it says otherwise, whatever its transaction does."""
    stage = playing("a", version="ocpp2.0.1")
    transaction(stage, "Started", "Charging", evse={"id": 1})
    modern(stage, "Faulted")
    transaction(stage, "Updated", "SuspendedEVSE")
    transaction(stage, "Ended")
    modern(stage, "Available")
    assert [each[2] for each in told(stage)] == ["Charging", "Faulted", "Available"]


def test_a_fault_that_is_mended_in_mid_charge() -> None:
    """Occupied is then what the transaction has said last."""
    stage = playing("a", version="ocpp2.0.1")
    transaction(stage, "Started", "Charging", evse={"id": 1})
    modern(stage, "Faulted")
    transaction(stage, "Updated", "SuspendedEVSE")
    modern(stage, "Occupied")
    assert [each[2] for each in told(stage)] == ["Charging", "Faulted", "SuspendedEVSE"]


def test_transactions_without_end() -> None:
    """No more transactions are remembered than any station has."""
    stage = playing("a", version="ocpp2.0.1")
    for number in range(300):
        info = {"transactionId": f"t{number}", "chargingState": "Charging"}
        transaction(stage, "Updated", transactionInfo=info, evse={"id": 1})
    assert len(stage.session.dispatcher.learnt.charging) == 256


# What 2.x reports by NotifyEvent.


def notes(stage: Stage, component: str, variable: str, value: Any = "true", **more: Any) -> None:
    """Say a NotifyEvent with one event."""
    where = more.pop("evse", {"id": 1, "connectorId": 1})
    event = {
        "eventId": 1,
        "timestamp": AT,
        "trigger": "Alerting",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": component} | ({"evse": where} if where else {}),
        "variable": {"name": variable},
    }
    says(stage, "NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": [event | more]})


def test_an_error_of_2_x_is_told_with_the_status() -> None:
    """It comes apart from the status, and stays with it until it is cleared."""
    stage = playing("a", version="ocpp2.0.1")
    modern(stage, "Occupied")
    notes(stage, "RCD", "Tripped")
    notes(stage, "RCD", "Tripped")
    modern(stage, "Faulted")
    notes(stage, "TokenReader", "Problem", cleared=True)
    notes(stage, "RCD", "Tripped", "false")
    modern(stage, "Available")
    assert told(stage) == [
        (1, 1, "Preparing", "NoError"),
        (1, 1, "Preparing", "GroundFailure"),
        (1, 1, "Faulted", "GroundFailure"),
        (1, 1, "Faulted", "NoError"),
        (1, 1, "Available", "NoError"),
    ]


@pytest.mark.parametrize(
    ("component", "variable", "more", "error", "code"),
    [
        ("TemperatureSensor", "Active", {}, "HighTemperature", ""),
        ("Controller", "Problem", {"techCode": "HighTemperature"}, "HighTemperature", ""),
        ("Controller", "Problem", {"techCode": "CX008"}, "InternalError", "CX008"),
        ("DoorSensor", "Problem", {"techInfo": "open"}, "OtherError", ""),
        ("Vendor", "Anything", {"techCode": "OverVoltage", "actualValue": "3"}, "OverVoltage", ""),
    ],
)
def test_errors_of_2_x(component: str, variable: str, more: dict[str, Any], error: str, code: str) -> None:
    """The code of the technician counts first, then what component it is; any other problem is another error."""
    stage = playing("a", version="ocpp2.0.1")
    notes(stage, component, variable, **more)
    (event,) = stage.happened(StatusChanged)
    assert (event.status, event.error_code, event.vendor_error_code) == ("", error, code)
    assert event.info == more.get("techInfo", "")


def test_a_state_of_2_x_may_come_as_an_event() -> None:
    """A station as a whole has no StatusNotification in 2.x: it says its state so, and its connectors may as well."""
    stage = playing("a", version="ocpp2.0.1")
    notes(stage, "ChargingStation", "AvailabilityState", "Unavailable", evse=None)
    notes(stage, "Connector", "AvailabilityState", "Occupied", evse={"id": 2, "connectorId": 1})
    notes(stage, "EVSE", "AvailabilityState", "Occupied", evse={"id": 2})
    notes(stage, "Connector", "AvailabilityState", 7)
    assert told(stage) == [(None, 0, "Unavailable", "NoError"), (2, 1, "Preparing", "NoError")]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"eventData": "tea"},
        {"eventData": [7, {}, {"component": 7, "variable": {"name": []}}]},
        {"eventData": [{"component": {"name": "EVSE", "evse": 7}, "variable": {"name": "Power"}, "techCode": 7}]},
    ],
)
def test_events_that_say_nothing_of_this(payload: dict[str, Any]) -> None:
    """What is no error and no state, or cannot be read, is answered and not told."""
    stage = playing("a", version="ocpp2.0.1")
    says(stage, "NotifyEvent", payload)
    assert told(stage) == []
