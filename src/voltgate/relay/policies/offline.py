"""The stand-in: answers a station in the place of a backend that is away; the backend gets all of it later.

Only for stations that the backend accepted before. The specification allows it of a local controller that delivers the
transaction messages later (2.0.1 Part 4 section 6, errata 2025-02).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from voltgate.ocpp.actions import is_transaction, plain_action
from voltgate.ocpp.ids import Token, compact, plain_fields, token_of
from voltgate.ocpp.messages import Call, Reply, Respond, Result, unheard
from voltgate.ocpp.schemas import check
from voltgate.relay.authority import status_of
from voltgate.relay.book import Transaction
from voltgate.relay.events import TransactionBegan

if TYPE_CHECKING:
    from voltgate.relay.ledger import Ledger
    from voltgate.relay.leg import Leg

_REMEMBERED = 100
"""Tokens that a backend accepted at one station and that are known to its stand-in."""
_INTERVAL = 300
"""Seconds between heartbeats, when the backend never named any."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """How a backend is stood in for.

    `accept` says which tokens may charge: those that the backend accepted at this station before and those listed
    ("known"), every one, or none. `tokens` is the list, in lower case. `stop_refused`: a session whose token the
    backend refuses later is stopped.
    """

    accept: Literal["known", "all", "none"] = "known"
    tokens: frozenset[str] = frozenset()
    stop_refused: bool = True


def stands_in(leg: Leg) -> bool:
    """Tell whether a backend is stood in for while it is away."""
    return leg.backend.settings.when_down == "answer"


# What is remembered of a backend while it is there.


def note_boot(ledger: Ledger, leg: Leg, reply: Result) -> None:
    """Remember whether a backend accepted the station, and the interval that it asked for."""
    fields = reply.fields
    interval = fields.get("interval")
    accepted = fields.get("status") == "Accepted"
    usable = isinstance(interval, int) and interval > 0
    ledger.book.note(f"accepted:{leg.name}", {"accepted": accepted, "interval": interval if usable else _INTERVAL})


def note_token(ledger: Ledger, leg: Leg, token: Token, respond: Respond, reply: Reply) -> None:
    """Remember whether a backend accepted a token, and pass its answer on."""
    status = status_of(reply)
    if status is not None:
        name, text = f"tokens:{leg.name}", token.text.casefold()
        known = [each for each in ledger.book.fact(name) or [] if each != text]
        if status == "Accepted":
            known = [*known, text][-_REMEMBERED:]
        ledger.book.note(name, known)
    respond(reply)


# What is answered while it is away.


def answer(ledger: Ledger, leg: Leg, call: Call, respond: Respond, tx: Transaction | None = None) -> bool:
    """Answer a call in the place of a backend that is away; False where that is not allowed or nothing can be said."""
    if not stands_in(leg):
        return False
    before = ledger.book.fact(f"accepted:{leg.name}")
    if not isinstance(before, dict) or not before.get("accepted"):
        return False
    fields = _fields(ledger, leg, call, tx, before)
    if fields is None:
        return False
    reply = Result(call.id, compact(fields))
    if is_transaction(call.action) or _is_news(ledger.version, call):
        _owe(ledger, leg, call, tx, reply, respond)
    else:
        respond(reply)
    return True


def _fields(
    ledger: Ledger, leg: Leg, call: Call, tx: Transaction | None, before: dict[str, Any]
) -> dict[str, Any] | None:
    """Say what a backend would most likely have answered; None when nobody but itself can know."""
    now = datetime.fromtimestamp(ledger.book.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    match plain_action(call.action):
        case "BootNotification":
            return {"currentTime": now, "interval": before["interval"], "status": "Accepted"}
        case "Heartbeat":
            return {"currentTime": now}
        case "Authorize":
            return _judged(ledger, leg, call)
        case "StartTransaction" if tx is not None:
            return {"transactionId": _number(ledger, tx)} | _judged(ledger, leg, call)
        case "TransactionEvent":
            return {} if token_of(ledger.version, call) is None else _judged(ledger, leg, call)
        case "DataTransfer":
            return None
        case _:
            return {} if _is_news(ledger.version, call) else None


def _judged(ledger: Ledger, leg: Leg, call: Call) -> dict[str, Any]:
    """Judge a token by the settings, and by what the backend said of it before."""
    token = token_of(ledger.version, call)
    settings = leg.backend.settings.stand_in
    known = token is not None and (
        token.text.casefold() in settings.tokens
        or token.text.casefold() in (ledger.book.fact(f"tokens:{leg.name}") or ())
    )
    accepted = settings.accept == "all" or (settings.accept == "known" and known)
    name = "idTokenInfo" if ledger.version.startswith("ocpp2") else "idTagInfo"
    return {name: {"status": "Accepted" if accepted else "Invalid"}}


def _number(ledger: Ledger, tx: Transaction) -> int:
    """Give a number to a transaction that its owner has not numbered."""
    number = ledger.book.mint()
    tx.id = str(number)
    ledger.session.ports.listen(TransactionBegan(ledger.session.identity, tx.id, tx.owner, tx.connector))
    return number


def _is_news(version: str, call: Call) -> bool:
    """Tell whether a call only brings news: an empty answer is a full one."""
    return call.action != "DataTransfer" and check(version, plain_action(call.action), "response", {}) is None


def _owe(ledger: Ledger, leg: Leg, call: Call, tx: Transaction | None, reply: Result, respond: Respond) -> None:
    """Write down what the backend is owed, then answer."""
    if tx is not None:
        tx.answers = ()  # it is this backend's now
        if call.action == "StartTransaction":
            tx.reply = bytes(reply.payload)
        if _ends(ledger, call):
            ledger.ended(tx)
        else:
            ledger.book.keep(tx)
    ledger.owe(leg, call, tx)
    ledger.once_written(leg, respond, reply)


def _ends(ledger: Ledger, call: Call) -> bool:
    return call.action == "StopTransaction" or plain_fields(call).get("eventType") == "Ended"


# When it is back.


def reconsider(ledger: Ledger, leg: Leg, tx: Transaction, reply: Result) -> None:
    """Stop a session that was let begin and whose token its owner now refuses."""
    status = status_of(reply)
    refused = status is not None and status != "Accepted"
    stops = stands_in(leg) and leg.backend.settings.stand_in.stop_refused
    if not refused or not stops or tx.owner != leg.name or tx.ended is not None:
        return
    if ledger.version.startswith("ocpp2"):
        action, fields = "RequestStopTransaction", {"transactionId": tx.id}
    else:
        action, fields = "RemoteStopTransaction", {"transactionId": int(tx.id)}  # type: ignore[dict-item]
    call = Call(str(uuid4()), action, compact(fields))
    call.at = ledger.session.ports.clock()
    call.deadline = call.at + ledger.session.settings.station_patience
    call.asker = leg
    audited = partial(ledger.audited, leg, call, f"the backend refused the token: {status}", unheard)
    ledger.session.turns.ask(call, audited)
