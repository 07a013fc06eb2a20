"""The register on PostgreSQL, which several gateways change: in turn, each with what the others have written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import islice

from sqlalchemy import bindparam, delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import RegisterRecord, StoreAway
from voltgate.store.notices import REGISTER, announce
from voltgate.store.reach import Reach
from voltgate.store.tables import register

_TURN = int.from_bytes(b"voltgate")
"""The number of the lock that whose turn it is has, until its transaction ends, however that ends."""
_WAIT = 15.0
"""Seconds that somebody waits for his turn, and that writing a list of a million stations may take."""
_IDLE = 30.0
"""Seconds after which a turn is over in which nothing is done: its gateway hangs, or is stopped."""
_NOT_IN_TIME = "55P03"
"""What PostgreSQL says when a lock could not be had in time."""
_AT_ONCE = 400
"""Rows that are read with one statement."""

_WRITE = insert(register)
_WRITE = _WRITE.on_conflict_do_update(
    index_elements=[register.c.kind, register.c.name],
    set_={"at": _WRITE.excluded.at, "data": _WRITE.excluded.data},
)
_STRIKE = delete(register).where(register.c.kind == bindparam("its_kind"), register.c.name == bindparam("its_name"))


async def read_rows(connection: AsyncConnection, rows: Collection[tuple[str, str]] | None) -> list[RegisterRecord]:
    """Return these rows, by kind and name, as far as they are there; None: all."""
    if rows is None:
        return [RegisterRecord(*row) for row in await connection.execute(select(register))]
    found: list[RegisterRecord] = []
    left = iter(rows)
    while few := list(islice(left, _AT_ONCE)):
        these = select(register).where(tuple_(register.c.kind, register.c.name).in_(few))
        found += [RegisterRecord(*row) for row in await connection.execute(these)]
    return found


class SharedRegister:
    """Gives turns to change the register. `node` is this one.

    `catch_up` brings what others have written into the register of this process; `unsure` has it read again, because
    nobody knows whether something was written.
    """

    def __init__(
        self, reach: Reach, node: str, catch_up: Callable[[], Awaitable[None]], unsure: Callable[[], None]
    ) -> None:
        self._reach = reach
        self._node = node
        self._catch_up = catch_up
        self._unsure = unsure
        self._here = asyncio.Lock()
        """Whose turn it is in this process: who waits needs no connection."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[SharedTurn]:
        """Wait for the turn, and catch up with the others. Raises StoreAway."""
        async with self._reach.in_time(_WAIT):
            await self._here.acquire()
        try:
            async with self._reach.hold() as connection:
                async with self._reach.in_time(_WAIT + 1):
                    await take_turn(connection)
                await self._catch_up()
                yield SharedTurn(self._reach, self._node, connection, self._unsure)
        finally:
            self._here.release()


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other gateway changes the register; none does until the transaction ends. Raises StoreAway."""
    await connection.execute(text(f"SET LOCAL lock_timeout = {_WAIT * 1000:.0f}"))
    await connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE * 1000:.0f}"))
    try:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == _NOT_IN_TIME:
            raise StoreAway("other gateways change the register: try again") from None
        raise


@dataclass(frozen=True, slots=True)
class SharedTurn:
    """A turn: a transaction that has the lock."""

    _reach: Reach
    _node: str
    _connection: AsyncConnection
    _unsure: Callable[[], None]

    async def keep(
        self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord], before: Sequence[RegisterRecord]
    ) -> None:
        """Write rows and delete others with one commit, and have the others know. Raises StoreAway."""
        connection = self._connection
        async with self._reach.in_time(_WAIT):
            if struck:
                await connection.execute(_STRIKE, [{"its_kind": each.kind, "its_name": each.name} for each in struck])
            for record in records:  # one by one: each may be a megabyte
                await connection.execute(_WRITE, asdict(record))
            await announce(connection, self._node, REGISTER, list(_names([*struck, *records])))
        try:
            async with self._reach.in_time(_WAIT):
                await connection.commit()
        except BaseException:
            self._unsure()
            raise

    async def mend(self, records: Sequence[RegisterRecord], struck: Sequence[RegisterRecord]) -> None:
        """Write rows otherwise that say the same."""
        await self.keep(records, struck, ())


def _names(records: Iterable[RegisterRecord]) -> dict[tuple[str, str], None]:
    """Return the keys of rows, each once."""
    return {(record.kind, record.name): None for record in records}
