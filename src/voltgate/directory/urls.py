"""URLs of backends as they are shown: in the API, the dashboard, the log, and the audit trail."""

from __future__ import annotations

from urllib.parse import urlsplit

_LONG = 16
"""Characters from which on a part of a path that has both letters and digits is taken for a key."""
_STATION = "{station}"
_HIDDEN = "…"


def shown(url: str) -> str | None:
    """Return a URL without what may be secret; None for "".

    That is the user name, the password, the query, and what looks like a key in the path.
    """
    if not url:
        return None
    parts = urlsplit(url)
    return parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        path="/".join(_HIDDEN if _is_key(part) else part for part in parts.path.split("/")),
        query=_HIDDEN if parts.query else "",
        fragment="",
    ).geturl()


def _is_key(part: str) -> bool:
    rest = part.replace(_STATION, "")
    return len(rest) >= _LONG and any(map(str.isdigit, rest)) and any(map(str.isalpha, rest))
