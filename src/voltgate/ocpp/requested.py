"""What a station sends since it was asked to: a station that is Pending may send nothing else.

Source: OCPP 1.6 section 4.2; 2.x Part 2 B02.FR.09.
"""

from __future__ import annotations

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import plain_fields, request_of
from voltgate.ocpp.messages import Call

TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})

_LONGEST = 100
"""Characters of an action that are looked at."""
_CAUSED = {
    "CustomerInformation": "NotifyCustomerInformation",
    "GetBaseReport": "NotifyReport",
    "GetChargingProfiles": "ReportChargingProfiles",
    "GetDERControl": "ReportDERControl",
    "GetDiagnostics": "DiagnosticsStatusNotification",
    "GetDisplayMessages": "NotifyDisplayMessages",
    "GetLog": "LogStatusNotification",
    "GetMonitoringReport": "NotifyMonitoringReport",
    "GetReport": "NotifyReport",
    "PublishFirmware": "PublishFirmwareStatusNotification",
    "SignedUpdateFirmware": "SignedFirmwareStatusNotification",
    "UpdateFirmware": "FirmwareStatusNotification",
}
"""What a station sends because it was asked for something else."""
_CERTIFICATES = frozenset(
    """
    SignChargePointCertificate SignChargingStationCertificate SignCombinedCertificate SignV2G20Certificate
    SignV2GCertificate
    """.split()
)
"""What a trigger names when it means a SignCertificate."""


def caused_by(call: Call) -> tuple[str, int | None] | None:
    """Return the action that a command asks a station for, and the number of the request if it has one."""
    action = plain_action(call.action)
    if action in TRIGGERS:
        named = str(plain_fields(call).get("requestedMessage"))
        return "SignCertificate" if named in _CERTIFICATES else named[:_LONGEST], None
    return (_CAUSED[action], request_of(call)) if action in _CAUSED else None
