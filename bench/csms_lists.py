"""Lists and totals of transactions over HTTP, of a gateway whose database has many: API, queries and database.

The rows are made by the database itself, with one statement, before the indexes are: so a million take seconds.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Boolean, Column, Connection, Table, text

from bench.claims import TOKEN
from bench.machine import Failure
from bench.rounds import percentile
from voltgate.app.database import upgrade
from voltgate.csms.costs import Account
from voltgate.csms.tariffs import Tariff, cost
from voltgate.store import Database
from voltgate.store.address import POSTGRESQL, read_address
from voltgate.store.columns import Document
from voltgate.store.csms import tables
from voltgate.web.times import stamp

ROWS = 1_000_000
STATIONS, TOKENS, NETWORKS = 1000, 5000, 20
EVERY = 60
"""Seconds from the beginning of a transaction to that of the next one."""
RUNNING = 10_000
"""One transaction of so many runs."""
ASKED = 40
"""How often each list is asked for, each time another station, token, day, and so on."""
PATIENCE = 60.0
_DAY = 86_400
_FIRST = 1_700_000_000
_LAST = _FIRST + ROWS * EVERY

Query = dict[str, Any]
"""What is asked, in the query of a URL."""


def _span(days: int, number: int) -> Query:
    """Return a question for what began within some days, which are others for each number."""
    begin = _FIRST + (number * 7 * _DAY) % (_LAST - _FIRST - days * _DAY)
    return {"began_from": stamp(begin), "began_to": stamp(begin + days * _DAY)}


LISTS: dict[str, Callable[[int], Query]] = {
    "first": lambda number: {},
    "station": lambda number: {"station": f"old-{10_000 + number}"},
    "token": lambda number: {"token": f"tag{10_000 + number}"},
    "network": lambda number: {"network": f"net-{10 + number % NETWORKS}"},
    "day": lambda number: _span(1, number),
    "running": lambda number: {"state": "running", "sort": "-ended" if number % 2 else "-began"},
}
TOTALS: dict[str, Callable[[int], Query]] = {
    "total": lambda number: {},
    "total of a station": lambda number: {"station": f"old-{10_000 + number}"},
    "total of a month": lambda number: _span(30, number),
    "total of a network": lambda number: {"network": f"net-{10 + number % NETWORKS}"} | _span(30, number),
}


def measure(port: int) -> dict[str, float]:
    """Ask a gateway for each list, one after another; return the p95 of each in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    took: dict[str, float] = {}
    try:
        for name, query in LISTS.items():
            took[name] = _p95(connection, "/transactions", query)
        took["middle"] = _p95(connection, "/transactions", lambda number: {"cursor": _cursor(connection, number)})
        for name, query in TOTALS.items():
            took[name] = _p95(connection, "/transactions/totals", query)
    finally:
        connection.close()
    return took


def _p95(connection: http.client.HTTPConnection, path: str, query: Callable[[int], Query]) -> float:
    took = []
    for number in range(ASKED):
        asked = query(number)
        began = time.monotonic()
        found = _get(connection, path, asked)
        took.append(time.monotonic() - began)
        if not found["items"]:
            raise Failure(f"{path} with {asked} has nothing in it")
    return percentile(sorted(took), 0.95) * 1000


def _cursor(connection: http.client.HTTPConnection, number: int) -> str:
    """Return where the list of all goes on in its middle: that is told by a list which begins there."""
    begins = _FIRST + (_LAST - _FIRST) / 2 + number * EVERY
    cursor: str = _get(connection, "/transactions", {"began_to": stamp(begins), "limit": 1})["next"]
    return cursor


def _get(connection: http.client.HTTPConnection, path: str, query: Query) -> Any:
    connection.request("GET", f"/api/v1{path}?{urlencode(query)}", headers={"Authorization": f"Bearer {TOKEN}"})
    response = connection.getresponse()
    said = response.read()
    if response.status != 200:
        raise Failure(f"{path} with {query}: {response.status} {said[:300].decode(errors='replace')}")
    return json.loads(said)


def fill(url: str) -> None:
    """Make the tables of a database, stations, and many transactions of theirs."""
    asyncio.run(_fill(url))


async def _fill(url: str) -> None:
    address = read_address(url)
    await upgrade(address)
    database = Database(address)
    await database.open()
    try:
        async with database.there().begin() as connection:
            await connection.run_sync(_rows)
        if address.drivername == POSTGRESQL:  # what it does by itself within a minute
            async with database.there().connect() as connection:
                await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))
    finally:
        await database.close()


def _rows(connection: Connection) -> None:
    indexes = sorted(tables.transactions.indexes, key=lambda index: str(index.name))
    for index in indexes:
        index.drop(connection)
    _insert(
        connection, tables.stations, STATIONS, {"key": "'old-' || (10000 + i)", "identity": "'OLD-' || (10000 + i)"}
    )
    _insert(connection, tables.transactions, ROWS, _TRANSACTIONS)
    for index in indexes:
        index.create(connection)


_STATIONS = {"key": "'old-' || (10000 + i)", "identity": "'OLD-' || (10000 + i)"}
_RUNS = f"i % {RUNNING} = 0"
_BEGAN = f"{_FIRST} + {EVERY} * i"
_TRANSACTIONS = {
    "station": f"'old-' || (10000 + i % {STATIONS})",
    "ref": "'' || (i + 1)",
    "number": "i + 1",
    "network": f"'net-' || (10 + i % {NETWORKS})",
    "version": "'ocpp1.6'",
    "evse": "1 + i % 2",
    "connector": "1",
    "token": f"'TAG' || (10000 + i * 7 % {TOKENS})",
    "token_id": f"'tag' || (10000 + i * 7 % {TOKENS})",
    "began": _BEGAN,
    "began_received": _BEGAN,
    "meter_start": "i * 10.0",
    "state": f"CASE WHEN {_RUNS} THEN 'running' ELSE 'ended' END",
    **dict.fromkeys(("ended", "ended_received"), f"CASE WHEN {_RUNS} THEN NULL ELSE {_BEGAN} + 3000 END"),
    "meter_stop": f"CASE WHEN {_RUNS} THEN NULL ELSE i * 10.0 + 11000 END",
    "energy": f"CASE WHEN {_RUNS} THEN NULL ELSE 11000.0 END",
    "currency": f"CASE WHEN {_RUNS} THEN '' ELSE 'EUR' END",
    "cost": f"CASE WHEN {_RUNS} THEN NULL ELSE 440 END",
    "cost_data": ":account",
}
"""A value of each column, in the SQL of both databases, for the number `i` of a row; columns without have none."""


def _insert(connection: Connection, table: Table, rows: int, values: dict[str, str]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    found = ", ".join(values.get(column.name) or _nothing(column) for column in table.columns)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {rows - 1}) "
    inserting = f"{numbers} INSERT INTO {table.name} ({names}) SELECT {found} FROM n"
    connection.execute(text(inserting), {"account": _account()} if ":account" in inserting else {})


def _nothing(column: Column[Any]) -> str:
    if column.nullable:
        return "NULL"
    if isinstance(column.type, Boolean):
        return "false"
    if isinstance(column.type, Document):
        return "''"
    return "''" if column.type.python_type is str else "0"


def _account() -> bytes:
    tariff = Tariff(name="all", currency="EUR", per_kwh=Decimal("0.4"))
    return msgspec.json.encode(Account(tariff=tariff, cost=cost(tariff, 11_000.0, 3000.0, 0.0), energy=11_000.0))
