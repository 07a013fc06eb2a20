"""The SOAP client of one simulated station: one POST at a time, on a connection that is kept alive."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlsplit

from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.soap.writing import CONTENT_TYPE
from voltgate.simulator.soap_http import MalformedHttp, Message, Reader, post

KEPT_ALIVE = 4.0
"""Seconds after which an idle connection is not used again: servers close theirs after five or more."""

_RESOLVER = Resolver()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of a central system: the parts of its URL, and the TLS context of https."""

    url: str
    host: str
    port: int
    authority: str
    target: str
    context: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, identity: str, context: ssl.SSLContext | None) -> Endpoint:
        """Return the endpoint of a URL, in which "{station}" stands for the identity. Raise ValueError."""
        whole = url.replace("{station}", quote(identity, safe=""))
        parts = urlsplit(whole)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a central system's URL begins with http:// or https:// and names a host")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        authority = host if parts.port is None else f"{host}:{parts.port}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(whole, parts.hostname, port, authority, target, context)


class ResponseHandler(Protocol):
    """The user of a client: one of `answered` and `failed` is called for each post that was not abandoned."""

    def answered(self, message: Message) -> None:
        """Take the response to the post."""

    def failed(self, why: str) -> None:
        """Take the failure of the exchange."""

    def late(self, message: Message) -> None:
        """Take a response to a post that was abandoned."""

    def unsolicited(self, message: Message) -> None:
        """Take a response that no post waits for."""

    def malformed(self, why: str) -> None:
        """Take the error of a response that is not HTTP; `failed` follows when an exchange was open."""


class _Connection(asyncio.Protocol):
    """One connection. `awaited`: a post is open on it; `abandoned`: its response is no longer waited for."""

    __slots__ = ("_client", "_reader", "abandoned", "awaited", "idle_since", "transport")

    def __init__(self, client: SoapClient) -> None:
        self._client = client
        self._reader = Reader("response")
        self.transport: asyncio.Transport | None = None
        self.awaited = False
        self.abandoned = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._client.response_received(self, message)
        except MalformedHttp as problem:
            self.cut()
            self._client.malformed(self, str(problem))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        try:
            last = self._reader.end()
        except MalformedHttp as problem:
            self._client.malformed(self, str(problem))
            return
        if last is not None:
            self._client.response_received(self, last)
        self._client.connection_ended(self, f"the connection was cut{f': {exc}' if exc else ''}")

    def send(self, data: bytes) -> None:
        self.awaited = True
        if self.transport is not None:
            self.transport.write(data)

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    @property
    def usable(self) -> bool:
        return (
            self.transport is not None and not self.transport.is_closing() and not self.abandoned and not self.awaited
        )


class SoapClient:
    """One station's connections to its central system: one in use, and at most one that was abandoned.

    `credentials` are sent by HTTP Basic. `report` is called with failures of the simulator itself.
    """

    __slots__ = (
        "_abandoned",
        "_clock",
        "_connection",
        "_dialling",
        "_endpoint",
        "_head",
        "_report",
        "_within",
        "handler",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Callable[[], float],
        report: Callable[[BaseException], None],
        *,
        credentials: tuple[str, str | bytes] | None = None,
        within: float = 30.0,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._report = report
        self._within = within
        self._head = [("Host", endpoint.authority), ("Accept-Encoding", "gzip, deflate"), *_authorization(credentials)]
        self._connection: _Connection | None = None
        self._abandoned: _Connection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self.handler: ResponseHandler | None = None

    async def open(self) -> None:
        """Connect, before anything is sent. Raise OSError (TimeoutError is one) when that fails."""
        async with asyncio.timeout(self._within):
            await self._connect()

    def post(self, operation: str, envelope: bytes) -> None:
        """Send an envelope; the handler is called with the outcome, not before this returns."""
        kind = ("Content-Type", f'{CONTENT_TYPE}; action="/{operation}"')
        data = post(self._endpoint.target, [*self._head, kind], envelope)
        connection = self._connection
        if connection is not None and connection.usable and self._clock() - connection.idle_since < KEPT_ALIVE:
            connection.send(data)
            return
        self._close_current()
        self._dialling = asyncio.get_running_loop().create_task(self._dial(data))
        self._dialling.add_done_callback(self._dialled)

    def abandon(self) -> None:
        """Stop waiting for a response. The connection is kept open, to detect one that is late."""
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandoned = True
            if self._abandoned is not None:
                self._abandoned.cut()
            self._abandoned = connection

    def close_idle(self) -> None:
        """Close an idle connection; the next post opens another."""
        if self._connection is not None and not self._connection.awaited:
            self._close_current()

    def close(self) -> None:
        """Cut every connection; the handler is called no more."""
        self.handler = None
        self.abandon()
        if self._abandoned is not None:
            self._abandoned.cut()
            self._abandoned = None

    async def _connect(self) -> None:
        """Connect to the first address that accepts. Raise OSError when none does."""
        endpoint, connection = self._endpoint, _Connection(self)
        attempt = Attempt(_RESOLVER, endpoint.host, endpoint.port, endpoint.context)
        await attempt.connect(lambda: connection, self._within)
        connection.idle_since = self._clock()
        self._connection = connection

    async def _dial(self, data: bytes) -> None:
        try:
            await self.open()
        except OSError as problem:
            self._fail(f"cannot connect: {problem or 'no answer'}")
            return
        connection, self._dialling = self._connection, None
        if connection is None or not connection.usable:
            self._fail("the connection was cut before anything was said")
        else:
            connection.send(data)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        if self._dialling is task:
            self._dialling = None
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._report(fault)

    def response_received(self, connection: _Connection, message: Message) -> None:
        """Process a response; an exception in the simulator itself is reported."""
        try:
            self._process(connection, message)
        except Exception as fault:
            connection.cut()
            self._report(fault)

    def _process(self, connection: _Connection, message: Message) -> None:
        awaited, connection.awaited = connection.awaited, False
        connection.idle_since = self._clock()
        if not message.keep_alive:
            connection.cut()
        if self.handler is None:
            return
        if connection.abandoned:
            connection.cut()
            self.handler.late(message)
        elif awaited:
            self.handler.answered(message)
        else:
            connection.cut()
            self.handler.unsolicited(message)

    def malformed(self, connection: _Connection, why: str) -> None:
        """Process a response that is not HTTP."""
        if self.handler is not None:
            self.handler.malformed(why)
        self.connection_ended(connection, why)

    def connection_ended(self, connection: _Connection, why: str) -> None:
        """Process the end of a connection."""
        awaited, connection.awaited = connection.awaited, False
        if self._abandoned is connection:
            self._abandoned = None
        elif self._connection is connection:
            self._connection = None
            if awaited:
                self._fail(why)

    def _fail(self, why: str) -> None:
        if self.handler is not None:
            self.handler.failed(why)

    def _close_current(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut()


def _authorization(credentials: tuple[str, str | bytes] | None) -> list[tuple[str, str]]:
    if credentials is None:
        return []
    identity, password = credentials
    secret = password.encode() if isinstance(password, str) else password
    return [("Authorization", "Basic " + base64.b64encode(identity.encode() + b":" + secret).decode())]
