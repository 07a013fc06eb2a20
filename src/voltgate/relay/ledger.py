"""The ledger of one station: what must outlive a session - transactions and their owners, invitations, what is owed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from voltgate.ocpp.actions import BOOT, is_transaction
from voltgate.ocpp.families import may_be_of
from voltgate.ocpp.ids import Token, integer, transaction_of
from voltgate.ocpp.messages import FOREVER, Call, Reply, Result
from voltgate.relay import audit
from voltgate.relay.calendar import Calendar
from voltgate.relay.invitation import Invitation, read_invitation
from voltgate.relay.journal import LITTLE, UNKNOWN, Journal, JournalSettings, is_paid_by
from voltgate.relay.numbers import Numbers, mint
from voltgate.relay.records import (
    FactRecord,
    InvitationRecord,
    OwedRecord,
    Page,
    Store,
    TransactionRecord,
    Unreadable,
    is_time,
)
from voltgate.relay.transaction import Transaction, end_after, read_transaction

MOST_RUNNING = 64
"""Transactions that run at one station; of more, the oldest counts as ended."""
_HEARD_EVERY = 3600.0
"""Seconds between two notes that a station still speaks of a transaction: it does so all the time."""
REMEMBERED = 8
"""Transactions that ended and are still found by a station that repeats itself."""
MOST_INVITATIONS = 64

AWAY = "The database is away: nobody knows what runs here"
UNREADABLE = "A row of the database cannot be read: nobody knows what runs here"
FULL = "Backends are owed as much as may be kept"
"""Why a transaction message cannot be taken."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What the configuration says of ledgers, in seconds.

    `invitation` is how long a remote start is expected for, `silence` how long a transaction that its station says
    nothing of is believed to run.
    """

    invitation: float = 600.0
    silence: float = 86400.0


class Ledger:
    """What is kept of one station; what changes is put into the store at once.

    `wall` returns the seconds since 1970, `draw` a random number from 0 to 1; `calendar` knows what to make of them.
    """

    __slots__ = (
        "_draw", "_ended", "_facts", "_invitations", "_is_over", "_struck", "_vague_until", "identity", "incomplete",
        "journal", "numbers", "renumbered", "running", "settings", "station", "store", "unread", "unreadable", "wall",
    )  # fmt: skip

    def __init__(self, station: str, store: Store, calendar: Calendar, draw: Callable[[], float], page: Page) -> None:
        self.station = self.identity = station
        self.store = store
        self.wall = wall = calendar.wall
        self._is_over = calendar.is_over
        self._draw = draw
        self.running: dict[str, Transaction] = {}
        self._ended: dict[str, Transaction] = {}
        self._invitations: list[Invitation] = []
        self._struck: tuple[str, ...] = ()
        """The refs of the last invitations that were struck out: a page may have been read before."""
        self._facts: dict[str, FactRecord] = {}
        self.settings = LedgerSettings()
        self.renumbered = False
        """Whether some backend knows a transaction by another number than the station does."""
        self.unread = self.incomplete = False
        """Whether it is not read yet, and whether something may be on record that changes what is said."""
        self.unreadable: dict[str, TransactionRecord] = {}
        """Transactions on disk of no shape that is known, by ref: whose they are, and their numbers, nobody can say."""
        self._vague_until = 0.0
        """Until when a session may be expected of which nobody can say whose it will be."""
        self.journal = Journal(station, store, wall, self._read_transactions)
        """What backends are owed; under `UNKNOWN` what will be owed to somebody not yet known."""
        self.numbers = Numbers(station, store, wall, draw)
        self.read(page, again=False)

    def read(self, page: Page, *, again: bool = True) -> None:
        """Take what is on record, at first or `again`: another process may have had the station meanwhile.

        What was noted here since stays.
        """
        self.unreadable = {}
        self.journal.read(page, again=again, known={tx.ref for tx in self})
        self._read_transactions(page.transactions)
        there = {each.ref for each in page.invitations}  # what was on disk and is no more, another process has met
        self._invitations = [each for each in self._invitations if each.made >= page.at or each.ref in there]
        known = {*self._struck, *(each.ref for each in self._invitations)}
        fresh = [each for each in self._invited(page.invitations) if each.ref not in known]
        self._invitations = [*fresh, *self._invitations]
        for fact in page.facts:
            if not _is_json(fact.data) or not is_time(fact.at):
                self.store.spoilt(fact)
            elif fact.name not in self._facts or self._facts[fact.name].at < fact.at:
                self._facts[fact.name] = fact
        self.numbers.read(page.numbers)
        self.unread = self.incomplete = False
        if again:
            self.go_by(self.settings)

    def go_by(self, settings: LedgerSettings) -> None:
        """Go by these settings: nothing on record is expected for longer, though a clock that was ahead wrote so."""
        self.settings = settings
        last = self.wall() + settings.invitation
        self._vague_until = min(self._vague_until, last)
        for late in [each for each in self._invitations if not each.made and each.expires > last]:
            capped = self._invitations[self._invitations.index(late)] = replace(late, expires=last)
            self.store.put(capped.record(self.station))

    def doubts(self, version: str, call: Call, bounds: JournalSettings, *, single: bool) -> str:
        """Return why a transaction message cannot be taken now, so that its station has to keep it; "" if it can.

        Something may be on record that matters for it and is unknown here, or there is no room for it.
        """
        if not is_transaction(call.action):
            return ""
        journal = self.journal
        if journal.bytes >= bounds.bytes // LITTLE and is_paid_by(call) and journal.is_full(bounds):
            return FULL
        if self.unreadable or self._vague_until:
            named = transaction_of(version, call)
            if self._is_unreadable(named, call) or self._is_vague(named, call):
                return UNREADABLE
        doubtful = self.incomplete
        if self.unread and not single and not doubtful:
            named = transaction_of(version, call)
            tx = None if named is None else self.find(str(named))
            # a start may have been answered elsewhere, and whose it is may be known there
            doubtful = call.action == "StartTransaction" if named is None else tx is None or not tx.bound
        return AWAY if doubtful else ""

    def _is_unreadable(self, named: str | int | None, call: Call) -> bool:
        """Return whether a message may be of a transaction on record that cannot be read.

        One that names none may be the start of one that runs, said again: then it is of the same token and connector.
        """
        records = self.unreadable.values()
        if named is not None:
            return any(record.id == str(named) or not isinstance(record.id, str) for record in records)
        start = integer(call.fields.get("connectorId")), call.fields.get("idTag")
        return any(record.ended is None and (record.connector, record.token) == start for record in records)

    def _is_vague(self, named: str | int | None, call: Call) -> bool:
        """Return whether a session begins that may be one that is expected, nobody can say by whom."""
        tx = None if named is None else self.find(str(named))
        is_new = call.action == "StartTransaction" if named is None else tx is None or not tx.bound
        return is_new and self.wall() < self._vague_until

    @property
    def blank(self) -> bool:
        """Whether nothing is on record that changes what station and backend say to each other."""
        owed = self.journal.creditors or self.journal.owes(UNKNOWN)
        return not (self.incomplete or self.renumbered or owed or self.numbers)

    # Transactions.

    def _read_transactions(self, records: Iterable[TransactionRecord]) -> None:
        """Enter transactions that are on record; of one that is known, learn what others were told and have noted."""
        self._let_slip()
        for tx in self._readable(records):
            known = self.of(tx.ref)
            if known is not None:
                self._learn(known, tx)
            else:
                (self.running if tx.ended is None else self._ended)[tx.ref] = tx
            self.renumbered = self.renumbered or tx.renumbered
        for tx in [tx for tx in self.running.values() if self._is_outdone(tx)]:
            self.journal.void(tx.ref)
            self.end(tx, forget=True)

    def _readable(self, records: Iterable[TransactionRecord]) -> Iterator[Transaction]:
        """Yield what can be read; of the rest take note, but for what is in memory as well."""
        for record in records:
            try:
                yield read_transaction(record)
            except Unreadable:
                self.store.spoilt(record)
                if self.of(record.ref) is None:
                    self.unreadable[record.ref] = record
                    self.renumbered = True  # maybe: its messages must be looked at

    def _invited(self, records: Iterable[InvitationRecord]) -> Iterator[Invitation]:
        """Yield the invitations that can be read; as long as another one lasts nobody knows who is meant."""
        for record in records:
            try:
                yield read_invitation(record)
            except Unreadable:
                self.store.spoilt(record)
                self._vague_until = max(self._vague_until, record.expires if is_time(record.expires) else FOREVER)

    def _learn(self, known: Transaction, tx: Transaction) -> None:
        if tx.bound and not known.bound:  # its owner was told there of what it had missed
            for record in self.kept(known):
                self.journal.settle(record)
        known.learn(tx)
        if tx.ended is not None and known.ended is None:
            known.ended = tx.ended
            self._ended[known.ref] = self.running.pop(known.ref)

    def _is_outdone(self, tx: Transaction) -> bool:
        """Return whether another process has entered a transaction anew, before it could read of this one.

        Nothing of it was answered to the station: that waits until it is on disk.
        """
        if tx.key:  # of 1.6
            running = self.running.values()
            return not tx.id and any(other.key == tx.key and other.id and not other.over for other in running)
        return any(other.id == tx.id and other.began > tx.began for other in self)

    def of(self, ref: str) -> Transaction | None:
        """Return a transaction by our own name of it."""
        return self.running.get(ref) or self._ended.get(ref)

    def __iter__(self) -> Iterator[Transaction]:
        """Return the transactions, the newest first: those that run, then those that ended."""
        yield from reversed(self.running.values())
        yield from reversed(self._ended.values())

    def begin(self, owner: str, copies: tuple[str, ...]) -> Transaction:
        """Enter a new transaction; the caller fills in the rest and keeps it."""
        if len(self.running) >= MOST_RUNNING:
            self.end(next(iter(self.running.values())))
        tx = Transaction(self.station, uuid4().hex, owner, copies, self.wall())
        self.running[tx.ref] = tx
        return tx

    def keep(self, tx: Transaction) -> None:
        """Write down what a transaction is now."""
        self.renumbered = self.renumbered or tx.renumbered
        tx.unsaved = False
        self.store.put(tx.record)

    def answered(self, tx: Transaction, backend: str, call: Call, reply: Reply, *, save: bool) -> None:
        """Remember what the owner of a transaction has answered; without `save` it is written down with the rest."""
        tx.note(backend, call)
        if tx.remember(call, reply) and save:
            self.keep(tx)

    def took(self, tx: Transaction, backend: str, call: Call, reply: Result) -> None:
        """Note that a backend has got a message that it was told of, and the number that it gave with its answer."""
        tx.note(backend, call)
        theirs = integer(reply.fields.get("transactionId")) if call.action == "StartTransaction" else None
        if theirs is not None:
            tx.numbers[backend] = theirs
            self.keep(tx)

    def save(self) -> None:
        """Write down what was answered and told since: the station may say it again elsewhere, or after a restart."""
        for tx in [tx for tx in self if tx.unsaved]:
            self.keep(tx)

    def end(self, tx: Transaction, *, forget: bool = False) -> None:
        """Enter that a transaction has ended; with `forget` the station's id is not its own any more."""
        tx.id = "" if forget else tx.id
        if tx.ended is None:
            tx.ended = end_after(self._ended.values(), self.wall())
            del self.running[tx.ref]
            self._ended[tx.ref] = tx
            self._let_slip()
        self.keep(tx)

    def close(self, tx: Transaction, *, forget: bool = False) -> None:
        """Enter that a transaction has ended; nobody else will own it who would have to be told of it (2.x)."""
        for record in self.kept(tx):
            self.journal.settle(record)
        self.end(tx, forget=forget)

    def hear(self, tx: Transaction, *, over: bool = False) -> None:
        """Note that the station has said something of a transaction; with `over`, that it has said its end."""
        now = self.wall()
        if tx.ended is None and (over or tx.doubtful or self._is_long_ago(tx, now)):
            tx.heard_at, tx.over, tx.failed = now, tx.over or over, False
            self.keep(tx)

    @property
    def listens(self) -> bool:
        """Whether it is time to note that the station still speaks of a transaction."""
        now = self.wall()
        return any(self._is_long_ago(tx, now) for tx in self.running.values())

    def _is_long_ago(self, tx: Transaction, now: float) -> bool:
        return abs(now - tx.heard_at) >= min(_HEARD_EVERY, self.settings.silence / 4)

    def clear(self, connector: int | None) -> None:
        """End what runs on a connector, whose end never came: another begins there, and one connector charges one car.

        Nothing ends without a connector, nor what has no owner yet: the end of that may still come, and be kept for it.
        """
        for tx in list(self.running.values()):
            if connector is not None and tx.connector == connector and tx.bound:
                self.end(tx)

    def _let_slip(self) -> None:
        """Remember the last that ended, and those that somebody is still owed messages of."""
        if len(self._ended) > REMEMBERED and self.journal.is_read:
            owed = self.journal.transactions
            old = list(self._ended)[:-REMEMBERED]
            for ref in old:
                if ref not in owed:
                    del self._ended[ref]

    def find(self, transaction: str) -> Transaction | None:
        """Return a transaction by the station's id."""
        return next((tx for tx in self if tx.id == transaction), None) if transaction else None

    def known_to(self, backend: str, number: int) -> Transaction | None:
        """Return a transaction by the number that a backend gave it (1.6)."""
        return next((tx for tx in self if tx.numbers.get(backend) == number), None)

    def started_as(self, key: str) -> Transaction | None:
        """Return the transaction of a start that is repeated: none that is over, for that start was answered."""
        return next((tx for tx in self.running.values() if tx.key == key and not tx.over), None)

    def counting(self) -> list[Transaction]:
        """Return the transactions that are believed to run, the newest first."""
        now, silence = self.wall(), self.settings.silence
        return [tx for tx in reversed(self.running.values()) if tx.counts(now, silence)]

    def on(self, connector: int | None) -> Transaction | None:
        """Return the transaction that is believed to run on a connector."""
        return next((tx for tx in self.counting() if tx.connector == connector), None)

    def lately_on(self, connector: int | None) -> Transaction | None:
        """Return the transaction that runs on a connector, else the last one that ended there."""
        return next((tx for tx in self if tx.connector == connector), None)

    def mint(self) -> int:
        """Return a new transaction number, unused at this station: positive, 31 bits."""
        used = {tx.id for tx in (*self, *self.unreadable.values())}
        used |= {str(number) for tx in self for number in (tx.number, *tx.numbers.values())}
        return mint(lambda number: str(number) in used, self._draw)

    # Invitations.

    def invite(
        self,
        backend: str,
        token: Token | None,
        connector: int | None = None,
        remote_start: int | None = None,
    ) -> Invitation:
        """Expect a session that will belong to `backend`."""
        if len(self._invitations) >= MOST_INVITATIONS:
            self.disinvite(self._invitations[0])
        now = self.wall()
        expires = now + self.settings.invitation
        invitation = Invitation(uuid4().hex, backend, token, connector, remote_start, expires, now)
        self._invitations.append(invitation)
        self.store.put(invitation.record(self.station))
        return invitation

    def invited(
        self, token: Token | None, connector: int | None = None, remote_start: int | None = None
    ) -> Invitation | None:
        """Return who expects this session: by the number of the remote start, else by token, this connector first."""
        now, lasts = self.wall(), self.settings.invitation
        for invitation in [each for each in self._invitations if self._is_over(each.expires - lasts, lasts)]:
            self.disinvite(invitation)
        if remote_start is not None:
            for each in self._invitations:
                if each.remote_start == remote_start:
                    return each
        lasting = (each for each in self._invitations if each.made or each.expires > now)
        fitting = [each for each in lasting if each.fits(token, connector)]
        return min(fitting, key=lambda each: each.connector != connector, default=None)

    def enter_expected(self) -> None:
        """Enter the numbers of remote starts that a backend made while it was the only one."""
        for each in self._invitations:
            if each.remote_start is not None and self.numbers.inward("remote_start", each.remote_start) is None:
                self.numbers.take("remote_start", each.backend, each.remote_start)

    def disinvite(self, invitation: Invitation) -> None:
        """Strike out an invitation: it was accepted, rejected, or has expired."""
        if invitation in self._invitations:  # the answer to a remote start may come after its expiry
            self._invitations.remove(invitation)
            self._struck = (*self._struck, invitation.ref)[-MOST_INVITATIONS:]
            self.store.strike(invitation.record(self.station))

    # Facts.

    def fact(self, name: str) -> Any:
        """Return what is last known under a name; None if nothing is."""
        record = self._facts.get(name)
        return None if record is None else json.loads(record.data)

    def note(self, name: str, value: Any) -> None:
        """Remember something of the station; what has not changed is not written again."""
        data = json.dumps(value, separators=(",", ":")).encode()
        old = self._facts.get(name)
        if old is None or old.data != data:
            record = self._facts[name] = FactRecord(self.station, name, self.wall(), data)
            self.store.put(record)

    def boot(self, version: str) -> bytes | None:
        """Return the last BootNotification on record, if it can be told in this version; else None."""
        boot = self.fact("boot")
        payload = boot.encode() if isinstance(boot, str) else None
        return payload if payload is not None and may_be_of(version, Call("", BOOT, payload)) else None

    # What is owed.

    def owe(self, backend: str, call: Call, tx: Transaction | None, bounds: JournalSettings | None = None) -> bool:
        """Write a message into the journal; False if there is no room and nobody is paid by this one."""
        if tx is not None and backend != UNKNOWN:
            tx.note(backend, call)
        ref = uuid4().hex if tx is None and is_paid_by(call) else "" if tx is None else tx.ref
        return self.journal.enter(backend, call, ref, bounds) is not None

    def kept(self, tx: Transaction) -> list[OwedRecord]:
        """Return, in order, the events of a transaction that will be owed to the backend that turns out to own it."""
        return [record for record in self.journal.of(UNKNOWN) if record.transaction == tx.ref]

    def audit(self, who: str, call: Call, outcome: str, reply: Reply, detail: str, address: str = "") -> None:
        """Write a line of the audit trail: who asked the station for what, from where, and what became of it."""
        about = audit.About(self.station, self.identity, who, address)
        self.store.put(audit.line(about, self.wall(), call, outcome, reply, detail))


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, TypeError, RecursionError):
        return False
    return True
