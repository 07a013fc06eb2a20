"""The API: its tokens and limits."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.single_sign_on import Oidc
from voltgate.config.values import Moment, Network, Seconds, Section, Text

_HASH = re.compile(r"sha256:[0-9a-f]{64}")


class ApiToken(Section):
    """An accepted bearer token, by its hash. `voltgate token NAME --role ROLE` makes one."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = Field(
        description="Whose token it is; logs and the audit trail name it."
    )
    role: Literal["viewer", "operator", "admin"] = Field(
        description='`"viewer"` reads; `"operator"` also commands stations and lets them in; `"admin"` also acts for '
        "backends and makes tokens."
    )
    hash: Text = Field(description='`"sha256:…"`, as `voltgate token` prints it. The token itself is kept nowhere.')

    expires: Moment | None = Field(
        default=None,
        description="When it ends: a date and a time with a zone, `2027-06-30T12:00:00Z` (RFC 3339). The log "
        "tells of it 14, 7, 3 and 1 days before, and when it has come; `voltgate check` in the last 14 days. "
        "Without: it never does.",
    )

    @field_validator("hash")
    @classmethod
    def _is_one(cls, text: str) -> str:
        if not _HASH.fullmatch(text):
            raise ValueError('is not "sha256:" and 64 hexadecimal digits: `voltgate token` prints one with its token')
        return text

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the token."""
        return bytes.fromhex(self.hash.removeprefix("sha256:"))


_OURS = frozenset({"api", "docs", "healthz", "metrics", "readyz"})
"""What paths of ours begin with."""


class Api(Section):
    """The API on `listen.http`."""

    base_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=200)] = Field(
        default="",
        description='What a proxy puts before every path, and passes on: `"/voltgate"`. Everything on `listen.http` is '
        "served under it as well as without it. A proxy that takes it away again needs nothing here.",
    )

    trusted_proxies: Annotated[tuple[Network, ...], Field(strict=False)] = Field(
        default=(),
        description="Addresses or networks of proxies before `listen.http`, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed. Nobody's are unless it is named here, not even from loopback.",
    )
    tokens: Annotated[tuple[ApiToken, ...], Field(strict=False)] = Field(
        default=(), description="Who is let in, besides `admin_token`, backends and the tokens made through the API."
    )
    login: Seconds = Field(
        default=43_200,
        ge=60,
        le=2_592_000,
        description="How long somebody is logged in who gave a name and a password (`POST /api/v1/login`).",
    )
    invitation: Seconds = Field(
        default=604_800,
        ge=60,
        le=31_536_000,
        description="How long somebody may take to choose a password who was made a user, or has lost it.",
    )
    failed_tokens: int = Field(
        default=10,
        ge=0,
        le=100_000,
        description="Times a minute that one unknown token, or a wrong password of one user, may be tried from one "
        "address; then 429 with Retry-After. Ten times as many tries are allowed for one address. 0: no limit.",
    )
    rate: float = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Requests a second that one token, or one login, may make; ten seconds' worth at once. Then 429 "
        "with Retry-After. 0: any number.",
    )
    metrics: Literal["open", "token"] = Field(
        default="open",
        description='Who may read `/metrics`, at `listen.http` or `listen.metrics`: `"open"`, everybody who reaches '
        'it; `"token"`, whoever has a token of the role "viewer" or more.',
    )
    oidc: Oidc | None = Field(
        default=None,
        description="Single sign-on by OpenID Connect: `[api.oidc]`. Without: there is none.",
    )
    edit_routes: bool = Field(
        default=False,
        description="Whether administrators of everything may change the routes through the API, in this file: its "
        "tables `[routes]` are shown and replaced, the rest stays as it is. The file as it was before is kept beside "
        "it, as `voltgate.toml.previous`.",
    )

    @field_validator("base_path")
    @classmethod
    def _is_no_path_of_ours(cls, path: str) -> str:
        if path.split("/")[1:2] and path.split("/")[1] in _OURS | {".", ".."}:
            raise ValueError(f'begins as paths of Voltgate itself do: take another one, as "/voltgate{path}"')
        return path
