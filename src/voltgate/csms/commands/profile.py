"""Charging profiles: limits over time, and how the versions write them.

Source: 1.6 section 3.13 and 7.8 to 7.14; 2.x Part 2 section K.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from math import floor
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from voltgate.csms.commands.parameters import Id, Level, Parameters, Seconds, Time, given
from voltgate.csms.commands.target import Target, Unsupported, stamp

Purpose: TypeAlias = Literal["station-max", "default", "transaction", "priority", "local-generation"]
"""What a profile bounds: the whole station, transactions to come, one transaction; the last two exist in 2.1 only."""
Kind: TypeAlias = Literal["absolute", "recurring", "relative"]
Unit: TypeAlias = Literal["A", "W"]
Phases: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=3)]

_PURPOSES = {
    "station-max": "ChargingStationMaxProfile",
    "default": "TxDefaultProfile",
    "transaction": "TxProfile",
    "priority": "PriorityCharging",
    "local-generation": "LocalGeneration",
}
_ONLY_21 = frozenset({"priority", "local-generation"})


class Period(Parameters, frozen=True):
    """The limit from `start` seconds after the beginning of the schedule; `phases` is 3 where it is not given."""

    start: Seconds
    limit: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
    phases: Phases | None = None
    phase: Phases | None = None


class Profile(Parameters, frozen=True):
    """One charging profile with one schedule.

    `begins` is when its schedule starts, now if it is left out; a relative one starts with the transaction.
    `duration` bounds the schedule; without it the last period holds for good.
    """

    purpose: Purpose
    periods: Annotated[tuple[Period, ...], msgspec.Meta(min_length=1, max_length=1024)]
    unit: Unit = "A"
    kind: Kind = "absolute"
    recurs: Literal["daily", "weekly"] | None = None
    level: Level = 0
    id: Id = 0
    transaction: Annotated[str, msgspec.Meta(max_length=36)] = ""
    begins: Time | None = None
    duration: Seconds | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
    least: Annotated[float, msgspec.Meta(ge=0, le=1e7)] | None = None


def purpose_of(target: Target, purpose: Purpose) -> str:
    """Return the word of the version for a purpose."""
    if purpose in _ONLY_21 and not target.since("ocpp2.1"):
        raise target.lacks(f"profile of the purpose {purpose}", "station-max")
    return "ChargePointMaxProfile" if purpose == "station-max" and not target.modern else _PURPOSES[purpose]


def profile_of(target: Target, wanted: Profile, transaction: int | None = None) -> dict[str, Any]:
    """Return a profile as the version writes it. `transaction` is the number of its transaction in 1.x.

    Raise Unsupported for what a station must refuse, with the rule.
    """
    _must_be_whole(wanted)
    number = wanted.id or target.number
    schedule = given(
        startSchedule=None if wanted.kind == "relative" else stamp(wanted.begins or target.now),
        duration=wanted.duration,
        chargingRateUnit=wanted.unit,
        chargingSchedulePeriod=[_period(target, each) for each in wanted.periods],
        minChargingRate=None if wanted.least is None else _tenths(wanted.least),
    )
    old = not target.modern
    return given(
        **{"chargingProfileId" if old else "id": number},
        transactionId=transaction if old else wanted.transaction,
        stackLevel=wanted.level,
        chargingProfilePurpose=purpose_of(target, wanted.purpose),
        chargingProfileKind=wanted.kind.capitalize(),
        recurrencyKind=wanted.recurs and wanted.recurs.capitalize(),
        validFrom=_stamp(wanted.valid_from),
        validTo=_stamp(wanted.valid_to),
        chargingSchedule=schedule if old else [{"id": number, **schedule}],
    )


def _must_be_whole(wanted: Profile) -> None:
    starts: Sequence[int] = [each.start for each in wanted.periods]
    if starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise Unsupported("The first period of a schedule starts at 0, each other one later than the one before")
    if (wanted.kind == "recurring") is not (wanted.recurs is not None):
        raise Unsupported("A recurring profile is daily or weekly, and no other is")
    if wanted.purpose == "station-max" and wanted.kind == "relative":
        raise Unsupported("The limit of a whole station cannot be relative to a transaction (K01.FR.38)")
    if wanted.transaction and wanted.purpose != "transaction":
        raise Unsupported("Only a profile of the purpose transaction belongs to a transaction")


def _period(target: Target, wanted: Period) -> dict[str, Any]:
    if wanted.phase is not None:
        if not target.modern:
            raise target.lacks("choice of a phase", "phases, their number")
        if wanted.phases != 1:
            raise Unsupported("A phase is chosen for a limit on one phase: set phases to 1")
    return given(
        startPeriod=wanted.start, limit=_tenths(wanted.limit), numberPhases=wanted.phases, phaseToUse=wanted.phase
    )


def _tenths(limit: float) -> float:
    """Return a limit with the one decimal that stations take, never more than was allowed (1.6 section 7.13)."""
    return floor(round(limit * 10, 6)) / 10


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)
