"""Parts of long lists, by what comes after the last row that was seen: no part costs more than the first.

A list is sorted by one column, ties by the key; rows that have nothing in that column come last. Where a list goes on
is told by a cursor: a text in which nobody should look.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Select, func, literal, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.store.csms.shapes import Shape

R = TypeVar("R")

COUNTED = 10_000
"""Rows that are counted; whether there are more is told."""

Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A part of a list. `total` rows match in all, or `more` than that; it goes on `after` a cursor, None: it ends."""

    rows: list[R]
    after: str | None
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by columns, the first may have nothing in it; all forwards or all backwards."""

    columns: tuple[Column[Any], ...]
    backwards: bool = False

    def sorting(self, skip: int = 0) -> list[Any]:
        """Return what to sort by, without the first columns."""
        return [column.desc() if self.backwards else column.asc() for column in self.columns[skip:]]

    def follows(self, last: Sequence[Any], skip: int = 0) -> ColumnElement[bool]:
        """Return the condition that a row comes after another."""
        columns = self.columns[skip:]
        values = tuple_(*(literal(value, column.type) for value, column in zip(last, columns, strict=True)))
        return tuple_(*columns) < values if self.backwards else tuple_(*columns) > values

    def cursor(self, row: Any) -> str:
        """Write down a row as one after which a list goes on."""
        last = [getattr(row, column.name) for column in self.columns]
        return base64.urlsafe_b64encode(json.dumps([self._name(), *last]).encode()).decode()

    def read_cursor(self, text: str | None) -> list[Any] | None:
        """Read what `cursor` wrote. Raise ValueError for anything else, also for what another order wrote."""
        if text is None:
            return None
        try:
            read: list[Any] = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
            name, *last = read
        except (ValueError, TypeError, RecursionError):
            raise ValueError("this is no cursor") from None
        if name != self._name() or len(last) != len(self.columns) or not all(map(_is_of, last, self.columns)):
            raise ValueError("this is no cursor of this list")
        return last

    def _name(self) -> str:
        return "-" * self.backwards + ",".join(column.name for column in self.columns)


def _is_of(value: Any, column: Column[Any]) -> bool:
    """Return whether a value can stand in a column."""
    kind = column.type.python_type
    return isinstance(value, (kind, int) if kind is float else kind) or (value is None and bool(column.nullable))


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A list: rows of a class for which one of several groups of conditions holds.

    Each group is read by an index of its own. `order` may name what is not of the model.
    """

    shape: Shape[R]
    order: Order
    groups: Sequence[Conditions] = ((),)

    async def part(self, connection: AsyncConnection, after: str | None, limit: int) -> Listed[R]:
        """Read a part. Raise ValueError for a cursor that is none."""
        last = self.order.read_cursor(after)
        found = await self._rows(connection, last, limit + 1)
        total = await self._count(connection)
        rows = [self.shape.kind(*(getattr(row, name) for name in self.shape.own)) for row in found[:limit]]
        goes_on = self.order.cursor(found[limit - 1]) if len(found) > limit else None
        return Listed(rows, goes_on, min(total, COUNTED), total > COUNTED)

    async def _rows(self, connection: AsyncConnection, last: list[Any] | None, limit: int) -> list[Any]:
        first = self.order.columns[0]
        if not first.nullable:
            return await self._read(connection, (), last, 0, limit)
        found: list[Any] = []
        if last is None or last[0] is not None:
            found = await self._read(connection, (first.is_not(None),), last, 0, limit)
            last = None
        if len(found) < limit:
            found += await self._read(connection, (first.is_(None),), last and last[1:], 1, limit - len(found))
        return found

    async def _read(
        self, connection: AsyncConnection, more: Conditions, last: list[Any] | None, skip: int, limit: int
    ) -> list[Any]:
        if last is not None:
            more = (*more, self.order.follows(last, skip))
        table, sorting = self.shape.table, self.order.sorting(skip)
        parts = [select(table).where(*group, *more).order_by(*sorting).limit(limit) for group in self.groups]
        return list(await connection.execute(_either(parts, self.order, skip).limit(limit)))

    async def _count(self, connection: AsyncConnection) -> int:
        keys = list(self.shape.table.primary_key.columns)
        parts = [select(*keys).where(*group).limit(COUNTED + 1) for group in self.groups]
        some = parts[0] if len(parts) == 1 else union(*(select(part.subquery()) for part in parts))
        counted = await connection.execute(select(func.count()).select_from(some.subquery()))
        return int(counted.scalar_one())


def _either(parts: list[Select[Any]], order: Order, skip: int) -> Any:
    """Select what one of several selects gives, in the same order, each row once."""
    if len(parts) == 1:
        return parts[0]
    some = union(*(select(part.subquery()) for part in parts)).subquery()
    same = Order(tuple(some.c[column.name] for column in order.columns), order.backwards)  # type: ignore[misc]
    return select(some).order_by(*same.sorting(skip))
