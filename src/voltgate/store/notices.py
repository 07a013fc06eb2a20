"""Notices: what every gateway on one PostgreSQL must know, written in the transaction of what they tell of.

The numbers of rows are not in the order in which these become visible: a transaction that began first may be committed
last. So each row bears the number of its transaction (`written_in`). Whoever reads goes by its snapshot: every
transaction below `xmin` has ended, so that nothing more will come from there; what was written in later ones is read
again the next time, and what was seen of it is skipped.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, Text, and_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.cluster.notices import Notice, Read
from voltgate.store.address import POSTGRESQL
from voltgate.store.leases import clock_of
from voltgate.store.listening import EVERYBODY, tell
from voltgate.store.reach import Reach
from voltgate.store.tables import notices

REGISTER, TOKENS, USERS, SECURITY = "register", "tokens", "users", "security"
"""Kinds of notices: rows of the register were written, by their keys; a token of the API was, or a user, by its
name; what is known of stations' security was, by their keys."""
KEEP = 86400.0
"""Seconds for which notices are kept."""
_NOT_SURE = 3600.0
"""Seconds before that from which on some may have been purged."""
_MOST = 10_000
"""Notices that are read at once; whoever has missed more reads everything again."""

_CLOCK = clock_of(POSTGRESQL)


def _whole(expression: Any) -> Any:
    """Make a number of a transaction's, which has a type of its own."""
    return cast(cast(expression, Text), BigInteger)


_WRITTEN_IN = _whole(func.pg_current_xact_id())
_LOW = _whole(func.pg_snapshot_xmin(func.pg_current_snapshot()))


async def announce(connection: AsyncConnection, node: str, kind: str, data: Any) -> None:
    """Have every other node know of something, once this transaction is committed; `data` is written as JSON."""
    row = {"node": node, "kind": kind, "data": json.dumps(data).encode()}
    await connection.execute(insert(notices).values(written_in=_WRITTEN_IN, at=_CLOCK, **row))
    await tell(connection, EVERYBODY)


class NoticeTable:
    """Reads what other nodes than `node` have written."""

    def __init__(self, reach: Reach, node: str) -> None:
        self._reach = reach
        self._node = node

    async def read(self, before: Read | None) -> Read:
        """Read what has become visible since `before`; None: nothing is known of before. Raises StoreAway."""
        low = 0 if before is None else before.low
        # one statement, so that the rows are those of the snapshot
        newer = and_(notices.c.written_in >= low, literal(before is not None))
        reading = select(_LOW, _CLOCK, notices).select_from(select(literal(1)).subquery().outerjoin(notices, newer))
        async with self._reach.read() as connection:
            found = (await connection.execute(reading.order_by(notices.c.number).limit(_MOST + 1))).all()
        low, at = found[0][:2]
        rows = [row[2:] for row in found if row[2] is not None]
        if before is None or len(rows) > _MOST or low < before.low or at - before.at > KEEP - _NOT_SURE:
            return Read(None, low, frozenset(), at)  # also from another database, whose numbers are lower
        new = [
            Notice(kind, data)
            for number, _, node, kind, data, _ in rows
            if number not in before.seen and node != self._node
        ]
        seen = frozenset(number for number, written_in, *_ in rows if written_in >= low)
        return Read(new, low, seen, at)
