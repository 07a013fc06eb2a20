"""What becomes old: the age of the journal, and the deletion of what is kept no longer."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.store.address import reading
from voltgate.store.leases import clock_of
from voltgate.store.state import DatabaseSettings
from voltgate.store.tables import audit, invitations, leases, numbers, owed, transactions
from voltgate.store.writing import deletion

_AT_ONCE = 500
"""Rows that are deleted with one commit."""

log = structlog.get_logger("voltgate.store")


async def measure_journal(engine: AsyncEngine) -> tuple[int, float]:
    """Return how many messages backends are owed, and since when the oldest; 0 when there is none."""
    async with reading(engine).connect() as connection:
        row = (await connection.execute(select(func.count(), func.min(owed.c.at)))).one()
    return int(row[0]), float(row[1] or 0.0)


async def purge(engine: AsyncEngine, settings: DatabaseSettings, now: float) -> None:
    """Delete what is too old at `now`, a little at a time. Raise SQLAlchemyError."""
    await _purge(engine, owed, owed.c.at, now - settings.keep_owed)
    await _purge(engine, transactions, transactions.c.ended, now - settings.keep)
    await _purge(engine, numbers, numbers.c.at, now - settings.keep)
    await _purge(engine, invitations, invitations.c.expires, now)
    await _purge(engine, leases, leases.c.until, clock_of(engine.dialect.name) - settings.keep)
    await _purge(engine, audit, audit.c.at, now - settings.keep_audit)


async def _purge(engine: AsyncEngine, table: Table, column: Any, before: Any) -> None:
    keys = list(table.primary_key.columns)
    while True:
        async with engine.begin() as connection:
            rows = (await connection.execute(select(*keys).where(column < before).limit(_AT_ONCE))).all()
            names = [key.name for key in keys]
            if rows:
                gone = [{f"key_{n}": value for n, value in zip(names, row, strict=True)} for row in rows]
                await connection.execute(deletion(table), gone)
        if rows and table is owed:
            log.error("messages that backends were owed are given up: they are too old", messages=len(rows))
        if len(rows) < _AT_ONCE:
            return
