"""The charging profiles that operators have set: stations of 1.6 never report them, those of 2.x when they are asked.

A profile is kept once its station has accepted it, until the station says that it is there no more.
Source: 1.6 sections 3.13, 5.5 and 5.16; 2.x Part 2, K01, K09 and K10.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from voltgate.csms.handling import Handling
from voltgate.csms.model import OPERATOR, Profile
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, part_of, text_of, whole_of
from voltgate.csms.table import Entry
from voltgate.ocpp.messages import Reply, Result

CSO = "CSO"
"""The charging limit source of what the operator of the station has set (ChargingLimitSourceEnumType)."""


def answered(action: str, payload: dict[str, Any], reply: Reply) -> Entry | None:
    """Return what is written once a station has answered a call about profiles; None: nothing."""
    status = text_of(reply.fields.get("status")) if isinstance(reply, Result) else ""
    match action, status:
        case "SetChargingProfile", "Accepted":
            return Entry(partial(_set, payload), needs, makes=False)
        case ("ClearChargingProfile", "Accepted" | "Unknown") | ("GetChargingProfiles", "NoProfiles"):
            return Entry(partial(_clear, _criteria(payload)), needs, makes=False)
    return None


def needs(said: Said, needs: Needs) -> None:
    """Read the profiles of the station."""
    needs.profiles.add(said.station)


def _set(payload: dict[str, Any], handling: Handling) -> dict[str, Any]:
    is_old = "csChargingProfiles" in payload
    body = part_of(payload["csChargingProfiles" if is_old else "chargingProfile"])
    row = Profile(
        handling.said.station,
        whole_of(payload.get("connectorId" if is_old else "evseId")) or 0,
        whole_of(body.get("chargingProfileId" if is_old else "id")) or 0,
        CSO,
        text_of(body.get("chargingProfilePurpose")),
        whole_of(body.get("stackLevel")) or 0,
        handling.said.now,
        msgspec.json.encode(body),
        OPERATOR,
    )
    for each in handling.profiles():
        is_replaced = each.profile == row.profile or (is_old and _place(each) == _place(row))
        if each.source == CSO and is_replaced:
            handling.clear_profile(each)
    handling.keep_profile(row)
    return {}


def _place(row: Profile) -> tuple[int, str, int]:
    """Return where a station of 1.6 has only one profile (section 3.13.2)."""
    return row.evse, row.purpose, row.stack_level


def _criteria(payload: dict[str, Any]) -> dict[str, Any]:
    """Return what profiles must be like that a call is about, by the names of their fields; {}: all are."""
    more = part_of(payload.get("chargingProfileCriteria") or payload.get("chargingProfile"))
    said = {**payload, **more}
    ids = said.get("id", said.get("chargingProfileId"))
    found = {
        "profile": ids if isinstance(ids, list) else None if ids is None else [ids],
        "evse": _one_of(said.get("connectorId", said.get("evseId"))),
        "purpose": _one_of(said.get("chargingProfilePurpose")),
        "stack_level": _one_of(said.get("stackLevel")),
    }
    return {name: values for name, values in found.items() if values is not None}


def _one_of(value: object) -> list[object] | None:
    return None if value is None else [value]


def _clear(criteria: dict[str, Any], handling: Handling) -> dict[str, Any]:
    for each in handling.profiles():
        if each.source == CSO and all(getattr(each, name) in values for name, values in criteria.items()):
            handling.clear_profile(each)
    return {}
