"""The payloads that a 2.0.1 or 2.1 station sends. Source: OCPP 2.0.1 and 2.1 Part 2 section 1."""

from __future__ import annotations

from typing import Any

_MEASURANDS: tuple[tuple[str, str | None, str], ...] = (
    ("Energy.Active.Import.Register", None, "Wh"),
    ("Power.Active.Import", None, "W"),
    ("Current.Import", "L1", "A"),
    ("Current.Import", "L2", "A"),
    ("Current.Import", "L3", "A"),
    ("Voltage", "L1", "V"),
    ("Voltage", "L2", "V"),
    ("Voltage", "L3", "V"),
    ("SoC", None, "Percent"),
    ("Power.Offered", None, "W"),
    ("Current.Offered", None, "A"),
    ("Frequency", None, "Hz"),
)


def boot(identity: str, number: int, reason: str = "PowerUp") -> dict[str, Any]:
    """Return a BootNotification."""
    station = {
        "vendorName": "Voltgate",
        "model": "Simulator 2",
        "serialNumber": identity[:25],
        "firmwareVersion": f"2.0.{number % 4}",
    }
    return {"reason": reason, "chargingStation": station}


def status(evse: int, state: str, stamp: str) -> dict[str, Any]:
    """Return a StatusNotification; each EVSE of a simulated station has one connector."""
    return {"timestamp": stamp, "connectorStatus": state, "evseId": evse, "connectorId": 1}


def token(tag: str) -> dict[str, Any]:
    """Return a card as an IdTokenType."""
    return {"idToken": tag, "type": "ISO14443"}


def authorize(tag: str) -> dict[str, Any]:
    """Return an Authorize."""
    return {"idToken": token(tag)}


def reading(energy: int, samples: int, stamp: str, context: str = "Sample.Periodic") -> dict[str, Any]:
    """Return a MeterValueType. `energy` is in Wh; the other measurands follow from it, the same for the same seed."""
    sampled: list[dict[str, Any]] = []
    for measurand, phase, unit in _MEASURANDS[:samples]:
        value = energy if unit == "Wh" else (energy % 97) / 4 + 10
        sample = {"value": value, "context": context, "measurand": measurand, "unitOfMeasure": {"unit": unit}}
        sampled.append(sample | {"phase": phase} if phase else sample)
    return {"timestamp": stamp, "sampledValue": sampled}


def meter_values(evse: int, value: dict[str, Any]) -> dict[str, Any]:
    """Return MeterValues, for a reading outside a transaction."""
    return {"evseId": evse, "meterValue": [value]}


def event(kind: str, trigger: str, number: int, info: dict[str, Any], stamp: str, **more: Any) -> dict[str, Any]:
    """Return a TransactionEvent: Started, Updated or Ended, with its number in the transaction from 0."""
    return {
        "eventType": kind,
        "timestamp": stamp,
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": info,
        **more,
    }


def data_transfer(data: str) -> dict[str, Any]:
    """Return a DataTransfer that the simulated backend echoes."""
    return {"vendorId": "voltgate.simulator", "messageId": "echo", "data": data}


def variable(component: str, name: str, value: str) -> dict[str, Any]:
    """Return one variable of the device model, as a ReportDataType."""
    return {
        "component": {"name": component},
        "variable": {"name": name},
        "variableAttribute": [{"type": "Actual", "value": value}],
    }
