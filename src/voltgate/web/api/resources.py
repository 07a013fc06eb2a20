"""The resources of the API that show the gateway and act on it, as routers."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.web.api import audit, backends, calls, events, messages, routes, sessions, stations, waiting


def routers() -> list[APIRouter]:
    """Give the routers; they find the desk in `request.app.state.desk`."""
    resources = (stations, calls, sessions, backends, routes, waiting, events, messages, audit)
    return [resource.router for resource in resources]
