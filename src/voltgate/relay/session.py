"""A session: one station's stay, from the accepted handshake to the close. The whole flow of the product is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from voltgate.ocpp.carried import CarriedCall
from voltgate.ocpp.close_codes import GOING_AWAY, REPLACED
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, SEND, Call, Handler, Reply, Respond, Unanswered
from voltgate.ocpp.turn_ports import Bounds, Listener
from voltgate.ocpp.turns import Turns
from voltgate.relay.asked import Asked
from voltgate.relay.backend import Backend, observe
from voltgate.relay.carrier import DialContext, DialledWire
from voltgate.relay.dispatcher import Dispatcher
from voltgate.relay.events import StationMoved, StationWent
from voltgate.relay.failover import pick
from voltgate.relay.ledger import Ledger
from voltgate.relay.leg import Leg
from voltgate.relay.policies.table import policies_for
from voltgate.relay.policy import wrapped
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.rate import Rate
from voltgate.relay.roster import Roster
from voltgate.relay.route import Plans
from voltgate.relay.tap import SessionTap
from voltgate.relay.wire import Wire


class Session:
    """One station with its legs.

    `on_end` is called once, when the session is over. `ledger` is what is kept of the station.
    """

    __slots__ = (
        "_frequent", "_on_end", "_to_station", "_wire", "allows", "boot", "connected_at", "dial_context", "dialect",
        "dialling_paused", "dispatched", "dispatcher", "ended", "identity", "key", "legs", "plans", "ports",
        "received", "roster", "route", "settings", "station_full", "tap", "turns", "unanswered", "unreadable",
    )  # fmt: skip

    def __init__(
        self,
        identity: str,
        key: str,
        dialect: Dialect,
        settings: SessionSettings,
        ports: Ports,
        on_end: Callable[[Session], None],
        ledger: Ledger,
        dial_context: DialContext | None = None,
    ) -> None:
        self.identity = identity
        self.key = key
        self.dialect = dialect
        self.settings = settings
        self.ports = ports
        self.legs: dict[str, Leg] = {}
        self.dispatcher = Dispatcher(self, ledger, policies_for(dialect.version), self.legs)
        self.plans = self.dispatcher.plans
        self.roster = Roster(self, self.legs)
        self.dispatched: frozenset[str] = frozenset()
        self._frequent: frozenset[str] = frozenset()
        """The actions that the dispatcher must look at, and those that it must while the ledger is concerned."""
        self.route = ""
        self.boot: bytes | None = None
        """The payload of the station's last BootNotification."""
        self.dial_context = dial_context
        """What carriers need to dial on the station's behalf."""
        self.ended = False
        self.dialling_paused = False
        """While a newcomer with the same identity is let in, no link is dialled back: it would push its link out."""
        self.station_full = False
        self.connected_at = ports.clock()
        """When it began, on the clock of the wheel."""
        self.tap: SessionTap | None = None
        self._on_end = on_end
        self._wire: Wire | None = None
        self.allows = Rate(settings.messages_per_second, settings.burst, self.end).allows
        self._to_station: Handler | None = None
        bounds = Bounds(settings.window, settings.waiting, settings.waiting_bytes, settings.backend_patience)
        self.turns = Turns(dialect, self.from_station, self, bounds, ports.wheel, ports.counts, observe)
        self.received = self._metered if settings.messages_per_second else self.turns.receive
        """Takes one message of the station: bound once, a call less for each message."""
        self.unreadable = self.turns.unreadable
        self.unanswered = self.turns.unanswered
        """Ends a call to a station that cannot be reached, or said nothing that is an answer."""
        self.look_for_taps()
        self._listen()

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""
        return self.dispatcher.ledger

    # The flow.

    def from_station(self, call: Call, respond: Respond) -> None:
        """Route a call of the station: one backend answers, others are told."""
        action = call.action
        if action in self.dispatched or (action in self._frequent and self.dispatcher.concerned(call)):
            self.dispatcher.from_station(call, respond)
            return
        plan = self.plans[action]
        leg = pick(self.legs, plan.answer)
        if leg is None:
            self.dispatcher.unroutable(call, respond)
        elif call.kind == SEND:
            leg.tell(call)
        elif not leg.offer(call, partial(self.answered, leg, call, respond)):
            self.dispatcher.have_answered(leg, Asked(self.dispatcher, call, plan, respond, plain=True))
        for name in plan.copy:
            copy = self.legs.get(name)
            if copy is not None and copy is not leg:
                copy.tell(call)

    def answered(self, leg: Leg, call: Call, respond: Respond, reply: Reply) -> None:
        """Answer the station with the answer to a plain call."""
        if isinstance(reply, Unanswered):
            self.dispatcher.unanswered(leg, call, respond, reply)
            return
        respond(reply)

    def from_backend(self, leg: Leg) -> Handler | None:
        """Return what stands before the calls of a backend; None if nothing does."""
        tapped = () if self.tap is None else (self.tap.from_backend,)
        wraps = (*tapped, *leg.backend.settings.from_backend)
        return wrapped(self.dispatcher, wraps, leg.let_in) if wraps else None

    def permitted(self, leg: Leg) -> Handler:
        """Return what hands a backend's calls on to the station, as far as its permit goes."""
        permits = self.dispatcher.policies.permits(self.dispatcher.permit(leg.name), leg.intake.refused)
        return permits(self.dispatcher, partial(self.dispatcher.policies.command, self.dispatcher))

    def listener(self, leg: Leg) -> Listener | None:
        """Return who hears what a backend is asked; None if nobody does."""
        return None if self.tap is None else self.tap.at(leg.name)

    def to_backend(self, leg: Leg) -> Handler | None:
        """Return what stands before the calls to a backend; None if nothing does."""
        learns = () if leg.backend.settings.stood_in is None else (self.dispatcher.policies.learns(leg.name),)
        wraps = (*learns, *leg.backend.settings.to_backend)
        return wrapped(self.dispatcher, wraps, leg.turns.ask) if wraps else None

    def to_station(self, call: Call, respond: Respond) -> None:
        """Send a call to the station in its turn."""
        if self._to_station is None:
            commands = self.dispatcher.policies.commands
            self._to_station = wrapped(self.dispatcher, (commands, *self.settings.to_station), self.turns.ask)
        self._to_station(call, respond)

    def command(self, call: Call, respond: Respond) -> None:
        """Ask the station on behalf of somebody who is no backend; what becomes of it is in the station's numbers."""
        self.dispatcher.policies.command(self.dispatcher, call, respond)

    def look_for_taps(self) -> None:
        """Let a tap stand on the four arrows if somebody listens to this station, else none."""
        before, self.tap = self.tap, self.ports.taps.of(self)
        if self.tap is not before:
            self._rewrap()

    def _listen(self) -> None:
        """Have the station's calls pass what stands before them now."""
        self.turns.listener = None if self.tap is None else self.tap.at("")
        tapped = () if self.tap is None else (self.tap.from_station,)
        gate = (self.dispatcher.policies.gate,) if self.dispatcher.registration.gated else ()
        self.turns.use(wrapped(self.dispatcher, (*tapped, *gate, *self.settings.from_station), self.from_station))

    def registered(self, boot: bytes | None = None) -> None:
        """Go by what is now known of the station's registration; `boot` is its BootNotification, if one has come."""
        self.boot = boot or self.boot
        self._listen()
        if self.dispatcher.registration.held:
            self.turns.hold()
        else:
            self.turns.go_on(self.ports.clock())

    def _rewrap(self) -> None:
        self._listen()
        self._to_station = None
        for leg in self.legs.values():
            leg.rewrap()

    def reads(self, action: str) -> bool:
        """Return whether anything in the gateway must read the payload of a call of this action."""
        return action in self.dispatched or bool(self.settings.from_station)

    @property
    def wires(self) -> list[DialledWire | None]:
        """The wire of each leg; None for one whose link is not open."""
        return [leg.wire for leg in self.legs.values()]

    def boot_for(self, *, back: bool) -> bytes | None:
        """Return the last BootNotification: of this connection, or on record if a backend is `back`."""
        return self.ledger.boot(self.dialect.version) if back and self.boot is None else self.boot

    # What was there before the station's wire.

    def take_over(self, old: Session, *, keep_legs: bool) -> None:
        """End the station's session before this one; its legs go on here if wanted and if the version is the same."""
        if old.dialect.version == self.dialect.version:
            self.dispatcher.asking = old.dispatcher.asking
            if keep_legs and not old.ended:  # the links of one that is over are closed, or about to be
                self.boot = old.boot
                self.legs |= old.give_up_legs()
        old.end(GOING_AWAY, REPLACED)
        for leg in (*self.legs.values(), *(leg for leg, _ in self.dispatcher.asking.values())):
            leg.host = self
        self._rewrap()

    def connect(self, wire: Wire) -> None:
        """Take the station's wire: it may be called from now on."""
        self._wire = wire
        self.turns.connect(wire)

    def adopt(self, backend: Backend, wire: DialledWire, plans: Plans) -> None:
        """Begin with a leg whose wire was dialled to let the station in: what it asks at once goes by these plans."""
        self.plans = self.dispatcher.plans = plans
        leg = self.legs[backend.name] = self.new_leg(backend)
        leg.opened(wire)

    def new_leg(self, backend: Backend) -> Leg:
        """Make a leg: a backend is spoken to as the station speaks, or as it is configured."""
        return Leg(backend, self, backend.settings.dialect or self.dialect)

    def give_up_legs(self) -> dict[str, Leg]:
        """Hand the legs to the session that takes this one's place; this one then ends without touching them."""
        for leg in self.legs.values():
            leg.part()
        legs = dict(self.legs)
        self.legs.clear()
        return legs

    # The station's wire.

    def opened(self, wire: Wire, plans: Plans, route: str, known: Mapping[str, Backend]) -> None:
        """Begin: the station is connected. Legs that were dialled before keep their links."""
        if self._wire is None:
            self.connect(wire)
        self.follow(plans, route, known)
        for leg in self.legs.values():
            leg.take_up()

    def _metered(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Take one message of a station whose rate is limited."""
        if self.allows(now, len(text)):
            self.turns.receive(text, frame, now, until)

    def take(self, call: CarriedCall, now: float) -> None:
        """Take one call of the station that did not come as text."""
        if self.allows(now):
            self.turns.take_carried(call, now)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the station's socket has ended."""
        self._over(code, reason, "station")

    def writable(self, yes: bool) -> None:
        """Stop reading the backends while the station does not read."""
        self.turns.choke(self.ports.clock(), choked=not yes)
        self.station_full = not yes
        for leg in self.legs.values():
            leg.set_station_full(full=not yes)

    def pause(self) -> None:
        """Stop reading the station: a backend that answers it does not keep up."""
        if self._wire is not None:
            self._wire.pause()

    def resume(self) -> None:
        """Read the station again."""
        if self._wire is not None:
            self._wire.resume()

    # The legs.

    def follow(self, plans: Plans, route: str, known: Mapping[str, Backend]) -> None:
        """Go by these plans from now on: dial the backends that are new, let go of those that are not needed."""
        moved = bool(self.route) and (plans is not self.plans)
        self.plans, self.route = plans, route
        self.dispatcher.plans = plans
        self.look_for_taps()
        if moved:
            self.boot = self.boot_for(back=True)
        left = self.roster.follow(plans, known)
        owed = [leg.backend.settings.owed for leg in self.legs.values() if leg.backend.settings.deliver == "always"]
        self.dispatched, self._frequent = self.dispatcher.looks_at(owed)
        if moved:
            self._rewrap()  # what a backend may ask depends on the plans
        self.dispatcher.policies.moved(self.dispatcher)
        for leg in self.legs.values():
            if self.ledger.journal.owes(leg.name):
                leg.deliver(late=True)
        self.roster.dial()
        for leg in left:
            self.roster.retire(leg)
        if moved:
            self.ports.listen(StationMoved(self.identity, route))

    def dial(self, leg: Leg) -> None:
        """Open the link of a leg."""
        self.ports.dial(leg, self.dial_context, (leg.turns.dialect.version,), answering=self.is_answering(leg))

    def is_answering(self, leg: Leg) -> bool:
        """Return whether some call of the station is answered by this backend."""
        return leg.name in self.plans.answering

    # The end.

    def pause_dialling(self) -> None:
        """Dial nobody back while a newcomer with the same identity is let in."""
        self.dialling_paused = True

    def resume_dialling(self) -> None:
        """Go on: the newcomer was refused."""
        self.dialling_paused = False
        for leg in self.roster.every:
            leg.link.try_again(self.ports.clock())
        self.roster.watch()

    @property
    def lingers(self) -> bool:
        """Whether a backend is still to answer a transaction message, or what it is owed."""
        is_asked = any(leg.up for leg, _ in self.dispatcher.asking.values())  # also on legs of sessions before this one
        return is_asked or self.ledger.journal.is_delivering

    @property
    def busy(self) -> bool:
        """Return whether a call is open in either direction, or its answer waits for the disk."""
        return bool(self.turns.open_calls or self.turns.owed) or any(leg.busy for leg in self.legs.values())

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
        self.roster.end()
        self.ports.listen(StationWent(self.identity, code, reason, by, now - self.connected_at))
        if self.tap is not None:
            self.tap.close()
        self._on_end(self)
