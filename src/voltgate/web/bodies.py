"""Limits on request bodies: the caller, the size, the number of strings, and the time."""

from __future__ import annotations

import asyncio
import re

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voltgate.web.access import Access
from voltgate.web.problems import Problem, answer

MOST = 1 << 20
"""Bytes of a body at most."""
MOST_OF_A_LIST = 32 << 20
"""Bytes of a list, of a backend's stations, of a job's, or to be imported: 100,000 identities take 3 MB."""
MOST_OF_A_LOGIN = 8 << 10
"""Bytes of what somebody sends who is not known yet."""
OPEN = frozenset({"/api/v1/login", "/api/v1/password", "/api/v1/sign-in"})
"""The operations that take no token."""
MOST_STRINGS = 500_100
"""Strings of a list at most, twice what one request may name: they are counted as they come, before any is built."""
PATIENCE = 60.0
"""Seconds that a body may take to arrive."""

_LIST = re.compile(r"/api/v1/(backends/[^/]+/stations|id-tokens/import|csms/stations/import|jobs)")
_OF_STRINGS = re.compile(r"/api/v1/(backends/[^/]+/stations|jobs)")
_API = "/api/"


class Bodies:
    """ASGI middleware that accepts a body only from authenticated callers, within bounds, before any of it is read.

    Those who log in are not authenticated yet: what they send is small.
    """

    def __init__(self, app: ASGIApp, access: Access, patience: float = PATIENCE) -> None:
        self._app = app
        self._access = access
        self._patience = patience
        self._listing: set[str] = set()
        """Callers of whom a long list is under way."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request (an ASGI application)."""
        if scope["type"] == "http" and _has_body(connection := HTTPConnection(scope)):
            try:
                receive = self._bounded(connection, receive)
                if _is_long(connection) and (caller := getattr(connection.state, "caller", None)) is not None:
                    return await self._list_of(caller.name, scope, receive, send)
            except Problem as problem:
                return await answer(problem, scope["path"])(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _list_of(self, caller: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request with a long list: one of each caller at a time. Raises Problem for another."""
        if caller in self._listing:
            detail = f'A long list of "{caller}" is being taken already: send this one when it is answered.'
            raise Problem(429, "Too Many Requests", detail, headers={"Retry-After": "1"})
        self._listing.add(caller)
        try:
            await self._app(scope, receive, send)
        finally:
            self._listing.discard(caller)

    def _bounded(self, connection: HTTPConnection, receive: Receive) -> Receive:
        """Return the bounded `receive` of a request. Raises Problem if its body is not accepted."""
        path = connection.url.path
        if path.startswith(_API) and path not in OPEN:
            connection.state.caller = self._access.caller(connection)
        most = MOST_OF_A_LOGIN if path in OPEN else MOST_OF_A_LIST if _LIST.fullmatch(path) else MOST
        length = connection.headers.get("content-length", "0")
        if int(length) > most:
            raise Problem(413, "Content Too Large", _limit(most))
        return _Bounded(receive, most, self._patience, MOST_STRINGS if _OF_STRINGS.fullmatch(path) else 0)


class _Bounded:
    """A `receive` that bounds a body without a length, with a wrong one, and one that arrives too slowly.

    It holds at most `strings` strings (0: as many as fit).
    """

    __slots__ = ("_deadline", "_most", "_quotes", "_read", "_receive", "_strings", "_whole")

    def __init__(self, receive: Receive, most: int, patience: float, strings: int = 0) -> None:
        self._receive = receive
        self._most = most
        self._read = 0
        self._strings = strings
        self._quotes = 0
        self._whole = False
        self._deadline = asyncio.get_running_loop().time() + patience

    async def __call__(self) -> Message:
        """Return the next part. Raises HTTPException, which the framework passes on."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body did not come in time.") from None
        self._whole = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self._most:
            raise HTTPException(413, _limit(self._most))
        if self._strings:
            self._quotes += message.get("body", b"").count(b'"')
            if self._quotes > 2 * self._strings:
                raise HTTPException(413, f"A body may have {self._strings:,} strings here.")
        return message


def _has_body(connection: HTTPConnection) -> bool:
    headers = connection.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_long(connection: HTTPConnection) -> bool:
    """Return whether a body is larger than any but a list, or may be."""
    return int(connection.headers.get("content-length", MOST + 1)) > MOST


def _limit(most: int) -> str:
    return f"A body may have {f'{most >> 20} MiB' if most >= 1 << 20 else f'{most >> 10} KiB'} here."
