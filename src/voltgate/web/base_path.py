"""The base path: what a proxy puts before every path, and passes on."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BasePath:
    """ASGI middleware that serves an application under a base path as well as without it; "": there is none."""

    def __init__(self, app: ASGIApp, base: Callable[[], str]) -> None:
        self._app = app
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request (an ASGI application)."""
        base, path = self.base(), scope.get("path", "")
        if base and path == base and scope["type"] == "http":
            # what the page names is relative to the folder that it is in
            await RedirectResponse(f"{base}/", 308)(scope, receive, send)
            return
        if base and path.startswith(f"{base}/"):
            scope = {**scope, "path": path.removeprefix(base)}
        await self._app(scope, receive, send)
