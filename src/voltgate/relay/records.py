"""Records: what must outlive a session, as values, and the port to whatever keeps them.

Times are seconds since 1970 (UTC), as the calendar has them: a record outlives the clock of the process. `data` is JSON
that only the relay reads. Identities are keys of the directory (`Session.key`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol, TypeAlias

ROW = 200
"""Bytes of a row of what is owed, without its payload."""
OWED_AT_ONCE = 16
"""Messages of one backend that are read with a page, or at a time."""


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction of a station: who owns it, and which numbers each party knows it by (in `data`).

    `ref` is Voltgate's own name of it; `id` is the station's, "" while the station has none (a 1.6 start that nobody
    has answered). `connector` is the 1.6 connectorId or the 2.x EVSE id. `ended` is None while it runs.
    """

    station: str
    ref: str
    id: str
    owner: str
    connector: int | None
    token: str
    began: float
    ended: float | None
    data: bytes

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.station, self.ref


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """A session that is expected: a backend asked for it by a remote start, or accepted its token."""

    station: str
    ref: str
    backend: str
    expires: float
    data: bytes

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.station, self.ref


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """A number that a backend minted (`theirs`) and the one that the station knows it by (`number`).

    `kind` is "reservation", "request", "remote_start", "profile" …: each kind has numbers of its own.
    """

    station: str
    kind: str
    number: int
    backend: str
    theirs: int
    at: float

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.station, self.kind, self.number


@dataclass(frozen=True, slots=True)
class FactRecord:
    """Something last known of a station: its BootNotification, who accepted it, a configuration key kept private."""

    station: str
    name: str
    at: float
    data: bytes

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.station, self.name


@dataclass(frozen=True, slots=True)
class OwedRecord:
    """A message that a backend is owed: one entry of the journal.

    `seq` counts up for each station: the order of delivery. `backend` is "" while nobody knows yet whom it will be owed
    to (2.x events before the transaction has an owner). `payload` is the station's own; `transaction` is a `ref` or "".
    """

    station: str
    seq: int
    backend: str
    at: float
    action: str
    message_id: str
    payload: bytes
    transaction: str

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.station, self.seq


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit trail: who asked a station, or Voltgate, for what, and what became of it.

    `backend` is who that was: a backend, "api:NAME" or "user:LOGIN". `outcome` is "passed", "refused", "absorbed",
    "undelivered" or "failed"; `answer` is what was said (a status or an error code), `detail` why. `identity` is the
    station as it is spelled, `address` where somebody came from; "" where there is none.
    """

    ref: str
    at: float
    station: str
    backend: str
    action: str
    message_id: str
    outcome: str
    answer: str
    detail: str
    identity: str = ""
    address: str = ""

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return (self.ref,)


@dataclass(frozen=True, slots=True)
class RegisterRecord:
    """An entry of the register: what backends and operators have said while the gateway ran.

    `kind` is "claims" (a part of a backend's list), "claimant" (what is said of a whole list), "accepted" (a station
    that was let in from the waiting room) or "key" (which callback addresses are made with); `name` tells those of one
    kind apart. Never logged: a key is a secret.
    """

    kind: str
    name: str
    at: float
    data: bytes

    @property
    def key(self) -> tuple[str | int, ...]:
        """What no other record of this kind shares."""
        return self.kind, self.name


PageRecord: TypeAlias = TransactionRecord | InvitationRecord | NumberRecord | FactRecord | OwedRecord
Record: TypeAlias = PageRecord | AuditRecord | RegisterRecord


@dataclass(frozen=True, slots=True)
class Debt:
    """How many messages, of how many bytes, one backend is owed of a station: all that are on disk."""

    backend: str
    messages: int
    bytes: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next messages that one backend is owed of a station, in order, and the transactions that they name."""

    owed: tuple[OwedRecord, ...] = ()
    transactions: tuple[TransactionRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What is on record of one station, each kind in order.

    `transactions` are those that run, the last few that ended, and those that a message in `owed` names. `owed` are the
    first `OWED_AT_ONCE` messages of each backend, and all of those of which nobody knows yet whom they will be owed to;
    `debts` says how many there are of each backend, `last_owed` is the largest `seq` of all (0: there is none). What
    this process had put by `at` is in it. `former` names the node that has the station, if that
    keeps the page from being taken, and `session` is the number of its session there; then nothing else is in it.
    """

    station: str
    transactions: tuple[TransactionRecord, ...] = ()
    invitations: tuple[InvitationRecord, ...] = ()
    numbers: tuple[NumberRecord, ...] = ()
    facts: tuple[FactRecord, ...] = ()
    owed: tuple[OwedRecord, ...] = ()
    debts: tuple[Debt, ...] = ()
    last_owed: int = 0
    at: float = field(default=0.0, compare=False)
    former: str = field(default="", compare=False)
    session: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to deliver what is owed of a station: this process's for so many `seconds` from now on.

    The `epoch` is another one than before if another process has had it meanwhile.
    """

    seconds: float
    epoch: int


def document(record: TransactionRecord | InvitationRecord) -> dict[str, Any] | None:
    """Return the object in a record's `data`; None if there is none: a disk, or somebody's hand, has spoilt it."""
    try:
        found = json.loads(record.data)
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_time(value: object) -> bool:
    """Return whether a time on record is one: a hand may have written anything in its place."""
    return isinstance(value, float | int)


class Unreadable(Exception):  # noqa: N818
    """A record is of no shape that this version knows."""


class StoreAway(Exception):  # noqa: N818 - it says what is the matter
    """What is on record cannot be read now; the text says why, without secrets."""


class Store(Protocol):
    """Whatever keeps records. Nothing here blocks or raises."""

    @property
    def lasting(self) -> bool:
        """Whether what is put can be read back later."""

    @property
    def owed_bytes(self) -> int:
        """The bytes of what all backends are owed, when they were last measured."""

    def put(self, record: Record) -> None:
        """Keep a record, in place of the one with the same key; on disk soon."""

    def strike(self, record: Record) -> None:
        """Forget the record with this one's key; on disk soon."""

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Call `then(True)` once all that was put or struck so far is on disk, `then(False)` when that cannot be had.

        With a `station` a record of another one, which cannot be written, is no matter. Within a bounded time in either
        case; maybe before this returns.
        """

    def read_owed(
        self, station: str, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None]
    ) -> None:
        """Read the first `OWED_AT_ONCE` messages that a backend is owed, all that was put or struck before included.

        Messages that name a transaction in `without` (by `ref`; "" stands for those that name none) are left out.
        `then(None)`: they cannot be read now. Within a bounded time; maybe before this returns.
        """

    def lease(self, station: str, then: Callable[[Lease | None], None]) -> None:
        """Take, or renew, the right to deliver what is owed of a station.

        `then` gets None when another process has it, or when that cannot be found out. Within a bounded time; maybe
        before this returns.
        """

    def release(self, station: str) -> None:
        """Give that right back, once all that was put or struck before is on disk."""

    def spoilt(self, record: Record) -> None:
        """Say that a record on disk is of no shape that this version knows. It stays as it is."""


class Pages(Protocol):
    """The pages of stations, each of which one gateway writes: that of the newest session."""

    @property
    def away(self) -> bool:
        """Whether no page can be read now, as far as is known."""

    async def take(self, station: str, *, regardless: int = 0) -> Page:
        """Have this gateway write a station's page from now on, nobody else, and read it. Raises StoreAway.

        While the station is connected to another one (`Page.former`) it is only taken `regardless` of the session
        there that has this number (`Page.session`), and of no newer one.
        """

    async def load(self, station: str) -> Page:
        """Read the page of a station. Raises StoreAway."""

    def holds(self, station: str) -> bool:
        """Return whether this gateway still writes a station's page, as far as is known."""

    def came(self, station: str, *, taken: bool) -> None:
        """Say that a session begins; without the page `taken`, because it could not be."""

    def went(self, station: str) -> None:
        """Say that a station has gone: its page may be taken by anybody, and written here until then."""


class Nowhere:
    """The store and the pages of a gateway that keeps nothing: what is in memory is all there is."""

    __slots__ = ()

    @property
    def lasting(self) -> bool:
        """Nothing can be read back."""
        return False

    @property
    def owed_bytes(self) -> int:
        """Nothing is owed for long."""
        return 0

    def put(self, record: Record) -> None:
        """Keep nothing."""

    def strike(self, record: Record) -> None:
        """Forget nothing."""

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Go on at once."""
        then(True)

    def read_owed(
        self, station: str, backend: str, without: tuple[str, ...], then: Callable[[Piece | None], None]
    ) -> None:
        """Find nothing."""
        then(Piece())

    def lease(self, station: str, then: Callable[[Lease | None], None]) -> None:
        """Give the right for ever: nobody else knows of what is owed."""
        then(Lease(inf, 1))

    def release(self, station: str) -> None:
        """Take nothing back."""

    def spoilt(self, record: Record) -> None:
        """Have nothing on disk."""

    @property
    def away(self) -> bool:
        """Nothing is ever away."""
        return False

    async def take(self, station: str, *, regardless: int = 0) -> Page:
        """Find nothing."""
        return Page(station)

    async def load(self, station: str) -> Page:
        """Find nothing."""
        return Page(station)

    def holds(self, station: str) -> bool:
        """Be the only one."""
        return True

    def came(self, station: str, *, taken: bool) -> None:
        """Have nobody to tell."""

    def went(self, station: str) -> None:
        """Have nobody to tell."""


class Elsewhere(Nowhere):
    """The store of a ledger whose station another gateway has had since: what is heard late is not written."""

    __slots__ = ()

    def after(self, then: Callable[[bool], None], station: str = "") -> None:
        """Say that it is not on disk."""
        then(False)
