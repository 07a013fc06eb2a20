"""Which addresses a backend may declare for itself, by the configuration."""

from __future__ import annotations

from voltgate.config.backends import Backend
from voltgate.config.claims import host_of

_SECURE = {"wss": "ws", "https": "http"}


def objection(section: Backend, url: str, written: str) -> str | None:
    """Return why a backend may not declare a URL, `written` being the configured one; None: it may."""
    if not url:
        return None
    if not written:
        return f"The configuration has no URL of {url.partition(':')[0]} for this backend."
    scheme, known = url.partition(":")[0], written.partition(":")[0]
    if scheme != known and _SECURE.get(scheme) != known:
        return f"The URL must begin with {known}:, as the configuration has it."
    if not section.claims.may_be_at(host_of(url)) and host_of(url) != host_of(written):
        return f'The configuration does not let this backend be at "{host_of(url)}" (claims.hosts).'
    return None
