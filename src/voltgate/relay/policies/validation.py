"""The screen of `validation = "strict"`: a handler before a handler, which checks payloads against their schema."""

from __future__ import annotations

from collections.abc import Callable

from voltgate.ocpp.actions import SIGNED, is_transaction
from voltgate.ocpp.messages import SEND, Call, Error, Handler, Respond
from voltgate.ocpp.schemas import check


def strictly(version: str) -> Callable[[Handler], Handler]:
    """Answer a call whose payload breaks its schema with the error that the specification names.

    Transaction messages pass all the same: a station gives one up after a few CALLERRORs, and somebody is not paid.
    Signed messages pass too: what they hold is their backend's to check.
    """

    def screened(handler: Handler) -> Handler:
        def screen(call: Call, respond: Respond) -> None:
            if call.kind != SEND and not is_transaction(call.action) and not call.action.endswith(SIGNED):
                violation = check(version, call.action, "request", call.fields)
                if violation is not None:
                    respond(Error(call.id, violation.code, violation.description))
                    return
            handler(call, respond)

        return screen

    return screened
