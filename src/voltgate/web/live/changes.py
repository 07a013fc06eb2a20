"""Changes: which stations events are about, for what shows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import msgspec

from voltgate.web.event_log import EventsWanted
from voltgate.web.live.feeds import Feeds
from voltgate.web.queries import Queries
from voltgate.web.stream import Item, Pieces
from voltgate.web.wide import streams

EVERYTHING = ("events", None, ())
"""The name of the feed of all events."""


Note: TypeAlias = Callable[[str | None], None]
"""Is told the key of a station that something has happened to; None where all may be meant."""


class _About(msgspec.Struct):
    station: str | None = None


class Changes:
    """Says which stations something has happened to, of the whole cluster, by their keys."""

    def __init__(self, queries: Queries, feeds: Feeds) -> None:
        self._queries = queries
        self._feeds = feeds
        self._notes: dict[object, Note] = {}
        self._end: Callable[[], None] | None = None

    def follow(self, note: Note) -> Callable[[], None]:
        """Tell `note` of each station, until what is returned is called."""
        whose = object()
        self._notes[whose] = note
        if self._end is None:
            self._end = self._feeds.follow(EVERYTHING, self.events, self._take)

        def close() -> None:
            self._notes.pop(whose, None)
            if not self._notes and self._end is not None:
                self._end()
                self._end = None

        return close

    def _take(self, items: Sequence[Item]) -> None:
        for each in items:
            station = msgspec.json.decode(each.data, type=_About).station
            key = None if station is None else self._queries.snapshot.directory.key(station)
            for note in tuple(self._notes.values()):
                note(key)

    def events(self) -> Pieces:
        """Yield all events from now on."""
        return streams.events(self._queries, EventsWanted(), None)

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Give what waits until something has happened to a station, at most so many seconds."""
        changed = asyncio.Event()

        def note(about: str | None) -> None:
            if about is None or about == key:
                changed.set()

        async def wait(seconds: float) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()
            changed.clear()

        close = self.follow(note)
        try:
            yield wait
        finally:
            close()
