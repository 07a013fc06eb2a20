"""What becomes old: the age of the journal, and the deletion of what is kept no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Table, and_, func, not_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.calendar import EARLIEST, Calendar
from voltgate.store.address import SQLITE, reading
from voltgate.store.chain import delete_old, read_head
from voltgate.store.leases import clock_of
from voltgate.store.letters import KEEP as LETTERS
from voltgate.store.notices import KEEP as NOTICES
from voltgate.store.sizes import owed_size
from voltgate.store.state import DatabaseSettings
from voltgate.store.tables import audit, invitations, leases, letters, nodes, notices, numbers, owed, transactions
from voltgate.store.writing import deletion

_AT_ONCE = 500
"""Rows that are deleted with one commit."""

_APART = 60.0
"""Seconds that two clocks may be apart."""
_A_DAY = 86400.0
"""Seconds for which an invitation that has expired is kept, as none lasts longer, and a node that was heard of last."""

log = structlog.get_logger("voltgate.store")


async def measure_journal(engine: AsyncEngine) -> tuple[int, float, int]:
    """Return how many messages backends are owed, since when the oldest, and their bytes; 0 when there is none."""
    async with reading(engine).connect() as connection:
        row = (await connection.execute(select(func.count(), func.min(owed.c.at), owed_size()))).one()
    since = float(row[1]) if isinstance(row[1], float | int) else 0.0  # a text, if no row has a time
    return int(row[0]), since, int(row[2])


async def owed_by_backend(engine: AsyncEngine, now: float) -> dict[str, tuple[int, float]]:
    """Return how many messages each backend is owed, and for how many seconds the oldest of them."""
    each = (
        select(owed.c.backend, func.count(), func.min(owed.c.at)).where(owed.c.backend != "").group_by(owed.c.backend)
    )
    async with reading(engine).connect() as connection:
        rows = (await connection.execute(each)).all()
    ages = {name: now - at if isinstance(at, float | int) else 0.0 for name, _, at in rows}
    return {str(name): (int(messages), max(0.0, ages[name])) for name, messages, _ in rows}


async def clocks_agree(engine: AsyncEngine, now: float) -> bool:
    """Return whether the database's own clock shows what ours does: other gateways work with it as well.

    SQLite has none of its own.
    """
    if engine.dialect.name == SQLITE:
        return True
    async with reading(engine).connect() as connection:
        theirs = (await connection.execute(select(clock_of(engine.dialect.name)))).scalar_one()
    return bool(abs(float(theirs) - now) <= _APART)


async def purge(engine: AsyncEngine, settings: DatabaseSettings, calendar: Calendar) -> None:
    """Delete what is too old, a little at a time, by a calendar that is steady. Raise SQLAlchemyError.

    It ends when the calendar jumps: what is written down from then on may seem to be old.
    """
    now, jumps = calendar(), calendar.jumps

    def jumped() -> bool:
        calendar()
        return calendar.jumps != jumps

    for table, column, keep in (
        (owed, owed.c.at, settings.keep_owed),
        (transactions, transactions.c.ended, settings.keep),
        (numbers, numbers.c.at, settings.keep),
        (invitations, invitations.c.expires, _A_DAY),
        (audit, audit.c.at, settings.keep_audit),
    ):
        believed = [not_(column.between(each.first, each.last)) for each in calendar.former]
        is_old = and_(column < now - keep, column >= EARLIEST, *believed)
        if table is audit:
            await _purge_chain(engine, is_old, now, jumped)
            is_old = and_(is_old, audit.c.number.is_(None))
        await _purge(engine, table, is_old, jumped)
    theirs = clock_of(engine.dialect.name)
    for table, column, keep in (
        (leases, leases.c.until, settings.keep),
        (nodes, nodes.c.seen, _A_DAY),
        (notices, notices.c.at, NOTICES),
        (letters, letters.c.at, LETTERS),
    ):
        await _purge(engine, table, column < theirs - keep, jumped)


async def _purge(engine: AsyncEngine, table: Table, is_old: Any, jumped: Callable[[], bool]) -> None:
    keys = list(table.primary_key.columns)
    while True:
        async with engine.begin() as connection:
            rows = (await connection.execute(select(*keys).where(is_old).limit(_AT_ONCE))).all()
            if jumped():
                return
            names = [key.name for key in keys]
            if rows:
                gone = [{f"key_{n}": value for n, value in zip(names, row, strict=True)} for row in rows]
                await connection.execute(deletion(table), gone)
        if rows and table is owed:
            log.error("messages that backends were owed are given up: they are too old", messages=len(rows))
        if len(rows) < _AT_ONCE:
            return


async def _purge_chain(engine: AsyncEngine, is_old: Any, now: float, jumped: Callable[[], bool]) -> None:
    """Delete what is old of the audit trail, and log where that stands, for those who keep the log elsewhere."""
    deleted = _AT_ONCE
    while deleted == _AT_ONCE:
        async with engine.begin() as connection:
            deleted = await delete_old(connection, is_old, _AT_ONCE, now, jumped)
    async with reading(engine).connect() as connection:
        head = await read_head(connection)
    if head is not None:
        log.info("the audit trail", number=head.number, hash=head.hash)
