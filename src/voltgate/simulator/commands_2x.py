"""The commands of OCPP 2.0.1 and 2.1 that change a simulated station. Source: OCPP 2.0.1 and 2.1 Part 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.simulator import device_model
from voltgate.simulator.charging_station import ChargingStation
from voltgate.simulator.event_stream import MONITOR, Stream

Fields: TypeAlias = dict[str, Any]
After: TypeAlias = Callable[[float], None]
Outcome: TypeAlias = tuple[Fields, After | None]

_ACCEPTED: Outcome = ({"status": "Accepted"}, None)
_REJECTED: Outcome = ({"status": "Rejected"}, None)


def _start(station: ChargingStation, fields: Fields) -> Outcome:
    evse = fields.get("evseId") or station.free_connector()
    if evse is None or not station.can_charge(evse):
        return _REJECTED
    tag, number = fields["idToken"]["idToken"], fields["remoteStartId"]
    return {"status": "Accepted"}, lambda now: station.start_remotely(evse, tag, now, number)


def _stop(station: ChargingStation, fields: Fields) -> Outcome:
    running = station.session_of(fields["transactionId"])
    if running is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: running.stop("Remote", now)


def _reset(station: ChargingStation, fields: Fields) -> Outcome:
    def reset(now: float) -> None:
        for running in list(station.sessions.values()):
            running.stop("SoftReset", now)
        station.reboot(now)

    return {"status": "Accepted"}, reset


def _set_variables(station: ChargingStation, fields: Fields) -> Outcome:
    results = [device_model.put(station, wanted) for wanted in fields["setVariableData"]]
    password = any(
        wanted["variable"]["name"] == "BasicAuthPassword" and result["attributeStatus"] == "Accepted"
        for wanted, result in zip(fields["setVariableData"], results, strict=True)
    )
    after: After | None = (lambda now: station.disconnect(now, 0.2, "new password")) if password else None
    return {"setVariableResult": results}, after


def _get_variables(station: ChargingStation, fields: Fields) -> Outcome:
    return {"getVariableResult": [device_model.get(station, wanted) for wanted in fields["getVariableData"]]}, None


def _base_report(station: ChargingStation, fields: Fields) -> Outcome:
    if fields["reportBase"] == "SummaryInventory":
        return {"status": "NotSupported"}, None
    return {"status": "Accepted"}, station.sequence("NotifyReport", _report(station, fields["requestId"]))


def _get_report(station: ChargingStation, fields: Fields) -> Outcome:
    return {"status": "Accepted"}, station.sequence("NotifyReport", _report(station, fields["requestId"])[-1:])


def _report(station: ChargingStation, request: int) -> list[Fields]:
    stamp = station.simulation.clock.stamp(station.simulation.clock.now())
    parts = device_model.report(station)
    return [
        {
            "requestId": request,
            "generatedAt": stamp,
            "seqNo": number,
            "tbc": number < len(parts) - 1,
            "reportData": part,
        }
        for number, part in enumerate(parts)
    ]


def _monitoring_report(station: ChargingStation, fields: Fields) -> Outcome:
    return {"status": "EmptyResultSet"}, None


def _set_monitoring(station: ChargingStation, fields: Fields) -> Outcome:
    """Reject every monitor except, in 2.1, a periodic one with an event stream, which these stations can send."""
    wanted = fields["setMonitoringData"]
    if len(wanted) == 1 and "periodicEventStream" in wanted[0] and wanted[0]["type"] == "Periodic":
        return _open_stream(station, wanted[0])
    results = [
        {key: wanted[key] for key in ("type", "severity", "component", "variable")}
        | {"status": "UnsupportedMonitorType"}
        for wanted in fields["setMonitoringData"]
    ]
    return {"setMonitoringResult": results}, None


def _open_stream(station: ChargingStation, wanted: Fields) -> Outcome:
    params = wanted["periodicEventStream"]
    before = station.stream
    station.stream = Stream(station, params.get("interval", 10), params.get("values", 1))
    result = {key: wanted[key] for key in ("type", "severity", "component", "variable")}

    def begin(now: float) -> None:
        if before is not None:
            before.end(now)
        if station.stream is not None:
            station.stream.begin(now)

    return {"setMonitoringResult": [result | {"status": "Accepted", "id": MONITOR}]}, begin


def _clear_monitoring(station: ChargingStation, fields: Fields) -> Outcome:
    stream = station.stream if MONITOR in fields["id"] else None
    if stream is not None:
        station.stream = None
    results = [
        {"status": "Accepted" if number == MONITOR and stream is not None else "NotFound", "id": number}
        for number in fields["id"]
    ]
    return {"clearMonitoringResult": results}, None if stream is None else stream.end


def _customer(station: ChargingStation, fields: Fields) -> Outcome:
    stamp = station.simulation.clock.stamp(station.simulation.clock.now())
    steps = [{"data": "nothing is known", "seqNo": 0, "generatedAt": stamp, "requestId": fields["requestId"]}]
    return {"status": "Accepted"}, station.sequence("NotifyCustomerInformation", steps) if fields["report"] else None


def _trigger(station: ChargingStation, fields: Fields) -> Outcome:
    evse = fields.get("evse", {}).get("id", 1)
    after = _causes(station, evse).get(fields["requestedMessage"])
    return ({"status": "NotImplemented"}, None) if after is None else ({"status": "Accepted"}, after)


def _causes(station: ChargingStation, evse: int) -> dict[str, After]:
    signing = {"csr": "-----BEGIN CERTIFICATE REQUEST-----", "certificateType": "ChargingStationCertificate"}
    return {
        "BootNotification": station.boot_triggered,
        "Heartbeat": station.send_heartbeat,
        "StatusNotification": lambda now: station.send_status(evse, now),
        "MeterValues": lambda now: station.send_meter_values(evse, now),
        "TransactionEvent": lambda now: station.sample_event(evse, now),
        "FirmwareStatusNotification": lambda now: station.send_call(
            "FirmwareStatusNotification", {"status": "Idle"}, now
        ),
        "LogStatusNotification": lambda now: station.send_call("LogStatusNotification", {"status": "Idle"}, now),
        "SignChargingStationCertificate": lambda now: station.send_call("SignCertificate", signing, now),
    }


def _unlock(station: ChargingStation, fields: Fields) -> Outcome:
    busy = fields["evseId"] in station.sessions
    return {"status": "OngoingAuthorizedTransaction" if busy else "Unlocked"}, None


def _change_availability(station: ChargingStation, fields: Fields) -> Outcome:
    evse, inoperative = fields.get("evse", {}).get("id", 0), fields["operationalStatus"] == "Inoperative"
    if not station.has(evse):
        return _REJECTED
    station.device_state.set_operative(evse, not inoperative)
    busy = bool(station.sessions) if evse == 0 else evse in station.sessions
    status = "Scheduled" if busy and inoperative else "Accepted"
    return {"status": status}, lambda now: station.send_status(evse or 1, now)


def _data_transfer(station: ChargingStation, fields: Fields) -> Outcome:
    if fields["vendorId"] != "voltgate.simulator":
        return {"status": "UnknownVendorId"}, None
    return {"status": "Accepted"} | ({"data": fields["data"]} if "data" in fields else {}), None


def _reserve(station: ChargingStation, fields: Fields) -> Outcome:
    evse = fields.get("evseId") or station.free_connector()
    if evse is None or not station.can_reserve(evse, fields["id"]):
        return {"status": "Occupied"}, None
    station.device_state.reserved[fields["id"]] = evse
    return {"status": "Accepted"}, lambda now: station.send_status(evse, now)


def _cancel(station: ChargingStation, fields: Fields) -> Outcome:
    evse = station.device_state.reserved.pop(fields["reservationId"], None)
    if evse is None:
        return _REJECTED
    return {"status": "Accepted"}, lambda now: station.send_status(evse, now)


def _send_local_list(station: ChargingStation, fields: Fields) -> Outcome:
    station.device_state.list_version = fields["versionNumber"]
    return _ACCEPTED


def _list_version(station: ChargingStation, fields: Fields) -> Outcome:
    return {"versionNumber": station.device_state.list_version}, None


def _set_profile(station: ChargingStation, fields: Fields) -> Outcome:
    return _ACCEPTED if station.device_state.install(fields["chargingProfile"]["id"]) else _REJECTED


def _clear_profile(station: ChargingStation, fields: Fields) -> Outcome:
    cleared = station.device_state.clear(fields.get("chargingProfileId"))
    return {"status": "Accepted" if cleared else "Unknown"}, None


def _get_profiles(station: ChargingStation, fields: Fields) -> Outcome:
    return {"status": "NoProfiles"}, None


def _transaction_status(station: ChargingStation, fields: Fields) -> Outcome:
    waiting = {"messagesInQueue": not station.idle}
    name = fields.get("transactionId")
    return waiting if name is None else waiting | {"ongoingIndicator": station.session_of(name) is not None}, None


def _log(station: ChargingStation, fields: Fields) -> Outcome:
    steps = [{"status": status, "requestId": fields["requestId"]} for status in ("Uploading", "Uploaded")]
    name = f"{station.identity[:200]}.log"
    return {"status": "Accepted", "filename": name}, station.sequence("LogStatusNotification", steps)


def _firmware(station: ChargingStation, fields: Fields) -> Outcome:
    states = ("Downloading", "Downloaded", "Installing", "Installed")
    steps = [{"status": status, "requestId": fields["requestId"]} for status in states]
    return {"status": "Accepted"}, station.sequence("FirmwareStatusNotification", steps)


COMMANDS: dict[str, Callable[[ChargingStation, Fields], Outcome]] = {
    "CancelReservation": _cancel,
    "ChangeAvailability": _change_availability,
    "ClearChargingProfile": _clear_profile,
    "ClearVariableMonitoring": _clear_monitoring,
    "CustomerInformation": _customer,
    "DataTransfer": _data_transfer,
    "GetBaseReport": _base_report,
    "GetChargingProfiles": _get_profiles,
    "GetLocalListVersion": _list_version,
    "GetLog": _log,
    "GetMonitoringReport": _monitoring_report,
    "GetReport": _get_report,
    "GetTransactionStatus": _transaction_status,
    "GetVariables": _get_variables,
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
    "ReserveNow": _reserve,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_profile,
    "SetVariableMonitoring": _set_monitoring,
    "SetVariables": _set_variables,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _firmware,
}
