"""The HTTP side of Voltgate: health, metrics and the API, on a port of their own, off the message path."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from voltgate.web.access import Access
from voltgate.web.api import install
from voltgate.web.connections import Connection
from voltgate.web.issued_tokens import IssuedTokens

Readiness = Callable[[], dict[str, Any]]
"""Returns `{"ready": bool, ...}` with one entry for each part."""


def application(
    collector: Collector,
    readiness: Readiness,
    version: str,
    access: Access | None = None,
    issued_tokens: IssuedTokens | None = None,
    resources: Iterable[APIRouter] = (),
) -> FastAPI:
    """Return the web application: health and metrics, and with `access` the API with these resources."""
    registry = CollectorRegistry()
    registry.register(collector)
    app = FastAPI(title="Voltgate", version=version, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        """Report that the process lives and its loop turns."""
        return {"status": "ok", "version": version}

    @app.get("/readyz", responses={503: {"description": "No stations can come in."}})
    async def ready(response: Response) -> dict[str, Any]:
        """Report whether stations can come in: 503 while starting and while shutting down."""
        parts = readiness()
        response.status_code = 200 if parts["ready"] else 503
        return parts

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text form."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    if access is not None:
        install(app, access, issued_tokens, resources)
    return app


class _Quiet(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has its own."""

    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals to the process."""
        yield


class WebServer:
    """Serves the web application on one address until it is closed. Raises OSError if it cannot be bound."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio looks for it
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(128)  # now, so that two processes cannot both believe that they have the port
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, f"cannot listen on {host}:{port} (listen.http): {error.strerror}") from error
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        self._server = _Quiet(self._config)
        self._closed = False

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    async def serve(self) -> None:
        """Serve until `close`. After it has raised, it can be called again: the address is kept meanwhile."""
        if self._closed:
            return
        try:
            await self._server.serve(sockets=[self._socket.dup()])
        except Exception:
            for server in getattr(self._server, "servers", ()):  # it has none before it listens
                server.close()
            self._server = _Quiet(self._config)
            raise
        self._socket.close()

    async def close(self) -> None:
        """Stop serving; `serve` returns."""
        self._closed = True
        self._server.should_exit = True
        await asyncio.sleep(0)
