"""A scripted backend: a WebSocket server whose every answer a test decides."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.harness.link import Link
from tests.harness.messages import SUBPROTOCOLS, Answering
from tests.harness.ports import free_port
from tests.harness.transcript import Transcript
from tests.harness.waiting import until


@dataclass(frozen=True, slots=True)
class Handshake:
    """An opening handshake that a backend received."""

    at: float
    path: str
    headers: Headers

    @property
    def station(self) -> str:
        """The last path segment, decoded."""
        return unquote(self.path.partition("?")[0].rsplit("/", 1)[-1])


class ScriptedBackend:
    """A backend controlled by a test: a WebSocket server on the `websockets` library.

    It accepts every handshake, with the first subprotocol offered that it supports. `refuse` makes it answer with
    another status, `hold` delays handshakes until `release`, `stop` makes connecting fail.
    """

    def __init__(
        self,
        name: str,
        transcript: Transcript,
        versions: tuple[str, ...] = SUBPROTOCOLS,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        compression: bool = False,
    ) -> None:
        self.name = name
        self.versions = versions
        self.host = host
        self.port = free_port()
        self.links: list[Link] = []
        self.handshakes: list[Handshake] = []
        self._transcript = transcript
        self._tls = tls
        self._compression = compression
        self._server: asyncio.Server | None = None
        self._claimed: set[int] = set()
        self._refusal: tuple[int, str, dict[str, str]] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._answers: dict[str, Answering] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL template for the configuration."""
        return f"{'wss' if self._tls else 'ws'}://{self.host}:{self.port}/ocpp/{{station}}"

    async def start(self) -> None:
        """Start listening, or start again after `stop` or `deny`."""
        self._server = await asyncio.start_server(
            self._accepted, self.host, self.port, ssl=self._tls, reuse_address=True, backlog=1024
        )

    async def stop(self) -> None:
        """Stop listening and reset every connection, as if the machine had failed."""
        await self._shut()
        for link in self.links:
            if link.is_open:
                link.kill()

    async def deny(self) -> None:
        """Stop listening, but keep the present connections."""
        await self._shut()

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def refuse(self, status: int = 503, body: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Reject handshakes with this status from now on."""
        self._refusal = (status, body, dict(headers or {}))

    def accept(self) -> None:
        """Accept handshakes again."""
        self._refusal = None

    def hold(self) -> None:
        """Delay the answers to handshakes until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Answer the handshakes that were delayed."""
        self._open.set()

    def answers(self, action: str, payload: Answering = None) -> None:
        """Answer every such call automatically, on every link from now on."""
        self._answers[action] = payload
        for link in self.links:
            link.answers(action, payload)

    async def station(self, identity: str) -> Link:
        """Wait for a link of this station and return it; each call returns another link, in the order they came."""

        def found() -> Link | None:
            fresh = (link for link in self.links if id(link) not in self._claimed)
            return next((link for link in fresh if link.name == f"{self.name}/{identity}"), None)

        link: Link | None = await until(found, f"{identity} connects to backend {self.name}\n{self._transcript}")
        assert link is not None
        self._claimed.add(id(link))
        return link

    async def expect_handshakes(self, number: int) -> list[Handshake]:
        """Wait until that many handshakes have been received in total, and return all of them."""
        await until(lambda: len(self.handshakes) >= number, f"{number} handshakes")
        return self.handshakes

    async def drop(self) -> None:
        """Close everything at the end of the test."""
        await self._shut()
        self.release()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self.links:
            await link.drop()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not await self._handshake(reader, writer):
                writer.close()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        websocket = _server(self)
        request = await _request(websocket, reader)
        if request is None:
            return False
        handshake = Handshake(time.monotonic(), request.path, request.headers)
        self.handshakes.append(handshake)
        link = Link(f"{self.name}/{handshake.station}", websocket, (reader, writer), self._transcript)
        await self._open.wait()
        response = websocket.accept(request)
        if self._refusal is not None:
            status, body, headers = self._refusal
            response = websocket.reject(status, body)
            for key, value in headers.items():
                response.headers[key] = value
        websocket.send_response(response)
        self._transcript.note(link.name, "→", f"<{response.status_code} {response.reason_phrase}>")
        for data in websocket.data_to_send():
            writer.write(data)
        await writer.drain()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        link.request, link.response = request, response
        link._answers.update(self._answers)
        self.links.append(link)
        link._handle()
        link.start()
        return True


def _server(backend: ScriptedBackend) -> ServerProtocol:
    def choose(_: ServerProtocol, offered: Any) -> Any:
        return next((name for name in offered if name in backend.versions), None)

    factories = [ServerPerMessageDeflateFactory()] if backend._compression else None
    return ServerProtocol(
        subprotocols=list(backend.versions),  # type: ignore[arg-type]
        select_subprotocol=choose,
        extensions=factories,
        max_size=None,
    )


async def _request(websocket: ServerProtocol, reader: asyncio.StreamReader) -> Request | None:
    while True:
        data = await reader.read(1 << 16)
        if not data:
            return None
        websocket.receive_data(data)
        if requests := [event for event in websocket.events_received() if isinstance(event, Request)]:
            return requests[0]
