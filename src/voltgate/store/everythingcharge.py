"""Reads the database of EVerythingcharge: its networks, stations with their connectors, and users.

Source: its tables `networks`, `charge_points`, `connectors` and `users`. Every id is a text, each table has a column
`is_active`. Nothing is written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import StoreAway
from voltgate.store.address import POSTGRESQL, open_engine, read_address
from voltgate.store.failures import FAILURES, words

TABLES = ("networks", "charge_points", "connectors", "users")
_PATIENCE = 60.0
"""Seconds that all of it may take to be read."""


@dataclass(frozen=True, slots=True)
class Old:
    """What is there: rows of each table, by the names of their columns. What is NULL is left out."""

    networks: list[Mapping[str, Any]] = field(default_factory=list)
    charge_points: list[Mapping[str, Any]] = field(default_factory=list)
    connectors: list[Mapping[str, Any]] = field(default_factory=list)
    users: list[Mapping[str, Any]] = field(default_factory=list)


def old_address(url: str) -> URL:
    """Return the address of its database. Raises ValueError, which repeats no password."""
    address = read_address(url)
    if address.drivername != POSTGRESQL:
        raise ValueError("must start with postgresql://: EVerythingcharge has no other database")
    return address


async def read_everythingcharge(address: URL) -> Old:
    """Read it, all as of one moment. Raises StoreAway if it cannot be read, or is no such database."""
    engine = open_engine(address, _PATIENCE)
    try:
        async with asyncio.timeout(_PATIENCE), engine.connect() as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            missing = set(TABLES) - set(await connection.run_sync(_tables))
            if missing:
                raise StoreAway(f"it is no database of EVerythingcharge: it has no table {', '.join(sorted(missing))}")
            return Old(**{name: await _rows(connection, name) for name in TABLES})
    except FAILURES as error:
        raise StoreAway(words(error)) from None
    finally:
        await engine.dispose()


def _tables(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def _rows(connection: AsyncConnection, name: str) -> list[Mapping[str, Any]]:
    found = await connection.execute(text(f"SELECT * FROM {name} ORDER BY id"))  # noqa: S608 - one of TABLES
    return [{key: value for key, value in row.items() if value is not None} for row in found.mappings()]
