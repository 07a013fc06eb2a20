"""Messages for tests of channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from voltgate.alerts.message import Message

AT = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""

FAULTED = Message(
    id="3f6c-0001",
    kind="alert",
    severity="error",
    event="conStatusFaulted",
    subject="[North Parking] Connector #1 is now Faulted",
    text="Station: North Parking (CP-1)\nConnector ID: #1\nError Code: GroundFailure",
    html="Station: North Parking (CP-1)<br>\nConnector ID: #1<br>\nError Code: GroundFailure",
    items=({"station": "CP-1", "connector": 1, "error_code": "GroundFailure"},),
    at=AT,
)


def faulted(**changes: Any) -> Message:
    """A connector is faulted, with these changes of the message."""
    return replace(FAULTED, **changes)
