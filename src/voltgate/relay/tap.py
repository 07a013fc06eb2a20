"""The tap: live messages, each call together with what came of it.

While nobody listens nothing is in the way of a message: a session that somebody listens to, or that is recorded, has a
tap on its two incoming arrows, and one at each of its connections that hears what comes of what goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple, Protocol, TypeAlias

from voltgate.ocpp.messages import SEND, Call, Handler, Reply, Respond, Unanswered
from voltgate.ocpp.turn_ports import Listener
from voltgate.relay.backend import Backend
from voltgate.relay.context import Context
from voltgate.relay.notifier import Notifier
from voltgate.relay.plan import NOBODY, Plan
from voltgate.relay.route import Plans
from voltgate.relay.tracing import RUNNING, Tracer

Direction: TypeAlias = Literal["from_station", "to_backend", "from_backend", "to_station"]
"""Who called whom, as Voltgate sees it: each is answered in the opposite direction."""
DIRECTIONS: tuple[Direction, ...] = ("from_station", "to_backend", "from_backend", "to_station")
FROM_STATION, TO_BACKEND, FROM_BACKEND, TO_STATION = range(4)
"""The numbers of the directions."""

_OURS = frozenset({"ledger", "nobody", "stand-in"})
"""Why Voltgate answers itself, where more is known than that it does."""
_TICK = 1e-6
"""Seconds between two calls of a station at least: their times tell them apart."""


class Overheard(NamedTuple):
    """A call on one connection, and what came of it.

    `at` is when the call came or was made, in seconds since 1970; `took` the seconds until it was answered. Both
    `reply` and `took` are None for a SEND, `reply` alone for a call that Voltgate left unanswered. `backend` is who
    asked or answered, None if that was Voltgate itself.
    """

    station: str
    direction: Direction
    at: float
    call: Call
    reply: Reply | None
    took: float | None
    backend: str | None


class Decision(NamedTuple):
    """Why a call of a station went where it went: `why` is "rule" if rule `number` of `route` said so.

    Otherwise it says what did: "owner" (of the transaction, or of a number), "invitation", "authorize"
    (who accepted the token), "ledger" (what was answered before), "stand-in" (its backend is away), "gateway", or
    "nobody" (no rule is for it).
    """

    route: str
    number: int | None
    why: str


Receive: TypeAlias = Callable[[Overheard], None]
"""Told of each message; returns at once."""


Heard: TypeAlias = "tuple[Tapped, int, Call, Reply | None, float | None, str | None, Decision | Plans | None]"
"""A message as a tap hears it: the session, the number of its direction, the call, what came of it, when that was on
the clock of the wheel (None: it is a SEND), the backend of the leg (None: the station's), and for calls of stations why
they went where they went, or the plans of that moment. A plain tuple: every message of a recorded station makes two.
"""


class Recorder(Protocol):
    """Writes messages down. Nothing here waits, and nothing raises."""

    @property
    def take(self) -> Callable[[Heard], None]:
        """Writes a message down."""

    def wants(self, key: str, route: str) -> bool:
        """Return whether the messages of a station on this route are written down."""

    def malformed(self, station: str, backend: str | None, at: float, text: bytes, why: str) -> None:
        """Write a frame down that is no message; `backend` sent it, or the station (None)."""


class Taps:
    """The listeners to live messages, by station; usually there is none.

    `recorder` writes messages down, `tracer` decides which are traced.
    """

    __slots__ = ("_by_station", "_everything", "_notifier", "recorder", "tracer")

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._everything: tuple[Receive, ...] = ()
        self._by_station: dict[str, tuple[Receive, ...]] = {}
        self.recorder: Recorder | None = None
        self.tracer: Tracer | None = None

    def open(self, key: str | None, receive: Receive) -> None:
        """Hand the messages of the station of this key, or of all (None), to `receive`."""
        if key is None:
            self._everything += (receive,)
        else:
            self._by_station[key] = (*self._by_station.get(key, ()), receive)

    def close(self, key: str | None, receive: Receive) -> None:
        """Undo `open`."""
        if key is None:
            self._everything = _without(self._everything, receive)
            return
        left = _without(self._by_station.pop(key), receive)
        if left:
            self._by_station[key] = left

    def concern(self, key: str) -> bool:
        """Return whether anybody listens to a station."""
        return bool(self._everything) or key in self._by_station

    def of(self, session: Tapped) -> SessionTap | None:
        """Return the tap of a session: the one that it has, or a new one; None if nobody wants to hear of it."""
        recorder = self.recorder
        if recorder is not None and not recorder.wants(session.key, session.route):
            recorder = None
        if recorder is None and not self.concern(session.key):
            return None
        tap = session.tap or SessionTap(session)
        tap.recorder, tap.tracer = recorder, self.tracer
        tap.tell = recorder.take if recorder is not None and not self.concern(session.key) else tap.tell_all
        return tap

    def pass_on(self, key: str, overheard: Overheard) -> None:
        """Tell everybody who listens to a station."""
        for receive in (*self._everything, *self._by_station.get(key, ())):
            self._notifier.notify("tap", receive, overheard)


def _without(receivers: tuple[Receive, ...], receive: Receive) -> tuple[Receive, ...]:
    return tuple(each for each in receivers if each is not receive)


class TapPorts(Protocol):
    """What a tap needs of the world."""

    @property
    def clock(self) -> Callable[[], float]:
        """Returns the seconds of the wheel."""

    @property
    def wall(self) -> Callable[[], float]:
        """Returns the seconds since 1970."""

    @property
    def taps(self) -> Taps:
        """Who listens."""


class Tapped(Protocol):
    """What a tap needs of its session."""

    tap: SessionTap | None

    @property
    def legs(self) -> Mapping[str, object]:
        """The backends that are its own."""

    @property
    def ports(self) -> TapPorts:
        """The clocks, and who listens."""

    @property
    def plans(self) -> Plans:
        """Who answers which call."""

    @property
    def route(self) -> str:
        """The name of the route that it is on."""

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def key(self) -> str:
        """What the directory knows it by."""


class SessionTap:
    """Listens to one session: stands on its two incoming arrows, and is told of what goes out.

    `tell` tells of a message: the recorder alone at once, if nobody else listens.
    """

    __slots__ = ("_clock", "_decisions", "_last", "_open", "recorder", "session", "tell", "tracer")

    def __init__(self, session: Tapped) -> None:
        self.session = session
        self._clock = session.ports.clock
        self.recorder: Recorder | None = None
        self.tell: Callable[[Heard], None] = self.tell_all
        self.tracer: Tracer | None = None
        self._open: dict[Call, str | None] = {}
        """The calls that wait for Voltgate's answer, with the backend that they came from."""
        self._decisions: dict[Call, Decision] = {}
        """Why those of the station went where they went, as far as anybody has said so."""
        self._last = 0.0

    # What comes in.

    def from_station(self, context: Context, handler: Handler) -> Handler:
        """Report the station's calls, each when it is answered."""
        return partial(self._said, handler if self.tracer is None else partial(self._traced, self.tracer, handler))

    def from_backend(self, context: Context, handler: Handler) -> Handler:
        """Report a backend's calls, each when it is answered."""
        return partial(self._asked, handler)

    def _said(self, handler: Handler, call: Call, respond: Respond) -> None:
        if call.at <= self._last:
            call.at = self._last + _TICK
        self._last = call.at
        if call.kind == SEND:
            self.tell((self.session, FROM_STATION, call, None, None, None, self.session.plans))
            handler(call, respond)
        else:
            self._open[call] = None
            handler(call, partial(self._answered, call, respond))

    def _traced(self, tracer: Tracer, handler: Handler, call: Call, respond: Respond) -> None:
        outer, RUNNING.context = RUNNING.context, tracer.context_of(self.session.identity, call)
        try:
            handler(call, respond)
        finally:
            RUNNING.context = outer

    def _asked(self, handler: Handler, call: Call, respond: Respond) -> None:
        backend = _backend(call.asker)
        if call.kind == SEND:
            self.tell((self.session, FROM_BACKEND, call, None, None, backend, None))
            handler(call, respond)
        else:
            self._open[call] = backend
            handler(call, partial(self._answered, call, respond))

    def _answered(self, call: Call, respond: Respond, reply: Reply) -> None:
        backend = self._open.pop(call, "")
        if backend is None and not self._decisions:
            self.tell((self.session, FROM_STATION, call, reply, self._clock(), None, self.session.plans))
        elif backend != "":  # it was not given up yet
            self._over(call, reply, backend)
        respond(reply)

    def _over(self, call: Call, reply: Reply | None, backend: str | None) -> None:
        session = self.session
        if backend is not None:
            self.tell((session, FROM_BACKEND, call, reply, self._clock(), backend, None))
            return
        decision = self._decisions.pop(call, None) if self._decisions else None
        self.tell((session, FROM_STATION, call, reply, self._clock(), None, decision or session.plans))

    def decided(self, call: Call, why: str, plan: Plan | None = None) -> None:
        """Learn why a call of the station goes where it goes: `why`, or the rule that the plan is of.

        What is said of it first counts, unless Voltgate answers it itself.
        """
        if call in self._open and (call not in self._decisions or why in _OURS):
            self._decisions[call] = _decision(self.session.route, self.session.plans, why, plan)

    # What goes out.

    def at(self, backend: str) -> Listener:
        """Return who hears what goes out to a backend, or to the station ("")."""
        return _Outgoing(self, backend)

    # The end.

    def close(self) -> None:
        """Report the calls that will not be answered any more: the session is over.

        Those of a leg that goes on under the next session are reported when they are answered.
        """
        here = self.session.legs
        for call in [call for call, backend in self._open.items() if backend is None or backend in here]:
            self._over(call, None, self._open.pop(call))

    def tell_all(self, heard: Heard) -> None:
        """Tell everybody who listens."""
        if self.recorder is not None:
            self.recorder.take(heard)
        self.session.ports.taps.pass_on(self.session.key, overheard_of(heard))

    def malformed(self, backend: str | None, text: bytes, why: str) -> None:
        """Report a frame of a backend, or of the station (None), that is no message."""
        if self.recorder is not None:
            self.recorder.malformed(self.session.identity, backend, self.session.ports.wall(), text, why)


class _Outgoing:
    """Hears what passes at one connection of a session."""

    __slots__ = ("_backend", "_direction", "_tap")

    def __init__(self, tap: SessionTap, backend: str) -> None:
        self._tap = tap
        self._backend = backend or None
        self._direction = TO_BACKEND if backend else TO_STATION

    def ended(self, call: Call, reply: Reply | None, now: float) -> None:
        """Hear of a call that ended, or of a SEND that goes out."""
        tap = self._tap
        tap.tell((tap.session, self._direction, call, reply, None if reply is None else now, self._backend, None))

    def malformed(self, text: bytes, why: str) -> None:
        """Hear a frame that is no message."""
        self._tap.malformed(self._backend, text, why)


def overheard_of(heard: Heard) -> Overheard:
    """Return what was heard as whoever listens is told of it."""
    session, direction, call, reply, now, _, _ = heard
    ports = session.ports
    at = ports.wall() - max(0.0, ports.clock() - call.at)
    took = None if now is None else now - call.at
    return Overheard(session.identity, DIRECTIONS[direction], at, call, reply, took, backend_of(heard))


def backend_of(heard: Heard) -> str | None:
    """Return who asked, or answered: a backend, or None for Voltgate itself."""
    _, direction, call, reply, _, backend, _ = heard
    if direction == FROM_STATION:
        return None if reply is None or reply.origin is None else _backend(reply.origin.name)
    return _backend(call.asker) if direction == TO_STATION else backend


def decision_of(heard: Heard) -> Decision | None:
    """Return why a call of a station went where it went; None for any other."""
    session, direction, call, reply, _, _, said = heard
    if direction != FROM_STATION or said is None:
        return None
    decision = _decision(session.route, said, "rule", said[call.action]) if isinstance(said, Plans) else said
    is_ours = reply is not None and reply.origin is None and not isinstance(reply, Unanswered)
    return Decision(decision.route, None, "gateway") if is_ours and decision.why not in _OURS else decision


def _decision(route: str, plans: Plans, why: str, plan: Plan | None) -> Decision:
    if plan is NOBODY:
        return Decision(route, None, "nobody")
    number = None if plan is None else plans.place(plan)
    return Decision(route, number, why if number is None else "rule")


def _backend(asker: object) -> str | None:
    """Return the backend that made a call, or gave an answer; None for anybody else."""
    return asker.name if isinstance(asker, Backend) else None
