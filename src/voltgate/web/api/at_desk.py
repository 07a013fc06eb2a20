"""How a resource comes to the desk."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from voltgate.web.desk import Desk

Identity = Annotated[str, Path(min_length=1, max_length=255, description="The station's identity.")]


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
