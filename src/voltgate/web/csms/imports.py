"""Lists that are imported: as JSON, JSON lines or CSV, read whole before any of it is written."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from fastapi import Request
from pydantic import BaseModel, Field, ValidationError

from voltgate.relay.records import StoreAway
from voltgate.web.csms.forms import BY_MEDIA_TYPE, MEDIA_TYPES, Form, text_of
from voltgate.web.problems import MOST_ERRORS, Problem, invalid

M = TypeVar("M", bound=BaseModel)

MOST = 250_000
"""Items of one list; more need several."""

Mistake: TypeAlias = dict[str, Any]
"""As pydantic has it: where (`loc`), and what (`msg`)."""

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {media_type: {"schema": {}} for media_type in MEDIA_TYPES.values()},
    }
}
"""The OpenAPI description of a body that is a list."""


class Imported(BaseModel):
    """What became of a list."""

    items: int = Field(description="How many were made, or are now as the list says.")


@contextmanager
def begun() -> Iterator[None]:
    """Say of a list that was being written when the database went away that it may be said again."""
    try:
        yield
    except StoreAway as away:
        detail = f"{away}. Some of the list may have been written: import it again, which does no harm."
        raise Problem(503, "Service Unavailable", detail, headers={"Retry-After": "5"}) from None


async def read_items(request: Request, kind: type[M], shown: type[BaseModel]) -> list[tuple[str, M]]:
    """Return the items of a body, each with where it stands. What is only `shown` of an item is left out.

    Raise Problem: 415 for a form that is none, 400 for what is not of its form, 422 that names mistakes.
    """
    form = BY_MEDIA_TYPE.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if form is None:
        raise Problem(415, "Unsupported Media Type", f"A list is one of {', '.join(MEDIA_TYPES.values())}.")
    body = await request.body()
    return await asyncio.to_thread(_items, body, form, kind, set(shown.model_fields) - set(kind.model_fields))


def _items(body: bytes, form: Form, kind: type[M], ignored: set[str]) -> list[tuple[str, M]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise Problem(400, "Bad Request", f"The list is not UTF-8 text: see line {line}.") from None
    found: list[tuple[str, M]] = []
    mistakes: list[Mistake] = []
    for place, item in _READERS[form](text, kind):
        if len(found) >= MOST:
            raise Problem(413, "Content Too Large", f"A list may have {MOST:,} items: import the rest with another.")
        if isinstance(item, str):
            mistakes.append({"loc": (place,), "msg": item})
        else:
            try:
                wanted = kind.model_validate({name: each for name, each in item.items() if name not in ignored})
                found.append((place, wanted))
            except ValidationError as error:
                mistakes += [{"loc": (place, *each["loc"]), "msg": each["msg"]} for each in error.errors()]
        if len(mistakes) > 10 * MOST_ERRORS:
            break
    if mistakes:
        raise invalid(mistakes)
    return found


Items: TypeAlias = Iterator[tuple[str, dict[str, Any] | str]]
"""Items with where each stands, or what is wrong there."""


def _of_json(text: str, kind: type[BaseModel]) -> Items:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Problem(400, "Bad Request", "The body is not JSON.") from None
    items = said.get("items") if isinstance(said, dict) else said
    if not isinstance(items, list):
        raise invalid([{"loc": ("body",), "msg": 'is a list, or an object with a list "items"'}])
    for number, item in enumerate(items):
        yield f"items[{number}]", item if isinstance(item, dict) else "is no object"


def _of_lines(text: str, kind: type[BaseModel]) -> Items:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            yield f"line {number}", item if isinstance(item, dict) else "is no JSON object"


def _of_csv(text: str, kind: type[BaseModel]) -> Items:
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",")
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cells):
                continue
            if not names:
                names = [cell.strip() for cell in cells]
            elif len(cells) != len(names):
                yield f"line {reader.line_num}", f"has {len(cells)} columns, the first line has {len(names)}"
            else:
                yield f"line {reader.line_num}", _typed(dict(zip(names, map(text_of, cells), strict=True)), kind)
    except csv.Error as error:
        yield f"line {reader.line_num}", str(error)


def _typed(cells: dict[str, str], kind: type[BaseModel]) -> dict[str, Any]:
    """Return what cells say: a number where there may be one; an empty cell is as if nothing stood there."""
    return {name: _value(cell, kind, name) for name, cell in cells.items() if cell != ""}


def _value(cell: str, kind: type[BaseModel], name: str) -> Any:
    described = kind.model_fields.get(name)
    if described is not None and described.annotation is int and cell.strip().isdecimal():
        return int(cell)
    return cell


_READERS: dict[Form, Callable[[str, type[BaseModel]], Items]] = {"json": _of_json, "jsonl": _of_lines, "csv": _of_csv}
