"""Shares of the handshakes of a listener: who is strange gets only so many, who has been let in before keeps a part.

An address is one of IPv4, or a /64 of IPv6, which belongs to one subscriber. It is known from when a station was let
in from it: before TLS nothing else tells a station that returns from a stranger.
"""

from __future__ import annotations

from collections import OrderedDict

from voltgate.carriers.websocket.limits import Bucket
from voltgate.ocpp.networks import network_of, remember

REMEMBERED = 100_000
"""Addresses that are remembered, of strangers and of those that are known; the longest unseen is forgotten first."""

_STRANGER, _KNOWN, _RESERVED = 10, 2, 2
"""A strange address gets a tenth, a known one half; half of what is saved up is kept for those that are known."""


class Handshakes:
    """The handshakes of a listener: `rate` a second in the long run (0: no limit), `burst` after a quiet time."""

    __slots__ = ("_all", "_burst", "_known", "_strangers", "rate")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._all = Bucket(rate, burst, now)
        self._known: OrderedDict[str, Bucket] = OrderedDict()
        self._strangers: OrderedDict[str, Bucket] = OrderedDict()

    def change(self, rate: float, burst: int, now: float) -> None:
        """Go by another rate; who is known stays known."""
        if (rate, burst) != (self.rate, self._burst):
            self.rate, self._burst, self._all = rate, burst, Bucket(rate, burst, now)
            self._strangers.clear()
            for network in self._known:
                self._known[network] = self._share(_KNOWN, now)

    def take(self, address: str, now: float) -> float:
        """Take a handshake for an address: 0.0 when it may be, else the seconds until one may."""
        if self.rate <= 0:
            return 0.0
        network = network_of(address)
        share = self._known.get(network)
        reserved = 0.0
        if share is not None:
            self._known.move_to_end(network)
        else:
            share = self._strangers.get(network) or self._share(_STRANGER, now)
            remember(self._strangers, network, share, REMEMBERED)
            reserved = min(self._burst / _RESERVED, self._burst - 1) if self._known else 0.0
        return share.take(now) or self._all.take(now, reserved)

    def let_in(self, address: str, now: float) -> None:
        """Note that a station was let in from an address."""
        network = network_of(address)
        if self.rate > 0 and network not in self._known:
            self._strangers.pop(network, None)
            remember(self._known, network, self._share(_KNOWN, now), REMEMBERED)

    def _share(self, part: int, now: float) -> Bucket:
        return Bucket(self.rate / part, self._burst // part, now)
