"""A connection between its accept and its 101 (or its refusal): reads the head, waits for the decision, answers."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol

from voltgate.carriers.handshake import Refused
from voltgate.carriers.websocket import http_head
from voltgate.carriers.websocket.http_head import Request
from voltgate.carriers.websocket.origin import plain

EARLY = 64 << 10
"""Bytes that a client may send before its handshake is answered; it should send none."""


class Host(Protocol):
    """What a pending connection needs of its listener."""

    def accepted(self, pending: Pending) -> Refused | None:
        """Count a new connection; a refusal says that it is one too many."""

    def awaits_head(self, pending: Pending) -> None:
        """Set the time within which the head has to come."""

    def requested(self, pending: Pending, request: Request) -> Refused | None:
        """Begin to decide on a request; a refusal is the decision already."""

    def disconnected(self, pending: Pending) -> None:
        """Note that the connection ended before it became a link."""

    def refused(self, refused: Refused, pending: Pending) -> None:
        """Count a refusal, and see to it that the connection ends."""


class _State(enum.Enum):
    HEAD = "reads the head"
    DECIDING = "waits for the decision"
    LEAVING = "was refused, and is deaf"
    DONE = "is a link now, or gone"


class Pending(asyncio.Protocol):
    """One connection before it is a link.

    `peer` is the IP that connected, `hop` the one that a PROXY header names; `address` is the station's once it is
    known. `connected` says that HTTP could begin.
    """

    __slots__ = (
        "_head",
        "_host",
        "_searched",
        "_state",
        "address",
        "connected",
        "due",
        "head_limits",
        "hop",
        "peer",
        "task",
        "too_many",
        "transport",
    )

    def __init__(self, host: Host, head_limits: tuple[int, int], peer: str = "", hop: str = "") -> None:
        self._host = host
        self._head = b""
        self._searched = 0
        self._state = _State.HEAD
        self.too_many: Refused | None = None
        """Why it is refused whatever it says."""
        self.due = 0.0
        """When its head, or the decision, must have come."""
        self.head_limits = head_limits
        self.peer = peer
        self.hop = hop or peer
        self.address = ""
        self.connected = False
        self.transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Count the connection: when it is accepted where something comes before HTTP, else when it is there."""
        self.too_many = self._host.accepted(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the head."""
        self.transport = transport  # type: ignore[assignment]
        self.connected = True
        if not self.peer:
            self.peer = self.hop = plain((transport.get_extra_info("peername") or ("",))[0])
            self.begin()
        self._host.awaits_head(self)

    def data_received(self, data: bytes) -> None:
        """Collect the head, or what comes too early."""
        if self._state is _State.HEAD:
            self._collect(data)
        elif self._state is _State.DECIDING:
            self._head += data
            if len(self._head) > EARLY:
                self._abandon()
                self.refuse(Refused(400, "Too much was sent before the handshake was answered."))

    def _collect(self, data: bytes) -> None:
        self._head = self._head + data if self._head else data
        end = self._head.find(http_head.END, max(self._searched - 3, 0))
        self._searched = len(self._head)
        limit, count = self.head_limits
        if end > limit or (end < 0 and self._searched > limit):
            self.refuse(Refused(431, f"The request's head is longer than {limit} bytes."))
        elif end >= 0:
            head, self._head = self._head[: end + 4], self._head[end + 4 :]
            self._ask(http_head.read_request(head, count))

    def _ask(self, request: Request | Refused) -> None:
        refused = self.too_many or (request if isinstance(request, Refused) else None)
        if refused is None and isinstance(request, Request):
            self._state = _State.DECIDING
            refused = self._host.requested(self, request)
        if refused is not None:
            self.refuse(refused)

    @property
    def is_leaving(self) -> bool:
        """Return whether it was refused, or is a link or gone by now."""
        return self._state in (_State.LEAVING, _State.DONE)

    def refuse(self, refused: Refused) -> None:
        """Answer with a status and close; deaf to the rest, so that the answer is not lost to a reset."""
        if self._state not in (_State.HEAD, _State.DECIDING) or self.transport is None:
            return
        self._state, self._head = _State.LEAVING, b""
        self._host.refused(refused, self)
        self.transport.write(http_head.refusal(refused))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def expire_head(self, now: float) -> None:
        """Give up on a head that does not come in time."""
        if self._state is _State.HEAD:
            self.refuse(Refused(408, "The request's head did not come in time."))

    def expire_decision(self, now: float) -> None:
        """Give up on a decision that does not come in time."""
        if self._state is _State.DECIDING:
            self._abandon()
            self.refuse(Refused(503, "It could not be decided in time whether to let this station in."))

    def leave(self) -> None:
        """Refuse whatever has not become a link: the listener closes."""
        self._abandon()
        self.refuse(Refused(503, "The gateway is about to stop."))

    def cut(self, now: float) -> None:
        """End the connection unless it is a link."""
        if self.transport is not None:
            self.transport.abort()

    def hand_over(self, answer: bytes, take: Callable[[asyncio.Transport, bytes], None]) -> bool:
        """Write the 101 and give the transport to a link, with the bytes that came early; False: the client is gone."""
        transport, early = self.transport, self._head
        if transport is None or transport.is_closing() or self._state is not _State.DECIDING:
            return False
        self._state, self.transport, self.task, self._head = _State.DONE, None, None, b""
        transport.write(answer)
        take(transport, early)
        return True

    def _abandon(self) -> None:
        task, self.task = self.task, None
        if task is not None:
            task.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client went away; nobody needs the decision any more."""
        self._state = _State.DONE
        self.transport = None
        self._abandon()
        self._host.disconnected(self)
