"""Streams of the whole cluster: what each node says, asked for again and again, becomes one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import msgspec
import structlog

from voltgate.cluster.ports import Body, Declined, Node, NodeAway
from voltgate.web.event_log import EventLog, EventsWanted, LoggedEvent, event_number
from voltgate.web.queries import Queries
from voltgate.web.stream import QUIET, Item, Pieces, item, items_of
from voltgate.web.tail import MOST, Tail
from voltgate.web.wide.others import Others

HOLD = 2.0
"""Seconds that a node keeps a question while it has nothing new to say."""
_AGAIN = 1.0
"""Seconds between two questions to a node that does not answer, and between two looks at which nodes there are."""
_WAITING = 16
"""Answers that wait for a reader at most: then no node is asked until he has read."""

log = structlog.get_logger("voltgate.web")

Question = Callable[[str, Body | None, float], Body]
"""Makes the next question to a node, by its id: of the last answer (None: there was none), and how long to keep it."""
Local = Callable[[Body], Awaitable[Body]]
"""Answers as another node would."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a node has said. `gap`: something may have been missed since it was heard last."""

    node: str
    name: str
    body: Body
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The nodes that do not answer, by name."""

    names: list[str]


class _Over(Exception):  # noqa: N818 - it says what is the matter
    """This gateway goes: so do its streams."""


class _Polling:
    """Asks this node and all the others, each in its own time, and hands on what they say.

    `local` answers for this node. Nodes that come are asked, too; those that go are let go.
    """

    def __init__(self, others: Others, kind: str, local: Local, question: Question) -> None:
        self._others = others
        self._kind = kind
        self._local = local
        self._question = question
        self._heard: asyncio.Queue[Heard | Missing | None] = asyncio.Queue(_WAITING)
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._missing: dict[str, str] = {}
        """The names of the nodes that do not answer, by their ids."""
        self._awaited: set[str] = set()
        """The nodes that there were at the start, and that have not been asked yet."""

    async def heard(self) -> AsyncGenerator[Heard | Missing | None, None]:
        """Yield what the nodes say; None now and then, and when all nodes that there were have been asked."""
        running = asyncio.get_running_loop().create_task(self._run())
        try:
            while not running.done() or not self._heard.empty():
                yield await self._heard.get()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._awaited = {self._others.post.here, *(node.id for node in await self._others.known())}
                group.create_task(self._follow_here())
                group.create_task(self._stay_open())
                while True:
                    await self._look(group)
                    await asyncio.sleep(_AGAIN)
        except* _Over:
            pass
        except* Exception:
            log.exception("a fault of Voltgate: a stream of the cluster ended")
        await self._heard.put(None)

    async def _stay_open(self) -> None:
        """Say None now and then: nodes that answer have not always something to say to the reader."""
        while True:
            await asyncio.sleep(QUIET)
            await self._heard.put(None)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Begin to ask nodes that have come, and stop asking those that are gone."""
        nodes = {node.id: node for node in await self._others.known()}
        for gone in self._asked.keys() - nodes.keys():
            self._asked.pop(gone).cancel()
            await self._answered(gone)
            await self._was_asked(gone)
        for new in nodes.keys() - self._asked.keys():
            self._asked[new] = group.create_task(self._follow(nodes[new]))

    async def _follow_here(self) -> None:
        here, answer = self._others.post.here, None
        while True:
            answer = await self._local(self._question(here, answer, HOLD if answer is not None else 0.0))
            await self._say(Heard(here, self._others.name, answer))
            if answer.get("closed"):
                raise _Over

    async def _follow(self, node: Node) -> None:
        answer: Body | None = None
        gap = False
        while answer is None or not answer.get("closed"):
            hold = HOLD if answer is not None and node.id not in self._missing else 0.0
            try:
                answer = await self._others.ask(
                    await self._now(node), self._kind, self._question(node.id, answer, hold)
                )
            except (NodeAway, Declined):
                gap = True
                await self._silent(node)
                await asyncio.sleep(_AGAIN)
                continue
            await self._answered(node.id)
            await self._say(Heard(node.id, node.name, answer, gap))
            gap = False

    async def _now(self, node: Node) -> Node:
        """Return a node as it is by now."""
        return next((each for each in await self._others.known() if each.id == node.id), node)

    # What becomes of it.

    async def _say(self, heard: Heard) -> None:
        await self._heard.put(heard)
        await self._was_asked(heard.node)

    async def _silent(self, node: Node) -> None:
        if node.id not in self._missing:
            self._missing[node.id] = node.name
            await self._heard.put(Missing(sorted(self._missing.values())))
        await self._was_asked(node.id)

    async def _answered(self, node: str) -> None:
        if self._missing.pop(node, None) is not None:
            await self._heard.put(Missing(sorted(self._missing.values())))

    async def _was_asked(self, node: str) -> None:
        if node in self._awaited:
            self._awaited.discard(node)
            if not self._awaited:
                await self._heard.put(None)


# Messages.


def messages(queries: Queries, key: str | None, most: int = MOST, pace: float | None = None) -> Pieces:
    """Yield the messages of a station, or of all (None), as pieces of a stream.

    `most` wait for the reader, who gets them each `pace` seconds (None: as they come); other nodes have bounds of
    their own.
    """
    if queries.others is not None:
        return _wide_messages(queries, queries.others, key)
    return _own_messages(queries, Tail(queries.gateway, queries.taps, key, most, pace))


async def _own_messages(queries: Queries, tail: Tail) -> Pieces:
    queries.tails.add(tail)
    try:
        async with aclosing(tail.pieces()) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        queries.tails.discard(tail)


async def _wide_messages(queries: Queries, others: Others, key: str | None) -> Pieces:
    """Yield the messages of a station, or of all (None), at whichever node it is, as pieces of a stream."""
    assert queries.subscriptions is not None  # noqa: S101 - there is a cluster
    reader = uuid4().hex

    def question(node: str, answer: Body | None, hold: float) -> Body:
        seen = 0 if answer is None else answer["number"]
        return {"reader": reader, "key": key, "seen": seen, "hold": hold}

    polling = _Polling(others, "messages", partial(messages_here, queries, here=True), question)
    heard_before: set[str] = set()
    try:
        async with aclosing(polling.heard()) as every:
            async for heard in every:
                match heard:
                    case None:
                        yield ()
                    case Missing(names):
                        yield [item("missing", {"missing": names})]
                    case Heard(node, name, body):
                        began_again = body["began"] and node in heard_before
                        heard_before.add(node)
                        head = [item("lost", {"lost": None, "node": name})] if began_again else []
                        if piece := head + items_of(body["text"].encode()):
                            yield piece
    finally:
        await queries.subscriptions.end(reader)


async def messages_here(queries: Queries, body: Body, *, here: bool = False) -> Body:
    """Answer a reader at another node, or `here`. Raises Declined: too many others listen."""
    assert queries.subscriptions is not None  # noqa: S101 - there is a cluster
    return await queries.subscriptions.ask(body["reader"], body["key"], body["seen"], body["hold"], here=here)


# Events.


def events(queries: Queries, wanted: EventsWanted, last: str | None) -> Pieces:
    """Yield events as pieces of a stream. `last` is the id that the stream goes on after; None: from now on."""
    if queries.others is None:
        return _own_events(queries.events, event_number(last), wanted.by(queries.snapshot.directory.key))
    return _wide_events(queries, queries.others, wanted, last)


async def _own_events(log: EventLog, seen: int | None, wanted: Callable[[LoggedEvent], bool]) -> Pieces:
    at = log.last if seen is None else seen
    loop = asyncio.get_running_loop()
    sent_at = loop.time()
    while True:
        closed = log.closed  # before reading: events recorded until then are still sent
        batch = log.after(at)
        items = [item("lost", {"lost": batch.lost})] if batch.lost != 0 else []
        items += [item(logged.kind, logged.document, logged.id) for logged in batch.events if wanted(logged)]
        if items or loop.time() - sent_at >= QUIET:
            sent_at = loop.time()
            yield items
        if batch.last == at and batch.lost == 0:
            if closed:
                return
            await log.news(max(0.0, sent_at + QUIET - loop.time()))
        else:
            await asyncio.sleep(0)
        at = batch.last


async def _wide_events(queries: Queries, others: Others, wanted: EventsWanted, last: str | None) -> Pieces:
    """Yield the events of all nodes as pieces of a stream. `last` is the id that the stream goes on after."""
    positions = read_id(last, others.post.here)
    resumes = bool(positions)
    there = {node.id for node in await others.known()} | {others.post.here}

    def question(node: str, answer: Body | None, hold: float) -> Body:
        after = positions.get(node) if answer is None else answer["last"]
        from_its_beginning = after is None and (resumes or node not in there)
        return {"after": after, "all": from_its_beginning, "hold": hold, "wanted": msgspec.to_builtins(wanted)}

    polling = _Polling(others, "events", partial(events_here, queries), question)
    async with aclosing(polling.heard()) as every:
        async for heard in every:
            for gone in positions.keys() - others.ids:
                del positions[gone]
            match heard:
                case None:
                    yield ()
                case Missing(names):
                    yield [item("missing", {"missing": names})]
                case Heard():
                    if piece := _events(heard, positions):
                        yield piece


def _events(heard: Heard, positions: dict[str, int]) -> list[Item]:
    """Return the events of an answer, each with the position in the whole cluster after it."""
    body, items = heard.body, list[Item]()
    lost = body["lost"] if heard.node in positions or not heard.gap else None
    if lost != 0:
        items.append(item("lost", {"lost": lost, "node": heard.name}))
    for number, kind, document in body["events"]:
        positions[heard.node] = number
        number_of_all = write_id(positions)
        items.append(item(kind, {**document, "id": number_of_all, "node": heard.name}, number_of_all))
    positions[heard.node] = body["last"]
    return items


async def events_here(queries: Queries, body: Body) -> Body:
    """Answer a reader at another node, or at this one: the events after a number, or after now (None)."""
    events = queries.events
    wanted = msgspec.convert(body["wanted"], EventsWanted).by(queries.snapshot.directory.key)
    at: int = body["after"] if body["after"] is not None else events.beginning if body["all"] else events.last
    loop = asyncio.get_running_loop()
    until = loop.time() + body["hold"]
    while True:
        closed = events.closed  # before reading: events recorded until then are still sent
        batch = events.after(at)
        found = [(logged.id, logged.kind, logged.document) for logged in batch.events if wanted(logged)]
        is_read = batch.last == at
        at = batch.last
        left = until - loop.time()
        if found or batch.lost != 0 or (is_read and (closed or left <= 0)):
            return {"events": found, "last": at, "lost": batch.lost, "closed": closed and is_read}
        if is_read:
            await events.news(left)
        else:
            await asyncio.sleep(0)


def write_id(positions: dict[str, int]) -> str:
    """Return the id of an event: the number of the last event of each node, by the nodes' ids."""
    return urlencode(positions)


def read_id(last: str | None, here: str) -> dict[str, int]:
    """Return what an id says; a bare number is of this node alone. Nothing of what is no id of ours."""
    number = event_number(last)
    if number is not None:
        return {here: number}
    pairs = [] if last is None else [(node, event_number(text)) for node, text in parse_qsl(last)]
    return {node: number for node, number in pairs if number is not None}
