"""What is known of stations' security besides their entries: the profile they came with, and changed passwords.

It is kept in the database, and all of it is in memory: a handshake asks nobody. Who has come with a security profile
that was proven here comes with no lower one any more, until an operator lets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

from voltgate.directory.profiles import Arrival
from voltgate.relay.records import StoreAway

_AT_ONCE = 500
"""Stations that are written with one commit."""
_OFFERED = 3
"""Passwords of which nobody knows whether a station took them: beyond so many the oldest counts no more."""
_AGAIN = 1.0
"""Seconds between two tries while the database is away."""


@dataclass(frozen=True, slots=True)
class SecurityRecord:
    """What is known of one station. Times are in seconds since 1970.

    `profile` is the lowest that it may come with: it has come with it, and `by` is "" then; else it names who lowered
    it. `until` is when the certificate ends that it came with last. `password` is the argon2 hash of the one that it
    was given through Voltgate ("": that of its entry counts), `offered` of those of which it has not said whether it
    took them, the newest last, with spaces between: all of them count until it has come with one.
    """

    station: str
    identity: str
    profile: int = 0
    at: float = 0.0
    by: str = ""
    until: float | None = None
    password: str = field(default="", repr=False)
    offered: str = field(default="", repr=False)
    password_at: float | None = None


class Table(Protocol):
    """The records in the database. Everything raises StoreAway."""

    async def read(self, stations: Collection[str] | None) -> list[SecurityRecord]:
        """Return those of some stations, None: all."""

    async def came(self, records: Sequence[SecurityRecord]) -> None:
        """Write with which profile stations have come, unless it is lower than what is written, and until when."""

    async def change(self, record: SecurityRecord, columns: Mapping[str, Any]) -> None:
        """Write some columns of a record, as they are in it, or all of it if there is none."""

    async def took(self, station: str, offered: str, password: str, at: float) -> None:
        """Have a password count that was offered, and no other, unless others are offered by now."""


class StationSecurity:
    """The records of all stations that have one. Without a table they last as long as the process.

    `is_read` says whether those of the table are known: until then nobody can say what a station may come with.
    """

    def __init__(self, wall: Callable[[], float], table: Table | None = None) -> None:
        self._wall = wall
        self._table = table
        self.is_read = table is None
        self._records: dict[str, SecurityRecord] = {}
        self._unwritten: dict[str, SecurityRecord] = {}
        self._taken: dict[str, tuple[str, str]] = {}
        """The passwords that stations have come with, of those that were offered: to be written."""
        self._wake = asyncio.Event()

    def of(self, station: str, identity: str = "") -> SecurityRecord:
        """Return the record of a station, by its key; an empty one if there is none."""
        return self._records.get(station) or SecurityRecord(station, identity or station)

    def least(self, station: str) -> int:
        """Return the lowest profile that a station may come with."""
        record = self._records.get(station)
        return 0 if record is None else record.profile

    def ending(self, before: float) -> Iterator[SecurityRecord]:
        """Yield the records of stations whose certificates end before a time."""
        return (each for each in self._records.values() if each.until is not None and each.until < before)

    # What stations do.

    def came(self, station: str, identity: str, arrival: Arrival) -> None:
        """Note with which profile a station has come in; only what was proven here binds it."""
        if not arrival.proven:
            return
        before = self.of(station, identity)
        if arrival.profile <= before.profile and arrival.until == before.until:
            return
        raised = arrival.profile > before.profile
        record = replace(before, identity=identity, profile=max(arrival.profile, before.profile), until=arrival.until)
        if raised:
            record = replace(record, at=self._wall(), by="")
        self._records[station] = record
        self._to_write(self._unwritten, station, record)

    def passwords(self, station: str, configured: str) -> tuple[str, ...]:
        """Return the passwords, or their hashes, by which a station may come: one, or two while nobody knows which."""
        record = self._records.get(station)
        if record is None:
            return (configured,)
        return (record.password or configured, *record.offered.split())

    def used(self, station: str, password: str) -> None:
        """Note which of its passwords a station came with: from a new one on those before it count no more."""
        record = self._records.get(station)
        if record is not None and password in record.offered.split():
            self._records[station] = self._with(record, password)
            self._to_write(self._taken, station, (record.offered, password))

    def _with(self, record: SecurityRecord, password: str) -> SecurityRecord:
        return replace(record, password=password, offered="", password_at=self._wall())

    def _to_write(self, waiting: dict[str, Any], station: str, what: Any) -> None:
        if self._table is not None:
            waiting[station] = what
            self._wake.set()

    # What operators do. All raise StoreAway; then nothing has changed.

    async def lower(self, station: str, identity: str, profile: int, by: str) -> SecurityRecord:
        """Let a station come with a lower profile from now on."""
        self._unwritten.pop(station, None)
        return await self._change(station, identity, profile=profile, at=self._wall(), by=by)

    async def offer(self, station: str, identity: str, password: str) -> None:
        """Have a new password count, by its hash, besides the one until now: the station is about to be given it."""
        offered = [*self.of(station).offered.split(), password][-_OFFERED:]
        await self._change(station, identity, offered=" ".join(offered), password_at=self._wall())

    async def settle(self, station: str, password: str, *, taken: bool) -> None:
        """Have a password that was offered count alone, as the station has taken it, or not at all: it has not."""
        record = self.of(station)
        left = record.offered.split()
        if password not in left:  # it has come with it meanwhile, or another answer was faster
            return
        if not taken:
            left.remove(password)
            await self._change(station, record.identity, offered=" ".join(left))
            return
        if self._table is not None:
            await self._table.took(station, record.offered, password, self._wall())
        self._records[station] = self._with(self.of(station), password)

    async def forget_password(self, station: str) -> bool:
        """Have the password of the station's entry count again; return whether it had another."""
        record = self.of(station)
        if not record.password and not record.offered:
            return False
        await self._change(station, record.identity, password="", offered="", password_at=self._wall())
        return True

    async def _change(self, station: str, identity: str, **columns: Any) -> SecurityRecord:
        record = replace(self.of(station, identity), **columns)
        if self._table is not None:
            await self._table.change(record, columns)
        self._records[station] = replace(self.of(station, identity), **columns)
        return self._records[station]

    # What is on disk.

    async def read(self) -> None:
        """Read all. Raises StoreAway."""
        if self._table is None:
            return
        found = {each.station: each for each in await self._table.read(None)}
        found.update({station: _higher(found.get(station), each) for station, each in self._unwritten.items()})
        self._records = found
        self.is_read = True

    async def heard(self, told: Sequence[Any]) -> None:
        """Read the records again that other gateways have written. Raises StoreAway."""
        stations = {str(station) for each in told for station in each}
        assert self._table is not None  # noqa: S101 - without one there are no others
        found = {each.station: each for each in await self._table.read(stations)}
        for station in stations & found.keys():
            self._records[station] = _higher(found[station], self._unwritten.get(station, found[station]))

    async def missed(self) -> None:
        """Read all again: nobody knows what others have written. Raises StoreAway."""
        if self.is_read:
            await self.read()

    async def tend(self) -> None:
        """Read what is on disk, if that was not possible yet; then write what there is to write, again and again."""
        try:
            if not self.is_read:
                await self.read()
            await self._wake.wait()
            self._wake.clear()
            await self._write()
        except StoreAway:
            await asyncio.sleep(_AGAIN)
        finally:
            if self._unwritten or self._taken:
                self._wake.set()

    async def _write(self) -> None:
        assert self._table is not None  # noqa: S101 - nothing waits without one
        while self._unwritten:
            few = dict(islice(self._unwritten.items(), _AT_ONCE))
            await self._table.came(list(few.values()))
            self._written(self._unwritten, few)
        for station, taken in list(self._taken.items()):
            await self._table.took(station, *taken, self._wall())
            self._written(self._taken, {station: taken})

    def _written(self, waiting: dict[str, Any], few: Mapping[str, Any]) -> None:
        for station, what in few.items():
            if waiting.get(station) is what:
                del waiting[station]


def _higher(one: SecurityRecord | None, other: SecurityRecord) -> SecurityRecord:
    """Return what is written, with the profile that a station has come with here and that is yet to be written."""
    if one is None or other.profile <= one.profile:
        return one or other
    return replace(one, profile=other.profile, at=other.at, by=other.by, until=other.until)
