"""Permits under whatever JSON can hold: every command is answered, or reaches the station, and nobody loses a link."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.relay.policies.test_transactions_2x import event, happens
from tests.relay.policies.test_transactions_16 import split, starts, told
from tests.relay.stage import Stage, one
from voltgate.ocpp.actions import ACTIONS, from_backends
from voltgate.relay.permit import CHARGE, FULL, OBSERVE, Permit

KEYS = Permit("keys", ("*",), keys_pass=("Meter*",), keys_refuse=("Vendor*",), keys_absorb=("A*", "B.*"), stop="own")
PERMITS = (OBSERVE, CHARGE, FULL, KEYS)
VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")

_WORDS = st.sampled_from(
    "Accepted Inoperative Operative OnIdle Immediate TxProfile AuthorizationKey SignV2GCertificate V2GRootCertificate "
    "Heartbeat T1 40 SecurityCtrlr BasicAuthPassword A.x".split()
)
_DEEP: Any = 0
for _ in range(400):
    _DEEP = [_DEEP]
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 5, 7, 40, -1, 2**31, 2**63, 2**64, -(2**70), 7.0, 1.5, 1e308])
    | st.text(max_size=5)
    | _WORDS
)
_VALUES = st.recursive(
    _SCALARS | st.just(_DEEP),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "name", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_NAMES = st.sampled_from(
    "key value type operationalStatus requestedMessage certificateType certificateHashData transactionId connectorId "
    "evseId evse id idTag idToken reservationId requestId remoteStartId chargingProfileId chargingProfileCriteria "
    "setVariableData getVariableData setMonitoringData tariffIds message prioritizedEMAIDs".split()
)
_PARTS = {
    "csChargingProfiles": ("chargingProfileId", "chargingProfilePurpose", "transactionId"),
    "chargingProfile": ("id", "chargingProfilePurpose", "transactionId"),
    "evse": ("id",),
    "chargingProfileCriteria": ("evseId", "chargingProfilePurpose"),
    "message": ("id",),
}


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the payload of a command: fields that are looked at, each with anything in its place."""
    fields: dict[str, Any] = draw(st.dictionaries(_NAMES, _VALUES, max_size=4))
    for name in draw(st.lists(st.sampled_from(sorted(_PARTS)), max_size=1)):
        fields[name] = draw(st.dictionaries(st.sampled_from(_PARTS[name]), _VALUES, max_size=3))
    if draw(st.booleans()):
        part = st.dictionaries(st.sampled_from(["name", "instance"]), _VALUES, max_size=2) | _VALUES
        item = st.fixed_dictionaries({}, optional={"component": part, "variable": part, "attributeValue": _VALUES})
        fields["setVariableData"] = draw(st.lists(item | _VALUES, max_size=3))
    return fields


def at_work(version: str, permit: Permit) -> Stage:
    """Make a stage with two backends of this permit, a transaction of `a`, and values that `b` has to itself."""
    backends = {name: {"permit": permit} for name in "ab"}
    if version == "ocpp1.6":
        stage = split(backends=backends)
        starts(stage, "b", 5)
        told(stage, "a", 40)
    else:
        stage = Stage(one("a", copy=("b",)), version=version, backends=backends)
        stage.up("a", "b")
        happens(stage, "1", event("Started", 0, idToken={"idToken": "x", "type": "Local"}), "a", "b")
    stage.session.ledger.note("private:b", {"A.x": "1"})
    return stage


def asked(stage: Stage, name: str, action: str, text: bytes) -> None:
    """Have a backend ask; see that it is answered, by the station or in its place."""
    stage[name].line.take()
    stage[name].sends(b'[2,"q",%b,%b]' % (json.dumps(action).encode(), text))
    sent = stage.station.take()
    for message in sent:
        stage.station.sends(3, message[1], {"status": "Accepted", "configurationKey": [{"key": "A.x"}]})
    assert [message[0] for message in stage[name].line.take()] in ([3], [4]), (name, action, text)
    assert len(sent) <= 1
    assert stage[name].line.closed is None
    assert stage.station.closed is None


STAGES = {(version, permit.name): at_work(version, permit) for version in VERSIONS for permit in PERMITS}


@given(
    version=st.sampled_from(VERSIONS),
    permit=st.sampled_from(PERMITS),
    name=st.sampled_from("ab"),
    action=st.sampled_from(sorted(ACTIONS)) | st.text(max_size=3),
    fields=payloads() | st.none(),
    signed=st.booleans(),
)
@example("ocpp1.6", FULL, "a", "TriggerMessage", {"requestedMessage": {}}, False)
@example("ocpp1.6", FULL, "a", "ChangeConfiguration", {"key": _DEEP, "value": _DEEP}, False)
@example("ocpp2.0.1", KEYS, "b", "SetVariables", {"setVariableData": [{"component": {"name": _DEEP}}]}, False)
def test_every_command_has_an_answer(
    version: str, permit: Permit, name: str, action: str, fields: dict[str, Any] | None, signed: bool
) -> None:
    """Whatever stands in the place of a word, a number or an object, the backend is answered and keeps its link."""
    text = json.dumps(fields).encode()
    if signed:
        inside = base64.urlsafe_b64encode(text).decode()
        action, text = f"{action}-Signed", json.dumps({"payload": inside, "signature": "x"}).encode()
    asked(STAGES[version, permit.name], name, action, text)


@pytest.mark.parametrize("value", [[], {}, [[]], {"a": []}, 7, 7.5, True, None, 2**70, _DEEP])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_no_word_in_any_field_of_any_action(version: str, value: object) -> None:
    """Each field that is compared, with each kind of value, in each action of backends, after a remote start."""
    names = "key value type operationalStatus requestedMessage certificateType transactionId id evse evseId".split()
    more = "setVariableData getVariableData setMonitoringData tariffIds csChargingProfiles chargingProfile".split()
    fields = dict.fromkeys([*names, *more], value)
    for permit in PERMITS:
        stage = at_work(version, permit)
        asked(stage, "a", "RemoteStartTransaction", json.dumps({"idTag": "1"}).encode())
        for action in sorted(from_backends(version)):
            asked(stage, "a", action, json.dumps(fields).encode())
