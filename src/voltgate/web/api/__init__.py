"""The API: its resources under `/api/v1`, who may use them, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from voltgate.web import docs, problems
from voltgate.web.access import Access, anybody
from voltgate.web.api import me, tokens
from voltgate.web.bodies import Bodies
from voltgate.web.made import MadeTokens

ROOT = "/api/v1"


def api(resources: Iterable[APIRouter] = ()) -> APIRouter:
    """Put the resources together under one root, where nothing is open to somebody without a token."""
    router = APIRouter(prefix=ROOT, dependencies=[Depends(anybody), Depends(asks_only_what_there_is)])
    for resource in (me.router, tokens.router, *resources):
        router.include_router(resource)
    return router


def install(app: FastAPI, access: Access, made: MadeTokens | None = None, resources: Iterable[APIRouter] = ()) -> None:
    """Give an application the API. Routers find what they need in `app.state`: `access` and `made` are set here."""
    app.state.access = access
    app.state.made = made
    app.add_middleware(Bodies, access=access)
    problems.install(app)
    docs.install(app)
    app.include_router(api(resources))


async def asks_only_what_there_is(request: Request) -> None:
    """Refuse query parameters that an operation does not have: a misspelt filter must not give everything."""
    if not request.query_params:
        return
    unknown = sorted(set(request.query_params) - set(_names(request.scope["route"].dependant)))
    if unknown:
        raise problems.invalid([{"loc": ("query", name), "msg": "there is no such parameter"} for name in unknown])


def _names(dependant: Any) -> Iterator[str]:
    """Name the query parameters of an operation, one by one or as the fields of a model, and of what it depends on."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (inner.alias or name for name, inner in kind.model_fields.items())
        else:
            yield field.alias
    for inner in dependant.dependencies:
        yield from _names(inner)
