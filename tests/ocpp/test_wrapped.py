"""Commands inside a DataTransfer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from voltgate.ocpp.messages import Call
from voltgate.ocpp.wrapped import wrapped


def inside(fields: dict[str, Any] | str, action: str = "DataTransfer") -> tuple[str, bytes] | None:
    """Return action and payload of the command inside a call."""
    found = wrapped(Call("1", action, (fields if isinstance(fields, str) else json.dumps(fields)).encode()))
    return None if found is None else (found.action, bytes(found.payload))


@pytest.mark.parametrize(
    "message",
    [
        "Reset",
        "reset",
        " Reset ",
        "Reset\0",
        "Reset.req",
        "ResetRequest",
        "Reset-Signed",
        "reset req",
        "ResetRequest\0 ",
    ],
)
def test_the_action_is_the_message(message: str) -> None:
    """However it is spelt, the message names the command; the data is its payload, as text or as JSON."""
    assert inside({"vendorId": "v", "messageId": message, "data": '{"type": 1e999}'}) == ("Reset", b'{"type": 1e999}')
    assert inside(f'{{"messageId":"{json.dumps(message)[1:-1]}","data":{{"a":1,"a":2}}}}') == (
        "Reset",
        b'{"a":1,"a":2}',
    )
    assert inside({"messageId": message}) == ("Reset", b"{}")


def test_what_holds_no_command() -> None:
    """Vendors' own messages, other actions, and what cannot be read."""
    assert inside({"vendorId": "v", "messageId": "own", "data": "{}"}) is None
    assert inside({"vendorId": "v", "messageId": 7}) is None
    assert inside({"vendorId": "v"}) is None
    assert inside({"messageId": "Reset"}, "Reset") is None
    assert inside('["Reset"]') is None
    assert inside('{"messageId":"Reset","data":1e999}') is None
    assert inside({"payload": "%"}, "DataTransfer-Signed") is None


def test_what_is_signed() -> None:
    """A signed DataTransfer is looked into."""
    text = base64.urlsafe_b64encode(b'{"messageId":"Reset","data":{"type":"Hard"}}').decode()
    assert inside({"payload": text}, "DataTransfer-Signed") == ("Reset", b'{"type":"Hard"}')
