"""The layout of the management system EVerythingcharge, whose API server a gateway serves as its worker.

A message is one frame of OCPP-J as it is, with the station's identity in a header. What stations say goes to the
exchange `events`; what they are to be told comes by `tasks`, to all workers; `connections` carries who has come and
gone to the API, and whose connection is to be closed to all workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from voltgate.carriers.amqp.connection import Connection, Incoming
from voltgate.carriers.amqp.items import CONNECTED, DISCONNECTED
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.shape import Carrying
from voltgate.carriers.amqp.told import ToldWire
from voltgate.ocpp.close_codes import NORMAL
from voltgate.ocpp.framing import decode
from voltgate.ocpp.messages import Call
from voltgate.relay.carrier import Verdict

HEADER = "Charge-Point-Id"
EVENTS, TASKS, CONNECTIONS = "events", "tasks", "connections"
FORCE_CLOSE = "force_close"
_TOLD = {CONNECTED: "new_connections", DISCONNECTED: "lost_connections"}
"""The routing keys by which the API hears who has come and who has gone."""
_MOST_BEFORE = 64
UNKNOWN = "the API does not know this station"


@dataclass(slots=True)
class Told:
    """What the API was told: the last wire of each station that it takes for connected. `servers` is how many it is."""

    wires: dict[str, ToldWire] = field(default_factory=dict)
    servers: int = 0


@dataclass(frozen=True, slots=True)
class Everythingcharge:
    """The shape of that layout."""

    own: str = "voltgate.worker"
    told: Told = field(default_factory=Told, compare=False, repr=False)

    async def prepare(self, connection: Connection) -> None:
        """Have what the API says come to our queue. Raise Away."""
        await connection.bind(TASKS, "fanout", "")
        await connection.bind(CONNECTIONS, "topic", f"{FORCE_CLOSE}.#")

    async def missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if the API is there: it consumes the queue of events. Raise Away."""
        before, self.told.servers = self.told.servers, await connection.consumers(EVENTS) or 0
        if not self.told.servers:
            return f"no API server consumes {EVENTS}"
        for wire in list(self.told.wires.values()):
            wire.looked(is_news=self.told.servers != before)
        return ""

    def wire(self, bus: Carrying, identity: str, protocol: str, past: Past) -> WorkerWire:
        """Return a wire for a station."""
        return WorkerWire(bus, identity, protocol, self.told.wires, shared=not past.apart)

    def take(self, bus: Carrying, message: Incoming) -> None:
        """Take a message of the API for a station, if it is here: all workers get it."""
        identity = (message.headers or {}).get(HEADER)
        wire = bus.find(identity) if isinstance(identity, str) else None
        if not isinstance(wire, WorkerWire):
            return
        if (message.routing_key or "").startswith(FORCE_CLOSE):
            bus.bar(wire.name, Verdict(404, UNKNOWN))
            bus.guard(wire, wire.lose, UNKNOWN, NORMAL)
        else:
            bus.guard(wire, wire.take, message.body)


class WorkerWire(ToldWire):
    """A station's wire."""

    __slots__ = ("_before",)

    def __init__(
        self, post: Carrying, identity: str, protocol: str, told: dict[str, ToldWire], *, shared: bool
    ) -> None:
        super().__init__(post, identity, protocol, told, shared=shared)
        self._before: list[bytes] | None = []
        """What the station says before the API has been told of it, which takes nothing from strangers."""

    def _say(self, event: str, settled: Callable[[Obstacle | None], None]) -> Obstacle | None:
        return self._put(CONNECTIONS, _TOLD[event], b"[]", settled)

    def _announced(self, obstacle: Obstacle | None) -> None:
        """Go on: the broker has given the API the station's name, and gives it what follows later."""
        before, self._before = self._before, None
        if obstacle is not None:
            self.lose(f"{CONNECTIONS}: {obstacle.value}")
        for text in before or ():
            self.send(text)

    def _put(self, exchange: str, key: str, text: bytes, settled: Callable[[Obstacle | None], None]) -> Obstacle | None:
        expires = self._post.clock() + self._post.patience
        return self._post.put(exchange, Outgoing(text, expires, settled, exchange, key, {HEADER: self.identity}))

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Send one frame of the station."""
        if self._is_over:
            return
        if self._before is not None:
            self._hold_back(text)
            return
        settled = self._call_settled if isinstance(decode(text), Call) else self._answer_settled
        obstacle = self._put(EVENTS, EVENTS, text, settled)
        if obstacle is not None:
            self._post.soon(lambda: self.lose(obstacle.value))

    def _hold_back(self, text: bytes) -> None:
        assert self._before is not None  # noqa: S101 - whoever calls has looked
        self._before.append(text)
        if len(self._before) > _MOST_BEFORE:
            self._post.soon(lambda: self.lose(Obstacle.TOO_MANY.value))

    def _call_settled(self, obstacle: Obstacle | None) -> None:
        if obstacle is not None and obstacle is not Obstacle.LATE:
            self.lose(f"{EVENTS}: {obstacle.value}")

    def _answer_settled(self, obstacle: Obstacle | None) -> None:
        self._post.counts.answers_lost += obstacle is not None

    def take(self, text: bytes) -> None:
        """Take one frame for the station."""
        try:
            text.decode()
        except UnicodeDecodeError:
            self._post.counts.unreadable += 1
            return
        if self._hindrance:
            self._post.counts.turned_away += 1
        else:
            self._bring(text)

    def close(self, code: int, reason: str) -> None:
        """End."""
        if not self._is_over:
            self._leave()

    def _past(self) -> Past:
        return Past()
