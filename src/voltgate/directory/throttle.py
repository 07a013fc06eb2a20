"""The throttle: a limit on failed password attempts.

It is a leaky bucket, so that no lock-out is permanent; a pair of identity and address that succeeded before is not
limited by what others do under its name or from its address.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from voltgate.ocpp.networks import network_of, remember

REMEMBERED = 100_000
"""Identities, addresses and pairs that are remembered; the least recently used is forgotten first."""

_OTHERS = 10
"""How many times the failures of a pair are allowed to one address, or to one identity."""


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt with an open outcome: its pair, and the buckets it was counted in, each with its capacity."""

    pair: tuple[str, str]
    buckets: list[tuple[tuple[str, str], int]]


class Throttle:
    """Limits failed passwords: `per_minute` for an identity from one address (0: no limit). Times are in seconds."""

    __slots__ = ("_levels", "_proven", "per_minute")

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, key: str, address: str, now: float) -> float:
        """Return the seconds until `key` may try again from `address`; 0: now."""
        if not self.per_minute:
            return 0.0
        return max(self._excess(bucket, most, now) * 60 / most for bucket, most in self._buckets(key, address))

    def suspicion(self, key: str, address: str, now: float) -> tuple[float, float]:
        """Return how little a try is trusted: less than 0 for a pair that succeeded before.

        The first number is how many have failed lately for the identity, or from the address, whichever is more; the
        second how many from its neighbourhood, a /16 of IPv4 or a /48 of IPv6.
        """
        network = network_of(address)
        if (key, network) in self._proven:
            return -1.0, 0.0
        most = self.per_minute * _OTHERS
        failed = (self._level(bucket, most, now) for bucket in ((key, ""), ("", network)))
        return max(failed), self._level(_near(network), most, now)

    def begin(self, key: str, address: str, now: float) -> Try:
        """Count an attempt as failed until `succeeded` is called: concurrent attempts must count too."""
        network = network_of(address)
        buckets = [*self._buckets(key, address), (_near(network), self.per_minute * _OTHERS)] if self.per_minute else []
        counted = Try((key, network), buckets)
        self._add(counted, 1, now)
        return counted

    def succeeded(self, counted: Try, now: float) -> None:
        """Undo what `begin` counted: it was the right password."""
        self._add(counted, -1, now)
        remember(self._proven, counted.pair, None, REMEMBERED)

    def undecided(self, counted: Try, now: float) -> None:
        """Undo what `begin` counted: whether the password is right remained undecided."""
        self._add(counted, -1, now)

    def _buckets(self, key: str, address: str) -> list[tuple[tuple[str, str], int]]:
        network = network_of(address)
        pair = [((key, network), self.per_minute)]
        if (key, network) in self._proven:
            return pair
        return [*pair, ((key, ""), self.per_minute * _OTHERS), (("", network), self.per_minute * _OTHERS)]

    def _excess(self, bucket: tuple[str, str], most: int, now: float) -> float:
        """Return by how much one more failure would overflow a bucket that holds `most` and leaks as many a minute."""
        return max(0.0, self._level(bucket, most, now) + 1 - most)

    def _level(self, bucket: tuple[str, str], most: int, now: float) -> float:
        counted = self._levels.get(bucket)
        return max(0.0, counted[0] - (now - counted[1]) * most / 60) if counted else 0.0

    def _add(self, counted: Try, count: int, now: float) -> None:
        for bucket, most in counted.buckets:
            level = self._level(bucket, most, now) + count
            if level > 0:
                remember(self._levels, bucket, (level, now), REMEMBERED)
            else:
                self._levels.pop(bucket, None)


def _near(network: str) -> tuple[str, str]:
    """Return the bucket of a neighbourhood, which counts for the order only."""
    if ":" not in network:
        return "", f"near {'.'.join(network.split('.')[:2])}"
    try:
        return "", f"near {ipaddress.IPv6Network(network).supernet(new_prefix=48)}"
    except ValueError:
        return "", f"near {network}"
