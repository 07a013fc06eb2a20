"""Several things that are written with one commit: rows of any table, and the register of claims among them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import RegisterRecord
from voltgate.store.address import POSTGRESQL
from voltgate.store.notices import REGISTER, announce
from voltgate.store.register import read_rows, take_turn
from voltgate.store.tables import register


class Within:
    """A transaction that somebody else commits. It gives turns to change the register, and writes other rows.

    `node` is what other nodes, which are told of all that changes, know the writer by.
    """

    def __init__(self, connection: AsyncConnection, node: str) -> None:
        self.connection = connection
        self._node = node
        self._is_shared = connection.dialect.name == POSTGRESQL

    async def begin(self) -> None:
        """Wait until nobody else changes the register: until the transaction ends, nobody will. Raises StoreAway."""
        if self._is_shared:
            await take_turn(self.connection)

    async def add(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows, but those whose keys are there."""
        values = list(rows)
        if values:
            insert = (postgresql if self._is_shared else sqlite).insert(table)
            await self.connection.execute(insert.on_conflict_do_nothing(), values)

    async def announce(self, kind: str, data: Any) -> None:
        """Have other nodes know of something."""
        if self._is_shared:
            await announce(self.connection, self._node, kind, data)

    async def read_register(self, rows: Collection[tuple[str, str]] | None) -> list[RegisterRecord]:
        """Read these rows of the register, None: all."""
        return await read_rows(self.connection, rows)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Within]:
        """Take a turn, which it is until the end."""
        yield self

    async def keep(
        self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord], before: Sequence[RegisterRecord]
    ) -> None:
        """Write rows of the register and delete others."""
        await self.mend(records, struck)

    async def mend(self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord]) -> None:
        """Write rows of the register otherwise that say the same."""
        for each in struck:
            await self.connection.execute(delete(register).filter_by(kind=each.kind, name=each.name))
        insert = (postgresql if self._is_shared else sqlite).insert(register)
        others = {"at": insert.excluded.at, "data": insert.excluded.data}
        for record in records:
            await self.connection.execute(
                insert.on_conflict_do_update(index_elements=["kind", "name"], set_=others), asdict(record)
            )
        await self.announce(REGISTER, [[record.kind, record.name] for record in (*struck, *records)])
