"""The tap: live messages for whoever looks over the gateway's shoulder, each call together with what came of it.

While nobody listens nothing is in the way of a message: a session that somebody listens to has other handlers and
observers put into its turns, and its own put back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from voltgate.ocpp.messages import SEND, Call, Handler, Reply, Respond

if TYPE_CHECKING:
    from voltgate.relay.leg import Leg
    from voltgate.relay.session import Session

Direction: TypeAlias = Literal["from_station", "to_backend", "from_backend", "to_station"]
"""Who called whom, as Voltgate sees it: each is answered in the opposite direction."""


@dataclass(frozen=True, slots=True)
class Overheard:
    """A call on one connection, and what came of it.

    `at` is when the call came or was made, in seconds since 1970; `took` the seconds until it was answered. Both
    `reply` and `took` are None for a SEND, `reply` alone for a call that Voltgate left unanswered. `backend` is who
    asked or answered, None when that was Voltgate itself.
    """

    station: str
    direction: Direction
    at: float
    call: Call
    reply: Reply | None
    took: float | None
    backend: str | None


Hear: TypeAlias = Callable[[Overheard], None]
"""Told of each message; returns at once and does not fail."""


class Taps:
    """Who listens to which stations: usually nobody."""

    __slots__ = ("_by_station", "_everything")

    def __init__(self) -> None:
        self._everything: tuple[Hear, ...] = ()
        self._by_station: dict[str, tuple[Hear, ...]] = {}

    def open(self, key: str | None, hear: Hear) -> None:
        """Let `hear` listen to the station of this key, or to all (None)."""
        if key is None:
            self._everything += (hear,)
        else:
            self._by_station[key] = (*self._by_station.get(key, ()), hear)

    def close(self, key: str | None, hear: Hear) -> None:
        """Undo `open`."""
        if key is None:
            self._everything = _without(self._everything, hear)
            return
        left = _without(self._by_station.pop(key), hear)
        if left:
            self._by_station[key] = left

    def concern(self, key: str) -> bool:
        """Tell whether anybody listens to a station."""
        return bool(self._everything) or key in self._by_station

    def pass_on(self, key: str, overheard: Overheard) -> None:
        """Tell everybody who listens to a station."""
        for hear in (*self._everything, *self._by_station.get(key, ())):
            hear(overheard)


def _without(hearers: tuple[Hear, ...], hear: Hear) -> tuple[Hear, ...]:
    return tuple(each for each in hearers if each is not hear)


class Ear:
    """Listens to one session: its handlers and observers stand before the session's own."""

    __slots__ = ("_open", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: dict[Call, Leg | None] = {}
        """The calls that wait for Voltgate's answer, with the leg they came by."""

    # What comes in.

    def listen(self, handler: Handler, leg: Leg | None) -> Handler:
        """Give a handler that hears the calls of the station (no leg) or of a backend, and hands them on."""

        def heard(call: Call, respond: Respond) -> None:
            if call.kind == SEND:
                self._tell(leg, call, None, None)
                handler(call, respond)
            else:
                self._open[call] = leg
                handler(call, partial(self._answered, leg, call, respond))

        return heard

    def _answered(self, leg: Leg | None, call: Call, respond: Respond, reply: Reply) -> None:
        if self._open.pop(call, self) is not self:  # it was not given up yet
            self._tell(leg, call, reply, self._session.ports.clock() - call.at)
        respond(reply)

    # What goes out.

    def to_backend(self, leg: Leg, call: Call, reply: Reply, now: float) -> None:
        """Hear what a backend answered."""
        leg.observe(call, reply, now)
        self._pass_on("to_backend", call, reply, now - call.at, leg.name)

    def to_station(self, call: Call, reply: Reply, now: float) -> None:
        """Hear what the station answered."""
        self._session.observe(call, reply, now)
        self._pass_on("to_station", call, reply, now - call.at, self._session.name_of(call.asker))

    def sent_to_backend(self, leg: Leg, call: Call) -> None:
        """Hear of a SEND to a backend."""
        self._pass_on("to_backend", call, None, None, leg.name)

    def sent_to_station(self, call: Call) -> None:
        """Hear of a SEND to the station."""
        self._pass_on("to_station", call, None, None, self._session.name_of(call.asker))

    # The end.

    def close(self) -> None:
        """Tell of the calls that will not be answered any more: the session is over."""
        waiting, self._open = self._open, {}
        for call, leg in waiting.items():
            if leg is None or leg.session is self._session:
                self._tell(leg, call, None, self._session.ports.clock() - call.at)
            else:  # the leg goes on under the next session
                self._open[call] = leg

    def _tell(self, leg: Leg | None, call: Call, reply: Reply | None, took: float | None) -> None:
        if leg is not None:
            self._pass_on("from_backend", call, reply, took, leg.name)
            return
        origin = None if reply is None else reply.origin
        answered = (leg.name for leg in self._session.legs.values() if origin is leg.turns)
        self._pass_on("from_station", call, reply, took, next(answered, None))

    def _pass_on(
        self, direction: Direction, call: Call, reply: Reply | None, took: float | None, backend: str | None
    ) -> None:
        session = self._session
        at = session.ports.wall() - max(0.0, session.ports.clock() - call.at)
        overheard = Overheard(session.identity, direction, at, call, reply, took, backend)
        session.ports.taps.pass_on(session.key, overheard)
