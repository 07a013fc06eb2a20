"""Transactions of 1.6, which backends number: each backend sees the number that it gave, the station sees one of ours.

With one backend its number is the station's too, and no byte changes.
Source: OCPP 1.6 sections 4.8, 4.10 and 6.45-6.50, and its errata v4.0 section 3.18 (a transactionId of -1).
"""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.ids import compact, connector_of, decimal, integer, token_of, with_fields
from voltgate.ocpp.messages import Call, Error, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.events import TransactionBegan
from voltgate.relay.plan import Plan
from voltgate.relay.policies.authorize import status_of
from voltgate.relay.policies.ends import tell_end
from voltgate.relay.start import Start
from voltgate.relay.transaction import Transaction, digest
from voltgate.relay.written import answer_when_written

_NUMBER = ("transactionId",)
_LONGEST = 100
"""Characters of a time, as far as it is kept."""


# The start.


def start(context: Context, call: Call, respond: Respond) -> None:
    """Begin a transaction: its owner numbers it, and it is on disk before the station knows its number."""
    fields, ledger = call.fields, context.ledger
    key = digest(*(compact(fields.get(name)) for name in ("connectorId", "idTag", "timestamp", "meterStart")))
    tx = ledger.started_as(key)
    if tx is None:
        reservation = integer(fields.get("reservationId"))
        reserved = None if context.single else ledger.numbers.inward("reservation", reservation)
        beginning = Start(key, call, respond, None if reserved is None else reserved[0])
        context.choose(beginning, token_of(context.version, call), partial(_begin, context, key))
    elif tx.reply is not None:
        context.decided(call, "ledger")
        if context.single and not tx.renumbered:
            respond(Result(call.id, tx.reply))
        else:
            answer_when_written(context, None, respond, Result(call.id, tx.reply))
    else:
        ledger.hear(tx)
        _ask(context, tx, call, respond)


def _begin(context: Context, key: str, owner: str, plan: Plan, call: Call, respond: Respond) -> None:
    ledger, version = context.ledger, context.version
    token, connector = token_of(version, call), connector_of(version, call)
    ledger.clear(connector)
    tx = ledger.begin(owner, plan.copy)
    tx.key, tx.token, tx.connector, tx.answers = key, token.text if token else "", connector, plan.answer
    at = call.fields.get("timestamp")
    tx.meter, tx.started = decimal(call.fields.get("meterStart")), at[:_LONGEST] if isinstance(at, str) else ""
    if not context.single:
        tx.number = ledger.mint()  # on record before it is used: the start may be said again to another process
    invitation = ledger.invited(token, connector)
    if invitation is not None:
        ledger.disinvite(invitation)
    ledger.keep(tx)
    _ask(context, tx, call, respond)


def _ask(context: Context, tx: Transaction, call: Call, respond: Respond) -> None:
    context.answer(context.plan_of(tx, call), call, respond, tx, _started)


def _started(context: Context, tx: Transaction, respond: Respond, reply: Reply) -> None:
    """Answer the station with the number of its transaction."""
    theirs = integer(reply.fields.get("transactionId")) if isinstance(reply, Result) else None
    if theirs is None or not isinstance(reply, Result):
        respond(reply)
        return
    ledger = context.ledger
    single = context.single
    number = theirs if single and not _is_taken(context, tx, theirs) else tx.number or ledger.mint()
    tx.numbers[tx.owner] = theirs
    tx.id = str(number)
    if number != theirs:
        reply = reply.with_payload(with_fields(reply.payload, {_NUMBER: number}))
    tx.reply, tx.failed = bytes(reply.payload), status_of(reply) not in (None, "Accepted")
    ledger.keep(tx)
    context.emit(TransactionBegan(context.station, tx.id, tx.owner, tx.connector))
    if number == theirs and single:
        respond(reply)
    else:
        answer_when_written(context, tx.owner, respond, reply)


def _is_taken(context: Context, tx: Transaction, theirs: int) -> bool:
    """Return whether the station knows another transaction by a number that its owner has given."""
    return any(other.id == str(theirs) and other.numbers.get(tx.owner) != theirs for other in context.ledger)


# What follows.


def stop(context: Context, call: Call, respond: Respond) -> None:
    """Tell the owner that its transaction has ended: by its number, whatever card stopped it."""
    number = integer(call.fields.get("transactionId"))
    tx = context.ledger.find(str(number)) or _pending(context, call, number) or _stopped_before(context, call)
    tell_end(context, tx, call)
    if tx is not None:
        context.ledger.hear(tx, over=True)
        context.answer(context.plan_of(tx, call), call, respond, tx, _stopped)
        return
    never_started = number is None or number <= 0
    asked = call if never_started else Call(call.id, call.action, b"{}")  # the card that stopped it says nothing
    context.answer(context.plan(asked), call, respond)


def _pending(context: Context, call: Call, number: int | None) -> Transaction | None:
    """Return the transaction whose start nobody answered: its stop has -1, or a number of the station's own.

    Of several it is that of the card that stops it, else the last that was heard of. A number that may be of a backend,
    and was stopped by another card, is of a session from before.
    """
    token = token_of(context.version, call)
    card = "" if token is None else token.text.casefold()
    pending = [tx for tx in context.ledger.running.values() if not tx.id]
    if card and number is not None and number > 0:
        pending = [tx for tx in pending if tx.token.casefold() == card]
    return max(pending, key=lambda tx: (tx.token.casefold() == card, tx.heard_at), default=None)


def _stopped_before(context: Context, call: Call) -> Transaction | None:
    """Return the transaction that nobody numbered and that this very stop has ended: its answer was lost."""
    return next((tx for tx in context.ledger if not tx.id and tx.answer_to(call) is not None), None)


def _stopped(context: Context, tx: Transaction, respond: Respond, reply: Reply) -> None:
    if not isinstance(reply, Error):
        context.ledger.end(tx)
    respond(reply)


def meter_values(context: Context, call: Call, respond: Respond) -> None:
    """Send meter values to the owner of their transaction; without one, to that of what runs on their connector."""
    named = call.fields.get("transactionId")
    number, connector = integer(named), connector_of(context.version, call)
    ledger = context.ledger
    tx = ledger.find(str(number)) if number is not None else None
    if tx is not None:
        ledger.hear(tx)
    elif connector:
        tx = ledger.on(connector) if named is None else ledger.lately_on(connector)
    plan = context.plan(call) if tx is None else context.plan_of(tx, call)
    context.answer(plan, call, respond, tx)
