"""The ledger at work in a session: each message of a transaction goes to whoever owns it, in the numbers they know.

What a transaction is, and whose, is in the station's book; how the two generations of OCPP begin and end one is in
`numbered` (1.6: backends number transactions) and `named` (2.x: stations name them); what backends may ask is in
`commands`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from uuid import uuid4

from voltgate.ocpp.actions import ACTIONS, SIGNED, is_transaction, plain_action
from voltgate.ocpp.ids import GONE, Token, connector_of, request_of, reservation_of, token_of, with_fields
from voltgate.ocpp.messages import FOREVER, Call, Reason, Reply, Respond, Result, Unanswered
from voltgate.relay import named, numbered, standin
from voltgate.relay.authority import Asking, ask_in_turn
from voltgate.relay.book import Book, Transaction, digest
from voltgate.relay.events import OTHER, CommandRefused
from voltgate.relay.journal import Item
from voltgate.relay.numbers import numbers_in
from voltgate.relay.permit import CHARGE, FULL, Permit
from voltgate.relay.records import AuditRecord, OwedRecord
from voltgate.relay.route import Plan
from voltgate.relay.standin import stands_in

if TYPE_CHECKING:
    from voltgate.relay.leg import Leg
    from voltgate.relay.session import Session

TRY_AGAIN = 1013

Content = tuple[str, bytes]
"""The action and the payload of a message: two that have the same are one, said twice."""

Finish = Callable[["Ledger", Transaction, Respond, Reply], None]
"""What the ledger learns from the owner's answer before the station gets it."""

Act = Callable[["Ledger", Call, Respond], None]
"""What the ledger does with a call of one action."""

_REPORTS = frozenset(
    """
    FirmwareStatusNotification LogStatusNotification NotifyCustomerInformation NotifyDisplayMessages
    NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles ReportDERControl
    SignedFirmwareStatusNotification
    """.split()
)
"""What a station sends because a backend asked for it: they name the request (`requestId`)."""

_PLACES = frozenset({"StatusNotification", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule"})
"""What concerns whoever owns the transaction on that connector."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What the configuration says of the ledger. `invitation` is how many seconds a remote start is expected for."""

    invitation: float = 600.0


@dataclass(slots=True)
class Asked:
    """A transaction message that its owner was asked; a station that repeats it waits for the same answer."""

    session: Session
    respond: Respond
    transaction: Transaction | None
    finish: Finish | None
    answers: tuple[str, ...]


class Ledger:
    """One session's use of its station's book."""

    __slots__ = ("_by_action", "book", "choosing", "session")

    def __init__(self, session: Session, book: Book) -> None:
        self.session = session
        self.book = book
        self.choosing: dict[str, tuple[Call, Respond]] = {}
        """The starts for which a chain of backends is being asked, by content."""
        self._by_action = _ACTS_2 if session.dialect.version.startswith("ocpp2") else _ACTS_16

    def looks_at(
        self, depends: frozenset[str], owed: Iterable[frozenset[str]]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Give the actions that must come here, and those that must only while it is `concerned`.

        The former are the ledger's own, those that rules look into, and those that are owed.
        """
        return _looked_at(tuple(self._by_action), depends, frozenset(owed))

    def concerned(self, call: Call) -> bool:
        """Tell whether a call that happens all the time may belong to a transaction, without reading it."""
        book = self.book
        if self.alone and not book.renumbered:
            return False
        return bool(book.running) or (book.renumbered and b"transactionId" in bytes(call.payload))

    @property
    def alone(self) -> bool:
        """Tell whether there is one backend only: then the bytes are left alone."""
        return len(self.session.legs) == 1

    @property
    def version(self) -> str:
        """The version that the station speaks."""
        return self.session.dialect.version

    # Calls of the station.

    def from_station(self, call: Call, respond: Respond) -> None:
        """Take a call that may belong to a transaction, or that somebody is owed."""
        act = self._by_action.get(plain_action(call.action))
        if act is not None:
            act(self, call, respond)
        else:
            self.relay(self.plan(call), call, respond)

    def plan(self, call: Call) -> Plan:
        """Give the plan that the rules have for a call."""
        plans = self.session.plans
        return plans.plan(call, self.version) if plain_action(call.action) in plans.depends else plans[call.action]

    def plan_of(self, tx: Transaction, call: Call) -> Plan:
        """Give the plan that a transaction keeps to; the rules' when its owner is not configured any more."""
        if tx.owner in self.session.legs:
            return Plan((tx.owner,), tx.copies)
        return self.plan(call)

    def relay(
        self,
        plan: Plan,
        call: Call,
        respond: Respond,
        tx: Transaction | None = None,
        finish: Finish | None = None,
        *,
        write: bool = False,
    ) -> None:
        """Have the plan's backend answer and tell the others; with `write` what was entered is on disk before that."""
        leg = self.session.pick(plan)
        if leg is None:
            self.session.unroutable(call, respond)
            return
        write = self._tell(plan.copy, leg, call, tx) or write
        if write:
            respond = partial(self.once_written, leg, respond)
        self.ask(leg, call, respond, tx, finish, plan.answer)

    def _tell(self, names: Iterable[str], answering: Leg, call: Call, tx: Transaction | None) -> bool:
        """Tell the copies, each once; return whether any of it must be on disk before the station is answered."""
        legs = [leg for leg in map(self.session.legs.get, names) if leg is not None and leg is not answering]
        if not legs:
            return False
        owed = [leg for leg in legs if leg.backend.settings.owes(call.action)]
        if tx is not None and tx.repeats(digest(call.action, bytes(call.payload))):
            return bool(owed)
        for leg in legs:
            if leg in owed:
                self.owe(leg, call, tx)
            else:
                self._mention(leg, call, tx)
        if tx is not None and owed:
            self.book.keep(tx)
        return bool(owed)

    def _mention(self, leg: Leg, call: Call, tx: Transaction | None) -> None:
        """Tell a copy that is owed nothing; what its number stands in must wait for its answer to the start."""
        if tx is not None and not self.version.startswith("ocpp2"):
            leg.deliver(Item(call, tx))
        else:
            leg.tell(self.addressed(leg, call, tx) or call)

    def owe(self, leg: Leg, call: Call, tx: Transaction | None) -> None:
        """Write a message down for a backend and have it delivered."""
        ref = "" if tx is None else tx.ref
        record = self.book.owe(leg.name, call.action, call.id, bytes(call.payload), ref)
        leg.deliver(Item(owed_call(record), tx, record))

    def ask(
        self,
        leg: Leg,
        call: Call,
        respond: Respond,
        tx: Transaction | None,
        finish: Finish | None,
        answers: tuple[str, ...],
    ) -> None:
        """Have a backend answer; a message that it is being asked already is not sent again."""
        if not is_transaction(call.action):
            home = partial(self.session.answered, leg, call, respond)
            leg.ask(self.addressed_to_answer(leg, call, None), home)
            return
        key = (call.action, bytes(call.payload))
        before = leg.asked.get(key)
        if before is not None:
            both = partial(_tell_both, before.respond, respond)
            before.respond = both if before.session is self.session else respond
            before.session = self.session
            return
        leg.asked[key] = Asked(self.session, respond, tx, finish, answers)
        answered = partial(_answered, leg, call, key)
        if not leg.delivers(tx):
            leg.ask(self.addressed_to_answer(leg, call, tx), answered)
        elif leg.backend.settings.when_down == "answer":
            answered(Unanswered(Reason.GONE, f"Backend {leg.name} has to catch up first"))
        else:
            leg.deliver(Item(call, tx, None, answered))

    def reroute(self, leg: Leg) -> None:
        """Ask another backend for a transaction that this one was to own, if it was not sent the start yet."""

        def moves(call: Call, respond: Respond) -> bool:
            return (
                isinstance(respond, partial) and respond.func is _answered and self._elsewhere(leg, respond) is not None
            )

        for _, home in leg.turns.take_unsent(moves):
            assert isinstance(home, partial)  # noqa: S101 - chosen above
            other = self._elsewhere(leg, home)
            assert other is not None  # noqa: S101 - likewise
            asked = leg.asked.pop(home.args[2])
            if asked.transaction is not None:
                asked.transaction.owner = other.name
                self.book.keep(asked.transaction)
            self.ask(other, home.args[1], asked.respond, asked.transaction, asked.finish, asked.answers)

    def _elsewhere(self, leg: Leg, home: partial[None]) -> Leg | None:
        """Find who else may take a waiting call: nobody, when it belongs to a transaction that somebody has taken."""
        asked = leg.asked[home.args[2]]
        answers = asked.answers if asked.transaction is None else asked.transaction.answers
        answers = tuple(name for name in answers if name in self.session.legs)
        other = self.session.pick(Plan(answers)) if answers else None
        return None if other is leg else other

    # What must be written down.

    def once_written(self, leg: Leg | None, respond: Respond, reply: Reply) -> None:
        """Answer the station once all that was entered is on disk; what follows from the backend waits as well."""
        session = self.session

        def done(written: bool) -> None:
            if written:
                respond(reply)
            else:
                session.end(TRY_AGAIN, "This cannot be written down now: keep it and come again")
            if leg is not None:
                leg.let_pass()

        if leg is not None:
            leg.hold_back()
        self.book.store.after(done)

    # Each backend's own words.

    def addressed(self, leg: Leg, call: Call, tx: Transaction | None) -> Call | None:
        """Put a call into a backend's own numbers; None when it cannot be told without one that it never gave.

        With the station's own numbers in it already, the call is left as it is.
        """
        changes = numbered.changes(self, leg, call, tx) if not self.version.startswith("ocpp2") else {}
        if changes is None:
            return None
        changes |= self._translated(leg, call)
        return _with_changes(call, changes) if changes else call

    def addressed_to_answer(self, leg: Leg, call: Call, tx: Transaction | None) -> Call:
        """Address a call to whoever is to answer it: a transaction that it never numbered is -1 to it.

        Source: errata v4.0 section 3.18, the number of a start that could not be delivered.
        """
        addressed = self.addressed(leg, call, tx)
        return _with_changes(call, {("transactionId",): -1}) if addressed is None else addressed

    def _translated(self, leg: Leg, call: Call) -> dict[tuple[str, ...], object]:
        """Find the numbers of a station's call that are some backend's: its own for it, none for the others."""
        changes: dict[tuple[str, ...], object] = {}
        if self.alone:
            return changes
        for kind, path, number in numbers_in(call):
            found = self.book.numbers.inward(kind, number)
            if found is not None:
                backend, theirs = found
                if backend != leg.name:
                    changes[path] = GONE
                elif theirs != number:
                    changes[path] = theirs
        return changes

    # What came of it.

    def delivered(self, leg: Leg, item: Item, reply: Reply) -> None:
        """Learn from the answer to a message that was delivered later: its number, or that the token is refused."""
        tx = item.transaction
        if tx is not None and item.respond is None and isinstance(reply, Result):
            numbered.learn(self, leg, tx, item.call, reply)
            if item.record is not None:
                standin.reconsider(self, leg, tx, reply)
        if item.record is not None:
            self.settle(leg, item.record)

    def settle(self, leg: Leg, record: OwedRecord) -> None:
        """Strike out what was owed; a backend that was kept for its sake is let go."""
        self.book.settle(record)
        self.session.spare(leg.name)

    def ended(self, tx: Transaction) -> None:
        """Enter the end of a transaction; backends that were kept for its sake may be let go."""
        self.book.end(tx)
        for name in (tx.owner, *tx.copies):
            self.session.spare(name)

    def resume(self, leg: Leg) -> None:
        """Hand a new leg what its backend is owed from before."""
        known = {tx.ref: tx for tx in self.book}
        for record in list(self.book.owed.get(leg.name, ())):
            leg.deliver(Item(owed_call(record), known.get(record.transaction), record, late=True))

    def booted(self, leg: Leg, reply: Reply) -> None:
        """Remember that a backend accepted the station: its stand-in may then answer for it."""
        if stands_in(leg) and isinstance(reply, Result):
            standin.note_boot(self, leg, reply)

    # What backends ask.

    def permit(self, leg: Leg) -> Permit:
        """Give what a backend may ask: as configured, else everything for the only one that answers."""
        written = leg.backend.settings.permit
        if written is not None:
            return written
        answers = set(self.session.plans.answers)
        return FULL if len(answers) == 1 and leg.name in next(iter(answers)) else CHARGE

    def audit(self, leg: Leg, call: Call, outcome: str, reply: Reply, why: str) -> None:
        """Write a line of the audit trail: which backend asked for what, and what became of it."""
        self.note(leg.name, call, outcome, reply, why)
        if outcome == "refused":
            refused = leg.backend.commands_refused
            label = call.action if call.action in ACTIONS else OTHER
            refused[label] = refused.get(label, 0) + 1
            self.session.ports.listen(CommandRefused(self.session.identity, leg.name, call.action[:100], why))

    def note(self, who: str, call: Call, outcome: str, reply: Reply, why: str) -> None:
        """Write a line of the audit trail for whoever asked, backend or not."""
        self.book.store.put(
            AuditRecord(
                uuid4().hex,
                self.book.wall(),
                self.session.key,
                who,
                call.action[:100],
                call.id[:100],
                outcome,
                _in_a_word(reply),
                why,
            )
        )

    def audited(self, leg: Leg, call: Call, why: str, respond: Respond, reply: Reply) -> None:
        """Write down what the station answered to a command, and pass the answer on."""
        self.audit(leg, call, "undelivered" if isinstance(reply, Unanswered) else "passed", reply, why)
        respond(reply)

    # Who is to own what begins.

    def choose(self, call: Call, token: Token | None, then: Callable[[Plan], None]) -> None:
        """Find who is to own a session with this token: who expects it, who accepts it, or whom the rules name."""
        connector = connector_of(self.version, call)
        plan = self.plan(call)
        invitation = self.book.invited(token, connector) if token is not None else None
        if invitation is not None and invitation.backend in self.session.legs:
            then(plan.owned_by(invitation.backend))
        elif plan.chain is not None and token is not None:
            ask_in_turn(Asking(self, plan, token, then))
        else:
            then(plan)


def _with_changes(call: Call, changes: Mapping[tuple[str, ...], object]) -> Call:
    again = Call(call.id, call.action, with_fields(call.payload, changes), None, call.kind)
    again.at, again.deadline, again.asker = call.at, call.deadline, call.asker
    return again


def _tell_both(first: Respond, second: Respond, reply: Reply) -> None:
    """Answer a station that asked twice."""
    first(reply)
    second(reply)


def _in_a_word(reply: Reply) -> str:
    """Give the status of an answer, or its error."""
    if not isinstance(reply, Result):
        return reply.code[:100]
    status = reply.fields.get("status")
    return status[:100] if isinstance(status, str) else "answered"


def owed_call(record: OwedRecord) -> Call:
    """Make the station's call again from what was written down."""
    call = Call(record.message_id, record.action, record.payload)
    call.deadline = FOREVER
    return call


def _answered(leg: Leg, call: Call, key: Content, reply: Reply) -> None:
    """Bring the owner's answer home: to the session in which the station waits for it now."""
    asked = leg.asked.pop(key)
    ledger = leg.session.ledger
    if isinstance(reply, Unanswered):
        gone = reply.reason is Reason.GONE and not asked.session.ended
        if not (gone and standin.answer(ledger, leg, call, asked.respond, asked.transaction)):
            asked.session.answered(leg, call, asked.respond, reply, stand_in=False)
    elif asked.finish is not None and asked.transaction is not None:
        asked.finish(ledger, asked.transaction, asked.respond, reply)
    else:
        asked.respond(reply)


# Calls that belong to a backend by what they name.


def authorize(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Have the backend that the token belongs to authorise it."""
    token = token_of(ledger.version, call)
    plan = ledger.plan(call)
    invitation = ledger.book.invited(token) if token is not None and not ledger.alone else None
    if invitation is not None and invitation.backend in ledger.session.legs:
        plan = plan.owned_by(invitation.backend)
    if plan.chain is not None and token is not None:
        ask_in_turn(Asking(ledger, plan, token, None, call, respond))
        return
    leg = ledger.session.pick(plan)
    if leg is not None and token is not None and stands_in(leg):
        respond = partial(standin.note_token, ledger, leg, token, respond)
    ledger.relay(plan, call, respond)


def place(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Have the owner of what goes on at a connector answer; the others are told."""
    plan = ledger.plan(call)
    if ledger.book.running and not ledger.alone:
        tx = ledger.book.on(connector_of(ledger.version, call))
        if tx is not None and tx.owner in ledger.session.legs:
            plan = plan.owned_by(tx.owner)
    ledger.relay(plan, call, respond)


def report(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Send a report to the backend that asked for it, and to nobody else."""
    _to_owner(ledger, call, respond, "request", request_of(ledger.version, call))


def reservation(ledger: Ledger, call: Call, respond: Respond) -> None:
    """Tell the backend that reserved what became of it."""
    _to_owner(ledger, call, respond, "reservation", reservation_of(ledger.version, call))


def _to_owner(ledger: Ledger, call: Call, respond: Respond, kind: str, number: int | None) -> None:
    found = None if ledger.alone else ledger.book.numbers.inward(kind, number)
    known = found is not None and found[0] in ledger.session.legs
    plan = Plan((found[0],)) if found is not None and known else ledger.plan(call)
    ledger.relay(plan, call, respond)


_ACTS: dict[str, Act] = {
    "Authorize": authorize,
    "ReservationStatusUpdate": reservation,
    **dict.fromkeys(_REPORTS, report),
    **dict.fromkeys(_PLACES, place),
}
_ACTS_16: dict[str, Act] = _ACTS | numbered.ACTIONS
_ACTS_2: dict[str, Act] = _ACTS | named.ACTIONS


_FREQUENT = frozenset({"MeterValues", "StatusNotification"})
"""What stations say all the time, also while nothing runs."""


@lru_cache(maxsize=256)
def _looked_at(
    own: tuple[str, ...], depends: frozenset[str], owed: frozenset[frozenset[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Put sets of actions together, signed ones too; stations of one route share the result."""
    always = depends.union(*owed)
    now_and_then = _FREQUENT - always
    always = always.union(own) - now_and_then
    return (
        always | {action + SIGNED for action in always},
        now_and_then | {action + SIGNED for action in now_and_then},
    )
