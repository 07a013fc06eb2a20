"""`/transactions`: what was charged, and what it comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends, Path, Query

from voltgate.csms.model import Transaction
from voltgate.store.csms.listing import Listed
from voltgate.store.csms.queries import TransactionFilter
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given, moment
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.csms.stations import NAME
from voltgate.web.csms.transactions import (
    CsmsTotals,
    CsmsTransaction,
    CsmsTransactionInFull,
    total_of,
    transaction_in_full,
    transaction_of,
)
from voltgate.web.networks import ViewerReach
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["transactions"])

Sort: TypeAlias = Literal["began", "-began", "ended", "-ended"]
When = Annotated[str | None, Query(max_length=40, description="RFC 3339, or a day: 2026-11-21.")]
Station = Annotated[str, Path(min_length=1, max_length=255, description="The station's identity.")]
Ref = Annotated[str, Path(min_length=1, max_length=255, description="Its `ref` in the list.")]


async def _filter(
    csms: Csms,
    station: Annotated[str | None, Query(max_length=255)] = None,
    network: Annotated[str | None, Query(pattern=NAME)] = None,
    token: Annotated[str | None, Query(max_length=255, description="However it is written.")] = None,
    evse: Annotated[int | None, Query(ge=0, le=1_000_000, description="1.x: the connector.")] = None,
    state: Annotated[Literal["running", "ended"] | None, Query()] = None,
    began_from: When = None,
    began_to: When = None,
    ended_from: When = None,
    ended_to: When = None,
    estimated: Annotated[bool | None, Query(description="Only those whose end was, or was not, concluded.")] = None,
    text: Annotated[str | None, Query(max_length=255, description="A station, a token or a transaction.")] = None,
) -> TransactionFilter:
    return TransactionFilter(
        None if station is None else csms.key(station),
        csms.reach.only(network),
        token,
        evse,
        state,
        moment(began_from, "began_from"),
        moment(began_to, "began_to"),
        moment(ended_from, "ended_from"),
        moment(ended_to, "ended_to"),
        estimated,
        text,
    )


Wanted = Annotated[TransactionFilter, Depends(_filter)]


@router.get(
    "/transactions",
    summary="List transactions",
    response_model=CsmsPage[CsmsTransaction],
    responses=declared(409, 503) | STREAMED,
)
async def transactions(
    csms: Csms, _: ViewerReach, wanted: Wanted, asked: AskedList, sort: Annotated[Sort, Query()] = "-began"
) -> object:
    """List transactions, the newest first. A time is from `…_from` on, and before `…_to`."""
    column: Literal["began", "ended"] = "began" if "began" in sort else "ended"

    def read(after: str | None, limit: int) -> Awaitable[Listed[Transaction]]:
        return csms.queries.list_transactions(wanted, column, after, limit, backwards=sort[0] == "-")

    async def show(rows: Sequence[Transaction]) -> list[CsmsTransaction]:
        identities = await csms.queries.identities({row.station for row in rows})
        return [transaction_of(row, identities[row.station]) for row in rows]

    return await given(CsmsTransaction, read, show, asked)


@router.get("/transactions/totals", summary="Add transactions up", responses=declared(409, 503))
async def totals(csms: Csms, _: ViewerReach, wanted: Wanted) -> CsmsTotals:
    """Add up energy, time and cost of the transactions that match, by currency."""
    return CsmsTotals(items=list(map(total_of, await csms.queries.total_transactions(wanted))))


@router.get("/transactions/{station}/{ref:path}", summary="Show a transaction", responses=declared(404, 409, 503))
async def transaction(csms: Csms, _: ViewerReach, station: Station, ref: Ref) -> CsmsTransactionInFull:
    """Show a transaction, with what its cost was computed from."""
    return await in_full(csms, station, ref)


async def in_full(csms: CsmsParts, station: str, ref: str) -> CsmsTransactionInFull:
    """Return a transaction. Raise Problem 404."""
    row = await found(csms, station, ref)
    return transaction_in_full(row, (await csms.queries.identities([row.station]))[row.station])


async def found(csms: CsmsParts, station: str, ref: str) -> Transaction:
    """Find a transaction. Raise Problem 404."""
    row = await csms.queries.transaction(csms.key(station), ref)
    if row is None or not csms.reach.has(row.network):
        raise Problem(404, "Not Found", "There is no such transaction of this station.")
    return row
