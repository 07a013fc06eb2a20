"""What a gateway cannot do without: its database, its disk, its certificates, the other nodes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime

from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.relay.certificate_events import CertificateExpiring, CertificateRenewed
from voltgate.relay.events import (
    DatabaseAway,
    DatabaseBack,
    DiskFilling,
    DiskFreed,
    Event,
    JournalGrowing,
    JournalShrunk,
    NodeBack,
    NodeLost,
)

LEAST_BYTES = 256 << 20
"""A disk is nearly full in any case when fewer bytes are free."""
_DAY = 86400.0


class DatabaseWatch:
    """Tells when the database goes and comes."""

    def __init__(self) -> None:
        self._since: float | None = None

    def look(self, reason: str | None, now: float) -> Iterator[Event]:
        """Yield what has changed; `reason` is why it is away, None if it is not."""
        if reason is not None and self._since is None:
            self._since = now
            yield DatabaseAway(reason)
        elif reason is None and self._since is not None:
            seconds, self._since = now - self._since, None
            yield DatabaseBack(seconds)


class DiskWatch:
    """Tells of file systems that are nearly full."""

    def __init__(self) -> None:
        self._full: set[str] = set()

    def look(self, path: str, free: int, total: int, bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield what has changed of one. It has space again once there is a tenth more than it takes to be full."""
        bound = max(LEAST_BYTES, min(int(total * bounds.disk_share), bounds.disk_free))
        if path not in self._full and free < bound:
            self._full.add(path)
            yield DiskFilling(path, free, total)
        elif path in self._full and free > bound * 1.1:
            self._full.discard(path)
            yield DiskFreed(path, free, total)


class JournalWatch:
    """Tells of backends that are owed much."""

    def __init__(self) -> None:
        self._growing: set[str] = set()

    def look(self, owed: Mapping[str, tuple[int, float]], bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield what has changed; `owed` is how many messages each backend is owed, and the oldest for how long."""
        most, longest = bounds.journal_entries, bounds.journal_age
        for name in self._growing.difference(owed):
            self._growing = self._growing - {name}
            yield JournalShrunk(name, 0)
        for name, (messages, seconds) in owed.items():
            if name not in self._growing and (messages >= most or seconds >= longest):
                self._growing.add(name)
                yield JournalGrowing(name, messages, seconds)
            elif name in self._growing and messages < most / 2 and seconds < longest / 2:
                self._growing.discard(name)
                yield JournalShrunk(name, messages)


class Reminders:
    """Which reminder was given last of each thing that ends, by its name: each is given once."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[datetime, int]] = {}

    def due(self, name: str, end: datetime, now: datetime, days: Iterable[int]) -> int | None:
        """Return the number of days before its end for which one that lasts until `end` is to be told of now."""
        due = min((day for day in days if (end - now).total_seconds() / _DAY <= day), default=None)
        if due is None or self._given.get(name) == (end, due):
            return None
        self._given[name] = (end, due)
        return due

    def lasts(self, name: str, end: datetime, now: datetime, days: Iterable[int]) -> bool:
        """Return whether one that was told of lasts longer by now."""
        is_longer = name in self._given and (end - now).total_seconds() / _DAY > max(days, default=0)
        if is_longer:
            del self._given[name]
        return is_longer

    def forget_all_but(self, names: Container[str]) -> None:
        """Forget what is not there any more."""
        self._given = {name: given for name, given in self._given.items() if name in names}


class CertificateWatch:
    """Tells of certificates that end soon, some days before: at each of these reminders once."""

    def __init__(self) -> None:
        self._reminders = Reminders()

    def look(self, name: str, end: datetime, now: datetime, bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield what has changed of one that lasts until `end`."""
        due = self._reminders.due(name, end, now, bounds.certificate_days)
        if due is not None:
            yield CertificateExpiring(name, end.isoformat(), (end - now).total_seconds() / _DAY, due)
        elif self._reminders.lasts(name, end, now, bounds.certificate_days):
            yield CertificateRenewed(name, end.isoformat())


class NodeWatch:
    """Tells of nodes of the cluster that are gone without a farewell: who says one takes its name out of the list."""

    def __init__(self) -> None:
        self._lost: set[str] = set()

    def look(self, alive: Mapping[str, bool], silence: Mapping[str, float]) -> Iterator[Event]:
        """Yield what has changed; `alive` says it of each node, `silence` for how many seconds it was not heard of."""
        for name in [name for name, lives in alive.items() if not lives and name not in self._lost]:
            self._lost.add(name)
            yield NodeLost(name, silence[name])
        for name in [name for name in self._lost if alive.get(name)]:
            self._lost.discard(name)
            yield NodeBack(name)
        self._lost &= set(alive)
