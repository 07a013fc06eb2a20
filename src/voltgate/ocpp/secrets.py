"""Secrets by the names of what holds them: passwords and keys that a station has, and shows to whoever reads them.

Source: configuration keys of the 1.6 security whitepaper section 2; components and variables of 2.x Part 2 appendices.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from voltgate.ocpp.actions import letters
from voltgate.ocpp.messages import UNREADABLE

SECRET = re.compile(
    r"passw|passphrase|passcode|(?<!by)pass\b|secret|private_?key|auth\w{0,30}key|api_?key|vpn_?key|credential|psk|pwd"
    r"|(sim|^)_?pin\b|exire(quest|sponse)|(?:access|auth|api|bearer|refresh)_?token",
    re.IGNORECASE,
)
"""Names of fields, of configuration keys and of variables."""
_VALUES: dict[str, str | None] = {"value": None, "attributevalue": None, "actualvalue": ""}
"""Where the value of what is named stands, and what takes its place: nothing, or an empty text if there must be one."""


def _names_secret(item: dict[str, Any]) -> bool:
    """Return whether an object is about a secret: a key of 1.6, or a variable of a component of 2.x."""
    named = {letters(name): value for name, value in item.items()}
    parts = [named.get("key"), *(named.get(part) for part in ("component", "variable"))]
    names = [part.get("name") if isinstance(part, dict) else part for part in parts]
    return any(SECRET.search(form) for name in names if isinstance(name, str) for form in (name, letters(name)))


def _veil(value: Any, *, is_secret: bool = False) -> bool:
    """Take the values of secrets out of what was decoded; return whether there were any."""
    if isinstance(value, list):
        return sum(_veil(each, is_secret=is_secret) for each in value) > 0  # each of them, not up to the first
    if not isinstance(value, dict):
        return False
    is_secret = is_secret or _names_secret(value)
    shown = [name for name in value if is_secret and _VALUES.get(letters(name), value[name]) != value[name]]
    for name in shown:
        instead = _VALUES[letters(name)]
        if instead is None:
            del value[name]
        else:
            value[name] = instead
    if shown and "attributeStatus" in value:
        value["attributeStatus"] = "Rejected"  # as for an attribute that can only be written (2.x Part 2 B06.FR.09)
    inner = [_veil(each, is_secret=is_secret) for each in value.values()]
    return bool(shown) or _veil_signed(value) or any(inner)


def _veil_signed(value: dict[str, Any]) -> bool:
    """Take them out of what is signed (2.x Part 4 section 7), whose signature then fits no more."""
    text = value.get("payload")
    if not isinstance(text, str) or "signature" not in value:
        return False
    try:
        inside = veiled(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        inside = b"{}"
    value["payload"] = text if inside is None else base64.urlsafe_b64encode(inside).decode().rstrip("=")
    return inside is not None


def veiled(payload: bytes | msgspec.Raw) -> bytes | None:
    """Return a payload without the values of secrets; None if it has none. Raise ValueError if it cannot be read."""
    try:
        parsed = msgspec.json.decode(payload)
        return msgspec.json.encode(parsed) if _veil(parsed) else None
    except UNREADABLE as error:
        raise ValueError("the payload cannot be read") from error
