"""Latency: how long answers took, in an amount of memory that does not grow with their number."""

from __future__ import annotations

_FINE = 6
_STEPS = 1 << _FINE
_BUCKETS = (64 - _FINE + 1) * _STEPS


class Latency:
    """A histogram with 64 steps an octave: every percentile is accurate to 1.6 %, the extremes are exact.

    Seconds go in, seconds come out; the finest step is a microsecond.
    """

    __slots__ = ("_buckets", "count", "longest", "total")

    def __init__(self) -> None:
        self._buckets: list[int] = []
        self.count = 0
        self.total = 0.0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one answer."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        micros = int(seconds * 1e6)
        shift = micros.bit_length() - _FINE - 1
        bucket = micros if shift <= 0 else (shift << _FINE) + (micros >> shift)
        try:
            self._buckets[bucket] += 1
        except IndexError:
            self._grow(min(max(bucket, 0), _BUCKETS - 1))

    def _grow(self, bucket: int) -> None:
        self._buckets.extend([0] * (bucket + 1 - len(self._buckets)))
        self._buckets[bucket] += 1

    def percentile(self, share: float) -> float:
        """Return the seconds within which `share` (0 to 1) of the answers arrived; 0 without answers."""
        wanted, seen = share * self.count, 0
        for bucket, number in enumerate(self._buckets):
            seen += number
            if number and seen >= wanted:
                return min(_top(bucket) / 1e6, self.longest)
        return 0.0

    @property
    def mean(self) -> float:
        """The mean in seconds; 0 without answers."""
        return self.total / self.count if self.count else 0.0

    def merge(self, other: Latency) -> None:
        """Add the counts of another histogram."""
        self._buckets.extend([0] * (len(other._buckets) - len(self._buckets)))
        for bucket, number in enumerate(other._buckets):
            self._buckets[bucket] += number
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)


def _top(bucket: int) -> int:
    """Return the highest number of microseconds that falls into a bucket."""
    shift = (bucket >> _FINE) - 1
    if shift <= 0:
        return bucket
    return ((bucket - (shift << _FINE) + 1) << shift) - 1
