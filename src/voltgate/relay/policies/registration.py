"""Registration: what passes before a station's BootNotification is accepted.

Voltgate enforces it where several backends share the station, or where the configuration says so; an only backend
enforces it itself. Source: OCPP 1.6 section 4.2, OCPP-J errata 3.8, errata v4.0 sections 3.35 and 3.40; 2.x Part 2 B01
to B03 and F06.FR.17.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import uuid4

from voltgate.ocpp.actions import BOOT, is_transaction, plain_action
from voltgate.ocpp.ids import request_of
from voltgate.ocpp.messages import Call, Error, Handler, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.requested import caused_by, why_not
from voltgate.relay.context import Context
from voltgate.relay.numbers import CALLER, asker_of
from voltgate.relay.registration import ACCEPTED, PENDING, REJECTED

_MOST_ASKED = 64
"""Kinds of messages that a station which is Pending was asked for and may send."""


def let_go(context: Context) -> None:
    """Let commands go out: the station's BootNotification was answered, or it does without one."""
    context.registration.heard, context.registration.held = True, False
    context.registration.changed()


def enforced(context: Context) -> bool:
    """Return whether Voltgate enforces the registration of a station, and not its only backend itself."""
    return context.registration.by_gateway or not context.single


def moved(context: Context) -> None:
    """Go by the backends that are there now, and by what is on record if that could not be read before.

    Where an only backend is left nothing waits any more.
    """
    registration = context.registration
    status = registration.status or context.ledger.fact("registration") or ""
    held = registration.held and enforced(context)
    if (status, held) != (registration.status, registration.held):
        registration.status, registration.held = status, held
        registration.changed()


# The station's calls.


def gate(context: Context, handler: Handler) -> Handler:
    """Stand before the calls of a station that is not accepted, or has said nothing yet.

    Before acceptance they are answered SecurityError, but for what it was asked to send while it is Pending and for
    transaction messages: a station gives one up after a few CALLERRORs, and somebody is not paid.
    """
    return partial(_look, context, handler)


def _look(context: Context, handler: Handler, call: Call, respond: Respond) -> None:
    action, registration = plain_action(call.action), context.registration
    if action == BOOT:
        handler(call, respond)
        return
    if not registration.heard and registration.booting is None:
        let_go(context)
    is_refused = registration.status in (PENDING, REJECTED) and enforced(context)
    if is_refused and not is_transaction(action) and not _was_asked(context, action, call):
        respond(Error(call.id, "SecurityError", "The BootNotification is not accepted yet"))
    else:
        handler(call, respond)


def _was_asked(context: Context, action: str, call: Call) -> bool:
    """Return whether a station that is Pending was asked for this (2.x B02.FR.09, 1.6 section 4.2)."""
    asked = context.registration.asked
    return bool(asked) and ((action, None) in asked or (action, request_of(call)) in asked)


# Commands.


def commands(context: Context, handler: Handler) -> Handler:
    """Stand before what the station is asked, whoever asks it.

    While it is rejected nothing is sent, and while it is Pending nothing that starts or stops a transaction; before its
    BootNotification is answered a command waits, within its deadline.
    """
    return partial(_command, context, handler)


def _command(context: Context, handler: Handler, call: Call, respond: Respond) -> None:
    registration = context.registration
    if not enforced(context):
        handler(call, respond)
        return
    refused = _refused(context, call)
    if refused is not None:
        if not _told_again(context, call, respond):
            respond(refused)
        return
    if registration.status == PENDING:
        _note_asked(registration.asked, call)
    if not registration.heard and not registration.held:
        registration.held = True
        registration.changed()
    call.objection = partial(_object_now, context, call, call.objection)
    handler(call, respond)


def _object_now(context: Context, call: Call, before: Callable[[], Reply | None] | None) -> Reply | None:
    """Look again at a command that has waited: the station may have been rejected meanwhile."""
    instead = _refused(context, call) or (None if before is None else before())
    if instead is None and context.registration.status == PENDING:
        _note_asked(context.registration.asked, call)
    return instead


def _refused(context: Context, call: Call) -> Unanswered | None:
    """Return what is said in the station's place to a command that it must not be sent; None if it may be."""
    why = why_not(context.registration.status, call)
    return Unanswered(Reason.REFUSED, f"The station was not asked: {why}", "SecurityError") if why else None


def _told_again(context: Context, call: Call, respond: Respond) -> bool:
    """Tell a backend that triggers the BootNotification of an accepted station the last one; return False if not."""
    boot, backend = context.ledger.boot(context.version), asker_of(call)
    is_backend = bool(backend) and not backend.startswith(CALLER)
    if context.registration.status != ACCEPTED or not is_backend or boot is None:
        return False
    respond(Result(call.id, b'{"status":"Accepted"}'))
    again = Call(str(uuid4()), BOOT, boot)
    again.at, again.deadline = call.at, call.deadline
    context.tell(backend, again)
    return True


def _note_asked(asked: dict[tuple[str, int | None], None], call: Call) -> None:
    """Remember what a station that is Pending may send because of a command."""
    caused = caused_by(call)
    if caused is not None:
        asked[caused] = None
    if len(asked) > _MOST_ASKED:
        del asked[next(iter(asked))]
