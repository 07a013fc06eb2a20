"""OCPP-J messages as a test reads and writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SUBPROTOCOLS = ("ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1")

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6

Json = dict[str, Any]


class Message:
    """One text message: the text as received, and its parts as OCPP-J defines them."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def parts(self) -> list[Any]:
        """The parsed JSON array."""
        parts = json.loads(self.text)
        assert isinstance(parts, list), f"not an OCPP-J message: {self.text!r}"
        return parts

    @property
    def kind(self) -> int:
        """The message type number."""
        return int(self.parts[0])

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.parts[1])

    @property
    def action(self) -> str:
        """The action of a CALL or SEND."""
        assert self.kind in (CALL, SEND), f"has no action: {self.text}"
        return str(self.parts[2])

    @property
    def payload(self) -> Any:
        """The payload of a CALL, SEND or CALLRESULT."""
        assert self.kind in (CALL, SEND, RESULT), f"has no payload: {self.text}"
        return self.parts[2] if self.kind == RESULT else self.parts[-1]

    @property
    def code(self) -> str:
        """The error code of a CALLERROR or CALLRESULTERROR."""
        assert self.kind in (ERROR, RESULT_ERROR), f"not an error: {self.text}"
        return str(self.parts[2])

    @property
    def description(self) -> str:
        """The error description."""
        assert self.kind in (ERROR, RESULT_ERROR), f"not an error: {self.text}"
        return str(self.parts[3])

    def __repr__(self) -> str:
        return f"Message({self.text})"


def compact(*parts: Any) -> str:
    """Return a message as compact JSON."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # half a surrogate pair has no other spelling


Answering = Callable[[Message], Any] | Json | None
"""How a call is answered automatically: a payload, or a function of the call that returns one."""


def boot_payload(version: str) -> Json:
    """Return the payload of a BootNotification that is valid in this version of OCPP."""
    if version.startswith("ocpp2"):
        return {"reason": "PowerUp", "chargingStation": {"model": "Sparrow", "vendorName": "Finch"}}
    return {"chargePointVendor": "Finch", "chargePointModel": "Sparrow"}


def boot_accepted(interval: int = 300) -> Json:
    """Return the payload of the answer that accepts a BootNotification."""
    return {"currentTime": "2026-01-01T00:00:00Z", "interval": interval, "status": "Accepted"}
