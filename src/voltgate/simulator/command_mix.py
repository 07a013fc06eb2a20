"""The mix of commands that the simulated backend sends to stations, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.simulator.station_record import StationRecord

Fields: TypeAlias = dict[str, Any]
CommandFactory: TypeAlias = Callable[[StationRecord, int], tuple[str, Fields] | None]
"""Return a command for the station with this record; None when none applies. The number differs each time."""


def next_command(version: str, record: StationRecord, number: int) -> tuple[str, Fields] | None:
    """Return the next command for a station, action and payload; None when none applies."""
    mix = {"ocpp1.6": _COMMANDS_16, "ocpp2.1": _COMMANDS_21}.get(version, _COMMANDS_2)
    return mix[number % len(mix)](record, number)


def _tag(number: int) -> str:
    return f"REMOTE{number:04d}"[:20]


def _fixed(action: str, payload: Fields) -> CommandFactory:
    return lambda record, number: (action, payload)


def _echo(record: StationRecord, number: int) -> tuple[str, Fields]:
    return "DataTransfer", {"vendorId": "voltgate.simulator", "messageId": "echo", "data": f"command {number}"}


def _start_16(record: StationRecord, number: int) -> tuple[str, Fields]:
    return "RemoteStartTransaction", {"idTag": _tag(number)}


def _stop_16(record: StationRecord, number: int) -> tuple[str, Fields] | None:
    running = record.running()
    return None if running is None else ("RemoteStopTransaction", {"transactionId": running})


def _start_2(record: StationRecord, number: int) -> tuple[str, Fields]:
    token = {"idToken": _tag(number), "type": "Central"}
    return "RequestStartTransaction", {"idToken": token, "remoteStartId": number}


def _stop_2(record: StationRecord, number: int) -> tuple[str, Fields] | None:
    running = record.running()
    return None if running is None else ("RequestStopTransaction", {"transactionId": running})


_HEARTBEAT = _fixed("TriggerMessage", {"requestedMessage": "Heartbeat"})
_STATUS = {"requestedMessage": "StatusNotification"}
_INTERVAL = {
    "setVariableData": [
        {
            "attributeValue": "30",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
        }
    ]
}

_STREAM = {
    "setMonitoringData": [
        {
            "value": 5,
            "type": "Periodic",
            "severity": 8,
            "component": {"name": "EVSE", "evse": {"id": 1}},
            "variable": {"name": "Voltage"},
            "periodicEventStream": {"interval": 5, "values": 5},
        }
    ]
}

_COMMANDS_16: tuple[CommandFactory, ...] = (
    _fixed("GetConfiguration", {}),
    _HEARTBEAT,
    _echo,
    _start_16,
    _fixed("TriggerMessage", _STATUS | {"connectorId": 1}),
    _fixed("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"}),
    _stop_16,
    _fixed("GetLocalListVersion", {}),
)
_COMMANDS_2: tuple[CommandFactory, ...] = (
    _fixed("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    _HEARTBEAT,
    _echo,
    _start_2,
    _fixed("TriggerMessage", _STATUS | {"evse": {"id": 1, "connectorId": 1}}),
    _fixed("SetVariables", _INTERVAL),
    _stop_2,
    _fixed("GetLocalListVersion", {}),
)
_COMMANDS_21: tuple[CommandFactory, ...] = (*_COMMANDS_2, _fixed("SetVariableMonitoring", _STREAM))
