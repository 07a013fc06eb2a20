"""The configuration of a simulated 1.6 station: its keys, and the effect of changing one.

Source: OCPP 1.6 section 9 and its security whitepaper.
"""

from __future__ import annotations

import binascii

from voltgate.simulator.charging_station import ChargingStation

WRITE_ONLY = frozenset({"AuthorizationKey"})

KEYS: dict[str, tuple[bool, str]] = {
    "AllowOfflineTxForUnknownId": (False, "true"),
    "AuthorizationCacheEnabled": (False, "false"),
    "AuthorizationKey": (False, ""),
    "AuthorizeRemoteTxRequests": (False, "false"),
    "BlinkRepeat": (False, "3"),
    "ChargeProfileMaxStackLevel": (True, "10"),
    "ChargingScheduleAllowedChargingRateUnit": (True, "Current,Power"),
    "ChargingScheduleMaxPeriods": (True, "24"),
    "ClockAlignedDataInterval": (False, "0"),
    "ConnectionTimeOut": (False, "60"),
    "ConnectorPhaseRotation": (False, "1.RST"),
    "ConnectorSwitch3to1PhaseSupported": (True, "false"),
    "GetConfigurationMaxKeys": (True, "100"),
    "HeartbeatInterval": (False, "300"),
    "LightIntensity": (False, "80"),
    "LocalAuthListEnabled": (False, "true"),
    "LocalAuthListMaxLength": (True, "1000"),
    "LocalAuthorizeOffline": (False, "true"),
    "LocalPreAuthorize": (False, "false"),
    "MaxChargingProfilesInstalled": (True, "10"),
    "MaxEnergyOnInvalidId": (False, "0"),
    "MeterValuesAlignedData": (False, "Energy.Active.Import.Register"),
    "MeterValuesSampledData": (False, "Energy.Active.Import.Register,Power.Active.Import,Current.Import"),
    "MeterValueSampleInterval": (False, "60"),
    "MinimumStatusDuration": (False, "0"),
    "NumberOfConnectors": (True, "2"),
    "ReserveConnectorZeroSupported": (True, "false"),
    "ResetRetries": (False, "3"),
    "SecurityProfile": (False, "1"),
    "SendLocalListMaxLength": (True, "100"),
    "StopTransactionOnEVSideDisconnect": (False, "true"),
    "StopTransactionOnInvalidId": (False, "true"),
    "StopTxnAlignedData": (False, ""),
    "StopTxnSampledData": (False, ""),
    "SupportedFeatureProfiles": (True, "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging"),
    "TransactionMessageAttempts": (False, "3"),
    "TransactionMessageRetryInterval": (False, "60"),
    "UnlockConnectorOnEVSideDisconnect": (False, "true"),
    "WebSocketPingInterval": (False, "60"),
}
"""For each key whether it is read-only, and its default."""

_SECONDS = frozenset(
    """
    ClockAlignedDataInterval ConnectionTimeOut HeartbeatInterval MeterValueSampleInterval MinimumStatusDuration
    TransactionMessageAttempts TransactionMessageRetryInterval WebSocketPingInterval
    """.split()
)


def change(station: ChargingStation, key: str, value: str) -> str:
    """Set a key as ChangeConfiguration says; return the status of the answer.

    Numbers below 0 are Rejected; 0 is valid, for WebSocketPingInterval it means no pings (LV-03).
    """
    if key not in KEYS:
        return "NotSupported"
    if KEYS[key][0] or not _allowed(key, value):
        return "Rejected"
    if key == "AuthorizationKey":
        station.password = bytes.fromhex(value)
    else:
        station.device_state.configuration[key] = value
    _apply(station, key, value)
    return "Accepted"


def _allowed(key: str, value: str) -> bool:
    if key == "AuthorizationKey":
        return _is_key(value)
    return key not in _SECONDS or (value.isascii() and value.isdigit())


def _is_key(value: str) -> bool:
    """Return whether this is 16 to 20 bytes in hexadecimal digits (whitepaper A00.FR.205)."""
    try:
        return 16 <= len(binascii.unhexlify(value)) <= 20
    except ValueError:
        return False


def _apply(station: ChargingStation, key: str, value: str) -> None:
    match key:
        case "WebSocketPingInterval":
            station.ping = float(value)
        case "HeartbeatInterval" if int(value) > 0:
            station.set_interval(float(value), station.simulation.clock.now())
        case "MeterValueSampleInterval" if int(value) > 0:
            station.metering = float(value)
