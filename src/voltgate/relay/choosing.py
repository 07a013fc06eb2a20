"""Who is to own what begins: transactions whose start waits while it is found out."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from voltgate.ocpp.close_codes import TRY_AGAIN
from voltgate.ocpp.ids import Token, connector_of
from voltgate.ocpp.messages import Call, Respond
from voltgate.relay.context import Context
from voltgate.relay.failover import pick
from voltgate.relay.leg import Leg
from voltgate.relay.plan import Plan
from voltgate.relay.policy import Policies
from voltgate.relay.start import Chosen, Start

_MOST_WAITING = 16
"""Events of one transaction that wait while a chain of backends is asked whose it is."""


class Chooser(Context, Protocol):
    """What is needed of a dispatcher."""

    legs: dict[str, Leg]
    policies: Policies

    @property
    def ended(self) -> bool:
        """Whether the session is over."""

    def from_station(self, call: Call, respond: Respond) -> None:
        """Take a call."""

    def unroutable(self, call: Call, respond: Respond) -> None:
        """Refuse a call that no rule is for."""


class Choosing:
    """The starts of one session that wait for their owner, by key."""

    __slots__ = ("_context", "_waiting")

    def __init__(self, context: Chooser) -> None:
        self._context = context
        self._waiting: dict[str, list[Start]] = {}

    def add(self, start: Start, token: Token | None, then: Chosen) -> None:
        """Find the owner of what begins, unless that is under way."""
        known = self._waiting.get(start.key)
        if known is not None:
            self._add_behind(known, start)
            return
        self._waiting[start.key] = [start]
        context = self._context
        plan, connector = context.plan(start.call), connector_of(context.version, start.call)
        invitation = context.ledger.invited(token, connector) if token is not None else None
        chosen = partial(self._chosen, start.key, then)
        if invitation is not None and invitation.backend in context.legs:
            context.decided(start.call, "invitation")
            chosen(plan.owned_by(invitation.backend))
        elif plan.chain is not None and token is not None:
            context.policies.chain(context, plan, token, chosen)
        else:
            chosen(plan)

    def _add_behind(self, known: list[Start], start: Start) -> None:
        """Let what the station says of the transaction meanwhile wait in its order: each message id is answered."""
        if len(known) < _MOST_WAITING:
            known.append(start)
        else:
            reason = f"Too much of one transaction waits: keep {start.call.action} and come again"
            self._context.close(TRY_AGAIN, reason)

    def _chosen(self, key: str, then: Chosen, plan: Plan) -> None:
        context = self._context
        start, *later = self._waiting.pop(key)
        if context.ended:
            return  # that the station has gone is no backend's word about the token
        if start.owner is not None and start.owner in context.legs:
            plan = plan.owned_by(start.owner)
            context.decided(start.call, "owner")
        context.decided(start.call, "authorize", plan)
        leg = pick(context.legs, plan.answer)
        if leg is None:
            context.unroutable(start.call, start.respond)
        else:
            then(leg.name, plan, start.call, start.respond)
        for each in later:
            context.from_station(each.call, each.respond)
