"""Behind a proxy that passes its prefix on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.websockets import WebSocket

from tests.harness import within
from tests.web.world import Web, serving
from voltgate.web.access import Viewer
from voltgate.web.base_path import BasePath

router = APIRouter()


@router.get("/named/{name}")
async def named(name: str, request: Request, _: Viewer) -> list[str]:
    """Show a name, and the path."""
    return [name, request.url.path]


@pytest.fixture
async def based() -> AsyncIterator[tuple[Web, list[str]]]:
    """An API under a base path, which a test may change."""
    base = ["/volt/gate"]
    async with serving(resources=[router]) as web:

        @web.app.websocket("/live")
        async def live(socket: WebSocket) -> None:
            await socket.accept()
            await socket.send_text(socket.url.path)
            await socket.close()

        web.app.add_middleware(BasePath, base=lambda: base[0])
        yield web, base


async def test_everything_is_served_under_it_as_well(based: tuple[Web, list[str]]) -> None:
    """The same paths lead to the same, with the prefix and without it, by websocket too; what follows a change does."""
    web, base = based
    for prefix in ("", "/volt/gate"):
        assert (await web.get(f"{prefix}/healthz")).json == {"status": "ok", "version": "1.2.3"}
        assert (await web.get(f"{prefix}/docs")).status == 200
        told = await web.get(f"{prefix}/api/v1/named/a%20b", "viewer")
        assert told.json == ["a b", "/api/v1/named/a b"]
        assert (await web.get(f"{prefix}/api/v1/me")).json["instance"] == "/api/v1/me"
        async with web.http.ws_connect(f"{web.url}{prefix}/live") as socket:
            assert (await within(socket.receive(), "a word")).data == "/live"
    base[0] = ""
    assert (await web.get("/volt/gate/healthz")).status == 404
    assert (await web.get("/healthz")).status == 200


async def test_what_only_looks_like_it(based: tuple[Web, list[str]]) -> None:
    """A path that begins alike is another one; the bare prefix leads to the folder of the page."""
    web, _ = based
    assert (await web.get("/volt/gatehealthz")).status == 404
    assert (await web.get("/volt/healthz")).status == 404
    bare = await web.get("/volt/gate", allow_redirects=False)
    assert (bare.status, bare.headers["Location"]) == (308, "/volt/gate/")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await web.http.ws_connect(f"{web.url}/volt/gate")
