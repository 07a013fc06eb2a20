"""What stations of 2.x report by NotifyEvent: errors, in the words of 1.6, and what state things are in.

Source: 2.x Part 2 N07 and N08; the names of components and variables: Part 2 appendices, and the unified error codes
of CharIN.
"""

from __future__ import annotations

from typing import Any

from voltgate.ocpp.ids import integer, plain_fields
from voltgate.ocpp.messages import Call, Respond
from voltgate.relay.context import Context
from voltgate.relay.learnt import NO_ERROR, STATION, Place, Said
from voltgate.relay.policies import by_number, clocks, statuses

CODES = frozenset(
    """
    ConnectorLockFailure EVCommunicationError GroundFailure HighTemperature InternalError LocalListConflict OtherError
    OverCurrentFailure OverVoltage PowerMeterFailure PowerSwitchFailure ReaderFailure ResetFailure UnderVoltage
    WeakSignal
    """.split()
)
"""The errors of 1.6 (ChargePointErrorCode)."""

_BY_VARIABLE = {
    "RCD.Active": "GroundFailure",
    "RCD.Tripped": "GroundFailure",
    "TemperatureSensor.Active": "HighTemperature",
    "OverCurrentProtection.Active": "OverCurrentFailure",
    "OverCurrentProtectionRecloser.Active": "OverCurrentFailure",
    "EVSE.Overload": "OverCurrentFailure",
    "ConnectorPlugRetentionLock.Problem": "ConnectorLockFailure",
    "EVRetentionLock.Problem": "ConnectorLockFailure",
    "ConnectedEV.Problem": "EVCommunicationError",
    "FiscalMetering.Problem": "PowerMeterFailure",
    "ElectricalMeter.Problem": "PowerMeterFailure",
    "PowerContactor.Problem": "PowerSwitchFailure",
    "AcDcConverter.Problem": "InternalError",
    "Controller.Problem": "InternalError",
    "TokenReader.Problem": "ReaderFailure",
    "DataLink.Problem": "WeakSignal",
}
"""Which error of 1.6 a variable of 2.x stands for while it is true; `Problem` of any other component is OtherError."""

_MOST = 100
"""Events of one message that are looked at."""


def notify_event(context: Context, call: Call, respond: Respond) -> None:
    """Have a NotifyEvent answered, and tell of the errors and states in it."""
    by_number.report(context, call, respond)
    fields = plain_fields(call)
    clocks.look(context, fields.get("generatedAt"))
    data = fields.get("eventData")
    for each in data[:_MOST] if isinstance(data, list) else ():
        if isinstance(each, dict):
            _look(context, each)


def _look(context: Context, event: dict[str, Any]) -> None:
    component, variable = _name(event, "component"), _name(event, "variable")
    place = _place(event)
    if variable == "AvailabilityState":
        if component in ("ChargingStation", "Connector"):
            statuses.tell_status(context, place, event.get("actualValue"))
        return
    tech = event.get("techCode")
    tech = tech if isinstance(tech, str) else ""
    code = tech if tech in CODES else _BY_VARIABLE.get(f"{component}.{variable}", "")
    code = code or ("OtherError" if variable == "Problem" else "")
    if not code:
        return
    before = statuses.said_of(context, place)
    is_over = event.get("cleared") is True or str(event.get("actualValue")).lower() == "false"
    if not is_over:
        said = Said(before.status, code, "" if tech in CODES else tech[:50])
        statuses.tell(context, place, said, event.get("techInfo"))
    elif before.error_code == code:
        statuses.tell(context, place, Said(before.status, NO_ERROR))


def _name(event: dict[str, Any], name: str) -> str:
    table = event.get(name)
    return str(table.get("name", ""))[:50] if isinstance(table, dict) else ""


def _place(event: dict[str, Any]) -> Place:
    component = event.get("component")
    evse = component.get("evse") if isinstance(component, dict) else None
    number = integer(evse.get("id")) if isinstance(evse, dict) else None
    return (number, integer(evse.get("connectorId")) or 1) if isinstance(evse, dict) and number else STATION
