"""Refusals: every action that a backend may call is refused in words that its own answer has."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from voltgate.ocpp.actions import from_backends
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.ocpp.refusals import acceptance, refusal
from voltgate.ocpp.schemas import check

COMPONENT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
ASKED = {
    "SetVariables": {"setVariableData": [{**COMPONENT, "attributeValue": "1", "attributeType": "Target"}]},
    "GetVariables": {"getVariableData": [COMPONENT]},
    "SetVariableMonitoring": {"setMonitoringData": [{**COMPONENT, "value": 1, "type": "Delta", "severity": 5}]},
    "ClearVariableMonitoring": {"id": [1, 2]},
    "ClearTariffs": {"tariffIds": ["t"]},
}


def call(action: str, fields: object = None) -> Call:
    """Make a backend's call."""
    return Call("1", action, json.dumps(ASKED.get(action, {}) if fields is None else fields).encode())


@pytest.mark.parametrize(
    ("version", "action"),
    [(v, action) for v in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1") for action in sorted(from_backends(v))],
)
@pytest.mark.parametrize("manner", ["refused", "not supported"])
def test_every_refusal_is_an_answer_of_its_action(version: str, action: str, manner: str) -> None:
    """A refusal is valid against the schema of the answer, or it is a CALLERROR."""
    reply = refusal(version, call(action), manner)  # type: ignore[arg-type]
    if isinstance(reply, Result):
        assert check(version, action, "response", reply.fields) is None
    else:
        assert reply.code == ("NotSupported" if manner == "not supported" else "SecurityError")


@pytest.mark.parametrize(
    ("version", "action", "answer"),
    [
        ("ocpp1.6", "Reset", {"status": "Rejected"}),
        ("ocpp1.6", "UnlockConnector", {"status": "UnlockFailed"}),
        ("ocpp1.6", "ClearChargingProfile", {"status": "Unknown"}),
        ("ocpp1.6", "SendLocalList", {"status": "Failed"}),
        ("ocpp1.6", "ChangeConfiguration", {"status": "Rejected"}),
        ("ocpp2.0.1", "GetChargingProfiles", {"status": "NoProfiles"}),
        ("ocpp2.0.1", "UnpublishFirmware", {"status": "NoFirmware"}),
        (
            "ocpp2.0.1",
            "SetVariables",
            {"setVariableResult": [{"attributeStatus": "Rejected", "attributeType": "Target", **COMPONENT}]},
        ),
        (
            "ocpp2.0.1",
            "ClearVariableMonitoring",
            {"clearMonitoringResult": [{"status": "Rejected", "id": 1}, {"status": "Rejected", "id": 2}]},
        ),
    ],
)
def test_in_its_own_words(version: str, action: str, answer: dict[str, object]) -> None:
    """Each action has its own word for no."""
    reply = refusal(version, call(action))
    assert isinstance(reply, Result)
    assert reply.fields == answer


def test_not_supported() -> None:
    """NotSupported is said where the action has it."""
    reply = refusal("ocpp1.6", call("ChangeConfiguration"), "not supported")
    assert isinstance(reply, Result)
    assert reply.fields == {"status": "NotSupported"}


@pytest.mark.parametrize("fields", [{}, {"setVariableData": 5}, {"setVariableData": [5]}])
def test_rubbish_is_refused_too(fields: dict[str, object]) -> None:
    """A call that is no proper call of its action is refused without a fault."""
    assert isinstance(refusal("ocpp2.0.1", call("SetVariables", fields)), Error)


def test_rubbish_in_lists_of_numbers() -> None:
    """Lists that are none are taken for empty."""
    assert isinstance(refusal("ocpp2.1", call("ClearTariffs", {"tariffIds": 5})), Result)
    assert isinstance(refusal("ocpp2.1", call("ClearVariableMonitoring", {"id": 5})), Result | Error)


def test_only_configuration_can_be_accepted_for_a_station() -> None:
    """Nothing but a change of configuration keys is ever accepted in a station's place."""
    accepted = acceptance(call("ChangeConfiguration", {"key": "k", "value": "v"}))
    assert accepted is not None
    assert accepted.fields == {"status": "Accepted"}
    variables = acceptance(call("SetVariables"))
    assert variables is not None
    assert variables.fields["setVariableResult"][0]["attributeStatus"] == "Accepted"
    for version in ("ocpp1.6", "ocpp2.1"):
        for action in from_backends(version) - {"ChangeConfiguration", "SetVariables"}:
            assert acceptance(call(action)) is None


def test_long_names_of_actions_are_not_remembered() -> None:
    """A backend that makes up actions of 100 kB costs no memory beyond the call."""
    tracemalloc.start()
    try:
        for n in range(50):
            refusal("ocpp1.6", Call("1", f"{n}{'x' * 100_000}", b"{}"))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
