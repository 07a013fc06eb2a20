"""What messages refer to: tokens, transactions, connectors, and the numbers that stations and backends assign.

Source: the message chapters of OCPP 1.6 and of OCPP 2.0.1 and 2.1 Part 2; signed messages: 2.x Part 4 section 7.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from voltgate.ocpp.actions import SIGNED
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.messages import UNREADABLE, Call


@dataclass(frozen=True, slots=True)
class Token:
    """What identifies a driver: an idTag of 1.6, or an idToken of 2.x with its type in `kind`."""

    text: str
    kind: str = ""


def compact(value: Any) -> bytes:
    """Return JSON without spaces: some stations fail on them (mobilityhouse/ocpp#63)."""
    return msgspec.json.encode(value)


class _Gone:
    __slots__ = ()

    def __repr__(self) -> str:
        return "GONE"


GONE = _Gone()
"""Stands for a value in `with_fields`: the field is removed."""

_LONGEST_TRANSACTION = 255
"""Characters of the name of a transaction that is kept; 2.x allows 36."""
_LONGEST_TOKEN = 255
"""Characters of the longest token of any version (2.1 identifierString)."""


_BASE64 = re.compile(r"[A-Za-z0-9_-]*={0,2}")
"""Base64url (RFC 4648 section 5) as every decoder reads it: Python's passes over all other characters."""


def _signed_bytes(call: Call) -> bytes | None:
    """Return the payload inside a signed call (2.x Part 4 section 7); None if it cannot be decoded."""
    signed = call.fields.get("payload")
    if not isinstance(signed, str) or _BASE64.fullmatch(signed) is None:
        return None
    try:
        return base64.urlsafe_b64decode(signed + "=" * (-len(signed) % 4))
    except binascii.Error:
        return None


def plain_payload(call: Call) -> bytes:
    """Return a call's payload; of a signed message the one that was signed, b"" if it cannot be decoded."""
    return (_signed_bytes(call) or b"") if call.action.endswith(SIGNED) else bytes(call.payload)


def plain_fields(call: Call) -> dict[str, Any]:
    """Return a call's fields; of a signed message those that were signed, `{}` if they cannot be decoded."""
    if not call.action.endswith(SIGNED):
        return call.fields
    try:
        parsed = msgspec.json.decode(plain_payload(call))
    except UNREADABLE:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def is_ambiguous(call: Call) -> bool:
    """Return whether two readers may understand a call differently.

    An object has a name twice, or one that is not spelt as a field that counts but may be taken for it; a number or a
    text is beyond what every reader holds, or half a surrogate pair was in it; what is signed cannot be decoded. Names
    in what vendors add are not looked at.
    """
    if _MENDED in bytes(call.payload):
        return True
    if not call.action.endswith(SIGNED):
        return _is_ambiguous(bytes(call.payload))
    inside = _signed_bytes(call)
    return inside is None or not inside.lstrip().startswith(b"{") or any(map(_is_ambiguous, (call.payload, inside)))


_MENDED = b"\\ufffd"
"""What framing puts in the place of half a surrogate pair."""

_COUNTING = {
    name.casefold(): name
    for name in """
    attributeValue certificateType chargingProfile chargingProfileCriteria chargingProfileId chargingProfilePurpose
    component connectorId csChargingProfiles data evse evseId id idTag idToken key message messageId name
    operationalStatus payload remoteStartId requestId requestedMessage reservationId setVariableData transactionId type
    value variable vendorId
    """.split()
}
"""The fields of commands that are looked at anywhere here."""

_OF_VENDORS = frozenset({"customData", "data"})


_MOST_NAMES, _LONGEST_NAME = 100, 50
"""Names in one object, and characters of a name: no object of OCPP has so many."""


@lru_cache(maxsize=1024)
def _folded(name: str) -> str:
    """Return a name as a lenient reader may find it; "?" for one that is misspelt, and may be taken for another."""
    folded = "".join(filter(str.isalnum, name)).casefold()
    return folded if _COUNTING.get(folded, name) == name else "?"


_ODD = object()
"""Stands for an object in which, or below which, two readers may find two values under a name."""


def _looked_at(pairs: list[tuple[str, Any]]) -> object:
    """Return `_ODD` for such an object, else nothing: what is below it was looked at before."""
    names = set[str]()
    for name, value in pairs:
        folded = _folded(name) if len(name) <= _LONGEST_NAME else "?"
        if folded == "?" or folded in names or len(names) == _MOST_NAMES:
            return _ODD
        names.add(folded)
        if name not in _OF_VENDORS and _is_odd(value):
            return _ODD
    return None


def _is_odd(value: Any) -> bool:
    """Return whether a value is such an object, holds one, or is a whole number that needs more than 64 bits."""
    if isinstance(value, list):
        return any(map(_is_odd, value))
    return value is _ODD or (type(value) is int and abs(value) >= _UNHELD)


def _is_ambiguous(text: bytes | msgspec.Raw) -> bool:
    try:
        msgspec.json.decode(text)
        return _is_odd(json.loads(bytes(text), object_pairs_hook=_looked_at))
    except (ValueError, *UNREADABLE):
        return True


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TOKEN else None


_DIGITS = re.compile(r" *[+-]?[0-9]{1,20} *")
_LARGEST = 2**63 - 1
"""What any party, and the database, may take for a number."""
_UNHELD = 2**64
"""What the whole numbers of few readers hold."""


def integer(value: Any) -> int | None:
    """Return the whole number of 64 bits that a JSON value stands for; None if it stands for none, as `true` does.

    Some stations and backends write 7 as `"7"`, `"007"`, `7.0` or `7e0`. All of it is 7 here, since it is 7 to whoever
    reads leniently: a number that means nothing to us could be another backend's to the station.
    """
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and -_LARGEST <= value <= _LARGEST else None


def decimal(value: Any) -> float | None:
    """Return a number that a station has sent, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def _inner(fields: Mapping[str, Any], *path: str) -> Any:
    value: Any = fields
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def token_of(version: str, call: Call) -> Token | None:
    """Return the token that a call carries; None if it carries none (in 2.x also for the type NoAuthorization)."""
    fields = plain_fields(call)
    if not is_modern(version):
        text = _text(fields.get("idTag"))
        return None if text is None else Token(text)
    text = _text(_inner(fields, "idToken", "idToken"))
    kind = _inner(fields, "idToken", "type")
    if text is None:
        contracts = fields.get("prioritizedEMAIDs")
        first = contracts[0] if isinstance(contracts, list) and contracts else None
        text, kind = _text(first), "eMAID"
    return None if text is None or kind == "NoAuthorization" else Token(text, kind if isinstance(kind, str) else "")


def connector_of(version: str, call: Call) -> int | None:
    """Return the connector (1.6 connectorId) or EVSE (2.x) that a call names; None if it names none."""
    fields = plain_fields(call)
    if not is_modern(version):
        return integer(fields.get("connectorId"))
    evse = integer(fields.get("evseId"))
    if evse is None:
        evse = integer(_inner(fields, "chargingProfileCriteria", "evseId"))
    return integer(_inner(fields, "evse", "id")) if evse is None else evse


def transaction_of(version: str, call: Call) -> str | int | None:
    """Return the transaction that a call names: a number in 1.6, a string in 2.x; None if it names none."""
    fields = plain_fields(call)
    if not is_modern(version):
        return integer(fields.get("transactionId"))
    return name_of(fields.get("transactionId", _inner(fields, "transactionInfo", "transactionId")))


def name_of(value: Any) -> str | None:
    """Return the name of a 2.x transaction; None if it is none, or far too long. A number stands for its digits."""
    if isinstance(value, str):
        return value if 0 < len(value) <= _LONGEST_TRANSACTION else None
    return str(value) if isinstance(value, int) and integer(value) is not None else None


def remote_start_of(version: str, call: Call) -> int | None:
    """Return the number of the remote start that a 2.x call names; None if it names none."""
    fields = plain_fields(call)
    found = fields.get("remoteStartId", _inner(fields, "transactionInfo", "remoteStartId"))
    return integer(found) if is_modern(version) else None


def reservation_of(call: Call) -> int | None:
    """Return the number of the reservation that a call names; None if it names none."""
    fields = plain_fields(call)
    named = fields.get("reservationId", fields.get("id") if call.action == "ReserveNow" else None)
    return integer(named)


def request_of(call: Call) -> int | None:
    """Return the number of the request that a call names (`requestId`); None if it names none."""
    return integer(plain_fields(call).get("requestId"))


def with_fields(payload: bytes | msgspec.Raw, changes: Mapping[tuple[str, ...], object]) -> bytes:
    """Return a payload with other values at paths of nested keys; all other values keep their bytes and their order.

    `GONE` removes a field; a path that does not exist is added. A payload that is no object is returned unchanged.
    """
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (*UNREADABLE, msgspec.ValidationError):
        return bytes(payload)
    inner: dict[str, dict[tuple[str, ...], object]] = {}
    for path, value in changes.items():
        if len(path) > 1:
            inner.setdefault(path[0], {})[path[1:]] = value
        elif value is GONE:
            fields.pop(path[0], None)
        else:
            fields[path[0]] = msgspec.Raw(msgspec.json.encode(value))
    for name, below in inner.items():
        fields[name] = msgspec.Raw(with_fields(fields.get(name, msgspec.Raw(b"{}")), below))
    return msgspec.json.encode(fields)
