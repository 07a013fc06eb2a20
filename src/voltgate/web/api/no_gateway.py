"""What a process without a gateway answers where a resource needs one."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI

from voltgate.web.access import any_caller
from voltgate.web.api import ROOT
from voltgate.web.problems import Problem

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

router = APIRouter()


@router.api_route("/{resource:path}", methods=_METHODS, include_in_schema=False)
async def not_here(resource: str) -> None:
    """Say that it is not here."""
    raise Problem(404, "Not Found", "This is a CSMS node, where no gateway runs: ask a gateway for this resource.")


def install(app: FastAPI) -> None:
    """Add it to an application, behind all resources of the API that this has."""
    app.include_router(router, prefix=ROOT, dependencies=[Depends(any_caller)])
