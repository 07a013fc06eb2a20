"""The journal at work: what one backend is owed of one station, delivered in order, one message after the other."""

from __future__ import annotations

from collections import deque
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
    """The messages that one leg's backend gets one after the other.

    What is owed is kept until it was answered; what is only told is dropped when it cannot be sent.
    """

    __slots__ = ("_due", "_leg", "_open", "_queue")

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._queue: deque[Item] = deque()
        self._open: Item | None = None
        self._due = -FOREVER

    @property
    def busy(self) -> bool:
        """Tell whether something is under way or waits: whatever comes now has to wait behind it."""
        return bool(self._queue)

    @property
    def owes(self) -> bool:
        """Tell whether the backend is owed something."""
        return any(item.record is not None for item in self._queue)

    def add(self, item: Item) -> None:
        """Send a message when those before it are done."""
        leg = self._leg
        item.late = item.late or not leg.up
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
        owed = [item for item in self._queue if item.record is not None and item is not self._open]
        if len(owed) > self._leg.session.settings.journal.entries:
            self._queue.remove(owed[0])
            self._give_up(owed[0], "too many messages are owed")

    def pump(self, now: float) -> None:
        """Send the next message, if it is its time."""
        while self._open is None and self._queue and self._leg.up and now >= self._due:
            item = self._queue[0]
            if not self._admitted(item, now):
                return
            self._send(item, now)

    def _admitted(self, item: Item, now: float) -> bool:
        """Tell whether an overdue message may go now: a backend that comes back is not stormed."""
        if not item.late or item.admitted:
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
        leg = self._leg
        session = leg.session
        if item.record is not None and session.ledger.book.wall() - item.record.at > session.settings.journal.age:
            self._queue.popleft()
            self._give_up(item, "too old")
            return
        call = session.ledger.addressed(leg, item.call, item.transaction)
        if call is None:
            self._queue.popleft()
            self._give_up(item, "this backend gave the transaction no number")
            return
        call = _again(call, now, session.settings.backend_patience, item.record)
        call.asker = self
        self._open = item
        leg.turns.ask(call, partial(self._answered, item))

    def _answered(self, item: Item, reply: Reply) -> None:
        if self._open is not item:  # it was given up while it was under way
            return
        self._open = None
        if item.record is None:
            self._done(item, reply)
        elif isinstance(reply, Unanswered):
            if reply.reason is not Reason.GONE:
                self._retry(item)
        elif isinstance(reply, Error):
            self._refused(item, reply)
        else:
            self._done(item, reply)
        self.pump(self._leg.session.ports.clock())

    def _done(self, item: Item, reply: Reply) -> None:
        self._queue.remove(item)
        ledger = self._leg.session.ledger
        ledger.delivered(self._leg, item, reply)
        if item.respond is not None:
            item.respond(reply)
        elif item.record is None:
            self._leg.told(reply)

    def _refused(self, item: Item, reply: Error) -> None:
        item.refusals += 1
        if item.refusals >= self._leg.session.settings.journal.attempts:
            self._queue.remove(item)
            self._give_up(item, f"answered {reply.code} {item.refusals} times")
        else:
            self._retry(item)

    def _retry(self, item: Item) -> None:
        """Try again later; the wait grows, so that it does not look like an attack."""
        item.late = True
        item.admitted = False
        session = self._leg.session
        wait = min(2.0 ** min(item.tries, 6), _LONGEST_WAIT) * (1 - 0.5 * session.ports.draw())
        item.tries += 1
        self._wait(session.ports.clock() + wait)

    def _give_up(self, item: Item, reason: str) -> None:
        """Say aloud what a backend will never get."""
        leg = self._leg
        if item.record is None:
            leg.told(Unanswered(Reason.REFUSED, reason))
            return
        leg.backend.given_up += 1
        leg.session.ledger.book.settle(item.record)
        leg.session.ports.listen(GivenUp(leg.session.identity, leg.name, item.record.action, reason))

    def _expire(self, now: float) -> None:
        """Answer those that have waited behind others for too long."""
        for item in [each for each in self._queue if each.respond is not None and each is not self._open]:
            if item.call.deadline <= now:
                self._drop(item, Unanswered(Reason.TIMED_OUT, "Its turn never came"))

    def _drop(self, item: Item, reply: Unanswered) -> None:
        self._queue.remove(item)
        if item.respond is not None:
            item.respond(reply)
        elif item.record is None:
            self._leg.told(reply)

    def down(self) -> None:
        """Drop what is only told or asked: the link is gone. What is owed stays."""
        for item in [each for each in self._queue if each.record is None and each is not self._open]:
            self._drop(item, Unanswered(Reason.GONE, "The link was lost"))
        for item in self._queue:
            item.late = True


def _again(call: Call, now: float, patience: float, record: OwedRecord | None) -> Call:
    """Make the call that is sent: a copy of its own deadline, under the id that the message always had."""
    again = Call(call.id if record is None else record.message_id, call.action, call.payload, call.text)
    again.frame = call.frame
    again.at = now
    again.deadline = now + patience if record is not None else min(now + patience, call.deadline)
    return again
