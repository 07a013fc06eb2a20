"""The register: claims and accepted stations, which change while the gateway runs, kept in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes

import msgspec

from voltgate.directory.claims import (
    PARTS,
    Claim,
    Claims,
    Conflict,
    Holding,
    Part,
    PartDocument,
    interned,
    part_of,
    read,
    written,
)
from voltgate.directory.slices import unhurried
from voltgate.directory.unreadable import ACCEPTED, CLAIMANT, CLAIMS, KEY, UnreadableRows
from voltgate.relay.calendar import Calendar
from voltgate.relay.records import Nowhere, RegisterRecord, Store, StoreAway

EXPIRY = "expiry"
"""The caller named for changes by expiry."""

MOST_TOLD = 100
"""Conflicts that are reported one by one."""


class Accepted(msgspec.Struct, frozen=True):
    """A station that was admitted from the waiting room. `at` is in seconds since 1970."""

    identity: str
    route: str
    at: float
    by: str


class Address(msgspec.Struct, frozen=True):
    """The URLs that a backend declared for itself; "": as configured."""

    url: str = ""
    soap_url: str = ""
    at: float = 0.0
    by: str = ""


class _Claimant(msgspec.Struct, frozen=True):
    backend: str
    listed: float
    address: Address


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

    def __init__(self, store: Store | None = None, wall: Calendar | None = None) -> None:
        self.claims = Claims()
        self.accepted: dict[str, Accepted] = {}
        self.addresses: dict[str, Address] = {}
        self.unreadable = UnreadableRows()
        self.loaded = store is None
        self.key_of_callbacks = b"" if store is not None else token_bytes(32)
        """The key of the codes in callback addresses: the same for the life of the database."""
        self.most = 1_000_000
        self._store: Store = store or Nowhere()
        self._wall = wall or Calendar(time.time, time.monotonic)
        self._key: Callable[[str], str] = str.casefold
        self._changing = asyncio.Lock()

    def follow(
        self, key: Callable[[str], str], known: Iterable[str], conflict: Conflict, expire: float, most: int
    ) -> None:
        """Apply a configuration: how identities are compared, which backends exist, how conflicts are resolved."""
        self._key, self.most = key, most
        self.claims = replace(self.claims, conflict=conflict, expire=expire, known=frozenset(known))

    def holder(self, key: str) -> str:
        """Return the backend that holds a station; "" if none does."""
        return self.claims.holder(key, self._wall.is_over)

    def is_vague(self, key: str) -> bool:
        """Return whether a row that may speak of a station is there, and cannot be read."""
        return not self.loaded or self.unreadable.may_name(key)

    def standing(self, key: str) -> list[tuple[Claim, str]]:
        """Return the valid claims to a station with their backends, the oldest first."""
        return self.claims.standing(key, self._wall.is_over)

    # Loading at the start.

    async def load(self, records: Sequence[RegisterRecord]) -> None:
        """Load the records of the database."""
        async with self._changing:
            lists: dict[str, list[dict[str, Claim]]] = {}
            listed: dict[str, float] = {}
            outdated = set()
            for record in records:
                try:
                    if record.kind == CLAIMS:
                        document = read(record.data)
                        if await self._take(document, lists.setdefault(document.backend, _empty())):
                            outdated.add(document.backend)
                    elif record.kind == CLAIMANT:
                        claimant = msgspec.json.decode(record.data, type=_Claimant)
                        listed[claimant.backend] = claimant.listed
                        if claimant.address != Address():
                            self.addresses[claimant.backend] = claimant.address
                    elif record.kind == ACCEPTED:
                        self._take_accepted(record)
                    elif record.kind == KEY:
                        self.key_of_callbacks = record.data
                    else:
                        self._store.spoilt(record)
                except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
                    self.unreadable.take(record)
                    self._store.spoilt(record)
            now = self._wall()  # a list that cannot be read whole counts as said now
            listed |= dict.fromkeys(self.unreadable.backends, now)
            names = lists.keys() | self.unreadable.backends
            holdings = {name: Holding(name, tuple(lists.get(name, _empty())), listed.get(name, 0.0)) for name in names}
            self.claims = replace(self.claims, holdings=holdings)
            for name in outdated - self.unreadable.backends:
                for number, part in enumerate(holdings[name].parts):
                    self._store.put(self._record(name, number, part))
            if not self.key_of_callbacks:
                self.key_of_callbacks = token_bytes(32)
                self._store.put(RegisterRecord(KEY, "callbacks", self._wall(), self.key_of_callbacks))
            self.loaded = True

    async def _take(self, document: PartDocument, parts: list[dict[str, Claim]]) -> bool:
        """Load a part of a list; return whether identities are compared otherwise than when it was written."""
        outdated = False
        async for few in unhurried(interned(document.claims)):
            for claim in few:
                key = self._key(claim.identity)
                number = part_of(key)
                parts[number][_shared(key, claim)] = claim
                outdated = outdated or number != document.part
        return outdated

    def _take_accepted(self, record: RegisterRecord) -> None:
        accepted = msgspec.json.decode(record.data, type=Accepted)
        key = self._key(accepted.identity)
        self.accepted[key] = accepted
        if key != record.name:  # identities are compared otherwise now: under its old key it could not be deleted
            self._store.strike(record)
            self._store.put(_accepted_record(key, accepted))

    # Claims.

    async def replace(
        self, backend: str, identities: Iterable[str], by: str, address: Address | None = None, *, force: bool = False
    ) -> Change:
        """Replace the list of a backend; with `force` also by one that is too short.

        Raises StoreAway, TooMany and TooShort; then nothing has changed.
        """
        async with self._changing:
            now, old = self._wall(), self.claims.of(backend)
            parts = _empty()
            async for few in unhurried(identities):
                for identity in few:
                    claim = self._claim(old, identity, by, now)
                    key = self._key(identity)
                    parts[part_of(key)][_shared(key, claim)] = claim
            kept = tuple(mine if theirs != mine else theirs for theirs, mine in zip(old.parts, parts, strict=True))
            if backend in self.unreadable.backends:
                kept = tuple(parts)  # all of it is written, also over what cannot be read
            new = Holding(backend, kept, now)
            if not force and (len(new) == 0 or len(new) * 10 <= len(old) * 9):
                raise TooShort(len(new), len(old))
            return await self._put(old, new, by, now, address)

    async def amend(
        self, backend: str, add: Iterable[str], remove: Iterable[str], by: str, address: Address | None = None
    ) -> Change:
        """Add stations to a list and remove others. Raises StoreAway and TooMany; then nothing has changed."""
        async with self._changing:
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
                    self._opened(parts, old, key)[_shared(key, renewed)] = renewed
            return await self._put(old, _with(old, parts), by, now, address)

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

    async def _put(self, old: Holding, new: Holding, by: str, now: float, address: Address | None) -> Change:
        name = new.backend
        grows = len(new) > len(old)  # a bound that was lowered takes nothing away
        if grows and len(self.claims) - len(old) + len(new) > self.most:
            raise TooMany(f"{self.most} claims are as many as there may be (claims.most)")
        changed = [n for n, (was, part) in enumerate(zip(old.parts, new.parts, strict=True)) if was is not part]
        records, before = [], []
        for number in changed:
            records.append(self._record(name, number, new.parts[number]))
            before.append(self._record(name, number, old.parts[number]))
            await asyncio.sleep(0)
        was = self.addresses.get(name, Address())
        address = was if address is None else address
        records.append(_claimant_record(name, new.listed, address, now))
        before.append(_claimant_record(name, old.listed, was, now))
        await self._keep(records, [self.unreadable.rows.get(record.key, record) for record in before])
        self.unreadable.forget(records)
        self.claims = replace(self.claims, holdings={**self.claims.holdings, name: new})
        self.addresses[name] = address
        moved = (address.url, address.soap_url) != (was.url, was.soap_url)
        return await self._changed(old, new, by, now, moved=moved)

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

    def _record(self, backend: str, number: int, part: Part) -> RegisterRecord:
        return RegisterRecord(CLAIMS, f"{backend}/{number}", self._wall(), written(backend, number, part))

    async def tidy(self) -> AsyncIterator[Change]:
        """Remove the claims that have expired; yield the change of each list. Raises StoreAway."""
        for backend in list(self.claims.holdings):
            async with self._changing:  # so that no claim is renewed while it is removed
                change = await self._tidied(self.claims.of(backend), self._wall())
            if change is not None:
                yield change

    async def _tidied(self, old: Holding, now: float) -> Change | None:
        if not self.claims.expire or old.backend in self.unreadable.backends:
            return None
        if not self._wall.is_over(old.listed, self.claims.expire) and old.listed:
            return None
        parts: dict[int, dict[str, Claim]] = {}
        async for few in unhurried(old):
            for key, claim in few:
                if self._has_expired(old, claim):
                    del self._opened(parts, old, key)[key]
        return await self._put(old, _with(old, parts), EXPIRY, now, None) if parts else None

    def _has_expired(self, holding: Holding, claim: Claim) -> bool:
        expire = self.claims.expire
        return expire > 0 and self._wall.is_over(holding.renewed(claim), expire)

    # Accepted stations.

    async def accept(self, identity: str, route: str, by: str) -> Accepted:
        """Admit a station on a route from now on. Raises StoreAway; then nothing has changed."""
        async with self._changing:
            key, accepted = self._key(identity), Accepted(identity, route, self._wall(), by)
            former = self.accepted.get(key)
            before = [] if former is None else [_accepted_record(key, former)]
            records = [_accepted_record(key, accepted)]
            await self._keep(records, [*self.unreadable.of(records), *before])
            self.unreadable.forget(records)
            self.accepted[key] = accepted
            return accepted

    async def forget(self, key: str) -> bool:
        """Remove an accepted station; return False if it was not one. Raises StoreAway; then nothing has changed."""
        async with self._changing:
            accepted = self.accepted.get(key)
            if accepted is None:
                return False
            record = _accepted_record(key, accepted)
            self._store.strike(record)
            if not await self._is_kept():
                self._store.put(record)
                raise StoreAway("the database is away")
            del self.accepted[key]
            return True

    # The database.

    async def _keep(self, records: list[RegisterRecord], before: list[RegisterRecord]) -> None:
        """Write records with one commit; if that fails, restore the former ones."""
        if not self.loaded:
            raise StoreAway("the register has not been read yet: the database is away")
        for record in records:
            self._store.put(record)
        if await self._is_kept():
            return
        for record in records:
            self._store.strike(record)
        for record in before:
            self._store.put(record)
        raise StoreAway("the database is away")

    async def _is_kept(self) -> bool:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def then(kept: bool) -> None:
            if not done.done():
                done.set_result(kept)

        self._store.after(then)
        return await done


def _empty() -> list[dict[str, Claim]]:
    return [{} for _ in range(PARTS)]


def _shared(key: str, claim: Claim) -> str:
    """Return the key, as the same object as the identity if they are equal: there may be a million of them."""
    return claim.identity if claim.identity == key else key


def _with(holding: Holding, parts: dict[int, dict[str, Claim]]) -> Holding:
    """Return a list with some of its parts replaced."""
    kept = tuple(parts.get(number, part) for number, part in enumerate(holding.parts))
    return Holding(holding.backend, kept, holding.listed)


def _new_in(part: Part, was: Part) -> set[str]:
    """Return the keys of claims that are new, or had expired and are made again: these lost their precedence."""
    return {key for key, claim in part.items() if (before := was.get(key)) is None or before.since != claim.since}


def _accepted_record(key: str, accepted: Accepted) -> RegisterRecord:
    return RegisterRecord(ACCEPTED, key, accepted.at, msgspec.json.encode(accepted))


def _claimant_record(backend: str, listed: float, address: Address, now: float) -> RegisterRecord:
    return RegisterRecord(CLAIMANT, backend, now, msgspec.json.encode(_Claimant(backend, listed, address)))
