"""What commands send: valid by the schema of every version, whatever an operator may say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.csms.commands.drawn import parameters
from tests.csms.commands.stations import NOW, Station
from tests.ocpp.soap_bodies import enveloped
from voltgate.csms.commands.asking import guarded
from voltgate.csms.commands.parameters import Parameters
from voltgate.csms.commands.table import ALL, COMMANDS, plan
from voltgate.csms.commands.target import Target, Unsupported
from voltgate.ocpp.actions import from_backends
from voltgate.ocpp.messages import Error
from voltgate.ocpp.schemas import check
from voltgate.ocpp.soap.codec import decode, encode
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.operations import operations

DRAW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
TARGETS = [Target(version, 7, NOW) for version in ALL]
SOAP = [Target(version, 7, NOW, soap=True) for version in ALL[:3]]
HAS = [
    pytest.param(target, name, id=f"{target.version}-{name}")
    for target in TARGETS
    for name, spec in COMMANDS.items()
    if target.version in spec.versions
]
HAS_SOAP = [
    pytest.param(target, name, id=f"{target.version}-{name}")
    for target in SOAP
    for name, spec in COMMANDS.items()
    if target.version in spec.versions
]
LACKS = [
    pytest.param(target, name, id=f"{target.version}-{name}")
    for target in TARGETS
    for name, spec in COMMANDS.items()
    if target.version not in spec.versions
]
KNOWS_NOTHING = Error("1", "NotImplemented", "What is this?")


def messages(target: Target, name: str, wanted: Parameters, answers: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what a command sends, without the guard that stands before it. Raises Unsupported."""
    station = Station(target.version, answers)
    asyncio.run(COMMANDS[name].planned(target, wanted)(station.ask))
    return station.heard


@pytest.mark.parametrize(("target", "name"), HAS)
@DRAW
@given(data=st.data())
def test_every_message_is_valid(target: Target, name: str, data: st.DataObject) -> None:
    """No parameters within their bounds make a message that the version's schema forbids."""
    wanted = data.draw(parameters(COMMANDS[name].parameters))
    answers = data.draw(st.sampled_from([{}, {"TriggerMessage": KNOWS_NOTHING, "GetDiagnostics": KNOWS_NOTHING}]))
    try:
        heard = messages(target, name, wanted, answers)
    except Unsupported:
        return
    for action, payload in heard:
        assert action in from_backends(target.version)
        assert check(target.version, action, "request", payload) is None, payload


@pytest.mark.parametrize(("target", "name"), HAS_SOAP)
@DRAW
@given(data=st.data())
def test_soap_stations_hear_the_same(target: Target, name: str, data: st.DataObject) -> None:
    """Nothing that a command says to a station of OCPP-S is lost in its XML, and every action has a form there."""
    wanted = data.draw(parameters(COMMANDS[name].parameters))
    try:
        heard = messages(target, name, wanted, {})
    except Unsupported:
        return
    version: Any = target.version.removeprefix("ocpp")
    for action, payload in heard:
        assert action in operations(version, "Cp")
        body = encode(version, "Cp", action, "request", payload)
        assert isinstance(body, str), body
        envelope = parse(enveloped(body))
        assert isinstance(envelope, Envelope)
        assert decode(envelope) == payload


REACHED = {
    "reset": {},
    "unlock": {"evse": 1},
    "availability": {"operative": True},
    "clear-cache": {},
    "trigger": {"message": "Heartbeat"},
    "start": {"token": "04A1B2C3"},
    "stop": {"transaction": "12"},
    "transaction-status": {},
    "reserve": {"token": "04A1B2C3", "expires": "2026-11-21T08:00:00Z", "evse": 1},
    "cancel-reservation": {"id": 7},
    "cost": {"transaction": "12", "total": 1.25},
    "configuration-get": {"settings": ["HeartbeatInterval"]},
    "configuration-set": {"values": [{"setting": "HeartbeatInterval", "value": "60"}]},
    "local-list": {"version": 1},
    "local-list-version": {},
    "charging-profile-set": {"profile": {"purpose": "default", "periods": [{"start": 0, "limit": 16}]}},
    "charging-profile-clear": {"id": 3},
    "charging-profile-list": {},
    "composite-schedule": {},
    "limit": {"limit": 16},
    "firmware": {"location": "https://a.example/f.bin"},
    "firmware-publish": {"location": "https://a.example/f.bin", "checksum": "0" * 32},
    "firmware-unpublish": {"checksum": "0" * 32},
    "logs": {"location": "https://a.example/logs"},
    "certificate-install": {"root": "csms", "certificate": "PEM"},
    "certificate-delete": {
        "algorithm": "SHA256",
        "issuer_name_hash": "a",
        "issuer_key_hash": "b",
        "serial_number": "1",
    },
    "certificate-list": {},
    "certificate-signed": {"chain": "PEM"},
    "display-message-set": {"text": "Hello"},
    "display-message-list": {},
    "display-message-clear": {"id": 1},
    "data-transfer": {"vendor": "com.example"},
    "customer-information": {"customer": "me"},
    "network-profile": {"slot": 1, "url": "wss://a.example/ocpp", "security_profile": 1},
    "report": {},
    "monitoring-report": {},
    "monitoring-base": {"base": "all"},
    "monitoring-level": {"severity": 4},
    "monitoring-set": {
        "monitors": [{"variable": "EVSE@1.Power", "kind": "delta", "value": 1, "severity": 8}],
    },
    "monitoring-clear": {"ids": [1]},
}
"""The least that each command needs."""
BY_GENERIC_CALL_ONLY = frozenset(
    """
    AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
    GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
    SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging
    """.split()
)
"""Actions of a backend that no command here reaches: all are new in 2.1, and nobody needs them daily."""
SIGNED = {"location": "https://a.example/f.bin", "certificate": "PEM", "signature": "c2lnbmVk"}


@pytest.mark.parametrize("version", ALL[2:])
def test_every_action_is_reached(version: str) -> None:
    """A command sends each action that a backend may send, except those that are named as left to the generic call."""
    heard = set()
    asked = [*REACHED.items(), ("firmware", SIGNED), ("report", {"criteria": ["problem"]})]
    for name, fields in asked:
        for answers in ({}, {"TriggerMessage": KNOWS_NOTHING, "GetDiagnostics": KNOWS_NOTHING}):
            station = Station(version, answers)
            station.told(name, **fields)
            heard |= {action for action, _ in station.heard}
    assert from_backends(version) - heard == BY_GENERIC_CALL_ONLY & from_backends(version)
    assert heard <= from_backends(version)


@pytest.mark.parametrize("version", ALL[:2])
def test_every_action_of_soap_is_reached(version: Any) -> None:
    """Likewise for the versions that exist as SOAP only."""
    heard = set()
    for name, fields in REACHED.items():
        station = Station(version)
        station.told(name, **fields)
        heard |= {action for action, _ in station.heard}
    spoken: Any = version.removeprefix("ocpp")
    downwards = operations(spoken, "Cp") if version != "ocpp1.2" else operations(spoken, "Cp") - {"DataTransfer"}
    assert heard == downwards


def test_what_the_generic_call_is_left_with_exists() -> None:
    """The list of what no command reaches names real actions of 2.1, and no old ones."""
    assert from_backends("ocpp2.1") - from_backends("ocpp2.0.1") >= BY_GENERIC_CALL_ONLY


def test_every_command_has_an_example() -> None:
    """A new command is added to the examples above, or the tests of what is reached would not know it."""
    assert REACHED.keys() == COMMANDS.keys()


@pytest.mark.parametrize(("target", "name"), LACKS)
def test_what_a_version_lacks_is_said_before_anything_is_sent(target: Target, name: str) -> None:
    """The operator reads which version it is, what it has not, and what comes nearest."""
    station = Station(target.version)
    outcome = station.told(name, **REACHED[name])
    assert station.heard == []
    assert (outcome.accepted, outcome.status, outcome.sent) == (False, "Unsupported", False)
    assert outcome.info.startswith(f"{target.name} has no {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_descriptions_are_there(name: str) -> None:
    """What the command line and the API show of a command is a sentence."""
    assert COMMANDS[name].description.split("\n")[0].endswith((".", ","))


def test_what_a_schema_forbids_is_never_sent() -> None:
    """A message that slips through the bounds of its parameters is stopped, and the operator reads what is wrong."""
    station = Station("ocpp1.6")
    ask = guarded(station.target, station.ask)
    with pytest.raises(Unsupported, match=r"OCPP 1\.6 does not take this as Reset: /type: .*not one of"):
        asyncio.run(ask("Reset", {"type": "Gentle"}))
    assert station.heard == []


def test_version_2_0_is_planned_as_2_0_1() -> None:
    """A station of 2.0 is planned for as one of 2.0.1."""
    wanted = COMMANDS["report"].parameters()
    assert plan(Target("ocpp2.0", 7, NOW), wanted)
