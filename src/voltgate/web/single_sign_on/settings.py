"""What single sign-on goes by, and why it may come to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from voltgate.web.access import PersonRole

BEGIN = "/api/v1/sign-in/oidc"
CALLBACK = f"{BEGIN}/callback"

Kind: TypeAlias = Literal["off", "again", "denied", "nobody", "unverified", "unnamed", "taken", "full", "away", "busy"]
"""Why somebody is not signed in: each has a page of its own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What those may do in whose claim `value` stands."""

    value: str
    role: PersonRole
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """A provider, and what its people may do. `timeout` is in seconds, `ca` a file of authorities."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    public_url: str
    label: str
    scopes: tuple[str, ...]
    login_claim: str
    claim: str
    grants: tuple[Grant, ...]
    domains: tuple[str, ...]
    ca: str | None
    timeout: float

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.public_url.startswith("https:")

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to."""
        return self.public_url + CALLBACK


class Refusal(Exception):  # noqa: N818 - no error of ours: a page says it
    """Somebody is not signed in. `reason` is for the log, and holds no secret."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
