"""Databases that can be locked, full, frozen or away for a while."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from chaos.gateway import ROOT, GatewayProcess
from tests.servers import PostgreSQL

_FULL = 16384
"""Bytes beyond which no file may be written when the disk is "full": less than any database of Voltgate has."""


class Broken(Protocol):
    """A database that can be broken for a while."""

    url: str

    async def harm(self, what: str, seconds: float, gateways: Sequence[GatewayProcess]) -> None:
        """Do what a plan names, and mend it after so long."""


class Sqlite:
    """SQLite in a file."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    async def harm(self, what: str, seconds: float, gateways: Sequence[GatewayProcess]) -> None:
        """See Broken."""
        if what != "database locked":
            around = {"database read-only": [what], "disk full": ["log full"]}.get(what, [])
            begun = time.monotonic()
            for gateway in gateways:
                gateway.limit_files(None if what == "database read-only" else _FULL)
                for each in around:
                    gateway.begin(each)
            await asyncio.sleep(seconds)
            for gateway in gateways:
                gateway.limit_files()
                for each in around:
                    gateway.end(each, begun)
            return
        other = sqlite3.connect(self._path, isolation_level=None, timeout=5, check_same_thread=False)
        with suppress(sqlite3.OperationalError):
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")
        other.close()


class Postgresql:
    """A database of its own in a PostgreSQL server."""

    def __init__(self, server: PostgreSQL, name: str) -> None:
        self.url = server.url.rpartition("/")[0] + f"/{name}"
        self._server = server
        self._name = name

    @classmethod
    @asynccontextmanager
    async def made(cls, server: PostgreSQL, name: str, folder: Path) -> AsyncIterator[Postgresql]:
        """Make the database with its tables, and drop it in the end."""
        made = cls(server, name)
        await made._tell(f"CREATE DATABASE {name}", server.url)
        configuration = folder / "upgrade.toml"
        configuration.write_text(f'[store]\nurl = "{made.url}"\n')
        command = [sys.executable, "-m", "voltgate", "db", "upgrade", "-c", str(configuration)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        try:
            yield made
        finally:
            await made._tell(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", server.url)

    async def harm(self, what: str, seconds: float, gateways: Sequence[GatewayProcess]) -> None:
        """See Broken."""
        match what:
            case "database locked":
                await self._lock(seconds)
            case "database full":
                await self._refuse_writes(seconds)
            case "connections ended":
                await self._end_connections()
            case "database frozen":
                self._signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                self._signal(signal.SIGCONT)
            case _:
                self._server.kill()
                await asyncio.sleep(seconds)
                await asyncio.to_thread(self._server.start)

    async def _connected(self, url: str) -> Any:
        return await asyncpg.connect(url, timeout=30)

    async def _tell(self, statement: str, url: str = "") -> None:
        connection = await self._connected(url or self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _lock(self, seconds: float) -> None:
        connection = await self._connected(self.url)
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            async with connection.transaction():
                for row in tables:  # whoever deadlocks with a gateway has to do with those that it has
                    with suppress(asyncpg.DeadlockDetectedError):
                        async with connection.transaction():
                            await connection.execute(f'LOCK TABLE "{row["tablename"]}" IN ACCESS EXCLUSIVE MODE')
                await asyncio.sleep(seconds)
        finally:
            await connection.close()

    async def _refuse_writes(self, seconds: float) -> None:
        """Let it take no more writes, as one does that is full or has become a replica."""
        await self._tell(f"ALTER DATABASE {self._name} SET default_transaction_read_only = on", self._server.url)
        await self._end_connections()
        await asyncio.sleep(seconds)
        await self._tell(f"ALTER DATABASE {self._name} RESET default_transaction_read_only", self._server.url)
        await self._end_connections()

    async def _end_connections(self) -> None:
        statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'"
        await self._tell(statement, self._server.url)

    def _signal(self, number: signal.Signals) -> None:
        """Tell every process of the server: each of them is in a session of its own."""
        parent = self._server.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
