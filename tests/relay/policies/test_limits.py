"""Limits of a transaction: they are set where it runs, by its owner, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_commands import PROFILE, asks
from tests.relay.policies.test_transactions_2x import EMPLOYEE, GUEST, event, happens
from tests.relay.policies.test_transactions_2x import split as split_2x
from tests.relay.policies.test_transactions_16 import OTHER, START, split, starts, told
from tests.relay.stage import Stage, one
from voltgate.relay.permit import CHARGE, Permit

REFUSED = {"status": "Rejected"}
STOPPER = Permit("stopper", ("*",), stop="any")


def sets_16(stage: Stage, name: str, place: int | None, number: Any) -> bool:
    """Have a backend limit a transaction of 1.6 at a connector; return whether the station is asked."""
    at = {} if place is None else {"connectorId": place}
    fields = at | {"csChargingProfiles": PROFILE | {"transactionId": number}}
    return bool(asks(stage, name, "SetChargingProfile", fields) != REFUSED)


def sets_2x(stage: Stage, name: str, place: int | None, tx: str) -> bool:
    """Have a backend limit a transaction of 2.x at an EVSE; return whether the station is asked."""
    at = {} if place is None else {"evseId": place}
    profile = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "transactionId": tx}
    return bool(asks(stage, name, "SetChargingProfile", at | {"chargingProfile": profile}) != REFUSED)


def both_16(permit: Permit = CHARGE) -> Stage:
    """Make a stage of 1.6: `b` charges on connector 1 (its number 5), `a` on connector 2 (its number 7)."""
    stage = split(backends={"a": {"permit": permit}, "b": {"permit": permit}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    starts(stage, "a", 7, OTHER, "t")
    told(stage, "b", 41, OTHER, "t")
    return stage


def both_2x(evse: int | None = 2) -> Stage:
    """Make a stage of 2.0.1: `b` charges on EVSE 1 (T1), `a` on another (T2), or where nobody has said."""
    stage = split_2x(backends={name: {"permit": CHARGE} for name in "abc"})
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    happens(stage, "2", event("Started", 0, "T2", evse, idToken=GUEST), "a", "c")
    return stage


PLACES = [(1, False), (2, True), (3, False), (0, False), (-1, False), (None, False)]
"""Where a limit of the transaction on 2 is set, beside another's on 1, and whether the station is asked."""


@pytest.mark.parametrize("permit", [CHARGE, STOPPER])
@pytest.mark.parametrize(("place", "passes"), PLACES)
def test_where_ones_own_transaction_is_limited_in_1_6(permit: Permit, place: int | None, passes: bool) -> None:
    """On its own connector: on no other, and not at the whole station as long as another's session runs there."""
    assert sets_16(both_16(permit), "a", place, 7) is passes


@pytest.mark.parametrize(("place", "passes"), PLACES)
def test_where_ones_own_transaction_is_limited_in_2_x(place: int | None, passes: bool) -> None:
    """On its own EVSE: on no other, and not at the whole station as long as another's session runs there."""
    assert sets_2x(both_2x(), "a", place, "T2") is passes


def test_the_whole_station_when_nobody_else_charges() -> None:
    """The owner of all that runs may name the whole station, but no connector where its transaction is not."""
    stage = split(backends={"a": {"permit": CHARGE}, "b": {"permit": CHARGE}})
    starts(stage, "a", 7, OTHER)
    told(stage, "b", 41, OTHER)
    assert [sets_16(stage, "a", place, 7) for place in (0, 2, 1)] == [True, True, False]


def test_a_transaction_of_no_known_evse() -> None:
    """It may be limited where nobody else's session may be."""
    stage = both_2x(None)
    assert [sets_2x(stage, "a", place, "T2") for place in (1, 2, 0)] == [False, True, False]
    assert not sets_2x(stage, "b", 2, "T1"), "it is not there"
    assert sets_2x(stage, "b", 1, "T1"), "it is there, wherever the other is"


def test_a_transaction_that_has_ended() -> None:
    """Its number is no key to the connector where it was: another's session may run there by now."""
    stage = both_16()
    number = next(int(tx.id) for tx in stage.session.ledger.running.values() if tx.owner == "a")
    stop = {"transactionId": number, "meterStop": 9, "timestamp": "x"}
    stage.station.sends(2, "x", "StopTransaction", stop)
    for name in ("a", "b"):
        stage[name].line.take()
        stage[name].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    assert not sets_16(stage, "a", 2, 7)


def test_a_transaction_that_only_its_backend_knows() -> None:
    """Who answers the boots may limit a transaction from before Voltgate where no session of another may be."""
    stage = split(backends={"a": {"permit": CHARGE}, "b": {"permit": CHARGE}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    assert [sets_16(stage, "a", place, 99) for place in (2, 1, 0, None)] == [True, False, False, False]
    assert not sets_16(stage, "b", 2, 99), "it answers no boots"


def test_a_transaction_without_a_name() -> None:
    """An empty name names none: the limit is that of the EVSE."""
    stage = both_2x()
    assert [sets_2x(stage, "a", place, "") for place in (1, 2, 3)] == [False, True, False]


def test_the_only_backend_limits_what_it_names() -> None:
    """A backend alone names its transactions where it likes, those from before Voltgate too."""
    stage = Stage(one("a"), backends={"a": {"permit": CHARGE}})
    stage.up("a")
    assert [sets_16(stage, "a", place, 99) for place in (0, 1)] == [True, True]
    number = starts(stage, "a", 5)
    assert [sets_16(stage, "a", place, number) for place in (0, 1, 2)] == [True, True, True]


def test_a_transaction_that_names_no_connector() -> None:
    """One that a station says to run at connector 0 may be at any: what may end it there is refused."""
    stage = split(backends={"a": {"permit": Permit("p", ("*",))}, "b": {"permit": CHARGE}})
    starts(stage, "b", 5, START | {"connectorId": 0})
    told(stage, "a", 40, START | {"connectorId": 0})
    assert asks(stage, "a", "UnlockConnector", {"connectorId": 2}) == {"status": "UnlockFailed"}


@pytest.mark.parametrize("place", [-1, 0])
def test_what_is_below_1_is_the_whole_station(place: int) -> None:
    """An unlock or a change of availability there would end what runs anywhere."""
    stage = split(backends={"a": {"permit": Permit("p", ("*",))}, "b": {"permit": CHARGE}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    unlocked = asks(stage, "a", "UnlockConnector", {"connectorId": place})
    assert unlocked == {"status": "UnlockFailed"}
    off = {"connectorId": place, "type": "Inoperative"}
    assert asks(stage, "a", "ChangeAvailability", off) == REFUSED
    assert asks(stage, "a", "ChangeAvailability", off | {"connectorId": 2}) != REFUSED
