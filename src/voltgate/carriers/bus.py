"""A bus: one connection to a broker that is kept open, and the stations whose messages it carries.

Here is what is the same whatever the broker: when it is connected to again, how long a station waits for it, and what
is remembered of stations whose wires were lost. When the connection is lost, or nobody is at its far end, every
station's wire is lost, and each is dialled again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar, TypeVarTuple

import structlog

from voltgate.carriers.bus_wire import BusWire, NameT, PastT
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Retry
from voltgate.relay.carrier import SharedConnection, Verdict
from voltgate.relay.events import Listen
from voltgate.relay.wire import Receiver

_STEADY = 10.0
"""Seconds that a connection must last before its next loss counts as the first failure again."""
_LINGER = 30.0
"""Seconds that a connection without a station is kept open."""
_MOST_PAST = 10_000
"""Stations of which it is remembered what their lost wire left open."""
_BARRED = 60.0
"""Seconds for which a station is left alone that is not wanted at the far end."""
_TO_BE_TOLD = 0.2
"""Seconds that a station waits for a broker beyond the time that it may take, so as to be told why it is not there."""
_AFTER_A_FAULT = 1.0
"""Seconds from a fault of ours to the next try, at least."""

Keep: TypeAlias = Callable[[str, Callable[[], Awaitable[object]]], asyncio.Task[None]]
"""Does some work in a task of this name until it returns, and begins it again after a fault, which it makes known."""

WireT = TypeVar("WireT", bound=BusWire[Any, Any])
SettingsT = TypeVar("SettingsT", bound=Hashable)
BusT = TypeVar("BusT", bound="Bus[Any, Any, Any]")
Ts = TypeVarTuple("Ts")

log = structlog.get_logger(__name__)


class Away(Exception):  # noqa: N818 - what the broker did, not a fault
    """The broker could not be reached, or did not let us do what we must; the text says why."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a bus is given of the process. `clock` is monotonic; `names` looks up the brokers' hosts."""

    wheel: Wheel
    clock: Callable[[], float]
    draw: Callable[[], float]
    listen: Listen
    names: Resolver
    keep: Keep


@dataclass(slots=True)
class BusCounts:
    """What befell messages and connections of brokers of any kind, counted."""

    losses: int = 0
    """Connections that were lost."""
    refused: int = 0
    """Messages that the broker did not take."""
    overflows: int = 0
    """Messages that found too many waiting for the broker."""
    unreadable: int = 0
    """Messages that are none."""
    repeated: int = 0
    """Calls that came again and were not made again, and answers that came again."""
    turned_away: int = 0
    """Calls that were answered with an error because too many waited."""
    strays: int = 0
    """Messages for stations that are not here."""
    answers_lost: int = 0
    """Answers that nobody could be given."""
    faults: int = 0
    """Faults of Voltgate."""


async def stay_connected(
    stay: Callable[[], Awaitable[str]], retry: Callable[[str, int], float | None], clock: Callable[[], float]
) -> None:
    """Connect again and again until there is to be no other try.

    `stay` connects, and returns why the connection has ended, or raises Away. `retry` is told why, and how many
    failures in a row that makes, and returns the seconds until the next try; None for no more.
    """
    failures = 0
    while True:
        opened = clock()
        try:
            why = await stay()
        except Away as problem:
            why = str(problem)
        else:
            failures = 0 if clock() - opened >= _STEADY else failures
        failures += 1
        wait = retry(why, failures)
        if wait is None:
            return
        await asyncio.sleep(wait)


class Wires(Generic[WireT]):
    """The wires of a station that is on a bus, or coming: those `made`, the newest last; and how many are `making`."""

    __slots__ = ("made", "making")

    def __init__(self) -> None:
        self.made: list[WireT] = []
        self.making = 0

    @property
    def taking(self) -> WireT | None:
        """The wire that takes what comes for the station: the newest that was started, else the newest."""
        for wire in self.made[::-1]:
            if wire.started:
                return wire
        return self.made[-1] if self.made else None


class Bus(ABC, Generic[NameT, WireT, PastT]):
    """One connection, which `_stay` opens, with the stations on it. `patience` is how long the broker may take."""

    def __init__(
        self, backend: str, patience: float, retry: Retry, surroundings: Surroundings, counts: BusCounts
    ) -> None:
        self.wheel = surroundings.wheel
        self.clock = surroundings.clock
        self.counts = counts
        self.closed = False
        self._names = surroundings.names
        self._draw = surroundings.draw
        self._retry = retry
        self._within = patience
        self._expected_until = self.clock() + patience + _TO_BE_TOLD
        self._stations = SharedConnection(backend, surroundings.listen)
        self._changed = asyncio.Event()
        self._reason = "not connected yet"
        self._wires: dict[NameT, Wires[WireT]] = {}
        self._pasts: dict[NameT, PastT] = {}
        self._barred: dict[NameT, Verdict] = {}
        self._idle_since = self.clock()
        self._loop = asyncio.get_running_loop()
        self._living = surroundings.keep(f"broker {backend}", self._live)

    @abstractmethod
    async def _stay(self) -> str:
        """Connect, say by `_go_by` whether somebody is there, and return why the connection has ended. Raise Away."""

    # Stations.

    def __len__(self) -> int:
        return len(self._wires)

    def __contains__(self, name: NameT) -> bool:
        return name in self._wires

    def find(self, name: NameT) -> WireT | None:
        """Return the wire that gets what comes for a station; None if it is not here."""
        wires = self._wires.get(name)
        return None if wires is None else wires.taking

    def wires(self, name: NameT) -> Sequence[WireT]:
        """Return the wires of a station, the newest last."""
        wires = self._wires.get(name)
        return () if wires is None else wires.made

    @contextlib.contextmanager
    def _joining(self, name: NameT) -> Iterator[Wires[WireT]]:
        """Know of a station while a wire is made for it."""
        wires = self._wires.setdefault(name, Wires())
        wires.making += 1
        try:
            yield wires
        finally:
            wires.making -= 1
            self._tidy(name, wires)

    async def _come_up(self, name: NameT) -> Verdict | None:
        """Wait for a connection that is being made for the first time, or that was there a short while ago.

        Return why this station cannot have a wire.
        """
        while not self._stations.is_up and not self.closed and (left := self._expected_until - self.clock()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        return self._barred.get(name) if self._stations.is_up else self._away

    @property
    def _away(self) -> Verdict:
        return Verdict(None, self._reason, shared=True)

    def attach(self, wire: BusWire[NameT, PastT], receiver: Receiver) -> None:
        """Tell a receiver when the connection is lost."""
        self._stations.attach(wire, receiver)

    def forget(self, wire: BusWire[NameT, PastT], past: PastT) -> bool:
        """Bring a wire nothing more; keep what the next one has to know. Return whether it was the station's last."""
        self._stations.detach(wire)
        wires = self._wires.get(wire.name, Wires[WireT]())
        wires.made = [each for each in wires.made if each is not wire]
        self._tidy(wire.name, wires)
        self._remember(wire.name, past)
        return not wires.made

    def _remember(self, name: NameT, past: PastT) -> None:
        if past:
            self._pasts[name] = past
            if len(self._pasts) > _MOST_PAST:
                del self._pasts[next(iter(self._pasts))]

    def _tidy(self, name: NameT, wires: Wires[WireT]) -> None:
        """Let go of a station that nobody needs any more."""
        if wires.made or wires.making or self._wires.get(name) is not wires:
            return
        del self._wires[name]
        self._left(name)
        if not self._wires:
            self._idle_since = self.clock()
            self.wheel.at(self._idle_since + _LINGER, self._look_idle)

    def _left(self, name: NameT) -> None:
        """Take note that a station has left the bus."""

    def _look_idle(self, now: float) -> None:
        if not self._wires and now - self._idle_since >= _LINGER:
            self.closed = True
            self._living.cancel()

    def bar(self, name: NameT, verdict: Verdict) -> None:
        """Let this station have no wire for a while."""
        if len(self._barred) < _MOST_PAST:
            self._barred[name] = verdict
            self.wheel.at(self.clock() + _BARRED, partial(self._unbar, name))

    def _unbar(self, name: NameT, now: float) -> None:
        self._barred.pop(name, None)

    # What a wire needs besides.

    def soon(self, callback: Callable[[], None]) -> None:
        """Call something in the next turn of the event loop."""
        self._loop.call_soon(callback)

    def guard(self, wire: BusWire[NameT, PastT], take: Callable[[*Ts], None], *what: *Ts) -> None:
        """Have a wire take something. A fault of ours in it ends that wire only: the others share the connection."""
        try:
            take(*what)
        except Exception:
            self.counts.faults += 1
            log.exception("a fault of Voltgate: a receiver failed", station=wire.identity)
            try:
                wire.lose("internal error")
            except Exception:
                log.exception("a fault of Voltgate: a receiver failed", station=wire.identity)

    # Life.

    async def _live(self) -> None:
        """Stay connected until the last try has failed; after a fault of ours it is called again."""
        try:
            await stay_connected(self._stay, self._failed, self.clock)
            self.closed = True
        finally:
            if not self.closed:
                self._go_down("a fault of Voltgate", _AFTER_A_FAULT)

    def _failed(self, why: str, failures: int) -> float | None:
        retry = self._retry.delay(failures, self._draw)
        self._go_down(why, retry)
        return retry

    def _go_by(self, missing: str) -> None:
        """Take note why nobody can be reached although the connection is there; "" if somebody can."""
        if missing:
            self._go_down(missing, None)
        elif not self._stations.is_up:
            self._stations.up()
            self._wake()

    def _go_down(self, reason: str, retry: float | None) -> None:
        """Let every station go: nobody can be reached on their behalf now."""
        self._reason = reason
        if self._stations.is_up is not False:
            self._expected_until = self.clock() + (self._within if self._stations.is_up else 0.0)
        for name, wires in list(self._wires.items()):
            lost, wires.made = wires.made, []
            for wire in lost:
                self._remember(name, wire.end())
            self._tidy(name, wires)
        try:
            self._stations.down(reason, retry)
        except ExceptionGroup as faults:
            self.counts.faults += len(faults.exceptions)
            log.exception("a fault of Voltgate: receivers failed")
        self._wake()

    def _wake(self) -> None:
        """Have those look again who wait for the connection, or for somebody at its far end."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        """Leave the broker."""
        self.closed = True
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)


class Buses(Generic[SettingsT, BusT]):
    """The buses of a carrier, by what they go by. There are `most` stations on one; with more, another one is made."""

    def __init__(self, make: Callable[[SettingsT], BusT], most: float = math.inf) -> None:
        self._make = make
        self._most = most
        self._made: dict[SettingsT, list[BusT]] = {}

    def __iter__(self) -> Iterator[BusT]:
        return (bus for buses in self._made.values() for bus in buses)

    def bus(self, settings: SettingsT, name: Hashable) -> BusT:
        """Return the bus that a station is on, else the first one that has room, else a new one."""
        open_ones = _open(self._made.get(settings, []))
        found = [bus for bus in open_ones if name in bus] or [bus for bus in open_ones if len(bus) < self._most]
        if found:
            return found[0]
        self._made = {each: left for each, buses in self._made.items() if (left := _open(buses))}
        self._made[settings] = [*open_ones, made := self._make(settings)]
        return made

    async def close(self) -> None:
        """Leave all brokers."""
        await asyncio.gather(*(bus.close() for bus in self))


def _open(buses: list[BusT]) -> list[BusT]:
    return [bus for bus in buses if not bus.closed]
