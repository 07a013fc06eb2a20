"""The other nodes of the cluster: which there are, and questions to one or to all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import pydantic

from voltgate.cluster.ports import Body, Declined, Node, NodeAway, Post
from voltgate.web.problems import Problem, title_of

PATIENCE = 5.0
"""Seconds that another node may take to answer, beyond what it waits for itself."""
FRESH = 1.0
"""Seconds for which the list of nodes is taken for what it was."""
REMEMBERED = 300.0
"""Seconds for which a node that is not heard of any more may still hold stations; later, they have come elsewhere."""
UNKNOWN = "(the database is away: the other nodes are not known)"
"""Stands in `missing` where no list of nodes was ever read."""
UNREADABLE = (msgspec.ValidationError, pydantic.ValidationError, KeyError)
"""What comes of reading what a node of another version has written."""
_NOT_HERE = "not_here"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What the other nodes answered, each with its node, and the names of those that did not."""

    given: list[tuple[Node, T]]
    missing: list[str]


async def if_there(asking: Awaitable[T]) -> T | None:
    """Return what a node answers; None if it does not answer, refuses, or cannot be understood."""
    try:
        return await asking
    except (NodeAway, Declined, *UNREADABLE):
        return None


class Others:
    """The nodes of the cluster but this one. `clock` gives seconds."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self.post = post
        self._clock = clock
        self._nodes: list[Node] = []
        self._read_at = -FRESH
        self._away = False

    @property
    def name(self) -> str:
        """The name of this node; its id, as long as that is not known."""
        return self.name_of(self.post.here)

    @property
    def ids(self) -> set[str]:
        """The ids of all nodes that are known, this one's too."""
        return {self.post.here, *(node.id for node in self._nodes)}

    def name_of(self, node: str) -> str:
        """Return the name of a node, by its id."""
        return next((each.name for each in self._nodes if each.id == node), node)

    async def introduce(self) -> None:
        """Have the name of this node known, unless it is or the database is away."""
        if not self._nodes:
            await self.known()

    async def nodes(self) -> list[Node]:
        """Return all nodes, as they were a moment ago. Raises NodeAway when the database is away."""
        if self._clock() - self._read_at >= FRESH:
            try:
                self._nodes = await self.post.nodes()
            except NodeAway:
                self._away = True
                raise
            self._away = False
            self._read_at = self._clock()
        return self._nodes

    async def known(self) -> list[Node]:
        """Return the other nodes that may hold stations, as far as they are known while the database is away."""
        with contextlib.suppress(NodeAway):
            await self.nodes()
        return [node for node in self._nodes if node.id != self.post.here and not self._is_over(node)]

    def _is_over(self, node: Node) -> bool:
        """Return whether nothing is to be expected of a node any more, and nobody misses it."""
        if node.alive:
            return False
        now = max((each.seen for each in self._nodes), default=0.0)
        return node.state == "stopping" or now - node.seen > REMEMBERED or self._is_succeeded(node)

    def _is_succeeded(self, node: Node) -> bool:
        """Return whether a node was started again: one of its name has begun since it was heard of last."""
        return any(each.alive and each.name == node.name and each.began > node.seen for each in self._nodes)

    # Questions to all.

    async def of_all(self, ask: Callable[[Node], Awaitable[T]]) -> Answers[T]:
        """Ask every other node at once. Those that do not answer, refuse, or cannot be understood are named.

        `ask` raises NodeAway, Declined, or what comes of reading the answer of another version of Voltgate.
        """
        nodes = await self.known()
        answers = await asyncio.gather(*(if_there(ask(node)) for node in nodes))
        given = [(node, answer) for node, answer in zip(nodes, answers, strict=True) if answer is not None]
        missing = [node.name for node, answer in zip(nodes, answers, strict=True) if answer is None]
        return Answers(given, missing + [UNKNOWN] * (self._away and not self._nodes))

    async def ask(self, node: Node, kind: str, body: Body, patience: float = PATIENCE) -> Body:
        """Ask one node. Raises NodeAway, at once for one that is not heard of, and Declined."""
        if not node.alive:
            raise NodeAway(f"{node.name} is not heard of")
        return await self.post.ask(node.id, kind, body, patience)

    # Questions about one station.

    async def at_holder(self, key: str, kind: str, body: Body, patience: float = PATIENCE) -> tuple[Node, Body] | None:
        """Ask the node that holds a station; None if no other node does. Raises Problem: its own, or 503 and 504.

        A node that says that it does not hold the station, as it has just gone, leads to one more look.
        """
        for _ in range(2):
            node = await self._holder(key)
            if node is None:
                return None
            try:
                return node, await self._ask_holder(node, kind, body, patience)
            except Declined as declined:
                if not declined.problem.get(_NOT_HERE):
                    raise problem_of(declined) from None
        return None

    async def _holder(self, key: str) -> Node | None:
        try:
            location = await self.post.where(key)
            if location is None or location.gone or location.node == self.post.here:
                return None
            if all(node.id != location.node for node in self._nodes):
                self._read_at = -FRESH  # it has come since the list was read
            await self.nodes()
        except NodeAway:
            detail = "The database is away: nobody knows which node holds the station. Nothing was asked of it."
            raise unavailable(detail) from None
        return next((node for node in await self.known() if node.id == location.node), None)

    async def _ask_holder(self, node: Node, kind: str, body: Body, patience: float) -> Body:
        if not node.alive:
            raise unavailable(f"Node {node.name} holds the station, and is not heard of. Nothing was asked of it.")
        try:
            return await self.post.ask(node.id, kind, body, patience)
        except NodeAway:
            detail = f"Node {node.name} holds the station, and did not answer: what was asked may have been done."
            raise Problem(504, title_of(504), detail, node=node.name) from None


def unavailable(detail: str) -> Problem:
    """Return the problem of something that cannot be answered now, and may be later."""
    return Problem(503, title_of(503), detail, headers={"Retry-After": "5"})


# Problems, between nodes.


def not_here() -> Declined:
    """Return what a node says that does not hold a station (any more)."""
    return Declined(409, "The station is not connected.", {_NOT_HERE: True})


def declined_by(problem: Problem) -> Declined:
    """Return a problem as it goes to the node that asked."""
    more: dict[str, Any] = {"title": problem.title, "headers": dict(problem.headers or {}), "more": problem.more}
    return Declined(problem.status, problem.detail, more)


def problem_of(declined: Declined) -> Problem:
    """Return the problem that another node has met, as if it had been met here; 503 if it has not understood."""
    told = declined.problem
    if "title" not in told:
        return unavailable(str(declined))
    return Problem(declined.status, told["title"], str(declined), headers=told["headers"] or None, **told["more"])
