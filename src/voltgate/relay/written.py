"""Answers that wait for the disk."""

from __future__ import annotations

from functools import partial

from voltgate.ocpp.close_codes import TRY_AGAIN
from voltgate.ocpp.messages import Reply, Respond
from voltgate.relay.context import Context


def answer_when_written(context: Context, backend: str | None, respond: Respond, reply: Reply) -> None:
    """Answer the station once all that was entered is on disk; what follows from the backend waits as well.

    If it cannot be written, the station is let go: it keeps what it said, and comes again.
    """
    context.when_written(backend, partial(_answer, context, respond, reply))


def _answer(context: Context, respond: Respond, reply: Reply, written: bool) -> None:
    if written:
        respond(reply)
    else:
        context.close(TRY_AGAIN, "This cannot be written down now: keep it and come again")
