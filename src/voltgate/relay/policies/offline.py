"""Offline: a station is answered in the place of a backend that is away; the backend gets all of it later.

Only for stations that the backend accepted before. The specification allows it of a local controller that delivers the
transaction messages later (2.0.1 Part 4 section 6, errata 2025-02).
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from voltgate.ocpp.actions import is_transaction, plain_action
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import Token, compact, plain_fields, token_of
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result, Unanswered
from voltgate.ocpp.schemas import check
from voltgate.ocpp.times import stamp
from voltgate.relay.context import Context
from voltgate.relay.events import TransactionBegan
from voltgate.relay.policies.authorize import status_of
from voltgate.relay.policies.booting import interval_of
from voltgate.relay.policy import Wrap
from voltgate.relay.stand_in import StandIn
from voltgate.relay.transaction import Transaction
from voltgate.relay.written import answer_when_written

_REMEMBERED = 100
"""Tokens that a backend accepted at one station and that are known while it is away."""


# What is remembered of a backend while it is there.


_TELLING = frozenset({"BootNotification", "Authorize", "StartTransaction"})
"""Calls whose answers say whether a backend accepts the station, or a token."""


def learns(backend: str) -> Wrap:
    """Return the wrap that remembers whether a backend accepts the station, and which tokens.

    It stands on the way to the backend: what it is asked, told, owed and told again is answered alike.
    """

    def wrap(context: Context, handler: Handler) -> Handler:
        return partial(_forward, context, backend, handler)

    return wrap


def _forward(context: Context, backend: str, handler: Handler, call: Call, respond: Respond) -> None:
    telling = plain_action(call.action) in _TELLING
    handler(call, partial(_answered, context, backend, call, respond) if telling else respond)


def _answered(context: Context, backend: str, call: Call, respond: Respond, reply: Reply) -> None:
    if call.action == "BootNotification":
        if isinstance(reply, Result):
            _learn_boot(context, backend, reply)
    else:
        token = token_of(context.version, call)
        if token is not None:
            _learn_token(context, backend, token, reply)
    respond(reply)


def _learn_boot(context: Context, backend: str, reply: Result) -> None:
    fields = reply.fields
    accepted = fields.get("status") == "Accepted"
    interval = interval_of(fields.get("interval"))
    context.ledger.note(f"accepted:{backend}", {"accepted": accepted, "interval": interval})


def _learn_token(context: Context, backend: str, token: Token, reply: Reply) -> None:
    status = status_of(reply)
    if status not in (None, "ConcurrentTx"):  # that it charges already says nothing of whether it may
        name, text = f"tokens:{backend}", token.text.casefold()
        known = [each for each in context.ledger.fact(name) or [] if each != text]
        if status == "Accepted":
            known = [*known, text][-_REMEMBERED:]
        context.ledger.note(name, known)


# What is answered while it is away.


def stand_in(
    context: Context, backend: str, how: StandIn, call: Call, respond: Respond, tx: Transaction | None
) -> bool:
    """Answer a call in the place of a backend that is away; return False where that is not allowed or impossible."""
    before = context.ledger.fact(f"accepted:{backend}")
    if not isinstance(before, dict) or not before.get("accepted") or context.ledger.incomplete:
        return False
    fields = _fields(context, backend, how, call, tx, before)
    if fields is None:
        return False
    reply = Result(call.id, compact(fields))
    context.decided(call, "stand-in")
    if is_transaction(call.action) or _is_news(context.version, call):
        _owe(context, backend, call, tx, reply, respond)
    else:
        respond(reply)
    return True


def _fields(
    context: Context, backend: str, how: StandIn, call: Call, tx: Transaction | None, before: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what a backend would most likely have answered; None if nobody but itself can know."""
    now = stamp(context.ledger.wall(), "seconds")
    match plain_action(call.action):
        case "BootNotification":
            return {"currentTime": now, "interval": before["interval"], "status": "Accepted"}
        case "Heartbeat":
            return {"currentTime": now}
        case "Authorize":
            return _judged(context, backend, how, call)
        case "StartTransaction" if tx is not None:
            return {"transactionId": _number(context, tx)} | _judged(context, backend, how, call)
        case "TransactionEvent":
            return {} if token_of(context.version, call) is None else _judged(context, backend, how, call)
        case "DataTransfer":
            return None
        case _:
            return {} if _is_news(context.version, call) else None


def _judged(context: Context, backend: str, how: StandIn, call: Call) -> dict[str, Any]:
    """Judge a token by the settings, and by what the backend said of it before."""
    token = token_of(context.version, call)
    before = context.ledger.fact(f"tokens:{backend}") or ()
    known = token is not None and (token.text.casefold() in before or how.tokens.matches(token))
    accepted = how.accept == "all" or (how.accept == "known" and known)
    name = "idTokenInfo" if is_modern(context.version) else "idTagInfo"
    return {name: {"status": "Accepted" if accepted else "Invalid"}}


def _number(context: Context, tx: Transaction) -> int:
    """Return a new number for a transaction that its owner has not numbered."""
    number = tx.number or context.ledger.mint()
    tx.id = str(number)
    context.emit(TransactionBegan(context.station, tx.id, tx.owner, tx.connector))
    return number


def _is_news(version: str, call: Call) -> bool:
    """Return whether a call only brings news: an empty answer is a full one."""
    return call.action != "DataTransfer" and check(version, plain_action(call.action), "response", {}) is None


def _owe(context: Context, backend: str, call: Call, tx: Transaction | None, reply: Result, respond: Respond) -> None:
    """Write down what the backend is owed, then answer."""
    if tx is not None:
        tx.take()
        tx.remember(call, reply)
        if call.action == "StartTransaction":
            tx.reply = bytes(reply.payload)
        if call.action == "StopTransaction" or plain_fields(call).get("eventType") == "Ended":
            context.ledger.end(tx)
        else:
            context.ledger.keep(tx)
    context.owe(backend, call, tx)
    answer_when_written(context, backend, respond, reply)


# When it is back.


def reconsider(context: Context, backend: str, how: StandIn, tx: Transaction, reply: Result) -> None:
    """Stop a session that was let begin and whose token its owner now refuses."""
    status = status_of(reply)
    if status in (None, "Accepted") or not how.stop_refused or tx.owner != backend or tx.ended is not None:
        return
    if is_modern(context.version):
        action, named = "RequestStopTransaction", tx.id
    else:
        action, named = "RemoteStopTransaction", int(tx.id)  # type: ignore[assignment]
    call = Call(str(uuid4()), action, compact({"transactionId": named}))
    context.command(call, partial(_stopped, context, backend, call, f"the backend refused the token: {status}"))


def _stopped(context: Context, backend: str, call: Call, why: str, reply: Reply) -> None:
    outcome = "undelivered" if isinstance(reply, Unanswered) else "passed"
    context.ledger.audit(backend, call, outcome, reply, why)
