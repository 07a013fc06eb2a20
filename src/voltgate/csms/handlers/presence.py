"""Who is connected, and who has been away for too long.

A station's row says who `holder`s its connection: a process, or the queue of a gateway at a broker. What comes and goes
is in order by the clock of whoever holds it (`Said.sent`), whichever node hears it, in whatever order. A station that
has gone keeps its holder until its connectors are marked, after the grace, by any node that looks.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.handling import Handling
from voltgate.csms.table import Entry

UNAVAILABLE = "Unavailable"


def came(handling: Handling) -> dict[str, Any]:
    """Note that a station is connected; what it had reported before it went counts again until it reports anew.

    Return what its last BootNotification was answered with.
    """
    if not _is_old(handling):
        _is_here(handling)
    return {"status": handling.station.told}


def heard(handling: Handling) -> None:
    """Note that a station that says something is connected, where nobody has said so."""
    said, station = handling.said, handling.station
    if said.holder and not (station.connected and station.holder == said.holder) and not _is_old(handling):
        _is_here(handling)


def _is_here(handling: Handling) -> None:
    said, station = handling.said, handling.station
    station.connected, station.holder, station.since = True, said.holder, said.sent
    station.seen, station.version = said.now, said.version
    for row in handling.connectors():
        if row.reported:
            row.status, row.reported = row.reported, ""
            handling.put(row)
    handling.put(station)


def went(handling: Handling) -> dict[str, Any]:
    """Note that a station has gone from where it was; it may come again before anybody need know."""
    said, station = handling.said, handling.station
    if station.connected and station.holder == said.holder and not _is_old(handling):
        station.connected, station.since = False, said.sent
        handling.put(station)
    return {}


def stayed_away(handling: Handling) -> dict[str, Any]:
    """Mark what a station has as Unavailable, if it has been away for the grace: nobody can charge there."""
    station = handling.station
    if station.connected or not station.holder or (station.since or 0.0) > handling.said.now - handling.settings.grace:
        return {}
    station.holder = ""
    for row in handling.connectors():
        if row.status:
            row.status, row.reported = UNAVAILABLE, row.reported or row.status
            handling.put(row)
    handling.put(station)
    return {}


def _is_old(handling: Handling) -> bool:
    """Return whether what is said of a station was so before what is known; a time to come is nobody's."""
    since = handling.station.since or 0.0
    return handling.said.sent < since <= handling.said.now


CAME, WENT, STAYED_AWAY = Entry(came), Entry(went, makes=False), Entry(stayed_away, makes=False)
