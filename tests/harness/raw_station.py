"""A raw station: a TCP connection to the gateway on which a test sends any bytes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.harness.link import Link
from tests.harness.transcript import Transcript
from tests.harness.waiting import within


class RawStation:
    """A TCP connection to the gateway, for any HTTP head and any bytes."""

    def __init__(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], transcript: Transcript, name: str = "raw"
    ) -> None:
        self.name = name
        self._streams = streams
        self._reader, self._writer = streams
        self._transcript = transcript
        self._link: Link | None = None

    @classmethod
    async def connect(cls, host: str, port: int, transcript: Transcript, name: str = "raw") -> RawStation:
        """Open the connection and send nothing."""
        return cls(await within(asyncio.open_connection(host, port), "the raw station connects"), transcript, name)

    async def send(self, data: str | bytes) -> None:
        """Send bytes (text: its UTF-8 with every line end as CR LF)."""
        raw = data if isinstance(data, bytes) else "\r\n".join(data.splitlines()).encode() + b"\r\n\r\n"
        self._transcript.note(self.name, "→", raw.decode("utf-8", "backslashreplace"))
        self._writer.write(raw)
        await within(self._writer.drain(), "the gateway reads")

    async def handshake(self, path: str, *, without: tuple[str, ...] = (), **headers: str) -> Response:
        """Send a handshake for a raw path, with headers replaced, added or left out; return the answer."""
        lines = {
            "Host": "gateway",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "ocpp1.6",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [f"{name}: {value}" for name, value in lines.items() if name not in without]
        await self.send("\r\n".join([f"GET {path} HTTP/1.1", *kept]))
        return await self.response()

    async def response(self) -> Response:
        """Read and return one HTTP response."""
        head = await within(self._reader.readuntil(b"\r\n\r\n"), "an HTTP response")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = Headers([(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)])
        body = await within(self._reader.readexactly(int(headers.get("Content-Length", "0"))), "the body")
        self._transcript.note(self.name, "←", f"<{status} {reason}> {body.decode('utf-8', 'backslashreplace')}")
        return Response(int(status), reason, headers, body)

    def upgraded(self) -> Link:
        """Continue as a WebSocket connection, after a 101."""
        websocket = ClientProtocol(parse_uri("ws://gateway/"), state=State.OPEN, max_size=None)
        self._link = Link(self.name, websocket, self._streams, self._transcript)
        self._link.start()
        return self._link

    async def ended(self) -> bytes:
        """Wait until the gateway has closed the connection, and return what it sent before."""
        chunks = []
        with contextlib.suppress(ConnectionError):
            while data := await within(self._reader.read(1 << 16), "the end of the connection"):
                chunks.append(data)
        return b"".join(chunks)

    async def drop(self) -> None:
        """Close the connection at the end of the test."""
        if self._link is not None:
            await self._link.drop()
            return
        self._writer.transport.abort()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)
