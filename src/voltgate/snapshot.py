"""What the configuration says to the gateway: replaced as a whole when it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from voltgate.carriers.handshake import Handshake, Refused
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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the configuration says: replaced as a whole when it changes.

    `settings`, `habits` and `dialect` give what applies to a station; `authenticate` gives None for one that may come,
    or why not.
    """

    directory: Directory
    routes: Mapping[str, Route]
    backends: Mapping[str, Backend]
    settings: Callable[[Station, str], SessionSettings]
    habits: Callable[[Station], Habits]
    dialect: Callable[[Station, str], Dialect]
    authenticate: Callable[[Station, Handshake], Awaitable[Refused | None]]
    running: Literal["owner", "wait"] = "owner"
    """What becomes of a station that moves while it charges: all but the transaction moves, or it waits for the end."""
    no_common_subprotocol: Literal["refuse", "close"] = "refuse"
    subprotocol_aliases: Mapping[str, str] = field(default_factory=dict)

    def takes(self, version: str, plans: Plans) -> bool:
        """Return whether a backend that is to answer can be reached for a station that speaks this version."""
        return any(self.backends[name].settings.offers((version,)) for name in plans.first.answer)
