"""A call of the station that a backend is to answer, or is told of: in the station's own words until it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from voltgate.ocpp.messages import Call, Reply, Respond
from voltgate.relay.context import Context, Finish
from voltgate.relay.plan import Plan
from voltgate.relay.transaction import Transaction

_MOST_REPEATS = 16
"""How often a station may say the same again while it waits for the answer."""


@dataclass(slots=True, eq=False)
class Asked:
    """One call that waits, or is being answered.

    `plan` says who may answer it; `context` is where the station waits for the answer. `plain`: the call concerns no
    transaction and no number, and goes out as it is. `write`: the reply waits until what was entered is on disk.
    `question`: it is ours, and so is the answer, whatever that is. `standby` are copies that may yet have to answer it:
    they are told when it has been sent to another. `behind` is the last that any backend was owed when it was said.
    """

    context: Context
    call: Call
    plan: Plan
    respond: Respond
    transaction: Transaction | None = None
    finish: Finish | None = None
    write: bool = False
    plain: bool = False
    question: bool = False
    standby: tuple[str, ...] = ()
    behind: int = field(init=False)

    def __post_init__(self) -> None:
        self.behind = self.context.ledger.journal.last

    def join(self, again: Asked) -> bool:
        """Let a station that says the same again wait for the same answer; return False if it has too often.

        On a new connection of the station only the last one waits.
        """
        if again.context is not self.context:
            self.respond = again.respond
        elif isinstance(self.respond, Repeated):
            if len(self.respond.responds) >= _MOST_REPEATS:
                return False
            self.respond.responds.append(again.respond)
        else:
            self.respond = Repeated([self.respond, again.respond])
        self.context = again.context
        self.write = self.write or again.write
        return True

    @property
    def content(self) -> tuple[str, bytes]:
        """The action and the payload: two messages that have the same are one, said twice.

        The starts of one 1.6 transaction are one, however they are written: its backend would begin it twice.
        """
        tx, action = self.transaction, self.call.action
        if tx is not None and action == "StartTransaction":
            return action, tx.ref.encode()
        return action, bytes(self.call.payload)

    @property
    def answers(self) -> tuple[str, ...]:
        """Who may answer while it was not sent: by the transaction as long as nobody has taken it, else by the plan."""
        tx = self.transaction
        return self.plan.answer if tx is None else tx.answers or (tx.owner,)


@dataclass(frozen=True, slots=True)
class Told:
    """A copy that waits: nobody waits for the answer. `behind` is the last that was owed when it was said."""

    call: Call
    behind: int
    transaction: Transaction | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """The respond of a station that said the same several times."""

    responds: list[Respond]

    def __call__(self, reply: Reply) -> None:
        """Answer each time."""
        for respond in self.responds:
            respond(reply)
