"""The roster: which backends have a leg in a session, and what becomes of the station when none is there."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Protocol

from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, Call, Respond
from voltgate.ocpp.silence import gone
from voltgate.ocpp.turn_ports import Listener
from voltgate.relay.arrears import Arrears
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialContext
from voltgate.relay.dispatcher import Dispatcher
from voltgate.relay.ledger import Ledger
from voltgate.relay.leg import Leg
from voltgate.relay.moving import hand_over, replan, reroute
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.route import Plans
from voltgate.relay.uplink import State

_A_DAY = 86400.0
_NOBODY: frozenset[str] = frozenset()
_GONE = "The station has gone"


def _refuse(call: Call, respond: Respond) -> None:
    """Refuse what a backend asks that the station has left: it must not touch what is another's by now."""
    respond(gone("The station has moved to another backend"))


class RosterHost(Protocol):
    """What a roster needs of its session."""

    ports: Ports
    settings: SessionSettings
    plans: Plans
    ended: bool
    dialling_paused: bool
    dialect: Dialect
    dial_context: DialContext | None

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    @property
    def dispatcher(self) -> Dispatcher:
        """What hands the calls out that waited for a leg that goes."""

    def new_leg(self, backend: Backend) -> Leg:
        """Make a leg."""

    def listener(self, leg: Leg) -> Listener | None:
        """Return who hears what a backend is asked; None if nobody does."""

    def end(self, code: int, reason: str) -> None:
        """Let the station go."""


class Roster:
    """The legs of one session, by the name of their backend: those that the plans name, and those that are engaged."""

    __slots__ = ("_session", "_watched", "arrears", "legs")

    def __init__(self, session: RosterHost, legs: dict[str, Leg]) -> None:
        self._session = session
        self.legs = legs
        self.arrears: dict[str, Leg] = {}
        """The legs of backends that have no part in the session, and are owed something of an earlier one."""
        self._watched = FOREVER

    @property
    def every(self) -> list[Leg]:
        """All legs."""
        return [*self.legs.values(), *self.arrears.values()]

    def catch_up(self, owed: Mapping[str, tuple[Backend, str]]) -> None:
        """Deliver what backends without a part in the session are owed, each in the version in which it was said.

        Where no version is known yet a leg that is there goes on.
        """
        if self._session.ended:
            return
        for name, leg in list(self.arrears.items()):
            if name not in owed or owed[name][0] is not leg.backend:
                self._caught_up(leg)
        for name, (backend, version) in owed.items():
            if version and name not in self.arrears:
                host = Arrears(self._session, replace(self._session.dialect, version=version), self._caught_up)
                leg = self.arrears[name] = Leg(backend, host, host.dialect)
                leg.deliver(late=True)

    def _caught_up(self, leg: Leg) -> None:
        if self.arrears.get(leg.name) is leg:
            del self.arrears[leg.name]
            leg.retired = True
            self._linger(leg, "Nothing more is owed")

    def follow(self, plans: Plans, known: Mapping[str, Backend]) -> list[Leg]:
        """Go by these plans: return the legs that are not needed any more."""
        old = dict(self.legs)
        self.legs.clear()
        for name in (*plans.backends, *self._only_engaged(plans, known)):
            leg, backend = old.get(name), known[name]
            if leg is not None and leg.backend is backend:
                self.legs[name] = old.pop(name)
            else:
                self.legs[name] = self._session.new_leg(backend)
        return list(old.values())

    def dial(self) -> None:
        """Open the links that are needed at once."""
        plans, engaged = self._session.plans, self._engaged()
        for name, leg in list(self.legs.items()):
            if name in plans.eager or name in engaged:
                leg.link.start()
        self.watch()

    def _only_engaged(self, plans: Plans, known: Mapping[str, Backend]) -> tuple[str, ...]:
        return tuple(name for name in self._engaged() if name in known and name not in plans.backends)

    def _engaged(self) -> Set[str]:
        """Return the backends that own a transaction that runs, or are owed something: they keep their legs.

        A transaction that was sent to nobody yet is the rules' to give.
        """
        ledger = self._session.dispatcher.ledger
        creditors = ledger.journal.creditors
        if not ledger.running and not creditors:
            return _NOBODY
        running = [tx for tx in ledger.running.values() if not tx.answers]
        owners = {tx.owner for tx in running}
        return owners | {name for tx in running for name in tx.copies} | {*creditors}

    def tidy(self) -> None:
        """Let go of backends that were only kept for a transaction, or for what they were owed."""
        backends = self._session.plans.backends
        if len(self.legs) > len(backends):
            engaged = self._engaged()
            for name in [name for name in self.legs if name not in backends and name not in engaged]:
                self.retire(self.legs.pop(name))

    def rested(self, leg: Leg) -> None:
        """Let go of a backend that was only kept for what it was owed, and another process has delivered."""
        if not self._session.ended:
            self.tidy()

    def retire(self, leg: Leg) -> None:
        """Let a leg go when its open calls are answered or have timed out; what it was not sent yet goes elsewhere."""
        leg.part()
        leg.retired = True
        leg.rewrap()  # what it may ask depends on the plans
        if (heir := self.legs.get(leg.name)) is not None:
            hand_over(self._session.dispatcher, leg, heir)
        reroute(self._session.dispatcher, leg)
        replan(self._session.dispatcher, leg)
        self._linger(leg, "The station has moved to another backend")

    def end(self) -> None:
        """Close the links; each whose backend is still to answer a transaction message stays open until then."""
        for leg in self.every:
            for asked in leg.take_waiting(lambda _: True):
                leg.settled(asked, gone(_GONE))
            if self._session.dispatcher.awaits(leg):
                leg.part()
                leg.retired = True
                self._linger(leg, _GONE)
            else:
                leg.end(_GONE)
        self._session.dispatcher.ledger.save()
        self._session.dispatcher.ledger.journal.release()
        self._session.ports.wheel.off(self._watched, self._let_go_if_unserved)

    def _linger(self, leg: Leg, reason: str) -> None:
        """End a leg once nobody waits for an answer of it, or as long as one may take has passed; it asks nothing."""
        leg.turns.use(_refuse)
        wheel, latest = self._session.ports.wheel, self._session.ports.clock() + self._session.settings.backend_patience

        def look(now: float) -> None:
            dispatcher = leg.host.dispatcher
            waits = dispatcher.awaits(leg) if dispatcher.ended else leg.busy
            if waits and leg.state is not State.AWAY and now < latest:
                wheel.at(now + 0.2, look)
            else:
                leg.end(reason)
                if dispatcher.ended:
                    dispatcher.ledger.journal.release()

        look(self._session.ports.clock())

    def went_up(self, leg: Leg) -> None:
        """Have calls that wait for an absent backend go to this one, if their own plans name it."""
        if self.legs.get(leg.name) is leg:
            for other in list(self.legs.values()):
                if other.state is not State.UP:
                    reroute(self._session.dispatcher, other)

    def went_away(self, leg: Leg) -> None:
        """Have the next of the failover take over; without any, let the station go."""
        session = self._session
        if session.ended or session.dialling_paused or self.legs.get(leg.name) is not leg:
            return
        for names in session.plans.failovers:
            if leg.name in names:
                for name in names:
                    self.legs[name].link.start()
        if leg.backend.settings.when_down == "close" and self._leaves_a_gap(leg):
            session.end(GOING_AWAY, f"Backend {leg.name} is away")
            return
        reroute(session.dispatcher, leg)
        self.watch()

    def _leaves_a_gap(self, leg: Leg) -> bool:
        """Return whether there are calls that only this backend answers, or others that are away as well."""
        return any(
            leg.name in names and all(self.legs[name].state is State.AWAY for name in names)
            for names in self._session.plans.answers
        )

    def watch(self) -> None:
        """Look again when the grace of the absent backends is over; one look is due at a time."""
        if self._session.ended or any(leg.state is State.UP for leg in self.legs.values()):
            return
        when = self._session.ports.clock() + self._grace() - self._unserved_for()
        if when < self._watched:
            self._session.ports.wheel.off(self._watched, self._let_go_if_unserved)
            self._watched = when
            self._session.ports.wheel.at(when, self._let_go_if_unserved)

    def _unserved_for(self) -> float:
        return min((leg.link.away_for for leg in self.legs.values()), default=0.0)

    def _grace(self) -> float:
        """Return the seconds that the station is kept without any backend.

        Where its route says none: a day if a backend is set to refuse, else as the most patient one waits.
        """
        set_by_route = self._session.plans.terms.close_when_all_down
        if set_by_route is not None:
            return set_by_route
        answering = [self.legs[name].backend.settings for name in self._session.plans.answering]
        return max((settings.wait if settings.closes else _A_DAY for settings in answering), default=_A_DAY)

    def _let_go_if_unserved(self, now: float) -> None:
        self._watched = FOREVER
        if self._session.ended or self._session.dialling_paused:  # `resume_dialling` looks again
            return
        if self._unserved_for() >= self._grace():
            self._session.end(GOING_AWAY, "No backend is there")
        else:
            self.watch()
