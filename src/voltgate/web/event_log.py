"""The log of events: the last ten thousand things that happened, for whoever watches or comes back to watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_args

from voltgate.relay.events import Event
from voltgate.web.times import stamp
from voltgate.web.urls import shown

MOST = 10_000
"""Events that are remembered."""
_AT_ONCE = 100
"""Events that one look gives: the loop turns between two looks."""

KINDS = frozenset(kind.__name__ for kind in get_args(Event))
"""What can happen."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An event with its number and when it happened, in seconds since 1970. Numbers grow, also over restarts."""

    id: int
    at: float
    event: Event

    @property
    def kind(self) -> str:
        """The name of what happened."""
        return type(self.event).__name__

    @property
    def document(self) -> dict[str, Any]:
        """The event as the API shows it."""
        more = {field.name: getattr(self.event, field.name) for field in fields(self.event)}
        more |= {name: shown(more[name]) for name in ("url", "soap_url") if name in more}
        more |= {name: round(value, 3) for name, value in more.items() if isinstance(value, float)}
        return {"id": self.id, "at": stamp(self.at), "kind": self.kind, **more}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the log gives. `lost` events were forgotten before they were seen (None: nobody knows how many).

    `last` is where to look on.
    """

    events: list[Noted]
    last: int
    lost: int | None = 0


class EventLog:
    """A ring of events that any number of readers go through, each at its own pace; who is too slow is told so."""

    def __init__(self, most: int = MOST, wall: Callable[[], float] = time.time) -> None:
        self._ring: list[Noted | None] = [None] * most
        self._wall = wall
        self._first = self._next = int(wall() * 1000) * 1000  # beyond every number of the process before this one
        self._news: asyncio.Event | None = None
        self.closed = False

    def note(self, event: Event) -> None:
        """Take an event: it happens now."""
        self._ring[self._next % len(self._ring)] = Noted(self._next, self._wall(), event)
        self._next += 1
        self._wake()

    def close(self) -> None:
        """End: whoever watches gets what there is, and no more."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set()

    @property
    def last(self) -> int:
        """The number of the newest event; what is looked for after it is what happens from now on."""
        return self._next - 1

    def after(self, seen: int) -> Look:
        """Give the events after number `seen`, some at a time."""
        seen = min(seen, self.last)  # a number of another gateway, or of a calendar that was ahead
        oldest = max(self._first, self._next - len(self._ring))
        lost: int | None = 0
        if seen < oldest - 1:
            lost, seen = (oldest - 1 - seen if seen >= self._first - 1 else None), oldest - 1
        numbers = range(seen + 1, min(seen + 1 + _AT_ONCE, self._next))
        found = [noted for noted in (self._ring[number % len(self._ring)] for number in numbers) if noted is not None]
        return Look(found, numbers[-1] if numbers else seen, lost)

    async def news(self, seconds: float) -> None:
        """Wait until something happens, at most so long."""
        if self.closed:
            return
        if self._news is None:
            self._news = asyncio.Event()
        news = self._news
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            return
