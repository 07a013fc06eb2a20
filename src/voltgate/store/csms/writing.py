"""Writing what a round has decided, many rows with one statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from voltgate.csms.model import Row
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.speech import writing


async def write_rows(link: Link, rows: Iterable[Row]) -> None:
    """Write rows in place of those with the same keys; of two with the same key the last one."""
    by_kind: dict[type[Row], dict[Any, Row]] = {}
    for row in rows:
        by_kind.setdefault(type(row), {})[shape(type(row)).key(row)] = row
    for kind, kept in by_kind.items():
        mine = shape(kind)
        await link.write(writing(link.driver, mine), *mine.written(kept.values()))
