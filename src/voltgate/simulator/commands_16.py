"""The commands of OCPP 1.6 that change a simulated station. Source: OCPP 1.6 sections 5 and 6, security whitepaper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.simulator.charging_station import ChargingStation
from voltgate.simulator.configuration import KEYS, WRITE_ONLY, change

Fields: TypeAlias = dict[str, Any]
After: TypeAlias = Callable[[float], None]
Outcome: TypeAlias = tuple[Fields, After | None]

_ACCEPTED: Outcome = ({"status": "Accepted"}, None)
_REJECTED: Outcome = ({"status": "Rejected"}, None)


def _remote_start(station: ChargingStation, fields: Fields) -> Outcome:
    """Accept when a connector is free. A profile that names a transaction is refused (errata v4.0 section 3.41)."""
    if "transactionId" in fields.get("chargingProfile", {}):
        return _REJECTED
    connector = fields.get("connectorId") or station.free_connector()
    if connector is None or not station.can_charge(connector):
        return _REJECTED
    return {"status": "Accepted"}, lambda now: station.start_remotely(connector, fields["idTag"], now, 0)


def _remote_stop(station: ChargingStation, fields: Fields) -> Outcome:
    running = station.session_of(fields["transactionId"])
    if running is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: running.stop("Remote", now)


def _reset(station: ChargingStation, fields: Fields) -> Outcome:
    def reset(now: float) -> None:
        for running in list(station.sessions.values()):
            running.stop(f"{fields['type']}Reset", now)
        station.reboot(now)

    return {"status": "Accepted"}, reset


def _change_configuration(station: ChargingStation, fields: Fields) -> Outcome:
    status = change(station, fields["key"], fields["value"])
    return {"status": status}, _reconnect_with(station) if _new_password(fields, status) else None


def _new_password(fields: Fields, status: str) -> bool:
    return status == "Accepted" and fields["key"] == "AuthorizationKey"


def _reconnect_with(station: ChargingStation) -> After:
    """Return a function that reconnects with the new password (security whitepaper A05)."""
    return lambda now: station.disconnect(now, 0.2, "new password")


def _get_configuration(station: ChargingStation, fields: Fields) -> Outcome:
    wanted = fields.get("key") or [key for key in KEYS if key not in WRITE_ONLY]
    known = [_configured(station, key) for key in wanted if key in KEYS]
    unknown = [key for key in wanted if key not in KEYS]
    return {"configurationKey": known} | ({"unknownKey": unknown} if unknown else {}), None


def _configured(station: ChargingStation, key: str) -> Fields:
    readonly, value = KEYS[key]
    entry: Fields = {"key": key, "readonly": readonly}
    return entry if key in WRITE_ONLY else entry | {"value": station.device_state.configuration.get(key, value)}


def _trigger(station: ChargingStation, fields: Fields) -> Outcome:
    connector = fields.get("connectorId", 1)
    after = _causes(station, connector).get(fields["requestedMessage"])
    return ({"status": "NotImplemented"}, None) if after is None else ({"status": "Accepted"}, after)


def _causes(station: ChargingStation, connector: int) -> dict[str, After]:
    signing = {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}
    return {
        "BootNotification": station.boot_triggered,
        "Heartbeat": station.send_heartbeat,
        "StatusNotification": lambda now: station.send_status(connector, now),
        "MeterValues": lambda now: station.send_meter_values(connector, now),
        "DiagnosticsStatusNotification": lambda now: station.send_call(
            "DiagnosticsStatusNotification", {"status": "Idle"}, now
        ),
        "FirmwareStatusNotification": lambda now: station.send_call(
            "FirmwareStatusNotification", {"status": "Idle"}, now
        ),
        "LogStatusNotification": lambda now: station.send_call("LogStatusNotification", {"status": "Idle"}, now),
        "SignChargePointCertificate": lambda now: station.send_call("SignCertificate", signing, now),
    }


def _unlock(station: ChargingStation, fields: Fields) -> Outcome:
    running = station.sessions.get(fields["connectorId"])
    after = None if running is None else lambda now: running.stop("UnlockCommand", now)
    return {"status": "Unlocked"}, after


def _change_availability(station: ChargingStation, fields: Fields) -> Outcome:
    connector, inoperative = fields["connectorId"], fields["type"] == "Inoperative"
    if not station.has(connector):
        return _REJECTED
    station.device_state.set_operative(connector, not inoperative)
    busy = bool(station.sessions) if connector == 0 else connector in station.sessions
    status = "Scheduled" if busy and inoperative else "Accepted"
    return {"status": status}, lambda now: station.send_status(connector, now)


def _data_transfer(station: ChargingStation, fields: Fields) -> Outcome:
    if fields["vendorId"] != "voltgate.simulator":
        return {"status": "UnknownVendorId"}, None
    return {"status": "Accepted"} | ({"data": fields["data"]} if "data" in fields else {}), None


def _reserve(station: ChargingStation, fields: Fields) -> Outcome:
    connector = fields["connectorId"]
    if not station.can_reserve(connector, fields["reservationId"]):
        return {"status": "Occupied"}, None
    station.device_state.reserved[fields["reservationId"]] = connector
    return {"status": "Accepted"}, lambda now: station.send_status(connector, now)


def _cancel(station: ChargingStation, fields: Fields) -> Outcome:
    connector = station.device_state.reserved.pop(fields["reservationId"], None)
    if connector is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: station.send_status(connector, now)


def _send_local_list(station: ChargingStation, fields: Fields) -> Outcome:
    station.device_state.list_version = fields["listVersion"]
    return _ACCEPTED


def _list_version(station: ChargingStation, fields: Fields) -> Outcome:
    return {"listVersion": station.device_state.list_version}, None


def _set_profile(station: ChargingStation, fields: Fields) -> Outcome:
    return _ACCEPTED if station.device_state.install(fields["csChargingProfiles"]["chargingProfileId"]) else _REJECTED


def _clear_profile(station: ChargingStation, fields: Fields) -> Outcome:
    return {"status": "Accepted" if station.device_state.clear(fields.get("id")) else "Unknown"}, None


def _diagnostics(station: ChargingStation, fields: Fields) -> Outcome:
    steps = [{"status": status} for status in ("Uploading", "Uploaded")]
    return {"fileName": f"{station.identity[:200]}.log"}, station.sequence("DiagnosticsStatusNotification", steps)


def _log(station: ChargingStation, fields: Fields) -> Outcome:
    steps = [{"status": status, "requestId": fields["requestId"]} for status in ("Uploading", "Uploaded")]
    name = f"{station.identity[:200]}.log"
    return {"status": "Accepted", "filename": name}, station.sequence("LogStatusNotification", steps)


_FIRMWARE = ("Downloading", "Downloaded", "Installing", "Installed")


def _firmware(station: ChargingStation, fields: Fields) -> Outcome:
    return {}, station.sequence("FirmwareStatusNotification", [{"status": status} for status in _FIRMWARE])


def _signed_firmware(station: ChargingStation, fields: Fields) -> Outcome:
    steps = [{"status": status, "requestId": fields["requestId"]} for status in _FIRMWARE]
    return {"status": "Accepted"}, station.sequence("SignedFirmwareStatusNotification", steps)


COMMANDS: dict[str, Callable[[ChargingStation, Fields], Outcome]] = {
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
