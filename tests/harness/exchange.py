"""A cluster's post in memory: several nodes in one process, which ask each other through one exchange."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from voltgate.cluster.ports import Answer, Body, Declined, Location, Node, NodeAway

NOW = 1_800_000_000.0
"""What the database's clock shows, in seconds since 1970."""


@dataclass(slots=True)
class MemoryPost:
    """The post of one node. While it is `silent`, it is heard of but does not answer."""

    exchange: Exchange
    node: Node
    silent: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def here(self) -> str:
        """Give the id of this node."""
        return self.node.id

    async def nodes(self) -> list[Node]:
        """Give the nodes, this one first."""
        self.exchange.check()
        posts = sorted(self.exchange.posts.values(), key=lambda post: post is not self)
        return [post.node for post in posts]

    async def where(self, station: str) -> Location | None:
        """Give where a station is."""
        self.exchange.check()
        return self.exchange.where(station)

    async def retire(self) -> bool:
        """Show that this node drains, if another one serves."""
        self.exchange.check()
        others = [post.node for post in self.exchange.posts.values() if post is not self]
        another = any(node.alive and node.state == "serving" for node in others)
        self.is_now(state="draining" if another else self.node.state)
        return another

    async def ask(self, node: str, kind: str, body: Body, patience: float) -> Body:
        """Ask a node: what is said goes as JSON, both ways."""
        self.exchange.check()
        self.exchange.asked.append((self.node.name, self.exchange.posts[node].node.name, kind))
        asked = self.exchange.posts[node]
        if asked.silent or not asked.node.alive:
            raise self.exchange.nobody(asked.node.name)
        if kind not in asked.answers:
            raise Declined(501, f"That gateway does not know what {kind} is: it may be of an older version.")
        try:
            async with asyncio.timeout(patience):
                answer = await asked.answers[kind](json.loads(json.dumps(body)))
        except TimeoutError:
            raise NodeAway(f"{asked.node.name} did not answer in {patience:g} s") from None
        answered: Body = json.loads(json.dumps(answer))
        return answered

    def serve(self, kind: str, answer: Answer) -> None:
        """Answer the questions of a kind."""
        self.answers[kind] = answer

    def is_now(self, **changes: object) -> None:
        """Have the database show this node otherwise."""
        self.node = replace(self.node, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Exchange:
    """What the nodes of a cluster share. `finds` says where a station is, in place of what the test has written."""

    posts: dict[str, MemoryPost] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Every question: who asked, who was asked, and its kind."""
    away: bool = False
    """Whether the database is away."""
    locations: dict[str, Location] = field(default_factory=dict)
    finds: Callable[[str], Location | None] | None = None

    def post(self, name: str) -> MemoryPost:
        """Make the post of a new node."""
        node = Node(f"id-{name}", name, "1.2.3", "serving", NOW - 60, NOW, 0, 0.25, alive=True)
        post = self.posts[node.id] = MemoryPost(self, node)
        return post

    def where(self, station: str) -> Location | None:
        """Give where a station is."""
        return self.locations.get(station) if self.finds is None else self.finds(station)

    def nobody(self, name: str) -> NodeAway:
        """Give what is raised for a node that did not answer."""
        return NodeAway(f"{name} did not answer")

    def check(self) -> None:
        """Raise NodeAway while the database is away."""
        if self.away:
            raise NodeAway("the database is away")
