"""Authorities: backends that are asked in turn whether a token may charge; who accepts it owns the session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from voltgate.ocpp.ids import Token, compact
from voltgate.ocpp.messages import Call, Reply, Respond, Result, Unanswered
from voltgate.relay.route import Chain, Plan

if TYPE_CHECKING:
    from voltgate.relay.ledger import Ledger
    from voltgate.relay.leg import Leg

AUTHORIZE = "Authorize"


def status_of(reply: Reply) -> str | None:
    """Read what a backend says of a token (`idTagInfo.status`, `idTokenInfo.status`); None when it says nothing."""
    fields = reply.fields if isinstance(reply, Result) else {}
    info = fields.get("idTagInfo", fields.get("idTokenInfo"))
    status = info.get("status") if isinstance(info, dict) else None
    return status if isinstance(status, str) else None


def question(version: str, token: Token) -> Call:
    """Ask, as the station would, whether a token may charge."""
    if version.startswith("ocpp2"):
        fields: dict[str, object] = {"idToken": {"idToken": token.text, "type": token.kind}}
    else:
        fields = {"idTag": token.text}
    return Call(str(uuid4()), AUTHORIZE, compact(fields))


class Asking:
    """One token on its way through a chain of backends.

    With a `call` of the station it is that which is asked and answered; without, the question is ours and `then` gets
    the plan by which the session's start goes.
    """

    __slots__ = ("_call", "_chain", "_ledger", "_left", "_plan", "_respond", "_then", "_token", "_until")

    def __init__(
        self,
        ledger: Ledger,
        plan: Plan,
        token: Token,
        then: Callable[[Plan], None] | None = None,
        call: Call | None = None,
        respond: Respond | None = None,
    ) -> None:
        assert plan.chain is not None  # noqa: S101 - only then is anybody asked
        self._ledger = ledger
        self._plan = plan
        self._token = token
        self._then = then
        self._call = call
        self._respond = respond
        self._chain: Chain = plan.chain
        self._left = [leg for leg in map(ledger.session.legs.get, self._chain.backends) if leg is not None]
        self._until = ledger.session.ports.clock() + self._chain.within

    def begin(self) -> None:
        """Ask the first, and tell those who are not asked of the station's own call."""
        if self._call is not None:
            for name in self._plan.copy:
                leg = self._ledger.session.legs.get(name)
                if leg is not None and leg not in self._left:
                    leg.tell(self._call)
        self._next()

    def _next(self) -> None:
        leg = self._left.pop(0)
        now = self._ledger.session.ports.clock()
        asked = question(self._ledger.version, self._token)
        if self._call is not None:
            asked = Call(self._call.id, AUTHORIZE, self._call.payload, self._call.text)
            asked.frame = self._call.frame
        asked.at = now
        asked.asker = self
        asked.deadline = now + (self._until - now) / (len(self._left) + 1)
        leg.ask(asked, partial(self._answered, leg))

    def _answered(self, leg: Leg, reply: Reply) -> None:
        status = status_of(reply)
        passes = self._chain.silence if status is None else status in self._chain.on
        if passes and self._left and not self._ledger.session.ended:
            self._next()
        else:
            self._settle(leg, reply, accepted=status == "Accepted")

    def _settle(self, leg: Leg, reply: Reply, *, accepted: bool) -> None:
        ledger = self._ledger
        if self._then is not None:
            self._then(self._plan.owned_by(leg.name) if accepted else self._plan)
            return
        if accepted:
            ledger.book.invite(leg.name, self._token, ledger.session.settings.ledger.invitation)
        assert self._call is not None  # noqa: S101 - one of the two is there
        assert self._respond is not None  # noqa: S101
        self._give(leg, self._call, self._respond, reply)

    def _give(self, leg: Leg, call: Call, respond: Respond, reply: Reply) -> None:
        if isinstance(reply, Unanswered):
            self._ledger.session.answered(leg, call, respond, reply)
        else:
            respond(reply)


def ask_in_turn(asking: Asking) -> None:
    """Ask one backend after the other until one says more than that it does not know the token."""
    asking.begin()
