"""`/transactions/{station}/{ref}/…`: the meter values of a transaction, and a picture of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

from fastapi import APIRouter, Response

from voltgate.csms.model import MeterValue, Transaction
from voltgate.csms.plots import plot
from voltgate.store.csms.listing import Listed
from voltgate.web.api.csms.transactions import Ref, Station, found
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given
from voltgate.web.csms.parts import Csms, CsmsParts
from voltgate.web.csms.transactions import Reading, SampleLine, reading_of, sample_lines
from voltgate.web.networks import ViewerReach
from voltgate.web.problems import declared

router = APIRouter(tags=["transactions"])

_PART = 1000
_MOST = 100_000
"""Points of a picture: of more, every second one is left out, as often as is needed."""
_SVG = "image/svg+xml"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}

Point = tuple[float, float | None, float | None]


@router.get(
    "/transactions/{station}/{ref:path}/readings",
    summary="List the meter values of a transaction",
    response_model=CsmsPage[Reading],
    responses=declared(404, 409, 503) | STREAMED,
)
async def readings(csms: Csms, _: ViewerReach, station: Station, ref: Ref, asked: AskedList) -> object:
    """List the meter values of a transaction in the order of time; signed values as they came.

    CSV has a line for each value; JSON and JSON lines have all values of a moment together.
    """
    row = await found(csms, station, ref)

    def read(after: str | None, limit: int) -> Awaitable[Listed[MeterValue]]:
        return csms.queries.list_meter_values(row.station, row.ref, after, limit)

    async def show(rows: Sequence[MeterValue]) -> list[Reading]:
        return list(map(reading_of, rows))

    async def show_lines(rows: Sequence[MeterValue]) -> list[SampleLine]:
        return sample_lines(rows)

    if asked.form == "csv":
        return await given(SampleLine, read, show_lines, asked)
    return await given(Reading, read, show, asked)


@router.get(
    "/transactions/{station}/{ref:path}/plot.svg",
    summary="Draw a transaction",
    response_class=Response,
    responses=declared(404, 409, 503) | {200: {"content": {_SVG: {}}}},
)
async def picture(csms: Csms, _: ViewerReach, station: Station, ref: Ref) -> Response:
    """Draw the energy and the power of a transaction over time."""
    row = await found(csms, station, ref)
    async with csms.drawing:
        points = await _points(csms, row)
        identity = (await csms.queries.identities([row.station]))[row.station]
        drawn = await asyncio.to_thread(plot, points, f"{identity}, transaction {row.ref}")
    return Response(drawn, media_type=_SVG, headers=_HEADERS)


async def _points(csms: CsmsParts, row: Transaction) -> list[Point]:
    """Return what to draw: energy since the beginning, its ends as the station said them, and power."""
    start = row.meter_start or 0.0
    points: list[Point] = []
    stride = 1
    number = 0
    async for each in _meter_values(csms, row):
        if number % stride == 0:
            points.append((each.at, None if each.energy is None else each.energy - start, each.power))
        if len(points) > _MOST:
            points, stride = points[::2], 2 * stride
        number += 1
    if row.began is not None and row.meter_start is not None:
        points.append((row.began, 0.0, None))
    if row.ended is not None and row.meter_stop is not None:
        points.append((row.ended, row.meter_stop - start, None))
    return points


async def _meter_values(csms: CsmsParts, row: Transaction) -> AsyncIterator[MeterValue]:
    after: str | None = None
    while True:
        part = await csms.queries.list_meter_values(row.station, row.ref, after, _PART)
        for each in part.rows:
            yield each
        after = part.after
        if after is None:
            return
