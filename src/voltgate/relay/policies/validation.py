"""Strict validation (`validation = "strict"`): a station's calls are checked against their schema."""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.actions import SIGNED, is_transaction
from voltgate.ocpp.messages import SEND, Call, Error, Handler, Respond
from voltgate.ocpp.schemas import check
from voltgate.relay.context import Context


def strictly(context: Context, handler: Handler) -> Handler:
    """Answer a call whose payload breaks its schema with the error that the specification names.

    Transaction messages pass all the same: a station gives one up after a few CALLERRORs, and somebody is not paid.
    Signed messages pass too: what they hold is their backend's to check.
    """
    return partial(_validate, context.version, handler)


def _validate(version: str, handler: Handler, call: Call, respond: Respond) -> None:
    if call.kind != SEND and not is_transaction(call.action) and not call.action.endswith(SIGNED):
        violation = check(version, call.action, "request", call.fields)
        if violation is not None:
            respond(Error(call.id, violation.code, violation.description))
            return
    handler(call, respond)
