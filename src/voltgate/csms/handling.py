"""One call being handled: what a handler may read meanwhile, and where it puts what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from voltgate.csms.model import (
    Connector,
    Network,
    Profile,
    Report,
    Reservation,
    Row,
    SigningRequest,
    Station,
    Token,
    Transaction,
)
from voltgate.csms.ports import Found
from voltgate.csms.said import Said
from voltgate.csms.settings import CsmsSettings
from voltgate.csms.tariffs import Tariff

_MOST_SIGNING = 10
"""Requests for certificates of one station that wait, each of another kind: OCPP has three."""


class Refused(Exception):  # noqa: N818 - what a station is told
    """A call is answered with a CALLERROR: its code as 1.6 spells it, and a sentence."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code)
        self.code = code
        self.description = description


class Command(NamedTuple):
    """A call that a station is made once what was decided is on disk."""

    action: str
    payload: dict[str, Any]


class Handling:
    """What was read for a call, and what comes of it. Rows may be changed when they are `put`; the last one counts."""

    __slots__ = ("_found", "_rows", "about", "commands", "dropped", "said", "settings", "transactions")

    def __init__(self, said: Said, found: Found, rows: dict[int, Row], settings: CsmsSettings) -> None:
        self.said = said
        self.settings = settings
        self.commands: list[Command] = []
        """What the station is asked afterwards."""
        self.dropped = 0
        """Meter values that are not kept, as they are too many."""
        self.transactions: list[Transaction] = []
        """The transactions that were put."""
        self.about: Transaction | None = None
        """The transaction that the call is about, whether that changes or not."""
        self._found = found
        self._rows = rows

    @property
    def station(self) -> Station:
        """Who calls."""
        return self._found.stations[self.said.station]

    @property
    def network(self) -> Network:
        """The network of the station."""
        name = self.station.network
        return self._found.networks.get(name) or Network(name, name)

    def put(self, row: Row) -> None:
        """Have a row written: one that is new, or that was changed."""
        if type(row) is Transaction and not any(row is each for each in self.transactions):
            self.transactions.append(row)
        self._rows[id(row)] = row

    # What there is.

    @property
    def tariffs(self) -> tuple[Tariff, ...]:
        """Return all tariffs."""
        return self._found.tariffs

    def connector(self, evse: int, connector: int) -> Connector:
        """Return a connector, which is made if it was never heard of; it has to be put."""
        key = (self.said.station, evse, connector)
        found = self._found.connectors.get(key)
        if found is None:
            found = self._found.connectors[key] = Connector(*key)
        return found

    def connectors(self) -> Iterator[Connector]:
        """Yield the connectors of the station, EVSEs and itself included."""
        return (each for each in list(self._found.connectors.values()) if each.station == self.said.station)

    def token(self, text: str) -> Token | None:
        """Return a token that is known."""
        return self._found.tokens.get(text.casefold())

    def used(self, text: str) -> set[tuple[str, str]]:
        """Return the running transactions of a token, by station and `ref`."""
        return self._found.used.setdefault(text.casefold(), set())

    def transaction(self, ref: str) -> Transaction | None:
        """Return a transaction of the station."""
        return self._found.transactions.get((self.said.station, ref))

    def of_station(self) -> list[Transaction]:
        """Return the transactions of the station that were read: those that run, and those that were asked for."""
        return self._found.transactions_of(self.said.station)

    def running(self) -> list[Transaction]:
        """Return the running transactions of the station."""
        return [tx for tx in self.of_station() if tx.state == "running"]

    def reservation(self, number: int) -> Reservation | None:
        """Return a reservation of the station."""
        return self._found.reservations.get((self.said.station, number))

    def profiles(self) -> list[Profile]:
        """Return the charging profiles of the station that are there, if they were read."""
        return [
            each for each in self._found.profiles.values() if (each.station, each.cleared) == (self.said.station, False)
        ]

    def report(self, request: int, at: float) -> Report:
        """Return the report that this call is a part of, which is made if it was never heard of; it has to be put."""
        key = (self.said.station, self.said.action, request)
        found = self._found.reports.get(key)
        if found is None:
            found = self._found.reports[key] = Report(*key, self.said.now, at)
        return found

    def signing(self, kind: str) -> SigningRequest:
        """Return the request of a kind that waits, which is made if there is none; it has to be put.

        Raise Refused for more kinds than there are.
        """
        found = self.waiting(kind)
        if found is None:
            station = self.said.station
            if sum(each.station == station for each in self._found.signing.values()) >= _MOST_SIGNING:
                raise Refused("PropertyConstraintViolation", "There are not so many kinds of certificates")
            found = SigningRequest(station, self.number(), kind, "", self.said.now, "waiting")
            self._found.signing[station, found.number] = found
        return found

    def waiting(self, kind: str) -> SigningRequest | None:
        """Return the request of a kind that waits to be signed."""
        of = self.said.station, kind
        return next((each for each in self._found.signing.values() if (each.station, each.kind) == of), None)

    # What is new.

    def begin(self, transaction: Transaction) -> None:
        """Have a new transaction, which the calls behind this one find."""
        self._found.begin(transaction)
        self.put(transaction)

    def keep_profile(self, row: Profile) -> None:
        """Have a charging profile, which the calls behind this one find."""
        self._found.profiles[row.station, row.evse, row.profile, row.source] = row
        self.put(row)

    def clear_profile(self, row: Profile) -> None:
        """Note that a charging profile is there no more; a report that was sent before does not bring it back."""
        row.cleared, row.at = True, self.said.now
        self.put(row)

    def number(self) -> int:
        """Return a number that nothing has."""
        return self._found.numbers.pop()

    def withhold(self, number: int) -> None:
        """Have a number given to nobody: there is a transaction that has it from another system."""
        if number in self._found.numbers:
            self._found.numbers.remove(number)

    def tell(self, action: str, payload: dict[str, Any]) -> None:
        """Make the station a call once this one is answered."""
        self.commands.append(Command(action, payload))
