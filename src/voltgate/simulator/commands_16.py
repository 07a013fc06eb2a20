"""The commands of OCPP 1.6 that change a simulated station. Source: OCPP 1.6 sections 5 and 6, security whitepaper."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from voltgate.simulator.configuration import KEYS, WRITE_ONLY, change

if TYPE_CHECKING:
    from voltgate.simulator.charger import Charger

Fields: TypeAlias = dict[str, Any]
After: TypeAlias = Callable[[float], None]
Outcome: TypeAlias = tuple[Fields, After | None]

_ACCEPTED: Outcome = ({"status": "Accepted"}, None)
_REJECTED: Outcome = ({"status": "Rejected"}, None)


def _remote_start(charger: Charger, fields: Fields) -> Outcome:
    """Accept when a connector is free. A profile that names a transaction is refused (errata v4.0 section 3.41)."""
    if "transactionId" in fields.get("chargingProfile", {}):
        return _REJECTED
    connector = fields.get("connectorId") or charger.free_connector()
    if connector is None or not charger.can_charge(connector):
        return _REJECTED
    return {"status": "Accepted"}, lambda now: charger.start_remotely(connector, fields["idTag"], now, 0)


def _remote_stop(charger: Charger, fields: Fields) -> Outcome:
    running = charger.session_of(fields["transactionId"])
    if running is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: running.stop("Remote", now)


def _reset(charger: Charger, fields: Fields) -> Outcome:
    def reset(now: float) -> None:
        for running in list(charger.sessions.values()):
            running.stop(f"{fields['type']}Reset", now)
        charger.reboot(now)

    return {"status": "Accepted"}, reset


def _change_configuration(charger: Charger, fields: Fields) -> Outcome:
    status = change(charger, fields["key"], fields["value"])
    return {"status": status}, _reconnect_with(charger) if _new_password(fields, status) else None


def _new_password(fields: Fields, status: str) -> bool:
    return status == "Accepted" and fields["key"] == "AuthorizationKey"


def _reconnect_with(charger: Charger) -> After:
    """Come back with the new password (security whitepaper A05)."""
    return lambda now: charger.disconnect(now, 0.2, "new password")


def _get_configuration(charger: Charger, fields: Fields) -> Outcome:
    wanted = fields.get("key") or [key for key in KEYS if key not in WRITE_ONLY]
    known = [_configured(charger, key) for key in wanted if key in KEYS]
    unknown = [key for key in wanted if key not in KEYS]
    return {"configurationKey": known} | ({"unknownKey": unknown} if unknown else {}), None


def _configured(charger: Charger, key: str) -> Fields:
    readonly, value = KEYS[key]
    entry: Fields = {"key": key, "readonly": readonly}
    return entry if key in WRITE_ONLY else entry | {"value": charger.device_state.configuration.get(key, value)}


def _trigger(charger: Charger, fields: Fields) -> Outcome:
    connector = fields.get("connectorId", 1)
    after = _causes(charger, connector).get(fields["requestedMessage"])
    return ({"status": "NotImplemented"}, None) if after is None else ({"status": "Accepted"}, after)


def _causes(charger: Charger, connector: int) -> dict[str, After]:
    signing = {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}
    return {
        "BootNotification": charger.boot_triggered,
        "Heartbeat": charger.send_heartbeat,
        "StatusNotification": lambda now: charger.send_status(connector, now),
        "MeterValues": lambda now: charger.send_meter_values(connector, now),
        "DiagnosticsStatusNotification": lambda now: charger.send_call(
            "DiagnosticsStatusNotification", {"status": "Idle"}, now
        ),
        "FirmwareStatusNotification": lambda now: charger.send_call(
            "FirmwareStatusNotification", {"status": "Idle"}, now
        ),
        "LogStatusNotification": lambda now: charger.send_call("LogStatusNotification", {"status": "Idle"}, now),
        "SignChargePointCertificate": lambda now: charger.send_call("SignCertificate", signing, now),
    }


def _unlock(charger: Charger, fields: Fields) -> Outcome:
    running = charger.sessions.get(fields["connectorId"])
    after = None if running is None else lambda now: running.stop("UnlockCommand", now)
    return {"status": "Unlocked"}, after


def _change_availability(charger: Charger, fields: Fields) -> Outcome:
    connector, inoperative = fields["connectorId"], fields["type"] == "Inoperative"
    if not charger.has(connector):
        return _REJECTED
    charger.device_state.set_operative(connector, not inoperative)
    busy = bool(charger.sessions) if connector == 0 else connector in charger.sessions
    status = "Scheduled" if busy and inoperative else "Accepted"
    return {"status": status}, lambda now: charger.send_status(connector, now)


def _data_transfer(charger: Charger, fields: Fields) -> Outcome:
    if fields["vendorId"] != "voltgate.simulator":
        return {"status": "UnknownVendorId"}, None
    return {"status": "Accepted"} | ({"data": fields["data"]} if "data" in fields else {}), None


def _reserve(charger: Charger, fields: Fields) -> Outcome:
    connector = fields["connectorId"]
    if not charger.can_reserve(connector, fields["reservationId"]):
        return {"status": "Occupied"}, None
    charger.device_state.reserved[fields["reservationId"]] = connector
    return {"status": "Accepted"}, lambda now: charger.send_status(connector, now)


def _cancel(charger: Charger, fields: Fields) -> Outcome:
    connector = charger.device_state.reserved.pop(fields["reservationId"], None)
    if connector is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: charger.send_status(connector, now)


def _send_local_list(charger: Charger, fields: Fields) -> Outcome:
    charger.device_state.list_version = fields["listVersion"]
    return _ACCEPTED


def _list_version(charger: Charger, fields: Fields) -> Outcome:
    return {"listVersion": charger.device_state.list_version}, None


def _set_profile(charger: Charger, fields: Fields) -> Outcome:
    return _ACCEPTED if charger.device_state.install(fields["csChargingProfiles"]["chargingProfileId"]) else _REJECTED


def _clear_profile(charger: Charger, fields: Fields) -> Outcome:
    return {"status": "Accepted" if charger.device_state.clear(fields.get("id")) else "Unknown"}, None


def _diagnostics(charger: Charger, fields: Fields) -> Outcome:
    steps = [{"status": status} for status in ("Uploading", "Uploaded")]
    return {"fileName": f"{charger.identity[:200]}.log"}, charger.sequence("DiagnosticsStatusNotification", steps)


def _log(charger: Charger, fields: Fields) -> Outcome:
    steps = [{"status": status, "requestId": fields["requestId"]} for status in ("Uploading", "Uploaded")]
    name = f"{charger.identity[:200]}.log"
    return {"status": "Accepted", "filename": name}, charger.sequence("LogStatusNotification", steps)


_FIRMWARE = ("Downloading", "Downloaded", "Installing", "Installed")


def _firmware(charger: Charger, fields: Fields) -> Outcome:
    return {}, charger.sequence("FirmwareStatusNotification", [{"status": status} for status in _FIRMWARE])


def _signed_firmware(charger: Charger, fields: Fields) -> Outcome:
    steps = [{"status": status, "requestId": fields["requestId"]} for status in _FIRMWARE]
    return {"status": "Accepted"}, charger.sequence("SignedFirmwareStatusNotification", steps)


COMMANDS: dict[str, Callable[[Charger, Fields], Outcome]] = {
    "CancelReservation": _cancel,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearChargingProfile": _clear_profile,
    "DataTransfer": _data_transfer,
    "ExtendedTriggerMessage": _trigger,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _diagnostics,
    "GetLocalListVersion": _list_version,
    "GetLog": _log,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": _reserve,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_profile,
    "SignedUpdateFirmware": _signed_firmware,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _firmware,
}
