"""A fleet: many simulated stations in one process, from their connection to the end of the run."""

from __future__ import annotations

import asyncio
import base64
import functools
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from voltgate.carriers.websocket.dial import dial
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.charger import Charger
from voltgate.simulator.clock import Clock
from voltgate.simulator.event_loop import TICK
from voltgate.simulator.profile import Profile, StationSettings
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.soap_transport import SoapSettings, SoapTransport
from voltgate.simulator.station import Dial, Station
from voltgate.simulator.tally import Fault, Tally

_AT_ONCE = 200
"""Handshakes in progress at a time."""

_HANDSHAKE_TIMEOUT = 60.0
"""Seconds until a run begins although handshakes are still in progress."""

_CLOSE_TIMEOUT = 5.0
"""Seconds that the far end has to finish the closing handshakes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate. Times are in seconds; `duration` None runs until stopped.

    Station number 7 is called `prefix` and "00007"; versions take turns. `password` is sent by HTTP Basic. `rate` is
    calls a second of the whole fleet at a fixed pace, with a load profile; None: as fast as answers come. Faults that
    are `tolerated` are counted, and do not make the run a failure. With `soap` all stations speak that instead of
    websockets, and `url` is the central system's: "{station}" in it stands for the identity, which is not added.
    """

    url: str
    stations: int
    versions: tuple[str, ...]
    profile: Profile
    settings: StationSettings
    prefix: str = "CP-"
    password: str | None = field(default=None, repr=False)
    ramp: float = 0.0
    duration: float | None = 60.0
    rate: float | None = None
    seed: int = 1
    ca: str | None = None
    tolerated: frozenset[Fault] = frozenset()
    soap: SoapSettings | None = None


class Fleet:
    """The stations of one run. `failures` counts what went wrong in the simulator itself."""

    def __init__(self, plan: Plan, report: Callable[[Exception], None]) -> None:
        self.plan = plan
        self.tally = Tally(plan.tolerated)
        self.wheel = Wheel(time.monotonic(), TICK)
        self.clock = Clock(time.monotonic)
        self.simulation = Simulation(
            plan.profile,
            plan.settings,
            self.tally,
            self.wheel,
            self.clock,
            plan.seed,
            paced=plan.rate is not None,
        )
        connect: Dial = self._dial
        self.chargers = [self._charger(number, connect) for number in range(1, plan.stations + 1)]
        self._handshakes = asyncio.Semaphore(_AT_ONCE)
        self._dialling: set[asyncio.Task[None]] = set()
        secure = plan.url.startswith(("wss:", "https:"))
        self._trust = ssl.create_default_context(cafile=plan.ca) if secure else None
        self._report = report
        self._transport = self._soap_transport(plan.soap) if plan.soap is not None else None
        self.failures = 0
        self._pacing: asyncio.TimerHandle | None = None
        self._paced = 0.0

    def _charger(self, number: int, dial: Dial) -> Charger:
        plan = self.plan
        version = plan.versions[number % len(plan.versions)]
        return Charger(f"{plan.prefix}{number:05d}", number, version, self.simulation, dial, plan.password)

    def _soap_transport(self, soap: SoapSettings) -> SoapTransport:
        chargers = {charger.identity: charger for charger in self.chargers}
        return SoapTransport(soap, self.plan.url, self.simulation, chargers, self._trust, self._failed)

    # Connecting

    def _dial(self, station: Station) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(station))
        self._dialling.add(task)
        task.add_done_callback(self._dialled)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        self._dialling.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._failed(fault)

    def _failed(self, fault: BaseException, link: object = None) -> None:
        self.failures += 1
        self._report(fault if isinstance(fault, Exception) else RuntimeError(str(fault)))

    async def _connect(self, station: Station) -> None:
        async with self._handshakes:
            if self._transport is not None:
                await self._transport.connect(station)
                return
            answer = await dial(
                _address(self.plan.url, station.identity),
                offer=(station.version,),
                headers=_credentials(station),
                ssl=self._trust,
                settings=_settings(station.ping),
                wheel=self.wheel,
                clock=self.clock.now,
                timeout=30.0,
                report=self._failed,
                name=station.identity,
            )
        now = self.clock.now()
        if not isinstance(answer, Link):
            body = answer.body.decode("utf-8", "replace").strip()
            station.handshake_failed(f"{answer.reason} {body}".strip(), now)
        elif answer.subprotocol != station.version:
            station.handshake_failed(f"offered {station.version}, got {answer.subprotocol}", now)
            answer.abort("wrong sub-protocol")
        else:
            answer.start(station.connected(answer, now))

    # The run

    async def run(self, stop: asyncio.Event) -> None:
        """Run for as long as the plan says, or until `stop`; then end every session and disconnect."""
        if self._transport is not None:
            await self._transport.open()
        ticking = asyncio.get_running_loop().create_task(self._tick())
        try:
            await self._switch_on(stop)
            if self.plan.rate:
                self._pace(self.plan.rate)
            await _until(stop, self.plan.duration)
            self.simulation.closing = True
            await self._finish()
        finally:
            if self._pacing is not None:
                self._pacing.cancel()
            for task in list(self._dialling):
                task.cancel()
            ticking.cancel()
            await asyncio.gather(ticking, *self._dialling, return_exceptions=True)
            if self._transport is not None:
                await self._transport.close()

    async def _tick(self) -> None:
        while True:
            try:
                self.wheel.tick(self.clock.now())
            except ExceptionGroup as failures:
                for failure in failures.exceptions:
                    self._failed(failure)
            await asyncio.sleep(TICK)

    async def _switch_on(self, stop: asyncio.Event) -> None:
        pause = self.plan.ramp / max(1, len(self.chargers))
        behind = self.clock.now()
        for charger in self.chargers:
            charger.start(self.clock.now())
            behind += pause
            if behind - self.clock.now() > TICK:
                await _until(stop, behind - self.clock.now())
            if stop.is_set():
                return
        await self._answered(stop)

    async def _answered(self, stop: asyncio.Event) -> None:
        """Wait until every first handshake is done or has failed: the run's time counts from then on."""
        stopped = asyncio.ensure_future(stop.wait())
        try:
            first = asyncio.gather(*self._dialling, return_exceptions=True)
            await asyncio.wait((stopped, first), timeout=_HANDSHAKE_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()

    def _pace(self, rate: float) -> None:
        """Send calls at a fixed pace, late ones too: their latency counts from when they were due."""
        turns = self._turns()
        self._paced = self.clock.now()

        def step() -> None:
            now = self.clock.now()
            while self._paced <= now:
                load_station = next(turns).load_station
                if load_station is not None:
                    load_station.step(now, self._paced)
                self._paced += 1 / rate
            self._pacing = asyncio.get_running_loop().call_later(max(0.0, self._paced - now), step)

        step()

    def _turns(self) -> Iterator[Charger]:
        while True:
            yield from self.chargers

    async def _finish(self) -> None:
        """Wait for every session to end and every message to be confirmed; count what was not, then disconnect."""
        now = self.clock.now()
        for charger in self.chargers:
            charger.finish(now)
        await self._wait_for_all(lambda charger: charger.settled, self.plan.settings.timeout + 5)
        self._count_lost()
        for charger in self.chargers:
            charger.disconnect(self.clock.now())
        await self._wait_for_all(lambda charger: charger.channel is None, _CLOSE_TIMEOUT)

    async def _wait_for_all(self, what: Callable[[Charger], bool], seconds: float) -> None:
        """Wait until a condition holds for all stations, at most for `seconds`."""
        for _ in range(int(seconds / TICK)):
            if all(map(what, self.chargers)):
                return
            await asyncio.sleep(TICK)

    def _count_lost(self) -> None:
        """Count the transactions that were begun, and neither confirmed nor given up."""
        tally = self.tally
        unsettled = (charger.identity for charger in self.chargers if not charger.settled)
        for _ in range(tally.begun - tally.confirmed - tally.faults[Fault.LOST]):
            tally.fault(Fault.LOST, next(unsettled, "a station"), "a transaction was never confirmed")


@functools.lru_cache(maxsize=64)
def _settings(ping: float) -> LinkSettings:
    return LinkSettings(ping=ping)


def _address(url: str, identity: str) -> str:
    segment = quote(identity, safe="")
    return url.replace("{station}", segment) if "{station}" in url else f"{url.rstrip('/')}/{segment}"


def _credentials(station: Station) -> Sequence[tuple[str, str]]:
    if station.password is None:
        return ()
    secret = station.password.encode() if isinstance(station.password, str) else station.password
    return (("Authorization", "Basic " + base64.b64encode(station.identity.encode() + b":" + secret).decode()),)


async def _until(stop: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
