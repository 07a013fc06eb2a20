"""A backend with a session of its own: neither that nor a place that is none is a way to the session of another."""

from __future__ import annotations

import json

import pytest

from tests.attacks.backends import Attack, attacks
from tests.harness import Stage

OWN = 77
"""What the attacker calls its own transaction in 1.6."""
NO_CURRENT = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}
TX_PROFILE = {"stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute"}


async def charges(attack: Attack, version: str) -> None:
    """Have the attacker own a transaction on connector 2."""
    station = attack.station
    if version == "ocpp1.6":
        start = {"connectorId": 2, "idTag": "OTHER", "timestamp": "2026-01-01T10:01:00Z", "meterStart": 0}
        asked = await station.ask("StartTransaction", start)
        replies = [{"transactionId": number, "idTagInfo": {"status": "Accepted"}} for number in (OWN, 78)]
        action = "StartTransaction"
    else:
        event = {
            "eventType": "Started",
            "seqNo": 0,
            "timestamp": "2026-01-01T10:01:00Z",
            "triggerReason": "Authorized",
            "transactionInfo": {"transactionId": "T2"},
            "evse": {"id": 2, "connectorId": 1},
            "idToken": {"idToken": "OTHER", "type": "ISO14443"},
        }
        action, replies = "TransactionEvent", [{}, {}]
        asked = await station.ask(action, event)
    for link, reply in zip((attack.attacker, attack.victim), replies, strict=True):
        await link.answer(await link.expect(action), reply)
    await station.expect_result(asked)


def limits(version: str, place: int) -> str:
    """Write a limit of 0 A for the attacker's own transaction, at a connector or an EVSE."""
    if version == "ocpp1.6":
        profile = TX_PROFILE | {"chargingProfileId": 1, "transactionId": OWN, "chargingSchedule": NO_CURRENT}
        return json.dumps({"connectorId": place, "csChargingProfiles": profile})
    profile = TX_PROFILE | {"id": 1, "transactionId": "T2", "chargingSchedule": [{"id": 1, **NO_CURRENT}]}
    return json.dumps({"evseId": place, "chargingProfile": profile})


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_the_limit_of_ones_own_transaction_at_the_place_of_another(stage: Stage, version: str) -> None:
    """Whoever names its own transaction sets its limit where that runs, not where another's does."""
    attack = await attacks(stage, version)
    await charges(attack, version)
    for place in (1, 0, -1, 3):
        await attack.refused("SetChargingProfile", limits(version, place))
    assert await attack.sends("SetChargingProfile", limits(version, 2)), "it is its own"


async def test_a_connector_that_is_none(stage: Stage) -> None:
    """A place below 1 may be the whole station to the station."""
    attack = await attacks(stage)
    for place in (-1, 0):
        await attack.refused("UnlockConnector", json.dumps({"connectorId": place}))
    assert await attack.sends("UnlockConnector", '{"connectorId":2}'), "nobody's"
