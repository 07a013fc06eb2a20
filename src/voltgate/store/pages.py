"""Reading: what is on record of stations, many with one query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import (
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Page,
    TransactionRecord,
)
from voltgate.store.tables import facts, invitations, numbers, owed, transactions

REMEMBERED = 8
"""Ended transactions of a station that are read with its page."""


async def read_pages(connection: AsyncConnection, stations: list[str], now: float) -> dict[str, Page]:
    """Return the pages of stations at `now`, in seconds since 1970.

    Most stations have nothing on record but facts: tables without any row of them are not read.
    """
    there = (await connection.execute(_WHAT_IS_THERE, {"stations": stations})).one()
    if not any(there):
        return {station: Page(station) for station in stations}
    if not any(there[:-1]):
        found = [FactRecord(*row) for row in await connection.execute(_all_of(facts, stations))]
        return _sorted_out(stations, [], [], [], found, [])
    return await _full_pages(connection, stations, now)


async def _full_pages(connection: AsyncConnection, stations: list[str], now: float) -> dict[str, Page]:
    running = select(transactions).where(transactions.c.station.in_(stations), transactions.c.ended.is_(None))
    rank = func.row_number().over(partition_by=transactions.c.station, order_by=transactions.c.ended.desc())
    ranked = (
        select(transactions, rank.label("rank"))
        .where(transactions.c.station.in_(stations), transactions.c.ended.is_not(None))
        .subquery()
    )
    columns = [ranked.c[column.name] for column in transactions.c]
    indebted = select(owed.c.transaction).where(owed.c.station.in_(stations))
    last = or_(ranked.c.rank <= REMEMBERED, ranked.c.ref.in_(indebted))
    ended = select(*columns).where(last).order_by(ranked.c.ended)
    invited = select(invitations).where(invitations.c.station.in_(stations), invitations.c.expires > now)
    return _sorted_out(
        stations,
        [TransactionRecord(*row) for row in await connection.execute(ended)]
        + [TransactionRecord(*row) for row in await connection.execute(running.order_by(transactions.c.began))],
        [InvitationRecord(*row) for row in await connection.execute(invited.order_by(invitations.c.expires))],
        [NumberRecord(*row) for row in await connection.execute(_all_of(numbers, stations).order_by(numbers.c.at))],
        [FactRecord(*row) for row in await connection.execute(_all_of(facts, stations))],
        [OwedRecord(*row) for row in await connection.execute(_all_of(owed, stations).order_by(owed.c.seq))],
    )


def _is_there(table: Table) -> Any:
    return exists(select(1).where(table.c.station.in_(bindparam("stations", expanding=True))))


_WHAT_IS_THERE = select(*map(_is_there, (transactions, invitations, numbers, owed, facts)))
"""Which tables have anything of some stations."""


def _all_of(table: Table, stations: list[str]) -> Any:
    return select(table).where(table.c.station.in_(stations))


def _sorted_out(stations: list[str], *kinds: list[Any]) -> dict[str, Page]:
    """Return for each station its own records."""
    found: dict[str, list[list[Any]]] = {station: [[] for _ in kinds] for station in stations}
    for at, records in enumerate(kinds):
        for record in records:
            found[record.station][at].append(record)
    return {station: Page(station, *map(tuple, lists)) for station, lists in found.items()}
