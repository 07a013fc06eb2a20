"""The cookie of the dashboard: a token that no script can read, and what shows that a request is of the page."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import HTTPConnection
from starlette.responses import Response

NAME = "voltgate"
"""The name of the cookie."""
_OURS = frozenset({"", "same-origin", "none"})
"""What browsers say of requests that no other origin has made (W3C Fetch Metadata); "" are those that say nothing."""


def signed_in(connection: HTTPConnection) -> bytes | None:
    """Return the token of a request's cookie.

    None for a request that another origin has made, and where there are two cookies: one may be a stranger's.
    """
    if connection.headers.get("sec-fetch-site", "") not in _OURS:
        return None
    value = only(connection, NAME)
    return None if value is None else unquote_to_bytes(value) or None


def only(connection: HTTPConnection, name: str) -> str | None:
    """Return the value of the one cookie of a name; None where there is none, or more."""
    pairs = (pair.strip().partition("=") for line in connection.headers.getlist("cookie") for pair in line.split(";"))
    found = [value for key, _, value in pairs if key == name]
    return found[0] if len(found) == 1 else None


def csrf_of(token: bytes) -> str:
    """Return what a page shows that was signed in with a token: whoever does not know the token cannot make it."""
    return hmac.new(token, b"voltgate csrf", hashlib.sha256).hexdigest()


def sign_in(
    response: Response, connection: HTTPConnection, token: bytes, seconds: float | None, *, secure: bool = False
) -> None:
    """Have a browser keep a token, for so many seconds (None: until it is closed). `secure`: it came by HTTPS."""
    age = None if seconds is None else max(0, int(seconds))
    safe = secure or _is_secure(connection)
    response.set_cookie(NAME, quote(token, safe=""), age, path="/", secure=safe, httponly=True, samesite="strict")


def sign_out(response: Response, connection: HTTPConnection) -> None:
    """Have a browser forget its token."""
    sign_in(response, connection, b"", 0.0)


def _is_secure(connection: HTTPConnection) -> bool:
    """Return whether a request came by HTTPS: to here, to a proxy that is believed, or as its browser says in Origin.

    A browser speaks for itself there: what it says binds its own cookie, and nothing else.
    """
    return connection.url.scheme == "https" or connection.headers.get("origin", "").startswith("https://")
