"""A backend that remote-starts another's card: whose the session is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.backends import CARD, RULES, Attack, attacks
from tests.harness import Link, Stage

MODERN = ("ocpp2.0.1", "ocpp2.1")
OWN = {"attacker": {"permit": "charge", "invites": "own"}}
MINE = "MINE0001"


def remote_start(version: str, token: str) -> tuple[str, dict[str, Any]]:
    """Write a remote start on the second connector."""
    if version == "ocpp1.6":
        return "RemoteStartTransaction", {"connectorId": 2, "idTag": token}
    return "RequestStartTransaction", {
        "remoteStartId": 7,
        "evseId": 2,
        "idToken": {"idToken": token, "type": "ISO14443"},
    }


def begins(version: str, token: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """Write the start of the session that it causes."""
    at = "2026-01-01T11:00:00Z"
    if version == "ocpp1.6":
        return "StartTransaction", {"connectorId": 2, "idTag": token, "timestamp": at, "meterStart": 0, **more}
    info = {"transactionId": "T2", "remoteStartId": 7}
    named = {"idToken": {"idToken": token, "type": "ISO14443"}, "evse": {"id": 2, "connectorId": 1}}
    event = {
        "eventType": "Started",
        "seqNo": 0,
        "timestamp": at,
        "triggerReason": "RemoteStart",
        "transactionInfo": info,
    }
    return "TransactionEvent", event | named | more


async def is_answered_by(attack: Attack, owner: Link, action: str, payload: dict[str, Any]) -> None:
    """See which backend's answer the station gets."""
    number = {"transactionId": 70, "idTagInfo": {"status": "Accepted"}} if action == "StartTransaction" else {}
    marked = number | {"customData": {"vendorId": owner.name}}
    asked = await attack.station.ask(action, payload)
    for link in (attack.attacker, attack.victim):
        await link.answer(await link.expect(action), marked if link is owner else number)
    answer = await attack.station.expect_result(asked)
    assert answer.payload["customData"] == {"vendorId": owner.name}


@pytest.mark.parametrize("version", ["ocpp1.6", *MODERN])
@pytest.mark.parametrize("invites", ["any", "own"])
async def test_the_card_of_another(stage: Stage, version: str, invites: str) -> None:
    """With `invites = "own"` the session with a card of another is that other's; without it is who asked for it."""
    backends = {"attacker": {"permit": "charge", "invites": invites}, "victim": {"permit": "charge"}}
    attack = await attacks(stage, version, backends=backends, charging=False)
    action, payload = remote_start(version, CARD)
    await attack.reads(action, payload, {"status": "Accepted"})
    owner = attack.attacker if invites == "any" else attack.victim
    await is_answered_by(attack, owner, *begins(version, CARD))


@pytest.mark.parametrize("version", ["ocpp1.6", *MODERN])
@pytest.mark.parametrize("chained", [False, True])
async def test_a_card_of_ones_own(stage: Stage, version: str, chained: bool) -> None:
    """The session with a card that the rules give to the backend is its own, also as one of several that are asked."""
    asked = {"answer": "victim", "authorize": ["victim", "attacker"], "copy": ["attacker"]}
    rules = [RULES[0], asked if chained else RULES[1]]
    routes = {"main": {"admit": "gateway", "rules": rules}}
    attack = await attacks(stage, version, backends=OWN, routes=routes, charging=False)
    action, payload = remote_start(version, MINE)
    await attack.reads(action, payload, {"status": "Accepted"})
    await is_answered_by(attack, attack.attacker, *begins(version, MINE))


@pytest.mark.parametrize("version", ["ocpp1.6", *MODERN])
async def test_a_reservation_for_the_card_of_another(stage: Stage, version: str) -> None:
    """Nor does it own what begins with a card of another that it has reserved for: it may not."""
    attack = await attacks(stage, version, backends=OWN, charging=False)
    for token, passes in ((CARD, False), (CARD.lower(), False), (MINE, True)):
        named = f'"idTag":"{token}","reservationId":3,"connectorId":2'
        if version != "ocpp1.6":
            named = f'"idToken":{{"idToken":"{token}","type":"ISO14443"}},"id":3,"evseId":2'
        assert (
            await attack.sends("ReserveNow", f'{{{named},"expiryDate":"2030-01-01T00:00:00Z"}}') is not None
        ) is passes
