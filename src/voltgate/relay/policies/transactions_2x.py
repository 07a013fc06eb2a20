"""Transactions of 2.x, which stations name: only their owner is kept, and what it missed before it was known.

A transaction is bound by the first event that says whose it is: by a token, a remote start or a reservation. Until then
the rule for calls without token answers, and the events are kept.
Source: OCPP 2.0.1 and 2.1 Part 2 sections E (transactions), F (remote control), H (reservations).
"""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.ids import connector_of, plain_fields, remote_start_of, reservation_of, token_of
from voltgate.ocpp.messages import FOREVER, Call, Error, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.events import TransactionBegan
from voltgate.relay.journal import UNKNOWN
from voltgate.relay.plan import Plan
from voltgate.relay.policies.ends import register_at_start, tell_end
from voltgate.relay.start import Start
from voltgate.relay.transaction import MOST_KEPT, Transaction, said


def event(context: Context, name: str | int | None, call: Call, respond: Respond) -> None:
    """Take a TransactionEvent: the owner of the transaction `name` answers, whatever the rules say by now."""
    if not isinstance(name, str) or not name:
        context.answer(context.plan(call), call, respond)
        return
    tx = context.ledger.find(name)
    if tx is not None and tx.started and _started_at(call) not in ("", tx.started):
        context.ledger.close(tx, forget=True)  # the station counts from 1 again: its name is another's from now on
        tx = None
    if tx is not None and (tx.bound or tx.ended is not None):
        _relay(context, tx, call, respond)
        return
    version, ledger = context.version, context.ledger
    token, connector = token_of(version, call), connector_of(version, call)
    remote = remote_start_of(version, call)
    asked = ledger.invited(None, connector, remote) if remote is not None else None
    reserved = ledger.numbers.inward("reservation", reservation_of(call))
    owner = asked.backend if asked is not None else (reserved[0] if reserved is not None else None)
    is_owned = owner is not None and context.plan(call, owner).answer == (owner,)
    if is_owned or token is not None or context.single:
        start = Start(name, call, respond, owner)
        context.choose(start, None if is_owned else token, partial(_bound, context, name))
    else:
        start = Start(name, call, respond, None if tx is None else tx.owner)
        context.choose(start, None, partial(_unbound, context, name))


def _started_at(call: Call) -> str:
    """Return when a transaction began, as its Started says; "" for another event."""
    fields = plain_fields(call)
    at = fields.get("timestamp") if fields.get("eventType") == "Started" else None
    return at[:100] if isinstance(at, str) else ""


def _begin(context: Context, name: str, call: Call, owner: str, plan: Plan) -> Transaction:
    """Enter a transaction that is heard of for the first time."""
    connector, fields = connector_of(context.version, call), plain_fields(call)
    if fields.get("eventType") == "Started" and fields.get("offline") is not True:  # it began after all others there
        context.ledger.clear(connector)
    tx = context.ledger.begin(owner, plan.copy)
    tx.id, tx.answers, tx.connector, tx.started = name, plan.answer, connector, _started_at(call)
    tx.meter = register_at_start(call)
    context.emit(TransactionBegan(context.station, name, owner, tx.connector))
    return tx


def _unbound(context: Context, name: str, owner: str, plan: Plan, call: Call, respond: Respond) -> None:
    """Have the rule for calls without token answer, and keep the event for the backend that will own the transaction.

    With its first event on, the transaction keeps to the backend that answers.
    """
    ledger = context.ledger
    tx = ledger.find(name) or _begin(context, name, call, owner, plan)
    tx.bound = False
    if len(ledger.kept(tx)) < MOST_KEPT and not tx.repeats(f"kept {said(call)}"):
        ledger.owe(UNKNOWN, call, tx)
    _relay(context, tx, call, respond, write=True)


def _bound(context: Context, name: str, owner: str, plan: Plan, call: Call, respond: Respond) -> None:
    """Enter the owner; it first gets, in order, the events that it missed."""
    ledger, version = context.ledger, context.version
    tx = ledger.find(name) or _begin(context, name, call, owner, plan)
    token = token_of(version, call)
    if not tx.bound:
        _hand_over(context, tx, plan, owner)
    tx.token = token.text if token is not None else ""
    if tx.connector is None:
        tx.connector = connector_of(version, call)
    invitation = ledger.invited(token, tx.connector, remote_start_of(version, call))
    if invitation is not None:
        ledger.disinvite(invitation)
    ledger.keep(tx)
    _relay(context, tx, call, respond, write=not context.single)


def _hand_over(context: Context, tx: Transaction, plan: Plan, owner: str) -> None:
    """Turn from the backend that answered so far to the owner; the former stays a copy to the end."""
    ledger = context.ledger
    took, tx.took, tx.bound = tx.took, {}, True
    others = (*plan.copy, tx.owner, *tx.copies)
    tx.copies = tuple(name for name in dict.fromkeys(others) if name != owner)
    tx.owner, tx.answers = owner, plan.answer
    for record in ledger.kept(tx):
        again = Call(record.message_id, record.action, record.payload)
        if owner not in took.get(said(again), ()):
            again.deadline = FOREVER
            context.owe(owner, again, tx)
        ledger.journal.settle(record)


def _relay(context: Context, tx: Transaction, call: Call, respond: Respond, *, write: bool = False) -> None:
    kind = plain_fields(call).get("eventType")
    finish = _began if kind == "Started" else _ended if kind == "Ended" else None
    if kind == "Ended":
        tell_end(context, tx, call)
    context.ledger.hear(tx, over=kind == "Ended")
    if write:
        context.ledger.keep(tx)
    context.answer(context.plan_of(tx, call), call, respond, tx, finish, write=write)


def _began(context: Context, tx: Transaction, respond: Respond, reply: Reply) -> None:
    if isinstance(reply, Error):
        tx.failed = True
        context.ledger.keep(tx)
    respond(reply)


def _ended(context: Context, tx: Transaction, respond: Respond, reply: Reply) -> None:
    if isinstance(reply, Result):
        context.ledger.close(tx)
    respond(reply)


def meter_values(context: Context, call: Call, respond: Respond) -> None:
    """Send meter values to the owner of what runs at their EVSE."""
    tx = None if context.single else context.ledger.on(connector_of(context.version, call))
    plan = context.plan(call) if tx is None else context.plan_of(tx, call)
    context.answer(plan, call, respond)
