"""The routers of the resources that read the gateway and act on it."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.web.api import (
    alerts,
    audit,
    backends,
    callbacks,
    calls,
    configuration,
    events,
    live,
    messages,
    nodes,
    owed,
    routes,
    security,
    sessions,
    stations,
    waiting,
)


def routers() -> list[APIRouter]:
    """Return the routers; they use the queries in `request.app.state.queries`."""
    resources = (
        stations, calls, sessions, backends, routes, waiting, nodes, events, live, messages, audit, owed, alerts,
        configuration, callbacks, security,
    )  # fmt: skip
    return [resource.router for resource in resources]
