"""What the gateways of a cluster say to each other, as values, and the ports to whatever carries it.

A node is one gateway process. It has an `id` that no other process ever has, and a `name` for people.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

NodeState: TypeAlias = Literal["serving", "draining", "stopping"]
Body: TypeAlias = Mapping[str, Any]
"""What can be written as JSON."""
Answer: TypeAlias = Callable[[Body], Awaitable[Body]]
"""Answers a question of another node. What it raises as `Declined` the asker gets; anything else is a fault of ours."""


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway of the cluster. Times are seconds since 1970 by the database's clock.

    `load` is the share of one core that it used lately. `alive` is whether it was heard of in time.
    """

    id: str
    name: str
    version: str
    state: NodeState
    began: float
    seen: float
    stations: int
    load: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Location:
    """Where a station is: the `id` of the node of its newest session, and since when. `gone`: it has left that."""

    station: str
    node: str
    epoch: int
    at: float
    gone: bool


@dataclass(frozen=True, slots=True)
class Orphan:
    """A station whose node has died, and for how many seconds it had been there."""

    station: str
    seconds: float


class NodeAway(Exception):  # noqa: N818 - it says what is the matter
    """A node did not answer: it is not there, not in time, or the database that carries the question is away."""


class Declined(Exception):  # noqa: N818 - it says what is the matter
    """The node that was asked says no. `status` is HTTP's; `problem` has what the API shows besides."""

    def __init__(self, status: int, detail: str, problem: Body | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.problem: Body = problem or {}


class Post(Protocol):
    """Carries questions to other nodes and their answers back."""

    @property
    def here(self) -> str:
        """The `id` of this node."""

    async def nodes(self) -> list[Node]:
        """Return the nodes that there are, this one first. Raises NodeAway when the database is away."""

    async def where(self, station: str) -> Location | None:
        """Return where a station is, by its key; None if it never came. Raises NodeAway when the database is away."""

    async def retire(self) -> bool:
        """Have all know that this node drains, if another one serves; return whether one does. Raises NodeAway."""

    async def ask(self, node: str, kind: str, body: Body, patience: float) -> Body:
        """Ask a node, by its `id`; return its answer. Raises NodeAway after `patience` seconds at most, or Declined."""

    def serve(self, kind: str, answer: Answer) -> None:
        """Answer the questions of this kind from now on."""
