"""Whether the rules give to a backend what begins with the token of one of its commands."""

from __future__ import annotations

from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import compact, connector_of, token_of
from voltgate.ocpp.messages import Call
from voltgate.relay.context import Context


def is_given(context: Context, backend: str, call: Call) -> bool:
    """Return whether the rules have the backend answer a session with the token, and on the connector, of a command.

    In a failover list, or a chain of backends that are asked, each of them counts.
    """
    plan = context.plan(_start(context.version, call))
    return backend in (*plan.answer, *plan.chained)


def _start(version: str, call: Call) -> Call:
    """Return the start of the session that a command asks for, as far as rules look into it."""
    token, connector = token_of(version, call), connector_of(version, call)
    if not is_modern(version):
        return Call("", "StartTransaction", compact({"idTag": token and token.text, "connectorId": connector}))
    named = token and {"idToken": token.text, "type": token.kind}
    return Call("", "TransactionEvent", compact({"idToken": named, "evse": {"id": connector}}))
