"""The journal of one station: what its backends are owed. All of it is on disk, the first messages of each in hand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import plain_fields
from voltgate.ocpp.messages import FOREVER, Call
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.records import OWED_AT_ONCE, ROW, Lease, OwedRecord, Page, Piece, Store, TransactionRecord, is_time

UNKNOWN = ""
"""In the place of a backend: those who will be owed it are not known yet."""
_REST = 1.0
"""Seconds for which the right to deliver is kept when nothing is owed any more."""
LITTLE = 256
"""The part of a station's bytes that it may be owed where all together are owed too much."""
MOST_ASIDE = 100
"""Transactions of one station with one backend that may be set aside."""


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What bounds a journal. `age` is in seconds, `entries` are those of one station with one backend.

    `bytes` are those of one station, `total` of all together; what nobody is paid by has half of each.

    `rate` is how many overdue messages a second a backend is sent in all; `attempts` how often a message that nobody is
    paid by may fail before it is given up.
    """

    age: float = 30 * 86400.0
    entries: int = 1000
    bytes: int = 16 << 20
    total: int = 8 << 30
    rate: float = 50.0
    attempts: int = 10


def is_paid_by(call: Call) -> bool:
    """Return whether somebody is paid by a message: it says where a transaction begins or ends, or whose it is.

    Only its age ends what a backend is owed of this; all else makes room.
    """
    match plain_action(call.action):
        case "StartTransaction" | "StopTransaction":
            return True
        case "TransactionEvent":
            fields = plain_fields(call)
            return fields.get("eventType") != "Updated" or "idToken" in fields
        case _:
            return False


class _Debt:
    """What one backend is owed. `whole`: all of it is in `hand`, but for what is set aside."""

    __slots__ = ("aside", "grew", "hand", "messages", "reading", "settled", "stale", "whole")

    def __init__(self) -> None:
        self.hand: deque[OwedRecord] = deque()
        self.messages = 0
        self.whole = True
        self.aside: dict[str, float] = {}
        """Transactions that stand back, each with the time until which it does."""
        self.reading: list[Callable[[], None]] | None = None
        """Who waits for what is being read; None: nothing is."""
        self.grew = False
        self.stale = False
        """Whether something was entered since the reading began, and whether what it finds counts no more."""
        self.settled: set[int] = set()
        """What was entered, and what was struck out, since the reading began."""


class Journal:
    """What the backends are owed of one station, in order for each.

    Whoever delivers holds the station's lease: two processes on one database never deliver the same.
    """

    __slots__ = (
        "_debts", "_epoch", "_held", "_idle_since", "_leased", "_leasing", "_read", "_seq", "_station", "_store",
        "_under_way", "_unwanted", "_void", "_wall", "bytes",
    )  # fmt: skip

    def __init__(
        self,
        station: str,
        store: Store,
        wall: Callable[[], float],
        read: Callable[[Iterable[TransactionRecord]], None],
    ) -> None:
        self._station = station
        self._store = store
        self._wall = wall
        self._read = read
        self._debts: dict[str, _Debt] = {}
        self._seq = self.bytes = 0
        """The number of the last message, and the bytes of all that backends are owed."""
        self._under_way: tuple[int, ...] = ()
        self._void: tuple[str, ...] = ()
        """The refs of transactions of which nothing is owed: the station has said all of it again in another."""
        self._leased = -FOREVER
        self._epoch = 1  # nobody else has ever had the lease
        self._idle_since = -FOREVER
        self._leasing: list[Callable[[], None]] | None = None
        self._held = self._unwanted = False
        """Whether the database may have us as the holder; whether what is being asked for is to be given back."""

    def read(self, page: Page, *, again: bool = False, known: Collection[str] = ()) -> None:
        """Take what is on record; `again`, where messages were entered and struck out since the page was read.

        Of the transactions that are `known` then, what is owed to nobody yet is known as well.
        """
        owed = list(filter(self._is_readable, page.owed))
        self._seq = max(self._seq, page.last_owed, *(record.seq for record in owed), 0)
        for record in owed:
            if again and record.backend == UNKNOWN and record.transaction in known:
                continue
            hand = self._debt(record.backend).hand
            if record not in hand:
                hand.append(record)
        for debt in self._debts.values():
            debt.messages = len(debt.hand)
        for each in (each for each in page.debts if each.backend != UNKNOWN):  # of that the page has all
            debt = self._debt(each.backend)
            debt.messages = max(each.messages, len(debt.hand))
            debt.whole = debt.messages == len(debt.hand)
        in_hand = sum(len(record.payload) + ROW for debt in self._debts.values() for record in debt.hand)
        self.bytes = max(in_hand, sum(each.bytes for each in page.debts))
        if again and self._store.lasting:
            self._drop_hands()  # what the page says may have been delivered since

    def _debt(self, backend: str) -> _Debt:
        debt = self._debts.get(backend)
        if debt is None:
            debt = self._debts[backend] = _Debt()
        return debt

    # What is known of it.

    @property
    def last(self) -> int:
        """The number of the last message that was entered."""
        return self._seq

    @property
    def creditors(self) -> list[str]:
        """The backends that are owed something."""
        return [name for name in self._debts if name != UNKNOWN]

    def owes(self, backend: str) -> bool:
        """Return whether a backend is owed anything."""
        return backend in self._debts

    def messages(self, backend: str) -> int:
        """Return how many messages a backend is owed."""
        debt = self._debts.get(backend)
        return 0 if debt is None else debt.messages

    @property
    def transactions(self) -> set[str]:
        """The refs of the transactions that the messages in hand belong to."""
        return {record.transaction for debt in self._debts.values() for record in debt.hand}

    @property
    def is_read(self) -> bool:
        """Whether nothing is being read: what is read may belong to a transaction that has just ended."""
        return all(debt.reading is None for debt in self._debts.values())

    def of(self, backend: str) -> Iterator[OwedRecord]:
        """Return the messages in hand that a backend is owed, oldest first."""
        debt = self._debts.get(backend)
        return iter(()) if debt is None else iter(debt.hand)

    # Entering and striking out.

    def is_full(self, bounds: JournalSettings) -> bool:
        """Return whether there is no room for what somebody is paid by.

        Where all together are owed too much, those of whom a little is owed are not to blame, and go on.
        """
        return self.bytes >= bounds.bytes or (
            self._store.owed_bytes >= bounds.total and self.bytes >= bounds.bytes // LITTLE
        )

    def _has_room(self, debt: _Debt | None, bounds: JournalSettings) -> bool:
        """Return whether there is room for what nobody is paid by."""
        if self._store.owed_bytes >= bounds.total // 2 or self.bytes >= bounds.bytes // 2:
            return False
        return debt is None or debt.messages < bounds.entries

    def enter(
        self, backend: str, call: Call, transaction: str, bounds: JournalSettings | None = None
    ) -> OwedRecord | None:
        """Write a message down for a backend; None if there is no room and nobody is paid by this one."""
        debt = self._debts.get(backend)
        if bounds is not None and not is_paid_by(call) and not self._has_room(debt, bounds):
            return None
        debt = self._debt(backend)
        payload, at = bytes(call.payload), self._wall()
        self._seq = max(self._seq + 1, int(at * 1_000_000))  # another process that has the station counts as well
        record = OwedRecord(self._station, self._seq, backend, at, call.action, call.id, payload, transaction)
        debt.messages, self.bytes = debt.messages + 1, self.bytes + len(payload) + ROW
        debt.grew = True
        if debt.whole and (len(debt.hand) < OWED_AT_ONCE or not self._store.lasting or backend == UNKNOWN):
            debt.hand.append(record)
        else:
            debt.whole = False
        self._store.put(record)
        return record

    def settle(self, record: OwedRecord) -> None:
        """Strike out a message that was delivered, given up or handed on; done twice, it is done once."""
        self._store.strike(record)
        debt = self._debts.get(record.backend)
        if debt is None:
            return
        if debt.reading is not None:
            debt.settled.add(record.seq)
        if record in debt.hand:
            debt.hand.remove(record)
            debt.messages, self.bytes = debt.messages - 1, max(0, self.bytes - len(record.payload) - ROW)
        self._forget_if_empty(record.backend, debt)

    def void(self, transaction: str) -> None:
        """Strike out what is owed of a transaction, now and whenever it is read."""
        self._void = (*self._void, transaction)[-MOST_ASIDE:]
        for debt in list(self._debts.values()):
            for record in [record for record in debt.hand if self._is_void(record)]:
                self.settle(record)

    def _is_void(self, record: OwedRecord) -> bool:
        return record.transaction in self._void and record.seq not in self._under_way

    def _is_readable(self, record: OwedRecord) -> bool:
        """Return whether a message on disk is one; what follows it in its transaction stands back with it."""
        try:
            json.loads(record.payload)
            (record.action + record.message_id).encode()
            is_whole = isinstance(record.seq, int) and is_time(record.at)
        except (ValueError, TypeError, RecursionError):
            is_whole = False
        if not is_whole:
            self._store.spoilt(record)
            if record.transaction:
                self._debt(record.backend).aside[record.transaction] = FOREVER
        return is_whole

    def _forget_if_empty(self, backend: str, debt: _Debt) -> None:
        if debt.whole and not debt.hand and debt.reading is None and not debt.aside:
            self._debts.pop(backend, None)
            self.bytes = self.bytes if self._debts else 0

    # What is next.

    def first(self, backend: str, now: float) -> OwedRecord | None:
        """Return the next message for a backend that may be sent; None if there is none in hand: see `fetch`."""
        debt = self._debts.get(backend)
        if debt is None:
            return None
        over = [ref for ref, until in debt.aside.items() if until <= now]
        if over:
            self._take_back(debt, over)
            self._forget_if_empty(backend, debt)
        return next((record for record in debt.hand if record.transaction not in debt.aside), None)

    def is_whole(self, backend: str) -> bool:
        """Return whether all that a backend is owed is in hand, or set aside."""
        debt = self._debts.get(backend)
        return debt is None or debt.whole

    def fetch(self, backend: str, then: Callable[[], None]) -> None:
        """Read the next messages for a backend; `then` is called when they are in hand, or cannot be read now."""
        debt = self._debts[backend]
        if debt.reading is not None:
            debt.reading.append(then)
            return
        debt.reading, debt.grew = [then], False
        self._store.read_owed(self._station, backend, tuple(debt.aside), partial(self._fetched, backend, debt))

    def _fetched(self, backend: str, debt: _Debt, piece: Piece | None) -> None:
        waiting, debt.reading = debt.reading or [], None
        settled, debt.settled = debt.settled, set()
        stale, debt.stale = debt.stale, False
        if piece is not None and not stale:
            self._read(piece.transactions)
            for record in filter(self._is_void, piece.owed):
                self._store.strike(record)
            readable = list(filter(self._is_readable, piece.owed))
            debt.hand = deque(record for record in readable if record.seq not in settled and not self._is_void(record))
            if len(piece.owed) == OWED_AT_ONCE and not readable:  # else the same would be read for ever
                debt.aside |= dict.fromkeys((record.transaction for record in piece.owed), FOREVER)
            debt.whole = len(piece.owed) < OWED_AT_ONCE and not debt.grew
            if debt.whole and not debt.aside:
                debt.messages = len(debt.hand)
        self._forget_if_empty(backend, debt)
        for then in waiting:
            then()

    # What stands back.

    def set_aside(self, record: OwedRecord, until: float) -> bool:
        """Let the others go before the transaction of a message, until a time; False if too many stand back.

        What belongs to no transaction stands back together.
        """
        debt = self._debt(record.backend)
        if len(debt.aside) >= MOST_ASIDE:
            return False
        debt.aside[record.transaction] = until
        return True

    def is_aside(self, backend: str, transaction: str | None) -> bool:
        """Return whether a transaction stands back."""
        debt = self._debts.get(backend)
        return debt is not None and transaction in debt.aside

    def back_at(self, backend: str) -> float:
        """Return when the next of the transactions that stand back is to be tried again."""
        debt = self._debts.get(backend)
        return FOREVER if debt is None else min(debt.aside.values(), default=FOREVER)

    def take_back(self, backend: str) -> None:
        """Let everything go in its order again."""
        debt = self._debts.get(backend)
        if debt is not None and debt.aside:
            self._take_back(debt, list(debt.aside))

    def _take_back(self, debt: _Debt, refs: Iterable[str]) -> None:
        for ref in refs:
            del debt.aside[ref]
        if self._store.lasting:  # what stood back may not be in hand
            self._drop_hand(debt)

    @staticmethod
    def _drop_hand(debt: _Debt) -> None:
        """Have what is in hand read again; what is being read was asked for too early."""
        debt.hand.clear()
        debt.whole, debt.stale = False, debt.reading is not None

    def _drop_hands(self) -> None:
        """Have all that is known to be owed read again, before any more of it is sent."""
        for backend, debt in self._debts.items():
            if backend != UNKNOWN:
                self._drop_hand(debt)

    # Who delivers.

    def mark(self, record: OwedRecord, *, under_way: bool) -> None:
        """Note that a leg delivers a message, or does no more: another to its backend must not send it as well."""
        others = tuple(seq for seq in self._under_way if seq != record.seq)
        self._under_way = (*others, record.seq) if under_way else others

    def is_under_way(self, record: OwedRecord) -> bool:
        """Return whether a leg is delivering a message."""
        return record.seq in self._under_way

    @property
    def is_delivering(self) -> bool:
        """Whether any leg is delivering a message."""
        return bool(self._under_way)

    def is_leased(self, until: float) -> bool:
        """Return whether what is owed is this process's to deliver until a time."""
        return self._leased >= until

    def lease(self, clock: Callable[[], float], then: Callable[[], None]) -> None:
        """Ask for the right to deliver; `then` is called when that is decided."""
        self._unwanted = False
        if self._leasing is not None:
            self._leasing.append(then)
            return
        self._leasing, self._held = [then], True
        self._store.lease(self._station, partial(self._decided, clock))

    def _decided(self, clock: Callable[[], float], lease: Lease | None) -> None:
        waiting, self._leasing = self._leasing or [], None
        if self._unwanted:
            self.release()
        elif lease is not None:
            self._leased = clock() + lease.seconds
            before, self._epoch = self._epoch, lease.epoch
            if before != lease.epoch and self._store.lasting:  # somebody else may have delivered meanwhile
                self._drop_hands()
        for then in waiting:
            then()

    def rest(self, wheel: Wheel, now: float) -> None:
        """Give the right to deliver back soon if nothing more is owed: another process may wait for it."""
        self._idle_since = now
        wheel.at(now + _REST, self._rest)

    def _rest(self, now: float) -> None:
        if now - self._idle_since >= _REST and not self.creditors:
            self.release()

    def release(self) -> None:
        """Give the right to deliver back, unless something is on its way: it may be ours although we were not told."""
        self._unwanted = self._leasing is not None
        if self._held and not self._unwanted and not self._under_way:
            self._held, self._leased = False, -FOREVER
            self._store.release(self._station)
