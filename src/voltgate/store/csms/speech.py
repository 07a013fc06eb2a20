"""The statements of rounds, in the SQL of each database: many rows with one, its text always the same.

What is looked for, or written, comes as columns: arrays on PostgreSQL, one JSON text on SQLite, rows where it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql

from voltgate.store.address import POSTGRESQL
from voltgate.store.csms.shapes import APPENDED, DATED, Shape

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


def quoted(name: str) -> str:
    """Return a name of a column as it stands in a statement."""
    return f'"{name}"'


def listed(names: Sequence[str], table: str = "") -> str:
    """Return names of columns as they stand in a statement."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quoted(name) for name in names)


def _array(column: Column[Any]) -> str:
    return f"{column.type.compile(_POSTGRESQL)}[]"


def _arrays(table: Table, names: Sequence[str]) -> str:
    """Return the parameters that stand for columns."""
    return ", ".join(f"${at}::{_array(table.columns[name])}" for at, name in enumerate(names, 1))


@cache
def wanted(driver: str, table: Table, names: tuple[str, ...]) -> str:
    """Return a table of what is looked for, of which the columns are those of another; it is called `wanted`."""
    if driver == POSTGRESQL:
        return f"unnest({_arrays(table, names)}) AS wanted({listed(names)})"
    paths = ["value"] if len(names) == 1 else [f"json_extract(value, '$[{at}]')" for at in range(len(names))]
    values = ", ".join(f"{path} AS {quoted(name)}" for path, name in zip(paths, names, strict=True))
    return f"(SELECT {values} FROM json_each(?)) AS wanted"  # noqa: S608


@cache
def reading(driver: str, mine: Shape[Any], names: tuple[str, ...], more: str = "", end: str = "") -> str:
    """Return what reads the rows in which some columns are as wanted, and `more` holds."""
    equal = " AND ".join(f"t.{quoted(name)} = wanted.{quoted(name)}" for name in names)
    source = f"{wanted(driver, mine.table, names)} CROSS JOIN {mine.table.name} AS t WHERE {equal}"
    return f"SELECT {listed(mine.own, 't')} FROM {source}{more and ' AND ' + more}{end and ' ' + end}"  # noqa: S608


@cache
def writing(driver: str, mine: Shape[Any], *, anew: bool = False) -> str:
    """Return what keeps rows in place of those with the same keys; `anew`: only where there is none.

    What has a date stays where it is the newer.
    """
    into = f"INSERT INTO {mine.table.name} ({listed(mine.names)})"
    if driver == POSTGRESQL:
        rows = f"SELECT * FROM unnest({_arrays(mine.table, mine.names)})"  # noqa: S608
    else:
        rows = f"VALUES ({', '.join('?' * len(mine.names))})"
    others = [quoted(name) for name in mine.names if name not in mine.keys]
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    then = "NOTHING" if anew or mine.kind in APPENDED else f"UPDATE SET {changes}"
    if mine.kind in DATED:
        then += f" WHERE {mine.table.name}.at <= excluded.at"
    return f"{into} {rows} ON CONFLICT ({listed(mine.keys)}) DO {then}"
