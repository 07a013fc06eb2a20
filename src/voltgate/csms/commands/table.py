"""The commands by their names, as the command line and the API call them, and how one is carried out.

Each command is one entry: its parameters, the function that plans its messages, and the versions that have it. What
is not here is reached by a generic call of any action.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from voltgate.csms.commands import (
    certificates,
    charging,
    configuration,
    displays,
    limit,
    local_list,
    others,
    profiles,
    reports,
    software,
    station,
)
from voltgate.csms.commands.asking import Ask, Every, FirstKnown, Plan, Step, guarded, must_be_valid
from voltgate.csms.commands.outcome import UNSUPPORTED, Outcome
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.commands.target import Target, Unsupported

ALL = ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0.1", "ocpp2.1")
"""The versions that commands are planned for. 2.0, which nobody uses, is planned as 2.0.1."""
SINCE_15, SINCE_16, SINCE_201 = ALL[1:], ALL[2:], ALL[3:]


class WrongParameters(ValueError):  # noqa: N818 - what an operator is told
    """The parameters are not those of the command. The text says where and what is wrong."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One command.

    `nearest` is what comes nearest in a version without it. `repeatable`: telling it twice does what telling it once
    does, so that it may be told again when nobody knows whether the station heard it.
    """

    name: str
    parameters: type[Parameters]
    planned: Callable[[Target, Any], Plan]
    versions: tuple[str, ...]
    nearest: str = ""
    repeatable: bool = True

    @property
    def description(self) -> str:
        """What it does, for people."""
        return inspect.cleandoc(self.parameters.__doc__ or "")


_MAKER = "configuration-set with a key of the maker's"

_SPECS = (
    Spec("reset", station.Reset, station.reset, ALL, repeatable=False),
    Spec("unlock", station.Unlock, station.unlock, ALL, repeatable=False),
    Spec("availability", station.Availability, station.availability, ALL),
    Spec("clear-cache", station.ClearCache, station.clear_cache, ALL),
    Spec("trigger", station.Trigger, station.trigger, SINCE_16, "none: the station sends it when it does"),
    Spec("start", charging.Start, charging.start, ALL, repeatable=False),
    Spec("stop", charging.Stop, charging.stop, ALL),
    Spec("transaction-status", charging.TransactionStatus, charging.transaction_status, SINCE_201, "trigger"),
    Spec("reserve", charging.Reserve, charging.reserve, SINCE_15, "availability", repeatable=False),
    Spec("cancel-reservation", charging.CancelReservation, charging.cancel_reservation, SINCE_15, "availability"),
    Spec("cost", charging.Cost, charging.cost, SINCE_201, "data-transfer to org.openchargealliance.costmsg"),
    Spec(
        "configuration-get",
        configuration.GetConfiguration,
        configuration.get_configuration,
        SINCE_15,
        "none: settings can only be written",
    ),
    Spec("configuration-set", configuration.SetConfiguration, configuration.set_configuration, ALL),
    Spec("local-list", local_list.LocalList, local_list.local_list, SINCE_15, "the station's own cache"),
    Spec("local-list-version", local_list.LocalListVersion, local_list.local_list_version, SINCE_15, "none"),
    Spec("charging-profile-set", profiles.SetProfile, profiles.set_profile, SINCE_16, _MAKER),
    Spec("charging-profile-clear", profiles.ClearProfiles, profiles.clear_profiles, SINCE_16, _MAKER),
    Spec("charging-profile-list", profiles.ListProfiles, profiles.list_profiles, SINCE_201, "composite-schedule"),
    Spec("composite-schedule", profiles.CompositeSchedule, profiles.composite_schedule, SINCE_16, "none"),
    Spec("limit", limit.Limit, limit.limit, SINCE_16, _MAKER),
    Spec("firmware", software.Firmware, software.firmware, ALL, repeatable=False),
    Spec(
        "firmware-publish", software.PublishFirmware, software.publish_firmware, SINCE_201, "firmware", repeatable=False
    ),
    Spec("firmware-unpublish", software.UnpublishFirmware, software.unpublish_firmware, SINCE_201, "none"),
    Spec("logs", software.Logs, software.logs, ALL, repeatable=False),
    Spec("certificate-install", certificates.InstallCertificate, certificates.install_certificate, SINCE_16, _MAKER),
    Spec("certificate-delete", certificates.DeleteCertificate, certificates.delete_certificate, SINCE_16, _MAKER),
    Spec("certificate-list", certificates.ListCertificates, certificates.list_certificates, SINCE_16, "none"),
    Spec("certificate-signed", certificates.SignedCertificate, certificates.signed_certificate, SINCE_16, "none"),
    Spec("display-message-set", displays.SetDisplayMessage, displays.set_display_message, SINCE_201, "data-transfer"),
    Spec("display-message-list", displays.ListDisplayMessages, displays.list_display_messages, SINCE_201, "none"),
    Spec("display-message-clear", displays.ClearDisplayMessage, displays.clear_display_message, SINCE_201, "none"),
    Spec("data-transfer", others.DataTransfer, others.data_transfer, SINCE_15, "none", repeatable=False),
    Spec("customer-information", others.CustomerInformation, others.customer_information, SINCE_201, "clear-cache"),
    Spec("network-profile", others.NetworkProfile, others.network_profile, SINCE_201, _MAKER),
    Spec("report", reports.Report, reports.report, SINCE_201, "configuration-get"),
    Spec("monitoring-report", reports.MonitoringReport, reports.monitoring_report, SINCE_201, "none"),
    Spec("monitoring-base", reports.MonitoringBase, reports.monitoring_base, SINCE_201, "none"),
    Spec("monitoring-level", reports.MonitoringLevel, reports.monitoring_level, SINCE_201, "none"),
    Spec("monitoring-set", reports.SetMonitors, reports.set_monitors, SINCE_201, "none", repeatable=False),
    Spec("monitoring-clear", reports.ClearMonitors, reports.clear_monitors, SINCE_201, "none"),
)

COMMANDS = {spec.name: spec for spec in _SPECS}
"""Every command by its name."""
_BY_PARAMETERS = {spec.parameters: spec for spec in _SPECS}


def parameters(name: str, fields: object) -> Parameters:
    """Return the parameters of a command from JSON (a parsed object). Raise WrongParameters, also for its name."""
    spec = COMMANDS.get(name)
    if spec is None:
        raise WrongParameters(f"There is no command {name[:50]!r}; there are {', '.join(COMMANDS)}")
    try:
        return msgspec.convert(fields, spec.parameters)
    except msgspec.ValidationError as error:
        raise WrongParameters(f"{name}: {error}") from None


def plan(target: Target, wanted: Parameters) -> Plan:
    """Return what is sent to the station for a command. Raise Unsupported if its version cannot do that."""
    spec = _BY_PARAMETERS[type(wanted)]
    version = "ocpp2.0.1" if target.version == "ocpp2.0" else target.version
    if version not in spec.versions:
        raise target.lacks(f"{spec.name}", spec.nearest)
    made = spec.planned(target, wanted)
    if isinstance(made, Step | FirstKnown | Every):
        for step in made.steps:
            must_be_valid(target, step.action, step.payload)
    return made


async def perform(ask: Ask, target: Target, wanted: Parameters) -> Outcome:
    """Carry a command out, and return how it ended. What the version cannot do is such an end, and nothing was sent."""
    try:
        return await plan(target, wanted)(guarded(target, ask))
    except Unsupported as unsupported:
        return Outcome(False, UNSUPPORTED, str(unsupported), sent=False)
