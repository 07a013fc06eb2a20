"""The differences of 1.2 and 1.5 from 1.6: names of elements, values of enumerations, and the form of meter values.

The functions here get a payload of the older version after its names and values were converted by the tables here.
Source: the WSDLs; OCPP 1.6 edition 2 appendix A ("new in OCPP 1.6").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from voltgate.ocpp.soap.tables import WORDS
from voltgate.ocpp.soap.unfit import Unfit

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assumed:
    """Values that 1.6 requires and an older version does not have.

    `occupied` returns the status in 1.6 of a connector that is Occupied; a caller that knows of transactions can do
    better than the default. `now` (RFC 3339) and `interval` (seconds, never 0, which some stations take for "without
    pause") are for the response to a BootNotification without them, as 1.2 allows; without `now` the time is missing.
    """

    occupied: Callable[[object], str] = lambda _: "Charging"
    now: str = ""
    interval: int = 300


ASSUMED = Assumed()

_RENAMED_12 = {
    "BootNotificationResponse.heartbeatInterval": "interval",
    "MeterValuesRequest.values": "meterValue",
    "MeterValue.value": "sampledValue",
}

RENAMED: dict[str, dict[str, str]] = {
    "1.2": _RENAMED_12,
    "1.5": {
        **_RENAMED_12,
        "TransactionData.values": "meterValue",
        "SendLocalListRequest.localAuthorisationList": "localAuthorizationList",
    },
    "1.6": {},
}
"""By version: the name in 1.6 of `<type>.<element>`."""

_IN_USE = dict.fromkeys(["Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"], "Occupied")
_UNLOCKED = {"Accepted": "Unlocked", "Rejected": "UnlockFailed"}
_LOCKED = {"Unlocked": "Accepted", "UnlockFailed": "Rejected", "NotSupported": "Rejected"}
_PENDING = {"Pending": "Rejected"}
_REBOOT = {"RebootRequired": "Accepted"}


def _errors(version: str, otherwise: str) -> dict[str, str]:
    """Map the codes of 1.6 that the version lacks to `otherwise`, except for the one that it has under another name."""
    newer = WORDS["1.6"]["ChargePointErrorCode"].split()
    lacking = set(newer) - set(WORDS[version]["ChargePointErrorCode"].split())
    return {**dict.fromkeys(lacking, otherwise), "EVCommunicationError": "Mode3Error"}


_READ_12 = {"ChargePointErrorCode": {"Mode3Error": "EVCommunicationError"}, "UnlockStatus": _UNLOCKED}

READ: dict[str, dict[str, dict[str, str]]] = {
    "1.2": _READ_12,
    "1.5": {**_READ_12, "UnitOfMeasure": {"Amp": "A", "Volt": "V"}, "UpdateStatus": {"HashError": "Failed"}},
    "1.6": {},
}
"""By version and enumeration: the values that 1.6 has others for."""

WRITTEN: dict[str, dict[str, Mapping[str, str | None]]] = {
    "1.2": {
        "ChargePointStatus": {**_IN_USE, "Reserved": "Occupied"},
        # 1.2 has no code for other errors: the status of the connector says that it is Faulted.
        "ChargePointErrorCode": _errors("1.2", "NoError"),
        "RegistrationStatus": _PENDING,
        "UnlockStatus": _LOCKED,
        "ConfigurationStatus": _REBOOT,
    },
    "1.5": {
        "ChargePointStatus": _IN_USE,
        "ChargePointErrorCode": _errors("1.5", "OtherError"),
        "RegistrationStatus": _PENDING,
        "UnlockStatus": _LOCKED,
        "ConfigurationStatus": _REBOOT,
        "UnitOfMeasure": {"A": "Amp", "V": "Volt", "Celcius": "Celsius"},
        "ReadingContext": {"Other": None, "Trigger": None},
    },
    # Only OCPP-J has Hertz, and a misspelling that its errata keep.
    "1.6": {"UnitOfMeasure": {"Celcius": "Celsius", "Hertz": None}},
}
"""By version and enumeration: the value for one of 1.6; None leaves the field out."""

_ENERGY = "Energy.Active.Import.Register"
"""The measurand of a value that names none (1.6 section 7.43), and of the plain numbers of 1.2."""

_MEASURANDS_15 = frozenset(WORDS["1.5"]["Measurand"].split())
_UNITS_15 = frozenset(WORDS["1.5"]["UnitOfMeasure"].split()) | frozenset({"A", "V", "Celcius"})
_LOCATIONS_15 = frozenset(WORDS["1.5"]["Location"].split())
_OUTLET = "Outlet"
"""Where a value was measured that does not say so (1.6 section 7.43)."""
_PLAIN = {"measurand": _ENERGY, "format": "Raw", "location": _OUTLET}
"""What the plain numbers of 1.2 are."""
_WATT_HOURS = {"Wh": 1, "kWh": 1000}


def newer(version: str, body: str, payload: Payload, assumed: Assumed) -> Payload:
    """Return the payload of 1.6 for one of 1.2 or 1.5, renamed already. `body` is the name of the body's type."""
    match body:
        case "BootNotificationResponse":
            return _booted(payload, assumed)
        case "StatusNotificationRequest" if payload.get("status") == "Occupied":
            return {**payload, "status": assumed.occupied(payload.get("connectorId"))}
        case "MeterValuesRequest" if version == "1.2":
            return {**payload, "meterValue": [_sampled(value) for value in payload.get("meterValue", [])]}
        case "StopTransactionRequest" if "transactionData" in payload:
            return _stopped(payload)
        case "SendLocalListRequest" | "SendLocalListResponse":
            return {key: value for key, value in payload.items() if key != "hash"}
    return payload


def _stopped(payload: Payload) -> Payload:
    """Join the lists of transaction data, of which 1.5 may have several; without any value there is no list."""
    values = [value for data in payload["transactionData"] for value in data.get("meterValue", [])]
    rest = {key: value for key, value in payload.items() if key != "transactionData"}
    return {**rest, "transactionData": values} if values else rest


def _booted(payload: Payload, assumed: Assumed) -> Payload:
    times = {"currentTime": assumed.now} if assumed.now else {}
    return {**times, "interval": assumed.interval, **payload}


def _sampled(value: Payload) -> Payload:
    """Return a meter value of 1.2, whose plain number is the register in Wh, with a sample in place of the number."""
    number = value.pop("sampledValue", None)
    return {**value, "sampledValue": [] if number is None else [{"value": str(number)}]}


def nobody_counts() -> None:
    """Take note of a loss that nobody counts."""


def older(version: str, body: str, payload: Payload, lost: Callable[[], None] = nobody_counts) -> Payload:
    """Return the payload of 1.2 or 1.5, not renamed yet, for one of 1.6; `lost` is called for each sample left out.

    Fields that the older version lacks are not removed here: they are not written. Raise Unfit if the meter values do
    not have the shape of meter values.
    """
    match body:
        case "MeterValuesRequest":
            return {**payload, "meterValue": list(_values(version, payload.get("meterValue"), "/meterValue", lost))}
        case "StopTransactionRequest" if version == "1.5":
            values = list(_values(version, payload.get("transactionData"), "/transactionData", lost))
            return {**payload, "transactionData": [{"meterValue": values}] if values else []}
        case "SendLocalListRequest" | "SendLocalListResponse":
            return {key: value for key, value in payload.items() if key != "hash"}
    return payload


def _values(version: str, values: object, path: str, lost: Callable[[], None]) -> Iterator[Payload]:
    for value in _objects(values, path):
        samples = _objects(value.get("sampledValue"), f"{path}/sampledValue")
        kept: Any
        if version == "1.2":
            numbers = [number for number in map(_watt_hours, samples) if number is not None]
            kept, left = (numbers[0], len(samples) - 1) if numbers else (None, len(samples))
        else:
            kept = [sample for sample in samples if _is_in_15(sample)] or None
            left = len(samples) - len(kept or ())
        for _ in range(left):
            lost()
        if kept is not None:
            yield {**value, "sampledValue": kept}


def _objects(value: object, path: str) -> list[Payload]:
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unfit("TypeConstraintViolation", "The value is not an array of objects", path)
    return found


def _is_in_15(sample: Payload) -> bool:
    """Return whether 1.5 has this sample.

    It has no phases, and two locations fewer: what was measured on one phase or in the vehicle must not pass for the
    whole meter's, and nothing is added up to make it that. Without context a sample is only less well explained.
    """
    measurand, unit = _said(sample, "measurand", _ENERGY), _said(sample, "unit", "Wh")
    place = _said(sample, "location", _OUTLET)
    if not isinstance(measurand, str) or not isinstance(unit, str) or not isinstance(place, str):
        return False
    known = measurand in _MEASURANDS_15 and unit in _UNITS_15 and place in _LOCATIONS_15
    return known and sample.get("phase") is None


def _said(sample: Payload, key: str, default: str) -> object:
    found = sample.get(key)
    return default if found is None else found


def _watt_hours(sample: Payload) -> int | None:
    """Return a sample as 1.2 has it, the outlet's register in whole watt-hours; None for anything else."""
    factor = _WATT_HOURS.get(str(_said(sample, "unit", "Wh")))
    said = [_said(sample, key, default) for key, default in _PLAIN.items()]
    if factor is None or said != list(_PLAIN.values()) or sample.get("phase") is not None:
        return None
    try:
        return round(float(sample.get("value", "")) * factor)
    except (TypeError, ValueError, OverflowError):
        return None
