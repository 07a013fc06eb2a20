"""The API: the router of `/api/v1`, and the checks that all resources have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from voltgate.web import docs, problems, ui
from voltgate.web.access import Access, any_caller
from voltgate.web.api import live, me, signing_in, single_sign_on, tokens, users
from voltgate.web.audited import Audit, Audited
from voltgate.web.bodies import Bodies
from voltgate.web.issued_tokens import IssuedTokens
from voltgate.web.user_access import UserAccess

ROOT = "/api/v1"


def api(resources: Iterable[APIRouter] = ()) -> APIRouter:
    """Return the router of all resources, which needs a token everywhere."""
    router = APIRouter(dependencies=[Depends(any_caller), Depends(known_parameters_only)])
    for resource in (me.router, tokens.router, users.router, signing_in.router, *resources):
        router.include_router(resource)
    return router


def open_api() -> APIRouter:
    """Return the router of what takes no token: it is where users get one."""
    router = APIRouter(dependencies=[Depends(known_parameters_only)])
    router.include_router(users.open_router)
    router.include_router(signing_in.open_router)
    return router


def install(
    app: FastAPI,
    access: Access,
    issued_tokens: IssuedTokens | None = None,
    resources: Iterable[APIRouter] = (),
    users: UserAccess | None = None,
) -> None:
    """Add the API to an application.

    Sets `access`, `issued_tokens` and `users` of `app.state`, which the routers use; `single_sign_on` is nobody's
    yet, and `audit` keeps nothing yet.
    """
    app.state.issued_tokens = issued_tokens
    app.state.users = users
    app.state.single_sign_on = None
    app.add_middleware(Bodies, access=access)
    guard(app, access)
    docs.install(app)
    ui.install(app)
    for router in (api(resources), open_api(), single_sign_on.router):
        app.include_router(router, prefix=ROOT)  # given here: else FastAPI prepares all operations, for nothing
    live.install(app, ROOT)


def guard(app: FastAPI, access: Access) -> None:
    """Have an application know callers by their tokens, answer with problems, and write down whom it refuses."""
    app.state.access = access
    app.state.audit = Audit()
    problems.install(app)
    app.add_middleware(Audited)


async def known_parameters_only(request: Request) -> None:
    """Refuse query parameters that an operation does not have: a misspelt filter must not return everything.

    A repeated one with a single value is refused too: two parsers could use different values.
    """
    if not request.query_params:
        return
    asked, declared = request.query_params, dict(_parameters(request.scope["route"].dependant))
    mistakes = {name: "there is no such parameter" for name in asked if name not in declared}
    mistakes |= {name: "is there twice" for name in declared if not declared[name] and len(asked.getlist(name)) > 1}
    if mistakes:
        raise problems.invalid([{"loc": ("query", name), "msg": mistakes[name]} for name in sorted(mistakes)])


def _parameters(dependant: Any) -> Iterator[tuple[str, bool]]:
    """Yield the query parameters of an operation and its dependencies, each with whether it may be repeated."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, inner in kind.model_fields.items():
                yield inner.alias or name, _is_list(inner.annotation)
        else:
            yield field.alias, _is_list(kind)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def _is_list(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return origin in (list, tuple, set, frozenset) or any(_is_list(part) for part in get_args(kind))
