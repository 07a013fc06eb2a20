"""The waiting room: unknown stations that were refused, for an operator to inspect and perhaps admit."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnknownStation:
    """An unknown station. `first` and `last` are seconds since 1970; `offered` are its last attempt's sub-protocols."""

    identity: str
    first: float
    last: float
    tries: int
    address: str
    offered: tuple[str, ...]
    reason: str


class WaitingRoom:
    """The last `most` unknown stations (0: none are kept); the least recently seen is forgotten first."""

    __slots__ = ("_clock", "_stations", "forgotten", "most")

    def __init__(self, most: int = 1000, clock: Callable[[], float] = time.time) -> None:
        self.most = most
        self.forgotten = 0
        self._clock = clock
        self._stations: OrderedDict[str, UnknownStation] = OrderedDict()

    def note(self, identity: str, address: str, offered: tuple[str, ...], reason: str) -> None:
        """Record that a station was refused, and why."""
        now = self._clock()
        former = self._stations.pop(identity, None)
        first, tries = (former.first, former.tries) if former is not None else (now, 0)
        self._stations[identity] = UnknownStation(identity, first, now, tries + 1, address, offered[:16], reason)
        self.trim(self.most)

    def trim(self, most: int) -> None:
        """Set the capacity, and forget what exceeds it."""
        self.most = most
        while len(self._stations) > most:
            self._stations.popitem(last=False)
            self.forgotten += 1

    def forget(self, identity: str) -> None:
        """Remove a station: it was admitted or dismissed."""
        self._stations.pop(identity, None)

    def __iter__(self) -> Iterator[UnknownStation]:
        return reversed(self._stations.values())

    def __len__(self) -> int:
        return len(self._stations)
