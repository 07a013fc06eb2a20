"""The dialler, and a whole gateway in memory: a backend that is a coroutine behind `local:`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.carriers.memory import Answering, MemoryCarrier, MemoryWire, answering, ask, pair
from voltgate.dialler import Dialler
from voltgate.directory.stations import Directory, Entry, Station
from voltgate.directory.waiting import WaitingRoom
from voltgate.gateway import Gateway
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import Call, Error, Handler, Reply, Respond, Result
from voltgate.ocpp.turns import Bounds, Counts, Turns
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext, DialledWire, Verdict
from voltgate.relay.events import Event, LegDown, LegUp
from voltgate.relay.permit import FULL
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.records import Nowhere, nothing_on_record
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule
from voltgate.relay.session import Session
from voltgate.snapshot import Habits, Snapshot

SOON = 20.0


# Choosing a carrier.


class Named:
    """A carrier that gives its name and the URL as a verdict."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.most = self.now = 0

    def prefers(self, dial_context: DialContext) -> bool:
        """Prefer the stations of this carrier."""
        return dial_context.carrier == self.name

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> DialledWire | Verdict:
        """Say who was asked."""
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return Verdict(None, f"{self.name} {endpoint.address(dial_context.identity)}")


WS, SOAP = Endpoint("ws://b/{station}"), Endpoint("http://b/soap")


@pytest.mark.parametrize(
    ("carrier", "endpoints", "reason"),
    [
        ("websocket", (WS, SOAP), "websocket ws://b/CP-1"),
        ("soap", (WS, SOAP), "soap http://b/soap"),
        ("soap", (WS,), "websocket ws://b/CP-1"),
        ("websocket", (SOAP,), "soap http://b/soap"),
        ("mqtt", (WS, SOAP), "websocket ws://b/CP-1"),
        ("websocket", (Endpoint("mqtt://b"), SOAP), "soap http://b/soap"),
        ("websocket", (Endpoint("mqtt://b"),), "b has no address that a carrier is known for"),
        ("websocket", (), "b has no address that a carrier is known for"),
    ],
)
async def test_the_carrier_of_a_dial(carrier: str, endpoints: tuple[Endpoint, ...], reason: str) -> None:
    """A station goes to the endpoint of its own carrier where the backend has one, else to the first that is known."""
    dialler = Dialler({"ws": Named("websocket"), "http": Named("soap")})
    backend = Backend(BackendSettings("b", endpoints=endpoints))
    assert await dialler.dial(backend, DialContext("CP-1", carrier=carrier), (), answering=True) == Verdict(
        None, reason
    )


async def test_dials_at_once_are_bounded() -> None:
    """A backend that comes back is not stormed."""
    carrier = Named("websocket")
    dialler, backend = Dialler({"ws": carrier}), Backend(BackendSettings("b", endpoints=(WS,)))
    await asyncio.gather(*(dialler.dial(backend, DialContext(str(n)), (), answering=False) for n in range(600)))
    assert carrier.most == 256


# A gateway in memory.


class Party:
    """A station or a backend on a wire in memory."""

    def __init__(self, wire: MemoryWire, handler: Handler, home: Home) -> None:
        self.handler = handler
        self.lost_as: tuple[int, str] | None = None
        bounds = Bounds(window=4, patience=5.0)
        self.turns = Turns(Dialect(str(wire.subprotocol)), handler, self, bounds, home.wheel, Counts())
        self.received = self.turns.receive
        self.turns.connect(wire)
        wire.start(self)

    def lost(self, code: int, reason: str) -> None:
        """Keep how it ended."""
        self.lost_as = (code, reason)
        self.turns.end("gone", time.monotonic())
        if isinstance(self.handler, Answering):
            self.handler.close()

    def writable(self, yes: bool) -> None:
        """Wait while the far end does not read."""
        self.turns.choke(time.monotonic(), choked=not yes)

    async def calls(self, action: str, payload: bytes = b"{}") -> Reply:
        """Make a call, and await its answer."""
        call = Call(f"{action}-{random.random()}", action, payload)
        call.deadline = time.monotonic() + SOON
        return await ask(self.turns.ask, call)


@dataclass
class Csms:
    """A central system that is a coroutine."""

    home: Home
    stations: dict[str, Party] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, context: DialContext, wire: MemoryWire) -> None:
        """Answer a station."""

        async def answer(call: Call) -> Reply:
            self.seen.append((context.identity, call.action))
            await asyncio.sleep(0.001)
            if call.action == "Authorize":
                raise RuntimeError("the database is away")
            return Result(call.id, json.dumps({"heard": len(self.seen)}).encode())

        self.stations[context.identity] = Party(wire, answering(answer), self.home)


class Home:
    """A gateway, its backend behind `local:`, and stations on wires in memory."""

    def __init__(self, admit: str = "gateway", **settings: Any) -> None:
        self.wheel = Wheel(time.monotonic())
        self.events: list[Event] = []
        self.csms = Csms(self)
        self.dialler = Dialler({"local": MemoryCarrier(self.csms.serve)})
        self.backend = Backend(BackendSettings("csms", permit=FULL, endpoints=(Endpoint("local:"),), **settings))
        ports = Ports(
            self.wheel,
            time.monotonic,
            random.random,
            self.dialler.start,
            self.events.append,
            Counts(),
            Calendar(time.time, time.monotonic),
            Nowhere(),
        )
        route = Route("home", admit, (Rule(answer=("csms",)),))  # type: ignore[arg-type]
        snapshot = Snapshot(
            Directory((Entry("home", match="CP-*"),)),
            {"home": route},
            {"csms": self.backend},
            lambda station, version: SessionSettings(),
            lambda station: Habits(),
            lambda station, version: Dialect(version),
            _anybody,
        )
        self.gateway = Gateway(snapshot, ports, self.dialler, WaitingRoom(), nothing_on_record)

    async def comes(self, identity: str, offered: Iterable[str] = ("ocpp1.6",)) -> Party | Refused:
        """Let a station come."""
        handshake = Handshake(
            f"/{identity}",
            identity,
            tuple(offered),
            None,
            None,
            (),
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.1",
            False,
            "test",
        )
        admitted = await self.gateway.admit(handshake)
        if isinstance(admitted, Refused):
            return admitted
        near, far = pair(admitted.subprotocol)
        near.start(_begun(admitted, near))
        return Party(far, _obeys, self)

    async def tick(self) -> None:
        """Keep the wheel going."""
        while True:
            self.wheel.tick(time.monotonic())
            await asyncio.sleep(0.02)


def _begun(admitted: Admitted, wire: MemoryWire) -> Session:
    session = admitted.opened(wire)
    assert isinstance(session, Session)
    return session


async def _anybody(station: Station, handshake: Handshake) -> None:
    return None


def _obeys(call: Call, respond: Respond) -> None:
    respond(Result(call.id, b'{"status":"Accepted"}'))


@contextlib.asynccontextmanager
async def home(admit: str = "gateway", **settings: Any) -> AsyncIterator[Home]:
    """Run a gateway in memory."""
    here = Home(admit, **settings)
    ticking = asyncio.ensure_future(here.tick())
    try:
        async with asyncio.timeout(60):
            yield here
    finally:
        await here.gateway.drain(0.0, 0.0)
        await here.dialler.close()
        ticking.cancel()
        await asyncio.sleep(0.01)
        assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} <= {ticking}


@pytest.mark.parametrize("admit", ["gateway", "backend"])
async def test_a_backend_that_is_a_coroutine(admit: str) -> None:
    """A station's calls are answered by a coroutine in the same process, and it can be commanded from there."""
    async with home(admit) as here:
        station = await here.comes("CP-1", ("ocpp2.0.1", "ocpp1.6"))
        assert isinstance(station, Party)
        replies = [await station.calls(action) for action in ("BootNotification", "Heartbeat")]
        assert [reply.fields for reply in replies if isinstance(reply, Result)] == [{"heard": 1}, {"heard": 2}]
        failed = await station.calls("Authorize", b'{"idToken":{"idToken":"A","type":"Central"}}')
        assert isinstance(failed, Error)
        assert (failed.code, failed.description) == ("InternalError", "The call could not be answered")
        command = await here.csms.stations["CP-1"].calls("Reset", b'{"type":"Immediate"}')
        assert isinstance(command, Result)
        assert command.fields == {"status": "Accepted"}
        assert here.csms.seen == [("CP-1", name) for name in ("BootNotification", "Heartbeat", "Authorize")]
        assert [type(event) for event in here.events if isinstance(event, LegUp | LegDown)] == [LegUp]
        assert here.backend.up == 1
    assert station.lost_as == (1001, "Voltgate is shutting down")
    assert here.csms.stations["CP-1"].lost_as == (1000, "The station has gone")


@pytest.mark.parametrize("admit", ["gateway", "backend"])
async def test_a_backend_with_a_dialect_of_its_own(admit: str) -> None:
    """A station speaks its own version with the gateway, though its backend takes another one only."""
    async with home(admit, versions=("ocpp2.0.1",), dialect=Dialect("ocpp2.0.1")) as here:
        station = await here.comes("CP-1", ("ocpp1.6", "ocpp2.0.1"))
        assert isinstance(station, Party)
        assert isinstance(await station.calls("Heartbeat"), Result)
        session = here.gateway.sessions["cp-1"]
        assert session.dialect.version == "ocpp1.6"
        assert session.legs["csms"].turns.dialect.version == "ocpp2.0.1"
        await here.gateway.reevaluate(["cp-1"])
        assert not session.ended


async def test_many_stations_in_memory() -> None:
    """Each station has its own wire and its own order; none waits for another."""
    async with home() as here:
        stations = await asyncio.gather(*(here.comes(f"CP-{n}") for n in range(50)))
        parties = [station for station in stations if isinstance(station, Party)]
        assert len(parties) == 50
        calls = [party.calls("Heartbeat") for party in parties for _ in range(10)]
        assert all(isinstance(reply, Result) for reply in await asyncio.gather(*calls))
        assert len(here.csms.seen) == 500


async def test_a_station_that_comes_again() -> None:
    """Its new connection takes over the leg, and the wire in memory with it."""
    async with home() as here:
        first = await here.comes("CP-1")
        assert isinstance(first, Party)
        await first.calls("Heartbeat")
        leg = here.gateway.sessions["cp-1"].legs["csms"]
        second = await here.comes("CP-1")
        assert isinstance(second, Party)
        await second.calls("Heartbeat")
        assert here.gateway.sessions["cp-1"].legs["csms"] is leg
        assert first.lost_as == (1001, "Replaced by a new connection")
        assert list(here.csms.stations) == ["CP-1"]


async def test_a_carrier_that_fails() -> None:
    """A fault of a carrier is tried again like any failure: the leg does not wait for ever."""
    async with home() as here:
        serve, faults = here.csms.serve, [RuntimeError("a fault of ours")]

        def fails_once(context: DialContext, wire: MemoryWire) -> None:
            if faults:
                raise faults.pop()
            serve(context, wire)

        here.dialler._carriers = {"local": MemoryCarrier(fails_once)}
        station = await here.comes("CP-1")
        assert isinstance(station, Party)
        assert isinstance(await station.calls("Heartbeat"), Result)
        assert [event.reason for event in here.events if isinstance(event, LegDown)] == ["a fault of Voltgate"]
