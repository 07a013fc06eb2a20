"""`voltgate audit`: the audit trail of the database is verified, or written to a file; no gateway has to run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.app.database import is_missing
from voltgate.relay.records import AuditRecord, StoreAway
from voltgate.store import schema
from voltgate.store.address import open_engine, reading
from voltgate.store.chain import NAMES, Link
from voltgate.store.verifying import Report, as_now, links_of, verify, walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PATIENCE = 30.0


def verify_trail(address: URL, anchor: tuple[int, str] | None, older_until: float) -> Report:
    """Verify the audit trail of a database. Raises SQLAlchemyError, OSError and StoreAway."""

    async def verified() -> Report:
        async with _opened(address) as engine:
            return await verify(engine, anchor, older_until)

    return asyncio.run(verified())


def verify_copy(file: Path, anchor: tuple[int, str] | None) -> Report:
    """Verify what `export` wrote. Raises OSError, and ValueError for what it has not written."""
    with file.open(encoding="utf-8") as lines:
        return walk(_links(lines), anchor)


def _links(lines: IO[str]) -> Iterator[Link]:
    for number, text in enumerate(lines, 1):
        try:
            said = json.loads(text)
            link = Link(AuditRecord(**{name: said[name] for name in NAMES}), int(said["number"]), str(said["before"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ValueError(f"line {number} is no line of an audit trail") from None
        yield link


def export(address: URL, to: IO[str], since: float, until: float) -> int:
    """Write the lines of a time as JSON, the oldest first, one a line; return how many. Raises as `verify_trail`."""

    async def written() -> int:
        count = 0
        async with _opened(address) as engine, as_now(engine) as connection:
            async for link in links_of(connection, with_older=True):
                if since <= link.record.at < until:
                    to.write(json.dumps({"number": link.number, "before": link.before, **asdict(link.record)}) + "\n")
                    count += 1
        return count

    return asyncio.run(written())


@asynccontextmanager
async def _opened(address: URL) -> AsyncIterator[AsyncEngine]:
    if is_missing(address):
        raise StoreAway("there is no database yet")
    engine = open_engine(address, _PATIENCE)
    try:
        if objection := await schema.objection(engine):
            raise StoreAway(objection)
        yield reading(engine)
    finally:
        await engine.dispose()


def tell(report: Report, *, as_json: bool) -> int:
    """Print what a verification found; return the status of the program: 0 if the trail is whole, else 1."""
    if as_json:
        typer.echo(json.dumps({"whole": report.is_whole, **asdict(report)}))
        return 0 if report.is_whole else 1
    for text in _sentences(report):
        typer.echo(text)
    for fault in report.faults:
        which = f"lines {fault.first} to {fault.last}" if fault.last > fault.first else f"line {fault.first}"
        typer.echo(f"{which if fault.last else 'the trail'}: {fault.problem}", err=True)
    if report.more:
        typer.echo(f"and {report.more} more", err=True)
    return 0 if report.is_whole else 1


def _sentences(report: Report) -> Iterator[str]:
    number, hashed = report.head
    state = "The audit trail is whole" if report.is_whole else "The audit trail is NOT whole"
    yield f"{state}: {report.lines} lines in the chain, {report.deleted} before deleted for their age."
    if report.unchained:
        since = f" began, at {datetime.fromtimestamp(report.began, UTC):%Y-%m-%dT%H:%M:%SZ}" if report.began else ""
        yield f"{report.unchained} lines are from before the chain{since}: nothing vouches for them."
    if number:
        yield f"It stands at {number}:{hashed}. Keep that elsewhere, and give it to --against later."


def read_anchor(text: str) -> tuple[int, str]:
    """Read `NUMBER:HASH`. Raises ValueError."""
    number, _, hashed = text.partition(":")
    if not number.isdecimal() or len(hashed) != 64:
        raise ValueError('is "NUMBER:HASH", as `voltgate audit verify` prints it and the log has it hourly')
    return int(number), hashed.lower()


def as_seconds(iso: str | None, otherwise: float) -> float:
    """Return an ISO 8601 time in seconds since 1970."""
    return otherwise if iso is None else datetime.fromisoformat(iso).timestamp()
