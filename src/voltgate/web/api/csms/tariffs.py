"""`/tariffs`: what transactions cost. A tariff that is put anew is a new version; what was priced stays as it was."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from voltgate.csms.tariffs import ZERO, Tariff, cost, minor_digits
from voltgate.store.csms.tariffs import TooMany
from voltgate.web.access import Admin, Viewer
from voltgate.web.audited import say, told
from voltgate.web.csms.parts import Csms
from voltgate.web.csms.transactions import Money
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import Problem, declared
from voltgate.web.times import stamp

router = APIRouter(tags=["tariffs"])

_LATEST = 1e11
"""Seconds since 1970 that can still be written as a date."""

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="The name of the tariff.")]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)]


class Prices(BaseModel):
    """What is charged, in the currency's major unit and without VAT."""

    network: Annotated[str, Field(max_length=255, description='The only network that it is for; "": any.')] = ""
    group: Annotated[str, Field(max_length=255, description='The only group of tokens that it is for; "": any.')] = ""
    per_kwh: Price = ZERO
    per_minute: Annotated[Price, Field(description="From the beginning to the end.")] = ZERO
    per_session: Price = ZERO
    per_idle_minute: Annotated[Price, Field(description="Besides, while the vehicle does not charge any more.")] = ZERO
    free_minutes: Annotated[Price, Field(description="Minutes that cost no time.")] = ZERO
    vat: Annotated[Price | None, Field(description="Percent; null: no line for it.")] = None


class Wanted(Prices):
    """A tariff to be put. Without `since` it is in force from now on."""

    model_config = ConfigDict(extra="forbid")

    currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$", description="null: that of the configuration.")] = None
    since: AwareDatetime | None = None


class Shown(Prices):
    """A version of a tariff."""

    name: str
    version: int
    currency: str
    since: str


class Example(Prices):
    """Prices, and a transaction to which they are put."""

    currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$", description="null: that of the configuration.")] = None
    energy: Annotated[float, Field(ge=0, le=1e9, description="Wh.")] = 0.0
    seconds: Annotated[float, Field(ge=0, le=1e9, description="From the beginning to the end.")] = 0.0
    idle: Annotated[float, Field(ge=0, le=1e9, description="Seconds of it after the end of the charging.")] = 0.0


class CostLine(BaseModel):
    """One part of a cost: `quantity / per * price`. Energy is in Wh, times are in seconds; VAT is on all others."""

    kind: Literal["energy", "time", "session", "idle", "vat"]
    quantity: Decimal
    per: int
    price: Decimal
    amount: Decimal = Field(description="In the currency's major unit, to a trillionth.")


class ExampleCost(BaseModel):
    """What a transaction would cost."""

    cost: Money
    lines: list[CostLine]


@router.get("/tariffs", summary="List the tariffs", responses=declared(409, 422, 503))
async def tariffs(csms: Csms, _: Viewer, part: AskedPart) -> Page[Shown]:
    """List all versions of all tariffs, by name and version."""
    return cut([_shown(tariff) for tariff in await csms.tariffs.list()], part)


@router.get("/tariffs/example", summary="Price an example", responses=declared(409, 422, 503))
async def price(csms: Csms, _: Viewer, example: Annotated[Example, Query()]) -> ExampleCost:
    """Say what a transaction would cost by prices that need not be those of a tariff. Nothing is kept."""
    prices = {field: getattr(example, field) for field in Prices.model_fields}
    tariff = Tariff(name="example", currency=example.currency or csms.currency(), **prices)
    found = cost(tariff, example.energy, example.seconds, min(example.idle, example.seconds))
    amount = Decimal(found.total).scaleb(-minor_digits(found.currency))
    lines = [CostLine.model_validate(line, from_attributes=True) for line in found.lines]
    return ExampleCost(cost=Money(amount=f"{amount:f}", currency=found.currency), lines=lines)


@router.put("/tariffs/{name}", summary="Put a tariff", responses=declared(409, 422, 503))
async def put(request: Request, csms: Csms, name: Name, wanted: Wanted, _: Admin) -> Shown:
    """Add a version of a tariff. It prices transactions that begin from its `since` on, and that end from now on."""
    say(request, told(wanted))
    prices = {field: getattr(wanted, field) for field in Prices.model_fields}
    since = time.time() if wanted.since is None else min(max(0.0, wanted.since.timestamp()), _LATEST)
    tariff = Tariff(name=name, currency=wanted.currency or csms.currency(), since=since, **prices)
    try:
        return _shown(await csms.tariffs.put(tariff))
    except TooMany as error:
        raise Problem(409, "Conflict", str(error)) from None


@router.delete("/tariffs/{name}", status_code=204, summary="Delete a tariff", responses=declared(404, 409, 422, 503))
async def delete(
    request: Request,
    csms: Csms,
    name: Name,
    _: Admin,
    version: Annotated[int | None, Query(ge=1, le=2**31, description="Only this version.")] = None,
) -> Response:
    """Delete a tariff. What transactions have cost by it stays as it is."""
    say(request, "all versions" if version is None else f"version {version}")
    if not await csms.tariffs.delete(name, version):
        raise Problem(404, "Not Found", f'There is no such tariff "{name}".')
    return Response(status_code=204)


def _shown(tariff: Tariff) -> Shown:
    prices = {field: getattr(tariff, field) for field in Prices.model_fields}
    return Shown(
        name=tariff.name, version=tariff.version, currency=tariff.currency, since=stamp(tariff.since), **prices
    )
