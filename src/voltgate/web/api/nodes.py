"""`/nodes`: the gateways of the cluster."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from voltgate.web import models
from voltgate.web.access import Operator, Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.audited import say, told
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import declared
from voltgate.web.wide import nodes as cluster

router = APIRouter(tags=["nodes"])

NodeName = Annotated[str, Path(min_length=1, max_length=255, description="The node's name, or its id.")]


@router.get("/nodes", summary="List nodes", responses=declared(503))
async def nodes(queries: QueriesDependency, _: Viewer, part: AskedPart) -> Page[models.ClusterNode]:
    """List the gateways of the cluster, the one that was asked first. One that is alone is the only one."""
    return cut(await cluster.every_node(queries), part)


@router.post("/nodes/drain", summary="Drain this node", status_code=202, responses=declared(409, 503))
async def drain_this(
    request: Request, queries: QueriesDependency, caller: Operator, asked: models.Drain
) -> models.ClusterNode:
    """Have the gateway that is asked hand its stations over to the others; it takes no new ones."""
    say(request, f"{cluster.own_name(queries)} {told(asked)}")
    return await cluster.drain(queries, None, asked.spread, caller.name)


@router.post("/nodes/{node}/drain", summary="Drain a node", status_code=202, responses=declared(404, 409, 503))
async def drain(
    request: Request,
    queries: QueriesDependency,
    caller: Operator,
    node: NodeName,
    asked: models.Drain,
) -> models.ClusterNode:
    """Have a gateway hand its stations over to the others, spread in time; it takes no new ones."""
    say(request, told(asked))
    return await cluster.drain(queries, node, asked.spread, caller.name)


@router.delete("/nodes/drain", summary="Undrain this node", responses=declared(409, 503))
async def undrain_this(request: Request, queries: QueriesDependency, caller: Operator) -> models.ClusterNode:
    """Have the gateway that is asked take stations again; those that are still here stay."""
    say(request, cluster.own_name(queries))
    return await cluster.undrain(queries, None, caller.name)


@router.delete("/nodes/{node}/drain", summary="Undrain a node", responses=declared(404, 409, 503))
async def undrain(queries: QueriesDependency, caller: Operator, node: NodeName) -> models.ClusterNode:
    """Have a gateway that drains take stations again; those that it still holds stay."""
    return await cluster.undrain(queries, node, caller.name)
