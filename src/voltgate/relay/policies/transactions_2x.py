"""Transactions of 2.x, which stations name: only their owner is kept, and what it missed before it was known.

A transaction is bound by the first event that says whose it is: by a token, a remote start or a reservation. Until then
the rule for calls without token answers, and the events are kept.
Source: OCPP 2.0.1 and 2.1 Part 2 sections E (transactions), F (remote control), H (reservations).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from voltgate.ocpp.ids import connector_of, plain_fields, remote_start_of, reservation_of, token_of, transaction_of
from voltgate.ocpp.messages import FOREVER, Call, Reply, Respond, Result
from voltgate.relay.book import Transaction
from voltgate.relay.events import TransactionBegan
from voltgate.relay.journal import Item
from voltgate.relay.route import Plan

if TYPE_CHECKING:
    from voltgate.relay.ledger import Ledger
    from voltgate.relay.leg import Leg

MOST_KEPT = 200
"""Events of one transaction that are kept for an owner who is not known yet."""


def event(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Take a TransactionEvent: whoever owns the transaction answers, whatever the rules say by now."""
    name = transaction_of(ledger.version, call)
    if not isinstance(name, str) or not name:
        ledger.relay(ledger.plan(call), call, respond)
        return
    tx = ledger.book.find(name)
    if tx is not None and (tx.bound or tx.ended is not None):
        _relay(ledger, tx, call, respond)
        return
    if name in ledger.choosing:
        ledger.choosing[name] = (call, respond)
        return
    ledger.choosing[name] = (call, respond)
    _bind(ledger, name, call)


def _bind(ledger: Ledger, name: str, call: Call) -> None:
    """Find out whose transaction this is, if the event says so."""
    version, book = ledger.version, ledger.book
    token, connector = token_of(version, call), connector_of(version, call)
    remote = remote_start_of(version, call)
    asked = book.invited(None, connector, remote) if remote is not None else None
    reserved = book.numbers.inward("reservation", reservation_of(version, call))
    owner = asked.backend if asked is not None else (reserved[0] if reserved is not None else None)
    if owner in ledger.session.legs and owner is not None:
        _bound(ledger, name, ledger.plan(call).owned_by(owner))
    elif token is not None or ledger.alone:
        ledger.choose(call, token, partial(_bound, ledger, name))
    else:
        _unbound(ledger, name)


def _begin(ledger: Ledger, name: str, call: Call, plan: Plan) -> Transaction | None:
    """Enter a transaction that is heard of for the first time."""
    leg = ledger.session.pick(plan)
    if leg is None:
        return None
    tx = ledger.book.begin(leg.name, plan.copy)
    tx.id, tx.answers = name, plan.answer
    tx.connector = connector_of(ledger.version, call)
    ledger.session.ports.listen(TransactionBegan(ledger.session.identity, name, leg.name, tx.connector))
    return tx


def _unbound(ledger: Ledger, name: str) -> None:
    """Have the rule for calls without token answer, and keep the event for whoever will own the transaction."""
    call, respond = ledger.choosing.pop(name)
    tx = ledger.book.find(name) or _begin(ledger, name, call, ledger.plan(call))
    if tx is None:
        ledger.session.unroutable(call, respond)
        return
    tx.bound = False
    told = frozenset((tx.owner, *tx.copies))
    tx.heard = told if tx.heard is None else tx.heard & told
    kept, payload = ledger.book.kept(tx), bytes(call.payload)
    if len(kept) < MOST_KEPT and not any(record.payload == payload for record in kept):
        ledger.book.owe("", call.action, call.id, payload, tx.ref)
    _relay(ledger, tx, call, respond, write=True)


def _bound(ledger: Ledger, name: str, plan: Plan) -> None:
    """Enter the owner; it first gets, in order, the events that it missed."""
    call, respond = ledger.choosing.pop(name)
    leg = ledger.session.pick(plan)
    tx = ledger.book.find(name) or _begin(ledger, name, call, plan)
    if tx is None or leg is None:
        ledger.session.unroutable(call, respond)
        return
    token = token_of(ledger.version, call)
    tx.bound, tx.token = True, token.text if token is not None else ""
    if tx.connector is None:
        tx.connector = connector_of(ledger.version, call)
    if tx.heard is not None:
        _hand_over(ledger, tx, plan, leg)
    invitation = ledger.book.invited(token, tx.connector, remote_start_of(ledger.version, call))
    if invitation is not None:
        ledger.book.disinvite(invitation)
    ledger.book.keep(tx)
    _relay(ledger, tx, call, respond, write=not ledger.alone)


def _hand_over(ledger: Ledger, tx: Transaction, plan: Plan, leg: Leg) -> None:
    """Turn from who answered so far to the owner; the former stays a copy to the end."""
    owner = leg.name
    missed = ledger.book.kept(tx)
    heard = tx.heard or frozenset()
    others = (*plan.copy, tx.owner, *tx.copies)
    tx.copies = tuple(name for name in dict.fromkeys(others) if name != owner)
    tx.owner, tx.answers, tx.heard = owner, plan.answer, None
    for record in missed:
        if owner not in heard:
            again = Call(record.message_id, record.action, record.payload)
            again.deadline = FOREVER
            owed = ledger.book.owe(owner, record.action, record.message_id, record.payload, tx.ref)
            leg.deliver(Item(again, tx, owed))
        ledger.book.settle(record)


def _relay(ledger: Ledger, tx: Transaction, call: Call, respond: Respond, *, write: bool = False) -> None:
    ended = plain_fields(call).get("eventType") == "Ended"
    finish = _ended if ended else _taken
    if write:
        ledger.book.keep(tx)
    ledger.relay(ledger.plan_of(tx, call), call, respond, tx, finish, write=write)


def _taken(ledger: Ledger, tx: Transaction, respond: Respond, reply: Reply) -> None:
    tx.answers = ()  # it stays with whoever took it
    respond(reply)


def _ended(ledger: Ledger, tx: Transaction, respond: Respond, reply: Reply) -> None:
    if isinstance(reply, Result):
        for record in ledger.book.kept(tx):
            ledger.book.settle(record)
        ledger.ended(tx)
    respond(reply)


def meter(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Send meter values to the owner of what runs at their EVSE."""
    tx = None if ledger.alone else ledger.book.on(connector_of(ledger.version, call))
    plan = ledger.plan(call) if tx is None else ledger.plan_of(tx, call)
    ledger.relay(plan, call, respond)


ACTIONS = {"TransactionEvent": event, "MeterValues": meter}
