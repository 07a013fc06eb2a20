"""Where envelopes are posted to: a URL, taken apart, with the heads of the requests that go there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from voltgate.carriers.websocket import tls
from voltgate.carriers.websocket.http_head import Headers
from voltgate.ocpp.soap.names import Edition
from voltgate.ocpp.soap.writing import CONTENT_TYPES


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post to: a URL, taken apart. `secure` is the context for https."""

    url: str
    host: str
    port: int
    path: str
    authority: str
    secure: ssl.SSLContext | None = field(default=None, compare=False, repr=False)
    server: tuple[str, str, int, bool] = ("", "", 0, False)
    """What connections are kept for, and bounded by: one backend, at one server."""
    http_head: dict[tuple[str, Edition, Headers], bytes] = field(default_factory=dict, compare=False, repr=False)
    """The heads of requests, by action, edition of SOAP and more headers."""


def target(url: str, context: ssl.SSLContext | None = None, backend: str = "") -> Target:
    """Take a URL apart (http or https). Raise ValueError for one that is neither.

    A backend has connections of its own, also where others are at the same server: it may hang, or trust others.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a URL of http or https")
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = (context or tls.client_context()) if is_secure else None
    server = (backend, parts.hostname, port, is_secure)
    return Target(url, parts.hostname, port, path, parts.netloc.rpartition("@")[2], secure, server)


LENGTH = b"Content-Length: "
"""What a head ends with."""


def head_of(to: Target, edition: Edition, action: str, headers: Headers, agent: str) -> bytes:
    """Write the head of a request as far as the length of its body."""
    kind = CONTENT_TYPES[edition]
    named = any(name.lower() == "user-agent" for name, _ in headers)
    lines = [
        f"POST {to.path} HTTP/1.1",
        f"Host: {to.authority}",
        *((f'Content-Type: {kind}; action="{action}"',) if edition == "1.2" else _of_11(kind, action)),
        "Accept: application/soap+xml, text/xml",
        "Accept-Encoding: gzip, deflate",
        *(() if named else (f"User-Agent: {agent}",)),
        *(f"{name}: {value}" for name, value in headers),
        LENGTH.decode(),
    ]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _of_11(kind: str, action: str) -> tuple[str, str]:
    """Return the headers that SOAP 1.1 has instead (section 6.1.1)."""
    return f"Content-Type: {kind}", f'SOAPAction: "{action}"'
