"""Authorize: the backend that a token belongs to says whether it may charge, or a chain of them in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from voltgate.ocpp.actions import AUTHORIZE
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import Token, compact, token_of
from voltgate.ocpp.messages import Call, Reply, Respond, Result
from voltgate.ocpp.silence import gone
from voltgate.relay.context import Context
from voltgate.relay.plan import Plan


def authorize(context: Context, call: Call, respond: Respond) -> None:
    """Have the backend that the token belongs to authorise it."""
    token = token_of(context.version, call)
    invitation = context.ledger.invited(token) if token is not None and not context.single else None
    plan = context.plan(call, None if invitation is None else invitation.backend)
    if plan.owned:
        context.decided(call, "invitation")
    if plan.chain is None or token is None:
        context.answer(plan, call, respond)
    else:
        context.decided(call, "authorize")
        Inquiry(context, plan, token, call).begin(partial(_authorized, context, plan, token, call, respond))


def _authorized(
    context: Context, plan: Plan, token: Token, call: Call, respond: Respond, backend: str, reply: Reply
) -> None:
    """Answer the station with the last answer of a chain; who accepted the token is expected to own the session."""
    if status_of(reply) == "Accepted":
        context.ledger.invite(backend, token)
    context.settle(backend, call, respond, reply)


def ask_chain(context: Context, plan: Plan, token: Token, then: Callable[[Plan], None]) -> None:
    """Find by a question of ours who accepts a token; `then` gets the plan by which the session's start goes."""

    def settled(backend: str, reply: Reply) -> None:
        then(plan.owned_by(backend) if status_of(reply) == "Accepted" else plan)

    Inquiry(context, plan, token, None).begin(settled)


def status_of(reply: Reply) -> str | None:
    """Return what a backend says of a token (`idTagInfo.status`, `idTokenInfo.status`); None if it says nothing."""
    fields = reply.fields if isinstance(reply, Result) else {}
    info = fields.get("idTagInfo", fields.get("idTokenInfo"))
    status = info.get("status") if isinstance(info, dict) else None
    return status if isinstance(status, str) else None


def question(version: str, token: Token) -> Call:
    """Return the Authorize that a station would send for a token."""
    if is_modern(version):
        fields: dict[str, object] = {"idToken": {"idToken": token.text, "type": token.kind}}
    else:
        fields = {"idTag": token.text}
    return Call(str(uuid4()), AUTHORIZE, compact(fields))


class Inquiry:
    """One token on its way through a chain of backends, each asked when the one before does not know it.

    With a `call` of the station it is that which is asked; without, the question is ours.
    """

    __slots__ = ("_call", "_chain", "_context", "_left", "_plan", "_then", "_token", "_until")

    def __init__(self, context: Context, plan: Plan, token: Token, call: Call | None) -> None:
        assert plan.chain is not None  # noqa: S101 - only then is anybody asked
        self._context = context
        self._plan = plan
        self._token = token
        self._call = call
        self._chain = plan.chain
        self._left = deque(self._chain.backends)
        self._until = context.now() + self._chain.within
        self._then: Callable[[str, Reply], None] = _nothing

    def begin(self, then: Callable[[str, Reply], None]) -> None:
        """Ask the first, and tell those who are not asked of the station's own call; `then` gets the last answer."""
        self._then = then
        if self._call is not None:
            for name in self._plan.copy:
                if name not in self._left:
                    self._context.tell(name, self._call)
        self._next("", gone("No backend of the chain is here"))

    def _next(self, before: str, reply: Reply) -> None:
        """Ask the next that is here; if there is none, the answer of the one before counts."""
        while self._left:
            backend = self._left.popleft()
            if self._context.ask(backend, self._question(), partial(self._answered, backend)):
                return
        self._then(before, reply)

    def _question(self) -> Call:
        now = self._context.now()
        asked = question(self._context.version, self._token)
        if self._call is not None:
            asked = Call(self._call.id, AUTHORIZE, self._call.payload, self._call.text)
            asked.frame, asked.original = self._call.frame, self._call
        asked.at = now
        asked.asker = self
        asked.deadline = now + (self._until - now) / (len(self._left) + 1)
        return asked

    def _answered(self, backend: str, reply: Reply) -> None:
        status = status_of(reply)
        passes = self._chain.silence if status is None else status in self._chain.on
        if passes:
            self._next(backend, reply)
        else:
            self._then(backend, reply)


def _nothing(backend: str, reply: Reply) -> None:
    """Do nothing: nobody has begun."""
