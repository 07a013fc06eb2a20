"""Feeds: what many pages are told is made once, and only while some page wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import aclosing
from typing import TypeAlias

import structlog

from voltgate.web.stream import Item, Pieces, item

Take: TypeAlias = Callable[[Sequence[Item]], None]
"""Is told something; returns at once."""
Make: TypeAlias = Callable[[], Pieces]

_AGAIN = 1.0
"""Seconds after which something that has failed is tried again."""
_FAULT = item("error", {"status": 500, "detail": "A fault of Voltgate: what happened stands in the log."})

log = structlog.get_logger("voltgate.web")


class _Feed:
    """One source, and those who take what it yields. `keeps`: whoever comes later is told the last of it at once."""

    def __init__(self, name: Hashable, make: Make, *, keeps: bool) -> None:
        self._name = name
        self._make = make
        self._keeps = keeps
        self._last: Sequence[Item] = ()
        self.takers: dict[object, Take] = {}
        self._task = asyncio.get_running_loop().create_task(self._run())

    def open(self, whose: object, take: Take) -> None:
        self.takers[whose] = take
        if self._last:
            take(self._last)

    def end(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                async with aclosing(self._make()) as pieces:
                    async for piece in pieces:
                        self._tell(piece)
            except Exception:
                log.exception("a fault of Voltgate: what live pages are told has to begin again", feed=str(self._name))
                self._tell([_FAULT])
                await asyncio.sleep(_AGAIN)
            else:
                return  # the gateway goes

    def _tell(self, piece: Sequence[Item]) -> None:
        if not piece:
            return
        if self._keeps:
            self._last = piece
        for take in tuple(self.takers.values()):
            take(piece)


class Feeds:
    """The feeds of a process, by name."""

    def __init__(self) -> None:
        self._feeds: dict[Hashable, _Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def follow(self, name: Hashable, make: Make, take: Take, *, keeps: bool = False) -> Callable[[], None]:
        """Hand what a source yields to `take`, until what is returned is called; `make` makes it unless it is there."""
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = _Feed(name, make, keeps=keeps)
        whose = object()
        feed.open(whose, take)

        def close() -> None:
            feed.takers.pop(whose, None)
            if not feed.takers and self._feeds.get(name) is feed:
                del self._feeds[name]
                feed.end()

        return close
