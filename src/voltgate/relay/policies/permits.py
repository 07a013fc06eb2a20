"""Permits: what a backend may ask of a station, looked at when it asks and when it is sent, and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from voltgate.ocpp.messages import SEND, Call, Handler, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.refusals import refusal
from voltgate.relay.context import Context
from voltgate.relay.numbers import asker_of
from voltgate.relay.permit import Absorb, Part, Permit, Refuse, is_doubtful, overlay, veil
from voltgate.relay.policies.touching import objection_to
from voltgate.relay.policy import Refused, Wrap

_MOST_PRIVATE, _LONGEST = 100, 1000
"""Keys that are kept private for one backend at one station, and characters of a key or a value."""


@dataclass(slots=True)
class _Asking:
    """A backend's call on its way, and what the audit trail will say of it."""

    backend: str
    call: Call
    refused: Refused
    why: str = ""
    outcome: str = "passed"


def permits(permit: Permit, refused: Refused) -> Wrap:
    """Return the wrap that lets a backend's calls through as far as `permit` goes, and keeps the audit trail.

    `refused` is told of what is refused.
    """

    def wrap(context: Context, handler: Handler) -> Handler:
        return partial(_judge, context, permit, refused, handler)

    return wrap


def _judge(context: Context, permit: Permit, refused: Refused, handler: Handler, call: Call, respond: Respond) -> None:
    backend = asker_of(call)
    match permit.judge(context.version, call):
        case Refuse(reply=reply, why=why):
            _refuse(_Asking(backend, call, refused, why), respond, reply)
        case Absorb(reply=reply, keys=keys):
            _keep_private(context, backend, keys)
            names = ", ".join(sorted(keys))[:_LONGEST]
            context.ledger.audit(backend, call, "absorbed", reply, f"kept private: {names}")
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


def _refuse(asking: _Asking, respond: Respond, reply: Reply) -> None:
    asking.refused(asking.call, reply, asking.why)
    respond(reply)


def _pass(context: Context, permit: Permit, handler: Handler, asking: _Asking, respond: Respond) -> None:
    """Hand on a call that the permit allows, unless it touches what is another backend's: now, or when it is sent."""
    call = asking.call
    is_unread = permit.lets_all_pass and not context.single
    why = "two readers may understand it differently" if is_unread and is_doubtful(call) else None
    why = why or objection_to(context, permit, asking.backend, call)
    if why is not None:
        asking.why = why
        _refuse(asking, respond, refusal(context.version, call))
        return
    if call.kind == SEND:
        handler(call, respond)
        return
    call.objection = partial(_object_now, context, permit, asking)
    handler(call, partial(_replied, context, permit, asking, respond))


def _object_now(context: Context, permit: Permit, asking: _Asking) -> Reply | None:
    """Look again at a call that has waited for its turn: what runs at the station may be another's by now."""
    why = objection_to(context, permit, asking.backend, asking.call)
    if why is None:
        return None
    asking.why, asking.outcome = why, "refused"
    return refusal(context.version, asking.call)


def _replied(context: Context, permit: Permit, asking: _Asking, respond: Respond, reply: Reply) -> None:
    """Write down what the station answered, and pass on what the backend may see, with what it believes to have set."""
    if isinstance(reply, Unanswered) and reply.reason is Reason.REFUSED:
        asking.why, asking.outcome = reply.description, "refused"  # the station is not registered
    if asking.outcome == "refused":
        _refuse(asking, respond, reply)
        return
    origin = reply.origin
    if not permit.credentials:
        reply = veil(asking.call, reply)
    private = context.ledger.fact(f"private:{asking.backend}")
    if private:
        reply = overlay(asking.call, reply, private)
    outcome = asking.outcome if origin is not None else "absorbed"
    outcome = "undelivered" if isinstance(reply, Unanswered) else outcome
    context.ledger.audit(asking.backend, asking.call, outcome, reply, asking.why)
    respond(reply)
