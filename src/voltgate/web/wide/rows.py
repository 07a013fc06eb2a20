"""Rows: what a node contributes to a list of the whole cluster, by sort keys that compare from node to node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from voltgate.web.choice import Choice, Filter, SessionFilter, SessionSort, StationSort, session_rank
from voltgate.web.paging import Part
from voltgate.web.queries import Queries

Row: TypeAlias = tuple[Any, str]
"""A sort key, and the identity of a station."""
PORTION = 5000
"""Rows of one answer at most: a longer list takes several questions."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The first rows of a node's part of a list, and how many it has in all.

    Stations that are known individually are on every node's list while they are away. `shadows` are those that a
    node holds: they are struck out of the lists of the others. They are the first of `shadowed`.
    """

    rows: list[Row]
    total: int
    shadows: list[Row] = field(default_factory=list)
    shadowed: int = 0


@dataclass(frozen=True, slots=True)
class StationsWanted:
    """Which rows of a list of stations are asked for: the `first` of them, and of the shadows (None: all).

    An answer has the portion behind `skip` of both.
    """

    filter: Filter
    sort: StationSort
    first: int
    shadows: int | None
    skip: int = 0

    @property
    def backwards(self) -> bool:
        """Whether the largest key comes first."""
        return self.sort == "-identity"

    async def here(self, queries: Queries, more: int) -> Rows:
        """Return the rows of the node that was asked: its own stations, and all that may be away; `more` of them."""
        choice = Choice(queries.snapshot, queries.gateway.sessions, self.filter, self.sort, queries.began)
        return await _rows(queries, choice, choice.roster(), self.first + more, self.backwards)

    async def elsewhere(self, queries: Queries) -> Rows:
        """Return what this node contributes to the list of another: the stations that it holds."""
        sessions = dict(queries.gateway.sessions)
        identities = [session.identity for session in sessions.values()]
        choice = Choice(queries.snapshot, sessions, self.filter, self.sort, queries.began)
        rows = await _rows(queries, choice, identities, self.first, self.backwards, self.skip)
        if self.filter.connected or self.filter.version is not None:
            return rows  # of a list of those that are connected nobody has to be struck out
        listed = (session.identity for key, session in sessions.items() if choice.lists(key))
        away = Choice(queries.snapshot, {}, self.filter, self.sort, queries.began)
        most = len(sessions) if self.shadows is None else self.shadows
        shadows = await _rows(queries, away, listed, most, self.backwards, self.skip)
        return replace(rows, shadows=shadows.rows, shadowed=shadows.total)


async def _rows(
    queries: Queries, choice: Choice, identities: Iterable[str], first: int, backwards: bool, skip: int | None = None
) -> Rows:
    """Return the first rows of a choice; with `skip`, the portion of them behind so many."""
    part = Part(0, first) if skip is None else _portion(first, skip)
    found, total = await queries.sorter.part(identities, choice.takes, choice.rank, part, backwards=backwards)
    return Rows([(_plain(choice.rank(identity)), identity) for identity in found], total)


def _portion(first: int, skip: int) -> Part:
    return Part(skip, max(0, min(PORTION, first - skip)))


@dataclass(frozen=True, slots=True)
class SessionsWanted:
    """Which rows of a list of sessions are asked for: the `first` of them. An answer has the portion behind `skip`."""

    filter: SessionFilter
    sort: SessionSort
    first: int
    skip: int = 0
    shadows: int | None = 0

    @property
    def backwards(self) -> bool:
        """Whether the largest key comes first."""
        return self.sort.startswith("-")

    async def here(self, queries: Queries, more: int) -> Rows:
        """Return the rows of the node that was asked."""
        return await self._rows(queries, Part(0, self.first))

    async def elsewhere(self, queries: Queries) -> Rows:
        """Return what this node contributes to the list of another."""
        return await self._rows(queries, _portion(self.first, self.skip))

    async def _rows(self, queries: Queries, part: Part) -> Rows:
        rank = session_rank(self.sort, queries.began)
        sessions = list(queries.gateway.sessions.values())
        found, total = await queries.sorter.part(sessions, self.filter.takes, rank, part, backwards=self.backwards)
        return Rows([(_plain(rank(session)), session.identity) for session in found], total)


Wanted: TypeAlias = StationsWanted | SessionsWanted


def _plain(rank: Any) -> Any:
    """Return a sort key as it is when it has been written as JSON and read again: only like keys compare."""
    return list(rank) if isinstance(rank, tuple) else rank
