"""What the management system needs of its surroundings: stations, and a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

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
from voltgate.csms.tariffs import Tariff
from voltgate.ocpp.messages import Call, Reply, Respond
from voltgate.relay.records import StoreAway

__all__ = ["Decide", "Elsewhere", "Found", "Needs", "Peer", "Store", "StoreAway", "Unfit"]


class Peer(Protocol):
    """One station's connection."""

    @property
    def identity(self) -> str:
        """The station, as the gateway knows it."""

    @property
    def protocol(self) -> str:
        """What it speaks, by the name of the sub-protocol: "ocpp1.5" for a SOAP station."""

    @property
    def holder(self) -> str:
        """Who holds it, as any node knows that; "" if it is this process, and for as long as the connection lasts."""

    @property
    def said_at(self) -> float:
        """When its holder sent what is being dealt with, by its own clock; 0.0 if this process holds it."""

    def hold(self) -> Callable[[], None]:
        """Return what is to be called when it is on record what its holder says of it: until then that may be lost."""

    def command(self, call: Call, respond: Respond) -> None:
        """Call the station; the answer comes through `respond`, in any case."""


class Elsewhere(Protocol):
    """Calls stations whose connection this process does not hold."""

    async def call(self, station: str, call: Call, patience: float) -> Reply:
        """Call a station, by key; return its answer, or why there is none within `patience` seconds."""


class Unfit(Exception):  # noqa: N818 - it says what the data are
    """The database does not take what was to be written: to try it again is useless."""


@dataclass(slots=True)
class Needs:
    """What the calls of a round want to read. Stations are always read, with their connectors."""

    stations: dict[str, str] = field(default_factory=dict)
    """Identities by key: one that is not there is made."""
    there: set[str] = field(default_factory=set)
    """Keys of stations that are read if they are there."""
    tokens: set[str] = field(default_factory=set)
    """Tokens by id."""
    used: set[str] = field(default_factory=set)
    """Tokens of which the running transactions are counted."""
    running: set[str] = field(default_factory=set)
    """Stations whose running transactions are read. Whoever ends one names its station: then tariffs are read, too."""
    transactions: set[tuple[str, str]] = field(default_factory=set)
    """Transactions by station and `ref`, whatever their state."""
    called: set[tuple[str, str]] = field(default_factory=set)
    """Transactions by station and what it calls them, where that is not their `ref`: the newest ones."""
    last: set[tuple[str, int]] = field(default_factory=set)
    """EVSEs, by station, whose last ended transaction is read."""
    ended: set[tuple[str, float]] = field(default_factory=set)
    """Transactions by station and when they ended, by its clock."""
    reservations: set[tuple[str, int]] = field(default_factory=set)
    """Reservations by station and number."""
    reports: set[tuple[str, str, int]] = field(default_factory=set)
    """Reports by station, kind and request."""
    profiles: set[str] = field(default_factory=set)
    """Stations whose charging profiles are read."""
    signing: set[str] = field(default_factory=set)
    """Stations whose waiting requests for certificates are read."""
    size: int = 0
    """The bytes of the calls: it takes long to decide on many."""
    numbers: int = 0
    """How many new numbers are wanted: one for each transaction of 1.x, or request for a certificate, there may be."""

    def token(self, text: str, *, used: bool = False) -> None:
        """Want a token, if there is one; with its running transactions, if they count."""
        if text:
            self.tokens.add(text.casefold())
        if text and used:
            self.used.add(text.casefold())

    def reservation(self, station: str, number: int | None) -> None:
        """Want a reservation, if there is one."""
        if number is not None:
            self.reservations.add((station, number))


@dataclass(slots=True)
class Found:
    """What was read: nobody else changes it before the round has written."""

    stations: dict[str, Station] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    connectors: dict[tuple[str, int, int], Connector] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    used: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """The running transactions of a token, by station and `ref`."""
    transactions: dict[tuple[str, str], Transaction] = field(default_factory=dict)
    reservations: dict[tuple[str, int], Reservation] = field(default_factory=dict)
    reports: dict[tuple[str, str, int], Report] = field(default_factory=dict)
    profiles: dict[tuple[str, int, int, str], Profile] = field(default_factory=dict)
    """By station, EVSE, number and source; none that was cleared."""
    signing: dict[tuple[str, int], SigningRequest] = field(default_factory=dict)
    """By station and number."""
    tariffs: tuple[Tariff, ...] = ()
    numbers: list[int] = field(default_factory=list)
    """Numbers that nothing has."""
    _of_station: dict[str, list[Transaction]] | None = field(default=None, compare=False)

    def transactions_of(self, station: str) -> list[Transaction]:
        """Return the transactions of a station."""
        if self._of_station is None:
            self._of_station = {}
            for tx in self.transactions.values():
                self._of_station.setdefault(tx.station, []).append(tx)
        return self._of_station.setdefault(station, [])

    def begin(self, transaction: Transaction) -> None:
        """Add a transaction that is new."""
        self.transactions_of(transaction.station).append(transaction)
        self.transactions[transaction.station, transaction.ref] = transaction


Decide = Callable[[Found], Iterable[Row]]
"""Answers the calls of a round, and returns the rows that are new or have changed. It may be called in a thread."""


class Store(Protocol):
    """The database."""

    @property
    def away(self) -> str:
        """Why nothing can be read or written now; "" if it can."""

    @property
    def at_once(self) -> int:
        """How many rounds are worth doing at a time, of different stations."""

    async def round(self, needs: Needs, decide: Decide) -> int:
        """Read, decide and write in one transaction; it is on disk when this returns.

        Return how many rows were dropped, since their stations have told more than is kept of a station.

        Variables and profiles that are older than those that are kept are not written.

        Raise StoreAway, or Unfit for rows that cannot be written: nothing is, then.
        """

    async def seen(self, stations: dict[str, float]) -> list[str]:
        """Write down when stations were heard last, by key; return those that are taken for gone. Raise StoreAway."""
