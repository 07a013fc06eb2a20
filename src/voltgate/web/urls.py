"""URLs as the API shows them."""

from __future__ import annotations

from urllib.parse import urlsplit


def shown(url: str) -> str | None:
    """Return a URL without what may be secret: user name, password, and the values of its query. None for ""."""
    if not url:
        return None
    parts = urlsplit(url)
    query = "…" if parts.query else ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()
