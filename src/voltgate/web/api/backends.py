"""`/backends`: the backends and their state."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from voltgate.web import models
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.paging import AskedPart, Page, cut
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["backends"])


@router.get("/backends", summary="List backends")
async def backends(queries: QueriesDependency, _: Viewer, part: AskedPart) -> Page[models.Backend]:
    """List the backends, in the order of the configuration."""
    return cut(await queries.backends(), part)


@router.get("/backends/{name}", summary="Show a backend", responses=declared(404))
async def backend(queries: QueriesDependency, _: Viewer, name: Annotated[str, Path(max_length=64)]) -> models.Backend:
    """Show one backend."""
    found = next((each for each in await queries.backends() if each.name == name), None)
    if found is None:
        raise Problem(404, "Not Found", "There is no such backend.")
    return found
