"""Commands inside a DataTransfer: how vendors bring the actions of a later version to stations of an earlier one.

The action is the `messageId`, its payload the `data`, as JSON or as a text that holds JSON. Whoever the vendor is: the
station knows its conventions, and we do not.
Source: "Using ISO 15118 Plug & Charge with OCPP 1.6" of the Open Charge Alliance, section 3
(`org.openchargealliance.iso15118pnc`: InstallCertificate, DeleteCertificate, TriggerMessage …).
"""

from __future__ import annotations

from typing import Any

import msgspec

from voltgate.ocpp.actions import plain_action, taken_for
from voltgate.ocpp.ids import plain_fields, plain_payload
from voltgate.ocpp.messages import UNREADABLE, Call

_ENDINGS = ("request", "req")
_PLUG_AND_CHARGE = "org.openchargealliance.iso15118pnc"


def wrapped(call: Call) -> Call | None:
    """Return the command inside a DataTransfer; None for any other call. One that cannot be read has payload "?"."""
    if plain_action(call.action) != "DataTransfer":
        return None
    try:
        fields: dict[str, Any] = msgspec.json.decode(plain_payload(call), type=dict[str, msgspec.Raw])
        named = msgspec.json.decode(fields.get("messageId", b"null"))
        data = msgspec.json.decode(fields.get("data", b"null"))
    except (*UNREADABLE, msgspec.ValidationError):
        return None
    action = _action(named) if isinstance(named, str) else None
    if action is None:
        return None
    inside = call.with_payload(data.encode() if isinstance(data, str) else bytes(fields.get("data", b"{}")))
    inside.action = action
    return inside


def version_inside(version: str, call: Call) -> str:
    """Return the version of OCPP in whose words the command inside a DataTransfer is; `version` is the station's."""
    return "ocpp2.0.1" if plain_fields(call).get("vendorId") == _PLUG_AND_CHARGE else version


def _action(named: str) -> str | None:
    bare = named.strip("\0 ").casefold()
    shorter = (bare.removesuffix(ending) for ending in _ENDINGS)
    return next(filter(None, map(taken_for, (named, *shorter))), None)
