"""Writing: the statements that keep and delete records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from sqlalchemy import Table, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.relay.records import Record
from voltgate.store.address import SQLITE
from voltgate.store.pending import Batch
from voltgate.store.tables import TABLES

_CHUNK = 1000
"""Records that are written with one statement: more would keep the loop busy for too long."""


class Writer:
    """Writes batches of records to a database of one kind (`driver`)."""

    def __init__(self, driver: str) -> None:
        self._upserts = {kind: _upsert(table, driver) for kind, table in TABLES.items()}

    async def write(self, engine: AsyncEngine, batch: Batch) -> None:
        """Write a batch with one commit."""
        async with engine.begin() as connection:
            for kind, table in TABLES.items():
                await self._write_kind(connection, kind, table, batch)

    async def _write_kind(self, connection: AsyncConnection, kind: type[Record], table: Table, batch: Batch) -> None:
        mine = [(record, deleted) for (each, _), (record, deleted) in batch.items() if each is kind]
        kept = [_row(record) for record, deleted in mine if not deleted]
        gone = [_key_row(table, record) for record, deleted in mine if deleted]
        for rows in _chunks(kept):
            await connection.execute(self._upserts[kind], rows)
        for rows in _chunks(gone):
            await connection.execute(deletion(table), rows)


def _chunks(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
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
