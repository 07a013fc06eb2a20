"""What stations have told of their own limits, as it is kept: among their variables, or the keys of 1.x."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from voltgate.csms.commands.configuration import facts_of
from voltgate.csms.commands.names import Item, item_of_key, item_of_variable, variable_of
from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.target import Facts
from voltgate.csms.components import component_name, variable_name
from voltgate.csms.model import Variable

MOST = 1000
"""Settings that are kept of one answer."""
_KEYS = (
    "GetConfigurationMaxKeys",
    "SendLocalListMaxLength",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
)
_VARIABLES = {
    (component_name(each.fields["component"]), variable_name(each.fields["variable"])): each
    for each in map(variable_of, (*_KEYS, "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"))
}
PLACES = frozenset({*_VARIABLES, *(("", key) for key in _KEYS)})
"""Component and variable of all that limits are told by, in any version."""


def limits_of(rows: Iterable[Variable]) -> Facts:
    """Return what rows say of the limits of their station."""
    return facts_of([_item(row) for row in rows if (row.component, row.variable) in PLACES])


def _item(row: Variable) -> Item:
    known = _VARIABLES.get((row.component, row.variable))
    if known is None:
        return item_of_key(row.variable, value=row.value)
    return item_of_variable(known, value=row.value, attribute=row.attribute)


def told(station: str, outcome: Outcome, now: float) -> Sequence[Variable]:
    """Return the rows of the settings that a station has told in answer to configuration-get."""
    items = msgspec.convert(outcome.result.get("items", ())[:MOST], list[Item])
    return [_row(station, item, now) for item in items if item.status == "Accepted" and item.name]


def _row(station: str, item: Item, now: float) -> Variable:
    fields = None if item.variable is None else item.variable.fields
    by_key = fields is None or item.name == item.key  # as stations of 1.x name it
    component = "" if by_key or fields is None else component_name(fields["component"])
    variable = item.key if by_key or fields is None else variable_name(fields["variable"])
    mutability = {True: "ReadOnly", False: "ReadWrite", None: ""}[item.readonly]
    return Variable(station, component, variable, item.attribute, item.value, mutability, b"{}", now)
