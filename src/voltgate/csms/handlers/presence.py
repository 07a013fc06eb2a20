"""Who is connected, and who has been away for too long.

A station's row says who `holder`s its connection: a process, or the queue of a gateway at a broker. What comes and goes
is in order by the clock of whoever holds it (`Said.sent`), whichever node hears it, in whatever order. A station that
has gone keeps its holder until its connectors are marked, after the grace, by any node that looks.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.table import Entry

UNAVAILABLE = "Unavailable"


def came(desk: Desk) -> dict[str, Any]:
    """Note that a station is connected; what it had reported before it went counts again until it reports anew.

    Return what its last BootNotification was answered with.
    """
    if not _is_old(desk):
        _is_here(desk)
    return {"status": desk.station.told}


def heard(desk: Desk) -> None:
    """Note that a station that says something is connected, where nobody has said so."""
    said, station = desk.said, desk.station
    if said.holder and not (station.connected and station.holder == said.holder) and not _is_old(desk):
        _is_here(desk)


def _is_here(desk: Desk) -> None:
    said, station = desk.said, desk.station
    station.connected, station.holder, station.since = True, said.holder, said.sent
    station.seen, station.version = said.now, said.version
    for row in desk.connectors():
        if row.reported:
            row.status, row.reported = row.reported, ""
            desk.put(row)
    desk.put(station)


def went(desk: Desk) -> dict[str, Any]:
    """Note that a station has gone from where it was; it may come again before anybody need know."""
    said, station = desk.said, desk.station
    if station.connected and station.holder == said.holder and not _is_old(desk):
        station.connected, station.since = False, said.sent
        desk.put(station)
    return {}


def stayed_away(desk: Desk) -> dict[str, Any]:
    """Mark what a station has as Unavailable, if it has been away for the grace: nobody can charge there."""
    station = desk.station
    if station.connected or not station.holder or (station.since or 0.0) > desk.said.now - desk.settings.grace:
        return {}
    station.holder = ""
    for row in desk.connectors():
        if row.status:
            row.status, row.reported = UNAVAILABLE, row.reported or row.status
            desk.put(row)
    desk.put(station)
    return {}


def _is_old(desk: Desk) -> bool:
    """Return whether what is said of a station was so before what is known; a time to come is nobody's."""
    since = desk.station.since or 0.0
    return desk.said.sent < since <= desk.said.now


CAME, WENT, STAYED_AWAY = Entry(came), Entry(went, makes=False), Entry(stayed_away, makes=False)
