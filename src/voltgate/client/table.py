"""Tables: drawn on a terminal, aligned as plain text anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from voltgate.client.terminal_text import word


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the key of its value in an item (dots separate nested keys), and its formatter."""

    heading: str
    key: str
    write: Callable[[object], str] = word
    number: bool = False


def rows(columns: Sequence[Column], items: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return the cells of a table."""
    return [[column.write(_at(item, column.key)) for column in columns] for item in items]


def _at(item: Any, key: str) -> object:
    for part in key.split("."):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def show(columns: Sequence[Column], items: Iterable[Mapping[str, Any]]) -> None:
    """Print a table, without columns that are empty."""
    cells = rows(columns, items)
    filled = [index for index in range(len(columns)) if not cells or any(row[index] for row in cells)]
    kept = [columns[index] for index in filled]
    cells = [[row[index] for index in filled] for row in cells]
    (_draw if sys.stdout.isatty() else _align)(kept, cells)


def _draw(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only a terminal needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column.heading), justify="right" if column.number else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


def _align(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    lines = [[column.heading for column in columns], *cells]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        parts = map(_aligned, columns, line, widths)
        typer.echo("  ".join(parts).rstrip())


def _aligned(column: Column, cell: str, width: int) -> str:
    return cell.rjust(width) if column.number else cell.ljust(width)
