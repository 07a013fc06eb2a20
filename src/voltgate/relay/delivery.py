"""Delivery: what one backend is owed of one station, and told meanwhile, in order and one message after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.errors import FINAL
from voltgate.ocpp.families import may_be_of
from voltgate.ocpp.messages import FOREVER, Call, Error, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.asked import Asked, Told
from voltgate.relay.backend import Backend
from voltgate.relay.calendar import Calendar
from voltgate.relay.journal import JournalSettings, is_paid_by
from voltgate.relay.ledger import Ledger
from voltgate.relay.records import OwedRecord
from voltgate.relay.transaction import Transaction

_LOOK_AGAIN = 0.5
"""Seconds between looks at what another leg, or another process, is delivering, and at a database that is away."""
_LONGEST_WAIT = 60.0
"""Seconds between two tries of one message at most."""
_LONGEST_SILENCE = 3600.0
"""Seconds between two tries of a message that is never answered at most: each keeps the others waiting."""


@dataclass(slots=True, eq=False)
class Item:
    """One message on its way: owed when it has a record; asked when somebody waits for the answer; else only told.

    What is not owed goes `behind` what was owed when it was said.
    """

    call: Call
    transaction: Transaction | None = None
    record: OwedRecord | None = None
    asked: Asked | None = None
    behind: int = 0

    @property
    def ref(self) -> str | None:
        """The ref of its transaction; None if it is of none."""
        return None if self.transaction is None else self.transaction.ref


@dataclass(slots=True)
class _Trouble:
    """What became so far of a message that was not taken: since when, and how often it was tried."""

    since: float
    tries: int = 0


class Clocks(Protocol):
    """What a delivery needs of the world."""

    @property
    def wheel(self) -> Wheel:
        """What wakes it."""

    @property
    def clock(self) -> Callable[[], float]:
        """Returns the seconds of the wheel."""

    @property
    def wall(self) -> Calendar:
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

    @property
    def dialect(self) -> Dialect:
        """What is spoken on the link."""


class Courier(Protocol):
    """What a delivery needs of its leg."""

    backend: Backend
    retired: bool

    @property
    def host(self) -> Surroundings:
        """The session that the leg is in now."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    def now(self) -> float:
        """Return the seconds of the wheel."""

    def pump(self, now: float) -> None:
        """Send what may be sent, of this delivery and of what else waits."""

    def numbered(self, item: Item) -> Call | None:
        """Return the call in the backend's numbers; None if it cannot be told without one that it never gave."""

    def forward(self, call: Call, respond: Respond) -> None:
        """Send a call."""

    def answered(self, item: Item, reply: Reply) -> None:
        """Take the answer to a message: what is owed is settled, who asked is answered."""

    def given_up(self, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""


class Delivery:
    """The messages that one leg's backend gets in order, and not all at once.

    What is owed goes one by one, as the journal has it, until it was answered; what fails for longer than an answer
    may take stands back with its transaction, and the others go on. What is only told or asked waits for its place, and
    for the number that the backend gives to the start of its transaction; when it cannot be sent it is dropped.
    """

    __slots__ = (
        "_admitted", "_alarm", "_asking", "_courier", "_due", "_journal", "_late", "_open", "_queue", "_starting",
        "_trouble", "_up_since",
    )  # fmt: skip

    def __init__(self, courier: Courier, *, late: bool) -> None:
        self._courier = courier
        self._journal = courier.ledger.journal
        self._queue: deque[Item] = deque()
        self._open: OwedRecord | None = None
        self._starting: set[str | None] = set()
        self._trouble: dict[int, _Trouble] = {}
        self._due = self._up_since = -FOREVER
        self._alarm = FOREVER
        self._late = self._journal.last if late else 0
        """The last of the messages that are overdue, the one of them that waits for its turn, and the one that may go.
        """
        self._asking = self._admitted = 0

    @property
    def busy(self) -> bool:
        """Whether something waits or is owed: what comes now must not overtake it."""
        courier = self._courier
        if self._queue or self._starting or self._open is not None:
            return True
        return not courier.retired and self._journal.owes(courier.backend.name)

    @property
    def under_way(self) -> bool:
        """Whether the backend is being asked to take a message that it is owed."""
        return self._open is not None

    def add(self, item: Item) -> None:
        """Send a message that is not owed when those before it are done."""
        courier = self._courier
        if not self._has_room(item):
            courier.answered(item, Unanswered(Reason.OVERLOADED, "Too many calls wait behind others"))
            return
        self._queue.append(item)
        courier.pump(courier.now())
        if item in self._queue:
            self._watch(item.call.deadline)

    @property
    def waiting(self) -> int:
        """The number of messages that wait and are not owed."""
        return len(self._queue)

    def _has_room(self, item: Item) -> bool:
        """Return whether what is only told or asked may wait: what is owed has a bound of its own."""
        settings = self._courier.backend.settings
        bytes_ = sum(each.call.size for each in self._queue)
        return len(self._queue) < settings.waiting and bytes_ + item.call.size <= settings.waiting_bytes

    # Sending.

    def pump(self, now: float) -> bool:
        """Send one message if it may be sent; return whether one was, or was ended."""
        if self._open is not None or now < self._due:
            return False
        journal, name = self._journal, self._courier.backend.name
        record = journal.first(name, now)
        if record is not None or journal.is_whole(name):
            before = [item for item in self._queue if record is None or item.behind < record.seq]
            before = [item for item in before if not journal.is_aside(name, item.ref)]
            if before:
                item = self._next(before)
                return item is not None and self._tell(item, now)
        return not self._courier.retired and self._deliver(record, now)

    def _next(self, items: list[Item]) -> Item | None:
        """Return what is to be told next: whoever asks does not wait for the number of another's transaction."""
        waits = False
        for item in items:
            is_free = item.ref not in self._starting
            waits = waits or not is_free
            if is_free and (item.asked is not None or not waits):
                return item
        return None

    def _tell(self, item: Item, now: float) -> bool:
        """Send what is not owed."""
        self._queue.remove(item)
        courier = self._courier
        numbered = courier.numbered(item)
        if numbered is None:
            courier.answered(item, Unanswered(Reason.REFUSED, "this backend gave the transaction no number"))
            return True
        call = _again(numbered, numbered.id, now, min(now + courier.host.settings.backend_patience, item.call.deadline))
        call.asker = item
        if item.ref is not None and call.action == "StartTransaction":
            self._starting.add(item.ref)
        courier.forward(call, partial(self._told, item))
        return True

    def _told(self, item: Item, reply: Reply) -> None:
        self._starting.discard(item.ref)
        self._courier.answered(item, reply)
        self._courier.pump(self._courier.now())

    def _deliver(self, record: OwedRecord | None, now: float) -> bool:
        """Send the next message that is owed, if that is in hand, in time, and ours to send."""
        courier = self._courier
        journal, patience = self._journal, courier.host.settings.backend_patience
        if record is None:
            self._look_for_more(now)
        elif journal.is_under_way(record):
            self._wait(now + _LOOK_AGAIN)
        elif not journal.is_leased(now + patience):
            self._due = FOREVER
            journal.lease(courier.now, self._leased)
        elif self._is_admitted(record, now):
            return self._send(record, now)
        return False

    def _look_for_more(self, now: float) -> None:
        courier = self._courier
        journal, name = self._journal, courier.backend.name
        if not journal.is_whole(name):
            self._due = FOREVER
            journal.fetch(name, self._fetched)
        else:
            self._watch(journal.back_at(name))

    def _fetched(self) -> None:
        journal, name, now = self._journal, self._courier.backend.name, self._courier.now()
        nothing_read = journal.first(name, now) is None and not journal.is_whole(name)
        self._go_on(now + _LOOK_AGAIN if nothing_read else now)

    def _leased(self) -> None:
        now = self._courier.now()
        ours = self._journal.is_leased(now + self._courier.host.settings.backend_patience)
        self._go_on(now if ours else now + _LOOK_AGAIN)

    def _go_on(self, when: float) -> None:
        now = self._courier.now()
        if when > now:
            self._wait(when)
        else:
            self._due = -FOREVER
            self._courier.pump(now)

    def _is_admitted(self, record: OwedRecord, now: float) -> bool:
        """Return whether an overdue message may go now; if somebody waits behind it for an answer it goes at once."""
        if record.seq > self._late or record.seq == self._admitted or any(item.asked for item in self._queue):
            return True
        courier, self._asking = self._courier, record.seq
        rate = courier.host.settings.journal.rate
        if courier.backend.admission.ask(self, now, rate, courier.host.ports.wheel):
            self._admitted = record.seq
        return self._admitted == record.seq

    def admitted(self, now: float) -> None:
        """Send the overdue message whose turn it is."""
        self._admitted = self._asking
        self._courier.pump(now)

    def _wait(self, until: float) -> bool:
        self._due = until
        self._watch(until)
        return False

    def _send(self, record: OwedRecord, now: float) -> bool:
        courier = self._courier
        item = self._item(record)
        calendar, age = courier.host.ports.wall, courier.host.settings.journal.age
        if calendar.wall() - record.at > age and calendar.is_over(record.at, age):
            self._give_up(item, "too old")
            return True
        if record.transaction in courier.ledger.unreadable:  # nobody can say in which numbers
            stands_back = self._journal.set_aside(record, now + _LONGEST_SILENCE)
            return stands_back or self._wait(now + _LONGEST_WAIT)
        numbered = courier.numbered(item)
        if numbered is None:
            self._give_up(item, "this backend gave the transaction no number")
            return True
        call = _again(numbered, record.message_id, now, now + courier.host.settings.backend_patience)
        call.asker = record.key  # a late answer to another of its id is not its own
        self._open = record
        self._journal.mark(record, under_way=True)
        courier.forward(call, partial(self._delivered, item, now))
        return True

    def _item(self, record: OwedRecord) -> Item:
        """Return the message that was written down, as the station said it."""
        call = Call(record.message_id, record.action, record.payload)
        call.deadline = FOREVER
        return Item(call, self._courier.ledger.of(record.transaction), record)

    # What came of it.

    def _delivered(self, item: Item, sent_at: float, reply: Reply) -> None:
        assert item.record is not None  # noqa: S101 - what is told ends in `_told`
        self._open = None
        self._journal.mark(item.record, under_way=False)
        if not isinstance(reply, Error):
            self._trouble.pop(item.record.seq, None)
            self._courier.answered(item, reply)
        elif isinstance(reply, Unanswered):
            if reply.reason is not Reason.GONE:
                self._failed(item, item.record, sent_at, reply)
        elif reply.code in FINAL and may_be_of(self._courier.host.dialect.version, item.call):
            self._give_up(item, f"answered {reply.code}")
        else:  # what was said in another version may be taken in that
            self._failed(item, item.record, sent_at, reply)
        self._courier.pump(self._courier.now())

    def _failed(self, item: Item, record: OwedRecord, sent_at: float, reply: Error) -> None:
        """Try a message again that was not taken, later each time, so that it does not look like an attack."""
        courier, now = self._courier, self._courier.now()
        journal, settings = self._journal, courier.host.settings
        trouble = self._trouble.setdefault(record.seq, _Trouble(max(sent_at, self._up_since)))
        silent = isinstance(reply, Unanswered)
        trouble.tries += 1
        if not is_paid_by(item.call) and trouble.tries >= settings.journal.attempts:
            self._give_up(item, f"answered {reply.code} {trouble.tries} times" if not silent else "never answered")
            return
        first, longest = (settings.backend_patience, _LONGEST_SILENCE) if silent else (0.5, _LONGEST_WAIT)
        wait = min(first * 2.0 ** min(trouble.tries, 12), longest) * (1 - 0.5 * courier.host.ports.draw())
        self._late, self._admitted = max(self._late, record.seq), 0
        stands_back = now - trouble.since >= settings.backend_patience
        if not stands_back or not journal.set_aside(record, now + wait):
            self._wait(now + min(wait, _LONGEST_WAIT))

    def _give_up(self, item: Item, reason: str) -> None:
        assert item.record is not None  # noqa: S101 - what nobody is owed is answered instead
        self._trouble.pop(item.record.seq, None)
        self._courier.given_up(item, reason)

    # Time, and the link.

    def _watch(self, when: float) -> None:
        """Wake at this time; one wake is due at a time."""
        if when < self._alarm:
            wheel = self._courier.host.ports.wheel
            wheel.off(self._alarm, self._wake)
            self._alarm = when
            wheel.at(when, self._wake)

    def _wake(self, now: float) -> None:
        """End what has waited behind others for too long and is not owed, and send what may be sent."""
        self._alarm = FOREVER
        self._drop(lambda item: item.call.deadline <= now, Reason.TIMED_OUT)
        self._courier.pump(now)
        if now < self._due:
            self._watch(self._due)
        self._watch(min((item.call.deadline for item in self._queue), default=FOREVER))
        back_at = self._journal.back_at(self._courier.backend.name)
        if back_at > now:  # else it is taken back by the next pump: now nothing can be sent
            self._watch(back_at)

    def rest(self) -> None:
        """Give the right to deliver back soon, unless more is owed by then."""
        self._journal.rest(self._courier.host.ports.wheel, self._courier.now())

    def end(self) -> list[Asked]:
        """Drop everything that is not owed, for good; return what was asked."""
        self._courier.host.ports.wheel.off(self._alarm, self._wake)
        return self.down()

    def up(self) -> None:
        """Begin on a new link: all that is owed so far is overdue, and nothing stands back any more."""
        journal = self._journal
        self._late, self._admitted, self._due = journal.last, 0, -FOREVER
        self._up_since = self._courier.now()
        journal.take_back(self._courier.backend.name)
        self._trouble.clear()

    def down(self) -> list[Asked]:
        """Drop what is only told: the link is gone. Return what was asked; what is owed stays."""
        self._courier.backend.admission.leave(self)
        asked = self.take(lambda _: True)
        self._drop(lambda _: True, Reason.GONE)
        return asked

    def take(self, chosen: Callable[[Asked], bool]) -> list[Asked]:
        """Remove and return, in order, what was asked and is `chosen`."""
        taken = self._remove(lambda item: item.asked is not None and chosen(item.asked))
        return [item.asked for item in taken if item.asked is not None]

    def take_told(self) -> list[Told]:
        """Remove and return, in order, what was only to be told."""
        told = self._remove(lambda item: item.asked is None)
        return [Told(item.call, item.behind, item.transaction) for item in told]

    def _drop(self, chosen: Callable[[Item], bool], reason: Reason) -> None:
        for item in self._remove(chosen):
            self._courier.answered(item, Unanswered(reason, "It waited behind others"))

    def _remove(self, chosen: Callable[[Item], bool]) -> list[Item]:
        removed = [item for item in self._queue if chosen(item)]
        for item in removed:
            self._queue.remove(item)
        return removed


def _again(call: Call, message_id: str, now: float, deadline: float) -> Call:
    """Return the call that is sent: a copy with a deadline of its own, under the id that the message always had."""
    again = Call(message_id, call.action, call.payload, call.text)
    again.frame, again.original = call.frame, call.original or call
    again.at = now
    again.deadline = deadline
    return again
