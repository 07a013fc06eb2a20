"""The simplest charging profile: at most so much, here, from now.

One id and one level for each place, so that a new limit replaces the one before and can be lifted again without
knowing anything of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import floor
from typing import Annotated

import msgspec

from voltgate.csms.commands.asking import Plan
from voltgate.csms.commands.outcome import by_status
from voltgate.csms.commands.parameters import Evse, Parameters, Seconds
from voltgate.csms.commands.profile import Period, Phases, Profile, Unit
from voltgate.csms.commands.profiles import ClearProfiles, SetProfile, clear_profiles, set_profile
from voltgate.csms.commands.target import Target

FIRST_ID = 1_900_000_000
"""The id of the limit of the whole station; EVSE N has the Nth after it. Transactions' limits have `FIRST_ID` + 10,000
and so on. No other command takes numbers from here on."""
_TRANSACTIONS = 10_000
_EARLIER = 60
"""Seconds by which a schedule starts before now: a start in the future of a station's slow clock leaves a gap."""
_VOLTS = 230
_PHASES = 3


class Limit(Parameters, frozen=True):
    """Let a station or an EVSE draw at most so much from now on; without `limit` lift it again.

    In A each phase has that much, in W all phases together. `phases` is how many the car uses, 3 where it is not
    known. With `transaction` the limit is gone when that transaction ends; without, it holds for all to come. After
    `seconds` it ends by itself.
    """

    limit: Annotated[float, msgspec.Meta(ge=0, le=1e7)] | None
    unit: Unit = "A"
    evse: Evse = 0
    phases: Phases | None = None
    transaction: Annotated[str, msgspec.Meta(max_length=36)] = ""
    seconds: Seconds | None = None


def limit(target: Target, wanted: Limit) -> Plan:
    """Plan a SetChargingProfile or, without a limit, a ClearChargingProfile.

    At EVSE 0 the profile bounds the station, at an EVSE the transactions there, the running one included
    (K01.FR.27, errata 3.8 of 1.6).
    """
    number = FIRST_ID + wanted.evse + (_TRANSACTIONS if wanted.transaction else 0)
    if wanted.limit is None:
        return clear_profiles(target, ClearProfiles(id=number))
    amount, unit = _in_its_unit(target, wanted)
    profile = Profile(
        purpose="transaction" if wanted.transaction else "default" if wanted.evse else "station-max",
        periods=(Period(start=0, limit=amount, phases=wanted.phases),),
        unit=unit,
        level=target.facts.stack_level or 0,
        id=number,
        transaction=wanted.transaction,
        begins=target.now - timedelta(seconds=_EARLIER),
        duration=None if wanted.seconds is None else wanted.seconds + _EARLIER,
    )
    step = set_profile(target, SetProfile(profile=profile, evse=wanted.evse))
    said = {"profile": number, "limit": amount, "unit": unit}
    return replace(step, reader=lambda fields: by_status(fields, said))


def _in_its_unit(target: Target, wanted: Limit) -> tuple[float, Unit]:
    """Return the limit in a unit that the station takes, rounded down: 230 V on each phase."""
    amount = wanted.limit or 0.0
    units = target.facts.rate_units
    if not units or wanted.unit in units:
        return amount, wanted.unit
    power_of_an_ampere = _VOLTS * (wanted.phases or _PHASES)
    if wanted.unit == "A":
        return float(floor(amount * power_of_an_ampere)), "W"
    return floor(amount / power_of_an_ampere * 10) / 10, "A"
