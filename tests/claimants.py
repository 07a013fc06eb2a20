"""Backends that claim stations, and operators: a client of a gateway's API with a token for each of them."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.harness import Gateway, Json, Stage, merged, within

ADMIN = "admin"
"""Who asks unless a test says otherwise; every other name is that of a backend, with a token of its own."""


def token_of(name: str) -> str:
    """Give the token of a caller."""
    return f"token-for-tests-{name}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    kind: str
    text: str

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return json.loads(self.text)

    def gives(self, status: int) -> Any:
        """See that it has this status, and give the body: a problem document where it is a problem."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.text}"
        if status >= 400:
            assert self.kind == "application/problem+json"
            assert self.body["status"] == status
        return self.body if "json" in self.kind else self.text


class Api:
    """The API of one gateway."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self._session = session
        self._root = root

    async def ask(
        self, method: str, path: str, body: Any = None, *, by: str = ADMIN, data: bytes | None = None, **query: str
    ) -> Answer:
        """Ask for something; `data` is a body that is sent as it is."""
        data = json.dumps(body).encode() if body is not None else data
        content = None if data is None else io.BytesIO(data)
        headers = {"Authorization": f"Bearer {token_of(by)}", "Content-Type": "application/json"}
        request = self._session.request(method, self._root + path, data=content, headers=headers, params=query)
        async with await within(request, f"{method} {path} is answered", 60) as response:
            return Answer(response.status, response.content_type, await response.text())

    async def get(self, path: str, *, by: str = ADMIN, **query: str) -> Any:
        """GET what must be there."""
        return (await self.ask("GET", path, by=by, **query)).gives(200)

    async def put(self, backend: str, *stations: str, by: str = "", force: bool = False, **where: str) -> Answer:
        """Replace a backend's list."""
        query = {"force": "true"} if force else {}
        body = {"stations": list(stations)} | where
        return await self.ask("PUT", f"/backends/{backend}/stations", body, by=by or backend, **query)

    async def patch(self, backend: str, *add: str, remove: tuple[str, ...] = (), by: str = "", **where: str) -> Answer:
        """Amend a backend's list."""
        body = {"add": list(add), "remove": list(remove)} | where
        return await self.ask("PATCH", f"/backends/{backend}/stations", body, by=by or backend)

    async def stations(self, backend: str) -> list[str]:
        """Name the stations on a backend's list."""
        page = await self.get(f"/backends/{backend}/stations", limit="1000")
        return [item["station"] for item in page["items"]]


def configured(backends: dict[str, Json], **more: Any) -> Json:
    """Give what a configuration says of backends that claim, and of nothing else."""
    claims = {name: {"claims": {"token": token_of(name)}} for name in backends}
    document: Json = {"admin_token": token_of(ADMIN), "backends": merged(claims, backends), "stations": []}
    return merged(document, more)


@asynccontextmanager
async def asking(gateway: Gateway) -> AsyncIterator[Api]:
    """Ask the API of a gateway."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, f"http://127.0.0.1:{gateway.http_port}/api/v1")


@asynccontextmanager
async def api_of(
    stage: Stage, backends: dict[str, Json] | None = None, **more: Any
) -> AsyncIterator[tuple[Api, Gateway]]:
    """Start the stage's gateway with its backends as claimants, and ask it."""
    named = {name: {"url": backend.url} for name, backend in stage.backends.items()}
    changes = configured(merged(named, backends or {}), **more)
    gateway = await stage.gateway(**changes)
    async with asking(gateway) as api:
        yield api, gateway
