"""What a station says of limits, schedules and reservations.

Source: 2.x Part 2, K11 to K18, K28, H01 to H04, I08.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.handlers.notes import keep_note, reason
from voltgate.csms.handling import Handling
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said


def needs_of_vehicle(handling: Handling) -> dict[str, Any]:
    """Answer a NotifyEVChargingNeeds: kept; nobody here makes a schedule of it, and the station is told so."""
    keep_note(handling, str(handling.said.whole("evseId") or 0))
    status = "NoChargingProfile" if handling.said.version == "ocpp2.1" else "Rejected"
    return {"status": status, "statusInfo": reason("UnsupportedRequest", "No schedule is made for it")}


def pull_update(handling: Handling) -> dict[str, Any]:
    """Answer a PullDynamicScheduleUpdate: there are no dynamic profiles of ours."""
    return {"status": "Rejected", "statusInfo": reason("NotFound", "There is no update of this profile")}


def reservation_needs(said: Said, needs: Needs) -> None:
    """Read the reservation."""
    needs.reservation(said.station, said.whole("reservationId"))


def reservation_status(handling: Handling) -> dict[str, Any]:
    """Answer a ReservationStatusUpdate. One that was used stays so: its end was meant."""
    number = handling.said.whole("reservationId")
    reservation = None if number is None else handling.reservation(number)
    if reservation is not None and reservation.status != "Used":
        reservation.status = handling.said.text("reservationUpdateStatus")
        handling.put(reservation)
    keep_note(handling, str(number))
    return {}


def vat_number(handling: Handling) -> dict[str, Any]:
    """Answer a VatNumberValidation: nobody here knows companies by their numbers."""
    hold_to_form(handling)
    fields = handling.said.fields
    same = {name: fields[name] for name in ("vatNumber", "evseId") if name in fields}
    return same | {"status": "Rejected", "statusInfo": reason("UnsupportedRequest", "VAT numbers are not looked up")}
