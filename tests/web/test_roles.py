"""Who may do what: looking takes a viewer, acting and listening an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from tests.harness import free_port
from tests.web.client import asking
from voltgate.web.access import Access, AccessToken, Role
from voltgate.web.api import install
from voltgate.web.api.resources import routers
from voltgate.web.bearer import digest_of
from voltgate.web.server import WebServer, listening

LOOKING = [
    ("GET", "/stations"),
    ("GET", "/stations/CP1"),
    ("GET", "/sessions"),
    ("GET", "/sessions/CP1"),
    ("GET", "/backends"),
    ("GET", "/backends/a"),
    ("GET", "/routes"),
    ("GET", "/routes/a"),
    ("GET", "/routes/match?station=CP1&action=Heartbeat"),
    ("GET", "/waiting"),
    ("GET", "/nodes"),
    ("GET", "/events"),
    ("GET", "/overview"),
    ("GET", "/audit"),
    ("GET", "/owed"),
    ("GET", "/stations/CP1/owed"),
    ("GET", "/actions?version=ocpp1.6"),
    ("GET", "/actions/Reset?version=ocpp1.6"),
    ("GET", "/messages/recording"),
    ("GET", "/stations/CP1/security"),
    ("GET", "/certificates"),
    ("GET", "/alerts"),
    ("GET", "/alerts/deliveries"),
    ("GET", "/alerts/channels"),
    ("GET", "/alerts/rules"),
    ("GET", "/alerts/mutes"),
]
ACTING = [
    ("DELETE", "/stations/CP1"),
    ("POST", "/stations/CP1/disconnect"),
    ("DELETE", "/stations/CP1/callback"),
    ("POST", "/stations/CP1/calls"),
    ("PUT", "/stations/CP1/security/profile"),
    ("PUT", "/stations/CP1/password"),
    ("DELETE", "/stations/CP1/password"),
    ("POST", "/waiting/CP1/accept"),
    ("DELETE", "/waiting/CP1"),
    ("POST", "/nodes/drain"),
    ("POST", "/nodes/n1/drain"),
    ("DELETE", "/nodes/drain"),
    ("DELETE", "/nodes/n1/drain"),
    ("GET", "/messages"),
    ("PUT", "/messages/recording"),
    ("POST", "/alerts/channels/a/test"),
    ("POST", "/alerts/mutes"),
    ("DELETE", "/alerts/mutes/m1"),
]
RULING = [
    ("POST", "/callback-key"),
    ("GET", "/configuration/routes"),
    ("POST", "/configuration/routes/check"),
    ("PUT", "/configuration/routes"),
]
BODIES = {
    "/configuration/routes/check": {"text": ""},
    "/configuration/routes": {"text": ""},
    "/stations/CP1/calls": {"action": "Reset"},
    "/stations/CP1/security/profile": {"profile": 1},
    "/stations/CP1/password": {},
    "/waiting/CP1/accept": {"route": "main"},
    "/nodes/drain": {},
    "/nodes/n1/drain": {},
    "/messages/recording": {},
    "/alerts/mutes": {},
}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """An API in front of no gateway at all: nobody who is turned away comes as far as that."""
    app = FastAPI()
    app.state.queries = SimpleNamespace(others=None)
    roles: tuple[Role, ...] = ("viewer", "operator", "backend")
    install(app, Access([AccessToken(role, role, digest_of(f"the-{role}"), ("a",)) for role in roles]), None, routers())
    server = WebServer(app, listening("127.0.0.1", free_port()))
    serving = asyncio.ensure_future(server.serve())
    yield server.port
    await server.close()
    await serving


async def test_nobody_without_a_token(port: int) -> None:
    """Without a token that is known nothing is shown, and nothing is done."""
    for method, path in (*LOOKING, *ACTING, *RULING):
        async with asking(port, f"unknown {path}") as api:
            answer = await api.ask(method, path, BODIES.get(path))
            answer.gives(401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_viewer_does_nothing(port: int) -> None:
    """A viewer neither acts nor listens to messages."""
    async with asking(port, "the-viewer") as api:
        for method, path in (*ACTING, *RULING):
            (await api.ask(method, path, BODIES.get(path))).gives(403)


async def test_an_operator_does_not_configure(port: int) -> None:
    """An operator neither reads nor changes the file of the configuration."""
    async with asking(port, "the-operator") as api:
        for method, path in RULING:
            (await api.ask(method, path, BODIES.get(path))).gives(403)


async def test_a_backend_sees_nothing(port: int) -> None:
    """The token of a backend opens nothing but its claims."""
    async with asking(port, "the-backend") as api:
        for method, path in (*LOOKING, *ACTING, *RULING):
            (await api.ask(method, path, BODIES.get(path))).gives(403)


def test_every_resource_is_looked_at() -> None:
    """No operation is left out above."""
    asked = (*LOOKING, *ACTING, *RULING)
    known = {(method, path.partition("?")[0].replace("CP1", "{identity}")) for method, path in asked}
    known = {(method, path.replace("/Reset", "/{action}")) for method, path in known}
    known = {(method, path.replace("/n1/", "/{node}/")) for method, path in known}
    known = {(method, path.replace("/a", "/{name}") if path.endswith("/a") else path) for method, path in known}
    known = {(method, path.replace("/m1", "/{id}").replace("/a/test", "/{name}/test")) for method, path in known}
    there = {
        (method, route.path)  # type: ignore[attr-defined]
        for router in routers()
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert there == known
