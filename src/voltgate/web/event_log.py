"""The log of events: the last ten thousand, for readers that follow it live or resume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from voltgate.directory.urls import shown
from voltgate.relay.event_list import NAMES
from voltgate.relay.events import Event
from voltgate.web.times import stamp

MOST = 10_000
"""Events that are remembered."""
_AT_ONCE = 100
"""Events that one read returns: the event loop runs between two reads."""

KINDS = frozenset(NAMES.values())
"""The kinds of events."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its number and time, in seconds since 1970. Numbers increase, also over restarts."""

    id: int
    at: float
    event: Event

    @property
    def kind(self) -> str:
        """The kind of the event."""
        return NAMES[type(self.event)]

    @property
    def document(self) -> dict[str, Any]:
        """The event as the API shows it."""
        more = {each.name: getattr(self.event, each.name) for each in fields(self.event)}
        more |= {name: shown(more[name]) for name in ("url", "soap_url") if name in more}
        more |= {name: round(value, 3) for name, value in more.items() if isinstance(value, float)}
        return {"id": self.id, "at": stamp(self.at), "kind": self.kind, **more}


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """Which events a reader wants: of one station, by its key (None: of all), and of some kinds (none: of all)."""

    key: str | None = None
    kinds: list[str] = field(default_factory=list)

    def by(self, fold: Callable[[str], str]) -> Callable[[LoggedEvent], bool]:
        """Return what says whether an event is wanted; `fold` makes keys of identities."""

        def wanted(logged: LoggedEvent) -> bool:
            of = getattr(logged.event, "station", "")
            return (not self.kinds or logged.kind in self.kinds) and (self.key is None or fold(of) == self.key)

        return wanted


def event_number(text: str | None) -> int | None:
    """Return the number of a Last-Event-ID; None, for "from now on", if it is not one of ours."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of one read of the log. `lost` events were dropped before they were read (None: an unknown number).

    `last` is the number to continue after.
    """

    events: list[LoggedEvent]
    last: int
    lost: int | None = 0


class EventLog:
    """A ring of events with any number of readers, each at its own pace; one that is too slow learns what it lost."""

    def __init__(self, most: int = MOST, wall: Callable[[], float] = time.time) -> None:
        self._ring: list[LoggedEvent | None] = [None] * most
        self._wall = wall
        self._first = self._next = int(wall() * 1000) * 1000  # greater than every number of the previous process
        self._news: asyncio.Event | None = None
        self.closed = False

    def note(self, event: Event) -> None:
        """Append an event with the current time."""
        self._ring[self._next % len(self._ring)] = LoggedEvent(self._next, self._wall(), event)
        self._next += 1
        self._wake()

    def close(self) -> None:
        """End: readers get the events up to now, and no more."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set()

    @property
    def last(self) -> int:
        """The number of the newest event; reading after it returns only later ones."""
        return self._next - 1

    @property
    def beginning(self) -> int:
        """The number before the oldest event that is remembered."""
        return max(self._first, self._next - len(self._ring)) - 1

    def after(self, seen: int) -> Batch:
        """Return the events after number `seen`, some at a time."""
        seen = min(seen, self.last)  # a number of another gateway, or of a clock that was ahead
        lost: int | None = 0
        if seen < self.beginning:
            lost, seen = (self.beginning - seen if seen >= self._first - 1 else None), self.beginning
        numbers = range(seen + 1, min(seen + 1 + _AT_ONCE, self._next))
        found = [
            logged for logged in (self._ring[number % len(self._ring)] for number in numbers) if logged is not None
        ]
        return Batch(found, numbers[-1] if numbers else seen, lost)

    async def news(self, seconds: float) -> None:
        """Wait for an event, at most `seconds`."""
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
