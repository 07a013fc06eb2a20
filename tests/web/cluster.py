"""A cluster in memory: gateways of one configuration in one process, each with its own API, and one exchange."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.anybody import anybody, at_will, unnoticed
from tests.harness import until
from tests.harness.exchange import NOW, Exchange, MemoryPost
from tests.relay.stage import Line, Shelf
from tests.web.client import Answer, Api, asking
from tests.web.world import Web, serving
from voltgate.carriers.handshake import Admitted, Handshake
from voltgate.cluster.ports import Location, NodeState
from voltgate.dialler import Dialler
from voltgate.directory.stations import Directory, Entry
from voltgate.directory.waiting import WaitingRoom
from voltgate.gateway import Gateway
from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint
from voltgate.relay.calendar import Calendar
from voltgate.relay.carrier import DialContext, Verdict
from voltgate.relay.notifier import Notifier
from voltgate.relay.permit import FULL
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.records import AuditRecord, Nowhere
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule
from voltgate.relay.tap import Taps
from voltgate.snapshot import Habits, Snapshot
from voltgate.web.api.resources import routers
from voltgate.web.event_log import EventLog
from voltgate.web.queries import Queries
from voltgate.web.wide.answering import join

DIRECTORY = (
    Entry("main", identity="CP1", name="North yard 1", tags=frozenset({"yard"})),
    Entry("main", identity="CP2"),
    Entry("side", identity="CP3", name="North yard 3"),
    Entry("side", identity="CP4"),
    Entry("main", match="EX-*"),
)


class _Backend(Line):
    """A connection to a backend that answers everything with nothing."""

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        super().send(text, frame)
        kind, number, *_ = json.loads(text)
        if kind == 2:
            asyncio.get_running_loop().call_soon(self.sends, 3, number, {})


class _Far:
    """The backends of the cluster: all are there."""

    async def dial(
        self,
        backend: Backend,
        endpoint: Endpoint,
        dial_context: DialContext,
        offer: tuple[str, ...],
        *,
        answering: bool,
    ) -> Line | Verdict:
        line = _Backend(SimpleNamespace(now=time.monotonic()))  # type: ignore[arg-type]  # all that it needs is the time
        line.subprotocol = offer[0]
        return line


@dataclass
class Member:
    """One gateway of the cluster, with its post and its API."""

    name: str
    api: Api = field(init=False)
    url: str = ""
    token: str = ""
    """Of an operator."""
    web: Web = field(init=False)
    post: MemoryPost | None = None

    def __post_init__(self) -> None:
        self.now = 5000.0
        self.store = Shelf()
        self.events = EventLog(wall=lambda: NOW)
        self.drained: list[float | str | None] = []
        self.state: NodeState = "serving"
        self.wheel = Wheel(self.now)
        taps = Taps(Notifier(self.clock, print))
        dialler = Dialler({"ws": _Far()})  # type: ignore[dict-item]  # its lines are the stage's
        calendar = Calendar(lambda: NOW + self.now, self.clock)
        listen, start = self.events.note, dialler.start
        ports = Ports(self.wheel, self.clock, lambda: 0.0, start, listen, Counts(), calendar, self.store, taps)
        self.gateway = Gateway(_snapshot(), ports, dialler, WaitingRoom(clock=self.clock), Nowhere())
        admission: Any = SimpleNamespace(accept=self._accept)
        self.queries = Queries(
            self.gateway, self.events, taps, None, admission, self, self.clock, wall=lambda: NOW + self.now
        )
        self.accepted: list[tuple[str, str, str]] = []

    def clock(self) -> float:
        return self.now

    async def _accept(self, identity: str, route: str, by: str) -> None:
        self.accepted.append((identity, route, by))

    async def drain(self, spread: float | None) -> None:
        """Note that the stations of this node are to be handed over."""
        self.drained.append(spread)

    async def undrain(self) -> None:
        """Take note that this node is to go on."""
        self.drained.append("undrained")

    def joins(self, exchange: Exchange) -> None:
        """Become a node of a cluster."""
        self.post = exchange.post(self.name)
        join(self.queries, self.post)

    async def comes(self, identity: str, version: str = "ocpp1.6") -> Line:
        """Let a station come in."""
        self.now += 1
        address = "192.0.2.1"
        handshake = Handshake(
            f"/{identity}", identity, (version,), None, None, (), address, address, address, False, "test"
        )
        admitted = await self.gateway.admit(handshake)
        assert isinstance(admitted, Admitted), admitted
        line = Line(self)  # type: ignore[arg-type]  # all that it needs is the time
        line.receiver = admitted.opened(line)
        await asyncio.sleep(0)
        return line

    async def refuses(self, identity: str) -> None:
        """Let a station come that nobody knows."""
        self.now += 1
        address = f"192.0.2.{self.name[-1]}"
        handshake = Handshake(
            f"/{identity}", identity, ("ocpp1.6",), None, None, (), address, address, address, False, "test"
        )
        assert not isinstance(await self.gateway.admit(handshake), Admitted)

    def audited(self) -> list[tuple[str, str, str]]:
        """Give who asked whom for what, as the audit trail has it."""
        return [(each.backend, each.action, each.outcome) for each in self.store.of(AuditRecord)]


def _snapshot() -> Snapshot:
    return Snapshot(
        Directory(DIRECTORY),
        {name: Route(name, "gateway", (Rule(answer=(f"{name}-csms",)),)) for name in ("main", "side")},
        {
            f"{name}-csms": Backend(BackendSettings(f"{name}-csms", endpoints=(Endpoint("ws://b"),), permit=FULL))
            for name in ("main", "side")
        },
        lambda station, version: SessionSettings(waiting=2),
        lambda station: Habits(),
        lambda station, version: Dialect(version),
        anybody,
        unnoticed,
        at_will,
    )


class Cluster:
    """Gateways by name, and the exchange between them: it knows where each station is."""

    def __init__(self, exchange: Exchange, members: dict[str, Member]) -> None:
        self.exchange = exchange
        self.members = members
        exchange.finds = self._where

    def _where(self, station: str) -> Location | None:
        if station in self.exchange.locations:
            return self.exchange.locations[station]
        here = [each for each in self.members.values() if station in each.gateway.sessions]
        newest = max(here, key=lambda each: each.gateway.sessions[station].connected_at, default=None)
        return None if newest is None else Location(station, f"id-{newest.name}", 1, NOW, gone=False)

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def adds(self, name: str) -> Member:
        """Have one more gateway join, whose API nobody asks."""
        member = self.members[name] = Member(name)
        member.joins(self.exchange)
        return member

    def pass_over(self) -> None:
        """Let a few seconds pass: what is remembered for a moment is read again."""
        for member in self.members.values():
            member.now += 3


@contextlib.asynccontextmanager
async def cluster(*names: str) -> AsyncIterator[Cluster]:
    """Start the gateways and their APIs; one name alone makes a gateway that is alone."""
    exchange = Exchange()
    members = {name: Member(name) for name in names}
    async with contextlib.AsyncExitStack() as stack:
        for member in members.values():
            if len(names) > 1:
                member.joins(exchange)
            web = await stack.enter_async_context(serving(resources=routers()))
            web.app.state.queries = member.queries
            member.web = web
            member.url, member.token = web.url, web.tokens["operator"]
            port = int(web.url.rpartition(":")[2])
            member.api = await stack.enter_async_context(asking(port, member.token))
        yield Cluster(exchange, members)
        for member in members.values():
            member.queries.close()


def answers(line: Line, payload: Any) -> list[Any]:
    """Have a station answer the call that it got; give the call."""
    ((_, number, *call),) = line.take()
    line.sends(3, number, payload)
    return call


async def asked(line: Line) -> None:
    """Wait until a station has got something."""
    await until(lambda: bool(line.sent), "the station has got something")


def named(page: Answer, key: str = "identity") -> list[str]:
    """Give the items of a page, by name."""
    body = page.gives(200)
    return [item[key] for item in body["items"]]
