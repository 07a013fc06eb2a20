"""What a policy may use of a session: its ledger, and backends by name; never a leg, a socket or the session itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.relay.events import Event
from voltgate.relay.ledger import Ledger, Transaction
from voltgate.relay.permit import Permit
from voltgate.relay.plan import Plan
from voltgate.relay.stand_in import StandIn


class Context(Protocol):
    """One session, as a policy sees it."""

    @property
    def version(self) -> str:
        """The version that the station speaks."""

    @property
    def station(self) -> str:
        """The station's identity."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    @property
    def single(self) -> bool:
        """Whether there is one backend only: then the bytes are left alone."""

    def plan(self, call: Call, owner: str | None = None) -> Plan:
        """Return the plan that the rules have for a call; with `owner`, if that backend is here, the plan it owns."""

    def plan_of(self, tx: Transaction, call: Call) -> Plan:
        """Return the plan that a transaction keeps to; the rules' if its owner is not configured any more."""

    def choose(self, start: Start, token: Token | None, then: Chosen) -> None:
        """Find who is to own what begins: who expects it, who accepts its token, or whom the rules name."""

    def answer(
        self,
        plan: Plan,
        call: Call,
        respond: Respond,
        tx: Transaction | None = None,
        finish: Finish | None = None,
        *,
        write: bool = False,
    ) -> None:
        """Have a backend of the plan answer, and tell the others; with `write` the reply waits for the disk."""

    def ask(self, backend: str, call: Call, respond: Respond) -> bool:
        """Ask one backend a question of ours; return False if it is not here."""

    def settle(self, backend: str, call: Call, respond: Respond, reply: Reply) -> None:
        """Give the station the answer of a backend that was asked; see to it that what got none is not lost."""

    def tell(self, backend: str, call: Call) -> None:
        """Tell one backend of a call that another one answers."""

    def owe(self, backend: str, call: Call, tx: Transaction | None) -> None:
        """Write a message down for a backend and have it delivered."""

    def command(self, call: Call, respond: Respond, *, write: bool = False) -> None:
        """Send a call to the station; with `write` once all that was entered is on disk.

        A call without a deadline gets the station's own.
        """

    def when_written(self, backend: str | None, then: Callable[[bool], None]) -> None:
        """Call `then` once all that was entered is on disk (False: it cannot be); that backend's calls wait for it."""

    def emit(self, event: Event) -> None:
        """Say what has happened."""

    def now(self) -> float:
        """Return the seconds of the wheel."""

    def close(self, code: int, reason: str) -> None:
        """Let the station go."""


@dataclass(frozen=True, slots=True)
class Start:
    """The call that something begins with. `key` tells a repeated one; `owner` owns it if that backend is here."""

    key: str
    call: Call
    respond: Respond
    owner: str | None = None


Chosen: TypeAlias = Callable[[str, Plan, Call, Respond], None]
"""Gets the owner, its plan, and the start as the station said it last."""

Finish: TypeAlias = Callable[[Context, Transaction, Respond, Reply], None]
"""What is learnt from the owner's answer before the station gets it."""

Policy: TypeAlias = Callable[[Context, Call, Respond], None]
"""What is decided about a call."""

Wrap: TypeAlias = Callable[[Context, Handler], Handler]
"""Stands on an arrow: returns a handler that hands on to another one."""

Chain: TypeAlias = Callable[[Context, Plan, Token, Callable[[Plan], None]], None]
"""Asks the backends of a plan's chain whether they accept a token."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What is decided, for a family of versions.

    `by_action` are the policies of the station's calls, `chain` asks who accepts a token. `stand_in` answers in the
    place of a backend that is away (False: it may not), `learn` remembers what a backend said while it was there,
    `reconsider` looks at what it says of a session that was let begin without it. `command` takes what the station is
    asked, `refusal` is said in its place. `permits` is what a backend may ask.
    """

    by_action: Mapping[str, Policy]
    chain: Chain
    stand_in: Callable[[Context, str, StandIn, Call, Respond, Transaction | None], bool]
    learn: Callable[[Context, str, Call, Reply], None]
    reconsider: Callable[[Context, str, StandIn, Transaction, Result], None]
    command: Policy
    refusal: Callable[[str, Call], Reply]
    permits: Callable[[Permit], Wrap]


def wrapped(context: Context, wraps: tuple[Wrap, ...], handler: Handler) -> Handler:
    """Return `handler` behind `wraps`: the first of them sees a call first."""
    for wrap in reversed(wraps):
        handler = wrap(context, handler)
    return handler
