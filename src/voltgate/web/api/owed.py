"""`/owed` and `/stations/{identity}/owed`: what backends are still owed, by backend and of a station."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.relay.records import StoreAway
from voltgate.store.debts import owed_to_each, still_owed
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.models import OwedMessage, OwedMessages, OwedToBackend, OwedToBackends
from voltgate.web.problems import Problem, declared
from voltgate.web.queries import Queries
from voltgate.web.times import stamp

router = APIRouter()


@router.get("/owed", summary="List what each backend is owed", tags=["backends"], responses=declared(503))
async def owed_to_all(queries: QueriesDependency, _: Viewer) -> OwedToBackends:
    """List how many messages each backend has not taken yet; those that are owed nothing are not named."""
    engine = _engine(queries)
    try:
        found = await owed_to_each(engine, queries.wall())
    except StoreAway as away:
        raise _away(away) from None
    items = [
        OwedToBackend(backend=name, messages=messages, oldest_seconds=round(age, 1))
        for name, (messages, age) in sorted(found.items())
    ]
    return OwedToBackends(items=items)


@router.get("/stations/{identity}/owed", summary="List what is owed", tags=["stations"], responses=declared(422, 503))
async def owed(
    queries: QueriesDependency,
    _: Viewer,
    identity: Identity,
    message_id: Annotated[str | None, Query(max_length=255, description="Only messages with this id.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> OwedMessages:
    """List the messages of a station that backends are to be told and have not taken yet, the oldest first."""
    engine = _engine(queries)
    try:
        records = await still_owed(engine, queries.snapshot.directory.key(identity), message_id, limit)
    except StoreAway as away:
        raise _away(away) from None
    items = [
        OwedMessage(
            backend=record.backend or None, at=stamp(record.at), action=record.action, message_id=record.message_id
        )
        for record in records
    ]
    return OwedMessages(items=items)


def _engine(queries: Queries) -> AsyncEngine:
    engine = None if queries.database is None else queries.database.engine
    if engine is None:
        raise Problem(503, "Service Unavailable", "There is no database: what is owed is in a gateway's memory alone.")
    return engine


def _away(away: StoreAway) -> Problem:
    return Problem(503, "Service Unavailable", f"What is owed cannot be read: {away}.")
