"""The register: claims and accepted stations, which change while the gateway runs, kept in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import TypeAlias

from voltgate.directory.claims import PARTS, Claim, Claims, Conflict, Holding, Part, part_of
from voltgate.directory.disk import Behind, Disk, Turn
from voltgate.directory.rows import (
    NO_KEY,
    Accepted,
    Address,
    Draft,
    Row,
    accepted_record,
    claimant_record,
    former_key_record,
    key_record,
    keys_that_differ,
    part_record,
    shared_key,
)
from voltgate.directory.slices import unhurried
from voltgate.directory.unreadable import UnreadableRows
from voltgate.ocpp.folding import fold
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Nowhere, RegisterRecord, Store, StoreAway

ReadRows: TypeAlias = Callable[[Collection[Row] | None], Awaitable[list[RegisterRecord]]]
"""Reads these rows of the database, None: all. Raises StoreAway."""

EXPIRY = "expiry"
"""The caller named for changes by expiry."""

MOST_TOLD = 100
"""Conflicts that are reported one by one."""


class TooMany(Exception):  # noqa: N818 - named for the condition
    """The register holds the greatest number of claims."""


class TooShort(Exception):  # noqa: N818
    """A list is empty, or a tenth shorter than the one before: a broken job must not strand a fleet."""

    def __init__(self, stations: int, before: int) -> None:
        super().__init__(f"The list holds {stations} stations, the one before held {before}")
        self.stations = stations
        self.before = before


@dataclass(frozen=True, slots=True)
class Contest:
    """A station that several backends claim: its holder ("" none), and of each claim the backend, time and caller."""

    station: str
    holder: str
    claims: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What others have changed.

    `keys` are those of stations whose claims or acceptance are others now; `moved` is whether a backend has another
    address, `other_key` whether callbacks have another key.
    """

    keys: frozenset[str]
    moved: bool
    other_key: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The result of a change of claims. `keys` are those of every station that was added or removed."""

    backend: str
    by: str
    at: float
    stations: int
    added: int
    removed: int
    contested: int
    contests: tuple[Contest, ...]
    keys: frozenset[str]
    moved: bool
    """Whether the backend's address has changed."""


class Register:
    """Claims, the addresses of backends that claim, and accepted stations.

    A change is on disk before it is in force; `loaded` is set once the records on disk at the start have been read.
    """

    def __init__(self, store: Store | None = None, wall: Calendar | None = None, disk: Disk | None = None) -> None:
        self.claims = Claims()
        self.accepted: dict[str, Accepted] = {}
        self.addresses: dict[str, Address] = {}
        self.unreadable = UnreadableRows()
        self.loaded = store is None
        self.key_of_callbacks = b"" if store is not None else token_bytes(32)
        """The key of the codes in callback addresses: the same until somebody renews it."""
        self.former_key = NO_KEY
        self.most = 1_000_000
        self.shares: Mapping[str, int] = {}
        """How many claims each backend may have."""
        self._store: Store = store or Nowhere()
        self._disk = disk or Behind(self._store)
        self._wall = wall or Calendar(time.time, time.monotonic)
        self._key: Callable[[str], str] = fold
        self._changing = asyncio.Lock()
        self._misplaced = False
        """Whether claims stand in other rows than this process would write: then single rows say nothing."""

    def follow(
        self,
        key: Callable[[str], str],
        known: Iterable[str],
        conflict: Conflict,
        expire: float,
        most: int,
        lasting: Iterable[str] = (),
        shares: Mapping[str, int] | None = None,
    ) -> None:
        """Apply a configuration: how identities are compared, which backends exist, how conflicts are resolved.

        Claims of the `lasting` backends never expire; `shares` are how many claims each backend may have.
        """
        self._key, self.most, self.shares = key, most, shares or {}
        there, kept = frozenset(known), frozenset(lasting)
        self.claims = replace(self.claims, conflict=conflict, expire=expire, known=there, lasting=kept)

    def holder(self, key: str) -> str:
        """Return the backend that holds a station; "" if none does."""
        return self.claims.holder(key, self._wall.is_over)

    def is_vague(self, key: str) -> bool:
        """Return whether a row that may speak of a station is there, and cannot be read."""
        return not self.loaded or self.unreadable.may_name(key)

    def standing(self, key: str) -> list[tuple[Claim, str]]:
        """Return the valid claims to a station with their backends, the oldest first."""
        return self.claims.standing(key, self._wall.is_over)

    # Reading what is on disk.

    async def load(self, read: ReadRows) -> None:
        """Read all rows at the start, and write those again that are written otherwise by now. Raises StoreAway."""
        async with self._changing:
            draft = await self._drafted(read, None)
            await self._enforce(draft)
        if draft.outdated or draft.renamed or not self.key_of_callbacks:
            async with self._disk.turn() as turn, self._changing:
                await self._mend(turn, draft)
        self.loaded = True

    async def take(self, read: ReadRows, rows: Collection[Row] | None) -> Taken:
        """Put in force what others have written: these rows, None: any. Raises StoreAway; then nothing has changed."""
        async with self._changing:
            rows = None if self._misplaced else rows
            draft = await self._drafted(read, rows)
            if draft.outdated and rows is not None:
                draft = await self._drafted(read, None)
            return await self._enforce(draft)

    async def _drafted(self, read: ReadRows, rows: Collection[Row] | None) -> Draft:
        draft = Draft(self._key, rows)
        if rows is not None:
            keys = self.key_of_callbacks, self.former_key
            draft.begin(self.claims.holdings, self.addresses, self.accepted, self.unreadable, *keys)
        for record in await read(rows):
            if not await draft.read(record):
                self._store.spoilt(record)
        return draft

    async def _enforce(self, draft: Draft) -> Taken:
        old, accepted, addresses = self.claims.holdings, self.accepted, self.addresses
        keys_before = self.key_of_callbacks, self.former_key
        self._misplaced = bool(draft.outdated)
        new = draft.holdings(old, self._wall())
        self.claims = replace(self.claims, holdings=new)
        self.accepted, self.addresses, self.unreadable = draft.accepted, draft.addresses, draft.unreadable
        self.key_of_callbacks, self.former_key = draft.key_of_callbacks, draft.former_key
        keys = set(keys_that_differ(accepted, draft.accepted))
        for name in old.keys() | new.keys():
            for was, part in _changed_parts(old.get(name) or Holding(name), new.get(name) or Holding(name)):
                keys |= _new_in(part, was) | (was.keys() - part.keys())
                await asyncio.sleep(0)
        moved = any(
            addresses.get(name, Address()).urls != draft.addresses.get(name, Address()).urls
            for name in addresses.keys() | draft.addresses.keys()
        )
        return Taken(frozenset(keys), moved, keys_before != (draft.key_of_callbacks, draft.former_key))

    async def _mend(self, turn: Turn, draft: Draft) -> None:
        """Write what is of an older spelling, as it is by now, and the key where there is none."""
        records = [
            part_record(name, number, part, self._wall())
            for name in draft.outdated - self.unreadable.backends
            for number, part in enumerate(self.claims.of(name).parts)
        ]
        records += [accepted_record(key, self.accepted[key]) for _, key in draft.renamed if key in self.accepted]
        key = self.key_of_callbacks or token_bytes(32)
        if key != self.key_of_callbacks:
            records.append(key_record(key, self._wall()))
        await turn.mend(records, [record for record, _ in draft.renamed])
        self._misplaced = False
        self.key_of_callbacks = key

    async def renew_key(self) -> None:
        """Have callback addresses made by another key from now on. Raises StoreAway; then nothing has changed."""
        async with self._disk.turn() as turn, self._changing:
            now, (old, at) = self._wall(), self.former_key
            key, former = token_bytes(32), (self.key_of_callbacks, now)
            before = [key_record(self.key_of_callbacks, now), former_key_record(old, at)]
            await self._keep(turn, [key_record(key, now), former_key_record(*former)], before)
            self.key_of_callbacks, self.former_key = key, former

    def former_key_for(self, seconds: float) -> bytes:
        """Return the key before this one, while it is not longer ago than so many seconds that it was; else b""."""
        key, renewed = self.former_key
        return b"" if not key or not seconds or self._wall.is_over(renewed, seconds) else key

    # Claims.

    async def replace(
        self, backend: str, identities: Iterable[str], by: str, address: Address | None = None, *, force: bool = False
    ) -> Change:
        """Replace the list of a backend; with `force` also by one that is too short.

        Raises StoreAway, TooMany and TooShort; then nothing has changed.
        """
        async with self._disk.turn() as turn, self._changing:
            now, old = self._wall(), self.claims.of(backend)
            parts = _empty()
            async for few in unhurried(identities):
                for identity in few:
                    claim = self._claim(old, identity, by, now)
                    key = self._key(identity)
                    parts[part_of(key)][shared_key(key, claim)] = claim
            kept = tuple(mine if theirs != mine else theirs for theirs, mine in zip(old.parts, parts, strict=True))
            if backend in self.unreadable.backends:
                kept = tuple(parts)  # all of it is written, also over what cannot be read
            new = Holding(backend, kept, now)
            if not force and (len(new) == 0 or len(new) * 10 <= len(old) * 9):
                raise TooShort(len(new), len(old))
            return await self._put(turn, old, new, by, now, address)

    async def amend(
        self, backend: str, add: Iterable[str], remove: Iterable[str], by: str, address: Address | None = None
    ) -> Change:
        """Add stations to a list and remove others. Raises StoreAway and TooMany; then nothing has changed."""
        async with self._disk.turn() as turn, self._changing:
            if backend in self.unreadable.backends:
                raise StoreAway("a part of this list cannot be read in the database: say the whole list again")
            now, old = self._wall(), self.claims.of(backend)
            parts: dict[int, dict[str, Claim]] = {}
            async for few in unhurried(remove):
                for key in map(self._key, few):
                    self._opened(parts, old, key).pop(key, None)
            async for few in unhurried(add):
                for identity in few:
                    key, claim = self._key(identity), self._claim(old, identity, by, now)
                    renewed = Claim(claim.identity, claim.since, now, claim.by)
                    self._opened(parts, old, key)[shared_key(key, renewed)] = renewed
            return await self._put(turn, old, _with(old, parts), by, now, address)

    def _opened(self, parts: dict[int, dict[str, Claim]], old: Holding, key: str) -> dict[str, Claim]:
        """Return the part of a key for writing: a copy, made once."""
        number = part_of(key)
        part = parts.get(number)
        if part is None:
            part = parts[number] = dict(old.parts[number])
        return part

    def _claim(self, old: Holding, identity: str, by: str, now: float) -> Claim:
        """Return the claim to a station: a new one, or the valid one that exists."""
        former = old.find(self._key(identity))
        if former is None or self._has_expired(old, former):
            return Claim(identity, now, now, by)
        return former if former.identity == identity else Claim(identity, former.since, former.renewed, former.by)

    async def _put(
        self, turn: Turn, old: Holding, new: Holding, by: str, now: float, address: Address | None
    ) -> Change:
        name = new.backend
        grows = len(new) > len(old)  # a bound that was lowered takes nothing away
        if grows and (share := self.shares.get(name)) is not None and len(new) > share:
            raise TooMany(f"{share} are as many as it may have (backends.{name}.claims.most)")
        if grows and len(self.claims) - len(old) + len(new) > self.most:
            raise TooMany(f"{self.most} claims are as many as there may be (claims.most)")
        changed = [n for n, (was, part) in enumerate(zip(old.parts, new.parts, strict=True)) if was is not part]
        records, before = [], []
        for number in changed:
            records.append(part_record(name, number, new.parts[number], now))
            before.append(part_record(name, number, old.parts[number], now))
            await asyncio.sleep(0)
        was = self.addresses.get(name, Address())
        address = was if address is None else address
        records.append(claimant_record(name, new.listed, address, now))
        before.append(claimant_record(name, old.listed, was, now))
        await self._keep(turn, records, [self.unreadable.rows.get(record.key, record) for record in before])
        self.unreadable.forget(records)
        self.claims = replace(self.claims, holdings={**self.claims.holdings, name: new})
        self.addresses[name] = address
        return await self._changed(old, new, by, now, moved=address.urls != was.urls)

    async def _changed(self, old: Holding, new: Holding, by: str, now: float, *, moved: bool) -> Change:
        added, removed = set(), set()
        contests: list[Contest] = []
        contested = 0
        for was, part in zip(old.parts, new.parts, strict=True):
            if was is part:
                continue
            added_here = _new_in(part, was)
            async for few in unhurried(added_here):
                for key in few:
                    standing = self.claims.standing(key, self._wall.is_over)
                    if len(standing) > 1:
                        contested += 1
                        if len(contests) < MOST_TOLD:
                            contests.append(self.contest(standing))
            added |= added_here
            removed |= was.keys() - part.keys()
            await asyncio.sleep(0)
        keys = frozenset(added | removed)
        return Change(new.backend, by, now, len(new), len(added), len(removed), contested, tuple(contests), keys, moved)

    def contest(self, standing: list[tuple[Claim, str]]) -> Contest:
        """Return the conflict over a station: who claims it, and who holds it."""
        identity = standing[0][0].identity
        claims = tuple((backend, claim.since, claim.by) for claim, backend in standing)
        return Contest(identity, self.claims.holder_of(standing), claims)

    async def tidy(self) -> AsyncIterator[Change]:
        """Remove the claims that have expired; yield the change of each list. Raises StoreAway."""
        for backend in list(self.claims.holdings):
            if not await self._expired(self.claims.of(backend)):
                continue
            async with self._disk.turn() as turn, self._changing:  # so that no claim is renewed while it is removed
                old = self.claims.of(backend)
                parts = await self._expired(old)
                if parts:
                    change = await self._put(turn, old, _with(old, parts), EXPIRY, self._wall(), None)
            if parts:
                yield change

    async def _expired(self, old: Holding) -> dict[int, dict[str, Claim]]:
        """Return the parts of a list in which claims have expired, without these."""
        parts: dict[int, dict[str, Claim]] = {}
        if not self.claims.expire or old.backend in self.unreadable.backends:
            return parts
        if not self._wall.is_over(old.listed, self.claims.expire) and old.listed:
            return parts
        async for few in unhurried(old):
            for key, claim in few:
                if self._has_expired(old, claim):
                    del self._opened(parts, old, key)[key]
        return parts

    def _has_expired(self, holding: Holding, claim: Claim) -> bool:
        return self.claims.has_expired(holding, claim, self._wall.is_over)

    # Accepted stations.

    async def accept(self, identity: str, route: str, by: str) -> Accepted:
        """Admit a station on a route from now on. Raises StoreAway; then nothing has changed."""
        async with self._disk.turn() as turn, self._changing:
            key, accepted = self._key(identity), Accepted(identity, route, self._wall(), by)
            former = self.accepted.get(key)
            before = [] if former is None else [accepted_record(key, former)]
            records = [accepted_record(key, accepted)]
            await self._keep(turn, records, [*self.unreadable.of(records), *before])
            self.unreadable.forget(records)
            self.accepted[key] = accepted
            return accepted

    async def forget(self, key: str) -> bool:
        """Remove an accepted station; return False if it was not one. Raises StoreAway; then nothing has changed."""
        async with self._disk.turn() as turn, self._changing:
            accepted = self.accepted.get(key)
            if accepted is None:
                return False
            record = accepted_record(key, accepted)
            await turn.keep([], [record], [record])
            del self.accepted[key]
            return True

    async def _keep(self, turn: Turn, records: list[RegisterRecord], before: list[RegisterRecord]) -> None:
        if not self.loaded:
            raise StoreAway("the register has not been read yet: the database is away")
        await turn.keep(records, [], before)


def _empty() -> list[dict[str, Claim]]:
    return [{} for _ in range(PARTS)]


def _with(holding: Holding, parts: dict[int, dict[str, Claim]]) -> Holding:
    """Return a list with some of its parts replaced."""
    kept = tuple(parts.get(number, part) for number, part in enumerate(holding.parts))
    return Holding(holding.backend, kept, holding.listed)


def _changed_parts(old: Holding, new: Holding) -> Iterator[tuple[Part, Part]]:
    """Yield the parts of a list that are others now, each as it was and as it is."""
    return ((was, part) for was, part in zip(old.parts, new.parts, strict=True) if was is not part)


def _new_in(part: Part, was: Part) -> set[str]:
    """Return the keys of claims that are new, or had expired and are made again: these lost their precedence."""
    return {key for key, claim in part.items() if (before := was.get(key)) is None or before.since != claim.since}
