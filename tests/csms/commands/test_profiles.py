"""Charging profiles and limits, as 1.6 and 2.x hear them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.commands.stations import Station, sent
from voltgate.csms.commands.target import Facts
from voltgate.ocpp.messages import Result

DAILY = {
    "purpose": "default",
    "kind": "recurring",
    "recurs": "daily",
    "unit": "A",
    "level": 2,
    "id": 5,
    "begins": "2026-11-21T00:00:00Z",
    "duration": 86400,
    "periods": [{"start": 0, "limit": 16, "phases": 3}, {"start": 3600, "limit": 10.19}],
}
PERIODS = [{"start": 0, "limit": 16}]


def test_a_profile_for_1_6_and_2_x() -> None:
    """The same profile: one schedule in 1.6, a list of one with an id in 2.x; one decimal, never rounded up."""
    body = {
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
    }
    schedule = {
        "startSchedule": "2026-11-21T00:00:00.000Z",
        "duration": 86400,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
            {"startPeriod": 3600, "limit": 10.1},
        ],
    }
    assert sent("ocpp1.6", "charging-profile-set", profile=DAILY, evse=1) == (
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 5, **body, "chargingSchedule": schedule}},
    )
    assert sent("ocpp2.1", "charging-profile-set", profile=DAILY, evse=1) == (
        "SetChargingProfile",
        {"evseId": 1, "chargingProfile": {"id": 5, **body, "chargingSchedule": [{"id": 5, **schedule}]}},
    )


@pytest.mark.parametrize(
    ("version", "profile", "evse", "sentence"),
    [
        ("ocpp1.6", {"periods": [{"start": 5, "limit": 1}]}, 1, "The first period of a schedule starts at 0"),
        ("ocpp1.6", {"periods": [*PERIODS, *PERIODS]}, 1, "The first period of a schedule starts at 0"),
        ("ocpp1.6", {"kind": "recurring"}, 1, "A recurring profile is daily or weekly"),
        ("ocpp1.6", {"recurs": "daily"}, 1, "A recurring profile is daily or weekly"),
        (
            "ocpp1.6",
            {"purpose": "station-max", "kind": "relative"},
            0,
            "The limit of a whole station cannot be relative",
        ),
        ("ocpp1.6", {"purpose": "station-max"}, 1, "The limit of a whole station is set at EVSE 0"),
        ("ocpp1.6", {"purpose": "transaction"}, 0, "The profile of a transaction is set at the EVSE"),
        ("ocpp2.0.1", {"purpose": "transaction"}, 1, "The profile of a transaction names the transaction"),
        ("ocpp1.6", {"transaction": "1"}, 1, "Only a profile of the purpose transaction belongs"),
        ("ocpp2.0.1", {"purpose": "priority"}, 1, "OCPP 2.0.1 has no profile of the purpose priority"),
        ("ocpp1.6", {"periods": [{"start": 0, "limit": 1, "phase": 1}]}, 1, "OCPP 1.6 has no choice of a phase"),
        ("ocpp2.0.1", {"periods": [{"start": 0, "limit": 1, "phase": 1}]}, 1, "A phase is chosen for a limit on one"),
    ],
)
def test_profiles_that_every_station_must_refuse(
    version: str, profile: dict[str, Any], evse: int, sentence: str
) -> None:
    """The operator reads the rule, and the station hears nothing."""
    whole = {"purpose": "default", "periods": PERIODS, **profile}
    assert sent(version, "charging-profile-set", profile=whole, evse=evse).startswith(sentence)


def test_a_start_with_a_profile() -> None:
    """The profile of a start is one of its transaction, which has no id yet (F01.FR.11, errata 3.41 of 1.6)."""
    profile = {"purpose": "transaction", "kind": "relative", "periods": PERIODS}
    _, payload = sent("ocpp1.6", "start", token="me", evse=1, profile=profile)
    assert payload["chargingProfile"] == {
        "chargingProfileId": 77,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]},
    }
    said = sent("ocpp1.6", "start", token="me", profile={**profile, "purpose": "default"})
    assert said.startswith("OCPP 1.6 has no start with such a profile")


def test_all_profiles_are_cleared() -> None:
    """1.6 clears all without a criterion; 2.x needs one, so that each purpose is cleared."""
    old = Station("ocpp1.6")
    old.told("charging-profile-clear")
    assert old.heard == [("ClearChargingProfile", {})]
    answers = [{"status": "Unknown"}, {"status": "Accepted"}, {"status": "Unknown"}]
    new = Station("ocpp2.0.1", {"ClearChargingProfile": lambda _: answers.pop(0)})
    outcome = new.told("charging-profile-clear")
    assert [payload["chargingProfileCriteria"]["chargingProfilePurpose"] for _, payload in new.heard] == [
        "ChargingStationMaxProfile",
        "TxDefaultProfile",
        "TxProfile",
    ]
    assert (outcome.accepted, outcome.status) == (True, "Accepted")


def test_clearing_by_criteria() -> None:
    """By an id, or by everything that is given."""
    assert sent("ocpp2.1", "charging-profile-clear", id=5) == ("ClearChargingProfile", {"chargingProfileId": 5})
    assert sent("ocpp2.1", "charging-profile-clear", id=5, evse=1).startswith(
        "OCPP 2.1 has no clearing by an id and by"
    )
    assert sent("ocpp2.0.1", "charging-profile-clear", evse=0, purpose="station-max") == (
        "ClearChargingProfile",
        {"chargingProfileCriteria": {"evseId": 0, "chargingProfilePurpose": "ChargingStationMaxProfile"}},
    )
    assert sent("ocpp1.6", "charging-profile-clear", evse=0, purpose="station-max", level=0) == (
        "ClearChargingProfile",
        {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 0},
    )


def test_composite_schedules_look_the_same() -> None:
    """What all profiles come to has one form, whichever version the station speaks."""
    periods = [{"startPeriod": 0, "limit": 16, "numberPhases": 3}]
    begins = "2026-11-21T07:30:00Z"
    common = {"duration": 60, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    old = {"status": "Accepted", "connectorId": 1, "scheduleStart": begins, "chargingSchedule": common}
    new = {"status": "Accepted", "schedule": {"evseId": 1, "scheduleStart": begins, **common}}
    results = [
        Station(version, {"GetCompositeSchedule": answer}).told("composite-schedule", evse=1, seconds=60).result
        for version, answer in (("ocpp1.6", old), ("ocpp2.1", new))
    ]
    assert results[0] == results[1]
    assert results[0] == {
        "evse": 1,
        "begins": begins,
        "duration": 60,
        "unit": "A",
        "periods": [{"start": 0, "limit": 16, "phases": 3}],
    }


def limited(version: str, facts: Facts, **fields: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Set a limit; return the place's payload, the profile in it and the result."""
    station = Station(version, facts=facts)
    outcome = station.told("limit", **fields)
    ((_, payload),) = station.heard
    return payload, payload.get("chargingProfile") or payload.get("csChargingProfiles"), outcome.result


def test_a_limit_is_a_profile_that_begins_before_now() -> None:
    """A schedule that began a minute ago leaves no gap for a station whose clock is slow; its end is moved likewise."""
    payload, profile, result = limited("ocpp1.6", Facts(stack_level=9), limit=16, evse=2, seconds=600)
    assert payload["connectorId"] == 2
    assert profile == {
        "chargingProfileId": 1_900_000_002,
        "stackLevel": 9,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": "2026-11-21T07:29:00.000Z",
            "duration": 660,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        },
    }
    assert result == {"profile": 1_900_000_002, "limit": 16.0, "unit": "A"}


def test_a_limit_of_the_station_and_of_a_transaction() -> None:
    """At EVSE 0 all connectors together are bounded; with a transaction the limit goes with it."""
    payload, profile, _ = limited("ocpp2.0.1", Facts(), limit=11000, unit="W")
    assert (payload["evseId"], profile["chargingProfilePurpose"]) == (0, "ChargingStationMaxProfile")
    _, profile, result = limited("ocpp2.0.1", Facts(), limit=10, evse=1, transaction="T1")
    assert (profile["chargingProfilePurpose"], profile["transactionId"]) == ("TxProfile", "T1")
    assert result["profile"] == 1_900_010_001


@pytest.mark.parametrize(
    ("units", "limit", "unit", "phases", "result"),
    [
        ("W", 16, "A", None, (11040.0, "W")),
        ("W", 10.7, "A", 1, (2461.0, "W")),
        ("A", 7400, "W", None, (10.7, "A")),
        ("A", 7400, "W", 1, (32.1, "A")),
        ("AW", 7400, "W", None, (7400.0, "W")),
        ("", 7400, "W", None, (7400.0, "W")),
    ],
)
def test_a_limit_is_said_in_a_unit_that_the_station_takes(
    units: str, limit: float, unit: str, phases: int | None, result: tuple[float, str]
) -> None:
    """230 V on each phase, and always rounded down (example 4 of the rules for limits)."""
    _, profile, said = limited("ocpp1.6", Facts(rate_units=frozenset(units)), limit=limit, unit=unit, phases=phases)
    assert (said["limit"], said["unit"]) == result
    (period,) = profile["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == result[0]


@pytest.mark.parametrize(("version", "name"), [("ocpp1.6", "id"), ("ocpp2.1", "chargingProfileId")])
def test_a_limit_is_lifted(version: str, name: str) -> None:
    """Nothing has to be known of a limit to lift it: its id is that of its place."""
    assert sent(version, "limit", limit=None, evse=2) == ("ClearChargingProfile", {name: 1_900_000_002})


def test_a_refused_limit() -> None:
    """The station's word reaches the operator, with what it was asked for."""
    station = Station("ocpp1.6", {"SetChargingProfile": Result("1", b'{"status":"NotSupported"}')})
    outcome = station.told("limit", limit=6)
    assert (outcome.accepted, outcome.status, outcome.result["limit"]) == (False, "NotSupported", 6.0)
