"""Calling: a call to a connected station on behalf of a caller of the API, through the station's own turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from voltgate.ocpp.actions import SIGNED, from_backends, plain_action
from voltgate.ocpp.messages import Call, Reason, Reply, Result, Unanswered
from voltgate.ocpp.schemas import check
from voltgate.relay.numbers import CALLER
from voltgate.relay.session import Session
from voltgate.web.models import CallAnswered, CallAsked, CallError
from voltgate.web.problems import Problem
from voltgate.web.times import milliseconds

GRACE = 5.0
"""Seconds beyond a call's own deadline after which whoever waits for it gives up: the wheel stands still."""
LARGEST = 1 << 19
"""Bytes of a payload: a second one can wait beside it."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A caller of the API among those who make calls to a station: turns are shared fairly between them."""

    caller: str
    address: str = field(default="", compare=False)
    """From where."""

    @property
    def name(self) -> str:
        """How the audit trail and the numbers name the caller; no backend has such a name."""
        return CALLER + self.caller


async def call(session: Session, asker: Asker, asked: CallAsked) -> CallAnswered:
    """Make a call and wait for the station's answer. Raises Problem: 409, 422, 503 or 504."""
    payload = _payload(asked)
    if asked.check:
        _check(session.dialect.version, asked)
    ports = session.ports
    made = Call(str(uuid4()), asked.action, payload)
    made.at = ports.clock()
    made.deadline = made.at + asked.timeout
    made.asker = asker
    reply = await _ask(session, made, asker, asked.timeout + GRACE)
    took = ports.clock() - made.at
    if isinstance(reply, Unanswered):
        raise _silence(reply, took)
    return _answer(session, made, reply, took)


def _payload(asked: CallAsked) -> bytes:
    try:
        payload = msgspec.json.encode(asked.payload)
    except (UnicodeEncodeError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise _unfit("FormatViolation", "", "The payload cannot be written as JSON.") from error
    if len(payload) > LARGEST:
        raise Problem(413, "Content Too Large", f"A payload may have {LARGEST} bytes.")
    return payload


def _check(version: str, asked: CallAsked) -> None:
    """Hold a call to the version's catalogue and schemas; what a signed one holds is the station's to check."""
    if plain_action(asked.action) not in from_backends(version):
        raise _unfit("NotImplemented", "", f"No station of {version} takes {asked.action}.")
    violation = None if asked.action.endswith(SIGNED) else check(version, asked.action, "request", asked.payload)
    if violation is not None:
        raise _unfit(violation.code, violation.path, violation.description)


def _unfit(code: str, where: str, detail: str) -> Problem:
    return Problem(422, "Unprocessable Content", detail, code=code, where=where)


async def _ask(session: Session, made: Call, asker: Asker, patience: float) -> Reply:
    """Ask when it is the caller's turn; what becomes of it is written down, also when the caller has gone by then."""
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def respond(reply: Reply) -> None:
        outcome = "undelivered" if isinstance(reply, Unanswered) else "passed"
        if isinstance(reply, Unanswered) and reply.reason is Reason.REFUSED:
            outcome = "refused"
        session.ledger.audit(asker.name, made, outcome, reply, "over the API", asker.address)
        if not answered.done():
            answered.set_result(reply)

    session.command(made, respond)
    async with asyncio.timeout(patience):
        return await answered


def _silence(reply: Unanswered, took: float) -> Problem:
    """Say why there is no answer: the call may have been sent, and the station may have done what it says."""
    if reply.reason is Reason.REFUSED:
        return Problem(409, "Conflict", reply.description)
    if reply.reason is Reason.OVERLOADED:
        return Problem(503, "Service Unavailable", reply.description, headers={"Retry-After": "5"})
    return Problem(
        504,
        "Gateway Timeout",
        reply.description,
        sent=bool(reply.id),
        waited_ms=milliseconds(took),
        reason=reply.reason.value,
    )


def _answer(session: Session, made: Call, reply: Reply, took: float) -> CallAnswered:
    common: dict[str, Any] = {
        "station": session.identity,
        "action": made.action,
        "version": session.dialect.version,
        "message_id": reply.id,
        "latency_ms": milliseconds(took),
    }
    if isinstance(reply, Result):
        return CallAnswered(**common, result=_read(reply.payload))
    error = CallError(code=reply.code, description=reply.description, details=_read(reply.details))
    return CallAnswered(**common, error=error)


def _read(payload: bytes | msgspec.Raw) -> Any:
    """Parse what a station sent; what cannot be held in memory as a value is given as text."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return bytes(payload).decode(errors="replace")
