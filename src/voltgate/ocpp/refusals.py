"""Refusals of backends' calls, in the response that each action has for them, as a station would answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import plain_fields
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.ocpp.schemas import check

Manner: TypeAlias = Literal["refused", "not supported"]

_LONGEST_ACTION = 100
"""Characters of an action that are looked up, and said again: none has so many."""

_NO = ("Rejected", "Failed", "UnlockFailed", "Unknown", "NotFound", "NoProfiles", "NoFirmware", "NotSupported")
"""The statuses that refuse, the most general first. The schema of the response decides which of them an action has."""


def refusal(version: str, call: Call, manner: Manner = "refused") -> Result | Error:
    """Return the refusal of a backend's call: item by item, by a status, or a CALLERROR if the response has neither."""
    action = plain_action(call.action)[:_LONGEST_ACTION]
    item_by_item = _ITEMS.get(action)
    if item_by_item is not None:
        fields = item_by_item(plain_fields(call), "Rejected")
        if check(version, action, "response", fields) is None:
            return Result(call.id, msgspec.json.encode(fields))
    status = _status(version, action, manner)
    if status is not None:
        return Result(call.id, msgspec.json.encode({"status": status}))
    if manner == "not supported":
        return Error(call.id, "NotSupported", f"{action} is not supported for this backend")
    return Error(call.id, "SecurityError", f"This backend may not ask for {action}")


@lru_cache(maxsize=1024)
def _status(version: str, action: str, manner: Manner) -> str | None:
    words = ("NotSupported", *_NO) if manner == "not supported" else _NO
    return next((word for word in words if check(version, action, "response", {"status": word}) is None), None)


def acceptance(call: Call) -> Result | None:
    """Return a station's acceptance of a change of configuration keys; None for any other call."""
    if call.action == "ChangeConfiguration":
        return Result(call.id, b'{"status":"Accepted"}')
    if call.action == "SetVariables":
        return Result(call.id, msgspec.json.encode(set_results(call.fields, "Accepted")))
    return None


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    """Return the objects in the list `name`; anything else in it is left out."""
    items = fields.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _named(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("attributeType", "component", "variable") if name in item}


def set_results(fields: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return the response to a SetVariables in which every item has the same status."""
    items = _list(fields, "setVariableData")
    return {"setVariableResult": [{"attributeStatus": status, **_named(item)} for item in items]}


def _get_results(fields: Mapping[str, Any], status: str) -> dict[str, Any]:
    items = _list(fields, "getVariableData")
    return {"getVariableResult": [{"attributeStatus": status, **_named(item)} for item in items]}


def _monitoring_results(fields: Mapping[str, Any], status: str) -> dict[str, Any]:
    names = ("type", "severity", "component", "variable")
    items = _list(fields, "setMonitoringData")
    results = [{"status": status} | {name: item[name] for name in names if name in item} for item in items]
    return {"setMonitoringResult": results}


def _cleared_monitoring(fields: Mapping[str, Any], status: str) -> dict[str, Any]:
    ids = fields.get("id")
    return {
        "clearMonitoringResult": [{"status": status, "id": each} for each in (ids if isinstance(ids, list) else ())]
    }


def _cleared_tariffs(fields: Mapping[str, Any], status: str) -> dict[str, Any]:
    ids = fields.get("tariffIds")
    named = [{"status": status, "tariffId": each} for each in (ids if isinstance(ids, list) else ())]
    return {"clearTariffsResult": named or [{"status": status}]}


_ITEMS: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "SetVariables": set_results,
    "GetVariables": _get_results,
    "SetVariableMonitoring": _monitoring_results,
    "ClearVariableMonitoring": _cleared_monitoring,
    "ClearTariffs": _cleared_tariffs,
}
"""The actions that are answered item by item."""
