"""What single sign-on goes by, of a configuration."""

from __future__ import annotations

from voltgate.config import Config
from voltgate.web.single_sign_on.settings import Grant, Settings


def sign_on_settings(config: Config) -> Settings | None:
    """Return what single sign-on goes by; None without a provider."""
    oidc = config.api.oidc
    if oidc is None:
        return None
    return Settings(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        client_secret=None if oidc.client_secret is None else oidc.client_secret.get_secret_value(),
        public_url=oidc.public_url,
        label=oidc.label,
        scopes=oidc.scopes,
        login_claim=oidc.login_claim,
        claim=oidc.claim,
        grants=tuple(Grant(entry.value, entry.role, entry.networks) for entry in oidc.roles),
        domains=oidc.allowed_domains,
        ca=None if oidc.ca is None else str(oidc.ca),
        timeout=oidc.timeout,
    )
