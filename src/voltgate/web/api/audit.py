"""`/audit`: the audit trail of commands to stations."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from voltgate.relay.records import StoreAway
from voltgate.store.audit import AuditQuery, read_cursor, write_cursor
from voltgate.store.chain import Link
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.models import AuditLine, AuditPage
from voltgate.web.problems import Problem, declared, invalid
from voltgate.web.times import seconds_of, stamp

router = APIRouter(tags=["audit"])

Time = Annotated[str | None, Query(max_length=40, description="RFC 3339, or a day in UTC.")]


@router.get("/audit", summary="Read the audit trail", responses=declared(422, 503))
async def trail(
    queries: QueriesDependency,
    _: Viewer,
    station: Annotated[str | None, Query(max_length=255)] = None,
    backend: Annotated[str | None, Query(max_length=100, description='A backend, or "api:NAME" for a caller.')] = None,
    action: Annotated[str | None, Query(max_length=100, description="Exactly.")] = None,
    since: Time = None,
    until: Time = None,
    outcome: Annotated[Literal["passed", "refused", "absorbed", "undelivered", "failed"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="Where the part before ended.")] = None,
) -> AuditPage:
    """Give the newest lines of the audit trail; `cursor` leads on to older ones."""
    engine = None if queries.database is None else queries.database.engine
    if engine is None:
        raise Problem(503, "Service Unavailable", "There is no database: the audit trail is not kept.")
    key = None if station is None else queries.snapshot.directory.key(station)
    began, ended = _seconds("since", since), _seconds("until", until)
    query = AuditQuery(key, backend, outcome, limit, _after(cursor), action, began, ended)
    try:
        records = await queries.trail.read(engine, query)
    except StoreAway as away:
        raise Problem(503, "Service Unavailable", f"The audit trail cannot be read: {away}.") from None
    more = write_cursor(records[-1].record) if len(records) == limit else None
    return AuditPage(items=list(map(_line, records)), cursor=more)


def _after(cursor: str | None) -> tuple[float, str] | None:
    try:
        return None if cursor is None else read_cursor(cursor)
    except ValueError as error:
        raise invalid([{"loc": ("query", "cursor"), "msg": str(error)}]) from None


def _seconds(name: str, text: str | None) -> float | None:
    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise invalid([{"loc": ("query", name), "msg": f"is no time: {error}"}]) from None


def _line(link: Link) -> AuditLine:
    record = link.record
    return AuditLine(
        at=stamp(record.at),
        station=record.identity or record.station,
        backend=record.backend,
        action=record.action,
        message_id=record.message_id,
        outcome=record.outcome,
        answer=record.answer,
        detail=record.detail,
        address=record.address,
        number=link.number or None,
        before=link.before or None,
    )
