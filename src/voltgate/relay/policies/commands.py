"""Commands: what a station is asked, by backends and others, in the station's numbers."""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.ids import connector_of, remote_start_of, token_of
from voltgate.ocpp.messages import SEND, Call, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.invitation import Invitation
from voltgate.relay.numbering import for_station
from voltgate.relay.numbers import CALLER, asker_of, invites
from voltgate.relay.policies.given import is_given

_BEGIN = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})


def command(context: Context, call: Call, respond: Respond) -> None:
    """Send a call to the station in the station's numbers; what it causes is written down first.

    With one backend nobody waits for that: it is entered for the case that another comes before the session begins.
    """
    asker = asker_of(call)
    is_caller = asker.startswith(CALLER)
    sent, fresh = for_station(context.ledger, CALLER if is_caller else asker, call, single=context.single)
    if call.kind == SEND:
        context.command(sent, respond)
        return
    invitation = None if is_caller else _invite(context, asker, sent)
    if invitation is not None:
        respond = partial(_started, context, invitation, respond)
    context.command(sent, respond, write=fresh or (invitation is not None and not context.single))


def _invite(context: Context, backend: str, call: Call) -> Invitation | None:
    """Expect the session that a remote start will cause, if that is to be the backend's."""
    if plain_action(call.action) not in _BEGIN or invites(call) == "none":
        return None
    if invites(call) == "own" and not is_given(context, backend, call):
        return None
    version = context.version
    return context.ledger.invite(
        backend, token_of(version, call), connector_of(version, call), remote_start_of(version, call)
    )


def _started(context: Context, invitation: Invitation, respond: Respond, reply: Reply) -> None:
    """Expect the session no more if the station has rejected it; one that did not answer may start it yet."""
    if isinstance(reply, Result) and reply.fields.get("status") == "Rejected":
        context.ledger.disinvite(invitation)
    respond(reply)
