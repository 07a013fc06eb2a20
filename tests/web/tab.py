"""A tab of a browser, for tests: a live page on a real websocket."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.harness import within


class Tab:
    """A live page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._items: deque[Any] = deque()

    async def says(self, **said: Any) -> None:
        """Say something."""
        await self.socket.send_str(json.dumps(said))

    async def told(self) -> Any:
        """Give the next item."""
        while not self._items:
            heard = await within(self.socket.receive(), "a message to the page")
            assert heard.type is aiohttp.WSMsgType.TEXT, (heard, self.socket.close_code)
            message = json.loads(heard.data)
            assert sorted(message) == ["at", "items"]
            self._items += message["items"]
        return self._items.popleft()

    async def take(self, number: int) -> list[tuple[str, str, Any]]:
        """Give so many items."""
        found = [await self.told() for _ in range(number)]
        return [(each["id"], each["kind"], each["data"]) for each in found]

    async def until(self, kind: str) -> Any:
        """Give the next item of this kind."""
        while (each := await self.told())["kind"] != kind:
            assert each["kind"] != "error", each
        return each["data"]

    async def closed(self) -> tuple[int | None, str]:
        """Wait for the end; give its code and its reason."""
        while True:
            heard = await within(self.socket.receive(), "the end of the websocket")
            if heard.type is aiohttp.WSMsgType.CLOSE:
                return heard.data, heard.extra or ""
            if heard.type is not aiohttp.WSMsgType.TEXT:
                return self.socket.close_code, ""


@asynccontextmanager
async def dialled(url: str, **headers: str) -> AsyncIterator[Tab]:
    """Open a websocket that says nothing yet."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/api/v1/live", headers=headers, autoclose=False) as socket,
    ):
        yield Tab(socket)


@asynccontextmanager
async def tab(url: str, token: str) -> AsyncIterator[Tab]:
    """Open a page that has a token."""
    async with dialled(url) as page:
        await page.says(token=token)
        yield page
