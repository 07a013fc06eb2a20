"""Checks of `[api.oidc]`: what would let nobody in, or more than is meant."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from voltgate.config.draft import Draft, Finding
from voltgate.config.store import OFF


def check_oidc(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with single sign-on."""
    oidc, here = draft.config.api.oidc, ("api", "oidc")
    if oidc is None:
        return
    if draft.config.store.url == OFF:
        yield Finding(here, 'needs a database, as users are kept there: store.url is "off"')
    if draft.config.listen.http_url is None:
        yield Finding(here, "is for the pages on listen.http, which is off", warning=True)
    if not oidc.roles:
        yield Finding(here, "lets nobody in: say in [[api.oidc.roles]] who gets which role")
    base, path = draft.config.api.base_path, urlsplit(oidc.public_url).path
    if base and path not in ("", base):
        message = f'ends with another path than api.base_path = "{base}": people would come back to nothing'
        yield Finding((*here, "public_url"), message, warning=True)
    if oidc.client_secret is not None and not oidc.client_secret.get_secret_value():
        yield Finding((*here, "client_secret"), "is empty: leave it out for a public client")
