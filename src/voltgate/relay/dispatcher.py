"""The dispatcher: has backends answer, tells others, keeps what they are owed, and writes first what must not be lost.

It is the `Context` that policies see. What is decided is theirs; what is known is the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from voltgate.ocpp.actions import AUTHORIZE, is_transaction, plain_action
from voltgate.ocpp.close_codes import GOING_AWAY, POLICY, TRY_AGAIN
from voltgate.ocpp.dialect import is_modern
from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import FOREVER, SEND, Call, Error, Reason, Reply, Respond, Result, Unanswered
from voltgate.relay import numbering
from voltgate.relay.asked import Asked
from voltgate.relay.attention import looked_at
from voltgate.relay.choosing import Choosing
from voltgate.relay.context import Finish
from voltgate.relay.default_permit import default_permit
from voltgate.relay.delivery import Item
from voltgate.relay.events import Event, GivenUp
from voltgate.relay.failover import pick
from voltgate.relay.learnt import Learnt
from voltgate.relay.ledger import Ledger
from voltgate.relay.leg import Leg
from voltgate.relay.numbers import asker_of
from voltgate.relay.permit import Permit
from voltgate.relay.plan import Plan, nobody_answers, owned
from voltgate.relay.policy import Policies
from voltgate.relay.registration import Registration
from voltgate.relay.route import Plans
from voltgate.relay.seams import DispatcherHost
from voltgate.relay.start import Chosen, Start
from voltgate.relay.transaction import Transaction, digest, said
from voltgate.relay.written import answer_when_written


class Dispatcher:
    """One session's use of its ledger and its legs. `plans` are those of the station's route."""

    __slots__ = (
        "_choosing", "_host", "asking", "learnt", "ledger", "legs", "plans", "policies", "registration", "station",
        "version",
    )  # fmt: skip

    def __init__(self, host: DispatcherHost[Leg], ledger: Ledger, policies: Policies, legs: dict[str, Leg]) -> None:
        self._host = host
        self.station = host.identity
        self.version = host.dialect.version
        self.ledger = ledger
        ledger.go_by(host.settings.ledger)
        self.policies = policies
        self.legs = legs
        self.plans = Plans(())
        self.registration = Registration(ledger.fact("registration"), host.settings.registration, host.registered)
        self.learnt = Learnt()
        self._choosing: Choosing | None = None
        self.asking: dict[tuple[str, str, bytes], tuple[Leg, Asked]] = {}
        """The transaction messages that a backend is being asked, by its name and what they say."""

    # What a policy sees: the context.

    @property
    def single(self) -> bool:
        """Whether there is one backend only: then the bytes are left alone."""
        return len(self.legs) == 1

    def plan(self, call: Call, owner: str | None = None) -> Plan:
        """Return the plan that the rules have for a call; with `owner`, if that backend is here, the plan it owns."""
        plans = self.plans
        plan = plans.plan(call, self.version) if plain_action(call.action) in plans.depends else plans[call.action]
        return plan.owned_by(owner) if owner is not None and owner in self.legs else plan

    def permit(self, backend: str) -> Permit:
        """Return what a backend may ask and see here."""
        leg = self.legs.get(backend)
        return (leg and leg.backend.settings.permit) or default_permit(self.plans, backend)

    def plan_of(self, tx: Transaction, call: Call) -> Plan:
        """Return the plan that a transaction keeps to; the rules' if its owner is not configured any more."""
        return owned(tx.owner, tx.copies) if tx.owner in self.legs else self.plan(call)

    def choose(self, start: Start, token: Token | None, then: Chosen) -> None:
        """Find who is to own what begins: who expects it, who accepts its token, or whom the rules name."""
        self._choosing = self._choosing or Choosing(self)
        self._choosing.add(start, token, then)

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
        answer = None if tx is None else tx.answer_to(call)
        self.decided(call, "ledger" if answer is not None else "owner", plan if answer is None else None)
        plain = tx is None and self.single and not (self.ledger.numbers.renumbered or is_transaction(call.action))
        if answer is not None:
            answer_when_written(self, None, respond, Result(call.id, answer))
        elif (leg := pick(self.legs, plan.answer)) is None:
            self.unroutable(call, respond)
        elif not (plain and leg.offer(call, partial(self._host.answered, leg, call, respond))):
            asked = Asked(self, call, plan, respond, tx, finish, write)
            if plan.copy:
                asked.standby = tuple(name for name in plan.copy if name in asked.answers)
                owed = self._tell((name for name in plan.copy if name not in asked.standby), leg, call, tx)
                asked.write = write or owed or any(self._owes(name, call) for name in asked.standby)
            self.have_answered(leg, asked)

    def ask(self, backend: str, call: Call, respond: Respond) -> bool:
        """Ask one backend a question of ours; return False if it is not here."""
        leg = self.legs.get(backend)
        if leg is None or self._host.ended:
            return False
        if not leg.offer(call, respond):
            leg.ask(Asked(self, call, Plan((backend,), owned=True), respond, plain=True, question=True))
        return True

    def settle(self, backend: str, call: Call, respond: Respond, reply: Reply) -> None:
        """Answer the station with the answer of a backend that was asked; see to it that what got none is not lost."""
        leg = self.legs.get(backend)
        if isinstance(reply, Unanswered) and leg is not None:
            self.unanswered(leg, call, respond, reply)
        else:
            respond(reply)

    def tell(self, backend: str, call: Call) -> None:
        """Tell one backend of a call that another one answers."""
        if backend in self.legs:
            self.legs[backend].tell(call)

    def owe(self, backend: str, call: Call, tx: Transaction | None) -> None:
        """Write a message down for a backend and have it delivered."""
        leg = self.legs.get(backend)
        if not self.ledger.owe(backend, call, tx, self._host.settings.journal):
            self._lost(backend, call.action, "too many messages are owed")
        elif leg is not None:
            leg.deliver()

    def command(self, call: Call, respond: Respond, *, write: bool = False) -> None:
        """Send a call to the station; with `write` once all that was entered is on disk."""
        if call.deadline == FOREVER:
            call.at = self.now()
            call.deadline = call.at + self._host.settings.station_patience
        if write:
            self.when_written(asker_of(call), partial(self._command, call, respond))
        else:
            self._host.to_station(call, respond)

    def _command(self, call: Call, respond: Respond, written: bool) -> None:
        instead = None if written else self.policies.refusal(self.version, call)
        if written and call.objection is not None:
            instead = call.objection()  # what runs at the station may be another's by now
        if instead is None:
            self._host.to_station(call, respond)
        else:
            respond(instead)

    def when_written(self, backend: str | None, then: Callable[[bool], None]) -> None:
        """Call `then` once all that was entered is on disk (False: it cannot be); that backend's calls wait for it."""
        leg = None if backend is None else self.legs.get(backend)
        if leg is None:
            self.ledger.store.after(then, self.ledger.station)
            return
        leg.hold_back()
        self.ledger.store.after(partial(_let_pass, leg, then), self.ledger.station)

    def decided(self, call: Call, why: str, plan: Plan | None = None) -> None:
        """Let whoever listens know why a call goes where it goes: `why`, or the rule that the plan is of."""
        if self._host.tap is not None:
            self._host.tap.decided(call, why, plan)

    def emit(self, event: Event) -> None:
        """Report an event."""
        self._host.ports.listen(event)

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return self._host.ended

    def now(self) -> float:
        """Return the seconds of the wheel."""
        return self._host.ports.clock()

    def close(self, code: int, reason: str) -> None:
        """Let the station go."""
        self._host.end(code, reason)

    # The station's calls.

    def from_station(self, call: Call, respond: Respond) -> None:
        """Take a call that may belong to a transaction, that rules look into, or that somebody is owed."""
        if why := self.ledger.doubts(self.version, call, self._host.settings.journal, single=self.single):
            self.close(TRY_AGAIN, why)
            return
        policy = self.policies.by_action.get(plain_action(call.action))
        if policy is not None:
            policy(self, call, respond)
        else:
            self.answer(self.plan(call), call, respond)

    def looks_at(self, owed: Iterable[frozenset[str]]) -> tuple[frozenset[str], frozenset[str]]:
        """Return the actions that must come here, and those that must only while the ledger is `concerned`.

        The former are those of policies, those that rules look into, and those that are owed.
        """
        return looked_at(self.policies, self.plans.depends, frozenset(owed))

    def concerned(self, call: Call) -> bool:
        """Return whether a call that happens all the time may belong to a transaction, without reading it."""
        ledger = self.ledger
        if ledger.unread:
            return True
        if self.single and not ledger.renumbered:
            return bool(ledger.running) and ledger.listens and b"transactionId" in bytes(call.payload)
        return bool(ledger.running) or (ledger.renumbered and b"transactionId" in bytes(call.payload))

    def unroutable(self, call: Call, respond: Respond) -> None:
        """Refuse a call that no rule is for; a transaction message is not answered, or the station would drop it."""
        if is_transaction(call.action):
            self.close(POLICY, nobody_answers(call.action, self.version, self.plans.terms.left_out))
        elif call.kind != SEND:
            respond(Error(call.id, "NotSupported", nobody_answers("this", self.version, self.plans.terms.left_out)))

    def _owes(self, name: str, call: Call) -> bool:
        return name in self.legs and self.legs[name].backend.settings.owes(call.action)

    def _tell(self, names: Iterable[str], answering: Leg, call: Call, tx: Transaction | None, *part: str) -> bool:
        """Tell the copies, each once; return whether any of it must be on disk before the station is answered."""
        legs = [leg for leg in map(self.legs.get, names) if leg is not None and leg is not answering]
        if not legs:
            return False
        owed = [leg for leg in legs if leg.backend.settings.owes(call.action)]
        if tx is not None and tx.repeats(digest(said(call), *part)):
            return bool(owed)
        for leg in legs:
            if leg in owed:
                self.owe(leg.name, call, tx)
            elif tx is not None and not (is_modern(self.version) and tx.bound):
                leg.tell(call, tx)
            else:
                leg.tell(self._for_copy(leg, call, None) or call)
        if tx is not None and owed:
            self.ledger.keep(tx)
        return bool(owed)

    def have_answered(self, leg: Leg, asked: Asked) -> None:
        """Have a backend answer; a message that it is being asked already is not sent again."""
        call, how = asked.call, leg.backend.settings.stood_in
        if is_transaction(call.action):
            _, before = self.asking.setdefault((leg.name, *asked.content), (leg, asked))
            if before is not asked:
                if not before.join(asked):
                    self.close(TRY_AGAIN, f"{call.action} was repeated too often: keep it and come again")
                return
        if how is None or call.action == AUTHORIZE or not leg.delivers(call):
            leg.ask(asked)
        elif self.policies.stand_in(self, leg.name, how, call, self._home(leg, asked), asked.transaction):
            self.forget(leg, asked)  # it takes its place behind what the backend is owed
            self._tell_standby(leg, asked)
        else:
            leg.ask(asked)

    def awaits(self, leg: Leg) -> bool:
        """Return whether a backend is being asked a transaction message, or told what it is owed."""
        return leg.up and (leg.under_way or any(each is leg for each, _ in self.asking.values()))

    def forget(self, leg: Leg, asked: Asked) -> None:
        """Ask this backend no more: the message is answered, or goes elsewhere."""
        key = (leg.name, *asked.content)
        if self.asking.get(key, (leg, None))[1] is asked:
            del self.asking[key]

    def _home(self, leg: Leg, asked: Asked) -> Respond:
        """Return what brings an answer to the station: once what was entered is on disk, if it must be."""
        return asked.respond if not asked.write else partial(answer_when_written, self, leg.name, asked.respond)

    def _heir(self, leg: Leg, reply: Reply) -> Leg | None:
        """Return who is to answer what a leg that was let go has left without an answer."""
        is_left = leg.retired and isinstance(reply, Unanswered) and reply.reason is Reason.GONE
        heir = self.legs.get(leg.name) if is_left and not self.ended else None
        return None if heir is leg else heir

    # What a leg sends, and what came of it.

    def prepared(self, leg: Leg, asked: Asked) -> Call:
        """Return a call in a backend's own numbers, at the moment at which it is sent: from now on it stays there."""
        if asked.transaction is not None:
            asked.transaction.take()
            is_known = asked.transaction.owner in self.legs or asked.transaction.owner in asked.transaction.numbers
            if not is_known or asked.call.action == "StartTransaction":  # its owner may not be configured any more
                asked.transaction.owner = leg.name
        self._tell_standby(leg, asked)
        if asked.plain:
            return asked.call
        return numbering.for_answer(self.ledger, leg.name, asked.call, asked.transaction, single=self.single)

    def _tell_standby(self, leg: Leg, asked: Asked) -> None:
        standby, asked.standby = asked.standby, ()
        self._tell(standby, leg, asked.call, asked.transaction, "standby")

    def _for_copy(self, leg: Leg, call: Call, tx: Transaction | None) -> Call | None:
        return numbering.for_copy(self.ledger, leg.name, call, tx, single=self.single)

    def numbered(self, leg: Leg, item: Item) -> Call | None:
        """Return a message in a backend's own numbers; None if it cannot be told so, or is owed to it by now."""
        tx = item.transaction
        if item.asked is not None:
            return self.prepared(leg, item.asked)
        if tx is None or tx.owner != leg.name:
            return self._for_copy(leg, item.call, tx)
        if item.record is None:
            return None
        return numbering.for_answer(self.ledger, leg.name, item.call, tx, single=self.single)

    def settled(self, leg: Leg, asked: Asked, reply: Reply) -> None:
        """Bring an answer home to the session in which the station waits for it now."""
        self.forget(leg, asked)
        respond, heir = self._home(leg, asked), self._heir(leg, reply)
        if asked.question or (isinstance(reply, Unanswered) and asked.context is not self):
            respond(reply)  # the station that asked has gone, or never did
        elif heir is not None:
            self.have_answered(heir, asked)
        elif isinstance(reply, Unanswered):
            if self.unanswered(leg, asked.call, respond, reply, asked.transaction):
                self._tell_standby(leg, asked)
        else:
            if asked.transaction is not None:
                self.ledger.answered(asked.transaction, leg.name, asked.call, reply, save=self.ended or not self.single)
            if asked.finish is not None and asked.transaction is not None:
                asked.finish(self, asked.transaction, respond, reply)
            else:
                respond(reply)
            self._host.roster.tidy()

    def unanswered(
        self, leg: Leg, call: Call, respond: Respond, reply: Unanswered, tx: Transaction | None = None
    ) -> bool:
        """See to it that a call without answer is not lost; return whether it was answered in the backend's place."""
        settings, heir = leg.backend.settings, self._heir(leg, reply)
        if heir is not None:
            heir.ask(Asked(self, call, Plan((leg.name,), owned=True), respond, tx, plain=tx is None))
            return False
        if reply.reason is Reason.GONE and not self._host.ended:
            if settings.stood_in is not None and self.policies.stand_in(
                self, leg.name, settings.stood_in, call, respond, tx
            ):
                self._host.roster.tidy()
                return True
            if settings.closes or settings.when_down == "answer":
                self.close(GOING_AWAY, f"Backend {leg.name} is away")
                return False
        if is_transaction(call.action):
            code = TRY_AGAIN if reply.reason is Reason.OVERLOADED else GOING_AWAY
            self.close(code, f"Nobody took {call.action}: keep it and come again")
        else:
            respond(reply)
        return False

    # What is delivered.

    def delivered(self, leg: Leg, item: Item, reply: Reply) -> None:
        """Learn from the answer to a message that was delivered: its number, or that the token is refused."""
        if item.asked is not None:
            self.settled(leg, item.asked, reply)
            return
        tx = item.transaction
        if tx is not None and isinstance(reply, Result):
            self.ledger.took(tx, leg.name, item.call, reply)
            if (how := leg.backend.settings.stood_in) is not None:
                self.policies.reconsider(self, leg.name, how, tx, reply)
        if item.record is None:
            leg.told(reply)
        else:
            self.ledger.journal.settle(item.record)
            self._host.roster.tidy()

    def given_up(self, leg: Leg, item: Item, reason: str) -> None:
        """Report what a backend will never get."""
        assert item.record is not None  # noqa: S101 - what nobody is owed is answered instead
        self.ledger.journal.settle(item.record)
        self._lost(leg.name, item.record.action, reason)
        self._host.roster.tidy()

    def _lost(self, backend: str, action: str, reason: str) -> None:
        if backend in self.legs:
            self.legs[backend].backend.given_up += 1
        self.emit(GivenUp(self.station, backend, action, reason))


def _let_pass(leg: Leg, then: Callable[[bool], None], written: bool) -> None:
    then(written)
    leg.let_pass()
