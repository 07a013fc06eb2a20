"""Writing what a round has decided, many rows with one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias

from voltgate.csms.model import Row
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import Columns, shape
from voltgate.store.csms.speech import writing

Write: TypeAlias = tuple[str, Columns]
"""A statement, and the columns of the rows that it is run for."""

_AT_ONCE = 1000
"""Rows of one statement: what the driver makes of them, it makes at once."""


async def write_rows(link: Link, rows: Iterable[Row]) -> None:
    """Write rows in place of those with the same keys; of two with the same key the last one."""
    await write(link, writes(link.driver, rows))


async def write(link: Link, these: Iterable[Write]) -> None:
    """Write what was made of rows."""
    for statement, columns in these:
        await link.write(statement, *columns)


def writes(driver: str, rows: Iterable[Row]) -> Iterator[Write]:
    """Yield what writes rows in place of those with the same keys; of two with the same key the last one counts."""
    by_kind: dict[type[Row], dict[Any, Row]] = {}
    for row in rows:
        by_kind.setdefault(type(row), {})[shape(type(row)).key(row)] = row
    for kind, kept in by_kind.items():
        mine, left = shape(kind), iter(kept.values())
        while few := list(islice(left, _AT_ONCE)):
            yield writing(driver, mine), mine.written(few)
