"""Two worlds for the simulator's tests: one without network and clock, one on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from voltgate.carriers.websocket.listener import Listener
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Receiver
from voltgate.simulator.backend import SimulatedBackend, open_listener
from voltgate.simulator.behaviour import Behaviour
from voltgate.simulator.charger import Charger
from voltgate.simulator.clock import Clock
from voltgate.simulator.event_loop import TICK, ticking
from voltgate.simulator.fleet import Fleet, Plan
from voltgate.simulator.profile import Profile, StationSettings
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.station import Station
from voltgate.simulator.tally import Tally

QUICK = Profile("quick", 2, 5.0, 0.2, (0.05, 0.4), (0.3, 0.9), samples=3)
"""Cars come and go within a second."""

STILL = Profile("still", 2, 300.0, idle=None)
"""Nobody comes by."""

DEADLINE = 60.0
"""Seconds until what should happen counts as not happening; only a failing test waits so long."""


@dataclass(slots=True)
class End:
    """One end of a wire in memory; what is sent is delivered when the world is run."""

    post: deque[Callable[[], None]]
    now: Callable[[], float]
    log: list[bytes]
    other: End | None = None
    receiver: Receiver | None = None

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        self.log.append(text)
        self.post.append(lambda: self._deliver(text))

    def _deliver(self, text: bytes) -> None:
        if self.other is not None and self.other.receiver is not None:
            self.other.receiver.received(text, None, self.now())

    def close(self, code: int, reason: str) -> None:
        self.post.append(lambda: self._end(code, reason))

    def _end(self, code: int, reason: str) -> None:
        for end in (self, self.other):
            if end is not None and end.receiver is not None:
                receiver, end.receiver = end.receiver, None
                receiver.lost(code, reason)

    def pause(self) -> None:
        raise AssertionError("the simulator does not pause")

    def resume(self) -> None:
        raise AssertionError("the simulator does not pause")


class World:
    """Stations and the stand-in backend on wires in memory, by a clock that is told what time it is."""

    def __init__(
        self,
        profile: Profile = QUICK,
        settings: StationSettings | None = None,
        behaviour: Behaviour | None = None,
        seed: int = 1,
    ) -> None:
        self.now = 1000.0
        self.said: list[bytes] = []
        self.answered: list[bytes] = []
        self.reachable = True
        self.wires: list[End] = []
        self.post: deque[Callable[[], None]] = deque()
        wheel, clock = Wheel(self.now, TICK), Clock(lambda: self.now, epoch=1_790_000_000.0)
        self.wheel = wheel
        self.backend = SimulatedBackend(behaviour or Behaviour(), wheel, clock)
        self.tally = Tally()
        settings = settings or StationSettings(echo=True, history=1000).impatient()
        self.simulation = Simulation(profile, settings, self.tally, wheel, clock, seed)
        self.chargers: list[Charger] = []

    def station(self, version: str, identity: str = "CP1") -> Charger:
        """Switch a station on."""
        charger = Charger(identity, len(self.chargers) + 1, version, self.simulation, self._dial)
        self.chargers.append(charger)
        charger.start(self.now)
        return charger

    def _dial(self, charger: Station) -> None:
        self.post.append(lambda: self._connect(charger))

    def _connect(self, charger: Station) -> None:
        if not self.reachable:
            charger.handshake_failed("out of reach", self.now)
            return
        here = End(self.post, lambda: self.now, self.said)
        there = End(self.post, lambda: self.now, self.answered, here)
        here.other = there
        self.wires.append(here)
        there.receiver = self.backend.connect(charger.identity, charger.version, there)
        here.receiver = charger.connected(here, self.now)

    def cut(self) -> None:
        """Break every connection."""
        for wire in self.wires:
            wire.close(1006, "cut")
        self.wires.clear()
        self.deliver()

    def deliver(self) -> None:
        """Deliver everything that is under way."""
        while self.post:
            self.post.popleft()()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            self.deliver()
            self.now += TICK
            self.wheel.tick(self.now)
        self.deliver()

    def finish(self) -> None:
        """End what runs, and let everything be confirmed."""
        self.simulation.closing = True
        for charger in self.chargers:
            charger.finish(self.now)
        self.run(20)


@dataclass(slots=True)
class RunningBackend:
    """The stand-in backend on a real socket, which can go away and come back on the same port."""

    backend: SimulatedBackend
    listeners: list[Listener] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen, on the same port as before."""
        listener = await open_listener(self.backend, "127.0.0.1", self.port)
        self.port = listener.port
        self.listeners.append(listener)

    async def vanish(self) -> None:
        """Stop listening, and cut every connection."""
        for listener in self.listeners:
            await listener.close()
        self.listeners.clear()
        for connection in list(self.backend.open_connections.values()):
            if connection.channel is not None:
                connection.channel.wire.close(1001, "the backend goes away")


@contextlib.asynccontextmanager
async def running_backend(behaviour: Behaviour | None = None) -> AsyncIterator[RunningBackend]:
    """Run the stand-in backend."""
    over = asyncio.Event()
    backend = SimulatedBackend(behaviour or Behaviour(), Wheel(time.monotonic(), TICK), Clock(time.monotonic))
    beside = asyncio.ensure_future(ticking(backend.wheel, time.monotonic, over))
    there = RunningBackend(backend)
    await there.open()
    try:
        yield there
    finally:
        await there.vanish()
        over.set()
        await beside


@dataclass(slots=True)
class Running:
    """A fleet that runs until it is stopped."""

    fleet: Fleet
    stop: asyncio.Event
    task: asyncio.Future[None]
    troubles: list[Exception]

    @property
    def tally(self) -> Tally:
        """What it counted."""
        return self.fleet.tally

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait for something to hold; the fleet must go on meanwhile."""
        async with asyncio.timeout(DEADLINE):
            while not what():
                assert not self.task.done(), "the fleet ended"
                await asyncio.sleep(0.02)

    async def over(self) -> Tally:
        """Stop the fleet, let it finish, and give what it counted."""
        self.stop.set()
        async with asyncio.timeout(DEADLINE):
            await self.task
        assert self.troubles == []
        return self.fleet.tally


@contextlib.asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[Running]:
    """Run a fleet."""
    troubles: list[Exception] = []
    fleet, stop = Fleet(plan, troubles.append), asyncio.Event()
    run = Running(fleet, stop, asyncio.ensure_future(fleet.run(stop)), troubles)
    try:
        yield run
    finally:
        run.task.cancel()
        await asyncio.wait([run.task])
