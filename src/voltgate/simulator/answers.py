"""Fixed answers of a simulated station, to commands that change nothing in it."""

from __future__ import annotations

from typing import Any

_ACCEPTED = {"status": "Accepted"}

_16: dict[str, dict[str, Any]] = {
    "CertificateSigned": _ACCEPTED,
    "ClearCache": _ACCEPTED,
    "DeleteCertificate": {"status": "NotFound"},
    "GetCompositeSchedule": {"status": "Rejected"},
    "GetInstalledCertificateIds": {"status": "NotFound"},
    "InstallCertificate": _ACCEPTED,
}

_201: dict[str, dict[str, Any]] = {
    "CertificateSigned": _ACCEPTED,
    "ClearCache": _ACCEPTED,
    "ClearDisplayMessage": {"status": "Unknown"},
    "CostUpdated": {},
    "DeleteCertificate": {"status": "NotFound"},
    "GetCompositeSchedule": {"status": "Rejected"},
    "GetDisplayMessages": {"status": "Unknown"},
    "GetInstalledCertificateIds": {"status": "NotFound"},
    "InstallCertificate": _ACCEPTED,
    "PublishFirmware": {"status": "Rejected"},
    "SetDisplayMessage": _ACCEPTED,
    "SetMonitoringBase": _ACCEPTED,
    "SetMonitoringLevel": _ACCEPTED,
    "SetNetworkProfile": {"status": "Rejected"},
    "UnpublishFirmware": {"status": "NoFirmware"},
}

_21: dict[str, dict[str, Any]] = _201 | {
    "AFRRSignal": _ACCEPTED,
    "AdjustPeriodicEventStream": {"status": "Rejected"},
    "ChangeTransactionTariff": _ACCEPTED,
    "ClearDERControl": {"status": "NotFound"},
    "ClearTariffs": {"clearTariffsResult": [{"status": "NoTariff"}]},
    "GetDERControl": {"status": "NotFound"},
    "GetPeriodicEventStream": {},
    "GetTariffs": {"status": "NoTariff"},
    "NotifyAllowedEnergyTransfer": _ACCEPTED,
    "NotifyWebPaymentStarted": {},
    "RequestBatterySwap": {"status": "Rejected"},
    "SetDERControl": {"status": "NotSupported"},
    "SetDefaultTariff": _ACCEPTED,
    "UpdateDynamicSchedule": {"status": "Rejected"},
    "UsePriorityCharging": {"status": "NoProfile"},
}

_BY_VERSION = {"ocpp2.0": _201, "ocpp2.0.1": _201, "ocpp2.1": _21}


def fixed(version: str, action: str) -> dict[str, Any] | None:
    """Return the fixed answer to a command; None when there is none."""
    return _BY_VERSION.get(version, _16).get(action)


def names(version: str) -> frozenset[str]:
    """Return the commands that have a fixed answer."""
    return frozenset(_BY_VERSION.get(version, _16))
