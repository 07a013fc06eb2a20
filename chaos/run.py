"""One run of a plan, from the first charge to the verdict."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chaos.accounts import Kept, judge_accounts, kept
from chaos.backend import Backend
from chaos.broker import BehindMosquitto
from chaos.charger import Address, Charger
from chaos.databases import Broken, Postgresql, Sqlite
from chaos.faults import Faults, World
from chaos.gateway import GatewayProcess
from chaos.judge import Verdict, judge
from chaos.launcher import DEAD
from chaos.leaks import left_open
from chaos.plan import BACKENDS, Plan
from chaos.queues import BehindRabbitMQ
from chaos.records import Books, Command
from chaos.shape import Ports, Shapes, owners
from tests.harness import free_port
from tests.servers import Mosquitto, PostgreSQL, RabbitMQ, mosquitto

_DRAIN = 90.0
"""Seconds that everything may take to arrive after the last fault."""
_STALLED = 25.0
"""Seconds without any progress after which the rest will not arrive: longer than a delivery waits to try again."""
_GONE = 10.0
"""Seconds in which gateways let go of chargers that have gone."""
_PROBES = 8.0
"""Seconds in which every station must answer every backend in the end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    books: Books
    faults: Counter[str]
    verdict: Verdict
    log: str

    @property
    def good(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.verdict.good


async def run(plan: Plan, folder: Path, server: PostgreSQL | None = None, rabbitmq: RabbitMQ | None = None) -> Outcome:
    """Charge and break things for a while, let everything arrive, and judge. PostgreSQL and RabbitMQ need a server."""
    with _broker(plan, rabbitmq) as broker:
        async with _database(plan, folder, server) as database:
            return await _Run(plan, folder, database, broker).play()


@contextmanager
def _broker(plan: Plan, rabbitmq: RabbitMQ | None) -> Iterator[Mosquitto | RabbitMQ | None]:
    if not plan.variant.behind:
        yield None
    elif plan.variant.broker == "rabbitmq":
        assert rabbitmq is not None, "this plan needs a RabbitMQ server"
        yield rabbitmq
    else:
        with mosquitto("set_tcp_nodelay true", "max_inflight_messages 1000") as broker:
            yield broker


@asynccontextmanager
async def _database(plan: Plan, folder: Path, server: PostgreSQL | None) -> AsyncIterator[Broken]:
    if plan.variant.database == "sqlite":
        yield Sqlite(folder / "voltgate.db")
        return
    assert server is not None, "this plan needs a PostgreSQL server"
    async with Postgresql.made(server, f"chaos{time.time_ns()}", folder) as made:
        yield made


class _Run:
    def __init__(self, plan: Plan, folder: Path, database: Broken, broker: Mosquitto | RabbitMQ | None) -> None:
        self._plan, self._name = plan, f"chaos{time.time_ns()}"
        books = Books()
        backend_ports = {name: free_port() for name in BACKENDS}
        if broker is not None:
            backend_ports[plan.variant.behind] = broker.port
        taken = free_port()
        self._others = [socket.create_server(("127.0.0.1", taken))]  # others on this machine
        ports = [
            Ports(backend_ports, free_port(), free_port(), free_port(), free_port(), taken, self._name)
            for _ in range(plan.variant.gateways)
        ]
        addresses = [Address(each.stations, each.soap) for each in ports]
        self._world = World(
            books,
            Shapes(plan.variant),
            ports,
            [GatewayProcess(number, folder) for number in range(plan.variant.gateways)],
            {name: self._backend(name, backend_ports[name], books) for name in BACKENDS},
            [Charger(number, addresses, plan.seed, books, plain=plan.plain) for number in range(plan.stations)],
            database,
            broker,
        )
        self._faults = Faults(self._world)

    def _backend(self, name: str, port: int, books: Books) -> Backend:
        variant, seed = self._plan.variant, self._plan.seed
        if name != variant.behind:
            return Backend(name, port, books, newest_only=name in variant.newest_only, seed=seed)
        if variant.broker == "mosquitto":
            return BehindMosquitto(name, port, books, seed=seed)
        return BehindRabbitMQ(name, port, books, seed=seed, run=self._name, gateways=variant.gateways)

    async def play(self) -> Outcome:
        world = self._world
        world.configure()
        try:
            for backend in world.backends.values():
                await backend.start()
            self._others += [each for port in world.ports[0].backends.values() for each in swallowing(port)]
            for gateway, ports in zip(world.gateways, world.ports, strict=True):
                gateway.start()
                await _listens(ports.stations)
            if self._plan.variant.layout == "claims":
                await self._faults.claim("billing", "add", frozenset(charger.name for charger in world.chargers))
                await self._faults.see_claimed(frozenset())
            world.look("before")
            await self._live()
            await self._rest()
            fallen = [gateway for gateway in world.gateways if gateway.fell]
        finally:
            for gateway in world.gateways:
                gateway.close()
            for backend in world.backends.values():
                await backend.drop()
            for each in self._others:
                each.close()
        for gateway in world.gateways:
            world.books.database += gateway.spells()
        verdict = self._judge(await kept(world.database.url) if self._is_local else None)
        verdict.error += [f"gateway {gateway.number} has ended by itself" for gateway in fallen]
        log = "\n".join(gateway.log for gateway in world.gateways)
        verdict.error += ["the log of Voltgate shows a fault of its own"] * ("Traceback" in log)
        return Outcome(self._plan, world.books, self._faults.counts, verdict, log)

    @property
    def _is_local(self) -> bool:
        return self._plan.variant.layout == "local"

    def _judge(self, transactions: list[Kept] | None = None) -> Verdict:
        if transactions is not None:
            return judge_accounts(self._world.books, transactions)
        return judge(self._world.books, self._world.shapes, self._plan.variant.attempts)

    async def _live(self) -> None:
        """Let chargers live and faults happen, then wait until all is delivered, and see who is reached by whom."""
        enough, gone = asyncio.Event(), asyncio.Event()
        living = [asyncio.ensure_future(charger.live(enough, gone)) for charger in self._world.chargers]
        try:
            await self._faults.do_all([fault for _, fault in self._plan.faults], self._plan.seconds)
            enough.set()
            await self._drain()
            await self._probe()
            gone.set()
            await asyncio.wait(living, timeout=5)
        finally:
            for charger in living:
                charger.cancel()
            for result in await asyncio.gather(*living, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    async def _rest(self) -> None:
        """Wait, for a while, until no gateway holds anything of the chargers that have gone."""
        until = time.monotonic() + _GONE
        while True:
            self._world.look("after")
            if time.monotonic() > until or not list(left_open(self._world.books.looks)):
                return
            await asyncio.sleep(0.5)

    async def _drain(self) -> None:
        """Wait until every charger is at rest and nothing is owed, or nothing moves any more."""
        moved = began = time.monotonic()
        left = -1
        while time.monotonic() < min(began + _DRAIN, moved + _STALLED):
            await asyncio.sleep(1)
            lost = [] if self._is_local else self._judge().lost
            resting = sum(charger.rests for charger in self._world.chargers)
            now_left = len(lost) + len(self._world.chargers) - resting
            if not now_left:
                return
            if now_left != left:
                left, moved = now_left, time.monotonic()

    async def _probe(self) -> None:
        """See that every backend reaches each of its stations, and may do what nothing that runs forbids."""
        asked: list[tuple[str, str, Command | None]] = []
        for charger in self._world.chargers:
            for name in () if charger.is_soap else self._backends_of(charger.name):
                asked.append((name, charger.name, self._world.backends[name].probe(charger.name)))
        until = time.monotonic() + _PROBES
        while time.monotonic() < until and any(c is not None and c.reply is None for _, _, c in asked):
            await asyncio.sleep(0.1)
        for name, station, command in asked:
            if command is None:
                self._world.books.mute.append(f"{name} has no link to {station} in the end")
            elif command.reply is None or command.reply[2] != {"status": "Accepted"}:
                self._world.books.mute.append(f"{name} asked {station} for a Reset in the end and got {command.reply}")

    def _backends_of(self, station: str) -> frozenset[str]:
        shape, variant = self._world.shapes.now, self._plan.variant
        both = [owners(variant, shape, station, tag) for tag in ("EMP1", "GUEST1")]
        return frozenset().union(*(each.owners | each.told for each in both))


async def _listens(port: int) -> None:
    """Wait until somebody listens on a port."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                return
            await asyncio.sleep(0.05)


def swallowing(port: int) -> list[socket.socket]:
    """Take a port of the dead address, where whoever connects is neither let in nor refused."""
    listening = socket.create_server((DEAD, port), backlog=0)
    queue = [socket.socket() for _ in range(3)]
    for each in queue:
        each.setblocking(False)
        each.connect_ex((DEAD, port))
    return [listening, *queue]
