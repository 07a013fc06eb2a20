"""What a policy may use of a session: its ledger, and backends by name; never a leg, a socket or the session itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import Call, Reply, Respond
from voltgate.relay.events import Event
from voltgate.relay.learnt import Learnt
from voltgate.relay.ledger import Ledger
from voltgate.relay.permit import Permit
from voltgate.relay.plan import Plan
from voltgate.relay.registration import Registration
from voltgate.relay.start import Chosen, Start
from voltgate.relay.transaction import Transaction


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

    @property
    def registration(self) -> Registration:
        """Whether the station is accepted."""

    @property
    def learnt(self) -> Learnt:
        """What the station has said of itself since it is connected."""

    def plan(self, call: Call, owner: str | None = None) -> Plan:
        """Return the plan that the rules have for a call; with `owner`, if that backend is here, the plan it owns."""

    def permit(self, backend: str) -> Permit:
        """Return what a backend may ask and see here."""

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
        """Answer the station with the answer of a backend that was asked; see to it that what got none is not lost."""

    def tell(self, backend: str, call: Call) -> None:
        """Tell one backend of a call that another one answers."""

    def owe(self, backend: str, call: Call, tx: Transaction | None) -> None:
        """Write a message down for a backend and have it delivered."""

    def command(self, call: Call, respond: Respond, *, write: bool = False) -> None:
        """Send a call to the station as it is; with `write` once all that was entered is on disk.

        The policy `command` puts it into the station's numbers before. A call without a deadline gets the station's.
        """

    def when_written(self, backend: str | None, then: Callable[[bool], None]) -> None:
        """Call `then` once all that was entered is on disk (False: it cannot be); that backend's calls wait for it."""

    def decided(self, call: Call, why: str, plan: Plan | None = None) -> None:
        """Let whoever listens know why a call goes where it goes: `why`, or the rule that the plan is of."""

    def emit(self, event: Event) -> None:
        """Report an event."""

    def now(self) -> float:
        """Return the seconds of the wheel."""

    def close(self, code: int, reason: str) -> None:
        """Let the station go."""


Finish: TypeAlias = Callable[[Context, Transaction, Respond, Reply], None]
"""What is learnt from the owner's answer before the station gets it."""
