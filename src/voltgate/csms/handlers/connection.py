"""That a station is there: BootNotification, Heartbeat, StatusNotification.

Source: 1.6 sections 4.2, 4.6, 4.9; 2.0.1 Part 2, B01, B02, B03, G02, G01.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.ends import no_longer_charging
from voltgate.csms.handling import Handling, Refused
from voltgate.csms.model import StatusChange
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, name_of, part_of, text_of
from voltgate.csms.times import is_older
from voltgate.ocpp.times import stamp

_TRIGGERED = "Triggered"
"""The reason of a BootNotification of 2.x that was asked for: nothing has booted."""
_MOST = 1000
"""Connectors of one station, EVSEs included."""


def boot_1x(handling: Handling) -> dict[str, Any]:
    """Answer a BootNotification of 1.x."""
    said, station = handling.said, handling.station
    station.vendor, station.model = said.text("chargePointVendor"), said.text("chargePointModel")
    station.serial, station.box_serial = said.text("chargePointSerialNumber"), said.text("chargeBoxSerialNumber")
    station.firmware = said.text("firmwareVersion")
    station.iccid, station.imsi = said.text("iccid"), said.text("imsi")
    station.meter_type, station.meter_serial = said.text("meterType"), said.text("meterSerialNumber")
    return _booted(handling, "")


def boot_2x(handling: Handling) -> dict[str, Any]:
    """Answer a BootNotification of 2.x."""
    said, station = handling.said, handling.station
    of_station = said.part("chargingStation")
    modem = part_of(of_station.get("modem"))
    station.vendor, station.model = text_of(of_station.get("vendorName")), text_of(of_station.get("model"))
    station.serial, station.firmware = (
        text_of(of_station.get("serialNumber")),
        text_of(of_station.get("firmwareVersion")),
    )
    station.iccid, station.imsi = text_of(modem.get("iccid")), text_of(modem.get("imsi"))
    return _booted(handling, said.text("reason"))


def _booted(handling: Handling, reason: str) -> dict[str, Any]:
    said, station, settings = handling.said, handling.station, handling.settings
    if reason != _TRIGGERED or station.booted is None:
        station.boot_reason, station.booted = reason, said.now
    station.version, station.seen = said.version, said.now
    station.told = station.registration or settings.registration
    handling.put(station)
    interval = handling.network.interval or settings.interval
    wait = interval if station.told == "Accepted" else settings.retry
    return {"currentTime": stamp(said.now), "interval": max(1, wait), "status": station.told}


def heartbeat(handling: Handling) -> dict[str, Any]:
    """Answer a Heartbeat: it says that the station is there, and nothing of its connectors."""
    return current_time(handling.said.now)


def current_time(now: float) -> dict[str, Any]:
    """Return what a Heartbeat is answered with: nothing of it need be read."""
    return {"currentTime": stamp(now)}


def status_1x(handling: Handling) -> dict[str, Any]:
    """Answer a StatusNotification of 1.x: connector 0 is the station."""
    said = handling.said
    number = said.whole("connectorId") or 0
    reported(handling, number, min(number, 1), said.at("timestamp"), said.text("status"))
    return {}


def status_2x(handling: Handling) -> dict[str, Any]:
    """Answer a StatusNotification of 2.x."""
    said = handling.said
    evse, connector = said.whole("evseId") or 0, said.whole("connectorId") or 0
    reported(handling, evse, connector, said.at("timestamp"), said.text("connectorStatus"))
    return {}


def status_needs(said: Said, needs: Needs) -> None:
    """Read the running transactions: a connector that is free again ends what was said to run on it."""
    needs.running.add(said.station)


def reported(handling: Handling, evse: int, connector: int, at: float, status: str) -> None:
    """Take note of a status, and keep it; one that is older than what is known changes nothing else."""
    said, status = handling.said, name_of(status)
    row = handling.connector(evse, connector)
    if evse < 0 or connector < 0 or (row.at is None and sum(1 for _ in handling.connectors()) > _MOST):
        raise Refused("PropertyConstraintViolation", f"There is no connector {connector} of EVSE {evse}")
    error_code, info, vendor_error = said.text("errorCode"), said.text("info"), said.text("vendorErrorCode")
    handling.put(StatusChange(said.station, evse, connector, at, said.now, status, error_code, info, vendor_error))
    if is_older(at, row.at, said.now) and not _was_before_boot(handling, row.at):
        return
    row.status, row.error_code, row.info, row.vendor_error, row.at = status, error_code, info, vendor_error, at
    row.reported = ""
    handling.put(row)
    if connector and status == "Available":
        no_longer_charging(handling, evse, connector, at)


def _was_before_boot(handling: Handling, at: float | None) -> bool:
    """Return whether a status is from before its station booted: a clock without a battery begins anew then."""
    return at is not None and handling.station.booted is not None and at < handling.station.booted
