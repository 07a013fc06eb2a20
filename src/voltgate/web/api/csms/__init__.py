"""The routers of the management system: networks, stations, tokens, transactions, reservations."""

from __future__ import annotations

from fastapi import APIRouter

from voltgate.web.api.csms import (
    about_stations,
    id_tokens,
    networks,
    readings,
    reservations,
    stations,
    tariffs,
    transactions,
)


def routers() -> list[APIRouter]:
    """Return the routers; they use the parts in `request.app.state.csms`, and answer 409 where there are none."""
    resources = (networks, stations, about_stations, id_tokens, readings, transactions, reservations, tariffs)
    return [resource.router for resource in resources]
