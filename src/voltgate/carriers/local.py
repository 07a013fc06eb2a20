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

_BOUNDS = Bounds(window=16, waiting=64)
"""Calls to one station that may be under way at once: the gateway makes them one after the other."""


class Answering(Protocol):
    """What answers stations."""

    def serve(self, peer: LocalPeer) -> Handler:
        """Return what answers the calls of a station that has come."""

    def left(self, peer: LocalPeer) -> None:
        """Take note that it has gone."""

    @property
    def away(self) -> str:
        """Why nobody can be answered now; "" if everybody can."""


class LocalPeer:
    """One station's connection, as what answers it sees it.

    A call that cannot be answered ends the connection, as it ends with any backend that is lost: what happens to the
    call is then for the gateway to decide.
    """

    def __init__(
        self,
        context: DialContext,
        wire: MemoryWire,
        wheel: Wheel,
        clock: Callable[[], float],
        counts: Counts,
        answering: Answering,
    ) -> None:
        self.identity = context.identity
        self.protocol = wire.subprotocol or ""
        self._wire = wire
        self._clock = clock
        self._answering = answering
        self._turns = Turns(Dialect(self.protocol), self._take, self, _BOUNDS, wheel, counts)
        self._turns.connect(wire)
        self._handler = answering.serve(self)

    def __repr__(self) -> str:
        return f"LocalPeer({self.identity!r}, {self.protocol})"

    def command(self, call: Call, respond: Respond) -> None:
        """Call the station when its turn comes; the answer, or why there is none, comes through `respond`."""
        self._turns.ask(call, respond)

    def _take(self, call: Call, respond: Respond) -> None:
        self._handler(call, partial(self._respond, respond))

    def _respond(self, respond: Respond, reply: Reply) -> None:
        if isinstance(reply, Unanswered):
            self._wire.close(NO_CLOSE, reply.description)
        else:
            respond(reply)

    # The receiver of the wire.

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Take one message of the station."""
        self._turns.receive(text, frame, now, until)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the connection has ended."""
        self._turns.end(reason or "The connection has ended", self._clock())
        self._answering.left(self)

    def writable(self, yes: bool) -> None:
        """Hold calls back while the station's side reads too slowly."""
        self._turns.choke(self._clock(), choked=not yes)


class LocalCarrier(MemoryCarrier):
    """Dials what answers stations in this process, if it can answer anybody."""

    def __init__(self, wheel: Wheel, clock: Callable[[], float]) -> None:
        super().__init__(self._served, clock=clock)
        self.counts = Counts()
        self.answering: Answering | None = None
        """What answers; None until it is there."""
        self._wheel = wheel

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
        away = "it has not begun" if self.answering is None else self.answering.away
        if away:
            return Verdict(None, away)
        return await super().dial(backend, endpoint, dial_context, offer, answering=answering)

    def _served(self, context: DialContext, wire: MemoryWire) -> None:
        assert self.answering is not None  # noqa: S101 - else nothing is dialled
        wire.start(LocalPeer(context, wire, self._wheel, self._clock, self.counts, self.answering))
