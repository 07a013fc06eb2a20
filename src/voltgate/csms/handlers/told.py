"""What operators have told a station, as far as it is kept: reservations, certificates, the version of its local list.

Each is written in a round, as what the station itself says: so neither overwrites the other.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from voltgate.csms.commands.certificates import KINDS, SignedCertificate
from voltgate.csms.commands.charging import CancelReservation, Reserve
from voltgate.csms.commands.local_list import LocalList, LocalListVersion
from voltgate.csms.commands.outcome import Outcome
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.handling import Handling
from voltgate.csms.model import Reservation
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.table import Entry

WAITING = "Waiting"
"""The status of a reservation whose station has not answered."""


def asked(wanted: Parameters, number: int) -> Entry | None:
    """Return what is written before a station is told: it may use a reservation as soon as it has it. None: nothing."""
    return Entry(partial(_reserve, wanted, number), makes=False) if isinstance(wanted, Reserve) else None


def answered(wanted: Parameters, number: int, outcome: Outcome) -> Entry | None:
    """Return what is written once a station has answered; None: nothing. Its silence changes nothing."""
    version = outcome.result.get("version")
    match wanted:
        case Reserve() if outcome.accepted is not None:
            return _reservation(number, WAITING, outcome.status)
        case CancelReservation() if outcome.accepted:
            return _reservation(wanted.id, "Accepted", "Cancelled")
        case SignedCertificate() if outcome.accepted:
            return Entry(partial(_sign, wanted), _signing, makes=False)
        case LocalList() | LocalListVersion() if isinstance(version, int):
            return Entry(partial(_list, version), makes=False)
    return None


def _reserve(wanted: Reserve, number: int, handling: Handling) -> dict[str, Any]:
    key, now, expires = handling.said.station, handling.said.now, wanted.expires.timestamp()
    evse = wanted.evse or None
    handling.put(Reservation(key, number, evse, wanted.token, wanted.kind, wanted.group, expires, now, WAITING))
    return {}


def _reservation(number: int, was: str, becomes: str) -> Entry:
    """Return what gives a reservation another status; not one that the station has said more of meanwhile."""

    def needs(said: Said, needs: Needs) -> None:
        needs.reservation(said.station, number)

    def become(handling: Handling) -> dict[str, Any]:
        row = handling.reservation(number)
        if row is not None and row.status in (was, WAITING):
            row.status = becomes
            handling.put(row)
        return {}

    return Entry(become, needs, makes=False)


def _signing(said: Said, needs: Needs) -> None:
    needs.signing.add(said.station)


def _sign(wanted: SignedCertificate, handling: Handling) -> dict[str, Any]:
    request = handling.waiting(KINDS[wanted.kind])
    if request is not None:
        request.status, request.chain = "signed", wanted.chain
        handling.put(request)
    return {}


def _list(version: int, handling: Handling) -> dict[str, Any]:
    handling.station.list_version = version
    handling.put(handling.station)
    return {}
