"""What the configuration says to the gateway: replaced as a whole when it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.directory.profiles import Arrival
from voltgate.directory.stations import Directory, Station
from voltgate.ocpp.dialect import Dialect
from voltgate.relay.backend import Backend
from voltgate.relay.ports import SessionSettings
from voltgate.relay.route import Plans, Route


@dataclass(frozen=True, slots=True)
class Habits:
    """What a station's link does otherwise than its listener says (None: as the listener). `ping` is in seconds."""

    ping: float | None = None
    compress: bool | None = None


Decided: TypeAlias = "Callable[[int | None], None]"
"""Told with which status a backend has answered a try: 101 if it lets the station in, None if it said nothing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the configuration says: replaced as a whole when it changes.

    `settings`, `habits` and `dialect` give what applies to a station; `authenticate` gives with which security profile
    one may come, or why not, and `came` is told when it has come in; `attempt` begins a try that a backend
    decides on, unless too many have failed.
    """

    directory: Directory
    routes: Mapping[str, Route]
    backends: Mapping[str, Backend]
    settings: Callable[[Station, str], SessionSettings]
    habits: Callable[[Station], Habits]
    dialect: Callable[[Station, str], Dialect]
    authenticate: Callable[[Station, Handshake], Awaitable[Refused | Arrival]]
    came: Callable[[Station, Arrival], None]
    attempt: Callable[[Station, Handshake], Decided | Refused]
    running: Literal["owner", "wait"] = "owner"
    """What becomes of a station that moves while it charges: all but the transaction moves, or it waits for the end."""
    no_common_subprotocol: Literal["refuse", "close"] = "refuse"
    subprotocol_aliases: Mapping[str, str] = field(default_factory=dict)

    _reached: dict[tuple[str, str], Mapping[str, Backend]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def reached(self, version: str, carrier: str) -> Mapping[str, Backend]:
        """Return the backends that take this version, in which a station that came by this carrier speaks."""
        if (version, carrier) not in self._reached:
            taking = {name: each for name, each in self.backends.items() if each.settings.offers((version,), carrier)}
            self._reached[version, carrier] = taking
        return self._reached[version, carrier]

    def plans(self, station: Station, versions: Iterable[str], carrier: str) -> Plans:
        """Return the plans of a station that may speak these versions, without the backends that take none of them."""
        without = frozenset(self.backends).difference(*(self.reached(version, carrier) for version in versions))
        return self.routes[station.route].plans(*station.traits, checked=station.checked, without=without)
