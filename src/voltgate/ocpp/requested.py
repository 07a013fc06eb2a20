"""What a station may be asked, and may say because it was, while its BootNotification is not accepted.

Source: OCPP 1.6 section 4.2; 2.x Part 2 B02 and B03, F06.FR.17.
"""

from __future__ import annotations

from voltgate.ocpp.actions import BOOT, plain_action
from voltgate.ocpp.ids import plain_fields, request_of
from voltgate.ocpp.messages import Call
from voltgate.ocpp.wrapped import wrapped

_TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
_START_OR_STOP = frozenset(
    {"RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction"}
)

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
    if action in _TRIGGERS:
        named = str(plain_fields(call).get("requestedMessage"))
        return "SignCertificate" if named in _CERTIFICATES else named[:_LONGEST], None
    return (_CAUSED[action], request_of(call)) if action in _CAUSED else None


def why_not(status: str, call: Call) -> str:
    """Return why a command must not be sent to a station whose BootNotification was answered so; "" if it may be.

    What is wrapped in a DataTransfer counts as what it is.
    """
    call = wrapped(call) or call
    action = plain_action(call.action)
    if status == "Rejected":
        return "its BootNotification was rejected"
    if status == "Pending" and action in _START_OR_STOP:
        return f"{action} must wait until its BootNotification is accepted, it is pending"
    if status == "Accepted" and action in _TRIGGERS and plain_fields(call).get("requestedMessage") == BOOT:
        return "an accepted station is not asked for its BootNotification"
    return ""
