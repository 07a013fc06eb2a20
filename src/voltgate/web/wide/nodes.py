"""The nodes of the cluster: which there are, and handing over the stations of one."""

from __future__ import annotations

import platform

from voltgate import __version__
from voltgate.cluster.ports import Body, Declined, Node, NodeAway
from voltgate.web import models
from voltgate.web.problems import Problem, title_of
from voltgate.web.queries import Queries
from voltgate.web.times import stamp
from voltgate.web.wide.others import PATIENCE, Others, problem_of, unavailable

_ALONE = "This gateway is alone: no other could take its stations, so it is never drained. To stop it, send it SIGTERM."


async def every_node(queries: Queries) -> list[models.ClusterNode]:
    """List the nodes, this one first; a gateway that is alone is the only one. Raise Problem 503."""
    others = queries.others
    if others is None:
        return [_alone(queries)]
    return [_shown(node, others) for node in await _nodes(others)]


async def _nodes(others: Others) -> list[Node]:
    try:
        return await others.nodes()
    except NodeAway:
        raise unavailable("The database is away: nobody knows which nodes there are.") from None


def _shown(node: Node, others: Others) -> models.ClusterNode:
    return models.ClusterNode(
        id=node.id,
        name=node.name,
        version=node.version,
        state=node.state,
        stations=node.stations,
        load=round(node.load, 3),
        since=stamp(node.began),
        seen=stamp(node.seen),
        alive=node.alive,
        here=node.id == others.post.here,
    )


def own_name(queries: Queries) -> str:
    """Return how the gateway that is asked is called."""
    return platform.node() if queries.others is None else queries.others.name


def _alone(queries: Queries) -> models.ClusterNode:
    return models.ClusterNode(
        id="",
        name=own_name(queries),
        version=__version__,
        state=queries.draining.state,
        stations=len(queries.gateway.sessions),
        load=None,
        since=stamp(queries.began_at),
        seen=stamp(queries.wall()),
        alive=True,
        here=True,
    )


async def drain(queries: Queries, wanted: str | None, spread: float | None, by: str) -> models.ClusterNode:
    """Have a node, by its name or id (None: this one), hand its stations over. Raise Problem: 404, 409, 503."""
    others, node = await _meant(queries, wanted)
    await _tell(others, node, "drain", {"spread": spread, "by": by})
    return _shown(node, others)


async def undrain(queries: Queries, wanted: str | None, by: str) -> models.ClusterNode:
    """Have a node that drains (None: this one) take stations again. Raise Problem: 404, 409, 503."""
    others, node = await _meant(queries, wanted)
    await _tell(others, node, "undrain", {"by": by})
    return _shown(node, others)


async def _meant(queries: Queries, wanted: str | None) -> tuple[Others, Node]:
    """Return who knows the nodes, and the one that is meant. Raise Problem: 404, 409, 503."""
    others = queries.others
    if others is None:
        raise Problem(409, title_of(409), _ALONE)
    return others, _named(await _nodes(others), others.post.here if wanted is None else wanted)


async def retire(queries: Queries) -> None:
    """Write down that this node drains, which decides itself: of two that are told at once one stays. Raise Problem."""
    others = queries.others
    assert others is not None  # noqa: S101 - only a node of a cluster is asked
    try:
        another_serves = await others.post.retire()
    except NodeAway:
        raise unavailable("The database is away: nobody knows whether another node is serving.") from None
    if not another_serves:
        detail = f"No other node is serving: the stations of {others.name} would have nowhere to go."
        raise Problem(409, title_of(409), detail)


async def _tell(others: Others, node: Node, kind: str, body: Body) -> None:
    """Tell a node, this one too, to drain, or not to any more. Raise Problem: its own, or 503."""
    try:
        await others.post.ask(node.id, kind, body, PATIENCE)
    except Declined as declined:
        raise problem_of(declined) from None
    except NodeAway:
        raise unavailable(f"Node {node.name} does not answer: it may not have heard that it is to {kind}.") from None


def _named(nodes: list[Node], wanted: str) -> Node:
    """Return the node of a name or an id. Raise Problem 404, 409 for a name of several."""
    found = [node for node in nodes if node.id == wanted] or [node for node in nodes if node.name == wanted]
    alive = [
        node for node in found if node.alive
    ] or found  # one that was started again has the name of its former self
    if len(alive) == 1:
        return alive[0]
    if alive:
        ids = ", ".join(node.id for node in alive)
        raise Problem(409, title_of(409), f"Several nodes are called {wanted}: name one by its id: {ids}.")
    names = ", ".join(sorted({node.name for node in nodes}))
    raise Problem(404, title_of(404), f"There is no node {wanted}. There are {names}.")
