"""Firmware, logs and diagnostics: how far a station is with what it was asked for.

Source: 1.6 sections 4.3 and 4.4 and its security whitepaper; 2.x Part 2, L01 to L03 and N01.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.handlers.notes import keep_note
from voltgate.csms.handling import Handling
from voltgate.csms.said import name_of


def firmware_status(handling: Handling) -> dict[str, Any]:
    """Answer a FirmwareStatusNotification, signed firmware or not."""
    handling.station.firmware_status = handling.said.text("status")
    return _keep(handling)


def log_status(handling: Handling) -> dict[str, Any]:
    """Answer a LogStatusNotification or a DiagnosticsStatusNotification."""
    handling.station.log_status = handling.said.text("status")
    return _keep(handling)


def _keep(handling: Handling) -> dict[str, Any]:
    handling.put(handling.station)
    keep_note(handling, name_of(handling.said.fields.get("requestId")))
    return {}
