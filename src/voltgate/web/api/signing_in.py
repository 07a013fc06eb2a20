"""`/sign-in` and `/sign-out`: browsers, which keep a token in a cookie that no script can read."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from voltgate.web import cookies
from voltgate.web.access import Access, AnyCaller
from voltgate.web.api.users import Credentials, logged_in, logged_out
from voltgate.web.audited import said_already
from voltgate.web.problems import declared
from voltgate.web.single_sign_on.settings import BEGIN
from voltgate.web.single_sign_on.sign_on import SingleSignOn
from voltgate.web.user_access import UserAccess

router = APIRouter(tags=["users"])
open_router = APIRouter(tags=["users"])
"""What takes no token."""


class ByToken(BaseModel):
    """A token that somebody has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]


class Provider(BaseModel):
    """A provider of single sign-on."""

    label: str = Field(description='What a button names: "Sign in with …".')
    url: str = Field(description="Where a browser goes; it comes back signed in.")


class Ways(BaseModel):
    """The ways to sign in, besides a token."""

    passwords: bool = Field(description="Whether somebody has a name and a password.")
    provider: Provider | None = Field(description="Single sign-on; null: there is none.")


class SignedIn(BaseModel):
    """A sign-in. The token is in the cookie."""

    csrf: str = Field(description="To be sent as `X-CSRF-Token` with all but GET, HEAD and OPTIONS.")


@open_router.get("/sign-in", summary="Say how to sign in")
async def ways(request: Request, response: Response) -> Ways:
    """Say which ways there are to sign in, in a browser."""
    users: UserAccess | None = request.app.state.users
    signing: SingleSignOn | None = request.app.state.single_sign_on
    settings = None if signing is None else signing.settings
    response.headers["Cache-Control"] = "no-store"
    return Ways(
        passwords=users is not None and any(user.password for user in users.users),
        provider=None if settings is None else Provider(label=settings.label, url=f"{settings.public_url}{BEGIN}"),
    )


@open_router.post("/sign-in", summary="Sign in, in a browser", responses=declared(400, 401, 408, 413, 422, 429, 503))
async def sign_in(request: Request, response: Response, said: ByToken | Credentials) -> SignedIn:
    """Get a cookie for a token, or for a name and a password. It lasts as long as the login, or the browser runs."""
    access: Access = request.app.state.access
    text = said.token if isinstance(said, ByToken) else (await logged_in(request, said)).token
    token = text.encode()
    found = access.admit(token, request)
    left = access.left(found)
    if not isinstance(said, ByToken):
        said_already(request)
    cookies.sign_in(response, request, token, None if math.isinf(left) else left)
    response.headers["Cache-Control"] = "no-store"
    return SignedIn(csrf=cookies.csrf_of(token))


@router.post("/sign-out", status_code=204, summary="Sign out", responses=declared(503))
async def sign_out(request: Request, response: Response, caller: AnyCaller) -> None:
    """End the login, and have the browser forget the cookie. A token that is of no login stays valid."""
    if caller.login is not None:
        await logged_out(request)
    cookies.sign_out(response, request)
