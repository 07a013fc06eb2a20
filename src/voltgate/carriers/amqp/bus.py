"""A bus: one connection to RabbitMQ that is kept open, and the stations whose messages it carries.

Whether somebody is there is asked of the broker each second. When the connection is lost, or nobody is there, every
station's wire is lost, and each is dialled again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from voltgate.carriers.amqp.connection import Away, Connection, Incoming
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing
from voltgate.carriers.amqp.settings import Surroundings
from voltgate.carriers.amqp.shape import BusSettings, BusWire
from voltgate.carriers.amqp.wire import Past
from voltgate.relay.carrier import SharedConnection, Verdict
from voltgate.relay.wire import Receiver

_LOOK = 1.0
"""Seconds between two looks at who is there."""
_STEADY = 10.0
"""Seconds that a connection must last before its next loss counts as the first failure again."""
_LINGER = 30.0
"""Seconds that a connection without a station is kept open."""
_MOST_PAST = 10_000
"""Stations of which it is remembered what their lost wire left open."""
_BARRED = 60.0
"""Seconds for which a station is left alone that whoever answers does not know."""
_AFTER_A_FAULT = 1.0
"""Seconds from a fault of ours to the next try, at least."""

log = structlog.get_logger(__name__)


class Bus:
    """One connection with the stations on it: what their wires send by, and what dials it again."""

    def __init__(self, settings: BusSettings, surroundings: Surroundings) -> None:
        self.settings = settings
        self.clock = surroundings.clock
        self.wall = surroundings.wall
        self.counts = surroundings.counts
        self.patience = settings.patience
        self.raw = settings.raw
        self.closed = False
        self._surroundings = surroundings
        self._stations = SharedConnection(settings.backend, surroundings.listen)
        self._name = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._expected_until = self.clock() + settings.broker.patience
        self._reason = "not connected yet"
        self._was_blocked = False
        self._wires: dict[str, list[BusWire]] = {}
        self._past: dict[str, Past] = {}
        self._barred: dict[str, str] = {}
        self._idle_since = self.clock()
        self._loop = asyncio.get_running_loop()
        self._living = surroundings.keep(f"broker {settings.backend}", self._live)

    # Stations.

    async def join(self, identity: str, protocol: str) -> BusWire | Verdict:
        """Return a wire for a station; or why there is none."""
        self._idle_since = self.clock()
        await self._come_up()
        if not self._stations.is_up:
            return Verdict(None, self._reason, shared=True)
        barred = self._barred.get(identity)
        if barred is not None:
            return Verdict(404, barred)
        wire = self.settings.shape.wire(self, identity, protocol, self._past.pop(identity, Past()))
        self._wires.setdefault(identity, []).append(wire)
        return wire

    async def _come_up(self) -> None:
        """Wait for a connection that is being made for the first time, or that was there a short while ago."""
        while not self._stations.is_up and not self.closed and (left := self._expected_until - self.clock()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    # What a wire needs.

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Send an item to a queue; return why it cannot be sent."""
        return Obstacle.AWAY if self._connection is None else self._connection.put(queue, outgoing)

    def mint(self) -> str:
        """Return a key that no other call has."""
        return f"{self._name}-{next(self._numbers)}"

    def attach(self, wire: BusWire, receiver: Receiver) -> None:
        """Tell a receiver when the connection is lost."""
        self._stations.attach(wire, receiver)

    def forget(self, wire: BusWire, past: Past | None) -> bool:
        """Bring a wire nothing more; keep what the next one has to know. Return whether it was the station's last."""
        self._stations.detach(wire)
        wires = self._wires.get(wire.identity, [])
        if wire in wires:
            wires.remove(wire)
        if not wires:
            self._wires.pop(wire.identity, None)
        self._idle_since = self.clock()
        if past is not None:
            self._keep(wire.identity, past)
        return not wires

    def _keep(self, identity: str, past: Past) -> None:
        if past.sent or past.open or past.apart:
            self._past[identity] = past
            if len(self._past) > _MOST_PAST:
                del self._past[next(iter(self._past))]

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""
        self._loop.call_soon(callback)

    # What the broker brings.

    def _take(self, message: Incoming) -> None:
        self.settings.shape.take(self, message)

    def find(self, identity: str) -> BusWire | None:
        """Return the wire that gets what comes for a station; None if it is not here."""
        wires = self._wires.get(identity)
        if not wires:
            return None
        return next((each for each in reversed(wires) if each.started), wires[-1])

    def wires(self, identity: str) -> Sequence[BusWire]:
        """Return the wires of a station, the newest last."""
        return self._wires.get(identity, ())

    def guard(self, wire: BusWire, take: Callable[[], None]) -> None:
        """Have a wire take something; a fault of ours in it ends that wire only."""
        try:
            take()
        except Exception as fault:
            self._faulted(wire, fault)

    def bar(self, identity: str, reason: str) -> None:
        """Let this station have no wire for a while."""
        if len(self._barred) < _MOST_PAST:
            self._barred[identity] = reason
            self._surroundings.wheel.at(self.clock() + _BARRED, partial(self._unbar, identity))

    def _unbar(self, identity: str, now: float) -> None:
        self._barred.pop(identity, None)

    def _faulted(self, wire: BusWire, fault: Exception) -> None:
        """Let one station go that met a fault of ours; the others share the connection."""
        self.counts.faults += 1
        log.error("a fault of Voltgate: a receiver failed", station=wire.identity, exc_info=fault)
        try:
            wire.lose("internal error")
        except Exception:
            log.exception("a fault of Voltgate: a receiver failed", station=wire.identity)

    # Life.

    async def _live(self) -> None:
        """Stay connected until the last try has failed; after a fault of ours it is called again."""
        try:
            await self._stay_connected()
            self.closed = True
        finally:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()
            if not self.closed:
                self._go_down("a fault of Voltgate", _AFTER_A_FAULT)

    async def _stay_connected(self) -> None:
        failures, surroundings = 0, self._surroundings
        while not self._is_idle():
            opened = self.clock()
            try:
                why = await self._one_stay()
                failures = 0 if self.clock() - opened >= _STEADY else failures
                self.counts.losses += bool(why)
            except Away as problem:
                why = str(problem)
            if not why:
                return
            failures += 1
            retry = self.settings.retry.delay(failures, surroundings.draw)
            self._go_down(why, retry)
            if retry is None:
                return
            await asyncio.sleep(retry)

    async def _one_stay(self) -> str:
        """Connect, and return why the connection has ended; "" if nobody needs it. Raise Away."""
        settings = self.settings
        shape = settings.shape
        names = self._surroundings.names
        connection = await Connection.open(settings.broker, shape.own, self._take, self.clock, self.counts, names)
        self._connection = connection
        try:
            await shape.prepare(connection)
            while not connection.lost.done() and not self._is_idle():
                self._go_by(await self._missing(connection))
                await asyncio.wait([connection.lost], timeout=_LOOK)
            self.closed = not connection.lost.done()  # at once: who comes now gets another one
            return "" if self.closed else connection.lost.result()
        except Away as problem:
            return str(problem)
        finally:
            self._connection = None
            await connection.close()

    async def _missing(self, connection: Connection) -> str:
        """Return why nobody can be reached; "" if somebody can. Raise Away."""
        blocked = connection.is_blocked
        self.counts.blocked += blocked and not self._was_blocked
        self._was_blocked = blocked
        if blocked:
            return "the broker takes no messages: it is short of memory or disk"
        if connection.is_stuck(self.clock()):
            raise Away(f"no confirmation within {self.settings.broker.patience:g} s")
        return await self.settings.shape.missing(connection)

    def _go_by(self, missing: str) -> None:
        if missing:
            self._go_down(missing, None)
        elif not self._stations.is_up:
            self._stations.up()
            self._wake()

    def _wake(self) -> None:
        """Have those look again who wait for the connection, or for a consumer."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _go_down(self, reason: str, retry: float | None) -> None:
        """Let every station go."""
        self._reason = reason
        if self._stations.is_up is not False:
            self._expected_until = self.clock() + (self.settings.broker.patience if self._stations.is_up else 0.0)
        wires, self._wires = self._wires, {}
        for identity, each in wires.items():
            for wire in each:
                self._keep(identity, wire.end())
        try:
            self._stations.down(reason, retry)
        except ExceptionGroup as faults:
            self.counts.faults += len(faults.exceptions)
            log.exception("a fault of Voltgate: receivers failed")
        self._wake()

    def _is_idle(self) -> bool:
        return not self._wires and self.clock() - self._idle_since >= _LINGER

    async def close(self) -> None:
        """Leave the broker."""
        self.closed = True
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)
