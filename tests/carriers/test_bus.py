"""A bus, whatever the broker: how long stations wait for it, when it is left, and what a fault of ours costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from tests.carriers.relay_end import RelayEnd
from tests.harness.waiting import until
from voltgate.carriers import bus
from voltgate.carriers.bus import Away, Bus, BusCounts, Surroundings, stay_connected
from voltgate.carriers.bus_wire import MOST_HELD, BusWire, Past
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Retry
from voltgate.relay.carrier import Verdict
from voltgate.relay.events import CarrierDown, CarrierUp, Event
from voltgate.telemetry.supervision import Supervision

TASK = "broker bus"


class Wire(BusWire[str, Past]):
    """A station's wire: what comes for it is brought as it is."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Do nothing: nobody is told."""

    def close(self, code: int, reason: str) -> None:
        """End."""
        self._post.forget(self, self.end())

    def take(self, text: bytes) -> None:
        """Take what comes."""
        self._bring(text)

    def _past(self) -> Past:
        return Past()


class Line(Bus[str, Wire, Past]):
    """A bus without a broker: the test says what becomes of each connection. `now` is the time of its deadlines."""

    def __init__(self, patience: float = 100.0) -> None:
        self.now = 1000.0
        self.events: list[Event] = []
        self.lost: list[asyncio.Future[str]] = []
        """The connections, each until it is lost."""
        self.lets_in = asyncio.Event()
        self.supervision = Supervision(shortest=0.01)
        keep = self.supervision.keep
        around = Surroundings(Wheel(self.now), lambda: self.now, lambda: 0.0, self.events.append, Resolver(), keep)
        retry = Retry(first=0.01, longest=0.01, jitter=0)
        super().__init__("bus", patience, retry, around, BusCounts())

    async def _stay(self) -> str:
        async with asyncio.timeout(self._within):
            await self.lets_in.wait()
        self.lost.append(self._loop.create_future())
        self._go_by("")
        return await self.lost[-1]

    async def join(self, identity: str) -> Wire | Verdict:
        """Take a station onto it."""
        with self._joining(identity) as wires:
            verdict = await self._come_up(identity)
            if verdict is None:
                wires.made.append(Wire(self, identity, "ocpp1.6", shared=not self._pasts.pop(identity, Past()).apart))
            return verdict or wires.made[-1]

    async def station(self, identity: str) -> tuple[RelayEnd, Wire]:
        """Take a station onto it, and start its wire."""
        wire = await self.join(identity)
        assert isinstance(wire, Wire)
        station = RelayEnd()
        wire.start(station)
        return station, wire

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wheel.tick(self.now)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A bus whose broker lets it in."""
    made = Line()
    made.lets_in.set()
    yield made
    await made.close()


async def test_stations_wait_for_the_first_connection() -> None:
    """They wait in no task of their own, and all are taken onto it when it is there."""
    line = Line()
    dials = [asyncio.create_task(line.join(f"CP-{number}"), name="a dial") for number in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    here = asyncio.current_task()
    assert {task.get_name() for task in asyncio.all_tasks() if task is not here} == {"a dial", TASK}
    line.lets_in.set()
    assert [type(each) for each in await asyncio.gather(*dials)] == [Wire] * 3
    assert line.events == [CarrierUp("bus", first=True)]
    await line.close()


async def test_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the first connection is told why there is none, also where the broker takes all of its time."""

    async def hangs(line: Line) -> str:
        await asyncio.sleep(0.2)
        raise Away("no answer within 0.2 s")

    monkeypatch.setattr(Line, "_stay", hangs)
    line = Line(patience=0.2)
    line.clock = time.monotonic
    line._expected_until += time.monotonic() - line.now
    assert await line.join("CP-1") == Verdict(None, "no answer within 0.2 s", shared=True)
    await line.close()


async def test_what_counts_as_one_failure_after_the_other() -> None:
    """A broker that lets us in and throws us out is tried ever later; a connection that has lasted makes that good."""
    now, counted = [0.0], list[tuple[str, int]]()
    lasting = iter([None, 0.0, 9.0, 11.0, 0.0])

    async def stay() -> str:
        seconds = next(lasting)
        if seconds is None:
            raise Away("refused")
        now[0] += seconds
        return "lost"

    def retry(why: str, failures: int) -> float | None:
        counted.append((why, failures))
        return 0.0 if len(counted) < 5 else None

    await stay_connected(stay, retry, lambda: now[0])
    assert counted == [("refused", 1), ("lost", 2), ("lost", 3), ("lost", 1), ("lost", 2)]


async def test_a_connection_that_nobody_needs(line: Line) -> None:
    """It is left half a minute after the last station has gone, and not while another is being taken onto it."""
    _, wire = await line.station("CP-1")
    wire.close(1000, "gone")
    line.wait(20.0)
    line.lets_in.clear()
    line.lost[0].set_result("the broker stops")
    await until(lambda: len(line.events) == 2, "it is lost, and tried again")
    dial = asyncio.create_task(line.join("CP-1"), name="a dial")
    await asyncio.sleep(0)
    line._go_by("nobody is there")
    line.wait(20.0)
    assert not line.closed
    line.lets_in.set()
    again = await dial
    assert isinstance(again, Wire)
    assert line.find("CP-1") is again
    again.close(1000, "gone")
    line.lets_in.clear()
    line.lost[1].set_result("the broker stops")
    line.wait(31.0)
    assert line.closed
    await until(line._living.done, "it is not tried any more")


async def test_a_station_that_is_not_wanted(line: Line) -> None:
    """It is left alone for a minute; others are not."""
    await line.station("CP-1")
    line.bar("CP-2", Verdict(404, "unknown"))
    assert await line.join("CP-2") == Verdict(404, "unknown")
    line.wait(61.0)
    await line.station("CP-2")


async def test_a_station_that_is_lost_alone(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next wire is known by that; of how many that is remembered is bounded."""
    monkeypatch.setattr(bus, "_MOST_PAST", 2)
    for number in range(3):
        station, wire = await line.station(f"CP-{number}")
        wire.lose("nobody listens")
        assert (station.ending, wire.shared) == ((1006, "nobody listens"), False)
    found = [await line.join(f"CP-{number}") for number in range(3)]
    assert [isinstance(each, Wire) and each.shared for each in found] == [True, False, False]


async def test_what_comes_before_a_session_has_begun(line: Line) -> None:
    """It waits, in a bounded list, and goes to the newest wire that was started."""
    old, _ = await line.station("CP-1")
    wire = await line.join("CP-1")
    assert isinstance(wire, Wire)
    assert line.find("CP-1") is not wire
    for number in range(MOST_HELD):
        assert not wire._hindrance
        wire.take(b"[%d]" % number)
    assert wire._hindrance == "Too many calls wait for the station"
    new = RelayEnd()
    wire.start(new)
    assert line.find("CP-1") is wire
    new.gets(*([number] for number in range(MOST_HELD)))
    old.gets()


async def test_a_receiver_that_fails(line: Line) -> None:
    """A fault of ours ends one station's wire; the others on the connection notice nothing."""
    faulty, wire = await line.station("CP-1")
    other, another = await line.station("CP-2")
    with capture_logs() as lines:
        line.guard(wire, wire.take, b"no JSON")
    line.guard(another, another.take, b"[1]")
    assert faulty.ending == (1006, "internal error")
    other.gets([1])
    assert (line.counts.faults, [each["station"] for each in lines]) == (1, ["CP-1"])


@pytest.mark.parametrize(
    "fail", [lambda lost: lost.set_exception(RuntimeError("what nobody expects")), asyncio.Future.cancel]
)
async def test_a_fault_in_its_task(line: Line, fail: Callable[[asyncio.Future[str]], object]) -> None:
    """Every station hears of it, it is made known, and the connection is opened again: nothing is given up."""
    station, _ = await line.station("CP-1")
    with capture_logs() as lines:
        fail(line.lost[0])
        await until(lambda: station.ending, "the station hears of it")
        assert station.ending == (1006, "a fault of Voltgate")
        await until(lambda: len(line.lost) == 2, "another connection")
    await line.station("CP-1")
    assert [each["task"] for each in lines if each["log_level"] == "error"] == [TASK]
    assert line.supervision.tasks[TASK].faults == 1
    assert [type(event) for event in line.events] == [CarrierUp, CarrierDown, CarrierUp]
