"""Commands about the device model of 2.x: reports, and monitors of its variables."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from voltgate.csms.commands.asking import Plan, Step
from voltgate.csms.commands.names import Setting, variable_from, variable_of
from voltgate.csms.commands.outcome import Fields, Outcome, following, number, objects, status_info, text
from voltgate.csms.commands.parameters import Id, Parameters, given
from voltgate.csms.commands.target import Target, Unsupported

MOST = 1000
"""Variables or monitors of one command."""

Variables: TypeAlias = Annotated[tuple[Setting, ...], msgspec.Meta(max_length=MOST)]
Severity: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=9)]


class Report(Parameters, frozen=True):
    """Let the station report its device model: a whole one (`base`), or what `criteria` or `variables` choose."""

    base: Literal["configuration", "full", "summary"] | None = None
    criteria: Annotated[
        tuple[Literal["active", "available", "enabled", "problem"], ...], msgspec.Meta(max_length=4)
    ] = ()
    variables: Variables = ()
    id: Id = 0


_BASES = {"configuration": "ConfigurationInventory", "full": "FullInventory", "summary": "SummaryInventory"}


def report(target: Target, wanted: Report) -> Plan:
    """Plan a GetBaseReport or a GetReport; the parts of the report come afterwards, with the request's number."""
    request = wanted.id or target.number
    reported = following("NotifyReport", request=request)
    if wanted.criteria or wanted.variables:
        if wanted.base is not None:
            raise Unsupported("A report is a whole one, or one of criteria and variables")
        criteria = [each.capitalize() for each in dict.fromkeys(wanted.criteria)]
        chosen = given(componentCriteria=criteria, componentVariable=_chosen(wanted.variables))
        return Step("GetReport", {"requestId": request, **chosen}, reported)
    return Step("GetBaseReport", {"requestId": request, "reportBase": _BASES[wanted.base or "full"]}, reported)


class MonitoringReport(Parameters, frozen=True):
    """Let the station report its monitors, of some kinds or variables if these are given."""

    criteria: Annotated[tuple[Literal["threshold", "delta", "periodic"], ...], msgspec.Meta(max_length=3)] = ()
    variables: Variables = ()
    id: Id = 0


def monitoring_report(target: Target, wanted: MonitoringReport) -> Plan:
    """Plan a GetMonitoringReport."""
    request = wanted.id or target.number
    criteria = [f"{each.capitalize()}Monitoring" for each in dict.fromkeys(wanted.criteria)]
    chosen = given(monitoringCriteria=criteria, componentVariable=_chosen(wanted.variables))
    return Step(
        "GetMonitoringReport", {"requestId": request, **chosen}, following("NotifyMonitoringReport", request=request)
    )


class MonitoringBase(Parameters, frozen=True):
    """Choose which monitors the station has."""

    base: Literal["all", "factory-default", "hard-wired-only"]


def monitoring_base(target: Target, wanted: MonitoringBase) -> Plan:
    """Plan a SetMonitoringBase."""
    words = {"all": "All", "factory-default": "FactoryDefault", "hard-wired-only": "HardWiredOnly"}
    return Step("SetMonitoringBase", {"monitoringBase": words[wanted.base]})


class MonitoringLevel(Parameters, frozen=True):
    """Choose how severe an event must be to be reported: 0 is danger, 9 is debugging."""

    severity: Severity


def monitoring_level(target: Target, wanted: MonitoringLevel) -> Plan:
    """Plan a SetMonitoringLevel."""
    return Step("SetMonitoringLevel", {"severity": wanted.severity})


class Monitor(Parameters, frozen=True):
    """A monitor of a variable. `id` replaces the monitor that has it."""

    variable: Setting
    kind: Literal[
        "upper-threshold",
        "lower-threshold",
        "delta",
        "periodic",
        "periodic-clock-aligned",
        "target-delta",
        "target-delta-relative",
    ]
    value: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
    severity: Severity
    transaction: bool = False
    id: Id | None = None


class SetMonitors(Parameters, frozen=True):
    """Set monitors of variables."""

    monitors: Annotated[tuple[Monitor, ...], msgspec.Meta(min_length=1, max_length=MOST)]


def set_monitors(target: Target, wanted: SetMonitors) -> Plan:
    """Plan a SetVariableMonitoring. Each monitor has its own status, and its id, in the result."""
    data = []
    for each in wanted.monitors:
        if each.kind.startswith("target") and not target.since("ocpp2.1"):
            raise target.lacks(f"monitor of the kind {each.kind}", "delta")
        kind = "".join(word.capitalize() for word in each.kind.split("-"))
        own = given(id=each.id, transaction=each.transaction, value=each.value, type=kind, severity=each.severity)
        data.append({**own, **variable_of(each.variable).fields})
    return Step("SetVariableMonitoring", {"setMonitoringData": data}, _set)


class ClearMonitors(Parameters, frozen=True):
    """Clear monitors."""

    ids: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MOST)]


def clear_monitors(target: Target, wanted: ClearMonitors) -> Plan:
    """Plan a ClearVariableMonitoring. Each monitor has its own status in the result."""
    return Step("ClearVariableMonitoring", {"id": list(dict.fromkeys(wanted.ids))}, _cleared)


def _chosen(variables: tuple[Setting, ...]) -> list[Fields]:
    return [variable_of(each).fields for each in variables]


def _set(fields: Fields) -> Outcome:
    found = objects(fields, "setMonitoringResult")
    return _each([{"variable": variable_from(each).text, **_told(each)} for each in found])


def _cleared(fields: Fields) -> Outcome:
    return _each([_told(each) for each in objects(fields, "clearMonitoringResult")])


def _told(fields: Fields) -> Fields:
    return given(id=number(fields, "id"), status=text(fields, "status"), info=status_info(fields))


def _each(monitors: list[Fields]) -> Outcome:
    """Return a Yes only if the station said it to every monitor."""
    no = [each.get("status", "") for each in monitors if each.get("status") != "Accepted"]
    return Outcome(not no, no[0] if no else "Accepted", result={"monitors": monitors})
