"""`/backends`: the backends and their state."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from voltgate.web import models
from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.paging import AskedPart, Page, WidePage
from voltgate.web.problems import declared
from voltgate.web.wide import sums

router = APIRouter(tags=["backends"])


@router.get(
    "/backends",
    summary="List backends",
    response_model=WidePage[models.Backend],
    response_model_exclude_unset=True,
)
async def backends(queries: QueriesDependency, _: Viewer, part: AskedPart) -> Page[models.Backend]:
    """List the backends, in the order of the configuration."""
    return await sums.backends(queries, part)


@router.get("/backends/{name}", summary="Show a backend", response_model_exclude_unset=True, responses=declared(404))
async def backend(queries: QueriesDependency, _: Viewer, name: Annotated[str, Path(max_length=64)]) -> models.Backend:
    """Show one backend."""
    return await sums.backend(queries, name)
