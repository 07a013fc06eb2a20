"""Letters from one gateway to another on PostgreSQL: rows that the addressee deletes as it reads them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from voltgate.cluster.letters import Letter, Received
from voltgate.store.address import POSTGRESQL
from voltgate.store.leases import clock_of
from voltgate.store.listening import channel_of, tell
from voltgate.store.reach import Reach
from voltgate.store.tables import letters

KEEP = 600.0
"""Seconds after which a letter that nobody has read is deleted: longer than anybody waits for an answer."""
_AT_ONCE = 200
"""Letters that are taken with one commit."""

_CLOCK = clock_of(POSTGRESQL)
_WRITE = insert(letters).values(
    {each: bindparam(each) for each in ("node", "kind", "data")} | {"at": _CLOCK},
)


class LetterTable:
    """The letters of all nodes; `node` is this one."""

    def __init__(self, reach: Reach, node: str) -> None:
        self._reach = reach
        first = select(letters.c.number).where(letters.c.node == node).order_by(letters.c.number).limit(_AT_ONCE)
        gone = delete(letters).where(letters.c.number.in_(first)).returning(letters).cte("gone")
        self._take = select(gone.c.kind, gone.c.data, _CLOCK - gone.c.at).order_by(gone.c.number)

    async def write(self, letters: Sequence[Letter]) -> None:
        """Send some, all or none, in this order. Raises StoreAway."""
        rows = [{"node": each.node, "kind": each.kind, "data": each.data} for each in letters]
        async with self._reach.write() as connection:
            await connection.execute(_WRITE, rows)
            for node in sorted({each.node for each in letters}):
                await tell(connection, channel_of(node))

    async def take(self) -> list[Received]:
        """Take the oldest of what has come for this node; none: that was all. Raises StoreAway."""
        async with self._reach.write() as connection:
            return [Received(*row) for row in await connection.execute(self._take)]
