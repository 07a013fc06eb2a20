"""Delivery: what one backend is told or owed of one station, in order, one message after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from voltgate.ocpp.messages import FOREVER, Call, Error, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.silence import expired
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.asked import Asked
from voltgate.relay.backend import Backend
from voltgate.relay.ledger import Ledger, Transaction
from voltgate.relay.records import OwedRecord

_LOOK_AGAIN = 0.5
"""Seconds between looks at a message that a leg which was left is delivering."""
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
    asked: Asked | None = None
    late: bool = False
    admitted: bool = False
    tries: int = 0
    refusals: int = 0


def owed_item(record: OwedRecord, tx: Transaction | None, *, late: bool = False) -> Item:
    """Return the message that was written down, as the station said it."""
    call = Call(record.message_id, record.action, record.payload)
    call.deadline = FOREVER
    return Item(call, tx, record, late=late)


class Clocks(Protocol):
    """What a delivery needs of the world."""

    @property
    def wheel(self) -> Wheel:
        """What wakes it."""

    @property
    def clock(self) -> Callable[[], float]:
        """Returns the seconds of the wheel."""

    @property
    def wall(self) -> Callable[[], float]:
        """Returns the seconds since 1970."""

    @property
    def draw(self) -> Callable[[], float]:
        """Returns a random number from 0 to 1."""


class Settings(Protocol):
    """What the configuration says of deliveries."""

    @property
    def journal(self) -> JournalSettings:
        """What bounds what is owed."""

    @property
    def backend_patience(self) -> float:
        """The seconds that an answer of the backend may take."""


class Surroundings(Protocol):
    """What a delivery needs of the session."""

    @property
    def ports(self) -> Clocks:
        """The clocks, the wheel and chance."""

    @property
    def settings(self) -> Settings:
        """What bounds it."""


class Courier(Protocol):
    """What a delivery needs of its leg."""

    backend: Backend

    @property
    def host(self) -> Surroundings:
        """The session that the leg is in now."""

    @property
    def up(self) -> bool:
        """Whether the link is open."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    def pump(self, now: float) -> None:
        """Send what may be sent, of this delivery and of what else waits."""

    def numbered(self, item: Item) -> Call | None:
        """Return the call in the backend's numbers; None if it cannot be told without one that it never gave."""

    def forward(self, call: Call, respond: Respond) -> None:
        """Send a call."""

    def told(self, reply: Reply) -> None:
        """End a copy's reply."""

    def answered(self, item: Item, reply: Reply) -> None:
        """Take the answer to a message: what is owed is settled, who asked is answered."""

    def given_up(self, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""


class Delivery:
    """The messages that one leg's backend gets in order, and not all at once.

    What is owed goes one by one and is kept until it was answered. What is only told waits for nothing but its place,
    and for the number that the backend gives to the start of its transaction; when it cannot be sent it is dropped.
    """

    __slots__ = ("_courier", "_due", "_open", "_queue", "_starting")

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._queue: deque[Item] = deque()
        self._open: Item | None = None
        self._starting: set[str] = set()
        self._due = -FOREVER

    @property
    def busy(self) -> bool:
        """Whether something waits or is owed: what comes now must not overtake it."""
        return bool(self._queue) or self._open is not None

    @property
    def ready(self) -> bool:
        """Whether something waits that may be sent as soon as there is room."""
        return bool(self._queue) and self._open is None

    def holds(self, tx: Transaction | None) -> bool:
        """Return whether messages of a transaction are on their way."""
        waiting = any(item.transaction is tx for item in self._queue)
        return tx is not None and (waiting or (self._open is not None and self._open.transaction is tx))

    def add(self, item: Item) -> None:
        """Send a message when those before it are done."""
        courier = self._courier
        item.late = not courier.up or item.late
        if item.record is None and not self._has_room(item):
            courier.answered(item, Unanswered(Reason.OVERLOADED, "Too many calls wait behind others"))
            return
        self._queue.append(item)
        self._bound()
        courier.pump(courier.host.ports.clock())
        if item.record is None and item in self._queue:
            courier.host.ports.wheel.at(item.call.deadline, self._expire)

    @property
    def waiting(self) -> int:
        """The number of messages that wait and are not owed."""
        return sum(item.record is None for item in self._queue)

    def _has_room(self, item: Item) -> bool:
        """Return whether what is only told or asked may wait: what is owed has a bound of its own."""
        settings = self._courier.backend.settings
        waiting = [each.call.size for each in self._queue if each.record is None]
        return len(waiting) < settings.waiting and sum(waiting) + item.call.size <= settings.waiting_bytes

    def _bound(self) -> None:
        """Give up the oldest of what is owed when it is too much."""
        owed = [item for item in self._queue if item.record is not None]
        if len(owed) > self._courier.host.settings.journal.entries:
            self._queue.remove(owed[0])
            self._courier.given_up(owed[0], "too many messages are owed")

    def pump(self, now: float) -> bool:
        """Send one message if it may be sent; return whether there was one."""
        if not self.ready or now < self._due:
            return False
        item, ledger = self._queue[0], self._courier.ledger
        if item.record is not None and not ledger.is_owed(item.record):
            self._queue.popleft()  # a leg that was left has delivered it
            return True
        if item.record is not None and ledger.is_under_way(item.record):
            self._wait(now + _LOOK_AGAIN)
            return False
        if self._waits_for_number(item) or not self._admitted(item, now):
            return False
        self._queue.popleft()
        self._send(item, now)
        return True

    def _waits_for_number(self, item: Item) -> bool:
        return item.transaction is not None and item.transaction.ref in self._starting

    def _admitted(self, item: Item, now: float) -> bool:
        """Return whether an overdue message may go now: a backend that comes back is not stormed."""
        if item.record is None or not item.late or item.admitted:
            return True
        backend = self._courier.backend
        at = max(now, backend.free_at)
        backend.free_at = at + 1 / self._courier.host.settings.journal.rate
        item.admitted = True
        if at > now:
            self._wait(at)
        return at <= now

    def _wait(self, until: float) -> None:
        self._due = until
        self._courier.host.ports.wheel.at(until, self._courier.pump)

    def _send(self, item: Item, now: float) -> None:
        courier = self._courier
        if item.record is not None and courier.host.ports.wall() - item.record.at > courier.host.settings.journal.age:
            self._give_up(item, "too old")
            return
        if item.record is None and item.call.deadline <= now:
            courier.answered(item, expired())
            return
        numbered = courier.numbered(item)
        if numbered is None:
            self._give_up(item, "this backend gave the transaction no number")
            return
        call = _again(numbered, now, courier.host.settings.backend_patience, item.record)
        call.asker = self
        if item.record is not None:
            self._open = item
            courier.ledger.deliver(item.record, under_way=True)
        elif item.transaction is not None and call.action == "StartTransaction":
            self._starting.add(item.transaction.ref)
        courier.forward(call, partial(self._answered, item))

    def _answered(self, item: Item, reply: Reply) -> None:
        if item.record is None:
            if item.transaction is not None:
                self._starting.discard(item.transaction.ref)
            self._courier.answered(item, reply)
        else:
            self._open = None
            self._courier.ledger.deliver(item.record, under_way=False)
            self._taken(item, reply)
        self._courier.pump(self._courier.host.ports.clock())

    def _taken(self, item: Item, reply: Reply) -> None:
        """Strike out what the backend has taken; everything else is tried again."""
        if not isinstance(reply, Error):
            self._courier.answered(item, reply)
            return
        refused = not isinstance(reply, Unanswered)
        item.refusals += refused
        if item.refusals >= self._courier.host.settings.journal.attempts:
            self._give_up(item, f"answered {reply.code} {item.refusals} times")
            return
        self._queue.appendleft(item)
        if refused or (isinstance(reply, Unanswered) and reply.reason is not Reason.GONE):
            self._try_later(item)

    def _try_later(self, item: Item) -> None:
        """Wait longer each time, so that it does not look like an attack."""
        item.late, item.admitted = True, False
        wait = min(2.0 ** min(item.tries, 6), _LONGEST_WAIT) * (1 - 0.5 * self._courier.host.ports.draw())
        item.tries += 1
        self._wait(self._courier.host.ports.clock() + wait)

    def _give_up(self, item: Item, reason: str) -> None:
        if item.record is None:
            self._courier.answered(item, Unanswered(Reason.REFUSED, reason))
        else:
            self._courier.given_up(item, reason)

    def _expire(self, now: float) -> None:
        """End what has waited behind others for too long and is not owed."""
        self._drop(lambda item: item.record is None and item.call.deadline <= now, Reason.TIMED_OUT)

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
            self._courier.answered(item, Unanswered(reason, "It waited behind others"))


def _again(call: Call, now: float, patience: float, record: OwedRecord | None) -> Call:
    """Return the call that is sent: a copy with a deadline of its own, under the id that the message always had."""
    again = Call(call.id if record is None else record.message_id, call.action, call.payload, call.text)
    again.frame = call.frame
    again.at = now
    again.deadline = now + patience if record is not None else min(now + patience, call.deadline)
    return again
