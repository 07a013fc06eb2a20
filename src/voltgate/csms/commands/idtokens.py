"""Tokens of drivers, as the versions write them: an idTag of 20 characters, or an idToken with its type."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from voltgate.csms.commands.target import Target

Kind: TypeAlias = Literal[
    "",
    "Central",
    "DirectPayment",
    "EVCCID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    "NoAuthorization",
    "VIN",
    "eMAID",
]
"""The types of 2.1; "" lets the form of the token decide."""

_FORMS = (
    (re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})", re.ASCII), "ISO14443"),
    (re.compile(r"E0[0-9A-F]{14}", re.ASCII), "ISO15693"),
    (re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?[A-Z0-9]{9}(?:-?[A-Z0-9])?", re.ASCII), "eMAID"),
    (re.compile(r"(?:VID:)?(?:[0-9A-F]{2}[:-]?){5}[0-9A-F]{2}", re.ASCII), "MacAddress"),
)
"""What the forms of tokens say of their types; they overlap, so the first one counts."""
_ONLY_21 = frozenset({"DirectPayment", "EVCCID", "VIN"})


def id_tag(target: Target, token: str) -> str:
    """Return a token as 1.x writes it. Raise Unsupported if it is too long for an idTag."""
    return target.must_fit(token, 20, 20, 20, "a token")


def id_token(target: Target, token: str, kind: Kind = "") -> dict[str, Any]:
    """Return a token as 2.x writes it. Raise Unsupported if it is too long, or of a type that only 2.1 has."""
    target.must_fit(token, 20, 36, 255, "a token")
    if kind in _ONLY_21 and not target.since("ocpp2.1"):
        raise target.lacks(f"token of the type {kind}", "Central")
    return {"idToken": token, "type": kind or _kind(token.upper())}


def _kind(token: str) -> str:
    return next((kind for form, kind in _FORMS if form.fullmatch(token)), "Central")
