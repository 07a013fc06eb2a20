"""Debts, as people read them: which messages of a station backends are still owed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.records import OwedRecord, StoreAway
from voltgate.store.address import reading
from voltgate.store.aging import owed_by_backend
from voltgate.store.failures import FAILURES
from voltgate.store.tables import owed

_PATIENCE = 5.0
"""Seconds that the database may take."""


async def still_owed(engine: AsyncEngine, station: str, message_id: str | None, limit: int) -> list[OwedRecord]:
    """Return what is owed of a station, by its key, the oldest first: all, or what has a message id.

    Raises StoreAway when the database does not answer.
    """
    mine = select(owed).where(owed.c.station == station).order_by(owed.c.seq).limit(limit)
    if message_id is not None:
        mine = mine.where(owed.c.message_id == message_id)
    with _as_away():
        async with asyncio.timeout(_PATIENCE), reading(engine).connect() as connection:
            return [OwedRecord(*row) for row in await connection.execute(mine)]


async def owed_to_each(engine: AsyncEngine, now: float) -> dict[str, tuple[int, float]]:
    """Return how many messages each backend is owed that is owed some, and for how many seconds the oldest of them.

    Raises StoreAway when the database does not answer.
    """
    with _as_away():
        async with asyncio.timeout(_PATIENCE):
            return await owed_by_backend(engine, now)


@contextmanager
def _as_away() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise StoreAway(f"the database does not answer: {type(error).__name__}") from None
