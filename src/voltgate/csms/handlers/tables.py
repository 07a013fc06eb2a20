"""Who answers which action: one table for each family of versions."""

from __future__ import annotations

from voltgate.csms.handlers import (
    authorize,
    certificates,
    charging,
    connection,
    metering,
    reports,
    transactions_1x,
    transactions_2x,
    upkeep,
    vendors,
)
from voltgate.csms.handlers.notes import noted
from voltgate.csms.table import Entry, Table
from voltgate.ocpp.actions import from_stations
from voltgate.ocpp.dialect import is_modern

_OF_BOTH: Table = {
    "DataTransfer": Entry(vendors.data_transfer),
    "FirmwareStatusNotification": Entry(upkeep.firmware_status),
    "Heartbeat": Entry(connection.heartbeat),
    "LogStatusNotification": Entry(upkeep.log_status),
    "SecurityEventNotification": noted("type", "timestamp"),
    "SignCertificate": Entry(certificates.sign, certificates.signing_needs),
}

_OF_1X: Table = {
    **_OF_BOTH,
    "Authorize": Entry(authorize.authorize_1x, authorize.needs_1x),
    "BootNotification": Entry(connection.boot_1x),
    "DiagnosticsStatusNotification": Entry(upkeep.log_status),
    "MeterValues": Entry(metering.values_1x, metering.needs_1x),
    "SignedFirmwareStatusNotification": Entry(upkeep.firmware_status),
    "StartTransaction": Entry(transactions_1x.start, transactions_1x.start_needs),
    "StatusNotification": Entry(connection.status_1x, connection.status_needs),
    "StopTransaction": Entry(transactions_1x.stop, transactions_1x.stop_needs),
}

_OF_2X: Table = {
    **_OF_BOTH,
    "Authorize": Entry(authorize.authorize_2x, authorize.needs_2x),
    "BatterySwap": noted("requestId"),
    "BootNotification": Entry(connection.boot_2x),
    "ClearedChargingLimit": noted("evseId"),
    "ClosePeriodicEventStream": noted("id"),
    "Get15118EVCertificate": Entry(certificates.contract),
    "GetCertificateChainStatus": Entry(certificates.chain_status),
    "GetCertificateStatus": Entry(certificates.status),
    "MeterValues": Entry(metering.values_2x),
    "NotifyChargingLimit": noted("evseId"),
    "NotifyCustomerInformation": Entry(reports.noted_part, reports.needs),
    "NotifyDERAlarm": noted("controlType", "timestamp"),
    "NotifyDERStartStop": noted("controlId", "timestamp"),
    "NotifyDisplayMessages": Entry(reports.noted_part, reports.needs),
    "NotifyEVChargingNeeds": Entry(charging.needs_of_vehicle),
    "NotifyEVChargingSchedule": noted("evseId", status="Accepted"),
    "NotifyEvent": Entry(reports.events, connection.status_needs),
    "NotifyMonitoringReport": Entry(reports.noted_part, reports.needs),
    "NotifyPeriodicEventStream": noted("id", "basetime"),
    "NotifyPriorityCharging": noted("transactionId"),
    "NotifyReport": Entry(reports.variables, reports.needs),
    "NotifySettlement": noted("transactionId", "settlementTime"),
    "OpenPeriodicEventStream": noted(status="Accepted"),
    "PublishFirmwareStatusNotification": noted("requestId"),
    "PullDynamicScheduleUpdate": Entry(charging.pull_update),
    "ReportChargingProfiles": Entry(reports.profiles, reports.needs),
    "ReportDERControl": Entry(reports.noted_part, reports.needs),
    "ReservationStatusUpdate": Entry(charging.reservation_status, charging.reservation_needs),
    "StatusNotification": Entry(connection.status_2x, connection.status_needs),
    "TransactionEvent": Entry(transactions_2x.event, transactions_2x.needs),
    "VatNumberValidation": Entry(charging.vat_number),
}


def entry_of(version: str, action: str) -> Entry | None:
    """Return how an action is answered to stations of a version; None if it is not one that they call."""
    if action not in from_stations(version):
        return None
    return (_OF_2X if is_modern(version) else _OF_1X).get(action)
