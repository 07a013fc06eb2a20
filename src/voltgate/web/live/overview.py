"""The overview: the state of the whole network in a few numbers, counted once a second while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec
from pydantic import BaseModel, Field

from voltgate.cluster.ports import Body, Node
from voltgate.directory.slices import unhurried
from voltgate.relay.records import StoreAway
from voltgate.relay.tallies import BUCKETS, Tallies
from voltgate.web.alerting import AlertParts
from voltgate.web.choice import Filter
from voltgate.web.models import Missing, Time
from voltgate.web.paging import Part
from voltgate.web.problems import Problem
from voltgate.web.queries import Queries
from voltgate.web.stream import Item, Pieces
from voltgate.web.times import stamp
from voltgate.web.wide import lists
from voltgate.web.wide.others import Others

EVERY = 1.0
"""Seconds between two looks at what is counted."""
_SELDOM = 5.0
"""Seconds between two looks at what takes longer: lists, and the database."""
_SHARE = 200
"""Going through all stations may take this part of the time between two times."""
_WINDOW = 10
"""Looks over which rates and latencies are taken."""
_STATES = ("up", "down", "idle")
"""The states of a backend: if nodes say different ones, the first of these counts."""


class Stations(BaseModel):
    """How many stations there are."""

    known: int | None = Field(description="Known one by one, or connected; null: not counted yet.")
    connected: int
    waiting: int = Field(description="Unknown ones that were refused, and may be let in.")


class CallRates(BaseModel):
    """What is said between stations and backends; rates and latencies are of the last ten seconds."""

    per_second: float | None = Field(description="Calls that ended, in both directions; null: not known yet.")
    errors_per_second: float | None = Field(description="Those of them that were answered by an error, or not at all.")
    p50_ms: float | None = Field(description="The time within which backends answered half of the calls of stations.")
    p95_ms: float | None
    open: int = Field(description="Calls that nobody has answered yet.")
    waiting: int = Field(description="Calls that wait for their turn, or for a connection.")


class Owed(BaseModel):
    """What backends have not taken yet and will be sent."""

    messages: int
    oldest_seconds: float


class BackendStates(BaseModel):
    """How many backends are up, down, or not needed now."""

    up: int
    down: int
    idle: int
    down_names: list[str]


class Overview(BaseModel):
    """The state of the network; in a cluster, of all nodes together."""

    at: Time
    stations: Stations
    calls: CallRates
    backends: BackendStates
    owed: Owed | None = Field(description="Null: there is no database, or it is away.")
    database: Literal["up", "away", "none"]
    refused: int = Field(description="Handshakes that were refused since the gateways were started.")
    alerts: int | None = Field(description="Alerts that are open; null: nobody knows.")
    missing: Missing = []


class _Counted(msgspec.Struct):
    """What one node has counted since it began, and what it holds."""

    began: float
    connected: int
    ended: int
    failed: int
    buckets: list[int]
    open: int
    waiting: int
    strangers: int
    refused: int
    backends: dict[str, str]


class Counting:
    """What this node contributes to an overview."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._calls = (0, 0)
        self._strangers = 0
        self._calls_due = self._strangers_due = 0.0

    async def here(self) -> _Counted:
        """Count."""
        queries = self._queries
        await self._look_around()
        backends = list(queries.snapshot.backends.values())
        calls = [each.calls for each in backends]
        ended, failed = _ended([*calls, *(each.commands for each in backends)])
        return _Counted(
            began=queries.began_at,
            connected=len(queries.gateway.sessions),
            ended=ended,
            failed=failed,
            buckets=_buckets(calls),
            open=self._calls[0],
            waiting=self._calls[1],
            strangers=self._strangers,
            refused=sum(queries.gateway.refusals.values()),
            backends={each.name: each.state for each in await queries.backends()},
        )

    async def answer(self, body: Body) -> Body:
        """Answer another node."""
        counted: Body = msgspec.to_builtins(await self.here())
        return counted

    async def _look_around(self) -> None:
        """Look at what takes longer, not each time."""
        began = time.monotonic()
        if began >= self._strangers_due:
            self._strangers = len(self._queries.strangers())
            self._strangers_due = began + _SELDOM
        if began >= self._calls_due:
            self._calls = await self._calls_now()
            now = time.monotonic()
            self._calls_due = now + _SHARE * (now - began)

    async def _calls_now(self) -> tuple[int, int]:
        """Return how many calls are open, and how many wait."""
        opened = waiting = 0
        async for few in unhurried(list(self._queries.gateway.sessions.values())):
            for session in few:
                opened += session.turns.open_calls
                waiting += session.turns.waiting_calls
                for leg in session.roster.every:
                    opened += leg.turns.open_calls
                    waiting += leg.waiting_calls
        return opened, waiting


def _ended(every: Iterable[Tallies]) -> tuple[int, int]:
    """Return how many calls have ended, and how many of them without a result."""
    tallies = [tally for each in every for tally in each.by_label.values()]
    failed = sum(tally.errors + sum(tally.unanswered.values()) for tally in tallies)
    return failed + sum(tally.results for tally in tallies), failed


def _buckets(every: Iterable[Tallies]) -> list[int]:
    sums = [0] * (len(BUCKETS) + 1)
    for each in every:
        for tally in each.by_label.values():
            sums = [one + other for one, other in zip(sums, tally.buckets, strict=True)]
    return sums


def quantile(buckets: list[int], part: float) -> float | None:
    """Return the latency that this part of the calls did not exceed, in milliseconds; between two bounds by measure."""
    wanted, seen = part * sum(buckets), 0
    if not wanted:
        return None
    for number, count in enumerate(buckets):
        if count and seen + count >= wanted:
            low = BUCKETS[number - 1] if number else 0.0
            high = BUCKETS[min(number, len(BUCKETS) - 1)]
            return round((low + (high - low) * (wanted - seen) / count) * 1000, 1)
        seen += count
    return None


class _Rates:
    """The rates of one node, of what it has counted."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, _Counted]] = deque(maxlen=_WINDOW + 1)

    def note(self, counted: _Counted, now: float) -> None:
        if self._seen and (counted.began != self._seen[-1][1].began or counted.ended < self._seen[-1][1].ended):
            self._seen.clear()  # it was started again
        self._seen.append((now, counted))

    def lately(self) -> tuple[float, float, list[int]] | None:
        """Return calls and failures a second, and the latencies, of the last seconds; None: not known yet."""
        (since, first), (until, last) = self._seen[0], self._seen[-1]
        if until <= since:
            return None
        seconds = until - since
        latencies = [max(0, two - one) for one, two in zip(first.buckets, last.buckets, strict=True)]
        return max(0, last.ended - first.ended) / seconds, max(0, last.failed - first.failed) / seconds, latencies


class Overviews:
    """Makes overviews, one after the other."""

    def __init__(self, queries: Queries, alerting: AlertParts | None, counting: Counting) -> None:
        self._queries = queries
        self._alerting = alerting
        self._counting = counting
        self._rates: dict[str, _Rates] = {}
        self._known: int | None = None
        self._alerts: int | None = None
        self._known_due = self._alerts_due = 0.0

    async def pieces(self) -> Pieces:
        """Yield an overview a second."""
        while True:
            began = time.monotonic()
            yield [Item("overview", (await self._overview()).model_dump_json(exclude_unset=True).encode())]
            await self._look_around()
            await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))

    async def _look_around(self) -> None:
        began = time.monotonic()
        if began >= self._known_due:
            try:
                self._known = (await lists.stations(self._queries, Filter(), "identity", Part(0, 1))).total
            except Problem:
                self._known = None  # too many long lists are asked for
            now = time.monotonic()
            self._known_due = now + max(_SELDOM, _SHARE * (now - began))
        if began >= self._alerts_due:
            self._alerts = await self._open_alerts()
            self._alerts_due = began + _SELDOM

    async def _open_alerts(self) -> int | None:
        if self._alerting is None:
            return None
        try:
            return sum([(await store.numbers()).get("open", 0) for store in self._alerting.stores])
        except StoreAway:
            return None

    async def _overview(self) -> Overview:
        queries = self._queries
        every, missing = await self._counted()
        now = time.monotonic()
        for node, counted in every.items():
            self._rates.setdefault(node, _Rates()).note(counted, now)
        self._rates = {node: self._rates[node] for node in every}
        connected = sum(each.connected for each in every.values())
        wide = {} if missing is None else {"missing": missing}
        state = None if queries.database is None else queries.database.state
        owed = None
        if state is not None and state.reason is None:
            owed = Owed(messages=state.owed, oldest_seconds=round(state.oldest_owed, 1))
        return Overview(
            at=stamp(queries.wall()),
            stations=Stations(
                known=None if self._known is None else max(self._known, connected),
                connected=connected,
                waiting=sum(each.strangers for each in every.values()),
            ),
            calls=self._calls(list(every.values())),
            backends=_states(every.values()),
            owed=owed,
            database="none" if state is None else "up" if state.reason is None else "away",
            refused=sum(each.refused for each in every.values()),
            alerts=self._alerts,
            **wide,
        )

    def _calls(self, every: list[_Counted]) -> CallRates:
        rates = [lately for each in self._rates.values() if (lately := each.lately()) is not None]
        latencies = [sum(counts) for counts in zip(*(each[2] for each in rates), strict=True)]
        return CallRates(
            per_second=round(sum(each[0] for each in rates), 1) if rates else None,
            errors_per_second=round(sum(each[1] for each in rates), 1) if rates else None,
            p50_ms=quantile(latencies, 0.5),
            p95_ms=quantile(latencies, 0.95),
            open=sum(each.open for each in every),
            waiting=sum(each.waiting for each in every),
        )

    async def _counted(self) -> tuple[dict[str, _Counted], list[str] | None]:
        """Return what the nodes have counted, by their ids, and the names of those that did not answer."""
        others = self._queries.others
        if others is None:
            return {"": await self._counting.here()}, None
        answers = await others.of_all(lambda node: _of_node(others, node))
        theirs = {node.id: counted for node, counted in answers.given}
        return {others.post.here: await self._counting.here(), **theirs}, sorted(answers.missing)


async def _of_node(others: Others, node: Node) -> _Counted:
    return msgspec.convert(await others.ask(node, "overview", {}), _Counted)


def _states(every: Iterable[_Counted]) -> BackendStates:
    """Return how backends are: up if some node has a leg that is, down if some node has none that should be."""
    found: dict[str, str] = {}
    for each in every:
        for name, state in each.backends.items():
            found[name] = min(found.get(name, "idle"), state, key=_STATES.index)
    down = sorted(name for name, state in found.items() if state == "down")
    states = list(found.values())
    return BackendStates(up=states.count("up"), down=len(down), idle=states.count("idle"), down_names=down[:100])
