"""The rows of the register: how what was said is written down, and read again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

import msgspec

from voltgate.directory.claims import PARTS, Claim, Holding, Part, PartDocument, interned, part_of, read, written
from voltgate.directory.slices import unhurried
from voltgate.directory.unreadable import ACCEPTED, CLAIMANT, CLAIMS, FORMER, KEY, UnreadableRows
from voltgate.relay.records import RegisterRecord

Row: TypeAlias = tuple[str, str]
"""The key of a row: its kind and name."""
FormerKey: TypeAlias = tuple[bytes, float]
"""The key of callbacks before the one in force (b"": none), and when that took its place, in seconds since 1970."""
NO_KEY: FormerKey = (b"", 0.0)


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

    @property
    def urls(self) -> tuple[str, str]:
        """Where it is."""
        return self.url, self.soap_url


class _Claimant(msgspec.Struct, frozen=True):
    backend: str
    listed: float
    address: Address


def part_record(backend: str, number: int, part: Part, now: float) -> RegisterRecord:
    """Return the row of a part of a list."""
    return RegisterRecord(CLAIMS, f"{backend}/{number}", now, written(backend, number, part))


def accepted_record(key: str, accepted: Accepted) -> RegisterRecord:
    """Return the row of an accepted station."""
    return RegisterRecord(ACCEPTED, key, accepted.at, msgspec.json.encode(accepted))


def claimant_record(backend: str, listed: float, address: Address, now: float) -> RegisterRecord:
    """Return the row of a backend that claims."""
    return RegisterRecord(CLAIMANT, backend, now, msgspec.json.encode(_Claimant(backend, listed, address)))


def key_record(key: bytes, now: float) -> RegisterRecord:
    """Return the row of the key of callbacks."""
    return RegisterRecord(KEY, "callbacks", now, key)


def former_key_record(key: bytes, renewed: float) -> RegisterRecord:
    """Return the row of the key of callbacks that another took the place of, at a time."""
    return RegisterRecord(FORMER, "callbacks", renewed, key)


def shared_key(key: str, claim: Claim) -> str:
    """Return the key, as the same object as the identity if they are equal: there may be a million of them."""
    return claim.identity if claim.identity == key else key


class Draft:
    """What the register says according to some rows, over what it said before; `rows` None: according to all rows.

    `key` is how identities are compared. Where a claim is in another part of its list than it belongs to, since they
    were compared otherwise when it was written, its backend is `outdated`; a draft of some rows is of no use then.
    `renamed` are rows of accepted stations that have another key by now.
    """

    def __init__(self, key: Callable[[str], str], rows: Collection[Row] | None) -> None:
        self._key = key
        self._rows = None if rows is None else frozenset(rows)
        self._parts: dict[Row, dict[str, Claim]] = {}
        """The parts that were read, by the names of their rows."""
        self.addresses: dict[str, Address] = {}
        self.listed: dict[str, float] = {}
        self.accepted: dict[str, Accepted] = {}
        self.unreadable = UnreadableRows()
        self.key_of_callbacks = b""
        self.former_key = NO_KEY
        self.outdated: set[str] = set()
        self.renamed: list[tuple[RegisterRecord, str]] = []

    def begin(
        self,
        holdings: Mapping[str, Holding],
        addresses: Mapping[str, Address],
        accepted: Mapping[str, Accepted],
        unreadable: UnreadableRows,
        key_of_callbacks: bytes,
        former_key: FormerKey,
    ) -> None:
        """Begin with what was said before, without what these rows said."""
        rows = self._rows or ()
        self.addresses |= {name: each for name, each in addresses.items() if (CLAIMANT, name) not in rows}
        self.listed |= {name: each.listed for name, each in holdings.items() if (CLAIMANT, name) not in rows}
        self.accepted |= {key: each for key, each in accepted.items() if (ACCEPTED, key) not in rows}
        self.unreadable.rows = {key: row for key, row in unreadable.rows.items() if key not in rows}
        self.key_of_callbacks, self.former_key = key_of_callbacks, former_key
        self._parts = {row: {} for row in rows if row[0] == CLAIMS}

    async def read(self, record: RegisterRecord) -> bool:
        """Take a row; return whether it could be read."""
        try:
            if record.kind == CLAIMS:
                await self._read_part(read(record.data))
            elif record.kind == CLAIMANT:
                claimant = msgspec.json.decode(record.data, type=_Claimant)
                self.listed[claimant.backend] = claimant.listed
                if claimant.address != Address():
                    self.addresses[claimant.backend] = claimant.address
            elif record.kind == ACCEPTED:
                self._read_accepted(record)
            elif record.kind == KEY:
                self.key_of_callbacks = record.data
            elif record.kind == FORMER:
                self.former_key = record.data, record.at
            else:
                return False
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            self.unreadable.take(record)
            return False
        return True

    async def _read_part(self, document: PartDocument) -> None:
        backend = document.backend
        self._part(backend, document.part)
        async for few in unhurried(interned(document.claims)):
            for claim in few:
                key = self._key(claim.identity)
                number = part_of(key)
                if number != document.part:
                    self.outdated.add(backend)
                self._part(backend, number)[shared_key(key, claim)] = claim

    def _part(self, backend: str, number: int) -> dict[str, Claim]:
        row = CLAIMS, f"{backend}/{number}"
        if self._rows is not None and row not in self._rows:
            self.outdated.add(backend)
        return self._parts.setdefault(row, {})

    def _read_accepted(self, record: RegisterRecord) -> None:
        accepted = msgspec.json.decode(record.data, type=Accepted)
        key = self._key(accepted.identity)
        self.accepted[key] = accepted
        if key != record.name:  # under its old key it could not be deleted
            self.renamed.append((record, key))

    def holdings(self, before: Mapping[str, Holding], now: float) -> dict[str, Holding]:
        """Return all lists; one that cannot be read whole counts as said now."""
        old = {} if self._rows is None else before
        read = {name.rpartition("/")[0] for _, name in self._parts}
        made = {name: self._holding(old.get(name) or Holding(name), now) for name in read | self.unreadable.backends}
        relisted = {name: Holding(name, each.parts, self.listed.get(name, 0.0)) for name, each in old.items()}
        return relisted | made

    def _holding(self, old: Holding, now: float) -> Holding:
        name = old.backend
        parts = tuple(self._parts.get((CLAIMS, f"{name}/{number}"), old.parts[number]) for number in range(PARTS))
        return Holding(name, parts, now if name in self.unreadable.backends else self.listed.get(name, 0.0))


def keys_that_differ(old: Mapping[str, Accepted], new: Mapping[str, Accepted]) -> Iterable[str]:
    """Return the keys of stations that were accepted, accepted otherwise, or are accepted no more."""
    return (key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
