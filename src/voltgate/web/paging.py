"""Pages of long lists: filtered and sorted in slices, so that a million stations delay no message."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from voltgate.directory.slices import unhurried
from voltgate.web.models import Missing
from voltgate.web.problems import Problem

T = TypeVar("T")
M = TypeVar("M")

_RUN = 2000
"""Items that are sorted at once."""
_PATIENCE = 30.0
"""Seconds that a list waits for the lists before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list is asked for."""

    offset: int
    limit: int


def _part(
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="How many items to leave out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many items to give.")] = 100,
) -> Part:
    return Part(offset, limit)


AskedPart = Annotated[Part, Depends(_part)]


class Page(BaseModel, Generic[M]):
    """A part of a list."""

    items: list[M]
    total: int = Field(description="How many there are in all.")
    offset: int
    limit: int


class WidePage(Page[M], Generic[M]):
    """A part of a list that all nodes of a cluster make together."""

    missing: Missing = []


def page_of(items: list[M], total: int, part: Part) -> Page[M]:
    """Return the page of these items."""
    return Page(items=items, total=total, offset=part.offset, limit=part.limit)


def cut(items: list[M], part: Part) -> Page[M]:
    """Return the page of a short list."""
    return page_of(items[part.offset : part.offset + part.limit], len(items), part)


class Sorter:
    """Filters and sorts long lists, a few at a time: each uses the event loop in slices."""

    def __init__(self, at_once: int = 2) -> None:
        self._gate = asyncio.Semaphore(at_once)

    async def part(
        self,
        things: Iterable[T],
        wanted: Callable[[T], bool],
        rank: Callable[[T], Any],
        part: Part,
        *,
        backwards: bool = False,
    ) -> tuple[list[T], int]:
        """Return a part of the matching items, by rank, and their total number. Raises Problem if busy."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._gate.acquire()
        except TimeoutError:
            raise Problem(503, "Service Unavailable", "Too many long lists are asked for.") from None
        try:
            return await _part_of(things, wanted, rank, part, backwards)
        finally:
            self._gate.release()


async def _part_of(
    things: Iterable[T], wanted: Callable[[T], bool], rank: Callable[[T], Any], part: Part, backwards: bool
) -> tuple[list[T], int]:
    runs: list[list[T]] = [[]]
    async for few in unhurried(things):
        runs[-1] += filter(wanted, few)
        if len(runs[-1]) >= _RUN:
            runs[-1].sort(key=rank, reverse=backwards)
            runs.append([])
            await asyncio.sleep(0)
    runs[-1].sort(key=rank, reverse=backwards)
    merged = heapq.merge(*runs, key=rank, reverse=backwards)
    found: list[T] = []
    skipped = 0
    async for few in unhurried(islice(merged, part.offset + part.limit)):
        found += few[max(0, part.offset - skipped) :]
        skipped += len(few)
    return found, sum(map(len, runs))
