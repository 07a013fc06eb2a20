"""A client of the API for tests: asks a real gateway, and reads its streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp

from tests.harness import Gateway, Stage, within

TOKEN = "a-token-for-tests-alone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    kind: str
    headers: Mapping[str, str]
    body: Any

    def gives(self, status: int) -> Any:
        """See that it has this status, and give the body."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.body}"
        if status >= 400:
            assert self.kind == "application/problem+json"
            assert self.body["status"] == status
        return self.body


@dataclass(frozen=True, slots=True)
class Streamed:
    """One event of a stream; a comment has the kind ":"."""

    kind: str
    id: str
    data: Any


class Stream:
    """A stream of events in the hands of a test."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self, *, comments: bool = False) -> Streamed | None:
        """Give the next event, comments left out unless asked for; None at the end."""
        while True:
            found = await within(self._read(), "an event of a stream")
            if found is None or comments or found.kind != ":":
                return found

    async def take(self, number: int) -> list[Streamed]:
        """Give so many events."""
        found = [await self.next() for _ in range(number)]
        assert None not in found, f"the stream ended after {found}"
        return [each for each in found if each is not None]

    async def ended(self) -> list[Streamed]:
        """Read to the end, and give what came."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found

    async def _read(self) -> Streamed | None:
        kind, number, data = "", "", None
        while True:
            line = (await self._response.content.readline()).decode()
            if not line:
                return None
            name, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            match name, value:
                case "", "" if line == "\n":
                    if kind:
                        return Streamed(kind, number, data)
                case "", _:
                    kind = ":"
                case "event", _:
                    kind = value
                case "id", _:
                    number = value
                case "data", _:
                    data = json.loads(value)


class Api:
    """The API of one gateway, asked with one token."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self._session = session
        self._root = root

    async def ask(
        self, method: str, path: str, body: Any = None, *, if_match: str | None = None, **query: Any
    ) -> Answer:
        """Ask for something; None in `query` is left out, True and False are written as JSON writes them."""
        asked = {name: json.dumps(v) if isinstance(v, bool) else v for name, v in query.items() if v is not None}
        data = None if body is None else BytesIO(json.dumps(body).encode())  # however large
        headers = {} if data is None else {"Content-Type": "application/json"}
        if if_match is not None:
            headers["If-Match"] = if_match
        request = self._session.request(method, self._root + path, data=data, headers=headers, params=asked)
        async with await within(request, f"{method} {path} is answered") as response:
            text = await response.text()
            whole = json.loads(text) if text else None
            return Answer(response.status, response.content_type, response.headers, whole)

    async def get(self, path: str, **query: Any) -> Answer:
        """GET."""
        return await self.ask("GET", path, **query)

    async def post(self, path: str, body: Any = None) -> Answer:
        """POST."""
        return await self.ask("POST", path, body)

    async def delete(self, path: str) -> Answer:
        """DELETE."""
        return await self.ask("DELETE", path)

    async def text(self, path: str, accept: str = "*/*", **query: Any) -> tuple[str, str]:
        """GET what is no JSON: its media type, and what it says."""
        given = {name: value for name, value in query.items() if value is not None}
        asked = self._session.get(self._root + path, params=given, headers={"Accept": accept})
        async with await within(asked, f"{path} is answered") as response:
            assert response.status == 200, await response.text()
            return response.content_type, await response.text()

    async def log(self, **query: Any) -> Any:
        """GET a part of the message log."""
        return json.loads((await self.text("/messages", "application/json", **query))[1])

    async def data(self, path: str) -> bytes:
        """GET a file."""
        async with await within(self._session.get(self._root + path), f"{path} is answered") as response:
            assert response.status == 200, await response.text()
            return await response.read()

    @asynccontextmanager
    async def stream(self, path: str, last: str | None = None, **query: Any) -> AsyncIterator[Stream]:
        """Open a stream; `last` is the Last-Event-ID."""
        headers = {} if last is None else {"Last-Event-ID": last}
        request = self._session.get(self._root + path, params=query, headers=headers)
        async with await within(request, f"{path} is opened") as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "text/event-stream"
            yield Stream(response)


@asynccontextmanager
async def asking(port: int, token: str = TOKEN) -> AsyncIterator[Api]:
    """Ask the API on a port."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(120)) as session:
        yield Api(session, f"http://127.0.0.1:{port}/api/v1")


@asynccontextmanager
async def api_of(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Api, Gateway]]:
    """Start the stage's gateway with an API, and ask it."""
    gateway = await stage.gateway(**{"admin_token": TOKEN, "store": {"url": "off"}, **changes})
    async with asking(gateway.http_port) as api:
        yield api, gateway
