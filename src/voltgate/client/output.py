"""The output of the commands: lists and single items as tables, or as the JSON that the API returned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

from voltgate.client.table import Column, show
from voltgate.client.terminal_text import counted, word

Json = dict[str, Any]


def print_json(document: object) -> None:
    """Print one JSON document on one line."""
    typer.echo(json.dumps(document, separators=(",", ":")))


def report(document: Json, sentence: str, as_json: bool) -> None:
    """Print what was done: a sentence, or what the API answered."""
    if as_json:
        print_json(document)
    else:
        typer.echo(sentence)


def now(document: Json, change: Iterable[str]) -> str:
    """Return what has changed, as it is now: "name North, no location"."""
    values = {name: word(document.get(name)) for name in change}
    return ", ".join(f"{name} {value}" if value else f"no {name}" for name, value in values.items())


def remark(text: str) -> None:
    """Print a remark for a person, on standard error."""
    typer.echo(text, err=True)


def warn_of_missing(document: Json) -> None:
    """Print a warning when nodes of the cluster did not answer."""
    if missing := document.get("missing"):
        remark(f"warning: what these nodes hold is not shown, as they do not answer: {word(missing)}")


def print_page(page: Json, columns: Sequence[Column], noun: str, as_json: bool) -> None:
    """Print a page of a list, and how much of the list it is."""
    warn_of_missing(page)
    if as_json:
        print_json(page)
        return
    items, total, offset = page["items"], page["total"], page["offset"]
    if not items:
        remark(f"no {noun}s" if not total else f"there are only {counted(total, noun)}")
        return
    show(columns, items)
    if len(items) < total:
        upto = offset + len(items)
        more = f"; --offset {upto} shows the next" if upto < total else ""
        remark(f"{offset + 1:,} to {upto:,} of {counted(total, noun)}{more}")


def print_part(part: Json, columns: Sequence[Column], noun: str, as_json: bool) -> None:
    """Print a list that goes on by cursor, and how much of the list it is."""
    if as_json:
        print_json(part)
        return
    items, total = part["items"], part["total"]
    if not items:
        remark(f"no {noun}s")
        return
    show(columns, items)
    if len(items) < total or part["more"]:
        of = f"more than {total:,}" if part["more"] else f"{total:,}"
        remark(f"the first {len(items):,} of {of} {noun}s; --limit shows more")


def print_newest(part: Json, columns: Sequence[Column], noun: str, as_json: bool) -> None:
    """Print the newest items of a list, and whether there are more."""
    if as_json:
        print_json(part)
        return
    items = part["items"]
    if not items:
        remark(f"no {noun}s")
        return
    show(columns, items)
    if part["next"] is not None:
        remark(f"the newest {len(items):,}; --limit shows more")


def print_facts(facts: Mapping[str, str | None]) -> None:
    """Print the fields of one item, a line each; empty ones are left out."""
    present = {name: value for name, value in facts.items() if value}
    width = max(map(len, present), default=0)
    for name, value in present.items():
        typer.echo(f"{name.ljust(width)}  {value}")


def facts(columns: Sequence[Column], item: Json) -> dict[str, str | None]:
    """Return the fields of one item, as a table would show them."""
    return {column.heading: column.write(item.get(column.key)) for column in columns}


def print_text(pieces: Iterable[str]) -> None:
    """Print a text as it comes."""
    for piece in pieces:
        typer.echo(piece, nl=False)


def tally(counts: object) -> str:
    """Return counters by name, those at 0 left out: "results 4, errors 1"."""
    if not isinstance(counts, Mapping):
        return ""
    return ", ".join(f"{word(name)} {count:,}" for name, count in counts.items() if count)
