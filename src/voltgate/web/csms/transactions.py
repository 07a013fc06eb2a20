"""Transactions, their meter values and what they come to, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from voltgate.csms.meters import Reading as MeterReading
from voltgate.csms.meters import Sample as MeterSample
from voltgate.csms.meters import unpack
from voltgate.csms.model import MeterValue, Transaction
from voltgate.csms.tariffs import minor_digits
from voltgate.store.csms.queries import Total
from voltgate.web.models import Time
from voltgate.web.times import stamp, stamp_or_none


class Money(BaseModel):
    """An amount of money."""

    amount: str = Field(examples=["12.34"], description="In the currency's major unit, exactly.")
    currency: str = Field(examples=["EUR"], description="ISO 4217.")


class CsmsTransaction(BaseModel):
    """A transaction, as its station told it. Energy is in Wh, power in W; null is what is not known."""

    station: str
    ref: str = Field(
        description="Its name here: the `transaction_id`; with its number behind it, `T1~2`, where a station of 2.x has"
        " used that again."
    )
    transaction_id: str = Field(description="Its name at the station: the transactionId of 2.x, the number of 1.x.")
    network: str
    version: str
    evse: int | None = Field(description="1.x: the connector.")
    connector: int | None
    token: str
    token_type: str
    group: str
    stop_token: str
    state: Literal["running", "ended"]
    charging_state: str
    began: Time | None = Field(description="By the station's clock.")
    ended: Time | None
    seconds: float | None = Field(description="From the beginning to the end; 0 if its clock was set back meanwhile.")
    meter_start: float | None
    meter_stop: float | None
    meter_last: float | None = Field(description="The latest value of the register.")
    energy: float | None = Field(description="What was charged, once both ends of the register are known.")
    power: float | None = Field(description="The latest value.")
    soc: float | None = Field(description="The latest state of charge, in percent.")
    reason: str = Field(description="Why it ended, in the version's own word.")
    estimated: str = Field(description="Why an end that the station has not told is taken for one; empty: it has.")
    offline: bool
    cost: Money | None


class CsmsTransactionInFull(CsmsTransaction):
    """A transaction with all that is known of it."""

    number: int | None = Field(description="1.x: its number.")
    began_received: Time | None = Field(description="By our clock.")
    ended_received: Time | None
    meter_at: Time | None = Field(description="When `meter_last` was read.")
    trigger: str = Field(description="2.x: why the latest event came.")
    remote_start: int | None = Field(description="The remote start that it came from.")
    reservation: int | None
    missing: list[str] = Field(description="2.x: sequence numbers of events that have not come.")
    computed_from: Any = Field(description="What the cost was computed from; null: there is no cost.")


class CsmsTotal(BaseModel):
    """What some transactions come to, in one currency."""

    currency: str = Field(description="Empty: of those that have no cost.")
    transactions: int
    energy: float = Field(description="Wh.")
    seconds: float
    cost: Money | None


class CsmsTotals(BaseModel):
    """What transactions come to, by currency."""

    items: list[CsmsTotal]


class SignedValue(BaseModel):
    """A signed value, letter for letter as the station sent it."""

    data: str
    signing_method: str
    encoding_method: str
    public_key: str


class Sample(BaseModel):
    """One value of a meter. `value` is in the base unit `unit`; null: what the station wrote, `raw`, is no number."""

    measurand: str
    phase: str
    location: str
    context: str
    value: float | None
    unit: str
    raw: str
    signed: SignedValue | None


class Reading(BaseModel):
    """What a meter said at one moment."""

    at: Time
    received: Time
    energy: float | None = Field(description="The register, in Wh.")
    power: float | None = Field(description="In W.")
    samples: list[Sample]


class SampleLine(BaseModel):
    """One value of a meter with its moment: a line of CSV."""

    at: Time
    received: Time
    measurand: str
    phase: str
    location: str
    context: str
    value: float | None
    unit: str
    raw: str
    signed: SignedValue | None


def money_of(minor: int | None, currency: str) -> Money | None:
    """Return an amount that is counted in the minor unit of its currency; None for none."""
    if minor is None or not currency:
        return None
    return Money(amount=f"{Decimal(minor).scaleb(-minor_digits(currency)):f}", currency=currency)


def transaction_of(row: Transaction, identity: str) -> CsmsTransaction:
    """Return what a list shows of a transaction."""
    return CsmsTransaction(**_shown(row, identity))


def transaction_in_full(row: Transaction, identity: str) -> CsmsTransactionInFull:
    """Return all that is known of a transaction."""
    return CsmsTransactionInFull(
        **_shown(row, identity),
        number=row.number,
        began_received=stamp_or_none(row.began_received),
        ended_received=stamp_or_none(row.ended_received),
        meter_at=stamp_or_none(row.meter_at),
        trigger=row.trigger,
        remote_start=row.remote_start,
        reservation=row.reservation,
        missing=row.missing.split(),
        computed_from=None if row.cost is None else document(row.cost_data),
    )


def _shown(row: Transaction, identity: str) -> dict[str, Any]:
    return {
        "station": identity,
        "ref": row.ref,
        "transaction_id": row.transaction_id,
        "network": row.network,
        "version": row.version,
        "evse": row.evse,
        "connector": row.connector,
        "token": row.token,
        "token_type": row.token_kind,
        "group": row.group,
        "stop_token": row.stop_token,
        "state": row.state,
        "charging_state": row.charging_state,
        "began": stamp_or_none(row.began),
        "ended": stamp_or_none(row.ended),
        "seconds": None if row.began is None or row.ended is None else round(max(0.0, row.ended - row.began), 3),
        "meter_start": row.meter_start,
        "meter_stop": row.meter_stop,
        "meter_last": row.meter_last,
        "energy": row.energy,
        "power": row.power,
        "soc": row.soc,
        "reason": row.reason,
        "estimated": row.estimated,
        "offline": row.offline,
        "cost": money_of(row.cost, row.currency),
    }


def document(data: bytes) -> Any:
    """Return what JSON says that was kept; its text where it is none, None for nothing."""
    try:
        return msgspec.json.decode(data) if data else None
    except msgspec.DecodeError:
        return data.decode(errors="replace")


def total_of(total: Total) -> CsmsTotal:
    """Return what transactions come to in one currency."""
    return CsmsTotal(
        currency=total.currency,
        transactions=total.transactions,
        energy=total.energy,
        seconds=round(total.seconds, 3),
        cost=money_of(total.cost, total.currency),
    )


def reading_of(row: MeterValue) -> Reading:
    """Return meter values as they were kept."""
    samples = [_sample(each) for each in _read(row).samples]
    return Reading(at=stamp(row.at), received=stamp(row.received), energy=row.energy, power=row.power, samples=samples)


def sample_lines(rows: Sequence[MeterValue]) -> list[SampleLine]:
    """Return a line for each value."""
    return [
        SampleLine(at=stamp(row.at), received=stamp(row.received), **_sample(each).model_dump())
        for row in rows
        for each in _read(row).samples
    ]


def _read(row: MeterValue) -> MeterReading:
    try:
        return unpack(row.data)
    except msgspec.MsgspecError:  # whoever mends a row by hand may write anything
        return MeterReading(row.at, ())


def _sample(sample: MeterSample) -> Sample:
    signed = sample.signed
    return Sample(
        measurand=sample.measurand,
        phase=sample.phase,
        location=sample.location,
        context=sample.context,
        value=sample.value,
        unit=sample.unit,
        raw=sample.raw,
        signed=None
        if signed is None
        else SignedValue(
            data=signed.data,
            signing_method=signed.signing_method,
            encoding_method=signed.encoding_method,
            public_key=signed.public_key,
        ),
    )
