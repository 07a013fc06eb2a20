"""Several gateways beside each other, each with stations of its own, and PostgreSQL under them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from bench.contenders import CONTENDERS, Place, Running, free_ports, voltgate_command
from bench.machine import Cores, Failure, Usage, busy, resident, resident_alone, started, usage
from bench.phases import Bench
from tests.servers import PostgreSQL, postgresql
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

STATEMENTS = "pg_stat_statements"
"""The library of PostgreSQL that counts them."""


class Cluster(Bench):
    """Gateways, one on each of the cores `on`, of which several may be the same; each has a process of stations."""

    def __init__(
        self, configuration: Callable[[Place], str], cores: Cores, on: tuple[int, ...], copies: int = 0
    ) -> None:
        contender = replace(CONTENDERS["voltgate"], command=voltgate_command(configuration), copies=copies)
        super().__init__(contender, cores)
        self._on = on
        self._count = len(on)
        self.gateways: list[Running] = []

    def _start(self, stack: contextlib.ExitStack) -> None:
        ports = dict(zip(("answer", "copy"), free_ports(2), strict=True))
        self._backends = [self._worker(stack, self.backend, {"ports": ports}, self._answering)]
        self._backends[0].ready(60)
        self.gateways = [stack.enter_context(Running(self.contender, core, ports, self._secure)) for core in self._on]
        self.proxy = self.gateways[0]
        self._generate(stack, [gateway.port for gateway in self.gateways])

    def usage(self) -> Usage:
        """Read the clocks of all gateways, and of their cores."""
        each = [usage(gateway.pid, gateway_core) for gateway, gateway_core in zip(self.gateways, self._on, strict=True)]
        core = sum(map(busy, set(self._on)))
        total, user, system = (sum(getattr(one, name) for one in each) for name in ("total", "user", "system"))
        return Usage(each[0].at, total, user, system, core)

    @property
    def resident(self) -> int:
        """Bytes of memory that all gateways hold."""
        return sum(resident(gateway.pid) for gateway in self.gateways)

    @property
    def behind(self) -> int:
        """Bytes of memory that the servers hold which the backend has started: a broker."""
        return sum(resident_alone(pid) for worker in self._backends for pid in started(worker.pid))

    def leave(self) -> None:
        """Let all stations end their connections."""
        for worker in self._generators:
            worker.ask({"do": "leave"})


@dataclass(frozen=True, slots=True)
class Counters:
    """What a database has done until a moment. `wal` is bytes of its log, `seconds` those of its processes' CPU."""

    statements: int
    commits: int
    wal: int
    seconds: float

    def since(self, earlier: Counters) -> Counters:
        """Give what was done between two moments; looking is no part of it."""
        return Counters(
            self.statements - earlier.statements,
            self.commits - earlier.commits - 1,
            self.wal - earlier.wal,
            self.seconds - earlier.seconds,
        )


class Databank:
    """A PostgreSQL that counts, with Voltgate's tables in it."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self.url = server.url
        """Its address."""

    def counters(self) -> Counters:
        """Read what it has done so far."""
        pid = self._server.pid
        return asyncio.run(self._read(usage(pid, 0).total))

    async def _read(self, seconds: float) -> Counters:
        connection = await asyncpg.connect(self.url)
        try:
            row = await connection.fetchrow(
                f"SELECT (SELECT sum(calls) FROM {STATEMENTS}), pg_current_xact_id()::text, "
                "pg_current_wal_lsn() - '0/0'"
            )
        finally:
            await connection.close()
        return Counters(int(row[0]), int(row[1]), int(row[2]), seconds)

    def size(self, name: str) -> int:
        """Give the bytes of a table and its indexes."""
        return asyncio.run(self._size(name))

    async def _size(self, name: str) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return int(await connection.fetchval("SELECT pg_total_relation_size($1)", name))
        finally:
            await connection.close()

    async def prepare(self) -> None:
        """Make the tables."""
        await upgrade(read_address(self.url))
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f"CREATE EXTENSION {STATEMENTS}")
        finally:
            await connection.close()


@contextlib.contextmanager
def databank(cores: Cores) -> Iterator[Databank]:
    """Run one on the cores that the gateways leave, with its commits on disk, for as long as it is needed."""
    if not list(Path("/usr/lib/postgresql").glob(f"*/lib/{STATEMENTS}.so")):
        raise Failure("PostgreSQL is not installed; as root: apt-get install postgresql")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores.others)  # what is started has its cores from whoever starts it
    try:
        with postgresql("fsync=on", f"shared_preload_libraries={STATEMENTS}", "max_connections=200") as server:
            os.sched_setaffinity(0, before)
            found = Databank(server)
            asyncio.run(found.prepare())
            yield found
    finally:
        os.sched_setaffinity(0, before)


def store(url: str) -> str:
    """Write the part of Voltgate's configuration that names its database."""
    return f'[store]\nurl = "{url}"\n'
