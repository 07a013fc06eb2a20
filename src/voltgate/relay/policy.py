"""What decides about calls, as functions over a context: policies, and wraps on the arrows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.relay.context import Context
from voltgate.relay.permit import Permit
from voltgate.relay.plan import Plan
from voltgate.relay.stand_in import StandIn
from voltgate.relay.transaction import Transaction

Policy: TypeAlias = Callable[[Context, Call, Respond], None]
"""What is decided about a call."""

Wrap: TypeAlias = Callable[[Context, Handler], Handler]
"""Stands on an arrow: returns a handler that hands on to another one."""

AskChain: TypeAlias = Callable[[Context, Plan, Token, Callable[[Plan], None]], None]
"""Asks the backends of a plan's chain whether they accept a token."""


Refused: TypeAlias = Callable[[Call, Reply, str], None]
"""Told of a backend's call that is refused, what the backend hears, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Policies:
    """What is decided, for a family of versions.

    `by_action` are the policies of the station's calls; those of `frequent`, which stations make all the time, are only
    called while something runs that the call may belong to. `chain` asks who accepts a token. `stand_in` answers in the
    place of a backend that is away (False: it may not), `learns` remembers what it answered while it was there,
    `reconsider` looks at what it says of a session that was let begin without it. `command` takes what the station is
    asked, `refusal` is said in its place. `gate` stands before the calls of a station that is not accepted, `commands`
    before what any station is asked. `permits` is what a backend may ask, with who
    is told of what it may not.
    """

    by_action: Mapping[str, Policy]
    frequent: frozenset[str]
    chain: AskChain
    stand_in: Callable[[Context, str, StandIn, Call, Respond, Transaction | None], bool]
    learns: Callable[[str], Wrap]
    reconsider: Callable[[Context, str, StandIn, Transaction, Result], None]
    command: Policy
    refusal: Callable[[str, Call], Reply]
    permits: Callable[[Permit, Refused], Wrap]
    gate: Wrap
    commands: Wrap
    moved: Callable[[Context], None]


def wrapped(context: Context, wraps: tuple[Wrap, ...], handler: Handler) -> Handler:
    """Return `handler` behind `wraps`: the first of them sees a call first."""
    for wrap in reversed(wraps):
        handler = wrap(context, handler)
    return handler
