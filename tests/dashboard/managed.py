"""A gateway with a management system of its own, for tests of its pages."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.dashboard.theatre import Theatre

MANAGED: dict[str, Any] = {
    "backends": {"csms": {"url": "local:"}},
    "routes": {"main": {"rules": [{"answer": "csms"}]}},
    "stations": [],
    "store": None,
}
"""What is to be added to a gateway's configuration."""


def asked(theatre: Theatre, method: str, path: str, body: object = None) -> Any:
    """Ask the API as the administrator; give what it answered."""
    return theatre.play(ask(theatre, method, path, body))


async def ask(theatre: Theatre, method: str, path: str, body: object = None) -> Any:
    """Do so on the stage, beside what else happens there."""
    headers = {"Authorization": f"Bearer {theatre.tokens['admin']}"}
    url = f"{theatre.url}api/v1{path}"
    async with aiohttp.ClientSession(headers=headers) as http, http.request(method, url, json=body) as response:
        said = await response.json() if response.content_type.endswith("json") else None
        assert response.ok, f"{method} {path}: {response.status} {said}"
        return said
