"""`/me`: the caller as authenticated."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from voltgate.web.access import AnyCaller, PersonRole, Role, csrf_value

router = APIRouter(tags=["tokens"])


class Me(BaseModel):
    """The caller."""

    name: str
    role: Role
    backends: list[str] = Field(description='Those that a token of the role "backend" claims for.')
    login: str | None = Field(description="The user's, for one who has logged in.")
    networks: dict[str, PersonRole] = Field(description="The user's roles in single networks.")
    csrf: str | None = Field(
        description="What a browser that is signed in by a cookie sends as `X-CSRF-Token` with all but GET, HEAD and "
        "OPTIONS; null for whoever sends the token itself."
    )


@router.get("/me", summary="Say who I am")
async def me(request: Request, caller: AnyCaller) -> Me:
    """Say whose token this is, and what role it has."""
    return Me(
        name=caller.name,
        role=caller.role,
        backends=list(caller.backends),
        login=caller.login,
        networks=dict(caller.networks),
        csrf=csrf_value(request),
    )
