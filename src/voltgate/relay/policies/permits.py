"""Permits: what a backend may ask of a station, and what it must leave to another one.

Source: OCPP 1.6 sections 5.2, 5.14 and 5.18; 2.x Part 2 B12, F05 and G03 (what ends a transaction).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import connector_of, is_ambiguous, plain_fields
from voltgate.ocpp.messages import SEND, Call, Handler, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.refusals import refusal
from voltgate.relay.context import Context
from voltgate.relay.events import CommandRefused
from voltgate.relay.ledger import Transaction
from voltgate.relay.numbering import named_transaction, objection, transaction_of
from voltgate.relay.numbers import asker_of
from voltgate.relay.permit import Absorb, Limit, Part, Permit, Refuse, concerns_limit, overlay, profile_fault
from voltgate.relay.policy import Wrap

_MOST_PRIVATE, _LONGEST = 100, 1000
"""Keys that are kept private for one backend at one station, and characters of a key or a value."""

_BOOT = Call("", "BootNotification", b"{}")
"""Those who answer it admit the station, and may know of transactions from before Voltgate."""


@dataclass(slots=True)
class _Asking:
    """A backend's call on its way, and what the audit trail will say of it."""

    backend: str
    call: Call
    refused: Callable[[str], None]
    why: str = ""
    outcome: str = "passed"


def permits(permit: Permit, refused: Callable[[str], None]) -> Wrap:
    """Return the wrap that lets a backend's calls through as far as `permit` goes, and keeps the audit trail.

    `refused` counts what is refused, by its action.
    """

    def wrap(context: Context, handler: Handler) -> Handler:
        return partial(_judge, context, permit, refused, handler)

    return wrap


def _judge(
    context: Context, permit: Permit, refused: Callable[[str], None], handler: Handler, call: Call, respond: Respond
) -> None:
    backend = asker_of(call)
    match permit.judge(context.version, call):
        case Refuse(reply=reply, why=why):
            _refuse(context, _Asking(backend, call, refused, why), respond, reply)
        case Absorb(reply=reply, keys=keys):
            _keep_private(context, backend, keys)
            context.ledger.audit(backend, call, "absorbed", reply, f"kept private: {', '.join(sorted(keys))}")
            respond(reply)
        case Part(call=part, merge=merge, keys=keys, why=why):
            _keep_private(context, backend, keys)
            _pass(context, permit, handler, _Asking(backend, part, refused, why), lambda reply: respond(merge(reply)))
        case _:
            _pass(context, permit, handler, _Asking(backend, call, refused), respond)


def _keep_private(context: Context, backend: str, keys: Mapping[str, str]) -> None:
    """Remember what a backend believes that it has set."""
    private = dict(context.ledger.fact(f"private:{backend}") or {})
    for key, value in keys.items():
        private.pop(key, None)
        private[key[:_LONGEST]] = value[:_LONGEST]
    context.ledger.note(f"private:{backend}", dict(list(private.items())[-_MOST_PRIVATE:]))


def _refuse(context: Context, asking: _Asking, respond: Respond, reply: Reply) -> None:
    backend, call = asking.backend, asking.call
    context.ledger.audit(backend, call, "refused", reply, asking.why)
    asking.refused(call.action)
    context.emit(CommandRefused(context.station, backend, call.action[:100], asking.why))
    respond(reply)


def _pass(context: Context, permit: Permit, handler: Handler, asking: _Asking, respond: Respond) -> None:
    """Hand on a call that the permit allows, unless it touches what is another backend's: now, or when it is sent."""
    call = asking.call
    why = _objection(context, permit, asking)
    if why is not None:
        asking.why = why
        _refuse(context, asking, respond, refusal(context.version, call))
        return
    if call.kind == SEND:
        handler(call, respond)
        return
    call.objection = partial(_object_now, context, permit, asking)
    handler(call, partial(_replied, context, asking, respond))


def _object_now(context: Context, permit: Permit, asking: _Asking) -> Reply | None:
    """Look again at a call that has waited for its turn: what runs at the station may be another's by now."""
    why = _objection(context, permit, asking)
    if why is None:
        return None
    asking.why, asking.outcome = why, "refused"
    return refusal(context.version, asking.call)


def _replied(context: Context, asking: _Asking, respond: Respond, reply: Reply) -> None:
    """Write down what the station answered, and pass the answer on with what the backend believes to have set."""
    if isinstance(reply, Unanswered) and reply.reason is Reason.REFUSED:
        asking.why, asking.outcome = reply.description, "refused"  # the station is not registered
    if asking.outcome == "refused":
        _refuse(context, asking, respond, reply)
        return
    private = context.ledger.fact(f"private:{asking.backend}")
    if private:
        reply = overlay(asking.call, reply, private)
    outcome = asking.outcome if reply.origin is not None else "absorbed"
    outcome = "undelivered" if isinstance(reply, Unanswered) else outcome
    context.ledger.audit(asking.backend, asking.call, outcome, reply, asking.why)
    respond(reply)


# What touches another backend.


def _objection(context: Context, permit: Permit, asking: _Asking) -> str | None:
    """Return why a command must not pass although the backend may ask such things; None if it may."""
    call, name = asking.call, asking.backend
    limit = None if permit.limit else concerns_limit(context.version, call)
    fault = profile_fault(call)
    if fault is None and not context.single:
        fault = _touches_another(context, permit, name, call, limit)
    if fault is None and limit is not None:
        fault = _limits(context, name, limit)
    return fault or objection(context.ledger, name, call, single=context.single)


def _touches_another(context: Context, permit: Permit, name: str, call: Call, limit: Limit | None) -> str | None:
    if is_ambiguous(call):
        return "a name stands twice in it"
    if permit.stop == "any" and limit is None:
        return None
    others = [tx for tx in context.ledger.counting() if tx.owner != name]
    if any(_would_end(context, call, tx) for tx in others):
        return "a transaction of another backend would end"
    return _of_another(context, name, call)


def _would_end(context: Context, call: Call, tx: Transaction) -> bool:
    """Return whether a command may end a transaction that runs."""
    fields = plain_fields(call)
    match plain_action(call.action):
        case "Reset":
            ends = fields.get("type") != "OnIdle"
        case "UnlockConnector":
            ends = True
        case "ChangeAvailability":
            ends = "Inoperative" in (fields.get("type"), fields.get("operationalStatus"))
        case _:
            return False
    connector = connector_of(context.version, call)
    return ends and (not connector or tx.connector in (None, connector))


def _of_another(context: Context, name: str, call: Call) -> str | None:
    """Return whose transaction a command names, if it is not the backend's own."""
    named = named_transaction(call)
    if named is None:
        return None
    tx = transaction_of(context.ledger, name, named)
    if tx is None:
        return None if name in context.plan(_BOOT).answer else "this backend has no such transaction"
    return None if tx.owner == name else "the transaction belongs to another backend"


def _limits(context: Context, name: str, limit: Limit) -> str | None:
    """Leave the limits at a connector to the owner of its transaction, else to those who may set limits."""
    if limit.transaction is not None:
        return None  # whose it is was looked at
    tx = context.ledger.on(limit.connector) if limit.connector else None
    if tx is not None and tx.owner == name:
        return None
    return "only the owner of the transaction, or a backend whose permit allows limit, sets limits here"
