"""Errands: the commands with which the stand-in backend keeps stations busy, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.simulator.book import Book

Fields: TypeAlias = dict[str, Any]
Errand: TypeAlias = Callable[[Book, int], tuple[str, Fields] | None]
"""Makes a command for the station with this book; None when it would make no sense. The number differs each time."""


def errand(version: str, book: Book, number: int) -> tuple[str, Fields] | None:
    """Give the next command for a station: action and payload."""
    errands = {"ocpp1.6": _ERRANDS_16, "ocpp2.1": _ERRANDS_21}.get(version, _ERRANDS_2)
    return errands[number % len(errands)](book, number)


def _tag(number: int) -> str:
    return f"REMOTE{number:04d}"[:20]


def _fixed(action: str, payload: Fields) -> Errand:
    return lambda book, number: (action, payload)


def _echo(book: Book, number: int) -> tuple[str, Fields]:
    return "DataTransfer", {"vendorId": "voltgate.simulator", "messageId": "echo", "data": f"errand {number}"}


def _start_16(book: Book, number: int) -> tuple[str, Fields]:
    return "RemoteStartTransaction", {"idTag": _tag(number)}


def _stop_16(book: Book, number: int) -> tuple[str, Fields] | None:
    running = book.running()
    return None if running is None else ("RemoteStopTransaction", {"transactionId": running})


def _start_2(book: Book, number: int) -> tuple[str, Fields]:
    token = {"idToken": _tag(number), "type": "Central"}
    return "RequestStartTransaction", {"idToken": token, "remoteStartId": number}


def _stop_2(book: Book, number: int) -> tuple[str, Fields] | None:
    running = book.running()
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

_ERRANDS_16: tuple[Errand, ...] = (
    _fixed("GetConfiguration", {}),
    _HEARTBEAT,
    _echo,
    _start_16,
    _fixed("TriggerMessage", _STATUS | {"connectorId": 1}),
    _fixed("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"}),
    _stop_16,
    _fixed("GetLocalListVersion", {}),
)
_ERRANDS_2: tuple[Errand, ...] = (
    _fixed("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    _HEARTBEAT,
    _echo,
    _start_2,
    _fixed("TriggerMessage", _STATUS | {"evse": {"id": 1, "connectorId": 1}}),
    _fixed("SetVariables", _INTERVAL),
    _stop_2,
    _fixed("GetLocalListVersion", {}),
)
_ERRANDS_21: tuple[Errand, ...] = (*_ERRANDS_2, _fixed("SetVariableMonitoring", _STREAM))
