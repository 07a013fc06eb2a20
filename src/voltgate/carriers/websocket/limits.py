"""How much a listener takes in, and how it counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """What one listener puts up with. Times in seconds, sizes in bytes; 0 connections or handshakes: no limit."""

    head_bytes: int = 16 << 10
    head_count: int = 100
    head_time: float = 10.0
    tls_time: float = 10.0
    admission_time: float = 60.0
    handshakes: float = 0.0
    """Handshakes a second, in the long run."""
    burst: int = 100
    """Handshakes that may come at once after a quiet time."""
    connections: int = 0
    """Open connections in all, those in their handshake among them."""
    per_address: int = 0
    retry_after: int = 10
    """Seconds that a station is told to wait when the listener is full."""


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` of them saved up."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1)
        self._level = float(self._burst)
        self._at = now

    def take(self, now: float, reserved: float = 0.0, tokens: float = 1.0) -> float:
        """Take tokens, unless only `reserved` ones would be left: 0.0, else the seconds until there are enough."""
        if self._rate <= 0:
            return 0.0
        wait = self.wait(tokens + reserved, now)
        if not wait:
            self._level -= tokens
        return wait

    def wait(self, tokens: float, now: float) -> float:
        """Return the seconds until there are so many tokens."""
        return max(0.0, tokens - self.level(now)) / self._rate

    def level(self, now: float) -> float:
        """Return how many tokens there are."""
        self._level = min(self._level + (now - self._at) * self._rate, self._burst)
        self._at = now
        return self._level


class Census:
    """The open connections of a listener: in all, in their handshake, and by address."""

    __slots__ = ("addresses", "all", "handshakes")

    def __init__(self) -> None:
        self.all = 0
        self.handshakes = 0
        self.addresses: dict[str, int] = {}

    def enter(self, address: str) -> int:
        """Count one more from an address; returns how many there are from it."""
        count = self.addresses[address] = self.addresses.get(address, 0) + 1
        return count

    def leave(self, address: str) -> None:
        """Count one less from an address."""
        left = self.addresses[address] - 1
        if left:
            self.addresses[address] = left
        else:
            del self.addresses[address]
