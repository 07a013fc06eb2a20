"""A web server of its own for a test: the real one, on a free port, with a token for each role."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from fastapi import APIRouter, FastAPI
from prometheus_client.registry import Collector

from voltgate.web.access import Access, AccessToken, Role
from voltgate.web.bearer import digest_of, fresh
from voltgate.web.issued_tokens import IssuedTokens, Table
from voltgate.web.server import WebServer, application, listening
from voltgate.web.user_access import Table as UserTable
from voltgate.web.user_access import UserAccess

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin", "backend")


class NoMetrics(Collector):
    """A collector without metrics."""

    def collect(self) -> Iterable[Any]:
        """Give none."""
        return []


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.now


def known_tokens() -> dict[str, AccessToken]:
    """Make a token for each role; the backend's speaks for "billing"."""
    made = {fresh(): role for role in ROLES}
    return {
        token: AccessToken(f"the-{role}", role, digest_of(token), ("billing",) if role == "backend" else ())
        for token, role in made.items()
    }


@dataclass(slots=True)
class Web:
    """A served application, and a real client of it."""

    app: FastAPI
    access: Access
    tokens: dict[str, str]
    """The token of each role."""
    clock: Clock
    users: UserAccess | None = None
    url: str = ""
    http: aiohttp.ClientSession = field(init=False)

    async def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> Answer:
        """Make a request; `token` is a role, or a token itself."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        async with self.http.request(method, self.url + path, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.read(), await _json(response))

    async def get(self, path: str, token: str | None = None, **more: Any) -> Answer:
        """Make a GET request."""
        return await self.ask("GET", path, token, **more)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    content: bytes
    json: Any

    @property
    def kind(self) -> str:
        """The media type."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0]


async def _json(response: aiohttp.ClientResponse) -> Any:
    return await response.json(content_type=None) if response.content_type.endswith("json") else None


@contextlib.asynccontextmanager
async def serving(
    table: Table | None = None, resources: Iterable[APIRouter] = (), users: UserTable | None = None
) -> AsyncIterator[Web]:
    """Serve an application on a free port."""
    known, clock = known_tokens(), Clock()

    def wall() -> float:
        return 1_800_000_000.25 + clock()

    access = Access(known.values(), 10, clock, wall)
    people = None if users is None else UserAccess(access, users, None, None, clock, wall)
    made = None if table is None else IssuedTokens(access, table, lambda: 1_800_000_000.25)
    app = application(NoMetrics(), lambda: {"ready": True}, "1.2.3", access, made, resources, None, people)
    app.state.claimants = {"billing": object(), "employer": object()}.get
    server = WebServer(app, listening("127.0.0.1", 0))
    web = Web(app, access, {token.role: text for text, token in known.items()}, clock, people)
    web.url = f"http://127.0.0.1:{server.port}"
    task = asyncio.ensure_future(server.serve())
    try:
        async with aiohttp.ClientSession() as web.http:
            yield web
    finally:
        if people is not None:
            people.close()
        await server.close()
        async with asyncio.timeout(30):
            await task
