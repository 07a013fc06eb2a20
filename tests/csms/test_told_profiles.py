"""Charging profiles that operators have set: they are on record until their station has them no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from tests.csms.test_told import telling
from tests.csms.test_transactions_1x import begins, ends
from tests.csms.test_transactions_2x import event, tell
from voltgate.csms.model import Profile
from voltgate.ocpp.messages import Error

PERIODS = [{"start": 0, "limit": 16}]
Tell = Callable[..., Any]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage(tokens="any") as stage:
        yield stage


@pytest.fixture(params=["ocpp1.6", "ocpp2.0.1"])
async def station(request: pytest.FixtureRequest, stage: Stage) -> FakeStation:
    station = stage.station(protocol=request.param)
    await stage.wait(0)
    return station


def kept(stage: Stage) -> list[tuple[Any, ...]]:
    """Return the profiles that the station has: EVSE, id, source and origin."""
    rows = [row for row in stage.rows.all(Profile) if not row.cleared]
    return [(row.evse, row.profile, row.source, row.origin) for row in rows]


async def set_some(order: Tell) -> None:
    """Set a limit for the station, one for each of two EVSEs, and a second one there."""
    await order("charging-profile-set", profile={"purpose": "station-max", "periods": PERIODS, "id": 1})
    for evse, number, level in ((1, 2, 0), (2, 3, 0), (2, 4, 1)):
        profile = {"purpose": "default", "periods": PERIODS, "id": number, "level": level}
        await order("charging-profile-set", evse=evse, profile=profile)


async def test_what_was_accepted_is_kept(stage: Stage, station: FakeStation) -> None:
    order = telling(stage, station)
    await set_some(order)
    assert kept(stage) == [(evse, number, "CSO", "operator") for evse, number in ((0, 1), (1, 2), (2, 3), (2, 4))]
    row = stage.rows.all(Profile)[3]
    assert (row.purpose, row.stack_level, row.at) == ("TxDefaultProfile", 1, NOON)
    await order("limit", limit=10, evse=1)
    assert len(kept(stage)) == 4 + (
        station.protocol == "ocpp2.0.1"
    )  # in 1.6 one of a level and purpose replaces another


@pytest.mark.parametrize("reply", [{"status": "Rejected"}, {"status": "NotSupported"}, Error("1", "InternalError"), {}])
async def test_what_was_not_accepted_is_not(stage: Stage, station: FakeStation, reply: Any) -> None:
    station.replies["SetChargingProfile"] = reply
    await set_some(telling(stage, station))
    assert kept(stage) == []


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({"id": 3}, [1, 2, 4]),
        ({"evse": 2}, [1, 2]),
        ({"evse": 2, "level": 1}, [1, 2, 3]),
        ({"purpose": "default"}, [1]),
        ({"evse": 7}, [1, 2, 3, 4]),
        ({}, []),
    ],
)
@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
async def test_what_was_cleared(
    stage: Stage, station: FakeStation, criteria: dict[str, Any], left: list[int], status: str
) -> None:
    """Also where the station had nothing of the kind any more: what is on record was not true."""
    order = telling(stage, station)
    await set_some(order)
    station.replies["ClearChargingProfile"] = {"status": status}
    await order("charging-profile-clear", **criteria)
    assert [number for _, number, *_ in kept(stage)] == left
    await order("charging-profile-set", profile={"purpose": "station-max", "periods": PERIODS, "id": 9, "level": 5})
    assert 9 in [number for _, number, *_ in kept(stage)]


async def test_the_limit_that_is_lifted(stage: Stage, station: FakeStation) -> None:
    order = telling(stage, station)
    await order("limit", limit=10, evse=1)
    assert len(kept(stage)) == 1
    station.replies["ClearChargingProfile"] = Error("1", "InternalError")
    await order("limit", limit=None, evse=1)
    assert len(kept(stage)) == 1
    del station.replies["ClearChargingProfile"]
    await order("limit", limit=None, evse=1)
    assert kept(stage) == []


async def test_the_profile_of_a_transaction_ends_with_it(stage: Stage, station: FakeStation) -> None:
    order, modern = telling(stage, station), station.protocol != "ocpp1.6"
    if modern:
        await tell(station, event("Started", 0, 1000))
    else:
        await station.say("StartTransaction", begins())
    profile = {"purpose": "transaction", "periods": PERIODS, "transaction": "T1" if modern else "1"}
    await order("charging-profile-set", evse=1, profile=profile | {"id": 1})
    await order("charging-profile-set", evse=2, profile=profile | {"id": 2})
    await order("charging-profile-set", evse=1, profile={"purpose": "default", "periods": PERIODS, "id": 3})
    if modern:
        await tell(station, event("Ended", 60, 1100))
    else:
        await station.say("StopTransaction", ends(1, NOON + 60, 1100))
    assert [number for _, number, *_ in kept(stage)] == [2, 3]


async def test_a_station_of_2x_reports_it(stage: Stage) -> None:
    """Its report stands in place of what was set; when it has none of those that it is asked for, they are gone."""
    station = stage.station(protocol="ocpp2.0.1")
    await stage.wait(0)
    order = telling(stage, station)
    await set_some(order)
    reported = json.loads(next(row.data for row in stage.rows.all(Profile) if row.profile == 3))
    said = {"requestId": 1, "chargingLimitSource": "CSO", "evseId": 2, "chargingProfile": [reported]}
    await station.say("ReportChargingProfiles", said)
    assert (2, 3, "CSO", "station") in kept(stage)
    station.replies["GetChargingProfiles"] = {"status": "NoProfiles"}
    await order("charging-profile-list", evse=2, ids=[4, 5])
    assert [number for _, number, *_ in kept(stage)] == [1, 2, 3]
    await order("charging-profile-list", purpose="default")
    assert [number for _, number, *_ in kept(stage)] == [1]
