"""What a station says of limits, schedules and reservations.

Source: 2.x Part 2, K11 to K18, K28, H01 to H04, I08.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.desk import Desk
from voltgate.csms.handlers.notes import keep_note, reason
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said


def needs_of_vehicle(desk: Desk) -> dict[str, Any]:
    """Answer a NotifyEVChargingNeeds: kept; nobody here makes a schedule of it, and the station is told so."""
    keep_note(desk, str(desk.said.whole("evseId") or 0))
    status = "NoChargingProfile" if desk.said.version == "ocpp2.1" else "Rejected"
    return {"status": status, "statusInfo": reason("UnsupportedRequest", "No schedule is made for it")}


def pull_update(desk: Desk) -> dict[str, Any]:
    """Answer a PullDynamicScheduleUpdate: there are no dynamic profiles of ours."""
    return {"status": "Rejected", "statusInfo": reason("NotFound", "There is no update of this profile")}


def reservation_needs(said: Said, needs: Needs) -> None:
    """Read the reservation."""
    needs.reservation(said.station, said.whole("reservationId"))


def reservation_status(desk: Desk) -> dict[str, Any]:
    """Answer a ReservationStatusUpdate. One that was used stays so: its end was meant."""
    number = desk.said.whole("reservationId")
    reservation = None if number is None else desk.reservation(number)
    if reservation is not None and reservation.status != "Used":
        reservation.status = desk.said.text("reservationUpdateStatus")
        desk.put(reservation)
    keep_note(desk, str(number))
    return {}


def vat_number(desk: Desk) -> dict[str, Any]:
    """Answer a VatNumberValidation: nobody here knows companies by their numbers."""
    hold_to_form(desk)
    fields = desk.said.fields
    same = {name: fields[name] for name in ("vatNumber", "evseId") if name in fields}
    return same | {"status": "Rejected", "statusInfo": reason("UnsupportedRequest", "VAT numbers are not looked up")}
