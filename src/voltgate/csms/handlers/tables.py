"""Who answers which action: one table for each family of versions."""

from __future__ import annotations

from voltgate.csms.handlers import authorize, connection, metering, transactions_1x, transactions_2x
from voltgate.csms.table import Entry, Table
from voltgate.ocpp.dialect import is_modern

_OF_1X: Table = {
    "Authorize": Entry(authorize.authorize_1x, authorize.needs_1x),
    "BootNotification": Entry(connection.boot_1x),
    "Heartbeat": Entry(connection.heartbeat),
    "MeterValues": Entry(metering.values_1x, metering.needs_1x),
    "StartTransaction": Entry(transactions_1x.start, transactions_1x.start_needs),
    "StatusNotification": Entry(connection.status_1x, connection.status_needs),
    "StopTransaction": Entry(transactions_1x.stop, transactions_1x.stop_needs),
}

_OF_2X: Table = {
    "Authorize": Entry(authorize.authorize_2x, authorize.needs_2x),
    "BootNotification": Entry(connection.boot_2x),
    "Heartbeat": Entry(connection.heartbeat),
    "MeterValues": Entry(metering.values_2x),
    "StatusNotification": Entry(connection.status_2x, connection.status_needs),
    "TransactionEvent": Entry(transactions_2x.event, transactions_2x.needs),
}


def entry_of(version: str, action: str) -> Entry | None:
    """Return how an action is answered to stations of a version; None if it is not one that they call."""
    return (_OF_2X if is_modern(version) else _OF_1X).get(action)
