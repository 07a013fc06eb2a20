"""The payloads that a 1.6 station sends. Source: OCPP 1.6 edition 2 sections 4 and 6."""

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
    ("Temperature", None, "Celsius"),
    ("SoC", None, "Percent"),
    ("Power.Offered", None, "W"),
    ("Current.Offered", None, "A"),
)


def boot(identity: str, number: int) -> dict[str, Any]:
    """Return a BootNotification."""
    return {
        "chargePointVendor": "Voltgate",
        "chargePointModel": "Simulator 16",
        "chargePointSerialNumber": identity[:25],
        "firmwareVersion": f"1.6.{number % 4}",
    }


def status(connector: int, state: str, stamp: str) -> dict[str, Any]:
    """Return a StatusNotification."""
    return {"connectorId": connector, "errorCode": "NoError", "status": state, "timestamp": stamp}


def authorize(tag: str) -> dict[str, Any]:
    """Return an Authorize."""
    return {"idTag": tag}


def start(connector: int, tag: str, meter: int, stamp: str) -> dict[str, Any]:
    """Return a StartTransaction."""
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": stamp}


def meter_values(connector: int, transaction: int | None, value: dict[str, Any]) -> dict[str, Any]:
    """Return MeterValues."""
    if transaction is None:
        return {"connectorId": connector, "meterValue": [value]}
    return {"connectorId": connector, "transactionId": transaction, "meterValue": [value]}


def reading(energy: int, samples: int, stamp: str, context: str = "Sample.Periodic") -> dict[str, Any]:
    """Return a MeterValue. `energy` is in Wh; the other measurands follow from it, the same for the same seed."""
    sampled = []
    for measurand, phase, unit in _MEASURANDS[:samples]:
        value = str(energy) if unit == "Wh" else f"{(energy % 97) / 4 + 10:.2f}"
        sample = {"value": value, "context": context, "measurand": measurand, "unit": unit}
        sampled.append(sample | {"phase": phase} if phase else sample)
    return {"timestamp": stamp, "sampledValue": sampled}


def stop(transaction: int, tag: str | None, meter: int, stamp: str, reason: str) -> dict[str, Any]:
    """Return a StopTransaction."""
    payload = {"transactionId": transaction, "meterStop": meter, "timestamp": stamp, "reason": reason}
    return payload if tag is None else payload | {"idTag": tag}


def data_transfer(data: str) -> dict[str, Any]:
    """Return a DataTransfer that the simulated backend echoes."""
    return {"vendorId": "voltgate.simulator", "messageId": "echo", "data": data}
