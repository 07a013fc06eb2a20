"""Doors through which anybody comes: what a snapshot of the configuration asks of who lets stations in."""

from __future__ import annotations

from voltgate.carriers.handshake import Handshake
from voltgate.directory.profiles import Arrival
from voltgate.directory.stations import Station
from voltgate.snapshot import Decided


async def anybody(station: Station, handshake: Handshake) -> Arrival:
    """Let a station in, with the profile of one that shows nothing."""
    return Arrival(0)


def unnoticed(station: Station, arrival: Arrival) -> None:
    """Take no note of who has come."""


def at_will(station: Station, handshake: Handshake) -> Decided:
    """Let a backend be asked as often as stations come."""
    return lambda status: None
