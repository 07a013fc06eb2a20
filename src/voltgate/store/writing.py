"""Writing: the statements that keep and delete records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Dialect, Table, TypeDecorator, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.relay.records import AuditRecord, Record
from voltgate.store.address import SQLITE
from voltgate.store.chain import append
from voltgate.store.failures import is_of_the_data
from voltgate.store.locations import Alone
from voltgate.store.pending import Entry, is_on_a_page
from voltgate.store.tables import TABLES

T = TypeVar("T")
Refused: TypeAlias = tuple[Entry, Exception]
"""What is not written, and why."""

_CHUNK = 1000
"""Records that are written with one statement: more would keep the loop busy for too long."""


class Elsewhere(Exception):  # noqa: N818 - it says what is the matter
    """Another gateway writes of this station by now."""


class Writer:
    """Writes records to a database of one kind (`driver`), those of a station only under its epoch in `locations`."""

    def __init__(self, driver: str, locations: Alone) -> None:
        self._upserts = {kind: _upsert(table, driver) for kind, table in TABLES.items()}
        self._locations = locations

    async def write(self, engine: AsyncEngine, entries: Sequence[Entry]) -> list[Refused]:
        """Write all with one commit, or nothing; return those that are another gateway's to write.

        Raises what `is_of_the_data` tells apart.
        """
        refused: list[Refused] = []
        async with engine.begin() as connection:
            await self._write(connection, await self._ours(connection, entries, refused))
        return refused

    async def sift(self, engine: AsyncEngine, entries: Sequence[Entry]) -> list[Refused]:
        """Write with one commit all that can be written; return the rest, each with the reason."""
        refused: list[Refused] = []
        entries = [entry for entry in entries if not _objected(entry, engine.dialect, refused)]
        async with engine.begin() as connection:
            await self._sift(connection, await self._ours(connection, entries, refused), refused)
        return refused

    async def _ours(
        self, connection: AsyncConnection, entries: Sequence[Entry], refused: list[Refused]
    ) -> Sequence[Entry]:
        """Leave out what another gateway writes."""
        stations = {entry.record.station for entry in entries if is_on_a_page(entry.record)}
        elsewhere = await self._locations.elsewhere(connection, stations)
        ours: list[Entry] = []
        for entry in entries:
            if is_on_a_page(entry.record) and entry.record.station in elsewhere:
                refused.append((entry, Elsewhere()))
            else:
                ours.append(entry)
        return ours

    async def _sift(self, connection: AsyncConnection, entries: Sequence[Entry], guilty: list[Refused]) -> None:
        """Try them together, else each half alone."""
        try:
            async with connection.begin_nested():
                await self._write(connection, entries)
        except Exception as error:
            if not is_of_the_data(error):
                raise
            if len(entries) == 1:
                guilty.append((entries[0], error))
                return
            half = len(entries) // 2
            await self._sift(connection, entries[:half], guilty)
            await self._sift(connection, entries[half:], guilty)

    async def _write(self, connection: AsyncConnection, entries: Sequence[Entry]) -> None:
        by_kind: dict[type[Record], list[Entry]] = {}
        for entry in entries:
            by_kind.setdefault(type(entry.record), []).append(entry)
        lines = by_kind.pop(AuditRecord, [])
        for kind, mine in by_kind.items():
            table = TABLES[kind]
            kept = [_row(entry.record) for entry in mine if not entry.deleted]
            gone = [_key_row(table, entry.record) for entry in mine if entry.deleted]
            for rows in _chunks(kept):
                await connection.execute(self._upserts[kind], rows)
            for rows in _chunks(gone):
                await connection.execute(deletion(table), rows)
        for several in _chunks([entry.record for entry in lines]):
            await append(connection, cast("list[AuditRecord]", several))


def _objected(entry: Entry, dialect: Dialect, guilty: list[Refused]) -> bool:
    """Ask the columns themselves what they cannot hold: the database need not be asked for each."""
    try:
        for column in TABLES[type(entry.record)].columns:
            if isinstance(column.type, TypeDecorator):
                column.type.process_bind_param(getattr(entry.record, column.name), dialect)
    except Exception as error:
        guilty.append((entry, error))
        return True
    return False


def _chunks(rows: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _row(record: Record) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _key_row(table: Table, record: Record) -> dict[str, Any]:
    return {f"key_{column.name}": getattr(record, column.name) for column in table.primary_key.columns}


def deletion(table: Table) -> Any:
    """Return the statement that deletes the rows whose keys are given as `key_…`."""
    statement = delete(table)
    for column in table.primary_key.columns:
        statement = statement.where(column == bindparam(f"key_{column.name}"))
    return statement


def _upsert(table: Table, dialect: str) -> Any:
    """Make the statement that keeps a row in place of the one with the same key."""
    insert = (sqlite if dialect == SQLITE else postgresql).insert(table)
    keys = [column.name for column in table.primary_key.columns]
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=others)
