"""The HTTP side of Voltgate: health, metrics and the API, on a port of their own, off the message path."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp

from voltgate.web.access import Access, caller_of, forbidden, rank_of
from voltgate.web.api import guard, install
from voltgate.web.connections import LARGEST_MESSAGE, Connection, Websocket
from voltgate.web.issued_tokens import IssuedTokens
from voltgate.web.siblings import Siblings
from voltgate.web.user_access import UserAccess

Readiness = Callable[[], dict[str, Any]]
"""Returns `{"ready": bool, ...}` with one entry for each part."""


def application(
    collector: Collector,
    readiness: Readiness,
    version: str,
    access: Access | None = None,
    issued_tokens: IssuedTokens | None = None,
    resources: Iterable[APIRouter] = (),
    siblings: Siblings | None = None,
    users: UserAccess | None = None,
    *,
    has_metrics: bool = True,
    has_api: bool = True,
) -> FastAPI:
    """Return the web application: health and metrics, and with `access` the API with these resources.

    With `siblings` health and metrics are of all of them. Without `has_metrics` these are at another address, whose
    application is one without `has_api`: `access` guards the metrics there, too.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    app = FastAPI(title="Voltgate", version=version, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def health(response: Response) -> dict[str, Any]:
        """Report that the process lives and its loop turns."""
        own = {"status": "ok", "version": version}
        if siblings is None:
            return own
        response.status_code, body = await siblings.health(own)
        return body

    @app.get("/readyz", responses={503: {"description": "No stations can come in."}})
    async def ready(response: Response) -> dict[str, Any]:
        """Report whether stations can come in: 503 while starting and while shutting down."""
        parts = readiness() if siblings is None else await siblings.readiness(readiness())
        response.status_code = 200 if parts["ready"] else 503
        return parts

    async def metrics(request: Request) -> Response:
        """Return the metrics in Prometheus' text form."""
        if access is not None and access.guards_metrics and (caller := caller_of(request)).rank < rank_of("viewer"):
            raise forbidden(caller, 'This takes the role "viewer".')
        page = generate_latest(registry)
        if siblings is not None:
            page = await siblings.metrics(page)
        return Response(page, media_type=CONTENT_TYPE_LATEST)

    if has_metrics:
        app.get("/metrics", response_class=PlainTextResponse)(metrics)
    if access is not None and not has_api:
        guard(app, access)
    elif access is not None:
        install(app, access, issued_tokens, resources, users)
    return app


class _Quiet(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has its own."""

    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals to the process."""
        yield


def listening(host: str, port: int, *, shared: bool = False, key: str = "listen.http") -> socket.socket:
    """Listen at an address, which `key` names; `shared` with other workers. Raise OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio looks for it
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    try:
        sock.bind((host, port))
        sock.listen(128)  # now, so that two processes cannot both believe that they have the port
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port} ({key}): {error.strerror}") from error
    return sock


def listening_at(path: Path, mode: int = 0o600, key: str = "") -> socket.socket:
    """Listen at a path, where one that has ended may have listened before; `key` names it.

    Raise OSError if it cannot be had: where anybody else listens, or where there is something that is no socket.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        sock.bind(str(path))
        path.chmod(mode)  # before anybody can connect
        sock.listen(128)
    except OSError as error:
        sock.close()
        where = f"{path} ({key})" if key else str(path)
        raise OSError(error.errno, f"cannot listen at {where}: {error.strerror or error}") from error
    return sock


def _make_way(path: Path) -> None:
    """Remove the socket of one that has ended. Raise OSError if it has not."""
    if not path.is_socket():
        return  # there is nothing, or something that cannot be listened at, as is said then
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as looking:
        looking.setblocking(False)  # who is busy does not answer at once
        if looking.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink(missing_ok=True)


class WebServer:
    """Serves a web application on a socket that listens, by TLS with a context, until it is closed."""

    def __init__(self, app: ASGIApp, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self._socket = sock
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws=Websocket,
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            proxy_headers=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # whoever sends rubbish has no line for each piece
        self._config.load()
        self._config.ssl = tls
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
