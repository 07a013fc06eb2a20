"""`/reservations`: what is kept for whom."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from voltgate.csms.model import Reservation
from voltgate.store.csms.listing import Listed
from voltgate.store.csms.queries import ReservationFilter
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given
from voltgate.web.csms.parts import Csms
from voltgate.web.csms.stations import NAME, CsmsReservation, reservation_of
from voltgate.web.networks import ViewerReach
from voltgate.web.problems import declared

router = APIRouter(tags=["reservations"])


@router.get(
    "/reservations",
    summary="List reservations",
    response_model=CsmsPage[CsmsReservation],
    responses=declared(409, 503) | STREAMED,
)
async def reservations(
    csms: Csms,
    _: ViewerReach,
    asked: AskedList,
    station: Annotated[str | None, Query(max_length=255)] = None,
    network: Annotated[str | None, Query(pattern=NAME, description="The one that the station is in.")] = None,
    status: Annotated[str | None, Query(max_length=100, description="Accepted, Used, Cancelled, Expired …")] = None,
) -> object:
    """List reservations, the newest first."""
    now, key = time.time(), None if station is None else csms.key(station)
    wanted = ReservationFilter(key, status, csms.reach.only(network), now)

    def read(after: str | None, limit: int) -> Awaitable[Listed[Reservation]]:
        return csms.queries.list_reservations(wanted, after, limit)

    async def show(rows: Sequence[Reservation]) -> list[CsmsReservation]:
        identities = await csms.queries.identities({row.station for row in rows})
        return [reservation_of(row, identities[row.station], now) for row in rows]

    return await given(CsmsReservation, read, show, asked)
