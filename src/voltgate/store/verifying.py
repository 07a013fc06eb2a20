"""Verification of the audit trail: whether its chain is whole, and where it is not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.store.address import POSTGRESQL, reading
from voltgate.store.chain import GATEWAY, LOST, Gap, Head, Link, Origin, read_gaps, read_head, read_link, read_origin
from voltgate.store.tables import audit

_AT_ONCE = 1000
"""Lines that are read with one query."""
_LARGEST = 2**63 - 1
_MOST_FAULTS = 1000
"""Faults that are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not whole: from which line to which, and what that is."""

    first: int
    last: int
    problem: str


@dataclass(slots=True)
class Report:
    """What a verification found: `lines` in the chain, `deleted` for their age, `unchained` from before there was one.

    `head` is the number and the hash of the last line. `began` is since when there is the chain, in seconds since 1970;
    0: that is not known. It is whole if there are no `faults`.
    """

    lines: int = 0
    deleted: int = 0
    unchained: int = 0
    began: float = 0.0
    head: tuple[int, str] = (0, "")
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    """Faults beyond those that are named."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def add(self, first: int, last: int, problem: str) -> None:
        """Add a fault."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(first, last, problem))
        else:
            self.more += 1


class Walk:
    """Goes along a chain, the oldest line first.

    `gaps` are the lines that are said to be deleted for their age, and whether the chain vouches for that. `anchor` is
    the number and the hash of a line as somebody kept it elsewhere. `is_part`: the chain is a copy of a part, which
    begins with any line and ends with any.
    """

    def __init__(
        self, gaps: Mapping[Gap, bool] | None = None, anchor: tuple[int, str] | None = None, *, is_part: bool = False
    ) -> None:
        self.report = Report()
        self.origin: Origin | None = None
        """What the first line carries; None: it is not known."""
        self._gaps = {gap.first: gap for gap, is_vouched in (gaps or {}).items() if is_vouched}
        self._forged = [gap for gap, is_vouched in (gaps or {}).items() if not is_vouched]
        self._firsts = sorted(self._gaps)
        self._next = 1
        self._hash: str | None = ""
        """Of the line before; None: it is not known."""
        self._anchor = anchor
        self._is_part = is_part

    def take(self, link: Link) -> None:
        """Look at the next line."""
        if self._is_part and not self.report.lines:
            self._next, self._hash = link.number, None
        self._pass_gaps(link.number)
        if link.number > self._next:
            self.report.add(self._next, link.number - 1, "missing")
            self._go_on(link.number, None)
        elif link.number < self._next:
            self.report.add(link.number, link.number, "there twice")
            return
        if self._next == 1:
            self._begin(link.before)
        elif self._hash is not None and link.before != self._hash:
            self.report.add(link.number - 1, link.number, "not as written: the second does not carry its hash")
        if link.record.action == LOST and link.record.backend == GATEWAY:
            self.report.add(link.number, link.number, f"it says itself: {link.record.detail}")
        self.report.lines += 1
        self._go_on(link.number + 1, link.hash)

    def _pass_gaps(self, number: float) -> None:
        while self._next < number:
            index = bisect_left(self._firsts, self._next)
            if index == len(self._firsts) or self._firsts[index] >= number:
                return
            gap = self._gaps[self._firsts[index]]
            if gap.first > self._next:
                self.report.add(self._next, gap.first - 1, "missing")
                self._go_on(gap.first, None)
            if self._next == 1:
                self._begin(gap.before)
            elif self._hash is not None and gap.before != self._hash:
                self.report.add(gap.first - 1, gap.last, "not as written: what was deleted does not follow")
            self.report.deleted += gap.last - gap.first + 1
            self._go_on(gap.last + 1, gap.hash)

    def _begin(self, before: str) -> None:
        """Read what the first line carries."""
        self.origin = read_origin(before)
        if self.origin is None:
            self.report.add(1, 1, "not as written: the first line does not say since when there is the chain")

    def _go_on(self, number: int, hashed: str | None) -> None:
        """Stand before a line, with the hash of the one before."""
        self._next, self._hash = number, hashed
        if self._anchor is not None and number > self._anchor[0]:
            (at, kept), self._anchor = self._anchor, None
            if number == at + 1 and hashed is not None:
                if hashed != kept:
                    self.report.add(1, at, "not as they were: the last has another hash than was kept")
            else:
                self.report.add(at, at, "not there any more: it cannot be held against the hash that was kept")

    def end(self, head: Head | None = None) -> Report:
        """Return what was found, at the end of the chain; `head` says where that is."""
        self._pass_gaps(float("inf"))
        last, report = self._next - 1, self.report
        for gap in self._forged:
            first, end = (gap.first, gap.last) if isinstance(gap.first, int) and isinstance(gap.last, int) else (0, 0)
            report.add(first, end, "said to be deleted for their age, but by no line of the trail")
        if self._anchor is not None:
            report.add(last + 1, self._anchor[0], "missing: what was kept says that they were there")
        if head is not None:
            if head.number > last:
                report.add(last + 1, head.number, "missing at the end")
            elif head.number < last:
                report.add(head.number + 1, last, "added by somebody else: the trail ends before")
            elif last == 0:
                self._begin(head.hash)
            elif head.hash != self._hash:
                report.add(last, last, "not as written: the trail ends with another hash")
        elif not self._is_part:
            report.add(last + 1, last + 1, "where the trail ends is not known: its head is gone")
        report.began = 0.0 if self.origin is None else self.origin.began
        report.head = last, self._hash or ""
        return report


def walk(links: Iterable[Link], anchor: tuple[int, str] | None = None) -> Report:
    """Verify a copy of a part of a chain; what is older than the chain stands before it."""
    along, strange = Walk(anchor=anchor, is_part=True), 0
    for link in links:
        if link.number > 0:
            along.take(link)
        elif link.number == 0 and not along.report.lines:
            along.report.unchained += 1
        else:
            strange += 1
    report = along.end()
    if strange:
        report.add(0, 0, f"{strange} lines are in no chain, though they do not stand before it")
    return report


async def verify(engine: AsyncEngine, anchor: tuple[int, str] | None = None, older_until: float = 0.0) -> Report:
    """Verify the audit trail of a database as it is now, while others write to it.

    Lines of no chain are of older gateways if they are from before it began, or before `older_until` (seconds since
    1970). Raises SQLAlchemyError and OSError.
    """
    async with as_now(engine) as connection:
        head = await read_head(connection)
        along, visited = Walk(await read_gaps(connection), anchor), 0
        async for link in links_of(connection):
            along.take(link)
            visited += 1
        report = along.end(head)
        if others := await _count(connection, audit.c.number.is_not(None)) - visited:
            report.add(0, 0, f"{others} lines have a number that the chain cannot have: nobody can say who wrote them")
        await _verify_older(connection, along, older_until)
    return report


async def _verify_older(connection: AsyncConnection, along: Walk, older_until: float) -> None:
    """Hold lines that are in no chain against what its first line says of them; if that is not known, it is a fault."""
    report, is_older = along.report, audit.c.number.is_(None)
    report.unchained = await _count(connection, is_older)
    if along.origin is None:
        return
    if strange := await _count(connection, is_older, audit.c.at > max(report.began, older_until)):
        report.add(0, 0, f"{strange} lines are in no chain, though they say to be of a time when there was one")
    elif report.unchained and report.head[0] == 0:
        report.add(0, 0, f"no line vouches for when the chain began, beside {report.unchained} lines that are in none")
    elif not older_until and report.unchained > along.origin.older:
        more = f"{report.unchained} lines say to be older than the chain"
        report.add(0, 0, f"{more}: when it began, there were {along.origin.older}")


async def _count(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(audit).where(*conditions)
    return int((await connection.execute(query)).scalar_one())


@asynccontextmanager
async def as_now(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Give a connection that sees the database as it is now, whatever is written meanwhile."""
    if engine.dialect.name == POSTGRESQL:
        async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
            yield connection
    else:
        async with reading(engine).connect() as connection:
            await connection.exec_driver_sql("BEGIN")
            yield connection


async def links_of(connection: AsyncConnection, *, with_older: bool = False) -> AsyncIterator[Link]:
    """Read the chain, the oldest line first; before it what is older than the chain, if that is wanted."""
    if with_older:
        query = select(audit).where(audit.c.number.is_(None)).order_by(audit.c.at, audit.c.ref)
        async for row in await connection.stream(query):
            yield read_link(row)
    last = 0
    while last < _LARGEST:
        query = select(audit).where(audit.c.number.between(last + 1, _LARGEST)).order_by(audit.c.number).limit(_AT_ONCE)
        rows = (await connection.execute(query)).all()
        for row in rows:
            last = int(row.number)
            if isinstance(row.number, int):  # in SQLite it may be a part of one
                yield read_link(row)
        if len(rows) < _AT_ONCE:
            return
