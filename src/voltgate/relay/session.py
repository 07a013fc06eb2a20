"""A session: one station's stay, from the accepted handshake to the close. The whole flow of the product is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, SEND, Call, CarriedCall, Error, Handler, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.turns import Bounds, Counts, Turns
from voltgate.ocpp.wheel import Wheel
from voltgate.relay import standin
from voltgate.relay.backend import Backend
from voltgate.relay.book import Book
from voltgate.relay.carrier import DialContext, DialledWire
from voltgate.relay.commands import command
from voltgate.relay.events import Listen, StationMoved, StationWent
from voltgate.relay.journal import JournalSettings
from voltgate.relay.ledger import Ledger, LedgerSettings
from voltgate.relay.leg import BOOT, Dial, Leg, State, accepted
from voltgate.relay.records import Page, Store
from voltgate.relay.route import Plan, Plans
from voltgate.relay.tap import Ear, Taps
from voltgate.relay.wire import Wire

GOING_AWAY, POLICY, TRY_AGAIN = 1001, 1008, 1013
"""Close codes (RFC 6455 section 7.4.1 and its registry)."""

REPLACED = "Replaced by a new connection"
"""Why a session ends whose station has connected again."""

_A_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the configuration says of a station's stay. Times are in seconds.

    `messages_per_second` with `burst` is the rate beyond which the station is let go (0: no limit). `registration` is
    who refuses calls before BootNotification was accepted: the backend, or "gateway". `screen` wraps the handler of
    the station's calls, for strict validation.
    """

    backend_patience: float = 30.0
    station_patience: float = 60.0
    window: int = 1
    waiting: int = 32
    waiting_bytes: int = 1 << 20
    messages_per_second: float = 0.0
    burst: int = 1000
    registration: Literal["backend", "gateway"] = "backend"
    screen: Callable[[Handler], Handler] | None = None
    ledger: LedgerSettings = LedgerSettings()  # noqa: RUF009 - frozen
    journal: JournalSettings = JournalSettings()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Ports:
    """What a session needs of the world.

    `draw` gives a random number from 0 to 1, `clock` the seconds of the wheel, `wall` those since 1970. `store` keeps
    what must outlive the session.
    """

    wheel: Wheel
    clock: Callable[[], float]
    draw: Callable[[], float]
    dial: Dial
    listen: Listen
    counts: Counts
    wall: Callable[[], float]
    store: Store
    taps: Taps = field(default_factory=Taps)

    def book(self, station: str, page: Page) -> Book:
        """Open the book of a station, at the page that was kept of it."""
        return Book(station, self.store, self.wall, self.draw, page)


class Session:
    """One station with its legs.

    `on_end` is called once, when the session is over. `book` is what the ledger holds of the station.
    """

    __slots__ = (
        "_handler",
        "_on_end",
        "_rate",
        "_registered",
        "_watched",
        "_wire",
        "boot",
        "connected_at",
        "dial_context",
        "dialect",
        "ear",
        "ended",
        "frequent",
        "held",
        "identity",
        "key",
        "ledger",
        "ledgered",
        "legs",
        "plans",
        "ports",
        "received",
        "route",
        "settings",
        "station_full",
        "turns",
    )

    def __init__(
        self,
        identity: str,
        key: str,
        dialect: Dialect,
        settings: SessionSettings,
        ports: Ports,
        on_end: Callable[[Session], None],
        book: Book,
        dial_context: DialContext | None = None,
    ) -> None:
        self.identity = identity
        self.key = key
        self.dialect = dialect
        self.settings = settings
        self.ports = ports
        self.ledger = Ledger(self, book)
        self.ledgered: frozenset[str] = frozenset()
        self.frequent: frozenset[str] = frozenset()
        """The actions that the ledger must look at, and those that it must while it is concerned."""
        self.plans = Plans(())
        self.route = ""
        self.legs: dict[str, Leg] = {}
        self.boot: bytes | None = None
        """The payload of the station's last BootNotification."""
        self.dial_context = dial_context
        """What carriers need to dial on the station's behalf; the relay does not look into it."""
        self.ended = False
        self.held = False
        """While a newcomer with the same identity knocks, no link is dialled back: it would push the newcomer's out."""
        self.station_full = False
        self._on_end = on_end
        self._wire: Wire | None = None
        self.connected_at = ports.clock()
        """When it began, on the clock of the wheel."""
        self._rate = 0.0
        self._registered = True
        self._watched = FOREVER
        bounds = Bounds(settings.window, settings.waiting, settings.waiting_bytes, FOREVER, settings.backend_patience)
        self._handler = settings.screen(self.from_station) if settings.screen else self.from_station
        self.turns = Turns(dialect, self._handler, self, bounds, ports.wheel, ports.counts, self.observe)
        self.received = self._metered if settings.messages_per_second else self.turns.receive
        """Takes one message of the station: bound once, a call less for each message."""
        self.ear: Ear | None = None
        self.overheard()

    def overheard(self) -> None:
        """Let an ear hear what is said here if anybody listens to this station, else nobody."""
        wanted = self.ports.taps.concern(self.key)
        if wanted is (self.ear is not None):
            return
        ear = self.ear = Ear(self) if wanted else None
        if ear is None:
            self.turns.use(self._handler, self.observe)
        else:
            self.turns.use(ear.listen(self._handler, None), ear.to_station, ear.sent_to_station)
        for leg in self.legs.values():
            leg.overheard()

    # The flow.

    def from_station(self, call: Call, respond: Respond) -> None:
        """Route a call of the station: one backend answers, others are told."""
        if call.action == BOOT:
            self._keep_boot(call)
        elif not self._registered and not is_transaction(call.action):
            respond(Error(call.id, "SecurityError", "The BootNotification is not accepted yet"))
            return
        action = call.action
        if action in self.ledgered or (action in self.frequent and self.ledger.concerned(call)):
            self.ledger.from_station(call, respond)
            return
        plan = self.plans[call.action]
        leg = self.pick(plan)
        if leg is None:
            self.unroutable(call, respond)
        elif call.kind == SEND:
            leg.tell(call)
        else:
            leg.ask(call, partial(self.answered, leg, call, respond))
        for name in plan.copy:
            copy = self.legs.get(name)
            if copy is not None and copy is not leg:
                copy.tell(call)

    def from_backend(self, leg: Leg, call: Call, respond: Respond) -> None:
        """Pass a backend's call on to the station, as far as its permit goes."""
        command(self.ledger, leg, call, respond)

    def pick(self, plan: Plan) -> Leg | None:
        """Choose who answers: the first backend of the plan that is there; all are dialled if none is.

        Then it is the first that may be there soon, else the first of all, which does as its `when_down` says.
        """
        legs = self.legs
        for name in plan.answer:
            if name in legs and legs[name].state is State.UP:
                return legs[name]
        there = [legs[name] for name in plan.answer if name in legs]  # the rules may have changed meanwhile
        for leg in there[1:]:
            leg.start()
        return next((leg for leg in there if leg.state is not State.AWAY), there[0] if there else None)

    def answered(self, leg: Leg, call: Call, respond: Respond, reply: Reply, *, stand_in: bool = True) -> None:
        """Give the station its answer; what only the station can keep safe is not answered, the station is let go."""
        if isinstance(reply, Unanswered):
            if reply.reason is Reason.GONE and not self.ended:
                if stand_in and standin.answer(self.ledger, leg, call, respond):
                    return
                if leg.backend.settings.closes or leg.backend.settings.when_down == "answer":
                    self.end(GOING_AWAY, f"Backend {leg.name} is away")
                    return
            if is_transaction(call.action):
                code = TRY_AGAIN if reply.reason is Reason.OVERLOADED else GOING_AWAY
                self.end(code, f"Nobody took {call.action}: keep it and come again")
                return
        if call.action == BOOT:
            self._booted(leg, reply)
        respond(reply)

    @staticmethod
    def observe(call: Call, reply: Reply, now: float) -> None:
        """Count a backend's call for its backend: it is the asker."""
        asker = call.asker
        if isinstance(asker, Leg):
            asker.backend.commands.observe(call, reply, now)

    @staticmethod
    def name_of(asker: object) -> str | None:
        """Name the backend that made a call; None for any other asker."""
        return asker.name if isinstance(asker, Leg) else None

    def _keep_boot(self, call: Call) -> None:
        self.boot = bytes(call.payload)
        self.ledger.book.note("boot", self.boot.decode())

    def _booted(self, leg: Leg, reply: Reply) -> None:
        self.ledger.booted(leg, reply)
        if self.settings.registration == "gateway":
            status = accepted(reply)
            self._registered = self._registered if status is None else status == "Accepted"

    def unroutable(self, call: Call, respond: Respond) -> None:
        """Refuse a call that no rule is for; a transaction message is not answered, or the station would drop it."""
        if is_transaction(call.action):
            self.end(POLICY, f"No rule says who answers {call.action}")
        elif call.kind != SEND:
            respond(Error(call.id, "NotSupported", "No rule says who answers this"))

    # What was there before the station's wire.

    def take_over(self, old: Session, keep_legs: bool) -> None:
        """End the station's session before this one; its legs go on here if wanted and if the version is the same."""
        if keep_legs and old.dialect.version == self.dialect.version:
            self.legs, self.boot = old.give_up_legs(), old.boot
            for leg in self.legs.values():
                leg.session = self
        old.end(GOING_AWAY, REPLACED)

    def adopt(self, backend: Backend, wire: DialledWire) -> None:
        """Begin with a leg whose wire was dialled to let the station in."""
        leg = self.legs[backend.name] = Leg(backend, self)
        leg.opened(wire)

    # The station's wire.

    def opened(self, wire: Wire, plans: Plans, route: str, known: Mapping[str, Backend]) -> None:
        """Begin: the station is connected. Legs that were dialled before keep their links."""
        self._wire = wire
        self.turns.connect(wire, self.ports.clock())
        self.follow(plans, route, known)
        for leg in self.legs.values():
            leg.take_up()

    def _metered(self, text: bytes, frame: bytes | None, now: float) -> None:
        """Take one message of a station whose rate is limited."""
        limit = self.settings.messages_per_second
        if self._flooding(now, limit):
            self.end(POLICY, f"More than {limit:g} messages a second")
        else:
            self.turns.receive(text, frame, now)

    def take(self, call: CarriedCall, now: float) -> None:
        """Take one call of the station that did not come as text."""
        limit = self.settings.messages_per_second
        if limit and self._flooding(now, limit):
            self.end(POLICY, f"More than {limit:g} messages a second")
        else:
            self.turns.asked(call, now)

    def unanswered(self, message_id: str, description: str, now: float, *, sent: bool) -> None:
        """Hear that the station cannot be reached, or said nothing that is an answer."""
        self.turns.unanswered(message_id, description, now, sent=sent)

    def _flooding(self, now: float, limit: float) -> bool:
        """Count a message against the rate: a leaky bucket in one number, the time at which it is empty."""
        self._rate = max(self._rate, now) + 1 / limit
        return self._rate - now > (self.settings.burst + 0.5) / limit  # half a message for rounding

    def lost(self, code: int, reason: str) -> None:
        """Hear that the station's socket has ended."""
        self._over(code, reason, "station")

    def writable(self, yes: bool) -> None:
        """Stop reading the backends while the station does not read."""
        self.turns.choke(self.ports.clock(), choked=not yes)
        self.station_full = not yes
        for leg in self.legs.values():
            leg.station_full(full=not yes)

    def pause(self) -> None:
        """Stop reading the station: a backend that answers it does not keep up."""
        if self._wire is not None:
            self._wire.pause()

    def resume(self) -> None:
        """Read the station again."""
        if self._wire is not None:
            self._wire.resume()

    # The legs.

    @property
    def wires(self) -> list[Wire | None]:
        """The wire of each leg; None for one whose link is not open."""
        return [leg.wire for leg in self.legs.values()]

    def reads(self, action: str) -> bool:
        """Return whether anything in the gateway must read the payload of a call of this action."""
        return action in self.ledgered or self.settings.screen is not None

    def follow(self, plans: Plans, route: str, known: Mapping[str, Backend]) -> None:
        """Go by these plans from now on: dial the backends that are new, let go of those that are not needed."""
        moved = bool(self.route) and (plans is not self.plans)
        self.plans, self.route = plans, route
        if moved and self.boot is None:
            self.boot = self._boot_on_record()
        old, self.legs = self.legs, {}
        engaged = tuple(name for name in self._engaged() if name in known and name not in plans.backends)
        fresh = []
        for name in (*plans.backends, *engaged):
            leg, backend = old.get(name), known[name]
            if leg is not None and leg.backend is backend:
                self.legs[name] = old.pop(name)
            else:
                self.legs[name] = Leg(backend, self)
                fresh.append(self.legs[name])
        self._look_into_ledger()
        for leg in fresh:
            self.ledger.resume(leg)
        for name in (*plans.eager, *engaged):
            self.legs[name].start()
        for leg in old.values():
            self._retire(leg)
        if moved:
            self.ports.listen(StationMoved(self.identity, route))
        self._watch_backends()

    def _engaged(self) -> set[str]:
        """Name the backends that own a transaction that runs, or are owed something: they keep their legs."""
        book = self.ledger.book
        running = book.running.values()
        return {tx.owner for tx in running} | {name for tx in running for name in tx.copies} | {*book.creditors}

    def _look_into_ledger(self) -> None:
        """Find which calls the ledger must look at: its own, those that the rules look into, those that are owed."""
        owed = [leg.backend.settings.owed for leg in self.legs.values() if leg.backend.settings.deliver == "always"]
        self.ledgered, self.frequent = self.ledger.looks_at(self.plans.depends, owed)

    def _boot_on_record(self) -> bytes | None:
        boot = self.ledger.book.fact("boot")
        return boot.encode() if isinstance(boot, str) else None

    def spare(self, name: str) -> None:
        """Let a backend go that was only kept for a transaction or for what it was owed."""
        leg = self.legs.get(name)
        if leg is not None and name not in self.plans.backends and name not in self._engaged():
            del self.legs[name]
            self._retire(leg)

    def _retire(self, leg: Leg) -> None:
        """Let a leg go when its open calls are answered or have timed out; what it was not sent yet goes elsewhere."""

        def look(now: float) -> None:
            if leg.busy and now < latest and not self.ended:
                self.ports.wheel.at(now + 0.2, look)
            else:
                leg.end("The station has moved to another backend")

        leg.part()
        self._reroute(leg)
        latest = self.ports.clock() + self.settings.backend_patience
        look(self.ports.clock())

    def _reroute(self, leg: Leg) -> None:
        """Ask another backend, if one is to answer now, what this one was not sent yet."""
        self.ledger.reroute(leg)

        def moves(call: Call, respond: Respond) -> bool:
            ours = isinstance(respond, partial) and respond.func == self.answered
            return ours and self.pick(self.plans[call.action]) is not leg

        for call, respond in leg.turns.take_unsent(moves):
            other = self.pick(self.plans[call.action])
            if other is not None:
                other.ask(call, _by_way_of(other, respond))
            else:
                self.unroutable(call, respond)

    def leg_up(self, leg: Leg) -> None:
        """Hear that a backend is there: calls that wait for an absent one before it in a failover go to it instead."""
        if self.legs.get(leg.name) is not leg:
            return
        for names in self.plans.failovers:
            for name in names if leg.name in names else ():
                if self.legs[name].state is not State.UP:
                    self._reroute(self.legs[name])

    def leg_down(self, leg: Leg) -> None:
        """Hear that a backend is away: the next of its failover takes over; without any, the station is let go."""
        if self.ended or self.held or self.legs.get(leg.name) is not leg:
            return
        for names in self.plans.failovers:
            if leg.name in names:
                for name in names:
                    self.legs[name].start()
        if leg.backend.settings.when_down == "close" and self._leaves_a_gap(leg):
            self.end(GOING_AWAY, f"Backend {leg.name} is away")
            return
        self._reroute(leg)
        self._watch_backends()

    def _leaves_a_gap(self, leg: Leg) -> bool:
        """Tell whether there are calls that only this backend answers, or others that are away as well."""
        return any(
            leg.name in names and all(self.legs[name].state is State.AWAY for name in names)
            for names in self.plans.answers
        )

    def _watch_backends(self) -> None:
        """Look again when the grace of the absent backends is over; one look is due at a time."""
        if self.ended or any(leg.state is State.UP for leg in self.legs.values()):
            return
        when = self.ports.clock() + self._grace() - self._alone_for()
        if when < self._watched:
            self._watched = when
            self.ports.wheel.at(when, self._let_go_if_alone)

    def _alone_for(self) -> float:
        return min((leg.away_for for leg in self.legs.values()), default=0.0)

    def _grace(self) -> float:
        """Give the seconds that the station is kept without any backend: a day where a backend is set to refuse."""
        answering = [self.legs[name].backend.settings for name in self.plans.answering]
        return max((settings.wait if settings.closes else _A_DAY for settings in answering), default=_A_DAY)

    def _let_go_if_alone(self, now: float) -> None:
        self._watched = FOREVER
        if self.ended or self.held:  # `release` looks again
            return
        if self._alone_for() >= self._grace():
            self.end(GOING_AWAY, "No backend is there")
        else:
            self._watch_backends()

    # The end.

    def hold(self) -> None:
        """Dial nobody back while a newcomer with the same identity knocks."""
        self.held = True

    def release(self) -> None:
        """Go on: the newcomer was refused."""
        self.held = False
        for leg in self.legs.values():
            leg.release()
        self._watch_backends()

    def give_up_legs(self) -> dict[str, Leg]:
        """Hand the legs to the session that takes this one's place; this one then ends without touching them."""
        for leg in self.legs.values():
            leg.part()
        legs, self.legs = self.legs, {}
        return legs

    @property
    def busy(self) -> bool:
        """Tell whether a call is open in either direction."""
        return bool(self.turns.open_calls) or any(leg.busy for leg in self.legs.values())

    def end(self, code: int, reason: str) -> None:
        """Close the station's socket and every leg."""
        if not self.ended:
            if self._wire is not None:
                self._wire.close(code, reason)
            self._over(code, reason, "gateway")

    def _over(self, code: int, reason: str, by: str) -> None:
        if self.ended:
            return
        self.ended = True
        now = self.ports.clock()
        self.turns.end("The station has gone", now)
        for leg in list(self.legs.values()):
            leg.end("The station has gone")
        self.ports.listen(StationWent(self.identity, code, reason, by, now - self.connected_at))
        if self.ear is not None:
            self.ear.close()
        self._on_end(self)


def _by_way_of(leg: Leg, respond: Respond) -> Respond:
    """Give the way home of a call that goes to another backend than the one it waited for."""
    assert isinstance(respond, partial)  # noqa: S101 - made by `from_station`
    return partial(respond.func, leg, *respond.args[1:])
