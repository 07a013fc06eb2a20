"""A bounded queue of calls in which the askers take turns: nobody waits for all the calls of somebody else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from voltgate.ocpp.messages import Call


class Entry(Protocol):
    """What waits: a call with whatever its owner keeps beside it."""

    @property
    def call(self) -> Call:
        """The call."""


E = TypeVar("E", bound=Entry)


class FairQueue(Generic[E]):
    """Calls that wait, in order for each asker; the askers take turns.

    `most` calls of one asker may wait, and `most_bytes` of them where nobody else's do. Where others' wait, one may
    have as many bytes as are left of twice that: however much some ask, who asks little finds room.
    """

    __slots__ = ("_by_asker", "_bytes", "_held", "_most", "_most_bytes")

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._by_asker: dict[object, deque[E]] = {}
        self._bytes = 0
        self._held: dict[object, int] = {}
        """The bytes of each asker's."""

    def add(self, entry: E) -> bool:
        """Append an entry to those of its asker; return False, and do nothing, if a bound is reached."""
        asker, bytes_ = entry.call.asker, entry.call.size
        mine = self._by_asker.get(asker)
        if mine is not None and len(mine) >= self._most:
            return False
        held = self._held.get(asker, 0) + bytes_
        if held > 2 * self._most_bytes - self._bytes - bytes_:
            return False
        if mine is None:
            mine = self._by_asker[asker] = deque()
        mine.append(entry)
        self._held[asker] = held
        self._bytes += bytes_
        return True

    def pop(self) -> E:
        """Remove and return the first entry of the asker whose turn it is. Raises StopIteration if there is none."""
        asker, mine = next(iter(self._by_asker.items()))
        del self._by_asker[asker]
        entry = mine.popleft()
        held = self._held.pop(asker) - entry.call.size
        if mine:
            self._by_asker[asker], self._held[asker] = mine, held
        self._bytes -= entry.call.size
        return entry

    def take(self, chosen: Callable[[E], bool]) -> list[E]:
        """Remove and return the entries that are `chosen`; the others keep their order."""
        taken: list[E] = []
        before, self._by_asker = self._by_asker, {}
        for asker, mine in before.items():
            kept: deque[E] = deque()
            for entry in mine:
                (taken if chosen(entry) else kept).append(entry)
            if kept:
                self._by_asker[asker] = kept
        self._held = {asker: sum(each.call.size for each in mine) for asker, mine in self._by_asker.items()}
        self._bytes = sum(self._held.values())
        return taken

    def __iter__(self) -> Iterator[E]:
        for mine in self._by_asker.values():
            yield from mine

    def __len__(self) -> int:
        return sum(map(len, self._by_asker.values()))
