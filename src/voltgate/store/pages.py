"""Reading: what is on record of stations, many with one query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Table, and_, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import (
    OWED_AT_ONCE,
    Debt,
    FactRecord,
    InvitationRecord,
    NumberRecord,
    OwedRecord,
    Page,
    Piece,
    TransactionRecord,
)
from voltgate.store.sizes import owed_size
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
    first = _first_owed(stations)
    last = or_(ranked.c.rank <= REMEMBERED, ranked.c.ref.in_(select(first.c.transaction)))
    ended = select(*columns).where(last).order_by(ranked.c.ended)
    invited = select(invitations).where(invitations.c.station.in_(stations), invitations.c.expires > now)
    pages = _sorted_out(
        stations,
        [TransactionRecord(*row) for row in await connection.execute(ended)]
        + [TransactionRecord(*row) for row in await connection.execute(running.order_by(transactions.c.began))],
        [InvitationRecord(*row) for row in await connection.execute(invited.order_by(invitations.c.expires))],
        [NumberRecord(*row) for row in await connection.execute(_all_of(numbers, stations).order_by(numbers.c.at))],
        [FactRecord(*row) for row in await connection.execute(_all_of(facts, stations))],
        [OwedRecord(*row) for row in await connection.execute(select(first).order_by(first.c.seq))],
    )
    return await _with_debts(connection, pages)


def _first_owed(stations: list[str]) -> Any:
    """Select the first messages of each backend, and all of those of which nobody knows yet whose they are."""
    rank = func.row_number().over(partition_by=(owed.c.station, owed.c.backend), order_by=owed.c.seq)
    ranked = (
        select(owed.c.station, owed.c.seq, rank.label("rank")).where(owed.c.station.in_(stations)).subquery("ranked")
    )
    these = and_(owed.c.station == ranked.c.station, owed.c.seq == ranked.c.seq)
    return select(owed).join(ranked, these).where(or_(ranked.c.rank <= OWED_AT_ONCE, owed.c.backend == "")).subquery()


async def _with_debts(connection: AsyncConnection, pages: dict[str, Page]) -> dict[str, Page]:
    """Enter how much each backend is owed in all, and the last number that was given."""
    counted = (
        select(owed.c.station, owed.c.backend, func.count(), func.max(owed.c.seq), owed_size())
        .where(owed.c.station.in_([station for station, page in pages.items() if page.owed]))
        .group_by(owed.c.station, owed.c.backend)
        .order_by(owed.c.station, owed.c.backend)
    )
    for station, backend, messages, last, size in await connection.execute(counted):
        page = pages[station]
        debts = (*page.debts, Debt(backend, messages, int(size))) if backend else page.debts
        seq = last if isinstance(last, int) else 0  # a row is damaged: the largest of all is not known
        pages[station] = replace(page, debts=debts, last_owed=max(page.last_owed, seq))
    return pages


async def read_piece(connection: AsyncConnection, station: str, backend: str, without: tuple[str, ...]) -> Piece:
    """Return the first messages that a backend is owed of a station, those of the transactions `without` left out."""
    mine = owed.c.station == station, owed.c.backend == backend, owed.c.transaction.not_in(without)
    first = select(owed).where(*mine).order_by(owed.c.seq).limit(OWED_AT_ONCE)
    found = tuple(OwedRecord(*row) for row in await connection.execute(first))
    named = {record.transaction for record in found if record.transaction}
    if not named:
        return Piece(found)
    these = select(transactions).where(transactions.c.station == station, transactions.c.ref.in_(named))
    rows = await connection.execute(these.order_by(transactions.c.began))
    return Piece(found, tuple(TransactionRecord(*row) for row in rows))


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
    return {station: _page(station, lists) for station, lists in found.items()}


def _page(station: str, kinds: list[list[Any]]) -> Page:
    """Make a page of the records of each kind, in the order of its fields."""
    begun, invited, known, noted, due = map(tuple, kinds)
    return Page(station, begun, invited, known, noted, due)
