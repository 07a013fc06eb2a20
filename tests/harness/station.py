"""A scripted station: a WebSocket client whose every message a test decides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.harness.link import Link
from tests.harness.messages import Answering, Message, boot_payload
from tests.harness.transcript import Transcript
from tests.harness.waiting import DEADLINE, within


class Refused(Exception):  # noqa: N818 - what the gateway did, not a fault
    """The gateway rejected a handshake."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase}: {response.body!r}")
        self.response = response


class ScriptedStation(Link):
    """A station controlled by a test."""

    @classmethod
    async def connect(
        cls,
        url: str,
        offers: tuple[str, ...],
        transcript: Transcript,
        *,
        name: str = "station",
        headers: Mapping[str, str] | None = None,
        compression: bool = False,
        tls: ssl.SSLContext | None = None,
        answers: Mapping[str, Answering] | None = None,
    ) -> ScriptedStation:
        """Connect and perform the opening handshake; raise `Refused` if it is rejected.

        `answers` is for calls that can come together with the answer to the handshake.
        """
        uri = parse_uri(url)
        websocket = ClientProtocol(
            uri,
            subprotocols=list(offers) or None,  # type: ignore[arg-type]
            extensions=[ClientPerMessageDeflateFactory()] if compression else None,
            max_size=None,
        )
        streams = await within(asyncio.open_connection(uri.host, uri.port, ssl=tls), f"{name} connects", DEADLINE)
        station = cls(name, websocket, streams, transcript)
        request = websocket.connect()
        for key, value in (headers or {}).items():
            request.headers[key] = value
        for action, payload in (answers or {}).items():
            station.answers(action, payload)
        station.request = request
        websocket.send_request(request)
        station._flush()
        try:
            await within(station._handshake(), f"{name}: an answer to the handshake")
        except BaseException:
            await station.drop()
            raise
        station.start()
        return station

    async def _handshake(self) -> None:
        websocket = self.websocket
        while self.response is None and not self._reader.at_eof():
            data = await self._reader.read(1 << 16)
            websocket.receive_data(data) if data else websocket.receive_eof()
            for event in websocket.events_received():
                if isinstance(event, Response):
                    self.response = event
                elif isinstance(event, Frame):
                    self._take(event)
        if self.response is None:
            raise ConnectionResetError("the connection ended before the handshake was answered")
        self._note("←", f"<{self.response.status_code} {self.response.reason_phrase}>")
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            raise Refused(self.response)
        if websocket.handshake_exc is not None:
            raise websocket.handshake_exc
        self._flush()
        if websocket.state is State.CLOSED:
            self._ended()

    async def boot(self, **more: Any) -> Message:
        """Send a BootNotification of the negotiated version and return its answer."""
        return await self.call("BootNotification", boot_payload(self.subprotocol or "ocpp1.6") | more)
