"""Records that wait to be written, and the callers that wait for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import TypeAlias, TypeGuard

from voltgate.relay.records import AuditRecord, PageRecord, Record, RegisterRecord
from voltgate.store.chain import LOST, said_lost
from voltgate.store.once import Once

MOST_AT_ONCE = 2000
"""Records that are written with one commit, unless a single station has more."""

_Key: TypeAlias = tuple[type[Record], tuple[str | int, ...]]
_REGISTER = ("register", "")


@dataclass(slots=True, eq=False)
class Entry:
    """The last word on a key: a record, and whether it is deleted. `serial` counts what was entered."""

    record: Record
    deleted: bool
    serial: int


@dataclass(slots=True, eq=False)
class Group:
    """What is written together or not at all: all that waits of one station, a line of the audit trail, the register.

    `first` is the serial of the oldest word that is not on disk, though a later one may have taken its place.
    """

    name: tuple[str, str]
    first: int
    entries: dict[_Key, Entry] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Waiter:
    """`serial` is that of the last word that is waited for; `station` is whose records matter, "" if all do."""

    once: Once[bool]
    serial: int
    station: str


class Pending:
    """A queue of at most `most` keys, those that are being written included. Only the last word on a key is written.

    Groups are written in the order of their oldest word, so that what is on disk of a station is never half of a
    change. Nothing here takes longer the more there is, but for `fail`. What is entered of a station that is
    `undecided` waits until it is not: nobody knows yet if it may be written.
    """

    def __init__(self, most: int, undecided: Callable[[str], bool] = lambda station: False) -> None:
        self._most = most
        self._undecided = undecided
        self._groups: OrderedDict[tuple[str, str], Group] = OrderedDict()
        self._audit: OrderedDict[tuple[str, str], None] = OrderedDict()
        """The lines of the audit trail among the groups, the oldest first."""
        self.serial = 0
        """The number of the last word that was entered."""
        self._size = 0
        self._writing = 0
        """Records that have been taken, and are neither written nor put back."""
        self._dropped: set[tuple[str, str]] = set()
        """Groups that were dropped since others were taken."""
        self._waiters: OrderedDict[int, _Waiter] = OrderedDict()
        self._tickets = 0
        self.dropped = 0
        """Records for which there was no room."""
        self._lost, self._lost_at = 0, 0.0
        """Lines that the audit trail lacks and does not say so yet, and the time of the last of them."""

    def __len__(self) -> int:
        return self._size + self._writing

    @property
    def is_idle(self) -> bool:
        """Whether all that was entered is on disk."""
        return not self._groups and not self._writing

    @property
    def is_full(self) -> bool:
        """Whether a record with a new key is refused, unless it can take the place of a line of the audit trail."""
        return len(self) >= self._most

    def holds(self, station: str, serial: int) -> bool:
        """Return whether something of a station waits to be written that was entered up to number `serial`."""
        group = self._groups.get(("station", station))
        return group is not None and group.first <= serial

    def enter(self, record: Record, *, deleted: bool) -> bool:
        """Take a record; False when there is no room for it, which is counted."""
        name, key = _group_of(record), (type(record), record.key)
        group = self._groups.get(name)
        is_new = group is None or key not in group.entries
        if is_new and self.is_full and not self._make_room():
            self.dropped += 1
            self.lose(record)
            return False
        self.serial += 1
        if group is None:
            group = self._groups[name] = Group(name, self.serial)
            if name[0] == "audit":
                self._audit[name] = None
        group.entries[key] = Entry(record, deleted, self.serial)
        self._size += is_new
        return True

    def _make_room(self) -> bool:
        """Drop the oldest line of the audit trail, if there is any to drop."""
        if not self._audit:
            return False
        name, _ = self._audit.popitem(last=False)
        for entry in self._groups.pop(name).entries.values():
            self._size -= 1
            self.lose(entry.record)
        self.dropped += 1
        return True

    def lose(self, record: Record) -> None:
        """Have the audit trail say that it lacks a record, if it is a line of it."""
        if isinstance(record, AuditRecord):
            self._lost += int(record.answer) if record.action == LOST else 1
            self._lost_at = record.at

    def _say_what_is_lost(self) -> None:
        """Enter the line that says how many lines the audit trail lacks, if there are any and there is room."""
        if self._lost and not self.is_full:
            self.enter(said_lost(self._lost_at, self._lost), deleted=False)
            self._lost = 0

    # Writing.

    def take(self, wanted: Iterable[str] = ()) -> list[Group]:
        """Take what is to be written next: the stations that are `wanted`, then whatever has waited longest.

        `put_back` or `written` must follow.
        """
        self._dropped.clear()
        self._say_what_is_lost()
        batch: list[Group] = []
        first = (("station", station) for station in wanted)
        for name in (*(name for name in first if name in self._groups), *self._ready(MOST_AT_ONCE)):
            if self._writing >= MOST_AT_ONCE:
                break
            if name in self._groups and not self._is_held_back(name):
                batch.append(self._taken(name))
        return batch

    def _ready(self, most: int) -> list[tuple[str, str]]:
        """Return the first groups that may be written, as many as hold `most` records."""
        return list(islice((name for name in self._groups if not self._is_held_back(name)), most))

    def _is_held_back(self, name: tuple[str, str]) -> bool:
        return name[0] == "station" and self._undecided(name[1])

    def _taken(self, name: tuple[str, str]) -> Group:
        group = self._groups.pop(name)
        self._audit.pop(name, None)
        self._size -= len(group.entries)
        self._writing += len(group.entries)
        return group

    def put_back(self, batch: list[Group]) -> int:
        """Keep what could not be written; what was entered meanwhile replaces it.

        Return how many records are given up: those of stations that were dropped meanwhile.
        """
        self._writing = 0
        for group in reversed([each for each in batch if each.name not in self._dropped]):
            newer = self._groups.get(group.name)
            if newer is not None:
                self._size -= len(newer.entries)
                group.entries |= newer.entries
            self._groups[group.name] = group
            self._groups.move_to_end(group.name, last=False)
            self._size += len(group.entries)
            if group.name[0] == "audit":
                self._audit[group.name] = None
                self._audit.move_to_end(group.name, last=False)
        return sum(self._given_up(group) for group in batch if group.name in self._dropped)

    def written(self) -> None:
        """Call those who wait for nothing that is not on disk."""
        self._writing = 0
        next_one = self._ready(1)
        first = self._groups[next_one[0]].first if next_one else self.serial + 1
        before = takewhile(lambda waiter: waiter.serial < first, self._waiters.values())
        for waiter in [each for each in before if not self._undecided(each.station)]:
            waiter.once(True)

    def drop(self, station: str) -> int:
        """Give up what waits of a station that another gateway has by now; return how many records that are.

        Who waits for one of them is called with False.
        """
        name = ("station", station)
        self._dropped.add(name)
        group = self._groups.pop(name, None)
        if group is None:
            return 0
        self._size -= len(group.entries)
        return self._given_up(group)

    def _given_up(self, group: Group) -> int:
        for entry in group.entries.values():
            self.fail(entry)
        return len(group.entries)

    def fail(self, entry: Entry) -> None:
        """Call those who wait for a record that will never be written; nobody waits for a line of the audit trail."""
        if isinstance(entry.record, AuditRecord):
            self.lose(entry.record)
            return
        station = getattr(entry.record, "station", "")
        for waiter in list(self._waiters.values()):
            if waiter.serial >= entry.serial and waiter.station in ("", station):
                waiter.once(False)

    # Waiting.

    def wait(self, then: Callable[[bool], None], station: str, patience: float) -> None:
        """Call `then(True)` once all that was entered so far is written, `then(False)` after `patience` seconds.

        Also `then(False)` when it turns out that some of it cannot be written, of `station` if one is named.
        """
        self._tickets += 1
        ticket = self._tickets

        def heard(written: bool) -> None:
            del self._waiters[ticket]
            then(written)

        self._waiters[ticket] = _Waiter(Once(heard, False, patience), self.serial, station)

    def close(self) -> None:
        """Call those who still wait with False."""
        for waiter in list(self._waiters.values()):
            waiter.once(False)


def is_on_a_page(record: Record) -> TypeGuard[PageRecord]:
    """Return whether a record stands on a station's page, which one gateway writes."""
    return not isinstance(record, AuditRecord | RegisterRecord)


def _group_of(record: Record) -> tuple[str, str]:
    """Return what a record is written with."""
    if is_on_a_page(record):
        return "station", record.station
    return ("audit", record.ref) if isinstance(record, AuditRecord) else _REGISTER
