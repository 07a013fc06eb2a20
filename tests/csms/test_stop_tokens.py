"""Transactions that are ended by another card than the one they began with (1.6 section 4.10; 2.0.1 E07, C09)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.csms.stage import NOON, FakeStation, Stage
from tests.csms.test_transactions_1x import begins, ends
from tests.csms.test_transactions_2x import event
from voltgate.csms.model import Token, Transaction


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        stage.rows.put(Token("04aa", "04AA", group="FAMILY", concurrent=1))
        stage.rows.put(Token("04bb", "04BB", group="FAMILY", concurrent=1))
        stage.rows.put(Token("04cc", "04CC", group="OTHERS"))
        stage.rows.put(Token("dead", "DEAD", group="FAMILY", status="Blocked"))
        yield stage


CARDS = pytest.mark.parametrize(
    ("card", "status", "group"),
    [
        ("04AA", "Accepted", "FAMILY"),
        ("04bb", "Accepted", "FAMILY"),
        ("04CC", "Accepted", "OTHERS"),
        ("DEAD", "Blocked", "FAMILY"),
        ("FFFF", "Unknown", ""),
    ],
)
"""The card of the end, with what its station hears of it: that card's own status and group."""


def see(stage: Stage, card: str) -> None:
    """See that the transaction has ended, is of whoever began it, and has on record who ended it."""
    tx = stage.one(Transaction)
    assert (tx.token, tx.group, tx.stop_token) == ("04AA", "FAMILY", card)
    assert (tx.state, tx.energy, tx.estimated) == ("ended", 400, "")


async def charge_again(station: FakeStation, start: tuple[str, dict[str, Any]], info: str) -> None:
    """See that whoever began it may charge again: who ended it has never charged."""
    for card in ("04AA", "04BB"):
        action, said = start
        token = {"idTag": card} if action == "StartTransaction" else {"idToken": {"idToken": card, "type": "ISO14443"}}
        answer = await station.say(action, said | token)
        assert answer[info]["status"] == "Accepted", card


@CARDS
async def test_of_16(stage: Stage, card: str, status: str, group: str) -> None:
    """The station has let it end, so it has; the answer says what the card is good for, by its parentIdTag."""
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    said = ends(number, NOON + 60, 1400, idTag=card)
    for _ in range(2):  # the answer was lost
        answer = await station.say("StopTransaction", said)
        expected = {"status": {"Unknown": "Invalid"}.get(status, status)}
        assert answer == {"idTagInfo": expected | ({"parentIdTag": group} if group else {})}
    see(stage, card)
    await charge_again(station, ("StartTransaction", begins(NOON + 90, meter=1400)), "idTagInfo")


@CARDS
async def test_of_2x(stage: Stage, card: str, status: str, group: str) -> None:
    """As in 1.6, by its groupIdToken."""
    station = stage.station(protocol="ocpp2.0.1")
    await station.say("TransactionEvent", event("Started", 0, 1000, token="04AA"))
    said = event("Ended", 60, 1400, token=card, trigger="StopAuthorized")
    for _ in range(2):
        info = (await station.say("TransactionEvent", said))["idTokenInfo"]
        assert (info["status"], info.get("groupIdToken", {}).get("idToken", "")) == (status, group)
    see(stage, card)
    await charge_again(station, ("TransactionEvent", event("Started", 90, 1400, tx="T2")), "idTokenInfo")


async def test_an_end_without_a_card(stage: Stage) -> None:
    """By a button, or from here: nothing is said of anybody."""
    station = stage.station()
    number = (await station.say("StartTransaction", begins()))["transactionId"]
    assert await station.say("StopTransaction", ends(number, NOON + 60, 1400)) == {}
    see(stage, "")
