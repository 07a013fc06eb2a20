"""Repeatable random numbers: a small generator for each station, so that a seed gives the same fleet again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15

T = TypeVar("T")


class SeededRandom:
    """SplitMix64 (Steele, Lea and Flood, 2014): eight bytes of state, where `random.Random` takes 2.5 kB a station."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, name: str) -> None:
        self._state = (seed * _GOLDEN + zlib.crc32(name.encode())) & _MASK

    def bits(self) -> int:
        """Return 64 random bits."""
        self._state = (self._state + _GOLDEN) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def uniform(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`, evenly distributed."""
        return low + (high - low) * (self.bits() / _MASK)

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1."""
        return self.bits() % bound

    def chance(self, share: float) -> bool:
        """Return True in `share` (0 to 1) of all cases."""
        return self.bits() < share * _MASK

    def choice(self, choices: Sequence[T]) -> T:
        """Return one of several values."""
        return choices[self.below(len(choices))]

    def uuid(self) -> str:
        """Return an identifier in the form of a random UUID (RFC 9562 section 5.4)."""
        high, low = self.bits(), self.bits()
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{8 + (low >> 62):x}{text[17:20]}-{text[20:]}"
