"""Streams: responses that last for as long as the client reads them (server-sent events, WHATWG HTML section 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voltgate.web.access import Access
from voltgate.web.problems import Problem

QUIET = 15.0
"""Seconds without an event after which a comment is sent."""
PATIENCE = 60.0
"""Seconds that a client may leave what it was sent unread."""
MOST = 100
"""Streams at a time at most."""
SHARE = 4
"""One caller has at most this part of them: a quarter."""

ENDED = "The token does not allow this any more."
"""What the last event of a stream says whose token was withdrawn."""
_FAREWELL = 0.5
"""Seconds that sending it may take."""

COMMENT = b":\n\n"
BEGIN = b"retry: 2000\n\n"
"""The first bytes sent: the time after which a client reconnects, and proof that the stream is open."""

log = structlog.get_logger("voltgate.web")


class Item(NamedTuple):
    """One thing that a stream tells: `data` is JSON, without line breaks; `id` is where a reader goes on behind it."""

    kind: str
    data: bytes
    id: str | None = None


Pieces = AsyncGenerator[Sequence[Item], None]
"""What a stream tells, some at a time; nothing, now and then, so that it stays open."""


def item(kind: str, data: Any, number: int | str | None = None) -> Item:
    """Return an item of something that can be written as JSON."""
    return Item(kind, msgspec.json.encode(data), None if number is None else str(number))


def event_text(items: Iterable[Item]) -> bytes:
    """Return items as server-sent events."""
    return b"".join(
        (b"" if each.id is None else b"id: %b\n" % each.id.encode())
        + b"event: %b\ndata: %b\n\n" % (each.kind.encode(), each.data)
        for each in items
    )


def items_of(text: bytes) -> list[Item]:
    """Return what `event_text` was made of: so items without an id go from node to node."""
    found = []
    for event in text.split(b"\n\n")[:-1]:
        kind, _, data = event.partition(b"\n")
        found.append(Item(kind.removeprefix(b"event: ").decode(), data.removeprefix(b"data: ")))
    return found


class Streams:
    """Counts and bounds the open streams, in all and of each who has them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._each = max(1, most // SHARE)
        self._open: Counter[str] = Counter()

    def begin(self, whose: str) -> None:
        """Count a new stream. Raises Problem if there are too many, 429 if they are all of whoever asks."""
        if self._open[whose] >= self._each:
            detail = f"{self._each} streams of yours are open: close one."
            raise Problem(429, "Too Many Requests", detail, headers={"Retry-After": "10"})
        if self._open.total() >= self._most:
            raise Problem(503, "Service Unavailable", f"{self._most} streams are open: close one, or come back later.")
        self._open[whose] += 1

    def end(self, whose: str) -> None:
        """Count a stream as closed."""
        self._open[whose] -= 1
        if not self._open[whose]:
            del self._open[whose]


class EventStream(Response):
    """A response that sends pieces as they are produced, until they end, the client disconnects, or its token does."""

    media_type = "text/event-stream"

    def __init__(self, pieces: Pieces, streams: Streams) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve (an ASGI application). Raises Problem if too many streams are open."""
        access: Access = scope["app"].state.access
        whose = HTTPConnection(scope).state.caller.name
        self._streams.begin(whose)
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(send))
                listening = group.create_task(_gone(receive))
                holding = group.create_task(access.withdrawn(HTTPConnection(scope)))
                await asyncio.wait((writing, listening, holding), return_when=asyncio.FIRST_COMPLETED)
                for task in (writing, listening, holding):
                    task.cancel()
            if writing.cancelled() and listening.cancelled():
                await _farewell(send)
        finally:
            self._streams.end(whose)
            await self._pieces.aclose()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await _send_in_time(send, BEGIN)
            async for piece in self._pieces:
                await _send_in_time(send, event_text(piece) or COMMENT)
        except TimeoutError:
            log.info("a stream was cut off: nobody reads it")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_in_time(send: Send, piece: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _farewell(send: Send) -> None:
    """Say why the stream ends, unless nobody reads it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            last = event_text([item("ended", {"reason": ENDED})])
            await send({"type": "http.response.body", "body": last, "more_body": False})


async def _gone(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
