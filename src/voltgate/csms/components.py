"""Names of the device model (2.x Part 1 section 4): components and variables as one text each.

With a point between them they are what commands call a variable (`commands.names`).
"""

from __future__ import annotations

from voltgate.csms.said import name_of, part_of, text_of, whole_of

_LEVELS = {"ChargingStation": 0, "EVSE": 1, "Connector": 2}


def component_name(component: object) -> str:
    """Return a component as `Name` or `Name[instance]`, with `@evse` or `@evse:connector` behind it; "" for none."""
    said = part_of(component)
    name = variable_name(component)
    evse = part_of(said.get("evse"))
    number, connector = whole_of(evse.get("id")), whole_of(evse.get("connectorId"))
    if not name or number is None:
        return name
    return f"{name}@{number}" if connector is None else f"{name}@{number}:{connector}"


def variable_name(variable: object) -> str:
    """Return a variable as `Name` or `Name[instance]`; "" for none."""
    said = part_of(variable)
    name, instance = text_of(said.get("name")), text_of(said.get("instance"))
    return name_of(f"{name}[{instance}]" if name and instance else name)


def evse_of(component: object) -> tuple[int, int] | None:
    """Return EVSE and connector of the component that is one, (0, 0) for the station itself; None for all others."""
    said = part_of(component)
    level, evse = _LEVELS.get(text_of(said.get("name"))), part_of(said.get("evse"))
    number, connector = whole_of(evse.get("id")), whole_of(evse.get("connectorId"))
    if level is None or (level > 0 and not number) or (level > 1 and not connector):
        return None
    return (number or 0) if level else 0, (connector or 0) if level > 1 else 0
