"""Remote starts and reservations of a backend that owns only what the rules give it."""

from __future__ import annotations

from typing import Any

from tests.relay.policies.test_commands import asks
from tests.relay.policies.test_transactions_2x import EMPLOYEE
from tests.relay.policies.test_transactions_2x import split as split_2x
from tests.relay.policies.test_transactions_16 import OTHER, START, split, starts
from tests.relay.stage import Stage, one
from voltgate.relay.permit import CHARGE, Permit
from voltgate.relay.records import InvitationRecord

OWN = {"a": {"permit": CHARGE, "invites": "own"}}


def invited(stage: Stage, action: str, fields: dict[str, Any]) -> int:
    """Have `a` start something; return how many sessions are expected then."""
    assert asks(stage, "a", action, fields)[0] == action
    return len(stage.store.of(InvitationRecord))


def test_the_card_of_another_in_1_6() -> None:
    """The session is whose the rules say, also on a connector that is named; one's own is expected."""
    stage = split(backends=OWN)
    assert invited(stage, "RemoteStartTransaction", {"idTag": "04EMA"}) == 0
    assert invited(stage, "RemoteStartTransaction", {"idTag": "04EMA", "connectorId": 1}) == 0
    assert invited(stage, "RemoteStartTransaction", {}) == 1
    assert invited(stage, "RemoteStartTransaction", {"idTag": "77", "connectorId": 2}) == 2
    stage["b"].line.take()
    starts(stage, "b", 5, START)
    stage["a"].line.take()
    starts(stage, "a", 6, OTHER, "t")


def test_the_card_of_another_in_2_x() -> None:
    """In 2.x the same, by token and type."""
    stage = split_2x(backends=OWN)
    started = {"remoteStartId": 1, "idToken": EMPLOYEE}
    assert invited(stage, "RequestStartTransaction", started) == 0
    mine = {"remoteStartId": 2, "evseId": 1, "idToken": {"idToken": "x", "type": "Central"}}
    assert invited(stage, "RequestStartTransaction", mine) == 1


def test_reservations() -> None:
    """What it would own by a reservation it may not reserve; others may, and an only backend."""
    stage = split(backends=OWN)
    reserve = {"connectorId": 1, "reservationId": 1, "expiryDate": "t"}
    assert asks(stage, "a", "ReserveNow", reserve | {"idTag": "04EMA"}) == {"status": "Rejected"}
    assert asks(stage, "a", "ReserveNow", reserve | {"idTag": "77"})[0] == "ReserveNow"
    assert asks(stage, "b", "ReserveNow", reserve | {"idTag": "77"})[0] == "ReserveNow"
    stage = Stage(one("a"), backends={"a": {"permit": Permit("p", ("*",)), "invites": "own"}})
    stage.up("a")
    assert asks(stage, "a", "ReserveNow", reserve | {"idTag": "04EMA"})[0] == "ReserveNow"
