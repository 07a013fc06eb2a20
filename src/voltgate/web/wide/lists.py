"""Lists of the whole cluster: a page is made of what each node contributes to it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel

from voltgate.cluster.ports import Node
from voltgate.directory.slices import unhurried
from voltgate.web import models
from voltgate.web.choice import Filter, SessionFilter, SessionSort, StationSort
from voltgate.web.paging import Page, Part, WidePage
from voltgate.web.queries import Queries
from voltgate.web.wide.others import Others, if_there
from voltgate.web.wide.rows import PORTION, Row, Rows, SessionsWanted, StationsWanted, Wanted

M = TypeVar("M", bound=BaseModel)

_SHOWN_AT_ONCE = 200
"""Stations of one answer at most: a session with its legs and transactions may be some kilobytes."""


# Stations and sessions: long, sorted, and each held by one node.


async def stations(queries: Queries, wanted: Filter, sort: StationSort, part: Part) -> Page[models.Station]:
    """List stations. Raise Problem 503 when too many long lists are asked for."""
    if queries.others is None:
        return await queries.stations(wanted, sort, part)
    upto = part.offset + part.limit
    asked = StationsWanted(wanted, sort, upto, shadows=upto)
    merged = await _merged(queries, queries.others, "stations", asked)
    if merged.unsure:
        merged = await _merged(queries, queries.others, "stations", replace(asked, shadows=None))

    def show(identity: str) -> models.Station | None:
        station = queries.known(identity)  # it may have gone meanwhile
        return None if station is None else queries.station(station)

    return await _page(queries.others, "stations", merged, part, models.Station, show)


async def rows(queries: Queries, identities: list[str]) -> tuple[dict[str, models.Station | None], bool]:
    """Return stations by these identities, None for one that nobody knows, and whether all nodes have answered.

    Without the answer of a node those that it may hold are left out.
    """
    here = [identity for identity in identities if queries.connected(identity) is not None]
    there = sorted(set(identities).difference(here))
    found: dict[str, models.Station | None] = {}
    missing: list[str] = []
    if queries.others is not None and there:
        others = queries.others
        answers = await others.of_all(lambda node: _shown(others, "stations", models.Station, node, there))
        missing = answers.missing
        for _, theirs in answers.given:
            found |= theirs
    async for few in unhurried([*here, *([] if missing else there)]):
        for identity in few:
            if identity not in found:
                station = queries.known(identity)
                found[identity] = None if station is None else queries.station(station)
    return found, not missing


async def sessions(queries: Queries, wanted: SessionFilter, sort: SessionSort, part: Part) -> Page[models.Session]:
    """List sessions. Raise Problem 503 when too many long lists are asked for."""
    if queries.others is None:
        return await queries.sessions(wanted, sort, part)
    asked = SessionsWanted(wanted, sort, part.offset + part.limit)
    merged = await _merged(queries, queries.others, "sessions", asked)

    def show(identity: str) -> models.Session | None:
        session = queries.connected(identity)
        return None if session is None else queries.session_of(session)

    return await _page(queries.others, "sessions", merged, part, models.Session, show)


@dataclass(frozen=True, slots=True)
class _Merged:
    """The first rows of the cluster, each with the node that has it (None: this one).

    `unsure`: stations may be among them that another node holds.
    """

    rows: list[tuple[str, Node | None]]
    total: int
    missing: list[str]
    unsure: bool


async def _merged(queries: Queries, others: Others, kind: str, wanted: Wanted) -> _Merged:
    answers = await others.of_all(lambda node: _rows_of(others, node, kind, wanted))
    theirs, missing = answers.given, answers.missing
    shadows = [row for _, rows in theirs for row in rows.shadows]
    own = await wanted.here(queries, len(shadows))
    merging = _Merging(queries, wanted, theirs)
    runs = [_run(None, own), *(_run(node, rows) for node, rows in theirs)]
    async for few in unhurried(heapq.merge(*runs, key=itemgetter(0), reverse=wanted.backwards)):
        for rank, identity, node in few:
            merging.take(rank, identity, node)
        if merging.is_full:
            break
    total = own.total + sum(rows.total - rows.shadowed for _, rows in theirs)
    return _Merged(merging.found, total, missing, merging.unsure)


async def _rows_of(others: Others, node: Node, kind: str, wanted: Wanted) -> Rows:
    """Return what a node contributes, portion by portion. Raises NodeAway, Declined, and what is unreadable."""
    rows: list[Row] = []
    shadows: list[Row] = []
    skip = 0
    while True:
        answer = await others.ask(node, kind, msgspec.to_builtins(replace(wanted, skip=skip)))
        portion = msgspec.convert(answer, Rows)
        rows += portion.rows
        shadows += portion.shadows
        if max(len(portion.rows), len(portion.shadows)) < PORTION:
            return Rows(rows, portion.total, shadows, portion.shadowed)
        skip += PORTION


class _Merging:
    """Takes rows in order, up to `first`, and leaves out what another node holds."""

    def __init__(self, queries: Queries, wanted: Wanted, theirs: list[tuple[Node, Rows]]) -> None:
        self.found: list[tuple[str, Node | None]] = []
        self.unsure = False
        self._fold = queries.snapshot.directory.key
        self._sessions = queries.gateway.sessions
        self._wanted = wanted
        self._seen: set[str] = set()
        self._held = {self._fold(identity) for _, rows in theirs for _, identity in rows.shadows}
        self._horizons = [rows.shadows[-1][0] for _, rows in theirs if len(rows.shadows) < rows.shadowed]

    @property
    def is_full(self) -> bool:
        """Whether as many rows were found as were asked for."""
        return len(self.found) >= self._wanted.first

    def take(self, rank: Any, identity: str, node: Node | None) -> None:
        """Take the next row."""
        key = self._fold(identity)
        if self.is_full or key in self._seen:
            return  # two nodes have one that moves from one to the other
        if node is None and key not in self._sessions:
            if key in self._held:
                return
            self.unsure = self.unsure or any(self._is_beyond(rank, horizon) for horizon in self._horizons)
        self._seen.add(key)
        self.found.append((identity, node))

    def _is_beyond(self, rank: Any, horizon: Any) -> bool:
        """Return whether a row comes after the last shadow that was given."""
        return bool(rank < horizon if self._wanted.backwards else rank > horizon)


def _run(node: Node | None, rows: Rows) -> Iterator[tuple[Any, str, Node | None]]:
    return ((rank, identity, node) for rank, identity in rows.rows)


async def _page(
    others: Others, kind: str, merged: _Merged, part: Part, model: type[M], show: Callable[[str], M | None]
) -> WidePage[M]:
    """Return the page with its items in full, each as the node shows it that has it."""
    rows = merged.rows[part.offset :]
    nodes = {node.id: node for _, node in rows if node is not None}
    asked = {of: [identity for identity, node in rows if node is not None and node.id == of] for of in nodes}
    theirs = await asyncio.gather(
        *(if_there(_shown(others, kind, model, nodes[of], identities)) for of, identities in asked.items())
    )
    shown = dict(zip(nodes, theirs, strict=True))
    items = [_item(shown, identity, node, show) for identity, node in rows]
    missing = merged.missing + [nodes[node].name for node, found in shown.items() if found is None]
    return wide_page([item for item in items if item is not None], merged.total, part, missing)


async def _shown(others: Others, kind: str, model: type[M], node: Node, identities: list[str]) -> dict[str, M]:
    """Have a node show what it has of these stations, by identity, some at a time. Raises as `_rows_of`."""
    found: dict[str, M] = {}
    for at in range(0, len(identities), _SHOWN_AT_ONCE):
        few = identities[at : at + _SHOWN_AT_ONCE]
        answer = await others.ask(node, f"show {kind}", {"identities": few})
        found |= {identity: model.model_validate(item) for identity, item in answer["items"].items()}
    return found


def _item(
    shown: Mapping[str, dict[str, M] | None], identity: str, node: Node | None, show: Callable[[str], M | None]
) -> M | None:
    """Return an item; a station that has gone from its node meanwhile is shown as it is known here."""
    if node is None:
        return show(identity)
    theirs = shown[node.id]
    return None if theirs is None else theirs.get(identity) or show(identity)


def wide_page(items: list[M], total: int, part: Part, missing: Iterable[str]) -> WidePage[M]:
    """Return a page that all nodes but the missing ones have made."""
    return WidePage(items=items, total=total, offset=part.offset, limit=part.limit, missing=sorted(set(missing)))
