"""Firmware, logs and diagnostics: how far a station is with what it was asked for.

Source: 1.6 sections 4.3 and 4.4 and its security whitepaper; 2.x Part 2, L01 to L03 and N01.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.handlers.notes import keep_note
from voltgate.csms.said import name_of


def firmware_status(desk: Desk) -> dict[str, Any]:
    """Answer a FirmwareStatusNotification, signed firmware or not."""
    desk.station.firmware_status = desk.said.text("status")
    return _keep(desk)


def log_status(desk: Desk) -> dict[str, Any]:
    """Answer a LogStatusNotification or a DiagnosticsStatusNotification."""
    desk.station.log_status = desk.said.text("status")
    return _keep(desk)


def _keep(desk: Desk) -> dict[str, Any]:
    desk.put(desk.station)
    keep_note(desk, name_of(desk.said.fields.get("requestId")))
    return {}
