"""Numbers that backends mint and that may collide: reservations, requests, remote starts, charging profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from voltgate.ocpp.actions import SIGNED
from voltgate.ocpp.ids import integer
from voltgate.ocpp.messages import Call
from voltgate.relay.records import NumberRecord, Store, is_time

LARGEST = 2**31 - 1
"""What a station takes for a number: positive, 31 bits."""
CALLER = "api:"
"""Who mints the numbers of the API's callers, and what their names begin with: no backend has such a name."""
LASTING = frozenset({"reservation", "profile", "display"})
"""Kinds of numbers by which a station knows something for days."""
MOST = 512
"""Numbers that are remembered of one station; of more, the backend that has most loses the least used."""
_MOST_ALONE = 64
"""Numbers that are entered of an only backend: most stations have one, and never a second."""
_A_DAY = 86400.0


def is_beyond(number: object) -> bool:
    """Return whether a number may be another one to a station that keeps 32 bits of it."""
    return isinstance(number, int) and not -LARGEST <= number <= LARGEST


def is_none(kind: str, number: int) -> bool:
    """Return whether a station may mean none by a number: some say 0 or -1 where there is no reservation."""
    return kind == "reservation" and number <= 0


def asker_of(call: Call) -> str:
    """Return the name of the backend or of the caller of the API that made a call; "" for a call of our own."""
    return str(getattr(call.asker, "name", ""))


def invites(call: Call) -> bool:
    """Return whether what a remote start begins belongs to the backend that made the call."""
    return bool(getattr(call.asker, "invites", True))


def mint(used: Callable[[int], bool], draw: Callable[[], float]) -> int:
    """Draw a positive number of 31 bits that is not used."""
    number = 1 + int(draw() * (LARGEST - 1))
    while used(number):
        number = number % LARGEST + 1
    return number


class Numbers:
    """One station's numbers: whose each is, and what its backend calls it.

    A number is the backend's own unless another backend uses it already: then it is one of ours.
    """

    __slots__ = ("_draw", "_ours", "_station", "_store", "_theirs", "_wall", "renumbered")

    def __init__(self, station: str, store: Store, wall: Callable[[], float], draw: Callable[[], float]) -> None:
        self._station = station
        self._store = store
        self._wall = wall
        self._draw = draw
        self.renumbered = False
        """Whether the station knows something by another number than its backend does."""
        self._ours: dict[tuple[str, int], NumberRecord] = {}
        self._theirs: dict[tuple[str, str, int], NumberRecord] = {}

    def __len__(self) -> int:
        return len(self._ours)

    def read(self, records: Iterable[NumberRecord]) -> None:
        """Take what was kept."""
        for record in records:
            if all(isinstance(number, int) for number in (record.number, record.theirs)) and is_time(record.at):
                self._enter(record)
            else:
                self._store.spoilt(record)

    def _enter(self, record: NumberRecord) -> None:
        self.renumbered = self.renumbered or record.number != record.theirs
        self._ours[record.kind, record.number] = record
        self._theirs[record.kind, record.backend, record.theirs] = record

    def outward(self, kind: str, backend: str, theirs: int) -> tuple[int, bool]:
        """Return the number that the station is to know a backend's by, and whether that is new."""
        record = self._theirs.get((kind, backend, theirs))
        if record is not None:
            return self._use(record).number, False
        number = theirs
        if (kind, theirs) in self._ours or is_none(kind, theirs) or is_beyond(theirs):
            number = mint(lambda each: (kind, each) in self._ours, self._draw)
        self._add(NumberRecord(self._station, kind, number, backend, theirs, self._wall()))
        return number, True

    def take(self, kind: str, backend: str, theirs: int) -> None:
        """Enter a new number of the only backend, which goes out as it is: what it meant before, it means no more."""
        before = self._ours.get((kind, theirs))
        if before is not None:
            self.forget(before)
        self._add(NumberRecord(self._station, kind, theirs, backend, theirs, self._wall()), _MOST_ALONE)

    def _add(self, record: NumberRecord, most: int = MOST) -> None:
        if len(self._ours) >= most:
            self.forget(self._oldest_of_most())
        self._enter(record)
        self._store.put(record)

    def _use(self, record: NumberRecord) -> NumberRecord:
        """Note, once a day, that a number is in use: the database forgets those that were not for long."""
        now = self._wall()
        if abs(now - record.at) < _A_DAY:
            return record
        self._leave(record)
        used = replace(record, at=now)
        self._enter(used)
        self._store.put(used)
        return used

    def _oldest_of_most(self) -> NumberRecord:
        """Return the least used number of the backend that has most: what one mints pushes no other's out."""
        owners = Counter(record.backend for record in self._ours.values())
        ((owner, _),) = owners.most_common(1)
        return next(record for record in self._ours.values() if record.backend == owner)

    def keeps(self, kind: str, backend: str, theirs: int, single: bool) -> bool:
        """Return whether the station knows a backend's number, or will know it, as the backend does."""
        record = self._theirs.get((kind, backend, theirs))
        if record is not None:
            return record.number == theirs
        is_free = (kind, theirs) not in self._ours and not is_none(kind, theirs) and not is_beyond(theirs)
        return single or is_free

    def known(self, kind: str, backend: str, theirs: int) -> int | None:
        """Return the number that the station knows a backend's by; None if the backend never used it here."""
        record = self._theirs.get((kind, backend, theirs))
        return None if record is None else self._use(record).number

    def inward(self, kind: str, number: int | None) -> tuple[str, int] | None:
        """Return whose a station's number is, and what that backend calls it; None if nobody is known to use it."""
        record = self._ours.get((kind, number)) if number is not None else None
        return None if record is None else (self._use(record).backend, record.theirs)

    def forget(self, record: NumberRecord) -> None:
        """Strike out a number."""
        self._leave(record)
        self._store.strike(record)

    def _leave(self, record: NumberRecord) -> None:
        del self._ours[record.kind, record.number]
        del self._theirs[record.kind, record.backend, record.theirs]


_REMOTE_START = ("transactionInfo", "remoteStartId")


def numbers_in(call: Call) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield the numbers in a station's call that a backend minted: kind, path, number. A signed call is left alone."""
    if call.action.endswith(SIGNED):
        return
    fields = call.fields
    for kind, name in (("request", "requestId"), ("reservation", "reservationId")):
        number = integer(fields.get(name))
        if number is not None:
            yield kind, (name,), number
    info = fields.get("transactionInfo")
    number = integer(info.get("remoteStartId")) if isinstance(info, dict) else None
    if number is not None:
        yield "remote_start", _REMOTE_START, number
