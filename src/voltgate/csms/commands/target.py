"""The station that a command is for, as far as it decides which messages are sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from voltgate.ocpp import times
from voltgate.ocpp.dialect import SUBPROTOCOLS, is_modern


class Unsupported(Exception):  # noqa: N818 - the answer to an operator, and no fault
    """The station's version cannot do this. Its text says what, and what comes nearest. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a station said of its own limits, by its configuration; None where it is not known."""

    get_items: int | None = None
    """Keys or variables of one GetConfiguration or GetVariables."""
    set_items: int | None = None
    """Variables of one SetVariables."""
    list_items: int | None = None
    """Tokens of one SendLocalList."""
    stack_level: int | None = None
    """The highest level of charging profiles."""
    rate_units: frozenset[str] = frozenset()
    """"A", "W": the units that limits may have; empty if not known."""


@dataclass(frozen=True, slots=True)
class Target:
    """One station, now.

    `number` is a number above 0 and below `limit.FIRST_ID` that no other command for this station had: request,
    reservation, remote start and profile ids that the command leaves open are this. `now` is the time, with its zone.
    `soap`: 1.6 without what only its JSON edition has.
    """

    version: str
    number: int
    now: datetime
    soap: bool = False
    facts: Facts = Facts()

    @property
    def modern(self) -> bool:
        """Whether it speaks OCPP 2.x."""
        return is_modern(self.version)

    @property
    def name(self) -> str:
        """The version as people say it."""
        return (
            f"OCPP {self.version.removeprefix('ocpp')}{' over SOAP' if self.soap and self.version > 'ocpp1.5' else ''}"
        )

    @property
    def extended(self) -> bool:
        """Whether it may have the security extension of 1.6, which exists in JSON only."""
        return self.version == "ocpp1.6" and not self.soap

    def since(self, version: str) -> bool:
        """Return whether it speaks this version or a later one."""
        return SUBPROTOCOLS.index(self.version) >= SUBPROTOCOLS.index(version)

    def lacks(self, what: str, nearest: str = "") -> Unsupported:
        """Return the exception for something that its version does not have."""
        return Unsupported(f"{self.name} has no {what}{f'; nearest: {nearest}' if nearest else ''}")

    def must_fit(self, value: str, old: int, modern: int, newest: int, what: str) -> str:
        """Return `value`. Raise Unsupported if it is longer than 1.x, 2.0.1 or 2.1 take."""
        most = newest if self.version == "ocpp2.1" else modern if self.modern else old
        if len(value) > most:
            raise Unsupported(f"{self.name} takes {most} characters as {what}, and these are {len(value)}")
        return value


def stamp(at: datetime) -> str:
    """Return a time as messages have it. Raise Unsupported for one that a message cannot have."""
    seconds = at.timestamp()
    if not times.FIRST <= seconds <= times.LAST:
        raise Unsupported("A time must lie in the years from 1970 to 9999")
    return times.stamp(seconds)


def old_connector(target: Target, evse: int, connector: int) -> int:
    """Return the connectorId of 1.x for an EVSE, where connector N is the only connector of EVSE N."""
    if connector > 1 or (connector and not evse):
        raise target.lacks(f"connector {connector} of EVSE {evse}", "the EVSE alone: its number is the connector's")
    return evse


def place(evse: int, connector: int) -> dict[str, int] | None:
    """Return an EVSE with its connector as 2.x has it; None for the whole station."""
    if not evse:
        if connector:
            raise Unsupported("A connector is one of an EVSE: name the EVSE as well")
        return None
    return {"id": evse, "connectorId": connector} if connector else {"id": evse}
