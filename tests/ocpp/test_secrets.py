"""Secrets by name, taken out of what shows them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from voltgate.ocpp.secrets import veiled

HIDDEN = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


def shown(payload: Any) -> Any:
    """Return what is left of a payload; None if nothing was taken out of it."""
    left = veiled(json.dumps(payload).encode())
    return None if left is None else json.loads(left)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        1,
        {"key": "HeartbeatInterval", "value": "1"},
        {"key": "AuthorizationKey"},
        {"key": ["AuthorizationKey"], "value": "1"},
        {"key": "AuthorizationKey", "value": None, "readonly": True},
        {"component": "x", "variable": {"name": 1}, "value": "1"},
        {"payload": "e30", "signature": "x"},
        {"payload": "!!!"},
        {"payload": 1, "signature": "x"},
        {**HIDDEN, "variableAttribute": [{"type": "Actual"}]},
    ],
)
def test_what_shows_no_secret_is_left_alone(payload: Any) -> None:
    """What has no secret's value in it is not made anew."""
    assert shown(payload) is None


def test_what_shows_secrets_loses_their_values() -> None:
    """Their values go, wherever they stand below the name; all other values stay."""
    of_16 = [{"key": "AuthorizationKey", "value": "1"}, {"key": "x", "value": "2"}, {"Key": "a PASSWORD", "Value": "3"}]
    assert shown({"configurationKey": of_16}) == {
        "configurationKey": [{"key": "AuthorizationKey"}, of_16[1], {"Key": "a PASSWORD"}]
    }
    attributes = [{"type": "Actual", "value": "1"}, {"value": "2"}]
    assert shown([HIDDEN | {"variableAttribute": attributes}]) == [
        HIDDEN | {"variableAttribute": [{"type": "Actual"}, {}]}
    ]
    assert shown(HIDDEN | {"actualValue": "1"}) == HIDDEN | {"actualValue": ""}
    got = {"attributeStatus": "Accepted", "attributeValue": "1"}
    assert shown(HIDDEN | got) == HIDDEN | {"attributeStatus": "Rejected"}


SECRETS = """AuthorizationKey BasicAuthPassword Pass_Word wifi-pass-2 SimPin sim_pin Pin ExiRequest ExiResponse
AccessToken api_token bearerToken VpnKey PrivateKey Psk Pwd""".split()
NO_SECRETS = "HeartbeatInterval LocalBypass bypass-2 Spinning TokenCount MinimumStatusDuration".split()


@pytest.mark.parametrize("key", [*SECRETS, *NO_SECRETS])
def test_names_of_secrets(key: str) -> None:
    """What holds a secret is known by its name, however that is put together; what only sounds like it is not."""
    assert (shown({"key": key, "value": "1"}) == {"key": key}) is (key in SECRETS)


def test_what_is_signed() -> None:
    """What is signed loses them too, and all of it where it cannot be read."""
    inside = base64.urlsafe_b64encode(b'[{"key":"AuthorizationKey","value":"1"}]').decode()
    left = shown({"payload": inside, "signature": "x", "protected": "y"})
    assert base64.urlsafe_b64decode(left["payload"] + "==") == b'[{"key":"AuthorizationKey"}]'
    assert shown({"payload": "e30x", "signature": "x"}) == {"payload": "e30", "signature": "x"}


def test_what_cannot_be_read() -> None:
    """Whoever asks hears that it cannot be known."""
    with pytest.raises(ValueError, match="cannot be read"):
        veiled(b'{"key":"AuthorizationKey","value":1e999}')
