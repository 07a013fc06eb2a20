"""What stations and backends of each version say, for tests that tell the same story in all of them."""

from __future__ import annotations

from typing import Any

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
MODERN = ("ocpp2.0.1", "ocpp2.1")
NOW = "2026-01-01T00:00:00Z"

HEARTBEAT = {"currentTime": NOW}


def authorize(version: str) -> dict[str, Any]:
    """Give the payload of an Authorize."""
    return {"idTag": "04E123"} if version == "ocpp1.6" else {"idToken": {"idToken": "04E123", "type": "ISO14443"}}


def authorized(version: str) -> dict[str, Any]:
    """Give the payload of its answer."""
    return {"idTagInfo": {"status": "Accepted"}} if version == "ocpp1.6" else {"idTokenInfo": {"status": "Accepted"}}


def status(version: str) -> dict[str, Any]:
    """Give the payload of a StatusNotification."""
    if version == "ocpp1.6":
        return {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    return {"timestamp": NOW, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def command(version: str) -> tuple[str, dict[str, Any]]:
    """Give a command that every station knows."""
    if version == "ocpp1.6":
        return "ChangeAvailability", {"connectorId": 0, "type": "Operative"}
    return "ChangeAvailability", {"operationalStatus": "Operative"}
