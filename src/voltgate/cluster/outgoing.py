"""Letters that wait to be written: many go with one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from voltgate.cluster.letters import Kind, Letter, Letters
from voltgate.relay.records import StoreAway

_MOST = 2000
"""Letters that wait, at most."""
_MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all of them."""
_AT_ONCE = 200
"""Letters that are written with one commit."""
_AGAIN = 0.5
"""Seconds between two tries while the database is away."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A letter of about `size` bytes, which nobody wants after `until`, by the loop's clock.

    `write` makes it, of the seconds that are left then; `failed` is told why it will never be written.
    """

    node: str
    kind: Kind
    until: float
    size: int
    write: Callable[[float], bytes]
    failed: Callable[[str], None]


class Outgoing:
    """The letters of this node to others, in the order in which they were sent."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self.sent = 0
        """How many were written."""

    def send(self, letter: Waiting) -> None:
        """Have a letter written, if there is room for it."""
        if len(self._waiting) >= _MOST or self._bytes + letter.size > _MOST_BYTES:
            letter.failed("too many letters wait to be written: the database is slow")
            return
        self._waiting.append(letter)
        self._bytes += letter.size
        self._wake.set()

    async def write_on(self) -> None:
        """Wait for letters, and write what has come together."""
        await self._wake.wait()
        self._wake.clear()
        while batch := self._next():
            now = asyncio.get_running_loop().time()
            try:
                await self._letters.write(
                    [Letter(each.node, each.kind, each.write(each.until - now)) for each in batch]
                )
            except BaseException as error:
                self._put_back(batch)
                if not isinstance(error, StoreAway):
                    raise
                await asyncio.sleep(_AGAIN)
            else:
                self.sent += len(batch)

    def _next(self) -> list[Waiting]:
        """Take those that have waited longest, but for what comes too late."""
        batch: list[Waiting] = []
        now = asyncio.get_running_loop().time()
        while self._waiting and len(batch) < _AT_ONCE:
            each = self._waiting.popleft()
            self._bytes -= each.size
            if each.until > now:
                batch.append(each)
            else:
                each.failed("it could not be written in time")
        return batch

    def _put_back(self, batch: list[Waiting]) -> None:
        """Keep the answers. A question is written once: if it is there all the same, nobody may answer it twice."""
        for each in reversed(batch):
            if each.kind == "question":
                each.failed("it could not be written: the database is away")
            else:
                self._waiting.appendleft(each)
                self._bytes += each.size
        self._wake.set()
