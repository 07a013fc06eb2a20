"""Commands about charging profiles: set, clear, list, and what they come to."""

from __future__ import annotations

from typing import Annotated

import msgspec

from voltgate.csms.commands.asking import Every, Plan, Step, any_of
from voltgate.csms.commands.charging import old_transaction
from voltgate.csms.commands.outcome import Fields, Outcome, by_status, following, number, objects, text
from voltgate.csms.commands.parameters import Evse, Id, Level, Parameters, Seconds, given
from voltgate.csms.commands.profile import Profile, Purpose, Unit, profile_of, purpose_of
from voltgate.csms.commands.target import Target, Unsupported


class SetProfile(Parameters, frozen=True):
    """Set a charging profile at an EVSE, or at the whole station."""

    profile: Profile
    evse: Evse = 0


def set_profile(target: Target, wanted: SetProfile) -> Step:
    """Plan a SetChargingProfile. The id that it got is in the result: it clears or replaces the profile."""
    profile = wanted.profile
    if profile.purpose == "station-max" and wanted.evse:
        raise Unsupported("The limit of a whole station is set at EVSE 0 (K01.FR.03)")
    if profile.purpose == "transaction" and not wanted.evse:
        raise Unsupported("The profile of a transaction is set at the EVSE where it runs (K01.FR.03)")
    if target.modern:
        if profile.purpose == "transaction" and not profile.transaction:
            raise Unsupported("The profile of a transaction names the transaction (K01.FR.03)")
        payload: Fields = {"evseId": wanted.evse, "chargingProfile": profile_of(target, profile)}
    else:
        transaction = old_transaction(target, profile.transaction) if profile.transaction else None
        body = profile_of(target, profile, transaction)
        payload = {"connectorId": wanted.evse, "csChargingProfiles": body}
    result = {"profile": profile.id or target.number}
    return Step("SetChargingProfile", payload, lambda fields: by_status(fields, result))


class ClearProfiles(Parameters, frozen=True):
    """Clear the profile with an id, or all that match everything that is given; with nothing given all."""

    id: Id = 0
    evse: Evse | None = None
    purpose: Purpose | None = None
    level: Level | None = None


def clear_profiles(target: Target, wanted: ClearProfiles) -> Plan:
    """Plan a ClearChargingProfile; 2.x requires a criterion (K10.FR.02), so that all are cleared by their purposes."""
    if not target.modern:
        purpose = purpose_of(target, wanted.purpose) if wanted.purpose else None
        criteria = given(connectorId=wanted.evse, chargingProfilePurpose=purpose, stackLevel=wanted.level)
        return Step("ClearChargingProfile", {**given(id=wanted.id or None), **criteria})
    if wanted.id:
        if (wanted.evse, wanted.purpose, wanted.level) != (None, None, None):
            raise target.lacks("clearing by an id and by more", "the id alone")
        return Step("ClearChargingProfile", {"chargingProfileId": wanted.id})
    alone = wanted.evse is None and wanted.level is None and wanted.purpose is None
    every: tuple[Purpose, ...] = ("station-max", "default", "transaction")
    if target.since("ocpp2.1"):
        every += ("priority", "local-generation")
    steps = tuple(_clearing(target, wanted, purpose) for purpose in (every if alone else (wanted.purpose,)))
    return Every(steps, any_of)


def _clearing(target: Target, wanted: ClearProfiles, purpose: Purpose | None) -> Step:
    word = purpose_of(target, purpose) if purpose else None
    criteria = given(evseId=wanted.evse, chargingProfilePurpose=word, stackLevel=wanted.level)
    return Step("ClearChargingProfile", {"chargingProfileCriteria": criteria})


class ListProfiles(Parameters, frozen=True):
    """List the profiles that a station has; they come afterwards, with the request's number."""

    evse: Evse | None = None
    ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)] = ()
    purpose: Purpose | None = None
    level: Level | None = None
    id: Id = 0


def list_profiles(target: Target, wanted: ListProfiles) -> Plan:
    """Plan a GetChargingProfiles."""
    request = wanted.id or target.number
    criterion = given(
        chargingProfilePurpose=purpose_of(target, wanted.purpose) if wanted.purpose else None,
        stackLevel=wanted.level,
        chargingProfileId=list(wanted.ids),
    )
    payload = {**given(requestId=request, evseId=wanted.evse), "chargingProfile": criterion}
    return Step("GetChargingProfiles", payload, following("ReportChargingProfiles", request=request))


class CompositeSchedule(Parameters, frozen=True):
    """Ask what all profiles together come to at an EVSE, or for the whole station, in the next seconds."""

    seconds: Seconds = 86400
    evse: Evse = 0
    unit: Unit | None = None


def composite_schedule(target: Target, wanted: CompositeSchedule) -> Plan:
    """Plan a GetCompositeSchedule. The result has the same form for every version."""
    place = {"evseId" if target.modern else "connectorId": wanted.evse}
    payload = given(**place, duration=wanted.seconds, chargingRateUnit=wanted.unit)
    return Step("GetCompositeSchedule", payload, _composite)


def _composite(fields: Fields) -> Outcome:
    """Read the schedule: 2.x has it in one object, 1.6 beside the place and the start of it."""
    found = fields.get("schedule") or fields.get("chargingSchedule")
    schedule = found if isinstance(found, dict) else {}
    result = given(
        evse=number(schedule, "evseId") if "evseId" in schedule else number(fields, "connectorId"),
        begins=text(schedule, "scheduleStart") or text(fields, "scheduleStart") or text(schedule, "startSchedule"),
        duration=number(schedule, "duration"),
        unit=text(schedule, "chargingRateUnit"),
        periods=[_period(each) for each in objects(schedule, "chargingSchedulePeriod")],
    )
    return by_status(fields, result)


def _period(fields: Fields) -> Fields:
    return given(
        start=number(fields, "startPeriod"),
        limit=_decimal(fields.get("limit")),
        phases=number(fields, "numberPhases"),
        phase=number(fields, "phaseToUse"),
    )


def _decimal(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
