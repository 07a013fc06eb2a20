"""What a backend may ask when nothing is written for it: by who else has the station, or is shown its credentials."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_commands import asks
from tests.relay.stage import Stage, one, playing
from voltgate.relay.rule import CLAIMANT, Rule

PASSWORD = {"key": "AuthorizationKey", "value": "414141"}
RESET = {"type": "Soft"}
REJECTED = {"status": "Rejected"}
UNSET: dict[str, dict[str, Any]] = {name: {"permit": None} for name in "ab"}


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("ChangeConfiguration", PASSWORD),
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}),
        ("CertificateSigned", {"certificateChain": "x"}),
        ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "x"}),
        ("DeleteCertificate", {"certificateHashData": {}}),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        ("Reset", RESET),
    ],
)
def test_alone_it_is_as_though_nothing_stood_between(action: str, fields: dict[str, Any]) -> None:
    """The only backend of a station that proves itself to it, and to nobody else, may ask everything."""
    stage = playing("a", backends=UNSET, admit="backend")
    assert asks(stage, "a", action, fields) == [action, fields]


def test_alone_it_may_say_a_name_twice() -> None:
    """Where nothing is kept from a backend, nothing of what it says has to be read."""
    stage = playing("a", backends=UNSET, admit="backend")
    twice = b'{"key":"AuthorizationKey","key":"HeartbeatInterval","value":"1"}'
    stage["a"].sends(b'[2,"q","ChangeConfiguration",%b]' % twice)
    stage.station.gets(b'[2,"q","ChangeConfiguration",%b]' % twice)


def test_alone_it_sets_the_network_profile() -> None:
    """In 2.x it is the network profile by which the station finds its backend."""
    stage = playing("a", version="ocpp2.0.1", backends=UNSET, admit="backend")
    profile = {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": "wss://other.example"}}
    assert asks(stage, "a", "SetNetworkProfile", profile) == ["SetNetworkProfile", profile]


@pytest.mark.parametrize(
    ("rules", "settings"),
    [
        ([one("a", copy=("b",))], {}),
        ([one("a", "b")], {}),
        ([one("a")], {"checked": True}),
        ([one("a")], {"admit": "gateway"}),
    ],
    ids=["a copy", "a failover", "a password that is checked here", "admitted by the gateway"],
)
def test_credentials_that_concern_others(rules: list[Rule], settings: dict[str, Any]) -> None:
    """Where others have the station as well, or it proves itself here, the one that answers asks all but those."""
    stage = Stage(*rules, backends=UNSET, **{"admit": "backend", **settings})
    stage.up("a")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == REJECTED
    assert asks(stage, "a", "Reset", RESET) == ["Reset", RESET]


def test_the_others_start_and_stop_their_own() -> None:
    """A backend that is told, and each of several that answer, reads, and starts and stops sessions of its own."""
    stage = playing("a", "b", backends=UNSET, admit="backend")
    assert asks(stage, "b", "Reset", RESET) == REJECTED
    assert asks(stage, "b", "GetConfiguration") == ["GetConfiguration", {}]
    stage = Stage(one("b", actions=("X",)), one("a"), backends=UNSET, admit="backend")
    stage.up("a", "b")
    assert asks(stage, "a", "Reset", RESET) == REJECTED


def test_a_station_with_a_rule_of_its_own() -> None:
    """What other stations of the route have is not shared with this one."""
    stage = Stage(Rule(stations="cp-1", answer=("a",)), one("b"), backends=UNSET, admit="backend")
    stage.up("a")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == ["ChangeConfiguration", PASSWORD]


def test_a_spare_may_do_what_the_first_may() -> None:
    """The backends of one failover count as one."""
    stage = Stage(one("a", "b"), backends=UNSET, admit="backend")
    stage["a"].refuses()
    stage.up("b")
    assert asks(stage, "b", "Reset", RESET) == ["Reset", RESET]
    assert asks(stage, "b", "ChangeConfiguration", PASSWORD) == REJECTED


def test_a_station_that_is_claimed() -> None:
    """Who holds a station by a claim may lose it to another: it keeps the credentials by which Voltgate knows it."""
    stage = Stage(one("a"), backends=UNSET, admit="backend")
    stage.up("a")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == ["ChangeConfiguration", PASSWORD]
    stage.moves(one(CLAIMANT), claimant="a")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == REJECTED
    assert asks(stage, "a", "Reset", RESET) == ["Reset", RESET]
    stage.moves(Rule(claimed_by=frozenset({"a"}), answer=("a",)), one("a"), name="by claim", claimant="a")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == REJECTED


def test_a_password_that_is_checked_from_now_on() -> None:
    """A reload by which the station is to prove itself here takes the credentials from its backend at once."""
    stage = playing("a", backends=UNSET, admit="backend")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == ["ChangeConfiguration", PASSWORD]
    stage.checked = True
    stage.session.follow(stage.plans(), "home", {"a": stage.known("a")})
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == REJECTED


def test_what_is_written_counts() -> None:
    """A permit that stands written for a backend is what it may ask, alone or not."""
    stage = playing("a", admit="backend")
    assert asks(stage, "a", "ChangeConfiguration", PASSWORD) == REJECTED
