"""Numbers that backends mint: a call in the numbers of the one that it is for. Functions over a ledger, nothing else.

With more than one backend the station knows a transaction of 1.6, a reservation, a request or a charging profile by a
number of ours where two backends use the same one, and each backend by its own. With one backend nothing is changed.
Source: OCPP 1.6 sections 4.8, 4.10 and 6.45-6.50, and its errata v4.0 section 3.18 (a transactionId of -1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import GONE, integer, name_of, plain_fields, with_fields
from voltgate.ocpp.messages import Call
from voltgate.relay.ledger import Ledger
from voltgate.relay.numbers import CALLER, LASTING, is_beyond, is_none, numbers_in
from voltgate.relay.transaction import Transaction

Path: TypeAlias = tuple[str, ...]
Changes: TypeAlias = dict[Path, object]

_NUMBER: Path = ("transactionId",)

_TRANSACTION_16: dict[str, Path] = {
    "RemoteStopTransaction": _NUMBER,
    "SetChargingProfile": ("csChargingProfiles", "transactionId"),
}
"""Where a command of 1.6 names a transaction, by its number, that must be the backend's own."""

_TRANSACTION_2X: dict[str, Path] = {
    "RequestStopTransaction": _NUMBER,
    "CostUpdated": _NUMBER,
    "GetTransactionStatus": _NUMBER,
    "ChangeTransactionTariff": _NUMBER,
    "NotifyAllowedEnergyTransfer": _NUMBER,
    "SetChargingProfile": ("chargingProfile", "transactionId"),
    "UsePriorityCharging": _NUMBER,
}
"""Where a command of 2.x names a transaction that must be the backend's own."""

_MINTED: dict[str, tuple[tuple[str, Path], ...]] = {
    "ReserveNow": (("reservation", ("reservationId",)), ("reservation", ("id",))),
    "RequestStartTransaction": (("remote_start", ("remoteStartId",)), ("profile", ("chargingProfile", "id"))),
    "RemoteStartTransaction": (("profile", ("chargingProfile", "chargingProfileId")),),
    "SetChargingProfile": (
        ("profile", ("csChargingProfiles", "chargingProfileId")),
        ("profile", ("chargingProfile", "id")),
    ),
    "SetDisplayMessage": (("display", ("message", "id")),),
    **dict.fromkeys(
        (
            "CustomerInformation",
            "GetBaseReport",
            "GetChargingProfiles",
            "GetDERControl",
            "GetDisplayMessages",
            "GetLog",
            "GetMonitoringReport",
            "GetReport",
            "PublishFirmware",
            "SignedUpdateFirmware",
            "UpdateFirmware",
        ),
        (("request", ("requestId",)),),
    ),
}
"""Where a command brings a number that its backend minted."""

_NAMED: dict[str, tuple[tuple[str, Path], ...]] = {
    "CancelReservation": (("reservation", ("reservationId",)),),
    "ClearChargingProfile": (("profile", ("id",)), ("profile", ("chargingProfileId",))),
    "ClearDisplayMessage": (("display", ("id",)),),
    "UpdateDynamicSchedule": (("profile", ("chargingProfileId",)),),
}
"""Where a command names a number that the same backend minted before."""


# A call of the station, for a backend.


def for_copy(ledger: Ledger, backend: str, call: Call, tx: Transaction | None, *, single: bool) -> Call | None:
    """Return a call in a backend's own numbers; None if it cannot be told without one that it never gave.

    With the station's own numbers in it already, the call is returned as it is.
    """
    changes = _transaction(ledger, backend, call, tx)
    if changes is None:
        return None
    if not single or ledger.numbers.renumbered:
        changes |= _minted(ledger, backend, call, single)
    return call.with_payload(with_fields(call.payload, changes)) if changes else call


def for_answer(ledger: Ledger, backend: str, call: Call, tx: Transaction | None, *, single: bool) -> Call:
    """Return a call for the backend that is to answer it: a transaction that it never numbered is -1 to it.

    Source: errata v4.0 section 3.18, the number of a start that could not be delivered.
    """
    numbered = for_copy(ledger, backend, call, tx, single=single)
    return call.with_payload(with_fields(call.payload, {_NUMBER: -1})) if numbered is None else numbered


def _minted(ledger: Ledger, backend: str, call: Call, single: bool) -> Changes:
    """Return what becomes of numbers that some backend minted: its own for it, none for the others.

    The only backend that is left has its own numbers back, and all else as it is.
    """
    changes: Changes = {}
    for kind, path, number in numbers_in(call):
        found = ledger.numbers.inward(kind, number)
        if found is not None:
            owner, theirs = found
            if owner == CALLER and ledger.numbers.known(kind, backend, number) is None:
                continue  # it means nothing else to this backend, and a report without it is no report
            if owner != backend:
                changes |= {} if single else {path: GONE}
            elif theirs != number:
                changes[path] = theirs
    return changes


def _transaction(ledger: Ledger, backend: str, call: Call, tx: Transaction | None) -> Changes | None:
    """Return what becomes of a 1.6 transaction's number, whatever is spoken now; None if it cannot be told at all."""
    action = plain_action(call.action)
    if action not in ("StopTransaction", "MeterValues"):
        return {}
    number = integer(call.fields.get("transactionId"))
    if number is None:
        return {}
    if tx is not None and tx.id == str(number):
        return _renumbered(action, number, tx.numbers.get(backend))
    return _unknown(ledger, backend, action, number, tx)


def _renumbered(action: str, number: int, theirs: int | None) -> Changes | None:
    if theirs is None:
        return None if action == "StopTransaction" else {_NUMBER: GONE}
    return {} if theirs == number else {_NUMBER: theirs}


def _unknown(ledger: Ledger, backend: str, action: str, number: int, tx: Transaction | None) -> Changes | None:
    """Address a number that is not in the ledger: a backend must not take it for one that it gave to something else."""
    taken = ledger.known_to(backend, number)
    if taken is None or taken is tx or taken.id == str(number):
        return {}
    return {_NUMBER: -1 if action == "StopTransaction" else GONE}


# A command, for the station.


def objection(ledger: Ledger, backend: str, call: Call, *, single: bool, is_sealed: bool) -> str | None:
    """Return why a backend's call cannot be put into the station's numbers; None if it can. Mints nothing.

    What is signed, or inside a DataTransfer, `is_sealed`: it goes as it is or not at all.
    """
    if _changes_of_transaction(ledger, backend, call) is None:
        return "it names a number of another backend"
    action, fields = plain_action(call.action), plain_fields(call)
    numbers = ledger.numbers
    for kind, path in () if single else _NAMED.get(action, ()):
        named = _at(fields, path)
        theirs = integer(named)
        if named is not None and (theirs is None or numbers.known(kind, backend, theirs) is None):
            return "it names a number of another backend"
    if not single and _is_unreadable(action, fields):
        return "it names a number that is none"
    if is_sealed and _is_changed(ledger, backend, call, single=single):
        return "it is signed, or inside a DataTransfer, and its numbers are taken"
    return None


_PLACES: tuple[Path, ...] = (
    ("connectorId",),
    ("evseId",),
    ("evse", "id"),
    ("evse", "connectorId"),
    ("chargingProfileCriteria", "evseId"),
)
"""Where commands name connectors and EVSEs."""


def _is_unreadable(action: str, fields: dict[str, Any]) -> bool:
    """Return whether what names something is no integer of 64 bits, nor, for a transaction of 2.x, a text.

    Readers may mend it, each in its own way.
    """
    numbers = (*(path for _, path in (*_MINTED.get(action, ()), *_NAMED.get(action, ()))), _TRANSACTION_16.get(action))
    named, places = _values(fields, numbers), _values(fields, _PLACES)
    texts = _values(fields, (_TRANSACTION_2X.get(action),))
    are_odd = (type(value) is not int or integer(value) is None for value in (*named, *places))
    is_odd = any(are_odd) or any(map(is_beyond, places))
    return is_odd or any(type(value) not in (str, int) for value in texts)


def _values(fields: dict[str, Any], paths: Iterable[Path | None]) -> list[Any]:
    """Return what stands at some paths, where something does."""
    return [value for path in paths if path is not None and (value := _at(fields, path)) is not None]


def _is_changed(ledger: Ledger, backend: str, call: Call, *, single: bool) -> bool:
    """Return whether a call has to be changed for the station."""
    fields, numbers = plain_fields(call), ledger.numbers
    if _changes_of_transaction(ledger, backend, call):
        return True
    places = (*_MINTED.get(plain_action(call.action), ()), *_NAMED.get(plain_action(call.action), ()))
    found = ((kind, integer(_at(fields, path))) for kind, path in places)
    return any(theirs is not None and not numbers.keeps(kind, backend, theirs, single) for kind, theirs in found)


def for_station(ledger: Ledger, backend: str, call: Call, *, single: bool) -> tuple[Call, bool]:
    """Return a backend's call in the station's numbers, and whether one of them is new: that must be on disk first."""
    changes = _changes_of_transaction(ledger, backend, call) or {}
    fresh = False
    action, fields = plain_action(call.action), plain_fields(call)
    for kind, path in _MINTED.get(action, ()):
        theirs = integer(_at(fields, path))
        if theirs is not None and single and ledger.numbers.known(kind, backend, theirs) is None:
            if kind in LASTING and not is_none(kind, theirs):
                ledger.numbers.take(kind, backend, theirs)  # it will be this backend's when a second comes
        elif theirs is not None:
            if kind == "remote_start":
                ledger.enter_expected()
            number, new = ledger.numbers.outward(kind, backend, theirs)
            changes |= {path: number} if number != theirs else {}
            fresh = fresh or new
    for kind, path in _NAMED.get(action, ()):
        theirs = integer(_at(fields, path))
        known = None if theirs is None else ledger.numbers.known(kind, backend, theirs)
        changes |= {path: known} if known not in (None, theirs) else {}
    return (call.with_payload(with_fields(call.payload, changes)) if changes else call), fresh


def _changes_of_transaction(ledger: Ledger, backend: str, call: Call) -> Changes | None:
    """Return what becomes of a 1.6 transaction's number; None if the backend never gave one that the station knows."""
    path, named = _named(call)
    if not isinstance(named, int):
        return {}
    tx = transaction_of(ledger, backend, named)
    if tx is not None:
        return {path: int(tx.id)} if tx.id and tx.id != str(named) else {}
    return {} if ledger.find(str(named)) is None else None


def named_transaction(call: Call) -> Any:
    """Return the transaction that a command names: in 1.6 the number that it stands for; None if it names none."""
    return _named(call)[1]


def _named(call: Call) -> tuple[Path, Any]:
    """Return where a command names a transaction, and which; None for the latter if it names none."""
    fields, action = plain_fields(call), plain_action(call.action)
    path = _TRANSACTION_16.get(action, ())
    named = _at(fields, path) if path else None
    if named is not None:
        number = integer(named)
        return path, named if number is None else number
    path = _TRANSACTION_2X.get(action, ())
    return path, name_of(_at(fields, path)) if path else None


def transaction_of(ledger: Ledger, backend: str, named: Any) -> Transaction | None:
    """Return a transaction by what a backend calls it: its own number in 1.6, the station's name in 2.x."""
    if isinstance(named, str):
        return ledger.find(named)
    number = integer(named)
    return None if number is None else ledger.known_to(backend, number)


def _at(fields: Any, path: Path) -> Any:
    for step in path:
        fields = fields.get(step) if isinstance(fields, dict) else None
    return fields
