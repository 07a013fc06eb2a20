"""The waiting room: stations that knocked in vain, for somebody to look at and perhaps admit."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stranger:
    """An unknown station. `first` and `last` are seconds since 1970; `offered` the sub-protocols of its last try."""

    identity: str
    first: float
    last: float
    tries: int
    address: str
    offered: tuple[str, ...]
    reason: str


class WaitingRoom:
    """The last `most` strangers (0: none are kept); whoever was unseen for longest is forgotten first."""

    __slots__ = ("_clock", "_strangers", "forgotten", "most")

    def __init__(self, most: int = 1000, clock: Callable[[], float] = time.time) -> None:
        self.most = most
        self.forgotten = 0
        self._clock = clock
        self._strangers: OrderedDict[str, Stranger] = OrderedDict()

    def note(self, identity: str, address: str, offered: tuple[str, ...], reason: str) -> None:
        """Remember that a station knocked in vain, and why."""
        now = self._clock()
        known = self._strangers.pop(identity, None)
        first, tries = (known.first, known.tries) if known is not None else (now, 0)
        self._strangers[identity] = Stranger(identity, first, now, tries + 1, address, offered[:16], reason)
        self.trim(self.most)

    def trim(self, most: int) -> None:
        """Keep at most this many from now on."""
        self.most = most
        while len(self._strangers) > most:
            self._strangers.popitem(last=False)
            self.forgotten += 1

    def forget(self, identity: str) -> None:
        """Strike out a station: it was admitted, or is not wanted on the list."""
        self._strangers.pop(identity, None)

    def __iter__(self) -> Iterator[Stranger]:
        return reversed(self._strangers.values())

    def __len__(self) -> int:
        return len(self._strangers)
