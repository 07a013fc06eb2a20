"""`/stations/{identity}/owed`: what backends are still owed of a station."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from voltgate.relay.records import StoreAway
from voltgate.store.debts import still_owed
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.models import OwedMessage, OwedMessages
from voltgate.web.problems import Problem, declared
from voltgate.web.times import stamp

router = APIRouter(tags=["stations"])


@router.get("/stations/{identity}/owed", summary="List what is owed", responses=declared(422, 503))
async def owed(
    queries: QueriesDependency,
    _: Viewer,
    identity: Identity,
    message_id: Annotated[str | None, Query(max_length=255, description="Only messages with this id.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> OwedMessages:
    """List the messages of a station that backends are to be told and have not taken yet, the oldest first."""
    engine = None if queries.database is None else queries.database.engine
    if engine is None:
        raise Problem(503, "Service Unavailable", "There is no database: what is owed is in a gateway's memory alone.")
    try:
        records = await still_owed(engine, queries.snapshot.directory.key(identity), message_id, limit)
    except StoreAway as away:
        raise Problem(503, "Service Unavailable", f"What is owed cannot be read: {away}.") from None
    items = [
        OwedMessage(
            backend=record.backend or None, at=stamp(record.at), action=record.action, message_id=record.message_id
        )
        for record in records
    ]
    return OwedMessages(items=items)
