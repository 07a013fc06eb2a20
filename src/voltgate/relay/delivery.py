"""The journal at work: what one backend is owed of one station, delivered in order, one message after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from voltgate.ocpp.messages import FOREVER, Call, Error, Reason, Reply, Respond, Unanswered
from voltgate.relay.events import GivenUp

if TYPE_CHECKING:
    from voltgate.relay.book import Transaction
    from voltgate.relay.leg import Leg
    from voltgate.relay.records import OwedRecord

_LONGEST_WAIT = 60.0
"""Seconds between two tries of one message at most."""


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What bounds a journal. `age` is in seconds, `entries` are those of one station with one backend.

    `rate` is how many overdue messages a second a backend is sent in all; `attempts` how often it may answer one with
    an error before that is given up.
    """

    age: float = 30 * 86400.0
    entries: int = 1000
    rate: float = 50.0
    attempts: int = 10


@dataclass(slots=True, eq=False)
class Item:
    """One message on its way: owed when it has a record; asked when somebody waits for the answer; else only told."""

    call: Call
    transaction: Transaction | None = None
    record: OwedRecord | None = None
    respond: Respond | None = None
    late: bool = False
    admitted: bool = False
    tries: int = 0
    refusals: int = 0


class Delivery:
    """The messages that one leg's backend gets in order, and not all at once.

    What is owed goes one by one and is kept until it was answered. What is only told waits for nothing but its place,
    and for the number that the backend gives to the start of its transaction; when it cannot be sent it is dropped.
    """

    __slots__ = ("_due", "_leg", "_open", "_queue", "_starting")

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._queue: deque[Item] = deque()
        self._open: Item | None = None
        self._starting: set[str] = set()
        self._due = -FOREVER

    @property
    def busy(self) -> bool:
        """Tell whether something waits or is owed: what comes now must not overtake it."""
        return bool(self._queue) or self._open is not None

    def holds(self, tx: Transaction | None) -> bool:
        """Tell whether messages of a transaction are on their way."""
        waiting = any(item.transaction is tx for item in self._queue)
        return tx is not None and (waiting or (self._open is not None and self._open.transaction is tx))

    def add(self, item: Item) -> None:
        """Send a message when those before it are done."""
        leg = self._leg
        item.late = not leg.up or item.late
        if item.record is None and item.respond is None and len(self._queue) >= leg.backend.settings.waiting:
            leg.told(Unanswered(Reason.OVERLOADED, "Too many copies wait for this backend"))
            return
        self._queue.append(item)
        if item.respond is not None:
            leg.session.ports.wheel.at(item.call.deadline, self._expire)
        self._bound()
        self.pump(leg.session.ports.clock())

    def _bound(self) -> None:
        """Give up the oldest of what is owed when it is too much."""
        owed = [item for item in self._queue if item.record is not None]
        if len(owed) > self._leg.session.settings.journal.entries:
            self._queue.remove(owed[0])
            self._give_up(owed[0], "too many messages are owed")

    def pump(self, now: float) -> None:
        """Send what may be sent."""
        while self._queue and self._open is None and self._leg.up and now >= self._due:
            item = self._queue[0]
            if self._waits_for_number(item) or not self._admitted(item, now):
                return
            self._queue.popleft()
            self._send(item, now)

    def _waits_for_number(self, item: Item) -> bool:
        return item.transaction is not None and item.transaction.ref in self._starting

    def _admitted(self, item: Item, now: float) -> bool:
        """Tell whether an overdue message may go now: a backend that comes back is not stormed."""
        if item.record is None or not item.late or item.admitted:
            return True
        backend = self._leg.backend
        at = max(now, backend.free_at)
        backend.free_at = at + 1 / self._leg.session.settings.journal.rate
        item.admitted = True
        if at > now:
            self._wait(at)
        return at <= now

    def _wait(self, until: float) -> None:
        self._due = until
        self._leg.session.ports.wheel.at(until, self.pump)

    def _send(self, item: Item, now: float) -> None:
        session = self._leg.session
        if item.record is not None and session.ledger.book.wall() - item.record.at > session.settings.journal.age:
            self._give_up(item, "too old")
            return
        call = session.ledger.addressed(self._leg, item.call, item.transaction)
        if call is None and item.transaction is not None and item.transaction.owner == self._leg.name:
            call = session.ledger.addressed_to_answer(self._leg, item.call, item.transaction)
        if call is None:
            self._give_up(item, "this backend gave the transaction no number")
            return
        call = _again(call, now, session.settings.backend_patience, item.record)
        call.asker = self
        if item.record is not None:
            self._open = item
        elif item.transaction is not None and call.action == "StartTransaction":
            self._starting.add(item.transaction.ref)
        self._leg.turns.ask(call, partial(self._answered, item))

    def _answered(self, item: Item, reply: Reply) -> None:
        if item.record is None:
            self._told(item, reply)
        else:
            self._open = None
            self._taken(item, reply)
        self.pump(self._leg.session.ports.clock())

    def _told(self, item: Item, reply: Reply) -> None:
        if item.transaction is not None:
            self._starting.discard(item.transaction.ref)
        self._leg.session.ledger.delivered(self._leg, item, reply)
        (item.respond or self._leg.told)(reply)

    def _taken(self, item: Item, reply: Reply) -> None:
        """Strike out what the backend has taken; everything else is tried again."""
        if isinstance(reply, Error):
            refused = not isinstance(reply, Unanswered)
            item.refusals += refused
            if item.refusals >= self._leg.session.settings.journal.attempts:
                self._give_up(item, f"answered {reply.code} {item.refusals} times")
                return
            self._queue.appendleft(item)
            if refused or (isinstance(reply, Unanswered) and reply.reason is not Reason.GONE):
                self._try_later(item)
        else:
            self._leg.session.ledger.delivered(self._leg, item, reply)

    def _try_later(self, item: Item) -> None:
        """Wait longer each time, so that it does not look like an attack."""
        item.late, item.admitted = True, False
        session = self._leg.session
        wait = min(2.0 ** min(item.tries, 6), _LONGEST_WAIT) * (1 - 0.5 * session.ports.draw())
        item.tries += 1
        self._wait(session.ports.clock() + wait)

    def _give_up(self, item: Item, reason: str) -> None:
        """Say aloud what a backend will never get."""
        leg = self._leg
        if item.record is None:
            (item.respond or leg.told)(Unanswered(Reason.REFUSED, reason))
            return
        leg.backend.given_up += 1
        leg.session.ledger.settle(leg, item.record)
        leg.session.ports.listen(GivenUp(leg.session.identity, leg.name, item.record.action, reason))

    def _expire(self, now: float) -> None:
        """Answer those that have waited behind others for too long."""
        self._drop(lambda item: item.respond is not None and item.call.deadline <= now, Reason.TIMED_OUT)

    def down(self) -> None:
        """Drop what is only told or asked: the link is gone. What is owed stays."""
        self._drop(lambda item: item.record is None, Reason.GONE)
        for item in self._queue:
            item.late = True

    def _drop(self, chosen: Callable[[Item], bool], reason: Reason) -> None:
        dropped = [item for item in self._queue if chosen(item)]
        for item in dropped:
            self._queue.remove(item)
        for item in dropped:
            (item.respond or self._leg.told)(Unanswered(reason, "It waited behind others"))


def _again(call: Call, now: float, patience: float, record: OwedRecord | None) -> Call:
    """Make the call that is sent: a copy of its own deadline, under the id that the message always had."""
    again = Call(call.id if record is None else record.message_id, call.action, call.payload, call.text)
    again.frame = call.frame
    again.at = now
    again.deadline = now + patience if record is not None else min(now + patience, call.deadline)
    return again
