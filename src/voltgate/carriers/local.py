"""The carrier of `local:` backends: stations are answered in this process, each over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from voltgate.carriers.memory import MemoryCarrier, MemoryWire
from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, Call, Handler, Reply, Respond, Unanswered
from voltgate.ocpp.turn_ports import Bounds
from voltgate.ocpp.turns import Turns
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, Endpoint
from voltgate.relay.carrier import DialContext, Verdict
from voltgate.relay.events import CarrierDown, CarrierUp, Listen

_BOUNDS = Bounds(window=16, waiting=64)
"""Calls to one station that may be under way at once: the gateway makes them one after the other."""


class Serving(Protocol):
    """Whom a station's connection is handed to."""

    def serve(self, peer: LocalPeer) -> Handler:
        """Return what answers the calls of a station that has come."""

    def left(self, peer: LocalPeer) -> None:
        """Take note that it has gone."""


class Answering(Serving, Protocol):
    """What answers stations."""

    @property
    def away(self) -> str:
        """Why nobody can be answered now; "" if everybody can."""


class LocalPeer:
    """One station's connection, as what answers it sees it.

    A call that cannot be answered ends the connection, as it ends with any backend that is lost: what happens to the
    call is then for the gateway to decide.
    """

    holder = ""
    said_at = 0.0

    def __init__(
        self,
        context: DialContext,
        wire: MemoryWire,
        wheel: Wheel,
        clock: Callable[[], float],
        counts: Counts,
        serving: Serving,
    ) -> None:
        self.identity = context.identity
        self.protocol = wire.subprotocol or ""
        self._wire = wire
        self._clock = clock
        self._serving = serving
        self._turns = Turns(Dialect(self.protocol), self._take, self, _BOUNDS, wheel, counts)
        self._turns.connect(wire)
        self._handler = serving.serve(self)

    def __repr__(self) -> str:
        return f"LocalPeer({self.identity!r}, {self.protocol})"

    def hold(self) -> Callable[[], None]:
        """Return what does nothing: it ends with this process, which others notice."""
        return lambda: None

    def command(self, call: Call, respond: Respond) -> None:
        """Call the station when its turn comes; the answer, or why there is none, comes through `respond`."""
        self._turns.ask(call, respond)

    def close(self, reason: str) -> None:
        """End the connection."""
        self._wire.close(NO_CLOSE, reason)

    def _take(self, call: Call, respond: Respond) -> None:
        self._handler(call, partial(self._respond, respond))

    def _respond(self, respond: Respond, reply: Reply) -> None:
        if isinstance(reply, Unanswered):
            self.close(reply.description)
        else:
            respond(reply)

    # The receiver of the wire.

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Take one message of the station."""
        self._turns.receive(text, frame, now, until)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the connection has ended."""
        self._turns.end(reason or "The connection has ended", self._clock())
        self._serving.left(self)

    def writable(self, yes: bool) -> None:
        """Hold calls back while the station's side reads too slowly."""
        self._turns.choke(self._clock(), choked=not yes)


class LocalCarrier(MemoryCarrier):
    """Dials what answers stations in this process, if it can answer anybody; says once that it is there, or away."""

    def __init__(self, wheel: Wheel, clock: Callable[[], float], listen: Listen) -> None:
        super().__init__(self._served, clock=clock, shared=True)
        self.counts = Counts()
        self.answering: Answering | None = None
        """What answers; None until it is there."""
        self._wheel = wheel
        self._listen = listen
        self._peers: set[LocalPeer] = set()
        self._is_up: dict[str, bool | None] = {}
        """Whether each backend was said to be there; None before anything was said."""

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> MemoryWire | Verdict:
        """Open a connection, unless nobody can be answered now."""
        self._is_up.setdefault(backend.name, None)
        self.look()
        if self._away:
            return Verdict(None, self._away, shared=True)
        return await super().dial(backend, endpoint, dial_context, offer, answering=answering)

    @property
    def _away(self) -> str:
        return "it has not begun" if self.answering is None else self.answering.away

    def _served(self, context: DialContext, wire: MemoryWire) -> None:
        assert self.answering is not None  # noqa: S101 - else nothing is dialled
        peer = LocalPeer(context, wire, self._wheel, self._clock, self.counts, self)
        self._peers.add(peer)
        wire.start(peer)

    def look(self) -> None:
        """Look whether stations can be answered, and say so when that has changed. Called now and then, too."""
        away = self._away
        for backend, was_up in self._is_up.items():
            if was_up is not (not away):
                self._is_up[backend] = not away
                self._listen(CarrierDown(backend, away, None) if away else CarrierUp(backend, was_up is None))
        if away:
            for peer in list(self._peers):
                peer.close(away)

    # What answers, as peers see it.

    def serve(self, peer: LocalPeer) -> Handler:
        """Return what answers the calls of a station that has come."""
        assert self.answering is not None  # noqa: S101
        return self.answering.serve(peer)

    def left(self, peer: LocalPeer) -> None:
        """Take note that a station has gone."""
        self._peers.discard(peer)
        if self.answering is not None:
            self.answering.left(peer)
