"""Subscriptions: tails of this node for readers at others, which ask for what is new and again for what is next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from voltgate.cluster.ports import Body, Declined
from voltgate.web.stream import Item, event_text, item
from voltgate.web.tail import Tail

MOST = 100
"""Subscriptions of readers at other nodes at most; those of readers here are bounded as streams."""
FORGOTTEN = 15.0
"""Seconds after which a subscription ends that nobody asks about."""
_AT_ONCE, _AT_ONCE_BYTES = 500, 256 << 10
"""Messages, and about how many bytes of them, of one answer."""
_LARGEST = 900 << 10
"""Bytes of an answer at most: written as JSON within JSON, it becomes up to twice as long."""
_GATHER = 0.05
"""Seconds for which messages are gathered before they go as one answer."""

log = structlog.get_logger("voltgate.web")


class _Subscription:
    """A tail, and the answer that the reader may not have got."""

    def __init__(self, tail: Tail, now: float, *, here: bool) -> None:
        self.tail = tail
        self.here = here
        self.asked_at = now
        self._number = 0
        self._text = ""

    async def answer(self, seen: int, hold: float) -> Body:
        """Return what is new behind answer number `seen`; without anything new after `hold` seconds."""
        if seen == self._number and hold > 0:
            await self.tail.news(hold)
            await asyncio.sleep(_GATHER)
        if seen == self._number:  # still: the reader may have asked again meanwhile
            self._number += 1
            self._text = _fitting(self.tail.piece(_AT_ONCE, _AT_ONCE_BYTES)).decode(errors="replace")
        return {"number": self._number, "text": self._text, "closed": self.tail.closed}


def _fitting(items: list[Item]) -> bytes:
    """Return messages as they go to another node; what is too large for that is counted as lost."""
    text = event_text(items)
    return text if len(text) <= _LARGEST else event_text([item("lost", {"lost": len(items)})])


class Subscriptions:
    """The subscriptions of readers at other nodes, by the ids that those give. `make` makes the tail of a station."""

    def __init__(self, make: Callable[[str | None], Tail], clock: Callable[[], float]) -> None:
        self._make = make
        self._clock = clock
        self._open: dict[str, _Subscription] = {}
        self._ending: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def ask(self, reader: str, key: str | None, seen: int, hold: float, *, here: bool = False) -> Body:
        """Answer a reader, `here` or at another node; the first time, begin: `began` says so. Raises Declined."""
        known = self._open.get(reader)
        subscription = known or await self._begin(reader, key, here=here)
        answer = await subscription.answer(seen if known is not None else 0, 0.0 if known is None else hold)
        subscription.asked_at = self._clock()
        return {**answer, "began": known is None}

    async def _begin(self, reader: str, key: str | None, *, here: bool) -> _Subscription:
        if not here and sum(not each.here for each in self._open.values()) >= MOST:
            raise Declined(503, f"{MOST} tails of other nodes are open here.")
        subscription = self._open[reader] = _Subscription(self._make(key), self._clock(), here=here)
        if self._ending is None or self._ending.done():
            self._ending = asyncio.get_running_loop().create_task(self._end_forgotten())
        await subscription.tail.open()
        return subscription

    async def end(self, reader: str) -> None:
        """End a subscription: its reader has gone."""
        subscription = self._open.pop(reader, None)
        if subscription is not None:
            await subscription.tail.shut()

    async def _end_forgotten(self) -> None:
        """End what nobody asks about any more, as long as there is anything."""
        while self._open:
            await asyncio.sleep(1.0)
            now = self._clock()
            for reader in [each for each, of in self._open.items() if now - of.asked_at > FORGOTTEN]:
                log.info("a tail for another node ends: nobody asks for it")
                await self.end(reader)

    def close(self) -> None:
        """End all: the gateway goes."""
        for subscription in self._open.values():
            subscription.tail.close()
