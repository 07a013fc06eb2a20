"""Claims: which stations backends say are their own, and who holds a station that several claim.

A million of them are meant to be held in memory: a claim is one small object that the garbage collector does not look
at, and a list is never changed but replaced, so that half a list is never seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

import msgspec

PARTS = 64
"""Parts that a list is kept in: a change of a few stations makes few of them anew."""

Conflict = Literal["first", "newest", "neither"]


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One station, as a backend wrote it. Times are in seconds since 1970; `by` is the caller who said so."""

    identity: str
    since: float
    renewed: float
    by: str


Part = Mapping[str, Claim]
"""Some claims of one backend, by the station's key."""

_NONE: Part = {}


@dataclass(frozen=True, slots=True)
class Holding:
    """All that one backend claims. `listed` is when its whole list was last said: that renews every claim of it."""

    backend: str
    parts: tuple[Part, ...] = (_NONE,) * PARTS
    listed: float = 0.0

    def find(self, key: str) -> Claim | None:
        """Give the claim to a station."""
        return self.parts[part_of(key)].get(key)

    def renewed(self, claim: Claim) -> float:
        """Give the time when a claim of this list was last said."""
        return max(claim.renewed, self.listed)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[tuple[str, Claim]]:
        """Give every key with its claim, in no order."""
        for part in self.parts:
            yield from part.items()


def part_of(key: str) -> int:
    """Say which part of a list a station's claim is kept in."""
    return crc32(key.encode()) % PARTS


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of all backends, and how conflicts end.

    `conflict`: the first to claim a station keeps it, the newest claim gets it, or neither. A claim that was not said
    again for `expire` seconds is none (0: it holds for ever). `known` are the backends that exist.
    """

    conflict: Conflict = "first"
    expire: float = 0.0
    known: frozenset[str] = frozenset()
    holdings: dict[str, Holding] = field(default_factory=dict)

    def of(self, backend: str) -> Holding:
        """Give what a backend claims."""
        return self.holdings.get(backend) or Holding(backend)

    def standing(self, key: str, now: float) -> list[tuple[Claim, str]]:
        """List the claims to a station that stand, with their backends, the oldest first."""
        found = []
        for holding in self.holdings.values():
            claim = holding.find(key)
            if claim is not None and self._stands(holding, claim, now):
                found.append((claim, holding.backend))
        if len(found) > 1:
            found.sort(key=lambda pair: (pair[0].since, pair[1]))
        return found

    def _stands(self, holding: Holding, claim: Claim, now: float) -> bool:
        lives = not self.expire or holding.renewed(claim) + self.expire > now
        return lives and holding.backend in self.known

    def holder(self, key: str, now: float) -> str:
        """Name the backend whose station it is; "" when it is nobody's."""
        return self.holder_of(self.standing(key, now))

    def holder_of(self, standing: list[tuple[Claim, str]]) -> str:
        """Name the backend that gets a station with these claims, the oldest first."""
        if not standing or (len(standing) > 1 and self.conflict == "neither"):
            return ""
        return standing[-1 if self.conflict == "newest" else 0][1]

    def __len__(self) -> int:
        return sum(map(len, self.holdings.values()))


class PartDocument(msgspec.Struct, gc=False):
    """A part of a list as the register keeps it."""

    backend: str
    part: int
    claims: list[Claim]


_decode = msgspec.json.Decoder(PartDocument).decode


def written(backend: str, number: int, part: Part) -> bytes:
    """Write a part of a list for the register."""
    return msgspec.json.encode(PartDocument(backend, number, list(part.values())))


def read(data: bytes) -> PartDocument:
    """Read a part of a list. Raises msgspec.DecodeError."""
    return _decode(data)


def interned(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Give the claims with what they have in common kept once: times and callers."""
    common: dict[object, object] = {}
    for claim in claims:
        since = common.setdefault(claim.since, claim.since)
        renewed = common.setdefault(claim.renewed, claim.renewed)
        by = common.setdefault(claim.by, claim.by)
        yield Claim(claim.identity, since, renewed, by)  # type: ignore[arg-type]
