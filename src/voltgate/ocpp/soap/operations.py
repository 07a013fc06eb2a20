"""The catalogue of operations: which a version of OCPP-S has, in which service, and their WS-Addressing actions.

Source: the WSDLs of 1.2, 1.5 and 1.6.
"""

from __future__ import annotations

from voltgate.ocpp.soap.names import Kind, Service, Version, namespace

_UP = frozenset(
    """
    Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat MeterValues
    StartTransaction StatusNotification StopTransaction
    """.split()
)

_DOWN_12 = frozenset(
    """
    ChangeAvailability ChangeConfiguration ClearCache GetDiagnostics RemoteStartTransaction RemoteStopTransaction Reset
    UnlockConnector UpdateFirmware
    """.split()
)

_DOWN_15 = _DOWN_12 | frozenset(
    "CancelReservation GetConfiguration GetLocalListVersion ReserveNow SendLocalList".split()
)

_DOWN_16 = _DOWN_15 | frozenset("ClearChargingProfile GetCompositeSchedule SetChargingProfile TriggerMessage".split())

_BOTH = frozenset({"DataTransfer"})

_OPERATIONS: dict[tuple[Version, Service], frozenset[str]] = {
    ("1.2", "Cs"): _UP,
    ("1.2", "Cp"): _DOWN_12,
    ("1.5", "Cs"): _UP | _BOTH,
    ("1.5", "Cp"): _DOWN_15 | _BOTH,
    ("1.6", "Cs"): _UP | _BOTH,
    ("1.6", "Cp"): _DOWN_16 | _BOTH,
}

_PORTS = {"Cs": "CentralSystemService", "Cp": "ChargePointService"}


def operations(version: Version, service: Service) -> frozenset[str]:
    """Return the operations of a service. Both together have 18 in 1.2, 24 in 1.5 and 28 in 1.6 (DataTransfer once)."""
    return _OPERATIONS[version, service]


def has(version: Version, service: Service, operation: str) -> bool:
    """Return whether the service has the operation; the eleven of the security extension have no SOAP form."""
    return operation in _OPERATIONS[version, service]


def wsa_action(version: Version, service: Service, operation: str, kind: Kind) -> str:
    """Return the value of the header Action.

    The WSDL of 1.2 names no action for its responses, so SOAP stacks send the default of WS-Addressing.
    """
    if kind == "request":
        return f"/{operation}"
    if version == "1.2":
        return f"{namespace(version, service)}{_PORTS[service]}/{operation}Response"
    return f"/{operation}Response"


def means(action: str, operation: str) -> bool:
    """Return whether a header Action names the operation, in any form: fully qualified, quoted, or short."""
    last = action.strip("\"' \t\r\n").rpartition("/")[2]
    return last.removesuffix("Request").removesuffix("Response") == operation
