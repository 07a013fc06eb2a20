"""The dialler, and a whole gateway in memory: a backend that is a coroutine behind `local:`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.anybody import anybody, at_will, unnoticed
from tests.harness import until
from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.carriers.memory import Answering, MemoryCarrier, MemoryWire, answering, ask, pair
from voltgate.dialler import Dialler
from voltgate.directory.stations import Directory, Entry
from voltgate.directory.waiting import WaitingRoom
from voltgate.gates import Slots
from voltgate.gateway import Gateway
from voltgate.leaving import LET_GO
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import Call, Error, Handler, Reply, Respond, Result
from voltgate.ocpp.turns import Bounds, Counts, Turns
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext, DialledWire, Verdict
from voltgate.relay.events import Event, LegDown, LegUp
from voltgate.relay.notifier import Notifier
from voltgate.relay.permit import FULL
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.records import Debt, Nowhere, OwedRecord, Page, StoreAway
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule
from voltgate.relay.session import Session
from voltgate.relay.tap import Taps
from voltgate.snapshot import Habits, Snapshot

SOON = 20.0


# Choosing a carrier.


class Named:
    """A carrier that gives its name and the URL as a verdict."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.most = self.now = 0

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


WS, SOAP = Endpoint("ws://b/{station}"), Endpoint("http://b/soap", carrier="soap")


@pytest.mark.parametrize(
    ("carrier", "endpoints", "reason"),
    [
        ("websocket", (WS, SOAP), "websocket ws://b/CP-1"),
        ("soap", (WS, SOAP), "soap http://b/soap"),
        ("soap", (WS,), "websocket ws://b/CP-1"),
        ("websocket", (SOAP,), "soap http://b/soap"),
        ("mqtt", (WS, SOAP), "websocket ws://b/CP-1"),
        ("websocket", (Endpoint("mqtt://b"),), "b has no address that a carrier is known for"),
        ("websocket", (), "b has no address that a carrier is known for"),
    ],
)
async def test_the_carrier_of_a_dial(carrier: str, endpoints: tuple[Endpoint, ...], reason: str) -> None:
    """A station goes to the endpoint of its own carrier where the backend has one, else to the first."""
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
    assert carrier.most == 128


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
class Hung:
    """A carrier whose dials hang until the gateway gives them up. A dial counts as long whatever it took."""

    slots: Slots = Slots(newcomers=3, sessions=2, probes=1, long=0.0)  # noqa: RUF009 - frozen
    dials: list[str] = field(default_factory=list)

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> DialledWire | Verdict:
        """Hang."""
        self.dials.append(dial_context.identity)
        await asyncio.Event().wait()
        raise AssertionError


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
    """A gateway, its backend behind `local:`, and stations on wires in memory. With `hung`, one that hangs is first."""

    def __init__(self, admit: str = "gateway", *, hung: Hung | None = None, **settings: Any) -> None:
        self.wheel = Wheel(time.monotonic())
        self.events: list[Event] = []
        self.csms = Csms(self)
        self.dialler = Dialler(
            {"local": MemoryCarrier(self.csms.serve)} | ({"hung": hung} if hung else {}),
            hung.slots if hung else Slots(),
        )
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
            Taps(Notifier(time.monotonic, print)),
        )
        names = ("first", "csms") if hung else ("csms",)
        route = Route("home", admit, (Rule(answer=names),))  # type: ignore[arg-type]
        snapshot = Snapshot(
            Directory((Entry("home", match="CP-*"),)),
            {"home": route},
            {
                "csms": self.backend,
                "first": Backend(BackendSettings("first", permit=FULL, endpoints=(Endpoint("hung:"),))),
            },
            lambda station, version: SessionSettings(),
            lambda station: Habits(),
            lambda station, version: Dialect(version),
            anybody,
            unnoticed,
            at_will,
        )
        self.gateway = Gateway(snapshot, ports, self.dialler, WaitingRoom(), Nowhere())

    async def comes(
        self, identity: str, offered: Iterable[str] = ("ocpp1.6",), within: float = math.inf
    ) -> Party | Refused:
        """Let a station come."""
        admitted = await self.gateway.admit(_handshake(identity, offered, within))
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


def _handshake(identity: str, offered: Iterable[str] = ("ocpp1.6",), within: float = math.inf) -> Handshake:
    at, due = "192.0.2.1", time.monotonic() + within
    return Handshake(f"/{identity}", identity, tuple(offered), None, None, (), at, at, at, False, "test", deadline=due)


def _begun(admitted: Admitted, wire: MemoryWire) -> Session:
    session = admitted.opened(wire)
    assert isinstance(session, Session)
    return session


def _connected(here: Home, admitted: Admitted) -> Party:
    near, far = pair("ocpp1.6")
    near.start(admitted.opened(near))
    return Party(far, _obeys, here)


def _obeys(call: Call, respond: Respond) -> None:
    respond(Result(call.id, b'{"status":"Accepted"}'))


@contextlib.asynccontextmanager
async def home(admit: str = "gateway", *, hung: Hung | None = None, **settings: Any) -> AsyncIterator[Home]:
    """Run a gateway in memory."""
    here = Home(admit, hung=hung, **settings)
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
    assert station.lost_as == (1001, LET_GO)
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


@pytest.mark.parametrize(
    ("admit", "waits_for"),
    [("gateway", "a password"), ("gateway", "the record"), ("gateway", "SOAP"), ("backend", "the backend")],
)
async def test_a_station_that_is_decided_on_while_the_gateway_drains(admit: str, waits_for: str) -> None:
    """It came before the end was said, and is refused: nobody would see it out. The backend's link is closed well.

    It is taken from no other gateway.
    """
    async with home(admit) as here:
        asked, decided, taken = asyncio.Event(), asyncio.Event(), list[str]()

        async def wait(*_: object) -> None:
            asked.set()
            await decided.wait()

        class Slow(Nowhere):
            async def take(self, station: str, *, regardless: int = 0) -> Page:
                taken.append(station)
                if waits_for == "the record":
                    await wait()
                return Page(station)

        class Waiting(MemoryCarrier):
            async def dial(self, *arguments: Any, **more: Any) -> DialledWire | Verdict:
                await wait()
                return await super().dial(*arguments, **more)

        here.gateway._pages = Slow()
        match waits_for:
            case "the backend":
                here.dialler._carriers = {"local": Waiting(here.csms.serve)}
            case "a password" | "SOAP":
                here.gateway.snapshot = replace(here.gateway.snapshot, authenticate=wait)
        if waits_for == "SOAP":
            comes: Any = here.gateway.admit_request(_handshake("CP-1"), pair("ocpp1.6")[0], "ocpp1.6")
        else:
            comes = here.comes("CP-1")
        coming = asyncio.ensure_future(comes)
        await asked.wait()
        await here.gateway.drain(0.0, 0.0)
        decided.set()
        refused = await coming
        assert isinstance(refused, Refused)
        assert (refused.status, refused.headers) == (503, (("Retry-After", "10"),))
        assert here.gateway.sessions == {}
        assert taken == (["cp-1"] if waits_for == "the record" else [])  # it stays with who has it
        await asyncio.sleep(0.05)
    assert [party.lost_as for party in here.csms.stations.values()] == (
        [(1001, LET_GO)] if waits_for == "the backend" else []
    )


async def test_the_session_of_the_later_handshake_stays() -> None:
    """An earlier handshake of the same station may take longer, and takes the place of nothing when it ends."""
    async with home() as here:
        earlier = await here.gateway.admit(_handshake("CP-1"))
        assert isinstance(earlier, Admitted)
        later = await here.comes("CP-1")
        assert isinstance(later, Party)
        party = _connected(here, earlier)
        await asyncio.sleep(0.05)
        assert (party.lost_as, later.lost_as) == ((1001, "Replaced by a new connection"), None)
        assert isinstance(await later.calls("Heartbeat"), Result)


async def test_a_station_that_is_let_go_during_its_handshake() -> None:
    """It comes to another gateway before its session here has begun: then that does not begin."""
    async with home() as here:
        admitted = await here.gateway.admit(_handshake("CP-1"))
        assert isinstance(admitted, Admitted)
        await here.gateway.let_go("cp-1")
        party = _connected(here, admitted)
        await asyncio.sleep(0.05)
        assert party.lost_as == (1001, "Replaced by a new connection")
        assert here.gateway.sessions == {}
        assert isinstance(await here.comes("CP-1"), Party)


async def test_a_station_that_is_lost_during_its_handshake() -> None:
    """Another gateway has taken it since its page was read here: no session begins with what is out of date."""

    class Elsewhere(Nowhere):
        def holds(self, station: str) -> bool:
            return False

    async with home() as here:
        here.gateway._pages = Elsewhere()
        admitted = await here.gateway.admit(_handshake("CP-1"))
        assert isinstance(admitted, Admitted)
        party = _connected(here, admitted)
        await asyncio.sleep(0.05)
        assert party.lost_as == (1001, "Replaced by a new connection")
        assert here.gateway.sessions == {}


@pytest.mark.parametrize("is_written", [True, False])
async def test_what_a_station_leaves_behind_that_is_let_go(is_written: bool) -> None:
    """It is let go when all that was said is on disk, and then this gateway knows no more of it than the disk does.

    What could not be written stays, for it may come here again.
    """
    asked = list[Callable[[bool], None]]()

    class Disk(Nowhere):
        def after(self, then: Callable[[bool], None], station: str = "") -> None:
            asked.append(then)

    async with home() as here:
        assert isinstance(await here.comes("CP-1"), Party)
        here.gateway._ports = replace(here.gateway._ports, store=Disk())
        going = asyncio.ensure_future(here.gateway.let_go("cp-1"))
        await until(lambda: bool(asked), "it waits for the disk")
        assert (here.gateway.sessions, going.done(), here.gateway._departed.knows("cp-1")) == ({}, False, True)
        asked.pop()(is_written)
        await going
        assert here.gateway._departed.knows("cp-1") is not is_written
        here.gateway.lost("cp-1")
        assert not here.gateway._departed.knows("cp-1")


async def test_a_station_that_comes_everywhere_at_once() -> None:
    """One that another gateway has again each time that its former one has let it go is sent away, for a while."""
    asked: list[int] = []

    class Torn(Nowhere):
        async def take(self, station: str, *, regardless: int = 0) -> Page:
            return Page(station, former="other", session=regardless + 1)

    async def release(page: Page) -> None:
        asked.append(page.session)

    async with home() as here:
        here.gateway._pages, here.gateway._release_there = Torn(), release
        refused = await here.comes("CP-1")
        assert isinstance(refused, Refused)
        assert refused.status == 503
        assert asked == [1, 2, 3]
        here.gateway._pages = Nowhere()


async def test_a_station_that_is_asked_for_while_it_comes() -> None:
    """Another gateway wants it while its former one lets it go to this one: who takes it after that has it."""

    class Former(Nowhere):
        async def take(self, station: str, *, regardless: int = 0) -> Page:
            return Page(station) if regardless else Page(station, former="other", session=1)

    async with home() as here:
        here.gateway._pages, here.gateway._release_there = Former(), lambda page: here.gateway.let_go(page.station)
        station = await here.comes("CP-1")
        assert isinstance(station, Party)
        assert isinstance(await station.calls("Heartbeat"), Result)
        here.gateway._pages = Nowhere()


async def test_what_is_on_record_of_one_that_came_without_the_database() -> None:
    """It is read when the database is back, and a backend that is owed something gets a leg in the session then."""

    class Late(Nowhere):
        async def take(self, station: str, *, regardless: int = 0) -> Page:
            raise StoreAway("away")

        async def load(self, station: str) -> Page:
            record = OwedRecord(station, 1, "first", time.time(), "StatusNotification", "m", b"{}", "")
            return Page(station, owed=(record,), debts=(Debt("first", 1),), last_owed=1)

    async with home() as here:
        here.gateway._pages = Late()
        assert isinstance(await here.comes("CP-1"), Party)
        session = here.gateway.sessions["cp-1"]
        assert (list(session.legs), session.ledger.unread) == (["csms"], True)
        await here.gateway.read_again()
        assert (list(session.legs), session.ledger.unread) == (["csms", "first"], False)


async def test_only_some_that_were_let_go_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for handshakes that may be under way has a bound."""
    monkeypatch.setattr("voltgate.departed._GIVEN", 2)
    async with home() as here:
        for number in range(4):
            await here.gateway.let_go(f"cp-{number}")
        assert list(here.gateway._departed._given) == ["cp-2", "cp-3"]


async def test_a_first_backend_that_hangs_keeps_no_newcomer_out() -> None:
    """The next of the failover has its share of a newcomer's time, also while old sessions fill the first one's slots.

    Once the first is known to hang, newcomers do not wait for it at all.
    """
    async with home("backend", hung=Hung()) as here:
        first = here.gateway.snapshot.backends["first"]
        for name in ("old-1", "old-2", "old-3"):
            here.dialler.start(Away(first), DialContext(name), (), answering=True)
        earliest = await asyncio.gather(*(here.comes(f"CP-{number}", within=2.0) for number in range(3)))
        assert not [newcomer for newcomer in earliest if isinstance(newcomer, Refused)]
        gates = here.dialler.gates["first", "hung:"]
        assert (gates.sessions.open, gates.newcomers.hangs) == (2, True)
        probing = asyncio.ensure_future(here.comes("CP-probe", within=SOON))
        await until(lambda: gates.newcomers.open, "a newcomer tries whether the first still hangs")
        newcomers = await asyncio.gather(*(here.comes(f"CP-1{number}", within=SOON) for number in range(20)))
        assert not [newcomer for newcomer in newcomers if isinstance(newcomer, Refused)]
        assert not probing.done()
        reasons = {event.reason for event in here.events if isinstance(event, LegDown)}
        assert {re.sub(r"within [\d.]+ s", "within …", reason) for reason in reasons} == {
            "no answer within …",
            "first hangs: 3 dials in a row had no answer",
        }
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)


class Away:
    """A leg of an old session that is dialled again, and its link."""

    wanted = True

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.link = self

    def opened(self, wire: DialledWire) -> None:
        """Fail: its backend hangs."""
        raise AssertionError

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Ignore it: it is dialled once."""
