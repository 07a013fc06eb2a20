"""The table: which policy decides about which call of a station, for each family of versions."""

from __future__ import annotations

from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.refusals import refusal
from voltgate.relay.policies import (
    authorize,
    booting,
    by_number,
    commands,
    faults,
    offline,
    permits,
    registration,
    statuses,
    transactions_2x,
    transactions_16,
)
from voltgate.relay.policy import Policies, Policy

_BOTH: dict[str, Policy] = {
    "Authorize": authorize.authorize,
    "BootNotification": booting.boot,
    "ReservationStatusUpdate": by_number.reservation,
    **dict.fromkeys(by_number.REPORTS, by_number.report),
    **dict.fromkeys(by_number.OF_CONNECTORS, by_number.of_connector),
    "StatusNotification": statuses.status,
}

_ACTIONS_16 = _BOTH | {
    "StartTransaction": statuses.start,
    "StopTransaction": statuses.stop,
    "MeterValues": transactions_16.meter_values,
}

_ACTIONS_2X = _BOTH | {
    "NotifyEvent": faults.notify_event,
    "TransactionEvent": statuses.transaction_event,
    "MeterValues": transactions_2x.meter_values,
}


def _policies(by_action: dict[str, Policy]) -> Policies:
    return Policies(
        by_action,
        frozenset({"MeterValues"}),
        authorize.ask_chain,
        offline.stand_in,
        offline.learns,
        offline.reconsider,
        commands.command,
        refusal,
        permits.permits,
        registration.gate,
        registration.commands,
        registration.moved,
    )


_POLICIES_16, _POLICIES_2X = _policies(_ACTIONS_16), _policies(_ACTIONS_2X)


def policies_for(version: str) -> Policies:
    """Return what is decided for stations of a version; the same object for all of them."""
    return _POLICIES_2X if is_modern(version) else _POLICIES_16
