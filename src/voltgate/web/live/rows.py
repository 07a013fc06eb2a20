"""Rows: the stations on the screens of all pages, each shown when something happens to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from voltgate.web.live.changes import Changes
from voltgate.web.live.feeds import Feeds
from voltgate.web.queries import Queries
from voltgate.web.stream import Item, Pieces, item
from voltgate.web.wide import lists

_BATCH = 0.1
"""Seconds between two looks at stations that something has happened to."""
_SWEEP = 1.0
"""Seconds between two looks at a part of the others: what no event tells of is seen as well."""
_PARTS = 10
"""Looks after which all of them were looked at."""
_AT_ONCE = 500
"""Stations of one look at most."""


@dataclass(slots=True)
class _Row:
    identity: str
    last: Item | None = None
    takers: dict[object, Callable[[Item], None]] = field(default_factory=dict)


class Rows:
    """The stations that some page shows, by their keys."""

    def __init__(self, queries: Queries, feeds: Feeds, changes: Changes) -> None:
        self._queries = queries
        self._feeds = feeds
        self._changes = changes
        self._rows: dict[str, _Row] = {}
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def follow(self, identities: list[str], take: Callable[[str, Item], None]) -> Callable[[], None]:
        """Hand the row of each of these stations to `take`, now and when it changes, until what is returned is called.

        An item is a `row`, as the list of stations has it, or says that the station is `gone`: nobody knows it.
        """
        whose = object()
        end = self._feeds.follow("rows", self._pieces, lambda items: None)
        keys = {self._queries.snapshot.directory.key(identity): identity for identity in identities}
        for key, identity in keys.items():
            row = self._rows.setdefault(key, _Row(identity))
            row.takers[whose] = lambda state, identity=identity: take(identity, state)  # type: ignore[misc]
            if row.last is not None:
                take(identity, row.last)
            else:
                self._mark(key)

        def close() -> None:
            end()
            for key in keys:
                row = self._rows.get(key)
                if row is not None and row.takers.pop(whose, None) is not None and not row.takers:
                    del self._rows[key]

        return close

    def _mark(self, key: str | None) -> None:
        if key is None:
            self._changed.update(self._rows)
        elif key in self._rows:
            self._changed.add(key)
        if self._changed:
            self._news.set()

    async def _pieces(self) -> Pieces:
        """Show what has changed, as long as some page shows stations."""
        end, sweeps = self._changes.follow(self._mark), 0
        due = time.monotonic() + _SWEEP
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, due - time.monotonic())):
                        await self._news.wait()
                if time.monotonic() >= due:
                    due = time.monotonic() + _SWEEP
                    sweeps += 1
                    self._changed.update(islice(self._rows, sweeps % _PARTS, None, _PARTS))
                await self._show()
                await asyncio.sleep(_BATCH)
                yield ()
        finally:
            end()

    async def _show(self) -> None:
        few = list(islice(self._changed, _AT_ONCE))
        self._changed.difference_update(few)
        if not self._changed:
            self._news.clear()
        rows = {row.identity: row for key in few if (row := self._rows.get(key)) is not None}
        found, _ = await lists.rows(self._queries, list(rows))
        for identity, station in found.items():
            if station is None:
                state = item("gone", {"identity": identity})
            else:
                state = Item("row", station.model_dump_json(exclude_unset=True).encode())
            row = rows[identity]
            if state != row.last:
                row.last = state
                for take in tuple(row.takers.values()):
                    take(state)
