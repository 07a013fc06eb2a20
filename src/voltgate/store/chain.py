"""The chain of the audit trail: each line has the number that follows, and carries the hash of the line before.

There is one chain for a database. Whoever adds lines holds its head (a row) until the commit, so that several gateways
come one after the other. Lines that are deleted for their age leave a gap behind, which says where the chain goes on,
and which a line of the chain itself vouches for. The first line carries since when there is the chain.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.relay.records import AuditRecord
from voltgate.store.address import POSTGRESQL
from voltgate.store.tables import audit, audit_gaps, audit_head

LOST = "Lost"
"""The action of a line by which the audit trail says that it lacks lines: `answer` is how many, "" if nobody knows."""
PURGE = "Purge"
"""The action of a line that vouches for a gap: `detail` is what the gap says, `answer` how many lines it is for."""
GATEWAY = "voltgate"
"""Who says something in the audit trail that nobody has asked for."""
NAMES = tuple(field.name for field in fields(AuditRecord))
"""What a line says, in the order in which it is hashed."""

_ORIGIN = re.compile(r"began=(\d{1,13}\.\d{1,20}) older=(\d{1,18})", re.ASCII)
_GONE = "the head of the trail was gone: nobody knows whether the last lines before this one were deleted"

log = structlog.get_logger("voltgate.store")


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the audit trail and its place in the chain: `before` is the hash of the line before.

    `number` 0: it is of a gateway older than the chain.
    """

    record: AuditRecord
    number: int
    before: str

    @property
    def hash(self) -> str:
        """The SHA-256 of all of it, which the next line carries: of a list in JSON, in hexadecimal digits."""
        said = [self.number, self.before, *(getattr(self.record, name) for name in NAMES)]
        return hashlib.sha256(json.dumps(said, separators=(",", ":"), default=repr).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The number and the hash of the newest line."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What the first line carries in the place of a hash: since when there is the chain, and how many lines are older.

    `began` is in seconds since 1970.
    """

    began: float
    older: int

    def __str__(self) -> str:
        return f"began={self.began!r} older={self.older}"


def read_origin(text: str) -> Origin | None:
    """Read an origin; None if it is none."""
    found = _ORIGIN.fullmatch(text)
    return None if found is None else Origin(float(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that were deleted for their age, `first` to `last`: what the first carried, and the hash of the last.

    `at` is when that was; the line that vouches for it is of that time.
    """

    first: int
    last: int
    before: str
    hash: str
    at: float

    @property
    def said(self) -> str:
        """What the line says that vouches for it."""
        return f"lines {self.first} to {self.last}, the first after {self.before}, the last with {self.hash}"


def read_link(row: Row[Any]) -> Link:
    """Return a row of the table, all of whose columns were read; a hand may have written anything into them."""
    values = row._asdict()
    number, before = values["number"], values["before"]
    return Link(
        AuditRecord(**{name: values[name] for name in NAMES}),
        number if isinstance(number, int) else 0,
        before if isinstance(before, str) else "",
    )


def said_lost(at: float, lines: int) -> AuditRecord:
    """Return the line that says that so many lines were lost before they were written."""
    why = f"{lines} lines are missing: there was no room for them, or no database takes them"
    return AuditRecord(uuid4().hex, at, "", GATEWAY, LOST, "", "failed", str(lines), why)


# Adding.


async def append(connection: AsyncConnection, records: Sequence[AuditRecord]) -> None:
    """Add lines to the chain, but those that are there: a commit may have succeeded whose answer was lost.

    Nobody else adds any before the transaction ends, so let this be the last that it does.
    """
    head = await hold_head(connection)
    if head is None:
        head = await _made(connection)
        records = [AuditRecord(uuid4().hex, time.time(), "", GATEWAY, LOST, "", "failed", "", _GONE), *records]
    refs = [_kept(connection, record)["ref"] for record in records]
    there = set((await connection.execute(select(audit.c.ref).where(audit.c.ref.in_(refs)))).scalars())
    rows, number, before = [], head.number, head.hash
    for ref, record in zip(refs, records, strict=True):
        if ref in there:
            continue
        number += 1
        link = Link(AuditRecord(**_kept(connection, record)), number, before)
        rows.append({name: getattr(record, name) for name in NAMES} | {"number": number, "before": before})
        before = link.hash
    if rows:
        await connection.execute(insert(audit), rows)
        await connection.execute(update(audit_head).values(number=number, hash=before))


def _kept(connection: AsyncConnection, record: AuditRecord) -> dict[str, Any]:
    """Return what a record says as it will be read again: too long a text is cut. Raises ValueError for no key."""
    kept: dict[str, Any] = {}
    for name in NAMES:
        kind: Any = audit.c[name].type
        value = kind.process_bind_param(getattr(record, name), connection.dialect)
        if isinstance(value, str):
            value = kind.process_result_value(value, connection.dialect)
        kept[name] = float(value) if name == "at" else value
    return kept


async def read_head(connection: AsyncConnection) -> Head | None:
    """Return the head of the chain; None if it is gone."""
    return _head((await connection.execute(select(audit_head))).first())


async def hold_head(connection: AsyncConnection) -> Head | None:
    """Return the head of the chain; nobody else changes it until the transaction ends. None if it is gone."""
    return _head((await connection.execute(select(audit_head).with_for_update())).first())


def _head(row: Row[Any] | None) -> Head | None:
    """Return a row as the head; None for one that a hand has made something else of."""
    if row is None or not isinstance(row.number, int) or not isinstance(row.hash, str):
        return None
    return Head(row.number, row.hash)


async def _made(connection: AsyncConnection) -> Head:
    """Make a head that is gone, at the newest line that there is."""
    log.error("the head of the audit trail is gone", detail=_GONE)
    await connection.execute(delete(audit_head))
    newest = select(audit).where(audit.c.number == select(func.max(audit.c.number)).scalar_subquery())
    row = (await connection.execute(newest)).first()
    last = None if row is None else read_link(row)
    number, hashed = (0, str(Origin(0.0, 0))) if last is None else (last.number, last.hash)
    statement = (postgresql if connection.dialect.name == POSTGRESQL else sqlite).insert(audit_head)
    values = {"one": 1, "number": number, "hash": hashed, "began": 0.0}
    await connection.execute(statement.values(**values).on_conflict_do_nothing())
    head = await hold_head(connection)
    assert head is not None  # noqa: S101 - it was made, here or by another
    return head


# Deleting what is old.


async def read_gaps(connection: AsyncConnection) -> dict[Gap, bool]:
    """Return the gaps, and whether a line of the chain vouches for each."""
    vouching = select(audit.c.detail).where(_is_voucher(), audit.c.number.is_not(None))
    said = set((await connection.execute(vouching)).scalars())
    gaps = [Gap(*row) for row in await connection.execute(select(audit_gaps))]
    return {gap: gap.said in said for gap in gaps}


def _is_voucher() -> ColumnElement[bool]:
    """Ask for the lines that vouch for gaps which are there; those of gaps that have grown since are as any other."""
    return and_(audit.c.action == PURGE, audit.c.backend == GATEWAY, audit.c.at.in_(select(audit_gaps.c.at)))


async def delete_old(connection: AsyncConnection, is_old: Any, most: int, at: float, jumped: Callable[[], bool]) -> int:
    """Delete at most so many old lines of the chain, and leave gaps behind; return how many. `at` is when that is.

    A line of the chain vouches for each gap. Nobody else adds any before the transaction ends.
    """
    await hold_head(connection)
    query = select(audit).where(is_old, audit.c.number > 0, not_(_is_voucher())).order_by(audit.c.number).limit(most)
    links = [link for row in await connection.execute(query) if (link := read_link(row)).number]
    if not links or jumped():
        return 0
    there = await read_gaps(connection)
    vouched = {gap for gap, is_vouched in there.items() if is_vouched}
    for run in _runs(links):
        gap = Gap(run[0].number, run[-1].number, run[0].before, run[-1].hash, at)
        for other in tuple(vouched):
            if other.last == gap.first - 1 and other.hash == gap.before:
                gap = replace(gap, first=other.first, before=other.before)
            elif other.first == gap.last + 1 and other.before == gap.hash:
                gap = replace(gap, last=other.last, hash=other.hash)
            else:
                continue  # what does not fit is for `voltgate audit verify` to be seen
            vouched.remove(other)
        vouched.add(gap)
    made = sorted(vouched - there.keys(), key=lambda gap: gap.first)
    grown = [gap.first for gap in there if there[gap] and gap not in vouched]
    firsts = [*grown, *(gap.first for gap in made)]
    await connection.execute(delete(audit_gaps).where(audit_gaps.c.first.in_(firsts)))
    await connection.execute(insert(audit_gaps), [asdict(gap) for gap in made])
    await connection.execute(delete(audit).where(audit.c.number.in_([link.number for link in links])))
    await append(connection, [_said_gone(gap) for gap in made])
    return len(links)


def _runs(links: Sequence[Link]) -> Iterable[list[Link]]:
    """Give the lines that follow one another together."""
    run = [links[0]]
    for former, link in pairwise(links):
        if link.number != former.number + 1 or link.before != former.hash:
            yield run
            run = []
        run.append(link)
    yield run


def _said_gone(gap: Gap) -> AuditRecord:
    """Return the line that vouches for a gap."""
    many = str(gap.last - gap.first + 1)
    return AuditRecord(uuid4().hex, gap.at, "", GATEWAY, PURGE, "", "passed", many, gap.said)
