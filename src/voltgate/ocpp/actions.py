"""The catalogue of actions: which exist in a version of OCPP, who sends them, which belong to transactions.

Source: OCPP 1.6 edition 2 section 6 and its security whitepaper; OCPP 2.0.1 and 2.1 Part 2 section 1.
"""

from __future__ import annotations

_UP_16 = frozenset(
    """
    Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
    LogStatusNotification MeterValues SecurityEventNotification SignCertificate SignedFirmwareStatusNotification
    StartTransaction StatusNotification StopTransaction
    """.split()
)

_DOWN_16 = frozenset(
    """
    CancelReservation CertificateSigned ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DeleteCertificate ExtendedTriggerMessage GetCompositeSchedule GetConfiguration GetDiagnostics
    GetInstalledCertificateIds GetLocalListVersion GetLog InstallCertificate RemoteStartTransaction
    RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SignedUpdateFirmware TriggerMessage
    UnlockConnector UpdateFirmware
    """.split()
)

_UP_201 = frozenset(
    """
    Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
    NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent
    NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles
    ReservationStatusUpdate SecurityEventNotification SignCertificate StatusNotification TransactionEvent
    """.split()
)

_DOWN_201 = frozenset(
    """
    CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
    ClearVariableMonitoring CostUpdated CustomerInformation DeleteCertificate GetBaseReport GetChargingProfiles
    GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog
    GetMonitoringReport GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware
    RequestStartTransaction RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile
    SetDisplayMessage SetMonitoringBase SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables
    TriggerMessage UnlockConnector UnpublishFirmware UpdateFirmware
    """.split()
)

_UP_21 = _UP_201 | frozenset(
    """
    BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream
    PullDynamicScheduleUpdate ReportDERControl VatNumberValidation
    """.split()
)

_DOWN_21 = _DOWN_201 | frozenset(
    """
    AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
    GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
    SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging
    """.split()
)

_BOTH = frozenset({"DataTransfer"})

BOOT, AUTHORIZE = "BootNotification", "Authorize"

TRANSACTION_ACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})
"""Transaction messages: a station keeps them until they are answered, and they are what charging is billed by
(1.6 section 3.7.1 and errata 3.18; 2.x Part 2 section E)."""

_LONGEST = 100
"""Characters of an action that are looked at: none has so many."""

SIGNED = "-Signed"
"""The suffix of a signed message's action (2.x Part 4 section 7)."""

ACTIONS = _UP_16 | _DOWN_16 | _UP_21 | _DOWN_21 | _BOTH
"""Every action of every version; only these may become labels of a metric."""


def plain_action(action: str) -> str:
    """Return the action without the suffix of a signed message."""
    return action.removesuffix(SIGNED)


def is_transaction(action: str) -> bool:
    """Return whether this is the action of a transaction message, signed or not."""
    return action in TRANSACTION_ACTIONS or action.removesuffix(SIGNED) in TRANSACTION_ACTIONS


def from_stations(version: str) -> frozenset[str]:
    """Return the actions that a station of `version` ("ocpp1.6" …) may call; for earlier versions those of 1.6."""
    return {"ocpp2.0.1": _UP_201, "ocpp2.0": _UP_201, "ocpp2.1": _UP_21}.get(version, _UP_16) | _BOTH


def from_backends(version: str) -> frozenset[str]:
    """Return the actions that a backend may call at a station of `version`."""
    return {"ocpp2.0.1": _DOWN_201, "ocpp2.0": _DOWN_201, "ocpp2.1": _DOWN_21}.get(version, _DOWN_16) | _BOTH


def letters(text: str) -> str:
    """Return a name without what readers may not heed: case, spaces, control characters, punctuation."""
    return "".join(filter(str.isalnum, text)).casefold()


_LOOKS = {letters(action): action for action in ACTIONS}


def taken_for(text: str) -> str | None:
    """Return the action, unsigned, that a lenient reader may take a text for; None if it is taken for none."""
    looks = letters(text[:_LONGEST])
    while looks.endswith("signed") and looks not in _LOOKS:
        looks = looks.removesuffix("signed")
    return _LOOKS.get(looks)


def resembles(action: str) -> bool:
    """Return whether a lenient reader may take an action that no version has for one that some version has."""
    return plain_action(action) not in ACTIONS and (len(action) > _LONGEST or taken_for(action) is not None)
