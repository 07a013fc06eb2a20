"""The device model of a simulated 2.x station: its variables, and the effect of setting one.

Source: OCPP 2.0.1 and 2.1 Part 2 sections B05 to B07 and the list of standardized variables.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from voltgate.simulator import payloads_2x
from voltgate.simulator.charging_station import ChargingStation

Fields: TypeAlias = dict[str, Any]

_PART_SIZE = 10
"""Variables in one NotifyReport."""

_PASSWORD = ("SecurityCtrlr", "BasicAuthPassword")

_VARIABLES: dict[tuple[str, str], tuple[bool, str]] = {
    ("AlignedDataCtrlr", "Interval"): (False, "0"),
    ("AuthCtrlr", "AuthorizeRemoteStart"): (False, "false"),
    ("AuthCtrlr", "LocalAuthorizeOffline"): (False, "true"),
    ("AuthCtrlr", "LocalPreAuthorize"): (False, "false"),
    ("ClockCtrlr", "DateTime"): (True, "2026-01-01T00:00:00Z"),
    ("ClockCtrlr", "TimeSource"): (False, "Heartbeat"),
    ("DeviceDataCtrlr", "ItemsPerMessage"): (True, "10"),
    ("LocalAuthListCtrlr", "Enabled"): (False, "true"),
    ("LocalAuthListCtrlr", "Entries"): (True, "0"),
    ("OCPPCommCtrlr", "FileTransferProtocols"): (True, "HTTPS"),
    ("OCPPCommCtrlr", "HeartbeatInterval"): (False, "300"),
    ("OCPPCommCtrlr", "MessageAttemptInterval"): (False, "60"),
    ("OCPPCommCtrlr", "MessageAttempts"): (False, "3"),
    ("OCPPCommCtrlr", "MessageTimeout"): (True, "30"),
    ("OCPPCommCtrlr", "NetworkConfigurationPriority"): (False, "0"),
    ("OCPPCommCtrlr", "NetworkProfileConnectionAttempts"): (False, "3"),
    ("OCPPCommCtrlr", "OfflineThreshold"): (False, "60"),
    ("OCPPCommCtrlr", "ResetRetries"): (False, "3"),
    ("OCPPCommCtrlr", "RetryBackOffRandomRange"): (False, "5"),
    ("OCPPCommCtrlr", "RetryBackOffRepeatTimes"): (False, "5"),
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"): (False, "1"),
    ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"): (False, "true"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"): (False, "60"),
    ("SampledDataCtrlr", "TxEndedInterval"): (False, "0"),
    ("SampledDataCtrlr", "TxUpdatedInterval"): (False, "60"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): (False, "Energy.Active.Import.Register"),
    ("SecurityCtrlr", "BasicAuthPassword"): (False, ""),
    ("SecurityCtrlr", "Identity"): (True, ""),
    ("SecurityCtrlr", "OrganizationName"): (False, "Voltgate"),
    ("SecurityCtrlr", "SecurityProfile"): (True, "1"),
    ("TxCtrlr", "EVConnectionTimeOut"): (False, "60"),
    ("TxCtrlr", "StopTxOnEVSideDisconnect"): (False, "true"),
    ("TxCtrlr", "StopTxOnInvalidId"): (False, "true"),
    ("TxCtrlr", "TxStartPoint"): (False, "Authorized"),
    ("TxCtrlr", "TxStopPoint"): (False, "Authorized,EVConnected"),
}
"""For each variable whether it is read-only, and its default."""

_NUMBERS = frozenset(
    """
    EVConnectionTimeOut HeartbeatInterval Interval MessageAttemptInterval MessageAttempts OfflineThreshold ResetRetries
    RetryBackOffRandomRange RetryBackOffRepeatTimes RetryBackOffWaitMinimum TxEndedInterval TxUpdatedInterval
    WebSocketPingInterval
    """.split()
)


def put(station: ChargingStation, wanted: Fields) -> Fields:
    """Set one variable as SetVariables says; return its SetVariableResultType."""
    result = _named(wanted) | {"attributeStatus": _put(station, wanted)}
    return result | ({"attributeType": wanted["attributeType"]} if "attributeType" in wanted else {})


def _put(station: ChargingStation, wanted: Fields) -> str:
    key, value = _key(wanted), wanted["attributeValue"]
    missing = _missing(key, wanted)
    if missing is not None:
        return missing
    if _VARIABLES[key][0] or not _allowed(key, value):
        return "Rejected"
    if key == _PASSWORD:
        station.password = value
    else:
        station.device_state.configuration[".".join(key)] = value
    _apply(station, key[1], value)
    return "Accepted"


def _allowed(key: tuple[str, str], value: str) -> bool:
    """Return whether a variable may have this value; 0 is valid for WebSocketPingInterval, -1 is not (LV-03)."""
    if key == _PASSWORD:
        return 16 <= len(value) <= 40
    return key[1] not in _NUMBERS or (value.isascii() and value.isdigit())


def _apply(station: ChargingStation, name: str, value: str) -> None:
    match name:
        case "WebSocketPingInterval":
            station.ping = float(value)
        case "HeartbeatInterval" if int(value) > 0:
            station.set_interval(float(value), station.simulation.clock.now())
        case "TxUpdatedInterval" if int(value) > 0:
            station.metering = float(value)


def get(station: ChargingStation, wanted: Fields) -> Fields:
    """Read one variable as GetVariables says; return its GetVariableResultType."""
    key = _key(wanted)
    missing = _missing(key, wanted)
    if missing is None and key == _PASSWORD:
        missing = "Rejected"  # write-only
    kind = {"attributeType": wanted["attributeType"]} if "attributeType" in wanted else {}
    if missing is not None:
        return _named(wanted) | kind | {"attributeStatus": missing}
    return _named(wanted) | kind | {"attributeStatus": "Accepted", "attributeValue": _value(station, key)}


def report(station: ChargingStation) -> list[list[Fields]]:
    """Return the whole device model, in parts for one NotifyReport each."""
    keys = [key for key in _VARIABLES if key != _PASSWORD]
    data = [payloads_2x.variable(*key, _value(station, key)) for key in keys]
    return [data[start : start + _PART_SIZE] for start in range(0, len(data), _PART_SIZE)]


def _value(station: ChargingStation, key: tuple[str, str]) -> str:
    if key == ("SecurityCtrlr", "Identity"):
        return station.identity
    return station.device_state.configuration.get(".".join(key), _VARIABLES[key][1])


def _key(wanted: Fields) -> tuple[str, str]:
    return wanted["component"]["name"], wanted["variable"]["name"]


def _missing(key: tuple[str, str], wanted: Fields) -> str | None:
    """Return the status of an attribute that does not exist; None when it does."""
    if key[0] not in {component for component, _ in _VARIABLES}:
        return "UnknownComponent"
    if key not in _VARIABLES:
        return "UnknownVariable"
    return None if wanted.get("attributeType", "Actual") == "Actual" else "NotSupportedAttributeType"


def _named(wanted: Fields) -> Fields:
    return {"component": wanted["component"], "variable": wanted["variable"]}
