"""The two families of versions: by which of them a call of a station was said, as far as that can be told."""

from __future__ import annotations

from voltgate.ocpp.actions import from_stations, plain_action
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import plain_fields
from voltgate.ocpp.messages import Call

_OLD, _MODERN = from_stations("ocpp1.6"), from_stations("ocpp2.0.1") | from_stations("ocpp2.1")
_OF_2X = frozenset({"chargingStation", "evseId", "idToken"})
"""Fields of calls that both families have which only those of 2.x carry."""
_OF_1X = frozenset({"chargePointVendor", "connectorId", "idTag"})
"""Likewise for 1.x, where none of the others is there: in 2.x a connector is that of an EVSE."""


def may_be_of(version: str, call: Call) -> bool:
    """Return whether a call may have been said in a version of this family; False if it is of the other one."""
    action, modern = plain_action(call.action), is_modern(version)
    if (action in _OLD) is not (action in _MODERN):
        return (action in _MODERN) is modern
    fields = plain_fields(call).keys()
    if not fields.isdisjoint(_OF_2X):
        return modern
    return fields.isdisjoint(_OF_1X) or not modern
