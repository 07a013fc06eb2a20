"""The proxy that people write with the `websockets` library: asyncio, json.loads a message, a dictionary of ids."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

PROTOCOLS = [Subprotocol("ocpp1.6")]


async def up(station: ServerConnection, backend: ClientConnection, calls: dict[str, str]) -> None:
    async for text in station:
        message = json.loads(text)
        if message[0] == 2:
            calls[message[1]] = message[2]
        await backend.send(text)


async def down(station: ServerConnection, backend: ClientConnection, calls: dict[str, str]) -> None:
    async for text in backend:
        message = json.loads(text)
        if message[0] in {3, 4}:
            calls.pop(message[1], None)
        await station.send(text)


async def main(port: int, backend_url: str, certificate: str, key: str) -> None:
    async def proxy(station: ServerConnection) -> None:
        assert station.request is not None
        async with connect(backend_url + station.request.path, subprotocols=PROTOCOLS) as backend:
            calls: dict[str, str] = {}
            ways = [asyncio.create_task(way(station, backend, calls)) for way in (up, down)]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    async with serve(proxy, "127.0.0.1", port, subprotocols=PROTOCOLS, ssl=context):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]))
