"""Where the register is written: by this process alone, or in turn with the other gateways on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from voltgate.relay.records import RegisterRecord, Store, StoreAway


class Turn(Protocol):
    """The right to change the register, which nobody else has meanwhile."""

    async def keep(
        self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord], before: Sequence[RegisterRecord]
    ) -> None:
        """Write rows and delete others, with one commit; `before` are those in whose place they come.

        Raises StoreAway; then nothing has changed.
        """

    async def mend(self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord]) -> None:
        """Write rows otherwise that say the same. Raises StoreAway unless they will be written."""


class Disk(Protocol):
    """The rows of the register."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Take a turn: all that others have written is in the register by then. Raises StoreAway."""


class Behind:
    """Rows that only this process writes, behind its work: it always has its turn."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for nobody."""
        yield self

    async def keep(
        self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord], before: Sequence[RegisterRecord]
    ) -> None:
        """Have it written, and wait until it is; else have it written as it was."""
        await self.mend(records, struck)
        if not await self._is_kept():
            await self.mend(before, records)
            raise StoreAway("the database is away")

    async def mend(self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord]) -> None:
        """Have it written, as soon as there is a database."""
        for record in struck:
            self._store.strike(record)
        for record in records:
            self._store.put(record)

    async def _is_kept(self) -> bool:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def then(kept: bool) -> None:
            if not done.done():
                done.set_result(kept)

        self._store.after(then)
        return await done
