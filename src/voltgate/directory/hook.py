"""The password hook: an HTTP server of the operator's that decides whether a station is admitted.

One POST for each handshake, with a JSON object; only the status of the response counts. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from urllib.parse import SplitResult, urlsplit

import msgspec

PATIENCE = 5.0
"""Seconds for the whole exchange."""

AT_ONCE = 64
"""Requests at the same time; more wait, within their own five seconds."""

_REFUSING = frozenset({401, 403, 404})


class Undecided(Exception):  # noqa: N818 - no error of ours: the caller turns it into an answer
    """The hook gave no decision; the text says why."""


class Hook:
    """A client of hooks, with a bounded number of requests at a time."""

    __slots__ = ("_gate", "_patience")

    def __init__(self, patience: float = PATIENCE, at_once: int = AT_ONCE) -> None:
        self._patience = patience
        self._gate = asyncio.Semaphore(at_once)

    async def ask(self, url: str, station: str, address: str, authorization: bytes) -> bool:
        """Return whether the hook at `url` admits a station: 2xx yes; 401, 403 and 404 no. Raises Undecided else."""
        question = {"station": station, "address": address, "authorization": authorization.decode("latin-1")}
        try:
            async with asyncio.timeout(self._patience), self._gate:
                status = await _post(urlsplit(url), msgspec.json.encode(question))
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


async def _post(url: SplitResult, body: bytes) -> int:
    """Send one request on a connection of its own, and return the status of the response."""
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=trust() if secure else None, limit=8192)
    try:
        writer.write(_head(url, len(body)) + body)
        await writer.drain()
        return await _status(reader)
    finally:
        writer.transport.abort()  # the exchange is over, and a slow close must not delay the answer


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
