"""How a charger speaks: on a websocket, or in SOAP envelopes over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from tests.soap_ends import Seen, posted, read_http, request

AWAY = (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError, asyncio.IncompleteReadError)
"""What a charger meets when its message was not answered and the connection is over."""

OnCommand = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""A charger's answer to a command: its message id, its action, its payload."""


class Wire(Protocol):
    """One connection to one gateway."""

    gateway: int

    async def ask(self, message_id: str, action: str, fields: dict[str, Any]) -> list[Any]:
        """Say something and return the reply as OCPP-J has it. Raise one of AWAY when there is none."""

    def abort(self) -> None:
        """Lose the connection without a word."""

    def leave(self) -> None:
        """Stop listening to it, and leave it open."""


class WebsocketWire:
    """A websocket. Everything that is still open when it ends is told so."""

    def __init__(self, connection: ClientConnection, gateway: int, on_command: OnCommand) -> None:
        self.gateway = gateway
        self._connection = connection
        self._on_command = on_command
        self._open: dict[str, asyncio.Future[list[Any]]] = {}
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def dial(cls, url: str, version: str, gateway: int, on_command: OnCommand) -> WebsocketWire:
        """Connect. Raise one of AWAY, or TimeoutError."""
        connection = await connect(
            url, subprotocols=[Subprotocol(version)], ping_interval=None, compression=None, open_timeout=10
        )
        return cls(connection, gateway, on_command)

    async def ask(self, message_id: str, action: str, fields: dict[str, Any]) -> list[Any]:
        """See Wire."""
        if self._reading.done():
            raise EOFError
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._open[message_id] = answer
        try:
            await self._connection.send(json.dumps([2, message_id, action, fields]))
            return await answer
        finally:
            self._open.pop(message_id, None)

    def abort(self) -> None:
        """See Wire."""
        self._connection.transport.abort()

    def leave(self) -> None:
        """See Wire."""
        self._reading.cancel()

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._connection:
                message = json.loads(text)
                if message[0] == 2:
                    reply = self._on_command(message[1], message[2], message[3])
                    await self._connection.send(json.dumps([3, message[1], reply]))
                elif (answer := self._open.get(message[1])) is not None and not answer.done():
                    answer.set_result(message)
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(EOFError())
                answer.exception()  # whoever could not even send it does not wait for it


class SoapWire:
    """Requests of SOAP 1.6, each on a connection of its own."""

    def __init__(self, port: int, identity: str, gateway: int) -> None:
        self.gateway = gateway
        self._port = port
        self._identity = identity
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, message_id: str, action: str, fields: dict[str, Any]) -> list[Any]:
        """See Wire."""
        body = request(action, to_xml(fields), identity=self._identity, message_id=message_id)
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            self._writer.write(posted(body, Connection="close"))
            http = await read_http(reader)
        finally:
            self.abort()
        if http.status == 200:
            return [3, message_id, from_xml(http.seen)]
        if http.status == 503 or b"Fault" not in http.body:
            raise EOFError
        return [4, message_id, http.seen.fault[1], "".join(map(str, http.seen.body.itertext())), {}]

    def abort(self) -> None:
        """See Wire."""
        if self._writer is not None:
            self._writer.transport.abort()

    def leave(self) -> None:
        """See Wire."""


def to_xml(value: Any) -> str:
    """Write a payload as elements; what is a list stands there as often as it is long."""
    if not isinstance(value, dict):
        return str(value)
    each = ((name, one) for name, some in value.items() for one in (some if isinstance(some, list) else [some]))
    return "".join(f"<{name}>{to_xml(one)}</{name}>" for name, one in each)


def from_xml(seen: Seen) -> dict[str, Any]:
    """Return the fields of an answer that a charger looks at."""
    fields: dict[str, Any] = dict(seen.values())
    if "transactionId" in fields:
        fields["transactionId"] = int(fields["transactionId"])
    owner = str(seen.body.xpath("string(*[local-name()='idTagInfo']/*[local-name()='parentIdTag'])"))
    fields["idTagInfo"] = {"parentIdTag": owner} if owner else {}
    return fields
