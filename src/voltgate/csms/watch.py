"""Looking after stations that nobody says of that they have gone: their gateway, or whoever heard of it, has died."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeAlias

from voltgate.csms.handlers.presence import STAYED_AWAY, WENT
from voltgate.csms.handling import Command
from voltgate.csms.model import Station
from voltgate.csms.rounds import Rounds
from voltgate.csms.said import Said
from voltgate.csms.table import Entry
from voltgate.ocpp.messages import Reply

Dead: TypeAlias = Callable[[set[str]], Awaitable[set[str]]]
"""Returns those of some holders that are known to have ended. Raises StoreAway."""


class Connections(Protocol):
    """What the database says of connections. Everything raises StoreAway."""

    async def holders(self) -> set[str]:
        """Return who holds connected stations."""

    async def held_by(self, holder: str) -> list[Station]:
        """Return stations that a holder has, some at a time."""

    async def away_since(self, before: float) -> list[Station]:
        """Return stations that went before a time, and are not marked yet, some at a time."""

    async def station(self, key: str) -> Station | None:
        """Return a station."""


class Watch:
    """Looks now and then for stations whose holder has died, and for those that stay away. Any number of nodes may."""

    def __init__(self, rounds: Rounds, connections: Connections, dead: Dead, wall: Callable[[], float]) -> None:
        self._rounds = rounds
        self._connections = connections
        self.dead = dead
        self._wall = wall
        self._suspects: set[str] = set()

    async def look(self) -> None:
        """Look once. A holder counts as dead that was found so twice. Raise StoreAway."""
        holders = await self._connections.holders()
        dead = await self.dead(holders)
        for holder in dead & self._suspects:
            for station in await self._connections.held_by(holder):
                self._note(station, WENT, holder)
        self._suspects = dead
        for station in await self._connections.away_since(self._wall() - self._rounds.settings.grace):
            self._note(station, STAYED_AWAY, station.holder)

    def _note(self, station: Station, entry: Entry, holder: str) -> None:
        now = self._wall()
        said = Said(station.key, station.identity, station.version, "", "", {}, now, holder=holder, sent=now)
        self._rounds.answer(said, entry, partial(_noted, station))


def _noted(station: Station, reply: Reply | None, commands: list[Command]) -> None:
    """Do nothing: what could not be written down is found again at the next look."""
