"""The outbox of a page: what it is to be told next, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from voltgate.web.stream import Item, item

MOST, MOST_BYTES = 2000, 2 << 20
"""Things that have happened, and their bytes, that wait for a page at most."""
_AT_ONCE, _AT_ONCE_BYTES = 500, 256 << 10
"""Items, and about how many bytes of them, of one message to a page."""


class Outbox:
    """What waits for a page: the last of each state, and all that has happened. Of too much the newest is lost."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], Item] = {}
        self._happened: deque[tuple[str, Item]] = deque()
        self._bytes = 0
        self._lost: dict[str, int] = {}
        self.news = asyncio.Event()
        """Set while something waits."""

    def keep(self, subscription: str, name: str, state: Item) -> None:
        """Tell a state, in place of the one of this name that may wait."""
        self._states[subscription, name] = state
        self.news.set()

    def add(self, subscription: str, items: Iterable[Item]) -> None:
        """Tell what has happened."""
        for each in items:
            if len(self._happened) >= MOST or self._bytes + len(each.data) > MOST_BYTES:
                self._lost[subscription] = self._lost.get(subscription, 0) + 1
            else:
                self._happened.append((subscription, each))
                self._bytes += len(each.data)
            self.news.set()

    def drop(self, subscription: str) -> None:
        """Forget what waits for a subscription: it has ended."""
        self._states = {key: state for key, state in self._states.items() if key[0] != subscription}
        self._happened = deque(pair for pair in self._happened if pair[0] != subscription)
        self._bytes = sum(len(each.data) for _, each in self._happened)
        self._lost.pop(subscription, None)
        if not self._waits:
            self.news.clear()

    @property
    def _waits(self) -> bool:
        return bool(self._states or self._happened or self._lost)

    def waiting(self, name: str) -> int:
        """Return how many subscriptions have a state of this name that was not told yet."""
        return sum(state == name for _, state in self._states)

    def batch(self) -> list[tuple[str, Item]]:
        """Return what is told next, each with its subscription; how much was lost comes behind what was not."""
        taken: list[tuple[str, Item]] = []
        size = 0
        while (self._states or self._happened) and len(taken) < _AT_ONCE and size < _AT_ONCE_BYTES:
            if self._states:
                key = next(iter(self._states))
                pair = key[0], self._states.pop(key)
            else:
                pair = self._happened.popleft()
                self._bytes -= len(pair[1].data)
            taken.append(pair)
            size += len(pair[1].data)
        if not self._happened:
            taken += [(of, item("lost", {"lost": number})) for of, number in self._lost.items()]
            self._lost.clear()
        if not self._waits:
            self.news.clear()
        return taken


def message(at: str, batch: Sequence[tuple[str, Item]]) -> str:
    """Return what is told as the text of one websocket message."""
    items = b",".join(
        b'{"id":"%b","kind":"%b","data":%b}' % (of.encode(), each.kind.encode(), each.data) for of, each in batch
    )
    return (b'{"at":"%b","items":[%b]}' % (at.encode(), items)).decode(errors="replace")
