"""`/overview`, and `/live`: the websocket of the dashboard."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request, WebSocket

from voltgate.web.access import Viewer
from voltgate.web.api.dependencies import QueriesDependency
from voltgate.web.live.overview import Overview
from voltgate.web.live.pages import pages_of
from voltgate.web.problems import declared

router = APIRouter(tags=["live"])


@router.get("/overview", summary="Show the whole network", response_model_exclude_unset=True, responses=declared(503))
async def overview(request: Request, _: Viewer, queries: QueriesDependency) -> Overview:
    """Show the state of the network in a few numbers. It takes up to two seconds: rates are measured."""
    return await pages_of(request.app).topics.overview()


def install(app: FastAPI, root: str) -> None:
    """Add the websocket to an application that has a gateway."""

    @app.websocket(f"{root}/live")
    async def live(socket: WebSocket) -> None:
        if not hasattr(app.state, "queries"):
            await socket.close()
            return
        await pages_of(app).serve(socket)
