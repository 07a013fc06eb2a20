"""Questions about stations to HTTP servers of the operator's: one request each, on a connection of its own.

Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import SplitResult
from weakref import WeakValueDictionary

PATIENCE = 5.0
"""Seconds for the whole exchange."""

AT_ONCE = 64
"""Requests to one server at the same time; more wait, within their own five seconds."""

_HEAD = 8192
"""Bytes of a line of the answer."""

_LARGEST = 64 << 10
"""Bytes of the answer after its head."""


class Undecided(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """The server gave no decision; the text says why."""


class Attempt(Protocol):
    """One attempt to connect to a server, by its name."""

    async def connect(self, factory: Callable[[], asyncio.Protocol], within: float) -> asyncio.Transport:
        """Connect. Raise OSError. The caller sets the deadline, `within` seconds."""

    def failed(self) -> None:
        """Take note that nothing came of the connection."""


Reach: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Attempt]
"""Makes an attempt to connect to a host and port, by TLS where a context is given."""

Answer = TypeVar("Answer")
Read: TypeAlias = Callable[[asyncio.StreamReader], Awaitable[Answer]]
"""Reads an answer. Raises EOFError for one that breaks off, LimitOverrunError or ValueError for one that is none."""


class Asking:
    """A client of servers, with a bounded number of requests to each at a time: one that hangs leaves room for others.

    Servers are told apart by what the configuration says of them.
    """

    __slots__ = ("_at_once", "_gates", "_patience", "_reach")

    def __init__(self, reach: Reach, patience: float = PATIENCE, at_once: int = AT_ONCE) -> None:
        self._reach = reach
        self._patience = patience
        self._at_once = at_once
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def _ask(self, server: str, url: SplitResult, request: bytes, read: Read[Answer]) -> Answer:
        """Send a request to a URL of a server; return what `read` makes of the answer. Raise Undecided."""
        try:
            async with (
                asyncio.timeout(self._patience),
                self._gates.setdefault(server, asyncio.Semaphore(self._at_once)),
            ):
                return await self._exchange(url, request, read)
        except TimeoutError:
            raise Undecided(f"did not answer within {self._patience:g} s") from None
        except asyncio.LimitOverrunError:
            raise Undecided("did not answer in HTTP") from None
        except (OSError, EOFError, ValueError) as error:
            raise Undecided(str(error) or type(error).__name__) from None

    async def _exchange(self, url: SplitResult, request: bytes, read: Read[Answer]) -> Answer:
        secure = url.scheme == "https"
        attempt = self._reach(url.hostname or "", url.port or (443 if secure else 80), trust() if secure else None)
        reader = asyncio.StreamReader(_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport = await attempt.connect(lambda: protocol, self._patience)
            try:
                transport.write(request)
                return await read(reader)
            finally:
                transport.abort()  # the exchange is over, and a slow close must not delay the answer
        except (OSError, EOFError, asyncio.CancelledError):
            attempt.failed()
            raise


def head(method: str, url: SplitResult, *more: str, version: str = "HTTP/1.1") -> bytes:
    """Return the head of a request; `more` are lines of it."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = (f"{method} {target} {version}", f"Host: {url.netloc}", *more, "User-Agent: voltgate", "Connection: close")
    return "\r\n".join((*lines, "", "")).encode()


async def status_of(reader: asyncio.StreamReader) -> int:
    """Read the first line of an answer, and what comes before it; return its status."""
    while True:
        version, _, rest = (await reader.readuntil(b"\n")).partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("did not answer in HTTP")
        status = int(rest[:3])
        if status >= 200:
            return status
        await skip_head(reader)  # of an interim response: the final one follows (RFC 9110 section 15.2)


async def skip_head(reader: asyncio.StreamReader) -> None:
    """Read the other lines of a head, and the empty one after them."""
    while (await reader.readuntil(b"\n")).strip():
        pass


async def status_and_body(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a whole answer; return its status, and what is in it if that is 200. What is asked is of HTTP/1.0."""
    status = await status_of(reader)
    if status != 200:
        return status, b""
    await skip_head(reader)
    body = b""
    while more := await reader.read(_LARGEST):
        body += more
        if len(body) > _LARGEST:
            raise ValueError(f"answered with more than {_LARGEST} bytes")
    return status, body


@cache
def trust() -> ssl.SSLContext:
    """Return the context for servers that are asked about stations: the system's authorities."""
    return ssl.create_default_context()
