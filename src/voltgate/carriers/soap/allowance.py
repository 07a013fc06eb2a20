"""What the posts of one address may bring, in bytes when they are unpacked: little before somebody is known there.

What a post costs goes by its unpacked size, and is spent before anybody is asked who sends it. An address is one of
IPv4, or a /64 of IPv6. Whoever was answered 200 there is known by his credentials, or by coming without any.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from voltgate.carriers.websocket.limits import Bucket
from voltgate.ocpp.networks import network_of, remember

REMEMBERED = 100_000
"""Addresses, and those known at them, that are remembered; the longest unseen is forgotten first."""
LEAST = 1024
"""Bytes that a post counts for at least: its head has to be read, too."""
_BURST = 2.0
"""Seconds of the rate that may come at once."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes a second of one address: of those who are known, and of strangers; 0: no limit.

    A message of `largest` bytes fits into what those who are known may send at once.
    """

    known: float = 0.0
    strangers: float = 0.0
    largest: int = 1 << 20


class Purse:
    """What a post has to spend: the share of its address, as one who is known there, or as a stranger."""

    __slots__ = ("_allowance", "_bucket", "_rates", "_who", "is_known")

    def __init__(self, allowance: Allowance, bucket: Bucket | None, who: tuple[str, int], *, is_known: bool) -> None:
        self._allowance = allowance
        self._bucket = bucket
        self._rates = allowance.rates
        self._who = who
        self.is_known = is_known

    @property
    def holds(self) -> bool:
        """Return whether it is that of the next post with the same credentials from the same address as well."""
        return self.is_known and self._rates is self._allowance.rates

    def take(self, size: int, now: float) -> bool:
        """Count what has come as it is; False, and nothing is counted, if it is more than may come."""
        return self._bucket is None or not self._bucket.take(now, tokens=max(size, LEAST))

    def room(self, most: int, now: float) -> int:
        """Return how many bytes may come, `most` at most; 0 where it is less than the least that counts."""
        if self._bucket is None:
            return most
        level = int(self._bucket.level(now))
        return 0 if level < LEAST else min(most, level)

    def spend(self, size: int, now: float) -> None:
        """Count what has come: `room` has allowed it, or all that was left is gone."""
        if self._bucket is not None:
            self._bucket.take(now, tokens=min(max(size, LEAST), self._bucket.level(now)))

    def wait(self, size: int, now: float) -> float:
        """Return the seconds until so many bytes may come, if ever so many may."""
        return 0.0 if self._bucket is None else self._bucket.wait(max(size, LEAST), now)

    def vouch(self) -> None:
        """Note that whoever has posted this is known."""
        self._allowance.know(self._who)


class Allowance:
    """The shares of all addresses."""

    __slots__ = ("_by_network", "_known", "rates")

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._by_network: OrderedDict[tuple[str, bool], Bucket] = OrderedDict()
        self._known: OrderedDict[tuple[str, int], None] = OrderedDict()

    def change(self, rates: Rates) -> None:
        """Go by other rates; who is known stays known."""
        if rates != self.rates:
            self.rates = rates
            self._by_network.clear()

    def purse(self, address: str, authorization: bytes | None, now: float) -> Purse:
        """Return what a post of an address, with these credentials, has to spend."""
        who = (network_of(address), hash(authorization))
        is_known = who in self._known
        if is_known:
            self._known.move_to_end(who)
        return Purse(self, self._bucket(who[0], now, is_known=is_known), who, is_known=is_known)

    def know(self, who: tuple[str, int]) -> None:
        """Note who is known, by network and credentials."""
        remember(self._known, who, None, REMEMBERED)

    def _bucket(self, network: str, now: float, *, is_known: bool) -> Bucket | None:
        rate = self.rates.known if is_known else self.rates.strangers
        if not rate:
            return None
        key = (network, is_known)
        bucket = self._by_network.get(key)
        if bucket is None:
            burst = max(int(rate * _BURST), self.rates.largest if is_known else LEAST)
            bucket = Bucket(rate, burst, now)
        remember(self._by_network, key, bucket, REMEMBERED)
        return bucket
