"""That a station is there: BootNotification, Heartbeat, StatusNotification.

Source: 1.6 sections 4.2, 4.6, 4.9; 2.0.1 Part 2, B01, B02, B03, G02, G01.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.ends import no_longer_charging
from voltgate.csms.model import StatusChange
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, part_of, text_of
from voltgate.csms.times import read_time, written


def boot_1x(desk: Desk) -> dict[str, Any]:
    """Answer a BootNotification of 1.x."""
    said, station = desk.said, desk.station
    station.vendor, station.model = said.text("chargePointVendor"), said.text("chargePointModel")
    station.serial, station.box_serial = said.text("chargePointSerialNumber"), said.text("chargeBoxSerialNumber")
    station.firmware = said.text("firmwareVersion")
    station.iccid, station.imsi = said.text("iccid"), said.text("imsi")
    station.meter_type, station.meter_serial = said.text("meterType"), said.text("meterSerialNumber")
    return _booted(desk, "")


def boot_2x(desk: Desk) -> dict[str, Any]:
    """Answer a BootNotification of 2.x."""
    said, station = desk.said, desk.station
    of_station = said.part("chargingStation")
    modem = part_of(of_station.get("modem"))
    station.vendor, station.model = text_of(of_station.get("vendorName")), text_of(of_station.get("model"))
    station.serial, station.firmware = (
        text_of(of_station.get("serialNumber")),
        text_of(of_station.get("firmwareVersion")),
    )
    station.iccid, station.imsi = text_of(modem.get("iccid")), text_of(modem.get("imsi"))
    return _booted(desk, said.text("reason"))


def _booted(desk: Desk, reason: str) -> dict[str, Any]:
    said, station, settings = desk.said, desk.station, desk.settings
    station.boot_reason, station.booted, station.seen = reason, said.now, said.now
    station.version = said.version
    desk.put(station)
    status = station.registration or settings.registration
    interval = desk.network.interval or settings.interval
    wait = interval if status == "Accepted" else settings.retry
    return {"currentTime": written(said.now), "interval": wait, "status": status}


def heartbeat(desk: Desk) -> dict[str, Any]:
    """Answer a Heartbeat: it says that the station is there, and nothing of its connectors."""
    return {"currentTime": written(desk.said.now)}


def status_1x(desk: Desk) -> dict[str, Any]:
    """Answer a StatusNotification of 1.x: connector 0 is the station."""
    said = desk.said
    number = said.whole("connectorId") or 0
    at = read_time(said.fields.get("timestamp")) or said.now
    _reported(desk, number, min(number, 1), at)
    return {}


def status_2x(desk: Desk) -> dict[str, Any]:
    """Answer a StatusNotification of 2.x."""
    said = desk.said
    at = read_time(said.fields.get("timestamp")) or said.now
    _reported(desk, said.whole("evseId") or 0, said.whole("connectorId") or 0, at)
    return {}


def status_needs(said: Said, needs: Needs) -> None:
    """Read the running transactions: a connector that is free again ends what was said to run on it."""
    needs.running.add(said.station)


def _reported(desk: Desk, evse: int, connector: int, at: float) -> None:
    """Take note of a status, and keep it; one that is older than what is known changes nothing else."""
    said = desk.said
    status = said.text("status") or said.text("connectorStatus")
    row = desk.connector(evse, connector)
    error_code, info, vendor_error = said.text("errorCode"), said.text("info"), said.text("vendorErrorCode")
    desk.put(StatusChange(said.station, evse, connector, at, said.now, status, error_code, info, vendor_error))
    if row.at is not None and at < row.at <= said.now:
        return
    row.status, row.error_code, row.info, row.vendor_error, row.at = status, error_code, info, vendor_error, at
    row.reported = ""
    desk.put(row)
    if connector and status == "Available":
        no_longer_charging(desk, evse, at)
