"""The ledger of one station: what must outlive a session - transactions and their owners, invitations, what is owed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from voltgate.ocpp.ids import Token, compact
from voltgate.ocpp.messages import Call, Reply, Result
from voltgate.relay.invitation import Invitation, read_invitation
from voltgate.relay.journal import UNKNOWN, Journal, is_paid_by
from voltgate.relay.numbers import Numbers, mint
from voltgate.relay.records import AuditRecord, FactRecord, OwedRecord, Page, Store, TransactionRecord

MOST_RUNNING = 64
"""Transactions that run at one station; of more, the oldest counts as ended."""
_DOUBTFUL = 600.0
"""Seconds for which a transaction counts that may be over, or may never have begun."""
_HEARD_EVERY = 3600.0
"""Seconds between two notes that a station still speaks of a transaction: it does so all the time."""
REMEMBERED = 8
"""Transactions that ended and are still found by a station that repeats itself."""
MOST_INVITATIONS = 64
_TOLD = 16


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What the configuration says of ledgers, in seconds.

    `invitation` is how long a remote start is expected for, `silence` how long a transaction that its station says
    nothing of is believed to run.
    """

    invitation: float = 600.0
    silence: float = 86400.0


def digest(*parts: bytes | str) -> str:
    """Return a short name of a message's content, for telling a repeated one."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return blake2b(joined, digest_size=9).hexdigest()


class Transaction:
    """A transaction: whose it is, who is told, and the number that each backend knows it by.

    `id` is the station's, "" until it has one. `bound` is false while nobody knows whose it will be (2.x, before a
    token): `owner` then only answers. `heard` are the backends that were told of all of it so far, `reply` is the
    payload that the station's start was answered with, `told` names the last messages that copies were told of.
    `answered` holds the payloads of its owner's last answers, `answers` are those that may own it while nobody took it
    yet.
    `answers` are those that may own it while nobody took it yet. `heard_at` is when the station last spoke of it, in
    seconds since 1970, give or take an hour. `over`: the station has said its end, whatever came of that. `failed`: the
    last that came of it is that its start was answered with an error (2.x). `started` is when that was, by the
    station's own clock, as it wrote it (2.x).
    """

    __slots__ = (
        "answered",
        "answers",
        "began",
        "bound",
        "connector",
        "copies",
        "ended",
        "failed",
        "heard",
        "heard_at",
        "id",
        "key",
        "numbers",
        "over",
        "owner",
        "ref",
        "reply",
        "started",
        "station",
        "token",
        "told",
    )

    def __init__(self, station: str, ref: str, owner: str, copies: tuple[str, ...], began: float) -> None:
        self.station = station
        self.ref = ref
        self.owner = owner
        self.copies = copies
        self.began = self.heard_at = began
        self.over = self.failed = False
        self.ended: float | None = None
        self.id = self.key = self.started = ""
        self.token = ""
        self.connector: int | None = None
        self.numbers: dict[str, int] = {}
        self.reply: bytes | None = None
        self.bound = True
        self.heard: frozenset[str] | None = None
        self.told: deque[str] = deque(maxlen=_TOLD)
        self.answers: tuple[str, ...] = ()
        self.answered: dict[str, str] = {}

    def repeats(self, name: str) -> bool:
        """Return whether the copies were told of this message already, and note that they are now."""
        if name in self.told:
            return True
        self.told.append(name)
        return False

    def answer_to(self, call: Call) -> bytes | None:
        """Return what its owner has answered to this very message; None if it has not."""
        answer = self.answered.get(said(call)) if self.answered else None
        return None if answer is None else answer.encode()

    def remember(self, call: Call, reply: Reply) -> None:
        """Remember what its owner has answered, for a station that says it again."""
        if isinstance(reply, Result) and call.action in ("StopTransaction", "TransactionEvent"):
            self.answered[said(call)] = bytes(reply.payload).decode()
            if len(self.answered) > _TOLD:
                del self.answered[next(iter(self.answered))]

    @property
    def doubtful(self) -> bool:
        """Return whether it may be over, or may never have begun: its end, or nothing but its start, was said."""
        return self.over or self.failed or not self.id

    def counts(self, now: float, silence: float) -> bool:
        """Return whether it is believed to run: its end may have got lost. It counts again when it is heard of.

        A calendar that is set back lets it count for as long again, from when that is seen; one that is set ahead ends
        belief early, which lets others reset and unlock, and takes neither its owner nor its numbers away.
        """
        self.heard_at = min(self.heard_at, now)
        return now - self.heard_at < (_DOUBTFUL if self.doubtful else silence)

    @property
    def renumbered(self) -> bool:
        """Return whether a backend knows it by another number than the station does, or by none yet (1.6)."""
        others = not self.numbers or any(str(number) != self.id for number in self.numbers.values())
        return bool(self.key and self.id) and others

    @property
    def record(self) -> TransactionRecord:
        """What is kept of it."""
        data = {
            "copies": self.copies,
            "numbers": self.numbers,
            "key": self.key,
            "reply": None if self.reply is None else self.reply.decode(),
            "bound": self.bound,
            "heard": None if self.heard is None else sorted(self.heard),
            "told": list(self.told),
            "answered": self.answered,
            "heard_at": self.heard_at,
            "over": self.over,
            "failed": self.failed,
            "started": self.started,
        }
        return TransactionRecord(
            self.station,
            self.ref,
            self.id,
            self.owner,
            self.connector,
            self.token,
            self.began,
            self.ended,
            json.dumps(data, separators=(",", ":")).encode(),
        )


def read_transaction(record: TransactionRecord) -> Transaction:
    """Make a transaction of what was kept of it."""
    data = json.loads(record.data)
    tx = Transaction(record.station, record.ref, record.owner, tuple(data["copies"]), record.began)
    tx.ended, tx.id, tx.key, tx.token = record.ended, record.id, data["key"], record.token
    tx.connector, tx.numbers, tx.bound = record.connector, data["numbers"], data["bound"]
    tx.reply = None if data["reply"] is None else data["reply"].encode()
    tx.heard = None if data["heard"] is None else frozenset(data["heard"])
    tx.told.extend(data["told"])
    tx.answered = data.get("answered", {})
    tx.heard_at = data.get("heard_at", record.began)
    tx.over, tx.failed, tx.started = data.get("over", False), data.get("failed", False), data.get("started", "")
    return tx


def said(call: Call) -> str:
    """Return a short name of what a message says: two that have the same are one, said twice.

    A station that says an event of 2.x again may add that it was offline meanwhile.
    """
    if call.action == "TransactionEvent":
        return digest(call.action, compact({name: value for name, value in call.fields.items() if name != "offline"}))
    return digest(call.action, bytes(call.payload))


class Ledger:
    """What is kept of one station; what changes is put into the store at once.

    `wall` returns the seconds since 1970, `draw` a random number from 0 to 1.
    """

    __slots__ = (
        "_draw",
        "_ended",
        "_facts",
        "_invitations",
        "doubtful",
        "journal",
        "numbers",
        "renumbered",
        "running",
        "settings",
        "station",
        "store",
        "unread",
        "wall",
    )

    def __init__(
        self, station: str, store: Store, wall: Callable[[], float], draw: Callable[[], float], page: Page
    ) -> None:
        self.station = station
        self.store = store
        self.wall = wall
        self._draw = draw
        self.running: dict[str, Transaction] = {}
        self._ended: dict[str, Transaction] = {}
        self._invitations: list[Invitation] = []
        self._facts: dict[str, FactRecord] = {}
        self.settings = LedgerSettings()
        self.renumbered = False
        """Whether some backend knows a transaction by another number than the station does."""
        self.unread = self.doubtful = False
        """Whether it is not read yet, and whether something may be on record that changes what is said."""
        self.journal = Journal(station, store, wall, self._read_transactions)
        """What backends are owed; under `UNKNOWN` what will be owed to somebody not yet known."""
        self.numbers = Numbers(station, store, wall, draw)
        self.read(page)

    def read(self, page: Page) -> None:
        """Take what is on record; what was noted since stays."""
        self._read_transactions(page.transactions)
        self._invitations = [*map(read_invitation, page.invitations), *self._invitations]
        self._facts = {record.name: record for record in page.facts} | self._facts
        self.journal.read(page)
        self.numbers.read(page.numbers)
        self.unread = self.doubtful = False

    @property
    def blank(self) -> bool:
        """Whether nothing is on record that changes what station and backend say to each other."""
        owed = self.journal.creditors or self.journal.owes(UNKNOWN)
        return not (self.doubtful or self.renumbered or owed or self.numbers)

    # Transactions.

    def _read_transactions(self, records: Iterable[TransactionRecord]) -> None:
        """Enter transactions that are on record; of one that is known, learn the numbers that others were told."""
        self._let_slip()
        for tx in map(read_transaction, records):
            known = self.of(tx.ref)
            if known is not None:
                known.numbers = tx.numbers | known.numbers
            else:
                (self.running if tx.ended is None else self._ended)[tx.ref] = tx
            self.renumbered = self.renumbered or tx.renumbered

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
        self.store.put(tx.record)

    def end(self, tx: Transaction, *, forget: bool = False) -> None:
        """Enter that a transaction has ended; with `forget` the station's id is not its own any more."""
        tx.id = "" if forget else tx.id
        if tx.ended is None:
            tx.ended = self.wall()
            del self.running[tx.ref]
            self._ended[tx.ref] = tx
            self._let_slip()
        self.keep(tx)

    def hear(self, tx: Transaction, *, over: bool = False) -> None:
        """Note that the station has said something of a transaction; with `over`, that it has said its end."""
        now = self.wall()
        is_new = tx.doubtful or over or abs(now - tx.heard_at) >= _HEARD_EVERY
        if tx.ended is None and is_new:
            tx.heard_at, tx.over, tx.failed = now, tx.over or over, False
            self.keep(tx)

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
        used = {tx.id for tx in self} | {str(number) for tx in self for number in tx.numbers.values()}
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
        invitation = Invitation(
            uuid4().hex, backend, token, connector, remote_start, self.wall() + self.settings.invitation
        )
        self._invitations.append(invitation)
        self.store.put(invitation.record(self.station))
        return invitation

    def invited(
        self, token: Token | None, connector: int | None = None, remote_start: int | None = None
    ) -> Invitation | None:
        """Return who expects this session: by the number of the remote start, else by token, this connector first."""
        now = self.wall()
        for invitation in [each for each in self._invitations if each.expires <= now]:
            self.disinvite(invitation)
        if remote_start is not None:
            for each in self._invitations:
                if each.remote_start == remote_start:
                    return each
        fitting = [each for each in self._invitations if each.fits(token, connector)]
        return min(fitting, key=lambda each: each.connector != connector, default=None)

    def disinvite(self, invitation: Invitation) -> None:
        """Strike out an invitation: it was accepted, rejected, or has expired."""
        if invitation in self._invitations:  # the answer to a remote start may come after its expiry
            self._invitations.remove(invitation)
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

    # What is owed.

    def owe(self, backend: str, call: Call, tx: Transaction | None, most: int | None = None) -> bool:
        """Write a message into the journal; False if the backend is owed `most` and nobody is paid by this one."""
        ref = uuid4().hex if tx is None and is_paid_by(call) else "" if tx is None else tx.ref
        return self.journal.enter(backend, call, ref, most) is not None

    def kept(self, tx: Transaction) -> list[OwedRecord]:
        """Return, in order, the events of a transaction that will be owed to the backend that turns out to own it."""
        return [record for record in self.journal.of(UNKNOWN) if record.transaction == tx.ref]

    # The audit trail.

    def audit(self, who: str, call: Call, outcome: str, reply: Reply, detail: str) -> None:
        """Write a line of the audit trail: who asked the station for what, and what became of it."""
        record = AuditRecord(
            uuid4().hex,
            self.wall(),
            self.station,
            who,
            call.action[:100],
            call.id[:100],
            outcome,
            _status_of(reply),
            detail,
        )
        self.store.put(record)


def _status_of(reply: Reply) -> str:
    """Return the status of an answer, or the code of an error."""
    if not isinstance(reply, Result):
        return reply.code[:100]
    status = reply.fields.get("status")
    return status[:100] if isinstance(status, str) else "answered"
