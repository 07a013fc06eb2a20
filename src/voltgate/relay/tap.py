"""The tap: live messages, each call together with what came of it.

While nobody listens nothing is in the way of a message: a tap is a wrap on each of the four arrows, which a session
that somebody listens to puts there and takes away again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeAlias

from voltgate.ocpp.messages import SEND, Call, Handler, Reply, Respond
from voltgate.relay.backend import Backend
from voltgate.relay.context import Context
from voltgate.relay.notifier import Notifier
from voltgate.relay.policy import Wrap

Direction: TypeAlias = Literal["from_station", "to_backend", "from_backend", "to_station"]
"""Who called whom, as Voltgate sees it: each is answered in the opposite direction."""


@dataclass(frozen=True, slots=True)
class Overheard:
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


Receive: TypeAlias = Callable[[Overheard], None]
"""Told of each message; returns at once."""


class Taps:
    """The listeners to live messages, by station; usually there is none."""

    __slots__ = ("_by_station", "_everything", "_notifier")

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._everything: tuple[Receive, ...] = ()
        self._by_station: dict[str, tuple[Receive, ...]] = {}

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

    @property
    def legs(self) -> Mapping[str, object]:
        """The backends that are its own."""

    @property
    def ports(self) -> TapPorts:
        """The clocks, and who listens."""

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def key(self) -> str:
        """What the directory knows it by."""


class SessionTap:
    """Listens to one session: stands on its four arrows."""

    __slots__ = ("_open", "_session")

    def __init__(self, session: Tapped) -> None:
        self._session = session
        self._open: dict[Call, str | None] = {}
        """The calls that wait for Voltgate's answer, with the backend that they came from."""

    # What comes in.

    def from_station(self, context: Context, handler: Handler) -> Handler:
        """Report the station's calls, each when it is answered."""
        return partial(self._incoming, handler)

    def from_backend(self, context: Context, handler: Handler) -> Handler:
        """Report a backend's calls, each when it is answered."""
        return partial(self._incoming, handler)

    def _incoming(self, handler: Handler, call: Call, respond: Respond) -> None:
        backend = _backend(call.asker)
        if call.kind == SEND:
            self._tell(backend, call, None, None)
            handler(call, respond)
        else:
            self._open[call] = backend
            handler(call, partial(self._answered, backend, call, respond))

    def _answered(self, backend: str | None, call: Call, respond: Respond, reply: Reply) -> None:
        if call in self._open:  # it was not given up yet
            del self._open[call]
            self._tell(backend, call, reply, self._session.ports.clock() - call.at)
        respond(reply)

    # What goes out.

    def to_backend(self, backend: str) -> Wrap:
        """Return what reports the calls to a backend."""
        return lambda context, handler: partial(self._outgoing, "to_backend", backend, handler)

    def to_station(self, context: Context, handler: Handler) -> Handler:
        """Report the calls to the station, each when it has answered."""
        return partial(self._outgoing, "to_station", None, handler)

    def _outgoing(
        self, direction: Direction, backend: str | None, handler: Handler, call: Call, respond: Respond
    ) -> None:
        name = backend or _backend(call.asker)
        if call.kind == SEND:
            self._pass_on(direction, call, None, None, name)
            handler(call, respond)
        else:
            handler(call, partial(self._replied, direction, name, call, respond))

    def _replied(self, direction: Direction, backend: str | None, call: Call, respond: Respond, reply: Reply) -> None:
        self._pass_on(direction, call, reply, self._session.ports.clock() - call.at, backend)
        respond(reply)

    # The end.

    def close(self) -> None:
        """Report the calls that will not be answered any more: the session is over.

        Those of a leg that goes on under the next session are reported when they are answered.
        """
        here = self._session.legs
        over = {call: backend for call, backend in self._open.items() if backend is None or backend in here}
        for call, backend in over.items():
            del self._open[call]
            self._tell(backend, call, None, self._session.ports.clock() - call.at)

    def _tell(self, backend: str | None, call: Call, reply: Reply | None, took: float | None) -> None:
        if backend is not None:
            self._pass_on("from_backend", call, reply, took, backend)
        else:
            origin = None if reply is None else reply.origin
            self._pass_on("from_station", call, reply, took, None if origin is None else _backend(origin.name))

    def _pass_on(
        self, direction: Direction, call: Call, reply: Reply | None, took: float | None, backend: str | None
    ) -> None:
        session = self._session
        at = session.ports.wall() - max(0.0, session.ports.clock() - call.at)
        overheard = Overheard(session.identity, direction, at, call, reply, took, backend)
        session.ports.taps.pass_on(session.key, overheard)


def _backend(asker: object) -> str | None:
    """Return the backend that made a call, or gave an answer; None for anybody else."""
    return asker.name if isinstance(asker, Backend) else None
