"""Single sign-on: `[api.oidc]`, a provider of OpenID Connect, and what its people may do here."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.values import FilePath, Seconds, Secret, Section, Text, split_url

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)
_SCOPE = re.compile(r"[!#-\[\]-~]+")
_Network = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})$")]


class OidcRole(Section):
    """What those may do of whom the provider says something."""

    value: Annotated[Text, Field(min_length=1, max_length=500)] = Field(
        description="What stands in the claim, exactly: the name of a group, or its id."
    )
    role: Literal["viewer", "operator", "admin"] = Field(description="The role that it gives; the highest counts.")
    networks: Annotated[tuple[_Network, ...], Field(strict=False, min_length=1, max_length=1000)] = Field(
        default=("*",),
        description='The networks in which it does, by their ids. `"*"`: in all, and for what belongs to none.',
    )


class Oidc(Section):
    """A provider of OpenID Connect, who says who somebody is."""

    issuer: Text = Field(
        description="The provider's address, as it writes it: what stands before `/.well-known/openid-configuration`."
    )
    client_id: Annotated[Text, Field(min_length=1, max_length=500)] = Field(
        description="What the provider calls Voltgate."
    )
    client_secret: Secret | None = Field(
        default=None, description="The secret that it was given there. Without: a public client, which proves by PKCE."
    )
    public_url: Text = Field(
        description="Where browsers find the dashboard: `https://voltgate.example`, with the base path if any. "
        "The provider sends people back to it, so it is not taken from what a request says: allow it there with "
        "`/api/v1/sign-in/oidc/callback` behind."
    )
    label: Annotated[str, Field(min_length=1, max_length=60)] = Field(
        default="single sign-on", description='What the button names: "Sign in with …".'
    )
    scopes: Annotated[tuple[str, ...], Field(strict=False, max_length=20)] = Field(
        default=("openid", "email", "profile"), description="What the provider is asked for."
    )
    login_claim: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default="email", description="The claim that a user is named after here, when somebody comes the first time."
    )
    claim: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default="groups",
        description="The claim of the ID token that roles come from: a text or a list; `realm_access.roles` is one in "
        "another.",
    )
    roles: Annotated[tuple[OidcRole, ...], Field(strict=False, max_length=1000)] = Field(
        default=(), description="Who may what: `[[api.oidc.roles]]`. Whom none is for is not let in."
    )
    allowed_domains: Annotated[tuple[str, ...], Field(strict=False, max_length=1000)] = Field(
        default=(),
        description="Domains of e-mail, of which somebody must have a verified address (`email_verified`). "
        "None: any address, or none.",
    )
    ca: FilePath | None = Field(
        default=None,
        description="PEM file of the authorities that the provider is trusted by; else the system's.",
    )
    timeout: Seconds = Field(default=10, ge=0.1, le=60, description="How long one sign-in may wait for the provider.")

    @field_validator("issuer")
    @classmethod
    def _named(cls, url: str) -> str:
        return _web(url)

    @field_validator("public_url")
    @classmethod
    def _reached(cls, url: str) -> str:
        return _web(url).rstrip("/")

    @field_validator("scopes")
    @classmethod
    def _asked(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError('"openid" is missing: without it a provider says nothing of who somebody is')
        for scope in scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f'"{scope}" is not a scope: it is one word each')
        return scopes

    @field_validator("allowed_domains")
    @classmethod
    def _domains(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        for domain in domains:
            if not _DOMAIN.fullmatch(domain):
                raise ValueError(f'"{domain}" is not a domain such as "example.com"')
        return tuple(domain.lower() for domain in domains)


def _web(url: str) -> str:
    """Return the URL of a page. Raises ValueError: what people sign in by goes by TLS, or stays on the machine."""
    parts = split_url(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError('is not a URL such as "https://id.example"')
    if parts.query:
        raise ValueError('must not contain a query (what stands behind "?")')
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ValueError("must begin with https://; http:// is for 127.0.0.1 and localhost only")
    return url


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
