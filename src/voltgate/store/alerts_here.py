"""Alerts in memory: without a database, and for what must be told while it is away. They go with the process."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.store.address import open_engine, read_address
from voltgate.store.alert_tables import alerts, deliveries, mutes
from voltgate.store.alerts import AlertStore
from voltgate.store.reach import Reach

_NUMBERS = itertools.count()


class _Memory(Reach):
    """A database in memory. Those who read take turns with those who write.

    It is there as long as `_kept` is: SQLAlchemy gives up the connection of whoever is cut off in the middle, as a
    request is whose caller has gone.
    """

    def __init__(self, patience: float) -> None:
        name = f"file:/alerts-{next(_NUMBERS)}?vfs=memdb"
        self._kept = sqlite3.connect(name, uri=True)
        self._made = open_engine(read_address(f"sqlite:///{name}&uri=true"), patience)
        self._is_there = False
        super().__init__(lambda: self._made, patience)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection with a transaction, once nobody else has it."""
        async with super().write() as connection:
            if not self._is_there:
                for table in (alerts, deliveries, mutes):
                    await connection.run_sync(table.create, checkfirst=True)
                self._is_there = True
            yield connection

    read = write

    async def close(self) -> None:
        """Forget everything."""
        await self._made.dispose()
        self._kept.close()


class AlertsHere(AlertStore):
    """Alerts in memory."""

    def __init__(self, node: str, patience: float = 5.0) -> None:
        self._memory = _Memory(patience)
        super().__init__(self._memory, node)

    async def close(self) -> None:
        """Forget everything."""
        await self._memory.close()
