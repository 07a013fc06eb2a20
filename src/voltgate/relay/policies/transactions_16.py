"""Transactions of 1.6, which backends number: each backend sees the number that it gave, the station sees one of ours.

With one backend its number is the station's too, and no byte changes.
Source: OCPP 1.6 sections 4.8, 4.10 and 6.45-6.50, and its errata v4.0 section 3.18 (a transactionId of -1).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import GONE, Token, compact, connector_of, token_of, with_fields
from voltgate.ocpp.messages import Call, Error, Reply, Respond, Result
from voltgate.relay.book import Transaction, digest
from voltgate.relay.events import TransactionBegan
from voltgate.relay.route import Plan
from voltgate.relay.standin import note_token, stands_in

if TYPE_CHECKING:
    from voltgate.relay.ledger import Ledger
    from voltgate.relay.leg import Leg

Changes = dict[tuple[str, ...], object]

_NUMBER = ("transactionId",)


def integer(value: Any) -> int | None:
    """Give a value that is a whole number; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# The start.


def start(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Begin a transaction: its owner numbers it, and it is on disk before the station knows its number."""
    fields = call.fields
    key = digest(*(compact(fields.get(name)) for name in ("connectorId", "idTag", "timestamp", "meterStart")))
    tx = ledger.book.started_as(key)
    if tx is None:
        if key in ledger.choosing:
            ledger.choosing[key] = (call, respond)
            return
        ledger.choosing[key] = (call, respond)
        ledger.choose(call, token_of(ledger.version, call), partial(_begin, ledger, key))
    elif tx.reply is not None:
        again = Result(call.id, tx.reply)
        ledger.book.store.after(lambda written: respond(again) if written else None)
    else:
        _ask(ledger, tx, call, respond)


def _begin(ledger: Ledger, key: str, plan: Plan) -> None:
    call, respond = ledger.choosing.pop(key)
    book, session = ledger.book, ledger.session
    token, connector = token_of(ledger.version, call), connector_of(ledger.version, call)
    reserved = None if ledger.alone else book.numbers.inward("reservation", integer(call.fields.get("reservationId")))
    if reserved is not None and reserved[0] in session.legs:
        plan = plan.owned_by(reserved[0])
    leg = session.pick(plan)
    if leg is None:
        session.unroutable(call, respond)
        return
    before = book.on(connector)
    if before is not None and connector is not None:
        book.end(before)  # its stop never came: one connector charges one car
    tx = book.begin(leg.name, plan.copy)
    tx.key, tx.token, tx.connector, tx.answers = key, token.text if token else "", connector, plan.answer
    _accept_invitation(ledger, token, connector)
    book.keep(tx)
    _ask(ledger, tx, call, respond)


def _accept_invitation(ledger: Ledger, token: Token | None, connector: int | None) -> None:
    invitation = ledger.book.invited(token, connector)
    if invitation is not None:
        ledger.book.disinvite(invitation)


def _ask(ledger: Ledger, tx: Transaction, call: Call, respond: Respond) -> None:
    leg = ledger.session.legs.get(tx.owner)
    if leg is not None and stands_in(leg):
        token = token_of(ledger.version, call)
        respond = respond if token is None else partial(note_token, ledger, leg, token, respond)
    ledger.relay(ledger.plan_of(tx, call), call, respond, tx, _started)


def _started(ledger: Ledger, tx: Transaction, respond: Respond, reply: Reply) -> None:
    """Give the station the number of its transaction."""
    theirs = integer(reply.fields.get("transactionId")) if isinstance(reply, Result) else None
    if theirs is None:
        respond(reply)
        return
    assert isinstance(reply, Result)  # noqa: S101 - it has fields
    number = _number(ledger, tx, theirs)
    tx.numbers[tx.owner] = theirs
    tx.id = str(number)
    if number != theirs:
        reply = Result(reply.id, with_fields(reply.payload, {_NUMBER: number}))
    tx.reply = bytes(reply.payload)
    ledger.book.keep(tx)
    ledger.session.ports.listen(TransactionBegan(ledger.session.identity, tx.id, tx.owner, tx.connector))
    if number == theirs and ledger.alone:
        respond(reply)
    else:
        ledger.once_written(ledger.session.legs.get(tx.owner), respond, reply)


def _number(ledger: Ledger, tx: Transaction, theirs: int) -> int:
    """Give the number that the station is to know a transaction by: with one backend its own, unless that is taken."""
    taken = any(other.id == str(theirs) and other.numbers.get(tx.owner) != theirs for other in ledger.book)
    return theirs if ledger.alone and not taken else ledger.book.mint()


# What follows.


def stop(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Tell the owner that its transaction has ended: by its number, whatever card stopped it."""
    number = integer(call.fields.get("transactionId"))
    tx = ledger.book.find(str(number)) or _pending(ledger)
    if tx is not None:
        ledger.relay(ledger.plan_of(tx, call), call, respond, tx, _stopped)
        return
    never_started = number is None or number <= 0
    plan = ledger.plan(call) if never_started else ledger.session.plans.without_token(call.action)
    ledger.relay(plan, call, respond)


def _pending(ledger: Ledger) -> Transaction | None:
    """Find a transaction whose start nobody has answered: the station gave it -1 or a number of its own."""
    return next((tx for tx in ledger.book.running.values() if not tx.id), None)


def _stopped(ledger: Ledger, tx: Transaction, respond: Respond, reply: Reply) -> None:
    if not isinstance(reply, Error):
        ledger.ended(tx)
    respond(reply)


def meter(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Send meter values to the owner of their transaction; without one, to that of what runs on their connector."""
    fields = call.fields
    named = fields.get("transactionId")
    number, connector = integer(named), connector_of(ledger.version, call)
    tx = ledger.book.find(str(number)) if number is not None else None
    if tx is None and connector:
        tx = ledger.book.on(connector) if named is None else ledger.book.lately_on(connector)
    plan = ledger.plan(call) if tx is None else ledger.plan_of(tx, call)
    ledger.relay(plan, call, respond, tx)


ACTIONS = {"StartTransaction": start, "StopTransaction": stop, "MeterValues": meter}


# In a backend's own numbers.


def changes(ledger: Ledger, leg: Leg, call: Call, tx: Transaction | None) -> Changes | None:
    """Say what a transaction message must be changed in for a backend; None when it cannot be told at all."""
    action = plain_action(call.action)
    if action not in ("StopTransaction", "MeterValues"):
        return {}
    number = integer(call.fields.get("transactionId"))
    if number is None:
        return {}
    if tx is not None and tx.id == str(number):
        return _renumbered(action, number, tx.numbers.get(leg.name))
    return _unknown(ledger, leg, action, number, tx)


def _renumbered(action: str, number: int, theirs: int | None) -> Changes | None:
    if theirs is None:
        return None if action == "StopTransaction" else {_NUMBER: GONE}
    return {} if theirs == number else {_NUMBER: theirs}


def _unknown(ledger: Ledger, leg: Leg, action: str, number: int, tx: Transaction | None) -> Changes | None:
    """Address a number that is not in the ledger: a backend must not take it for one that it gave to something else."""
    taken = ledger.book.known_to(leg.name, number)
    if taken is None or taken is tx or taken.id == str(number):
        return {}
    return {_NUMBER: -1 if action == "StopTransaction" else GONE}


def learn(ledger: Ledger, leg: Leg, tx: Transaction, call: Call, reply: Result) -> None:
    """Enter the number that a backend gave a transaction when it was told of its start."""
    theirs = integer(reply.fields.get("transactionId")) if call.action == "StartTransaction" else None
    if theirs is not None:
        tx.numbers[leg.name] = theirs
        ledger.book.keep(tx)
