"""Reports, which stations make in parts: the device model, monitors, messages, charging profiles, DER controls.

What a part says counts when it comes: parts may come in any order and more than once, and one that never comes takes
nothing from the others. Source: 2.x Part 2, B07, B08, N02, N07 to N09, O03, K09, R04.
"""

from __future__ import annotations

from typing import Any

import msgspec

from voltgate.csms.components import component_name, evse_of, variable_name
from voltgate.csms.handlers.connection import reported
from voltgate.csms.handlers.notes import keep_note
from voltgate.csms.handling import Handling
from voltgate.csms.model import Profile, Report, Variable
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, name_of, objects_of, part_of, text_of, whole_of
from voltgate.csms.sequences import Heard
from voltgate.csms.times import read_time

AVAILABILITY = "AvailabilityState"
"""The variable in which stations of 2.x report the status of a connector, an EVSE or themselves (G01)."""


def needs(said: Said, needs: Needs) -> None:
    """Read the report that this is a part of."""
    needs.reports.add((said.station, said.action, said.whole("requestId") or 0))


def _take_part(handling: Handling) -> Report:
    """Note that a part of a report has come."""
    said = handling.said
    at, seq = said.at("generatedAt"), said.whole("seqNo")
    report = handling.report(said.whole("requestId") or 0, at)
    if report.complete and at > report.at:  # another report, by the same number
        report.received, report.seq, report.missing, report.last, report.complete = said.now, -1, "", None, False
    number = report.seq + 1 if seq is None or seq < 0 else seq
    heard = Heard(report.seq, report.missing).plus(number)
    report.seq, report.missing, report.at = heard.highest, heard.missing, max(report.at, at)
    if said.fields.get("tbc") is not True:
        report.last = number
    report.complete = report.last == report.seq and not report.missing
    handling.put(report)
    return report


def noted_part(handling: Handling) -> dict[str, Any]:
    """Answer a part of a report that is kept as it came."""
    _take_part(handling)
    keep_note(handling, str(handling.said.whole("requestId") or 0), handling.said.at("generatedAt"))
    return {}


def variables(handling: Handling) -> dict[str, Any]:
    """Answer a NotifyReport. What of it is older than what is kept counts no more."""
    said, at = handling.said, handling.said.at("generatedAt")
    if not (handling.station.booted or 0.0) <= at <= said.now:
        at = said.now  # its clock is wrong, and nothing may seem old for that
    _take_part(handling)
    for each in said.objects("reportData"):
        component, variable = component_name(each.get("component")), variable_name(each.get("variable"))
        characteristics = part_of(each.get("variableCharacteristics"))
        for attribute in objects_of(each.get("variableAttribute")) if component and variable else ():
            handling.put(_variable(said, component, variable, attribute, characteristics, at))
    return {}


def _variable(
    said: Said, component: str, variable: str, attribute: dict[str, Any], characteristics: dict[str, Any], at: float
) -> Variable:
    value = attribute.get("value")
    flags = {name: attribute[name] for name in ("persistent", "constant") if name in attribute}
    return Variable(
        said.station,
        component,
        variable,
        name_of(attribute.get("type")) or "Actual",
        None if value is None else text_of(value),
        text_of(attribute.get("mutability")) or "ReadWrite",
        msgspec.json.encode(characteristics | flags),
        at,
    )


def profiles(handling: Handling) -> dict[str, Any]:
    """Answer a ReportChargingProfiles, which does not say when it was made: it is as old as its sending is."""
    said = handling.said
    _take_part(handling)
    for each in said.objects("chargingProfile"):
        number = whole_of(each.get("id"))
        if number is not None:
            handling.put(
                Profile(
                    said.station,
                    said.whole("evseId") or 0,
                    number,
                    name_of(said.fields.get("chargingLimitSource")),
                    text_of(each.get("chargingProfilePurpose")),
                    whole_of(each.get("stackLevel")) or 0,
                    said.sent or said.now,
                    msgspec.json.encode(each),
                )
            )
    return {}


def events(handling: Handling) -> dict[str, Any]:
    """Answer a NotifyEvent: kept, and a status that it tells counts as one."""
    said = handling.said
    keep_note(handling, at=said.at("generatedAt"))
    for each in said.objects("eventData"):
        place = evse_of(each.get("component"))
        status = text_of(each.get("actualValue"))
        if place is not None and status and variable_name(each.get("variable")) == AVAILABILITY:
            at = read_time(each.get("timestamp"))
            reported(handling, *place, said.now if at is None else at, status)
    return {}
