"""Lists of the management system in parts, as JSON; and whole ones as CSV or JSON lines, a part at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar, get_args

from fastapi import Depends, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from voltgate.directory.slices import unhurried
from voltgate.relay.records import StoreAway
from voltgate.store.csms.listing import Listed
from voltgate.web.problems import Unfinished, invalid
from voltgate.web.times import seconds_of

R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)

Form: TypeAlias = Literal["json", "csv", "jsonl"]
MEDIA_TYPES: dict[Form, str] = {"json": "application/json", "csv": "text/csv", "jsonl": "application/jsonl"}
BY_MEDIA_TYPE: dict[str, Form] = {
    **{media_type: form for form, media_type in MEDIA_TYPES.items()},
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
}
STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}, "application/jsonl": {}}}}
"""The declaration of an operation whose answer has other forms than JSON."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What spreadsheets take for a formula, and what is told apart from it by one more `'` before it."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_PART = 200
"""Rows of one part of a whole list."""


class CsmsPage(BaseModel, Generic[M]):
    """A part of a list. `next` is the cursor of the part behind it; null: there is none."""

    items: list[M]
    next: str | None
    total: int = Field(description="How many there are in all, as far as they are counted.")
    more: bool = Field(description="Whether there are more than `total`.")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a list is asked for, in which form."""

    cursor: str | None
    limit: int
    form: Form


async def _asked(
    cursor: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9_=-]*$", max_length=4000, description="The `next` of the part before."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many items to give, of JSON.")] = 100,
    form: Annotated[
        Form | None,
        Query(alias="format", description="`csv` and `jsonl` (or `Accept: text/csv`, `application/jsonl`): all items."),
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Asked:
    return Asked(cursor, limit, form or accepted(accept))


AskedList = Annotated[Asked, Depends(_asked)]


def accepted(header: str) -> Form:
    """Return the form that an Accept header prefers; what it names first, of those that there are."""
    for part in header.split(","):
        form = BY_MEDIA_TYPE.get(part.partition(";")[0].strip().lower())
        if form is not None:
            return form
    return "json"


def moment(text: str | None, name: str) -> float | None:
    """Return the time of a query parameter. Raise Problem 422."""
    try:
        return None if text is None else seconds_of(text)
    except (ValueError, OverflowError):
        raise invalid([{"loc": ("query", name), "msg": "is no time: write one like 2026-11-21T07:30:00Z"}]) from None


Columns: TypeAlias = dict[str, tuple[str, ...]]
"""Columns of CSV, each with where its value stands in a model."""

Read: TypeAlias = Callable[[str | None, int], Awaitable[Listed[R]]]
"""Reads a part of a list: what comes after a cursor, and how many at most."""
Show: TypeAlias = Callable[[Sequence[R]], Awaitable[list[M]]]
"""Makes models of rows."""


async def given(model: type[M], read: Read[R], show: Show[R, M], asked: Asked) -> CsmsPage[M] | StreamingResponse:
    """Return a part of a list, or all of it as a stream. Raise Problem 422 for a cursor that is none, and StoreAway."""
    try:
        first = await read(asked.cursor, asked.limit if asked.form == "json" else _PART)
    except ValueError as error:
        raise invalid([{"loc": ("query", "cursor"), "msg": str(error)}]) from None
    if asked.form == "json":
        return CsmsPage(items=await show(first.rows), next=first.after, total=first.total, more=first.more)
    return streamed(model, _models(first, read, show), asked.form)


async def _models(part: Listed[R], read: Read[R], show: Show[R, M]) -> AsyncIterator[Sequence[M]]:
    """Yield the models of a whole list, of which the first part was read."""
    while True:
        yield await show(part.rows)
        if part.after is None:
            return
        try:
            part = await read(part.after, _PART)
        except StoreAway as away:
            raise Unfinished(f"the database is away: {away}") from None


def streamed(model: type[M], parts: AsyncIterator[Sequence[M]], form: Form) -> StreamingResponse:
    """Return the models of a list as CSV or JSON lines: no more than a part is held."""
    lines = _csv(columns_of(model), parts) if form == "csv" else _json_lines(parts)
    return StreamingResponse(lines, media_type=MEDIA_TYPES[form], headers={"X-Content-Type-Options": "nosniff"})


async def _json_lines(parts: AsyncIterator[Sequence[M]]) -> AsyncIterator[str]:
    async for part in parts:
        async for few in unhurried(part):
            yield "".join(f"{each.model_dump_json()}\n" for each in few)


async def _csv(columns: Columns, parts: AsyncIterator[Sequence[M]]) -> AsyncIterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    async for part in parts:
        async for few in unhurried(part):
            writer.writerows([_cell_at(each, path) for path in columns.values()] for each in few)
            yield text.getvalue()
            text.seek(0)
            text.truncate()


def columns_of(model: type[BaseModel]) -> Columns:
    """Return the columns of a model: what stands inside another is called by the names of both."""
    columns: Columns = {}
    for name, described in model.model_fields.items():
        kinds = (described.annotation, *get_args(described.annotation))
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        within: Columns = {"": ()} if inner is None else columns_of(inner)
        columns |= {f"{name}_{each}" if each else name: (name, *path) for each, path in within.items()}
    return columns


def _cell_at(item: BaseModel, path: Sequence[str]) -> str:
    value: Any = item
    for name in path:
        value = None if value is None else getattr(value, name)
    return cell(value)


def cell(value: object) -> str:
    """Return a value as CSV has it: nothing for null, a text that no spreadsheet calculates, else what JSON has."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value


def text_of(cell: str) -> str:
    """Return the text that `cell` has made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
