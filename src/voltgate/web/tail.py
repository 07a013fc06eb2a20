"""Tails: live messages for one reader, which loses what it does not read in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import msgspec

from voltgate.directory.slices import unhurried
from voltgate.gateway import Gateway
from voltgate.ocpp.messages import Reply, Result, Unanswered
from voltgate.relay.tap import Overheard, Taps
from voltgate.web.stream import QUIET, Item, Pieces, item
from voltgate.web.times import milliseconds, stamp

MOST, MOST_BYTES = 2000, 8 << 20
"""Messages, and their bytes, that wait for a reader at most."""
_AT_ONCE, _AT_ONCE_BYTES = 50, 1 << 20
"""Messages, and about how many bytes of them, that a reader gets at once."""
_GATHER = 0.05
"""Seconds for which messages are gathered that are fewer than that."""


class Tail:
    """One reader of the messages of a station (`key`), or of all (None). `pace`: seconds between two pieces."""

    def __init__(
        self, gateway: Gateway, taps: Taps, key: str | None, most: int = MOST, pace: float | None = None
    ) -> None:
        self._pace = pace
        self._gateway = gateway
        self._taps = taps
        self._key = key
        self._most = most
        self._waiting: deque[tuple[Overheard, int]] = deque()
        self._bytes = 0
        self._lost = 0
        self._news = asyncio.Event()
        self._closed = False
        self._receiver = self.receive  # one object: it is found again by identity

    def receive(self, overheard: Overheard) -> None:
        """Queue a message; of too many, the newest are lost."""
        size = _size(overheard)
        if len(self._waiting) >= self._most or self._bytes + size > MOST_BYTES:
            self._lost += 1
        else:
            self._waiting.append((overheard, size))
            self._bytes += size
        self._news.set()

    def close(self) -> None:
        """End: the reader gets what is queued, and no more."""
        self._closed = True
        self._news.set()

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to come."""
        return self._closed and not self._waiting and not self._lost

    async def pieces(self) -> Pieces:
        """Yield the messages as pieces of a stream, until `close`."""
        try:
            await self.open()
            yield ()
            while not self.closed:
                await self.news(QUIET)
                if self._waiting and not self._closed and (self._pace or len(self._waiting) < _AT_ONCE):
                    await asyncio.sleep(self._pace or _GATHER)  # to wake up for each message costs more than that
                yield self.piece()
        finally:
            await self.shut()

    async def open(self) -> None:
        """Begin to listen."""
        self._taps.open(self._key, self._receiver)
        await self._refresh_taps()

    async def shut(self) -> None:
        """Listen no more. After `open`, also one that was cut short."""
        self._taps.close(self._key, self._receiver)
        await self._refresh_taps()

    async def _refresh_taps(self) -> None:
        """Make the sessions look up their taps again."""
        sessions = self._gateway.sessions
        if self._key is None:
            async for few in unhurried(list(sessions.values())):
                for session in few:
                    session.look_for_taps()
        elif self._key in sessions:
            sessions[self._key].look_for_taps()

    async def news(self, seconds: float) -> None:
        """Wait for a message, or for the end; at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def piece(self, most: int = _AT_ONCE, most_bytes: int = _AT_ONCE_BYTES) -> list[Item]:
        """Return the next messages as items of a stream, and how many were lost behind them."""
        items: list[Item] = []
        taken = 0
        while self._waiting and len(items) < most and taken < most_bytes:
            overheard, size = self._waiting.popleft()
            self._bytes -= size
            taken += size
            items.append(item("message", document(overheard)))
        if self._lost and not self._waiting:
            items.append(item("lost", {"lost": self._lost}))
            self._lost = 0
        if not self._waiting and not self._closed:
            self._news.clear()
        return items


def document(overheard: Overheard) -> dict[str, Any]:
    """Return a message as the API shows it: payloads are the bytes that were on the wire."""
    call, reply = overheard.call, overheard.reply
    outgoing = overheard.direction.startswith("to_")
    sent_as = reply.id if outgoing and reply is not None else ""
    return {
        "at": stamp(overheard.at),
        "station": overheard.station,
        "leg": overheard.backend if overheard.direction.endswith("_backend") else "station",
        "direction": overheard.direction,
        "action": call.action,
        "message_id": sent_as or call.id,
        "payload": _raw(call.payload),
        "outcome": None if overheard.took is None else _outcome(reply),
        "reply": None if reply is None else _reply(reply),
        "latency_ms": None if overheard.took is None else milliseconds(overheard.took),
        "backend": overheard.backend,
    }


def _outcome(reply: Reply | None) -> str:
    if isinstance(reply, Result):
        return "result"
    return "unanswered" if reply is None or isinstance(reply, Unanswered) else "error"


def _reply(reply: Reply) -> Any:
    if isinstance(reply, Result):
        return _raw(reply.payload)
    return {"code": reply.code, "description": reply.description, "details": _raw(reply.details)}


def _raw(payload: bytes | msgspec.Raw) -> msgspec.Raw:
    """Return JSON without line breaks, which end a field of a stream; within strings JSON has none."""
    return msgspec.Raw(bytes(payload).replace(b"\n", b" ").replace(b"\r", b" "))


def _size(overheard: Overheard) -> int:
    reply = overheard.reply
    answer = reply.payload if isinstance(reply, Result) else b""
    return 500 + len(bytes(overheard.call.payload)) + len(bytes(answer))
