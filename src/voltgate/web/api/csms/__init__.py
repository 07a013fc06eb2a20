"""The routers of the management system: networks, stations, tokens, transactions, reservations, commands, jobs."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.web.api.csms import (
    about_stations,
    commands,
    id_tokens,
    jobs,
    networks,
    readings,
    reservations,
    stations,
    tariffs,
    transactions,
    uploads,
)


def routers() -> list[APIRouter]:
    """Return the routers; they use the parts in `request.app.state.csms`, and answer 409 where there are none."""
    about = (networks, stations, about_stations, id_tokens, readings, transactions, reservations, tariffs)
    resources = (*about, commands, jobs, uploads)
    return [resource.router for resource in resources]
