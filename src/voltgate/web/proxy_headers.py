"""Proxy headers: what a proxy says of who asks, believed only where the configuration names the proxy.

The headers are X-Forwarded-For and X-Forwarded-Proto, as nginx and HAProxy are told to set them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of a configuration. `is_one` tells whether an address is one of theirs, which may change.

    `behind` returns the address that a request came from, of the proxy's own and the entries of X-Forwarded-For.
    """

    is_one: Callable[[str], bool]
    behind: Callable[[str, Sequence[str]], str]


class ProxyHeaders:
    """ASGI middleware that gives a request the address and the scheme that its proxy tells.

    What nobody may believe is as if it were not there.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request (an ASGI application)."""
        client = scope.get("client")
        if client and self._proxies.is_one(client[0]):
            address = self._proxies.behind(client[0], _said(scope, b"x-forwarded-for"))
            scope = {**scope, "client": (address, 0), "scheme": _scheme(scope)}
        await self._app(scope, receive, send)


def _said(scope: Scope, name: bytes) -> list[str]:
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]


def _scheme(scope: Scope) -> str:
    """Return the scheme by which the request came to the proxy, as it says first."""
    scheme: str = scope["scheme"]
    first = next(iter(_said(scope, b"x-forwarded-proto")), "").lower()
    return _SECURE.get(scheme, scheme) if first in ("https", "wss") else scheme
