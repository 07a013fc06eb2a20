"""The password hook: an HTTP server of the operator's that decides whether a station is admitted.

One POST for each handshake, with a JSON object; only the status of the response counts. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import cache
from typing import Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit
from weakref import WeakValueDictionary

import msgspec

PATIENCE = 5.0
"""Seconds for the whole exchange."""

AT_ONCE = 64
"""Requests to one hook at the same time; more wait, within their own five seconds."""

_HEAD = 8192
"""Bytes of a line of the answer."""

_REFUSING = frozenset({401, 403, 404})


class Undecided(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """The hook gave no decision; the text says why."""


class Attempt(Protocol):
    """One attempt to connect to a server, by its name."""

    async def connect(self, factory: Callable[[], asyncio.Protocol], within: float) -> asyncio.Transport:
        """Connect. Raise OSError. The caller sets the deadline, `within` seconds."""

    def failed(self) -> None:
        """Take note that nothing came of the connection."""


Reach: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Attempt]
"""Makes an attempt to connect to a host and port, by TLS where a context is given."""


class Hook:
    """A client of hooks, with a bounded number of requests to each at a time: one that hangs leaves room for others."""

    __slots__ = ("_at_once", "_gates", "_patience", "_reach")

    def __init__(self, reach: Reach, patience: float = PATIENCE, at_once: int = AT_ONCE) -> None:
        self._reach = reach
        self._patience = patience
        self._at_once = at_once
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def ask(self, url: str, station: str, address: str, authorization: bytes) -> bool:
        """Return whether the hook at `url` admits a station: 2xx yes; 401, 403 and 404 no. Raises Undecided else."""
        question = {"station": station, "address": address, "authorization": authorization.decode("latin-1")}
        try:
            async with asyncio.timeout(self._patience), self._gates.setdefault(url, asyncio.Semaphore(self._at_once)):
                status = await self._post(urlsplit(url), msgspec.json.encode(question))
        except TimeoutError:
            raise Undecided(f"did not answer within {self._patience:g} s") from None
        except asyncio.LimitOverrunError:
            raise Undecided("did not answer in HTTP") from None
        except (OSError, EOFError, ValueError) as error:
            raise Undecided(str(error) or type(error).__name__) from None
        if 200 <= status < 300:
            return True
        if status in _REFUSING:
            return False
        raise Undecided(f"answered {status}")

    async def _post(self, url: SplitResult, body: bytes) -> int:
        """Send one request on a connection of its own, and return the status of the response."""
        secure = url.scheme == "https"
        attempt = self._reach(url.hostname or "", url.port or (443 if secure else 80), trust() if secure else None)
        reader = asyncio.StreamReader(_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport = await attempt.connect(lambda: protocol, self._patience)
            try:
                transport.write(_head(url, len(body)) + body)
                return await _status(reader)
            finally:
                transport.abort()  # the exchange is over, and a slow close must not delay the answer
        except (OSError, EOFError, asyncio.CancelledError):
            attempt.failed()
            raise


def _head(url: SplitResult, length: int) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = (
        f"POST {target} HTTP/1.1",
        f"Host: {url.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "User-Agent: voltgate",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


async def _status(reader: asyncio.StreamReader) -> int:
    while True:
        version, _, rest = (await reader.readuntil(b"\n")).partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("did not answer in HTTP")
        status = int(rest[:3])
        if status >= 200:
            return status
        while (await reader.readuntil(b"\n")).strip():
            pass  # the head of an interim response: the final one follows (RFC 9110 section 15.2)


@cache
def trust() -> ssl.SSLContext:
    """Return the context for servers that are asked about stations: the system's authorities."""
    return ssl.create_default_context()
