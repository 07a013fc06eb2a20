"""Claims: the stations that backends declare as their own, and the holder of a station that several claim.

A million of them must fit in memory: a claim is one small object that the garbage collector does not track, and a
list is never changed but replaced, so that half a list is never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

import msgspec

PARTS = 64
"""Parts into which a list is divided: a change of a few stations replaces only a few of them."""

Conflict = Literal["first", "newest", "neither"]


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A claim to one station, as the backend wrote it. Times are in seconds since 1970; `by` is the API caller."""

    identity: str
    since: float
    renewed: float
    by: str


IsOver = Callable[[float, float], bool]
"""Tells whether so many seconds have passed since a time: see `Calendar.is_over`."""

Part = Mapping[str, Claim]
"""A part of the claims of one backend, by the station's key."""

_NONE: Part = {}


@dataclass(frozen=True, slots=True)
class Holding:
    """All claims of one backend. `listed` is the time of its last whole list, which renews every claim on it."""

    backend: str
    parts: tuple[Part, ...] = (_NONE,) * PARTS
    listed: float = 0.0

    def find(self, key: str) -> Claim | None:
        """Return the claim to a station, if there is one."""
        return self.parts[part_of(key)].get(key)

    def renewed(self, claim: Claim) -> float:
        """Return the time when a claim of this list was last renewed."""
        return max(claim.renewed, self.listed)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[tuple[str, Claim]]:
        """Yield every key with its claim, in no order."""
        for part in self.parts:
            yield from part.items()


def part_of(key: str) -> int:
    """Return the number of the part that holds a station's claim."""
    return crc32(key.encode()) % PARTS


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of all backends, and how conflicts are resolved.

    `conflict`: the first to claim a station keeps it, the newest claim gets it, or neither. A claim that was not
    renewed for `expire` seconds is void (0: it never expires). `known` are the backends that exist; claims of the
    `lasting` ones never expire: nobody renews them.
    """

    conflict: Conflict = "first"
    expire: float = 0.0
    known: frozenset[str] = frozenset()
    holdings: dict[str, Holding] = field(default_factory=dict)
    lasting: frozenset[str] = frozenset()

    def of(self, backend: str) -> Holding:
        """Return the claims of a backend."""
        return self.holdings.get(backend) or Holding(backend)

    def standing(self, key: str, is_over: IsOver) -> list[tuple[Claim, str]]:
        """Return the valid claims to a station with their backends, the oldest first."""
        found = []
        for holding in self.holdings.values():
            claim = holding.find(key)
            if claim is not None and self._stands(holding, claim, is_over):
                found.append((claim, holding.backend))
        if len(found) > 1:
            found.sort(key=lambda pair: (pair[0].since, pair[1]))
        return found

    def _stands(self, holding: Holding, claim: Claim, is_over: IsOver) -> bool:
        return holding.backend in self.known and not self.has_expired(holding, claim, is_over)

    def has_expired(self, holding: Holding, claim: Claim, is_over: IsOver) -> bool:
        """Return whether a claim of a list was not renewed for too long."""
        if not self.expire or holding.backend in self.lasting:
            return False
        return is_over(holding.renewed(claim), self.expire)

    def holder(self, key: str, is_over: IsOver) -> str:
        """Return the backend that holds a station; "" if none does."""
        return self.holder_of(self.standing(key, is_over))

    def holder_of(self, standing: list[tuple[Claim, str]]) -> str:
        """Return the backend that gets a station with these claims, which are given oldest first."""
        if not standing or (len(standing) > 1 and self.conflict == "neither"):
            return ""
        return standing[-1 if self.conflict == "newest" else 0][1]

    def __len__(self) -> int:
        return sum(map(len, self.holdings.values()))


class PartDocument(msgspec.Struct, gc=False):
    """A part of a list as it is stored."""

    backend: str
    part: int
    claims: list[Claim]


_decode = msgspec.json.Decoder(PartDocument).decode


def written(backend: str, number: int, part: Part) -> bytes:
    """Return a part of a list, encoded for the database."""
    return msgspec.json.encode(PartDocument(backend, number, list(part.values())))


def read(data: bytes) -> PartDocument:
    """Return a part of a list, decoded. Raises msgspec.DecodeError."""
    return _decode(data)


def interned(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Yield the claims with equal times and callers as shared objects."""
    common: dict[object, object] = {}
    for claim in claims:
        since = common.setdefault(claim.since, claim.since)
        renewed = common.setdefault(claim.renewed, claim.renewed)
        by = common.setdefault(claim.by, claim.by)
        yield Claim(claim.identity, since, renewed, by)  # type: ignore[arg-type]
