"""Notices: what every node must know, handed to those in this one whom it concerns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from voltgate.relay.records import StoreAway

_AGAIN = 0.5
"""Seconds between two tries while the database is away."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What another node has said: `data` is JSON, whose shape its `kind` tells."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What one reading has found; `low`, `seen` and `at` are what the next one begins with.

    `notices` is None when some may be missing: then everything that they tell of may have changed.
    """

    notices: Sequence[Notice] | None
    low: int
    seen: frozenset[int]
    at: float


class Follower(Protocol):
    """Brings up to date what notices of one kind tell of.

    Both raise StoreAway when that cannot be read now; then they are called again. Both may be called with what is
    known already.
    """

    async def heard(self, told: Sequence[Any]) -> None:
        """Take what was said, in the order in which it was written."""

    async def missed(self) -> None:
        """Read everything again: nobody knows any more what has changed."""


class Notices:
    """Reads on whenever it is woken, and forgets nothing before its follower has taken it.

    `read` returns what has come since the last reading, None: since nobody knows when; it raises StoreAway. `fault` is
    told what a follower raises besides; one that could not take what it heard reads everything again.
    """

    def __init__(self, read: Callable[[Read | None], Awaitable[Read]], fault: Callable[[Exception], None]) -> None:
        self._read = read
        self._fault = fault
        self._followers: dict[str, Follower] = {}
        self._last: Read | None = None
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()
        self.count = 0
        """Notices that were read."""
        self.missed = 0
        """How often everything had to be read again."""

    def follow(self, kind: str, follower: Follower) -> None:
        """Have notices of this kind heard. Other kinds are of a later version, and pass."""
        self._followers[kind] = follower

    async def begin(self) -> None:
        """Remember from when on notices are new; what they tell of is read after this. Raises StoreAway."""
        self._last = await self._read(None)

    def wake(self) -> None:
        """Have it look: there may be something."""
        self._wake.set()

    async def read_on(self) -> None:
        """Wait until it is woken, and hand over what is new; try again a little later while the database is away."""
        await self._wake.wait()
        self._wake.clear()
        try:
            await self.catch_up()
        except StoreAway:
            await asyncio.sleep(_AGAIN)
            self._wake.set()

    def forget(self) -> None:
        """Have everything read again: nobody knows what was written."""
        self._last = None
        self.wake()

    async def catch_up(self) -> None:
        """Hand over what is new, now. Raises StoreAway when it cannot be read, or not be taken."""
        async with self._reading:
            await self._hand_over()

    async def _hand_over(self) -> None:
        last = self._last
        read = await self._read(last)
        if read.notices is None:
            self.missed += 1
        for kind, follower in self._followers.items():
            mine = None if read.notices is None else [notice.data for notice in read.notices if notice.kind == kind]
            if mine is None or (mine and not await self._done(_heard(follower, mine))):
                await self._done(follower.missed())
        self.count += len(read.notices or ())
        if self._last is last:  # else it was forgotten meanwhile
            self._last = read

    async def _done(self, work: Awaitable[None]) -> bool:
        """Return whether a follower did not fail: if it has, the others go on. Raises StoreAway."""
        try:
            await work
        except StoreAway:
            raise
        except Exception as fault:
            self._fault(fault)
            return False
        return True


async def _heard(follower: Follower, data: Sequence[bytes]) -> None:
    await follower.heard([json.loads(each) for each in data])
