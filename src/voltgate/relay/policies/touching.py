"""What touches another backend: its sessions, their limits, its numbers. A command must leave them alone.

Source: OCPP 1.6 sections 5.2, 5.14, 5.16 and 5.18; 2.x Part 2 B12, F05, G03 (what ends a transaction) and K (limits).
"""

from __future__ import annotations

from typing import Any

from voltgate.ocpp.actions import BOOT, SIGNED, plain_action
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import plain_fields
from voltgate.ocpp.messages import Call
from voltgate.ocpp.wrapped import wrapped
from voltgate.relay.context import Context
from voltgate.relay.numbering import named_transaction, objection, transaction_of
from voltgate.relay.numbers import invites, is_beyond
from voltgate.relay.permit import Limit, Permit, concerns_limit, profile_fault
from voltgate.relay.policies.given import is_given
from voltgate.relay.transaction import Transaction

_BOOT = Call("", BOOT, b"{}")
"""Those who answer it admit the station, and may know of transactions from before Voltgate."""


def objection_to(context: Context, permit: Permit, name: str, call: Call) -> str | None:
    """Return why a command must not pass although the backend may ask such things; None if it may."""
    inside = wrapped(call)
    asked, is_sealed = (inside, True) if inside is not None else (call, call.action.endswith(SIGNED))
    fault = _objection_to(context, permit, name, asked)
    if fault is None and plain_action(asked.action) == "ReserveNow" and invites(call) == "own":
        fault = None if is_given(context, name, asked) else "the rules give this token to another backend"
    return fault or objection(context.ledger, name, asked, single=context.single, is_sealed=is_sealed)


def _objection_to(context: Context, permit: Permit, name: str, call: Call) -> str | None:
    limit = None if permit.limit else concerns_limit(context.version, call)
    fault = profile_fault(call)
    if fault is None and not context.single:
        fault = _touches_another(context, permit, name, call, limit)
    if fault is None and limit is not None:
        fault = _limits(context, name, call, limit)
    return fault


def _touches_another(context: Context, permit: Permit, name: str, call: Call, limit: Limit | None) -> str | None:
    if permit.stop == "any" and limit is None:
        return None
    if any(_would_end(context, call, tx) for tx in _of_others(context, name)):
        return "a transaction of another backend would end"
    return _of_another(context, name, call)


def _of_others(context: Context, name: str) -> list[Transaction]:
    return [tx for tx in context.ledger.counting() if tx.owner != name]


def _may_be_at(tx: Transaction, place: int) -> bool:
    """Return whether a transaction may run at a connector or an EVSE; what is below 1 is the whole station."""
    return place < 1 or tx.connector in (None, 0, place)


def _would_end(context: Context, call: Call, tx: Transaction) -> bool:
    """Return whether a command may end a transaction that runs. Only what cannot is told apart, not what can."""
    fields, modern = plain_fields(call), is_modern(context.version)
    match plain_action(call.action):
        case "Reset":
            ends, place = not modern or fields.get("type") != "OnIdle", fields.get("evseId") if modern else None
        case "UnlockConnector":
            ends, place = True, fields.get("evseId" if modern else "connectorId")
        case "ChangeAvailability":
            evse = fields.get("evse")
            ends = fields.get("operationalStatus" if modern else "type") != "Operative"
            place = fields.get("connectorId") if not modern else evse.get("id") if isinstance(evse, dict) else None
        case _:
            return False
    named = place if isinstance(place, int) else 0  # what only some read as a number may be the whole station
    return ends and _may_be_at(tx, named)


def _of_another(context: Context, name: str, call: Call) -> str | None:
    """Return whose transaction a command names, if it is not the backend's own."""
    named = named_transaction(call)
    if named is None:
        return None
    tx = transaction_of(context.ledger, name, named)
    meant = tx or _meant(context, named)
    if meant is not None and meant.owner != name:
        return "the transaction belongs to another backend"
    known = tx is not None or (not is_beyond(named) and name in context.plan(_BOOT).answer)
    return None if known else "this backend has no such transaction"


def _meant(context: Context, named: Any) -> Transaction | None:
    """Return the running transaction that a station may take a name for, which is not written as it is."""
    if isinstance(named, int):
        return None
    running = context.ledger.running.values()
    return next((tx for tx in running if tx.id and _bare(tx.id) == _bare(named)), None)


def _bare(named: Any) -> str:
    """Return a transaction's name without what readers may not heed: case, spaces, zeros around a number."""
    text = str(named).strip().casefold() if isinstance(named, str | float) else ""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def _limits(context: Context, name: str, call: Call, limit: Limit) -> str | None:
    """Leave the limits at a connector to the owner of its transaction, and those of the station to who may limit."""
    named = None if limit.transaction is None else named_transaction(call)
    if named is not None:
        tx = transaction_of(context.ledger, name, named)
        return None if context.single else _elsewhere(context, name, tx, limit.connector or 0)
    tx = context.ledger.on(limit.connector) if limit.connector else None
    if tx is not None and tx.owner == name and limit.purpose in ("", "TxProfile", "TxDefaultProfile"):
        return None
    return "only the owner of the transaction, or a backend whose permit allows limit, sets limits here"


def _elsewhere(context: Context, name: str, tx: Transaction | None, place: int) -> str | None:
    """Return why a limit of a backend's own transaction, if it is known, is not for the place that is named with it.

    Some stations go by the place alone.
    """
    if tx is not None and place > 0 and context.ledger.on(place) is tx:
        return None
    if tx is not None and (tx.ended is not None or (place > 0 and tx.connector not in (None, place))):
        return "the transaction does not run there"
    beside = any(_may_be_at(other, place) for other in _of_others(context, name))
    return "a transaction of another backend may run there" if beside else None
