"""The audit trail, as people read it: the newest first, a part at a time."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.records import AuditRecord, StoreAway
from voltgate.store.address import reading
from voltgate.store.chain import Link, read_link
from voltgate.store.failures import FAILURES
from voltgate.store.tables import audit

_READERS = 2
"""Reads at a time: whoever must write down what a station is answered needs connections too."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which lines are asked for; None: any. `station` is a key of the directory, `after` the last line seen so far.

    `since` and `until` are in seconds since 1970; a line of `until` itself is not asked for.
    """

    station: str | None = None
    backend: str | None = None
    outcome: str | None = None
    limit: int = 100
    after: tuple[float, str] | None = None
    action: str | None = None
    since: float | None = None
    until: float | None = None


class AuditTrail:
    """Reads the audit trail of a database. Raises StoreAway when it does not answer within `patience` seconds."""

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._gate = asyncio.Semaphore(_READERS)

    async def read(self, engine: AsyncEngine, query: AuditQuery) -> list[Link]:
        """Read the lines that are asked for, the newest first."""
        try:
            async with asyncio.timeout(self._patience), self._gate, reading(engine).connect() as connection:
                return [read_link(row) for row in await connection.execute(_selection(query))]
        except FAILURES as error:
            raise StoreAway(f"the database does not answer: {type(error).__name__}") from None


def _selection(query: AuditQuery) -> Select[Any]:
    wanted = {
        audit.c.station: query.station,
        audit.c.backend: query.backend,
        audit.c.outcome: query.outcome,
        audit.c.action: query.action,
    }
    conditions = [column == value for column, value in wanted.items() if value is not None]
    if query.since is not None:
        conditions.append(audit.c.at >= query.since)
    if query.until is not None:
        conditions.append(audit.c.at < query.until)
    if query.after is not None:
        at, ref = query.after
        conditions.append(or_(audit.c.at < at, and_(audit.c.at == at, audit.c.ref < ref)))
    return select(audit).where(*conditions).order_by(audit.c.at.desc(), audit.c.ref.desc()).limit(query.limit)


def write_cursor(record: AuditRecord) -> str:
    """Write down where a part ended, in a form that nobody should look into."""
    return base64.urlsafe_b64encode(json.dumps([record.at, record.ref]).encode()).decode()


def read_cursor(text: str) -> tuple[float, str]:
    """Read what `write_cursor` wrote. Raises ValueError for anything else."""
    try:
        at, ref = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError("this is no cursor") from error
    if not isinstance(at, float) or not isinstance(ref, str) or not ref.isalnum():
        raise ValueError("this is no cursor")
    return at, ref
